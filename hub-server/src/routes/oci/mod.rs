//! The OCI distribution protocol 1.1, for clients of container registries and for the hub's own,
//! which moves blobs by it. An extractor is a repository that can be read; below the namespaces that
//! the operator opens, members may keep what else they like.
//!
//! These clients believe the hub: they check digests, but no signature and no proof. Whoever needs
//! those uses `hub pull`, or verifies what the list of referrers leads to.

pub(super) mod blobs;
pub(super) mod manifests;
pub(super) mod tags;
pub(super) mod uploads;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::ProblemCode;
use registry_schema::name::MemberName;

use crate::app::Hub;
use crate::auth::{GoodToken, Publisher, Reader, has_introduced_itself, no_token};
use crate::error::Failure;
use crate::oci::{self, OciError};
use crate::repository::{AnyDigest, ForeignName, Repository};
use crate::routes::blocking;

/// Seconds after which a client asks for its token again. The token itself lasts longer.
const TOKEN_SECONDS: u32 = 300;

/// Whether this is a registry of OCI distribution 1.1. Who has not said who it is learns how it could,
/// also on a hub that is open for reading: clients ask here and nowhere else
#[utoipa::path(get, path = "/v2/", tag = "blobs", operation_id = "oci",
    responses((status = 200, description = "It is"), (status = 401, description = "It needs a token")))]
pub(super) async fn version(_: Reader, request: HttpRequest) -> Result<HttpResponse, Failure> {
    if !has_introduced_itself(&request) {
        return Err(no_token());
    }
    Ok(HttpResponse::Ok()
        .insert_header(("docker-distribution-api-version", "registry/2.0"))
        .json(serde_json::json!({})))
}

/// The token for the password that a client of container registries has: the same, in the form that it
/// wants; on a hub that is open for reading one for everybody
#[utoipa::path(get, path = "/v2/token", tag = "blobs", operation_id = "oci_token",
    params(("service" = Option<String>, Query, description = "Not looked at"),
        ("scope" = Option<String>, Query, description = "Not looked at: a token may what it may")),
    responses((status = 200, body = serde_json::Value), (status = 401, description = "OCI error `UNAUTHORIZED`")))]
pub(super) async fn token(GoodToken(token): GoodToken) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({
            "token": token,
            "access_token": token,
            "expires_in": TOKEN_SECONDS,
        }))
}

/// Paths of nothing.
pub(super) async fn unknown(_: Reader, request: HttpRequest) -> Result<String, Failure> {
    let detail = format!("`{}` does not exist here", request.path());
    Err(Failure::new(ProblemCode::NotFound, detail).oci("NAME_UNKNOWN"))
}

fn repository_of(hub: &Hub, text: &str) -> Result<Repository, Failure> {
    Ok(oci::repository_of(hub, text)?)
}

fn digest_of(text: &str) -> Result<AnyDigest, Failure> {
    Ok(text.parse().map_err(OciError::Digest)?)
}

/// Files of releases are named by SHA-256, in what was signed and so everywhere.
fn other_algorithm() -> Failure {
    let detail = "blobs of extractors are named by SHA-256 only";
    Failure::new(ProblemCode::MalformedRequest, detail).oci("UNSUPPORTED")
}

/// Deletes something of a repository that is no extractor, with `delete`.
async fn deleted(
    hub: web::Data<Hub>,
    publisher: Publisher,
    repository: &str,
    delete: impl FnOnce(&Hub, &ForeignName, &MemberName) -> Result<(), OciError> + Send + 'static,
) -> Result<HttpResponse, Failure> {
    let Repository::Foreign(name) = repository_of(&hub, repository)? else {
        return Err(releases_only("GET, HEAD"));
    };
    blocking(move || delete(&hub, &name, &publisher.member)).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// What an extractor's repository does not do.
fn releases_only(methods: &'static str) -> Failure {
    let mut failure = Failure::method_not_allowed(methods);
    "releases are published by `hub publish`, signed, and stay; nothing else is pushed or deleted here"
        .clone_into(&mut failure.problem.detail);
    failure
}
