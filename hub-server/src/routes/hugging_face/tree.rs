//! Files and folders of a repository, and its branches and tags.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::{Problem, ProblemCode};
use registry_schema::digest::Digest;
use registry_schema::reference::Requirement;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::info::{hex_of, short};
use super::{HuggingFaceLfs, MAIN, Query, all, find, first, is_set, next_page, repository};
use crate::app::Hub;
use crate::auth::Reader;
use crate::database::releases::{FileRow, ReleaseRow};
use crate::database::{Connection, DatabaseError, from_column};
use crate::error::Failure;
use crate::resolve::{ResolveError, commit_of, newest, visible};
use crate::routes::parameters::OfModel;
use crate::routes::{body, malformed};

/// Entries of a page when the query does not say, and at most.
const PAGE_ENTRIES: usize = 1000;

/// Longest list of paths that is asked about, in bytes.
const PATHS_BYTES: usize = 1 << 20;

/// A file or folder of a repository.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::routes) struct HuggingFaceEntry {
    /// `file` or `directory`.
    #[serde(rename = "type")]
    kind: &'static str,
    path: String,
    /// 40 hex digits of a SHA-256: of the file, or of the list of the folder's files.
    oid: String,
    /// Bytes; 0 for a folder.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs: Option<HuggingFaceLfs>,
}

