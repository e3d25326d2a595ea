//! The consortium's trust root: a TUF repository under `/tuf/`, and changes of it.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use registry_schema::api::{Problem, ProblemCode, TrustRootInfo};
use registry_schema::limits;

use crate::app::Hub;
use crate::auth::Publisher;
use crate::error::Failure;
use crate::routes::{blocking, body};
use crate::trust_change::change_trust_root;

/// A file of the trust root (TUF 1.0, consistent snapshots), such as `metadata/1.root.json`; needs no token
#[utoipa::path(get, path = "/tuf/{path}", tag = "trust root", operation_id = "trust_file", security(()),
    params(("path" = String, Path, description = "`metadata/timestamp.json`, `metadata/<version>.<role>.json` or `targets/<folder>/<sha256>.<name>`")),
    responses((status = 200, body = String, content_type = "application/json"),
        (status = 404, body = Problem)))]
pub(super) async fn file(
    hub: web::Data<Hub>,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let path = path.into_inner();
    // Everything but the timestamp has its version or digest in its name.
    let age = match path.as_str() {
        "metadata/timestamp.json" => "public, max-age=5",
        _ => "public, max-age=31536000, immutable",
    };
    let media_type = match path.rsplit_once('.') {
        Some((_, "policy")) => "text/plain; charset=utf-8",
        _ => "application/json",
    };
    let unknown = Failure::new(
        ProblemCode::NotFound,
        format!("the trust root has no `{path}`"),
    );
    let content = blocking(move || hub.trust.file(&path)).await?;
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CACHE_CONTROL, age))
        .body(content.ok_or(unknown)?))
}

/// Publish a change of the trust root: a draft that enough members have signed
#[utoipa::path(post, path = "/api/v1/trust-root", tag = "trust root", operation_id = "publish_trust_root",
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = TrustRootInfo), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
pub(super) async fn publish(
    publisher: Publisher,
    hub: web::Data<Hub>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<TrustRootInfo>, Failure> {
    let limit = usize::try_from(limits::DRAFT_BYTES).unwrap_or(usize::MAX);
    let bytes = body::read(&request, payload, limit).await?;
    let draft = String::from_utf8(bytes)
        .map_err(|_| Failure::new(ProblemCode::MalformedRequest, "the draft is not UTF-8"))?;
    let member = publisher.member;
    let info = blocking(move || change_trust_root(&hub, &draft, Timestamp::now())).await?;
    tracing::info!(%member, root = info.root, targets = info.targets, "the trust root has changed");
    Ok(web::Json(info))
}
