//! The read side of the Hugging Face Hub's protocol, for its own client (`huggingface_hub` with
//! `HF_ENDPOINT`) and for what is built on that. An extractor is a model repository whose branches
//! are `main`, `2`, `2.3`, whose tags are versions, and whose files are those that were signed.
//!
//! The client believes the hub: it checks no signature and no proof. Whoever needs those uses
//! `hub pull`.

pub(super) mod files;
pub(super) mod info;
pub(super) mod tree;

use actix_web::{HttpRequest, web};
use registry_schema::api::{Problem, ProblemCode, Scope};
use registry_schema::name::Name;
use registry_schema::reference::Requirement;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Hub;
use crate::auth::Holder;
use crate::database::Connection;
use crate::database::releases::{self, FileRow, ReleaseRow};
use crate::error::Failure;
use crate::pages::catalogue::encoded;
use crate::resolve::{ResolveError, resolve, resolve_commit};

/// The branch of the newest release.
const MAIN: &str = "main";

/// Hex digits of a commit.
const COMMIT_DIGITS: usize = 40;

/// What a query says, in its order; a key may occur more than once.
type Query = web::Query<Vec<(String, String)>>;

fn first<'a>(query: &'a Query, key: &str) -> Option<&'a str> {
    all(query, key).next()
}

fn all<'a>(query: &'a Query, key: &str) -> impl Iterator<Item = &'a str> {
    let pairs = query.iter().filter(move |(found, _)| found == key);
    pairs.map(|(_, value)| value.as_str())
}

fn is_set(query: &Query, key: &str) -> bool {
    first(query, key).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

/// A revision of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Revision {
    /// `main`, `2`, `2.3`, `2.3.1`.
    Requirement(Requirement),
    /// 40 hex digits.
    Commit(String),
}

impl Revision {
    fn parse(text: &str) -> Result<Self, Failure> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == COMMIT_DIGITS && text.bytes().all(is_hex) {
            return Ok(Self::Commit(text.to_owned()));
        }
        if text == MAIN {
            return Ok(Self::Requirement(Requirement::Latest));
        }
        let requirement = text.parse::<Requirement>().map_err(|error| {
            Failure::new(ProblemCode::NoSuchRelease, error.to_string())
                .hugging_face("RevisionNotFound")
        })?;
        Ok(Self::Requirement(requirement))
    }

    /// Whether it will always be the same release.
    fn is_forever(&self) -> bool {
        matches!(
            self,
            Self::Commit(_) | Self::Requirement(Requirement::Exact(_))
        )
    }

    fn resolve(
        &self,
        connection: &mut Connection,
        name: &Name,
        covered: u64,
    ) -> Result<ReleaseRow, ResolveError> {
        match self {
            Self::Requirement(requirement) => resolve(connection, name, requirement, covered),
            Self::Commit(commit) => resolve_commit(connection, name, commit, covered),
        }
    }
}

/// The extractor a repository is; what no extractor can be called is not there.
fn repository(text: &str) -> Result<Name, Failure> {
    text.parse::<Name>().map_err(|error| {
        Failure::new(ProblemCode::NotFound, error.to_string()).hugging_face("RepoNotFound")
    })
}

/// A release and its files, in order of paths.
struct Found {
    row: ReleaseRow,
    files: Vec<FileRow>,
}

async fn find(hub: &web::Data<Hub>, repository_id: &str, revision: &str) -> Result<Found, Failure> {
    let (name, revision) = (repository(repository_id)?, Revision::parse(revision)?);
    let covered = hub.log.published_size();
    let find = move |connection: &mut Connection| {
        let row = revision.resolve(connection, &name, covered)?;
        let files = releases::files(connection, &row.statement)?;
        Ok::<_, Failure>(Found { row, files })
    };
    hub.database.run(find).await
}

/// The `Link` to the next page: this request again, after `cursor`.
fn next_page(request: &HttpRequest, cursor: &str) -> String {
    let connection = request.connection_info();
    let kept = request
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = format!("cursor={}", encoded(cursor));
    let query: Vec<&str> = kept.chain([cursor.as_str()]).collect();
    format!(
        "<{}://{}{}?{}>; rel=\"next\"",
        connection.scheme(),
        connection.host(),
        request.uri().path(),
        query.join("&")
    )
}

/// A file as Git LFS would have it, which is how clients of the protocol learn a SHA-256.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HuggingFaceLfs {
    /// SHA-256 in hex; the protocol's name for it in trees.
    oid: String,
    /// The same; the protocol's name for it in lists of siblings.
    sha256: String,
    /// Bytes of the file.
    size: u64,
    /// Bytes of the pointer that Git would hold.
    pointer_size: usize,
}

impl HuggingFaceLfs {
    fn of(hex: &str, size: u64) -> Self {
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{hex}\nsize {size}\n");
        Self {
            oid: hex.to_owned(),
            sha256: hex.to_owned(),
            size,
            pointer_size: pointer.len(),
        }
    }
}

/// Whose token this is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HuggingFaceUser {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: String,
    fullname: String,
    orgs: Vec<String>,
    auth: serde_json::Value,
}

/// Whose token this is, for `hf auth login` and `hf auth whoami`
#[utoipa::path(get, path = "/api/whoami-v2", tag = "Hugging Face Hub", operation_id = "hf_whoami",
    responses((status = 200, body = HuggingFaceUser), (status = 401, body = Problem)))]
pub(super) async fn whoami(Holder(identity): Holder) -> web::Json<HuggingFaceUser> {
    let role = match identity.scope {
        Scope::Read => "read",
        _ => "write",
    };
    let token = serde_json::json!({ "displayName": identity.token_id, "role": role });
    web::Json(HuggingFaceUser {
        kind: "user",
        id: identity.token_id,
        name: identity.member.to_string(),
        fullname: identity.member.to_string(),
        orgs: Vec::new(),
        auth: serde_json::json!({ "type": "access_token", "accessToken": token }),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn revisions_are_branches_versions_and_commits() {
        let commit = "0123456789".repeat(4);
        assert_eq!(
            Revision::parse(&commit).unwrap(),
            Revision::Commit(commit.clone())
        );
        for (text, requirement, is_forever) in [
            ("main", Requirement::Latest, false),
            ("2", Requirement::Major(2), false),
            ("2.1", Requirement::Minor(2, 1), false),
            ("2.1.0", Requirement::Exact("2.1.0".parse().unwrap()), true),
        ] {
            let revision = Revision::parse(text).unwrap();
            assert_eq!(revision.is_forever(), is_forever, "{text}");
            assert_eq!(revision, Revision::Requirement(requirement));
        }
        for bad in [
            "",
            "master",
            "v2",
            "refs/pr/1",
            &commit[1..],
            &commit.replace('9', "A"),
        ] {
            let failure = Revision::parse(bad).unwrap_err();
            assert_eq!(failure.problem.code, ProblemCode::NoSuchRelease, "{bad}");
        }
    }

    #[test]
    fn pointers_have_the_length_of_git_lfs() {
        // `git lfs pointer` of an empty file has 126 bytes for sizes of one digit.
        let hex = "0".repeat(64);
        assert_eq!(HuggingFaceLfs::of(&hex, 1).pointer_size, 126);
        assert_eq!(HuggingFaceLfs::of(&hex, 12_345).pointer_size, 130);
    }

    #[test]
    fn cursors_survive_a_link() {
        assert_eq!(encoded("alpha/a-b.c d"), "alpha%2Fa-b.c%20d");
    }
}
