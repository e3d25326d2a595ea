//! Bodies and paths of the HTTP API, version 1.
//!
//! Everything is JSON under `/api/v1`, except blobs (`/v2/…`, OCI distribution 1.1) and files.
//! Errors are [`Problem`]s.

mod delta;
mod paths;
mod problem;

pub use delta::{Delta, DeltaError, DeltaPart};
pub use paths::{
    CONSORTIUM_NAMESPACE, KEY_COMPROMISES_PATH, TRUST_ROOT_PATH, UPLOAD_BYTES_HEADER,
    advisories_path, blob_path, delta_path, evaluations_path, extractor_path, log_path,
    model_signature_path, namespace, release_path, trust_path, upload_path, yanks_path,
};
pub use problem::{Problem, ProblemCode};

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::digest::Digest;
use crate::manifest::Distance;
use crate::name::{MemberName, Name};
use crate::statement::YankAction;

/// `GET /api/v1`: what this hub is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubInfo {
    /// What the consortium calls itself.
    pub consortium: String,
    /// The consortium's trust root.
    pub trust_root: TrustRootInfo,
    /// Version of the server program.
    pub server_version: String,
    /// Whether reading needs no token.
    pub public: bool,
}

/// Where a hub's trust root is. Nothing of it is to be believed: clients follow the TUF metadata
/// under `/tuf/` from the first root they have pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustRootInfo {
    /// SHA-256 of the first root, for `hub trust`.
    pub first_root: Digest,
    /// Version of `root.json`.
    pub root: u64,
    /// Version of the top `targets.json`.
    pub targets: u64,
}

/// `GET /api/v1/whoami`: whose token this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// The member.
    pub member: MemberName,
    /// What the token may do.
    pub scope: Scope,
    /// When it ends (RFC 3339, UTC).
    pub expires_at: String,
}

/// What a token may do; each includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Search, show, pull.
    Read,
    /// And publish, yank.
    Publish,
    /// And administer.
    Admin,
}

/// `GET /api/v1/extractors`: one page of a search, names in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractorPage {
    /// The rows.
    pub extractors: Vec<ExtractorSummary>,
    /// Pass it as `after` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One extractor in a listing, by its newest stable release that is not yanked, or its newest
/// release when there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractorSummary {
    /// Its name.
    pub name: Name,
    /// The release the other fields are of.
    #[schema(value_type = String)]
    pub version: Version,
    /// One line.
    pub summary: String,
    /// SPDX expression.
    pub license: String,
    /// What it looks at.
    pub domain: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Length of a feature vector.
    pub dimension: u32,
    /// Bytes of all files.
    pub size_bytes: u64,
    /// When that release was published (RFC 3339, UTC).
    pub published_at: String,
}

/// Search terms of `GET /api/v1/extractors`.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::IntoParams,
)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// Words that must all occur in name, summary or tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Only this domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Only names of this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Only this licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Only names after this one, as `next` of the page before gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Rows of a page, 1 to 200; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /api/v1/extractors/{namespace}/{name}`: an extractor and all its releases, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractorDetail {
    /// Its name.
    pub name: Name,
    /// Owners of the name.
    pub owners: Vec<MemberName>,
    /// How many of them must sign.
    pub threshold: usize,
    /// Its releases.
    pub releases: Vec<ReleaseSummary>,
}

/// One release in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseSummary {
    /// Its version.
    #[schema(value_type = String)]
    pub version: Version,
    /// SHA-256 of its statement.
    pub statement: Digest,
    /// Length of a feature vector.
    pub dimension: u32,
    /// How vectors are compared.
    #[schema(value_type = String)]
    pub distance: Distance,
    /// Bytes of all files.
    pub size_bytes: u64,
    /// When it was published (RFC 3339, UTC).
    pub published_at: String,
    /// Members that signed it.
    pub signers: Vec<MemberName>,
    /// What changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// Present when it is yanked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<Yanked>,
}

/// Why a release is yanked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Yanked {
    /// The reason.
    pub reason: String,
    /// What to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub replacement: Option<Version>,
}

/// `GET /api/v1/extractors/{namespace}/{name}/releases/{requirement}`: the newest release that
/// satisfies the requirement, with everything needed to verify it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDetail {
    /// The listing's row.
    #[serde(flatten)]
    pub summary: ReleaseSummary,
    /// The extractor's name.
    pub name: Name,
    /// The release's envelope, exactly as signed: verify it, and believe its content alone.
    pub envelope: String,
    /// The entry's index in the log.
    pub log_index: u64,
    /// That the log has the envelope as that entry (C2SP `tlog-proof`).
    pub proof: String,
    /// Envelopes of yanks and unyanks, oldest first.
    pub yanks: Vec<String>,
    /// The proof of each, in the same order.
    pub yank_proofs: Vec<String>,
    /// The blob that is its `model.sig`, when an owner has made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_signature: Option<AttachedBlob>,
}

/// A blob that travels with a release without being part of what its owners sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttachedBlob {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
}

/// `PUT …/releases/{version}/model-signature`: which uploaded blob it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachBlob {
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// `GET …/releases/{requirement}/evaluations`: all of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvaluationList {
    /// Each member's in order.
    pub evaluations: Vec<LoggedStatement>,
}

/// `GET …/advisories`: all statements of advisories about a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryList {
    /// Each member's in order of advisories and of statements about each.
    pub advisories: Vec<LoggedStatement>,
}

/// `GET /api/v1/key-compromises`: all keys that members took back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyCompromiseList {
    /// In the order of the log.
    pub key_compromises: Vec<LoggedStatement>,
}

/// What one member said, and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggedStatement {
    /// The envelope, exactly as signed.
    pub envelope: String,
    /// The entry's index in the log.
    pub log_index: u64,
    /// That the log has the envelope as that entry (C2SP `tlog-proof`).
    pub proof: String,
}

/// Answer to a recorded evaluation, advisory or key compromise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementRecorded {
    /// SHA-256 of the statement that is now recorded.
    pub statement: Digest,
    /// When it was recorded (RFC 3339, UTC); the first time, when sent again.
    pub recorded_at: String,
    /// The envelope's index in the log.
    pub log_index: u64,
    /// That the log has the envelope as that entry (C2SP `tlog-proof`).
    pub proof: String,
}

/// Answer of `PUT …/releases/{version}` and `POST …/releases/{version}/yanks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The extractor's name.
    pub name: Name,
    /// The release's version.
    #[schema(value_type = String)]
    pub version: Version,
    /// SHA-256 of the statement that is now recorded.
    pub statement: Digest,
    /// Who signed it.
    pub signers: Vec<MemberName>,
    /// When it was recorded (RFC 3339, UTC); the first time, when sent again.
    pub published_at: String,
    /// The envelope's index in the log.
    pub log_index: u64,
    /// That the log has the envelope as that entry (C2SP `tlog-proof`).
    pub proof: String,
}

/// Answer to a recorded yank or unyank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct YankRecorded {
    /// What was done.
    pub action: YankAction,
    /// SHA-256 of the statement that is now recorded.
    pub statement: Digest,
    /// The envelope's index in the log.
    pub log_index: u64,
    /// That the log has the envelope as that entry (C2SP `tlog-proof`).
    pub proof: String,
}
