//! What a repository is, and which ones there are.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::{Problem, SearchQuery};
use registry_schema::envelope::Envelope;
use registry_schema::limits;
use registry_schema::manifest::Manifest;
use registry_schema::statement::Statement;
use serde::Serialize;
use utoipa::ToSchema;

use super::{COMMIT_DIGITS, HuggingFaceLfs, MAIN, Query, all, find, first, is_set, next_page};
use crate::app::Hub;
use crate::auth::Reader;
use crate::database::releases::{self, FileRow, ReleaseRow};
use crate::database::{Connection, DatabaseError, from_column};
use crate::error::Failure;
use crate::publish::time_text;
use crate::resolve::commit_of;
use crate::routes::extractors::{self, release_summary};
use crate::routes::parameters::OfModel;

/// What every extractor is for, in the words of the Hugging Face Hub.
const PIPELINE_TAG: &str = "image-feature-extraction";

/// What opens its graph, in the same words.
const LIBRARY: &str = "onnx";

/// Parameters by which a client asks for what no repository here is.
const ELSEWHERE: [&str; 4] = ["apps", "inference", "inference_provider", "num_parameters"];

/// An extractor as a model repository of the Hugging Face Hub.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::routes) struct HuggingFaceModel {
    id: String,
    model_id: String,
    /// The member the name belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    /// The commit: the first 40 hex digits of the SHA-256 of the release's statement.
    sha: String,
    /// When the release was published.
    last_modified: String,
    /// Whether reading needs a token.
    private: bool,
    gated: bool,
    disabled: bool,
    #[serde(rename = "library_name")]
    library_name: &'static str,
    #[serde(rename = "pipeline_tag")]
    pipeline_tag: &'static str,
    /// The release's own, `onnx`, and `license:` with its SPDX expression.
    tags: Vec<String>,
    card_data: HuggingFaceCard,
    /// Bytes of all files.
    used_storage: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    siblings: Option<Vec<HuggingFaceSibling>>,
    /// `manifest`, as it was signed, and `release`, as the hub's own API lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<serde_json::Value>,
}

/// What a card says to machines, here from the signed manifest.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct HuggingFaceCard {
    license: String,
    library_name: &'static str,
    pipeline_tag: &'static str,
    tags: Vec<String>,
}

/// A file of a repository; sizes and digests when they are asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::routes) struct HuggingFaceSibling {
    rfilename: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The first 40 hex digits of its SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs: Option<HuggingFaceLfs>,
}

/// The newest release of an extractor as a model repository
#[utoipa::path(get, path = "/api/models/{name}", tag = "Hugging Face Hub", operation_id = "hf_info",
    params(OfModel,
        ("blobs" = Option<bool>, Query, description = "Whether siblings have sizes and digests")),
    responses((status = 200, body = HuggingFaceModel), (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound` or `RevisionNotFound`", body = Problem)))]
pub(in crate::routes) async fn info(
    _: Reader,
    hub: web::Data<Hub>,
    name: web::Path<String>,
    query: Query,
) -> Result<web::Json<HuggingFaceModel>, Failure> {
    model(&hub, &name, MAIN, &query).await
}

/// A release as a revision of a model repository
#[utoipa::path(get, path = "/api/models/{name}/revision/{revision}", tag = "Hugging Face Hub",
    operation_id = "hf_info_at",
    params(OfModel,
        ("revision" = String, Path, description = "`main`, `2`, `2.3`, `2.3.1` or a commit"),
        ("blobs" = Option<bool>, Query, description = "Whether siblings have sizes and digests")),
    responses((status = 200, body = HuggingFaceModel), (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound` or `RevisionNotFound`", body = Problem)))]
pub(in crate::routes) async fn info_at(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    query: Query,
) -> Result<web::Json<HuggingFaceModel>, Failure> {
    model(&hub, &path.0, &path.1, &query).await
}

async fn model(
    hub: &web::Data<Hub>,
    name: &str,
    revision: &str,
    query: &Query,
) -> Result<web::Json<HuggingFaceModel>, Failure> {
    let found = find(hub, name, revision).await?;
    let with_blobs = is_set(query, "blobs");
    let siblings = found.files.iter().map(|file| sibling(file, with_blobs));
    Ok(web::Json(HuggingFaceModel {
        siblings: Some(siblings.collect::<Result<_, _>>()?),
        config: Some(serde_json::json!({
            "manifest": manifest(&found.row)?,
            "release": release_summary(&found.row)?,
        })),
        ..summary(&found.row, hub.is_public)?
    }))
}

/// Extractors as model repositories, in order of their names; `Link` leads to the next page
#[utoipa::path(get, path = "/api/models", tag = "Hugging Face Hub", operation_id = "hf_list",
    params(("search" = Option<String>, Query, description = "Words that must all occur in name, summary or tags"),
        ("author" = Option<String>, Query, description = "Only names of this member"),
        ("filter" = Option<Vec<String>>, Query, description = "Only with these tags; `license:…` with this licence"),
        ("pipeline_tag" = Option<String>, Query, description = "None but `image-feature-extraction` is here"),
        ("full" = Option<bool>, Query, description = "Whether files are listed"),
        ("limit" = Option<u32>, Query, description = "Rows of a page, at most 200"),
        ("cursor" = Option<String>, Query, description = "As `Link` gives it")),
    responses((status = 200, body = Vec<HuggingFaceModel>), (status = 400, body = Problem),
        (status = 401, body = Problem)))]
