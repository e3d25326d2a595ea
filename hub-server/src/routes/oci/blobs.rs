//! Reading and deleting blobs.

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::Hub;
use crate::auth::{Publisher, Reader};
use crate::database::oci::{KeptBlob, find_blob};
use crate::error::Failure;
use crate::oci::{Document, OciError, bound_size, foreign, made_blob};
use crate::repository::{AnyDigest, Repository};
use crate::routes::blocking;
use crate::routes::download::{Download, OCTETS, elsewhere, send};
use crate::routes::oci::manifests::{CONTENT_DIGEST, answer};
use crate::routes::oci::{deleted, digest_of, other_algorithm, repository_of};
use crate::routes::parameters::OfRepository;

/// A blob as it is found.
enum Opened {
    Uploaded(Download),
    Made(Document),
}

/// A blob, or a range of it. It can be read in every repository it was uploaded to
#[utoipa::path(get, path = "/v2/{name}/blobs/{digest}", tag = "blobs", operation_id = "blob",
    params(OfRepository,
        ("digest" = String, Path, description = "`sha256:<hex>`; in repositories that are no extractors `sha512:<hex>` too"),
        ("Range" = Option<String>, Header, description = "One range of bytes, closed, open or suffix")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 307, description = "It is to be had at `Location`, in the object store, for a while; a hub that is told to does so for large ones"),
        (status = 401, description = "OCI error `UNAUTHORIZED`"),
        (status = 404, description = "OCI error `BLOB_UNKNOWN`, also for what is not in a mirror"),
        (status = 416, description = "OCI error `SIZE_INVALID`")))]
pub(in crate::routes) async fn read(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (repository, digest) = (repository_of(&hub, &path.0)?, digest_of(&path.1)?);
    if let (Repository::Extractor(_), AnyDigest::Sha512(_)) = (&repository, &digest) {
        return Err(other_algorithm());
    }
    let is_public = hub.is_public;
    let unknown = OciError::NoBlob {
        repository: repository.to_string(),
        digest: digest.to_string(),
    };
    let opened = blocking(move || open(&hub, &repository, &digest)).await?;
    match opened.ok_or(unknown)? {
        Opened::Made(document) => Ok(answer(&request, &document, &digest, true, is_public)),
        Opened::Uploaded(download) => {
            let mut response = send(&request, download)?;
            // The client's own word for it, which may be SHA-512.
            if let Ok(value) = HeaderValue::from_str(&digest.to_string()) {
                response.headers_mut().insert(CONTENT_DIGEST, value);
            }
            Ok(response)
        }
    }
}

fn open(
    hub: &Hub,
    repository: &Repository,
    digest: &AnyDigest,
) -> Result<Option<Opened>, OciError> {
    let kept = match (repository, digest) {
        (Repository::Foreign(name), _) => hub
            .database
            .with(|connection| find_blob(connection, name.as_str(), &digest.to_string()))?,
        (Repository::Extractor(name), AnyDigest::Sha256(content)) => hub
            .database
            .with(|connection| bound_size(hub, connection, name, content))?
            .map(|size_bytes| KeptBlob {
                content: *content,
                size_bytes,
            }),
        (Repository::Extractor(_), AnyDigest::Sha512(_)) => None,
    };
    if let Some(kept) = kept
        && let Some(blob) = hub.blobs.open_of(&kept.content, kept.size_bytes)?
    {
        let size_bytes = kept.size_bytes;
        return Ok(Some(Opened::Uploaded(Download {
            blob,
            elsewhere: elsewhere(hub, &kept.content, size_bytes, OCTETS)?,
            size_bytes,
            digest: kept.content,
            media_type: OCTETS,
            is_forever: true,
            is_public: hub.is_public,
        })));
    }
    let (Repository::Extractor(name), AnyDigest::Sha256(digest)) = (repository, digest) else {
        return Ok(None);
    };
    let made = hub
        .database
        .with(|connection| made_blob(hub, connection, name, digest))?;
    Ok(made.map(Opened::Made))
}

/// Delete a blob of a repository that is no extractor
#[utoipa::path(delete, path = "/v2/{name}/blobs/{digest}", tag = "blobs", operation_id = "blob_delete",
    params(("name" = String, Path, description = "The repository"),
        ("digest" = String, Path, description = "`sha256:<hex>` or `sha512:<hex>`")),
    responses((status = 202, description = "It is gone from this repository"),
        (status = 403, description = "OCI error `DENIED`"),
        (status = 404, description = "OCI error `BLOB_UNKNOWN`"),
        (status = 405, description = "OCI error `UNSUPPORTED`: the repository is an extractor")))]
pub(in crate::routes) async fn delete(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let digest = digest_of(&path.1)?;
    deleted(hub, publisher, &path.0, move |hub, repository, member| {
        foreign::delete_blob(hub, repository, member, &digest)
    })
    .await
}
