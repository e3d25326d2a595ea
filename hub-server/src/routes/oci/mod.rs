//! Blobs by the OCI distribution protocol 1.1, so that foreign clients can use them. Manifests and
//! tags are not served yet.

pub(super) mod blobs;
pub(super) mod uploads;

use actix_web::{HttpRequest, HttpResponse};
use registry_schema::api::ProblemCode;
use registry_schema::digest::Digest;
use registry_schema::name::Name;

use crate::auth::Reader;
use crate::error::Failure;

/// Whether this is a registry of OCI distribution 1.1
#[utoipa::path(get, path = "/v2/", tag = "blobs", operation_id = "oci",
    responses((status = 200, description = "It is"), (status = 401, description = "It needs a token")))]
pub(super) async fn version(_: Reader) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("docker-distribution-api-version", "registry/2.0"))
        .json(serde_json::json!({}))
}

/// Paths of the protocol that this hub does not have.
pub(super) async fn unsupported(_: Reader, request: HttpRequest) -> Result<String, Failure> {
    let detail = format!(
        "`{}`: this hub serves blobs, not manifests, tags or referrers",
        request.path()
    );
    Err(Failure::new(ProblemCode::MethodNotAllowed, detail).oci("UNSUPPORTED"))
}

/// Paths of nothing.
pub(super) async fn unknown(_: Reader, request: HttpRequest) -> Result<String, Failure> {
    let detail = format!("`{}` does not exist here", request.path());
    Err(Failure::new(ProblemCode::NotFound, detail).oci("NAME_UNKNOWN"))
}

fn repository_of(text: &str) -> Result<Name, Failure> {
    text.parse()
        .map_err(|error: registry_schema::name::NameError| {
            Failure::new(ProblemCode::MalformedRequest, error.to_string()).oci("NAME_INVALID")
        })
}

fn digest_of(text: &str) -> Result<Digest, Failure> {
    if text.starts_with("sha512:") {
        let detail = "this hub names blobs by SHA-256 only";
        return Err(Failure::new(ProblemCode::MalformedRequest, detail).oci("UNSUPPORTED"));
    }
    text.parse()
        .map_err(|error: registry_schema::digest::DigestError| {
            Failure::new(ProblemCode::MalformedRequest, error.to_string()).oci("DIGEST_INVALID")
        })
}
