//! Manifests: read by tag and digest; pushed and deleted where the operator lets members.

use std::io;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;

use crate::app::Hub;
use crate::auth::{Publisher, Reader};
use crate::database::Connection;
use crate::error::Failure;
use crate::oci::foreign::{self, MANIFEST_BYTES, Push};
use crate::oci::{Document, Found, OciError, by_digest, by_tag};
use crate::repository::{AnyDigest, Repository};
use crate::routes::conditional::is_known;
use crate::routes::download::forever;
use crate::routes::oci::{deleted, releases_only, repository_of};
use crate::routes::parameters::OfRepository;
use crate::routes::{blocking, body};

/// A digest, as clients of container registries look for it.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// What a query says, in its order; `tag` may occur more than once.
type Query = web::Query<Vec<(String, String)>>;

/// A manifest by tag or digest. An extractor's tags are `latest`, `2`, `2.3` and `2.3.1`; the last
/// kind never moves
#[utoipa::path(get, path = "/v2/{name}/manifests/{reference}", tag = "blobs", operation_id = "manifest",
    params(OfRepository,
        ("reference" = String, Path, description = "A tag, `sha256:<hex>` or `sha512:<hex>`")),
    responses((status = 200, body = serde_json::Value, content_type = "application/vnd.oci.image.manifest.v1+json"),
        (status = 304, description = "`If-None-Match` is its digest in quotes"),
        (status = 401, description = "OCI error `UNAUTHORIZED`"),
        (status = 404, description = "OCI error `MANIFEST_UNKNOWN`, or `NAME_UNKNOWN`")))]
pub(in crate::routes) async fn read(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let repository = repository_of(&hub, &path.0)?;
    let (reference, is_public) = (path.into_inner().1, hub.is_public);
    let found = blocking(move || {
        hub.database
            .with(|connection| find(&hub, connection, &repository, &reference))
    });
    let found: Found = found.await?;
    let (digest, is_forever) = (&found.digest, found.is_forever);
    Ok(answer(
        &request,
        &found.document,
        digest,
        is_forever,
        is_public,
    ))
}

fn find(
    hub: &Hub,
    connection: &mut Connection,
    repository: &Repository,
    reference: &str,
) -> Result<Found, OciError> {
    match repository {
        Repository::Foreign(name) => foreign::find(connection, name, reference),
        Repository::Extractor(name) if reference.contains(':') => {
            by_digest(hub, connection, name, &reference.parse()?)
        }
        Repository::Extractor(name) => by_tag(hub, connection, name, reference),
    }
}

/// Push a manifest to a repository that is no extractor, after its blobs; to an extractor nothing is
/// pushed
#[utoipa::path(put, path = "/v2/{name}/manifests/{reference}", tag = "blobs", operation_id = "manifest_push",
    params(("name" = String, Path, description = "The repository"),
        ("reference" = String, Path, description = "A tag, `sha256:<hex>` or `sha512:<hex>`"),
        ("tag" = Option<Vec<String>>, Query, description = "More tags that are to lead to it")),
    request_body(content = serde_json::Value, content_type = "application/vnd.oci.image.manifest.v1+json"),
    responses((status = 201, description = "It is there, at `Location`; `OCI-Subject` is its subject"),
        (status = 400, description = "OCI error `MANIFEST_INVALID` or `DIGEST_INVALID`"),
        (status = 403, description = "OCI error `DENIED`"),
        (status = 404, description = "OCI error `MANIFEST_BLOB_UNKNOWN`: push what it names first"),
        (status = 405, description = "OCI error `UNSUPPORTED`: the repository is an extractor"),
        (status = 413, description = "OCI error `SIZE_INVALID`: more than 4 MiB")))]
pub(in crate::routes) async fn push(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    query: Query,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let Repository::Foreign(repository) = repository_of(&hub, &path.0)? else {
        return Err(releases_only("GET, HEAD"));
    };
    foreign::check_push(&hub, &repository, &publisher.member)?;
    let tags: Vec<String> = query
        .into_inner()
        .into_iter()
        .filter_map(|(key, value)| (key == "tag").then_some(value))
        .collect();
    let push = Push {
        repository,
        member: publisher.member,
        reference: path.into_inner().1,
        tags,
        media_type: media_type(&request),
        bytes: body::read(&request, payload, MANIFEST_BYTES).await?,
    };
    let (pushed, push) = blocking(move || {
        let pushed = foreign::push(&hub, &push, Timestamp::now())?;
        Ok::<_, OciError>((pushed, push))
    })
    .await?;
    let mut response = HttpResponse::Created();
    let location = format!("/v2/{}/manifests/{}", push.repository, pushed.digest);
    response
        .insert_header((header::LOCATION, location))
        .insert_header((CONTENT_DIGEST, pushed.digest.to_string()));
    if let Some(subject) = pushed.subject {
        response.insert_header((SUBJECT, subject));
    }
    for tag in push.tags {
        response.append_header((TAG, tag));
    }
    Ok(response.finish())
}

/// The media type without parameters.
fn media_type(request: &HttpRequest) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    essence.trim().to_owned()
}

/// Delete a tag, or a manifest with all its tags, of a repository that is no extractor
#[utoipa::path(delete, path = "/v2/{name}/manifests/{reference}", tag = "blobs", operation_id = "manifest_delete",
    params(("name" = String, Path, description = "The repository"),
        ("reference" = String, Path, description = "A tag, `sha256:<hex>` or `sha512:<hex>`")),
    responses((status = 202, description = "It is gone"),
        (status = 403, description = "OCI error `DENIED`"),
        (status = 404, description = "OCI error `MANIFEST_UNKNOWN`"),
        (status = 405, description = "OCI error `UNSUPPORTED`: the repository is an extractor")))]
pub(in crate::routes) async fn delete(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (name, reference) = path.into_inner();
    deleted(hub, publisher, &name, move |hub, repository, member| {
        foreign::delete(hub, repository, member, &reference)
    })
    .await
}

/// Answers a GET or HEAD with a document: 200, or 304 when the client has it.
pub(super) fn answer(
    request: &HttpRequest,
    document: &Document,
    digest: &AnyDigest,
    is_forever: bool,
    is_public: bool,
) -> HttpResponse {
    let caching = match is_forever {
        true => forever(is_public),
        false => "no-cache",
    };
    let etag = format!("\"{digest}\"");
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::ETAG, etag.clone()))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((CONTENT_DIGEST, digest.to_string()));
    if is_known(request, &etag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(document.media_type.as_str());
    if request.method() == Method::HEAD {
        let nothing = stream::empty::<io::Result<Bytes>>();
        return response.body(SizedStream::new(document.bytes.len() as u64, nothing));
    }
    response.body(document.bytes.clone())
}
