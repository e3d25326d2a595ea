//! One file of a release.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::Problem;
use registry_schema::name::Name;

use super::{Revision, repository};
use crate::app::Hub;
use crate::auth::Reader;
use crate::database::Connection;
use crate::error::Failure;
use crate::resolve::commit_of;
use crate::routes::download::send;
use crate::routes::parameters::OfModel;
use crate::routes::releases::open_file;

/// One file of a release, or a range of it. `X-Repo-Commit` names the release, `X-Linked-Etag` is the
/// file's SHA-256
#[utoipa::path(get, path = "/{name}/resolve/{revision}/{path}", tag = "Hugging Face Hub",
    operation_id = "hf_file",
    params(OfModel,
        ("revision" = String, Path, description = "`main`, `2`, `2.3`, `2.3.1` or a commit"),
        ("path" = String, Path, description = "The file's path in the release, slashes included"),
        ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 307, description = "It is to be had at `Location`, in the object store, for a while; a hub that is told to does so for large ones"),
        (status = 401, body = Problem),
        (status = 404, description = "`X-Error-Code` is `RepoNotFound`, `RevisionNotFound` or `EntryNotFound`", body = Problem),
        (status = 416, body = Problem)))]
pub(in crate::routes) async fn file(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (name, revision) = (repository(&path.0)?, Revision::parse(&path.1)?);
    let is_forever = revision.is_forever();
    let find = move |connection: &mut Connection, name: &Name, covered| {
        revision.resolve(connection, name, covered)
    };
    let (release, download) = open_file(hub, name, &path.2, is_forever, find).await?;
    let facts = [
        ("x-repo-commit", commit_of(&release).to_owned()),
        ("x-linked-etag", format!("\"{}\"", download.digest.to_hex())),
        ("x-linked-size", download.size_bytes.to_string()),
    ];
    let mut response = send(&request, download)?;
    for (name, value) in facts {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}