pub(in crate::routes) async fn list(
    _: Reader,
    hub: web::Data<Hub>,
    query: Query,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    if is_elsewhere(&query) {
        return Ok(HttpResponse::Ok().json(Vec::<HuggingFaceModel>::new()));
    }
    let is_public = hub.is_public;
    let database = hub.database.clone();
    let (rows, next) = extractors::find(hub, search_query(&query)).await?;
    let is_full = is_set(&query, "full") || all(&query, "expand").any(|what| what == "siblings");
    let fill = move |connection: &mut Connection| {
        let mut models = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut model = summary(row, is_public)?;
            if is_full {
                let files = releases::files(connection, &row.statement)?;
                let siblings = files.iter().map(|file| sibling(file, false));
                model.siblings = Some(siblings.collect::<Result<_, _>>()?);
            }
            models.push(model);
        }
        Ok::<_, DatabaseError>(models)
    };
    let models = database.run(fill).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((header::LINK, next_page(&request, &next)));
    }
    Ok(response.json(models))
}

/// Whether a client asks for what no repository here is.
fn is_elsewhere(query: &Query) -> bool {
    first(query, "pipeline_tag").is_some_and(|task| task != PIPELINE_TAG)
        || is_set(query, "gated")
        || ELSEWHERE.iter().any(|key| first(query, key).is_some())
}

/// The hub's own search that a client asks for. Orders other than by name are not known here, and not
/// refused.
fn search_query(query: &Query) -> SearchQuery {
    let filters = all(query, "filter").flat_map(|filters| filters.split(','));
    let (mut tags, mut license) = (Vec::new(), None);
    for filter in filters {
        match filter.strip_prefix("license:") {
            Some(expression) => license = Some(expression.to_owned()),
            None if [PIPELINE_TAG, LIBRARY].contains(&filter) => {}
            None => tags.push(filter),
        }
    }
    let text = |key| first(query, key).map(str::to_owned);
    let limit = first(query, "limit").and_then(|limit| limit.parse::<u32>().ok());
    SearchQuery {
        q: text("search"),
        tag: (!tags.is_empty()).then(|| tags.join(" ")),
        domain: None,
        member: text("author"),
        license,
        after: text("cursor"),
        limit: Some(limit.map_or(limits::PAGE_ROWS, |limit| limit.clamp(1, limits::PAGE_ROWS))),
    }
}

fn summary(row: &ReleaseRow, is_public: bool) -> Result<HuggingFaceModel, DatabaseError> {
    let own: Vec<String> = row.tags.split_whitespace().map(str::to_owned).collect();
    let mut tags = own.clone();
    for added in [LIBRARY.to_owned(), format!("license:{}", row.license)] {
        if !tags.contains(&added) {
            tags.push(added);
        }
    }
    Ok(HuggingFaceModel {
        id: row.name.clone(),
        model_id: row.name.clone(),
        author: row.member.clone(),
        sha: commit_of(row).to_owned(),
        last_modified: time_text(row.published_at)?,
        private: !is_public,
        gated: false,
        disabled: false,
        library_name: LIBRARY,
        pipeline_tag: PIPELINE_TAG,
        tags,
        card_data: HuggingFaceCard {
            license: row.license.clone(),
            library_name: LIBRARY,
            pipeline_tag: PIPELINE_TAG,
            tags: own,
        },
        used_storage: from_column(row.size_bytes)?,
        siblings: None,
        config: None,
    })
}

fn sibling(file: &FileRow, with_blobs: bool) -> Result<HuggingFaceSibling, DatabaseError> {
    let size = from_column(file.size_bytes)?;
    let hex = hex_of(file);
    Ok(HuggingFaceSibling {
        rfilename: file.path.clone(),
        size: with_blobs.then_some(size),
        blob_id: with_blobs.then(|| short(hex).to_owned()),
        lfs: with_blobs.then(|| HuggingFaceLfs::of(hex, size)),
    })
}

/// A file's SHA-256 in hex.
pub(super) fn hex_of(file: &FileRow) -> &str {
    file.digest.strip_prefix("sha256:").unwrap_or_default()
}

/// What stands where Git has a SHA-1: as many digits of a SHA-256.
pub(super) fn short(hex: &str) -> &str {
    hex.get(..COMMIT_DIGITS).unwrap_or_default()
}

/// The manifest that was signed.
fn manifest(row: &ReleaseRow) -> Result<Manifest, DatabaseError> {
    let corrupt = || DatabaseError::Corrupt {
        what: "a release without a statement",
    };
    let envelope = Envelope::parse(&row.envelope).map_err(|_| corrupt())?;
    match Statement::parse(envelope.payload()) {
        Ok(Statement::Release(release)) => Ok(release.manifest().clone()),
        _ => Err(corrupt()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn query(text: &str) -> Query {
        web::Query::from_query(text).unwrap()
    }

    #[test]
    fn a_client_asks_for_the_hubs_own_search() {
        let asked = "search=a+b&author=alpha&filter=onnx&filter=mrz,passports\
                     &filter=license%3AMIT&limit=1000&cursor=alpha%2Fdots";
        let found = search_query(&query(asked));
        assert_eq!(found.q.as_deref(), Some("a b"));
        assert_eq!(found.member.as_deref(), Some("alpha"));
        assert_eq!(found.tag.as_deref(), Some("mrz passports"));
        assert_eq!(found.license.as_deref(), Some("MIT"));
        assert_eq!(found.after.as_deref(), Some("alpha/dots"));
        assert_eq!(found.limit, Some(limits::PAGE_ROWS));
        assert_eq!(search_query(&query("")).tag, None);
    }

    #[test]
    fn what_is_not_here_is_not_found_here() {
        for elsewhere in [
            "pipeline_tag=text-generation",
            "gated=true",
            "inference=warm",
        ] {
            assert!(is_elsewhere(&query(elsewhere)), "{elsewhere}");
        }
        for here in ["", "pipeline_tag=image-feature-extraction", "gated=false"] {
            assert!(!is_elsewhere(&query(here)), "{here}");
        }
    }
}
