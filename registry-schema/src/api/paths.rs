//! Paths of the API, built in one place.

use semver::Version;

use crate::digest::Digest;
use crate::name::Name;
use crate::reference::Requirement;

/// Stands for the member in paths of bare names.
pub const CONSORTIUM_NAMESPACE: &str = "_";

/// How many bytes of an upload the hub has. `Range`, which says it to other clients, cannot tell an
/// empty upload from one of a single byte.
pub const UPLOAD_BYTES_HEADER: &str = "hub-upload-bytes";

/// Where a change of the trust root is published.
pub const TRUST_ROOT_PATH: &str = "/api/v1/trust-root";

/// `/tuf/{path}`: a file of the trust root, such as `metadata/2.root.json`.
pub fn trust_path(path: &str) -> String {
    format!("/tuf/{path}")
}

/// `/log/{path}`: a file of the transparency log, such as `checkpoint` or `tile/0/000.p/5`.
pub fn log_path(path: &str) -> String {
    format!("/log/{path}")
}

/// The namespace part of a name's path: its member, or `_` for a bare name.
pub fn namespace(name: &Name) -> &str {
    name.member()
        .map_or(CONSORTIUM_NAMESPACE, |member| member.as_str())
}

/// `/api/v1/extractors/{namespace}/{name}`.
pub fn extractor_path(name: &Name) -> String {
    format!("/api/v1/extractors/{}/{}", namespace(name), name.base())
}

/// `/api/v1/extractors/{namespace}/{name}/releases/{requirement}`.
pub fn release_path(name: &Name, requirement: &Requirement) -> String {
    format!("{}/releases/{requirement}", extractor_path(name))
}

/// `/v2/{name}/blobs/{digest}` (OCI distribution 1.1).
pub fn blob_path(name: &Name, digest: &Digest) -> String {
    format!("/v2/{name}/blobs/{digest}")
}

/// `/api/v1/extractors/{namespace}/{name}/blobs/{digest}/delta`.
pub fn delta_path(name: &Name, digest: &Digest) -> String {
    format!("{}/blobs/{digest}/delta", extractor_path(name))
}

/// `/v2/{name}/blobs/uploads/` (OCI distribution 1.1).
pub fn upload_path(name: &Name) -> String {
    format!("/v2/{name}/blobs/uploads/")
}

/// `/api/v1/extractors/{namespace}/{name}/releases/{version}/yanks`.
pub fn yanks_path(name: &Name, version: &Version) -> String {
    format!("{}/releases/{version}/yanks", extractor_path(name))
}

/// `/api/v1/extractors/{namespace}/{name}/releases/{version}/model-signature`.
pub fn model_signature_path(name: &Name, version: &Version) -> String {
    format!(
        "{}/releases/{version}/model-signature",
        extractor_path(name)
    )
}

/// `/api/v1/extractors/{namespace}/{name}/releases/{requirement}/evaluations`.
pub fn evaluations_path(name: &Name, requirement: &Requirement) -> String {
    format!("{}/evaluations", release_path(name, requirement))
}

/// `/api/v1/extractors/{namespace}/{name}/advisories`.
pub fn advisories_path(name: &Name) -> String {
    format!("{}/advisories", extractor_path(name))
}

/// Where keys that members took back are listed and sent.
pub const KEY_COMPROMISES_PATH: &str = "/api/v1/key-compromises";
