//! Reading blobs.

use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::ProblemCode;

use crate::app::Hub;
use crate::auth::Reader;
use crate::database::blobs;
use crate::error::Failure;
use crate::resolve::{ResolveError, check_mirrored};
use crate::routes::blocking;
use crate::routes::download::{Download, send};
use crate::routes::oci::{digest_of, repository_of};

/// A blob, or a range of it. It can be read under every name it was uploaded for
#[utoipa::path(get, path = "/v2/{name}/blobs/{digest}", tag = "blobs", operation_id = "blob",
    params(("name" = String, Path, description = "The extractor's name, with its slash if it has one"),
        ("digest" = String, Path, description = "`sha256:<hex>`"),
        ("Range" = Option<String>, Header, description = "One range of bytes, closed, open or suffix")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
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
        Ok::<_, Failure>(opened.filter(|(_, size_bytes)| bound == Some(*size_bytes)))
    })
    .await?;
    let (file, size_bytes) = opened.ok_or_else(|| unknown.oci("BLOB_UNKNOWN"))?;
    let download = Download {
        file,
        size_bytes,
        digest,
        media_type: "application/octet-stream",
        is_forever: true,
        is_public,
    };
    send(&request, download)
}
