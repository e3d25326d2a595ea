//! Uploading blobs: begun by POST, continued by PATCH from the byte where it ended, made a blob by
//! PUT when the digest is right.

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use registry_schema::api::{ProblemCode, UPLOAD_BYTES_HEADER};
use registry_schema::name::MemberName;
use serde::Deserialize;

use crate::app::Hub;
use crate::auth::Publisher;
use crate::cause::chain;
use crate::database::oci::{KeptBlob, find_blob, find_blob_anywhere};
use crate::database::{Connection, DatabaseError, blobs, collection};
use crate::error::Failure;
use crate::oci::foreign::check_push;
use crate::publish::check_owner;
use crate::repository::{AnyDigest, Repository};
use crate::routes::blocking;
use crate::routes::body::{announced, pour};
use crate::routes::oci::{digest_of, other_algorithm, repository_of};
use crate::routes::parameters::OfRepository;
use crate::uploads::{Upload, UploadError, bind};

/// What OCI's clients may add to an upload's address.
#[derive(Debug, Deserialize)]
pub(in crate::routes) struct UploadQuery {
    digest: Option<String>,
    mount: Option<String>,
    from: Option<String>,
    #[serde(rename = "digest-algorithm")]
    digest_algorithm: Option<String>,
}

type UploadPath = web::Path<(String, String)>;

/// Begin an upload; with `digest` and a body it is all of it; with `mount` and `from` the blob comes
/// from another name of this hub
#[utoipa::path(post, path = "/v2/{name}/blobs/uploads/", tag = "blobs", operation_id = "upload_begin",
    params(OfRepository,
        ("digest" = Option<String>, Query, description = "Digest of the body, which is the whole blob"),
        ("mount" = Option<String>, Query, description = "Digest of a blob that is there"),
        ("from" = Option<String>, Query, description = "The name under which it is there")),
    responses((status = 201, description = "The blob is there, at `Location`"),
        (status = 202, description = "Go on at `Location`"),
        (status = 401, description = "OCI error `UNAUTHORIZED`"),
        (status = 403, description = "OCI error `DENIED`")))]
pub(in crate::routes) async fn begin(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: web::Path<String>,
    query: web::Query<UploadQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let repository = repository_of(&hub, &path)?;
    check_push_to(&hub, &repository, &publisher.member)?;
    match (query.digest_algorithm.as_deref(), &repository) {
        (None | Some("sha256"), _) | (Some("sha512"), Repository::Foreign(_)) => {}
        _ => return Err(other_algorithm()),
    }
    let digest = match query.digest.as_deref() {
        Some(text) => Some(digest_in(&repository, text)?),
        None => None,
    };
    if let Some(mount) = &query.mount
        && let Some(mounted) = mount_blob(&hub, &repository, mount, query.from.clone()).await?
    {
        return Ok(created(&repository, &mounted));
    }
    let upload = hub.uploads.begin(&repository, &publisher.member).await?;
    let Some(digest) = digest else {
        return Ok(accepted(HttpResponse::Accepted(), &upload, 0).finish());
    };
    if let Err(error) = take_whole(&hub, &upload, &digest, &request, payload).await {
        // The client does not know this upload, so nobody would go on with it.
        if let Err(error) = hub.uploads.cancel(&upload).await {
            tracing::warn!(error = chain(&error), "an upload is left for later");
        }
        return Err(error.into());
    }
    Ok(created(&repository, &digest))
}

