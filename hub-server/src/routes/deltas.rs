//! What blobs have in common.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use registry_schema::api::{Delta, Problem, ProblemCode};
use registry_schema::digest::Digest;
use serde::Deserialize;

use super::{blocking, malformed, name_of};
use crate::app::Hub;
use crate::auth::Reader;
use crate::database::blobs;
use crate::error::Failure;
use crate::resolve::check_mirrored;
use crate::routes::download::forever;
use crate::routes::parameters::OfName;

/// From which blob.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeltaQuery {
    from: Digest,
}

/// How a blob is put together from an earlier one of the same name, so that only the rest is fetched
#[utoipa::path(get, path = "/api/v1/extractors/{namespace}/{name}/blobs/{digest}/delta",
    tag = "blobs", operation_id = "delta",
    params(OfName,
        ("digest" = String, Path, description = "`sha256:<hex>` of the blob that is wanted"),
        ("from" = String, Query, description = "`sha256:<hex>` of the blob that is there")),
    responses((status = 200, body = Delta), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, description = "It is still being made: fetch the whole", body = Problem)))]
pub(super) async fn delta(
    _: Reader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String, String)>,
    query: web::Query<DeltaQuery>,
) -> Result<HttpResponse, Failure> {
    let name = name_of(&path.0, &path.1)?;
    let blob: Digest = path.2.parse().map_err(|error| malformed(&error))?;
    let (earlier, deltas, is_public) = (query.from, hub.deltas.clone(), hub.is_public);
    blocking(move || {
        hub.database.with(|connection| {
            for digest in [blob, earlier] {
                if hub.mirror.is_some() {
                    check_mirrored(connection, &name, &digest)?;
                }
                if blobs::size_bytes(connection, &name, &digest)?.is_none() {
                    let detail = format!("there is no blob {digest} under `{name}`");
                    return Err(Failure::new(ProblemCode::NotFound, detail));
                }
            }
            Ok::<_, Failure>(())
        })
    })
    .await?;
    let delta = deltas.between(blob, earlier).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, forever(is_public)))
        .json(delta))
}
