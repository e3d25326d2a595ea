//! Reading blobs.

use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::ProblemCode;

use crate::app::Hub;
use crate::auth::Reader;
use crate::database::blobs;
use crate::error::Failure;
use crate::resolve::{ResolveError, check_mirrored};
use crate::routes::blocking;
use crate::routes::download::{Download, OCTETS, elsewhere, send};
use crate::routes::oci::{digest_of, repository_of};

/// A blob, or a range of it. It can be read under every name it was uploaded for
#[utoipa::path(get, path = "/v2/{name}/blobs/{digest}", tag = "blobs", operation_id = "blob",
    params(("name" = String, Path, description = "The extractor's name, with its slash if it has one"),
        ("digest" = String, Path, description = "`sha256:<hex>`"),
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
    let (name, digest) = (repository_of(&path.0)?, digest_of(&path.1)?);
    let unknown = Failure::new(
        ProblemCode::NotFound,
        format!("there is no blob {digest} under `{name}`"),
    );
    let is_public = hub.is_public;
    let opened = blocking(move || {
        let bound = hub.database.with(|connection| {
            if hub.mirror.is_some() {
                check_mirrored(connection, &name, &digest)?;
            }
            Ok::<_, ResolveError>(blobs::size_bytes(connection, &name, &digest)?)
        })?;
        let opened = hub.blobs.open(&digest)?;
        let Some((blob, size_bytes)) = opened.filter(|(_, size)| bound == Some(*size)) else {
            return Ok(None);
        };
        let elsewhere = elsewhere(&hub, &digest, size_bytes, OCTETS)?;
        Ok::<_, Failure>(Some((blob, size_bytes, elsewhere)))
    })
    .await?;
    let (blob, size_bytes, elsewhere) = opened.ok_or_else(|| unknown.oci("BLOB_UNKNOWN"))?;
    let download = Download {
        blob,
        elsewhere,
        size_bytes,
        digest,
        media_type: OCTETS,
        is_forever: true,
        is_public,
    };
    send(&request, download)
}
