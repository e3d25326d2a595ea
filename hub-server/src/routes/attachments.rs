//! `model.sig` of a release.

use actix_web::{HttpRequest, HttpResponse, web};
use registry_schema::api::{AttachBlob, AttachedBlob, Problem};

use super::releases::created;
use super::{blocking, body, malformed, name_of, version_of};
use crate::app::Hub;
use crate::attach::{AttachRequest, attach};
use crate::auth::Publisher;
use crate::error::Failure;
use crate::routes::parameters::OfRelease;

/// Longest body: a digest in JSON.
const BODY_BYTES: usize = 1_000;

/// Make an uploaded blob the `model.sig` of a release, in place of an earlier one
#[utoipa::path(put, path = "/api/v1/extractors/{namespace}/{name}/releases/{version}/model-signature",
    tag = "releases", operation_id = "attach_model_signature",
    params(OfRelease),
    request_body(content = AttachBlob),
    responses((status = 201, description = "Recorded", body = AttachedBlob),
        (status = 200, description = "Was recorded before", body = AttachedBlob),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 422, body = Problem)))]
pub(super) async fn model_signature(
    publisher: Publisher,
    hub: web::Data<Hub>,
    path: web::Path<(String, String, String)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let bytes = body::read(&request, payload, BODY_BYTES).await?;
    let blob: AttachBlob = serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
    let wish = AttachRequest {
        name: name_of(&path.0, &path.1)?,
        version: version_of(&path.2)?,
        digest: blob.digest,
        member: publisher.member,
    };
    let recorded = blocking(move || attach(&hub, &wish)).await?;
    Ok(created(recorded.is_new).json(recorded.answer))
}