/// Files and folders of a release
#[utoipa::path(get, path = "/api/models/{name}/tree/{revision}", tag = "Hugging Face Hub",
    operation_id = "hf_tree",
    params(OfModel,
        ("revision" = String, Path, description = "`main`, `2`, `2.3`, `2.3.1` or a commit"),
        ("recursive" = Option<bool>, Query, description = "Whether folders are opened"),
        ("limit" = Option<usize>, Query, description = "Entries of a page, at most 1000"),
        ("cursor" = Option<String>, Query, description = "As `Link` gives it")),
    responses((status = 200, body = Vec<HuggingFaceEntry>), (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound` or `RevisionNotFound`", body = Problem)))]
pub(in crate::routes) async fn root(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    query: Query,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    list(&hub, (&path.0, &path.1, ""), &query, &request).await
}

/// Files and folders in a folder of a release
#[utoipa::path(get, path = "/api/models/{name}/tree/{revision}/{path}", tag = "Hugging Face Hub",
    operation_id = "hf_tree_of_folder",
    params(OfModel,
        ("revision" = String, Path, description = "`main`, `2`, `2.3`, `2.3.1` or a commit"),
        ("path" = String, Path, description = "The folder's path in the release"),
        ("recursive" = Option<bool>, Query, description = "Whether folders are opened"),
        ("limit" = Option<usize>, Query, description = "Entries of a page, at most 1000"),
        ("cursor" = Option<String>, Query, description = "As `Link` gives it")),
    responses((status = 200, body = Vec<HuggingFaceEntry>), (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound`, `RevisionNotFound` or `EntryNotFound`", body = Problem)))]
pub(in crate::routes) async fn folder(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String, String)>,
    query: Query,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    list(&hub, (&path.0, &path.1, &path.2), &query, &request).await
}

async fn list(
    hub: &web::Data<Hub>,
    (name, revision, folder): (&str, &str, &str),
    query: &Query,
    request: &HttpRequest,
) -> Result<HttpResponse, Failure> {
    let found = find(hub, name, revision).await?;
    let folder = folder.trim_matches('/');
    let entries = entries(&found.files, folder, is_set(query, "recursive"))?;
    if entries.is_empty() {
        return Err(no_entry(&found.row, folder));
    }
    let after = first(query, "cursor").unwrap_or_default();
    let limit = first(query, "limit").and_then(|limit| limit.parse::<usize>().ok());
    let limit = limit.map_or(PAGE_ENTRIES, |limit| limit.clamp(1, PAGE_ENTRIES));
    let mut page: Vec<_> = entries
        .into_values()
        .filter(|entry| entry.path.as_str() > after)
        .take(limit + 1)
        .collect();
    let has_more = page.len() > limit;
    page.truncate(limit);
    let mut response = HttpResponse::Ok();
    if let Some(last) = page.last().filter(|_| has_more) {
        response.insert_header((header::LINK, next_page(request, &last.path)));
    }
    Ok(response.json(page))
}

fn no_entry(row: &ReleaseRow, path: &str) -> Failure {
    let detail = format!(
        "release {} of `{}` has no folder `{path}`",
        row.version, row.name
    );
    Failure::new(ProblemCode::NotFound, detail).hugging_face("EntryNotFound")
}

/// What is in a folder, by path; `""` is the outermost one.
fn entries(
    files: &[FileRow],
    folder: &str,
    is_recursive: bool,
) -> Result<BTreeMap<String, HuggingFaceEntry>, DatabaseError> {
    let prefix = match folder {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let mut entries = BTreeMap::new();
    for file in files {
        let Some(rest) = file.path.strip_prefix(&prefix) else {
            continue;
        };
        let mut is_inside = false;
        for (at, _) in rest.match_indices('/') {
            is_inside = true;
            let path = format!("{prefix}{}", &rest[..at]);
            entries
                .entry(path)
                .or_insert_with_key(|path| folder_entry(files, path));
            if !is_recursive {
                break;
            }
        }
        if is_recursive || !is_inside {
            entries.insert(file.path.clone(), file_entry(file)?);
        }
    }
    Ok(entries)
}

fn file_entry(file: &FileRow) -> Result<HuggingFaceEntry, DatabaseError> {
    let (hex, size) = (hex_of(file), from_column(file.size_bytes)?);
    Ok(HuggingFaceEntry {
        kind: "file",
        path: file.path.clone(),
        oid: short(hex).to_owned(),
        size,
        lfs: Some(HuggingFaceLfs::of(hex, size)),
    })
}

fn folder_entry(files: &[FileRow], path: &str) -> HuggingFaceEntry {
    let inside = files.iter().filter(|file| is_in(file, path));
    let list: String = inside
        .map(|file| format!("{}  {}\n", hex_of(file), file.path))
        .collect();
    HuggingFaceEntry {
        kind: "directory",
        path: path.to_owned(),
        oid: short(&Digest::of(list.as_bytes()).to_hex()).to_owned(),
        size: 0,
        lfs: None,
    }
}

fn is_in(file: &FileRow, folder: &str) -> bool {
    let rest = file.path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Paths that a client asks about.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct HuggingFacePaths {
    paths: Vec<String>,
}

/// Those of some paths that a release has, as files or folders
#[utoipa::path(post, path = "/api/models/{name}/paths-info/{revision}", tag = "Hugging Face Hub",
    operation_id = "hf_paths_info",
    params(OfModel,
        ("revision" = String, Path, description = "`main`, `2`, `2.3`, `2.3.1` or a commit")),
    request_body(content((HuggingFacePaths = "application/json"),
        (HuggingFacePaths = "application/x-www-form-urlencoded"))),
    responses((status = 200, body = Vec<HuggingFaceEntry>), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound` or `RevisionNotFound`", body = Problem),
        (status = 413, body = Problem)))]
pub(in crate::routes) async fn paths_info(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Vec<HuggingFaceEntry>>, Failure> {
    let body = body::read(&request, payload, PATHS_BYTES).await?;
    let paths = paths_of(&request, &body)?;
    let files = find(&hub, &path.0, &path.1).await?.files;
    let mut found = Vec::new();
    // Each once, so that an answer is no longer than a release.
    let wanted: BTreeSet<&str> = paths.iter().map(|path| path.trim_matches('/')).collect();
    for path in wanted {
        if let Some(file) = files.iter().find(|file| file.path == path) {
            found.push(file_entry(file)?);
        } else if files.iter().any(|file| is_in(file, path)) {
            found.push(folder_entry(&files, path));
        }
    }
    Ok(web::Json(found))
}

/// The paths in a body, which is JSON or a form.
fn paths_of(request: &HttpRequest, body: &[u8]) -> Result<Vec<String>, Failure> {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    if media_type.is_some_and(|found| found.starts_with("application/json")) {
        let paths: HuggingFacePaths =
            serde_json::from_slice(body).map_err(|error| malformed(&error))?;
        return Ok(paths.paths);
    }
    let text = std::str::from_utf8(body).map_err(|error| malformed(&error))?;
    let form = Query::from_query(text).map_err(|error| malformed(&error))?;
    Ok(all(&form, "paths").map(str::to_owned).collect())
}

/// Branches and tags of a repository.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::routes) struct HuggingFaceRefs {
    /// What moves: `main`, `2`, `2.3`, each at the newest release that is not yanked.
    branches: Vec<HuggingFaceRef>,
    converts: Vec<HuggingFaceRef>,
    /// What does not: every version, yanked ones too.
    tags: Vec<HuggingFaceRef>,
    pull_requests: Vec<HuggingFaceRef>,
}

/// A branch or tag.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::routes) struct HuggingFaceRef {
    name: String,
    #[serde(rename = "ref")]
    path: String,
    target_commit: String,
}

impl HuggingFaceRef {
    fn new(kind: &str, name: String, row: &ReleaseRow) -> Self {
        Self {
            path: format!("refs/{kind}/{name}"),
            name,
            target_commit: commit_of(row).to_owned(),
        }
    }
}

/// Branches and tags: which revisions there are
#[utoipa::path(get, path = "/api/models/{name}/refs", tag = "Hugging Face Hub", operation_id = "hf_refs",
    params(OfModel),
    responses((status = 200, body = HuggingFaceRefs), (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound`", body = Problem)))]
pub(in crate::routes) async fn refs(
    _: Reader,
    hub: web::Data<Hub>,
    name: web::Path<String>,
) -> Result<web::Json<HuggingFaceRefs>, Failure> {
    let name = repository(&name)?;
    let covered = hub.log.published_size();
    let look = move |connection: &mut Connection| {
        let rows = visible(connection, &name, covered)?;
        if rows.is_empty() {
            return Err(ResolveError::NoSuchExtractor { name });
        }
        Ok(refs_of(&rows)?)
    };
    Ok(web::Json(hub.database.run(look).await?))
}

fn refs_of(rows: &[ReleaseRow]) -> Result<HuggingFaceRefs, DatabaseError> {
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        versions.push((row.version()?, row));
    }
    versions.sort_by(|(a, _), (b, _)| b.cmp(a));
    let lines = versions.iter().flat_map(|(version, _)| {
        let (major, minor) = (version.major, version.minor);
        [Requirement::Major(major), Requirement::Minor(major, minor)]
    });
    let moving: BTreeSet<Requirement> = lines.chain([Requirement::Latest]).collect();
    let mut branches = Vec::new();
    for requirement in moving {
        let name = match requirement {
            Requirement::Latest => MAIN.to_owned(),
            ref other => other.to_string(),
        };
        if let Some(index) = newest(rows, &requirement)? {
            branches.push(HuggingFaceRef::new("heads", name, &rows[index]));
        }
    }
    let tags = versions
        .iter()
        .map(|(version, row)| HuggingFaceRef::new("tags", version.to_string(), row));
    Ok(HuggingFaceRefs {
        branches,
        converts: Vec::new(),
        tags: tags.collect(),
        pull_requests: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn files() -> Vec<FileRow> {
        let paths = ["README.md", "probes/deep/red.png", "probes/vectors.json"];
        let file = |path: &str| FileRow {
            statement: String::new(),
            path: path.to_owned(),
            digest: Digest::of(path.as_bytes()).to_string(),
            size_bytes: 7,
        };
        paths.into_iter().map(file).collect()
    }

    fn paths(folder: &str, is_recursive: bool) -> Vec<String> {
        let entries = entries(&files(), folder, is_recursive).unwrap();
        let shown = entries.values().map(|entry| match entry.kind {
            "file" => entry.path.clone(),
            _ => format!("{}/", entry.path),
        });
        shown.collect()
    }

    #[test]
    fn folders_are_those_that_files_are_in() {
        assert_eq!(paths("", false), ["README.md", "probes/"]);
        assert_eq!(
            paths("", true),
            [
                "README.md",
                "probes/",
                "probes/deep/",
                "probes/deep/red.png",
                "probes/vectors.json"
            ]
        );
        assert_eq!(
            paths("probes", false),
            ["probes/deep/", "probes/vectors.json"]
        );
        for none in ["probe", "README.md", "README.md/x", "probes/vectors.json"] {
            assert!(paths(none, true).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_folder_changes_with_its_files() {
        let mut files = files();
        let before = folder_entry(&files, "probes").oid;
        files[0].digest = Digest::of(b"other").to_string();
        assert_eq!(folder_entry(&files, "probes").oid, before);
        files[1].digest = Digest::of(b"other").to_string();
        assert_ne!(folder_entry(&files, "probes").oid, before);
    }
}