/// Takes an upload that comes in one request.
async fn take_whole(
    hub: &Hub,
    upload: &Upload,
    digest: &AnyDigest,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(), UploadError> {
    let writer = hub.uploads.writer(upload, Some(0)).await?;
    let writer = pour(request, payload, writer).await?;
    hub.uploads.finish(upload, writer, digest).await
}

/// Refuses those who may not push to a repository: others than the owners of an extractor, others than
/// the operator lets.
fn check_push_to(hub: &Hub, repository: &Repository, member: &MemberName) -> Result<(), Failure> {
    match repository {
        Repository::Extractor(name) => Ok(check_owner(hub, name, member)?),
        Repository::Foreign(name) => Ok(check_push(hub, name, member)?),
    }
}

/// A digest by which a blob may be named in a repository.
fn digest_in(repository: &Repository, text: &str) -> Result<AnyDigest, Failure> {
    match (repository, digest_of(text)?) {
        (Repository::Extractor(_), AnyDigest::Sha512(_)) => Err(other_algorithm()),
        (_, digest) => Ok(digest),
    }
}

/// Makes a blob of another repository readable in this one too. Whoever may push may read all that is
/// here, so `from` may be left out. What cannot be mounted is to be uploaded.
async fn mount_blob(
    hub: &web::Data<Hub>,
    repository: &Repository,
    mount: &str,
    from: Option<String>,
) -> Result<Option<AnyDigest>, Failure> {
    let Ok(digest) = digest_in(repository, mount) else {
        return Ok(None);
    };
    let from = from.map(|from| repository_of(hub, &from)).transpose();
    let Ok(from) = from else {
        return Ok(None);
    };
    let (hub, repository) = (hub.clone(), repository.clone());
    blocking(move || {
        let look = |connection: &mut Connection| source(connection, from.as_ref(), &digest);
        let Some(kept) = hub.database.with(look)? else {
            return Ok(None);
        };
        if hub.blobs.size_bytes(&kept.content)? != Some(kept.size_bytes) {
            return Ok(None);
        }
        hub.database.transaction(|connection| {
            // What can be read in a repository is not removed as long as this is held.
            collection::hold(connection)?;
            if look(connection)? != Some(kept) {
                return Ok(None);
            }
            bind(connection, &repository, &digest, kept)?;
            Ok::<_, Failure>(Some(digest))
        })
    })
    .await
}

/// A blob that is to be mounted.
fn source(
    connection: &mut Connection,
    from: Option<&Repository>,
    digest: &AnyDigest,
) -> Result<Option<KeptBlob>, DatabaseError> {
    let text = digest.to_string();
    let of_releases = |size_bytes: Option<u64>| match digest {
        AnyDigest::Sha256(content) => size_bytes.map(|size_bytes| KeptBlob {
            content: *content,
            size_bytes,
        }),
        AnyDigest::Sha512(_) => None,
    };
    match (from, digest) {
        (Some(Repository::Foreign(name)), _) => find_blob(connection, name.as_str(), &text),
        (Some(Repository::Extractor(name)), AnyDigest::Sha256(content)) => {
            Ok(of_releases(blobs::size_bytes(connection, name, content)?))
        }
        (None, AnyDigest::Sha256(content)) => match find_blob_anywhere(connection, &text)? {
            Some(kept) => Ok(Some(kept)),
            None => Ok(of_releases(blobs::size_anywhere(connection, content)?)),
        },
        (None, AnyDigest::Sha512(_)) => find_blob_anywhere(connection, &text),
        (Some(Repository::Extractor(_)), AnyDigest::Sha512(_)) => Ok(None),
    }
}

/// How much of an upload has arrived, in `Range`, and without doubt in `Hub-Upload-Bytes`
#[utoipa::path(get, path = "/v2/{name}/blobs/uploads/{upload}", tag = "blobs",
    operation_id = "upload_status",
    params(OfRepository,
        ("upload" = String, Path, description = "As `Location` gave it")),
    responses((status = 204, description = "`Range: 0-<last byte>`"),
        (status = 404, description = "OCI error `BLOB_UPLOAD_UNKNOWN`")))]
pub(in crate::routes) async fn status(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: UploadPath,
) -> Result<HttpResponse, Failure> {
    let upload = find(&hub, &publisher, &path).await?;
    let size_bytes = hub.uploads.size_bytes(&upload).await?;
    let mut response = accepted(HttpResponse::NoContent(), &upload, size_bytes);
    if size_bytes == 0 {
        // What other registries say, and their clients expect; the hub's own header is without doubt.
        response.insert_header((header::RANGE, "0-0"));
    }
    Ok(response.finish())
}

/// Append to an upload, from the byte where it ended
#[utoipa::path(patch, path = "/v2/{name}/blobs/uploads/{upload}", tag = "blobs",
    operation_id = "upload_append",
    params(OfRepository,
        ("upload" = String, Path, description = "As `Location` gave it"),
        ("Content-Range" = Option<String>, Header, description = "`<first>-<last>`")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 202, description = "`Range: 0-<last byte>`"),
        (status = 404, description = "OCI error `BLOB_UPLOAD_UNKNOWN`"),
        (status = 413, description = "OCI error `SIZE_INVALID`"),
        (status = 416, description = "The piece does not start where the upload ended"),
        (status = 507, description = "The disk is full; what arrived before is kept")))]
pub(in crate::routes) async fn append(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: UploadPath,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let upload = find(&hub, &publisher, &path).await?;
    let first = content_range(&request)?;
    let writer = hub.uploads.writer(&upload, first).await.map_err(gap)?;
    let writer = pour(&request, payload, writer).await?;
    Ok(accepted(HttpResponse::Accepted(), &upload, writer.size_bytes()).finish())
}

/// Make an upload a blob, after appending the body if there is one
#[utoipa::path(put, path = "/v2/{name}/blobs/uploads/{upload}", tag = "blobs",
    operation_id = "upload_finish",
    params(OfRepository,
        ("upload" = String, Path, description = "As `Location` gave it"),
        ("digest" = String, Query, description = "Digest of the whole blob")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "The blob is there, at `Location`"),
        (status = 400, description = "OCI error `DIGEST_INVALID`: the upload is removed"),
        (status = 404, description = "OCI error `BLOB_UPLOAD_UNKNOWN`")))]
pub(in crate::routes) async fn finish(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: UploadPath,
    query: web::Query<UploadQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let repository = repository_of(&hub, &path.0)?;
    let digest = digest_in(&repository, query.digest.as_deref().unwrap_or_default())?;
    let upload = find(&hub, &publisher, &path).await?;
    let first = content_range(&request)?;
    let writer = hub.uploads.writer(&upload, first).await.map_err(gap)?;
    // HTTP/2 tells of no body beforehand: it ends at once when there is none.
    let writer = pour(&request, payload, writer).await?;
    hub.uploads.finish(&upload, writer, &digest).await?;
    Ok(created(&upload.repository, &digest))
}

/// Give an upload up
#[utoipa::path(delete, path = "/v2/{name}/blobs/uploads/{upload}", tag = "blobs",
    operation_id = "upload_cancel",
    params(OfRepository,
        ("upload" = String, Path, description = "As `Location` gave it")),
    responses((status = 204, description = "It is gone"),
        (status = 404, description = "OCI error `BLOB_UPLOAD_UNKNOWN`")))]
pub(in crate::routes) async fn cancel(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: UploadPath,
) -> Result<HttpResponse, Failure> {
    let upload = find(&hub, &publisher, &path).await?;
    hub.uploads.cancel(&upload).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn find(
    hub: &Hub,
    publisher: &Publisher,
    path: &(String, String),
) -> Result<Upload, Failure> {
    let repository = repository_of(hub, &path.0)?;
    check_push_to(hub, &repository, &publisher.member)?;
    Ok(hub
        .uploads
        .find(&repository, &path.1, &publisher.member)
        .await?)
}

/// Where the body starts, from `Content-Range: <first>-<last>`, the form of OCI without unit and
/// total.
fn content_range(request: &HttpRequest) -> Result<Option<u64>, Failure> {
    let Some(value) = request.headers().get(header::CONTENT_RANGE) else {
        return Ok(None);
    };
    let range = value.to_str().ok().and_then(|text| {
        let (first, last) = text
            .strip_prefix("bytes ")
            .unwrap_or(text)
            .split_once('-')?;
        let last = last.split('/').next()?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    });
    let fits = |(first, last): &(u64, u64)| {
        announced(request).is_none_or(|length| {
            first
                .checked_add(length)
                .is_some_and(|end| end == last.saturating_add(1) || length == 0)
        })
    };
    match range.filter(fits) {
        Some((first, _)) => Ok(Some(first)),
        None => Err(Failure::new(
            ProblemCode::MalformedRequest,
            "`Content-Range` must be `<first>-<last>` and fit the body's length",
        )
        .oci("BLOB_UPLOAD_INVALID")),
    }
}

/// A piece that does not follow: the answer says where the upload ended.
fn gap(error: UploadError) -> Failure {
    let state = match &error {
        UploadError::Gap {
            upload, expected, ..
        } => Some((location(upload), *expected)),
        _ => None,
    };
    let failure = Failure::from(error);
    match state {
        Some((location, size_bytes)) => {
            let bytes = HeaderName::from_static(UPLOAD_BYTES_HEADER);
            let failure = failure
                .header(header::LOCATION, &location)
                .header(bytes, &size_bytes.to_string());
            match range(size_bytes) {
                Some(range) => failure.header(header::RANGE, &range),
                None => failure,
            }
        }
        None => failure,
    }
}

fn accepted(
    mut response: HttpResponseBuilder,
    upload: &Upload,
    size_bytes: u64,
) -> HttpResponseBuilder {
    response
        .insert_header((header::LOCATION, location(upload)))
        .insert_header(("docker-upload-uuid", upload.id.clone()))
        .insert_header((UPLOAD_BYTES_HEADER, size_bytes.to_string()));
    if let Some(range) = range(size_bytes) {
        response.insert_header((header::RANGE, range));
    }
    response
}

/// `0-<last byte>`; an empty upload has no last byte, and no header says so without doubt.
fn range(size_bytes: u64) -> Option<String> {
    size_bytes.checked_sub(1).map(|last| format!("0-{last}"))
}

fn location(upload: &Upload) -> String {
    format!("/v2/{}/blobs/uploads/{}", upload.repository, upload.id)
}

fn created(repository: &Repository, digest: &AnyDigest) -> HttpResponse {
    HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v2/{repository}/blobs/{digest}")))
        .insert_header(("docker-content-digest", digest.to_string()))
        .finish()
}
