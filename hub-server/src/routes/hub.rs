//! The hub itself: what it is, whose token this is, whether it works, what it counts.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use registry_schema::api::{HubInfo, Problem, ProblemCode, WhoAmI};

use crate::app::Hub;
use crate::auth::Holder;
use crate::error::Failure;
use crate::metrics::{self, Metrics};
use crate::routes::blocking;

/// What this hub is; needs no token
#[utoipa::path(get, path = "/api/v1", tag = "hub", operation_id = "info", security(()),
    responses((status = 200, body = HubInfo)))]
pub(super) async fn info(hub: web::Data<Hub>) -> web::Json<HubInfo> {
    let trust = hub.trust_root();
    web::Json(HubInfo {
        consortium: trust.root.consortium().to_owned(),
        trust_root: trust.info(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        public: hub.is_public,
    })
}

/// Whose token this is
#[utoipa::path(get, path = "/api/v1/whoami", tag = "hub", operation_id = "whoami",
    responses((status = 200, body = WhoAmI), (status = 401, body = Problem)))]
pub(super) async fn whoami(Holder(identity): Holder) -> web::Json<WhoAmI> {
    web::Json(WhoAmI {
        member: identity.member,
        scope: identity.scope,
        expires_at: identity.expires_at.to_string(),
    })
}

/// Whether the server runs
#[utoipa::path(get, path = "/health/live", tag = "health", operation_id = "live", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Whether the server runs, under the name that Kubernetes knows
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "healthz", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    live().await
}

/// Whether the server can do its work: the database answers, the log can be written, the disk has room, the
/// certificate has not ended
#[utoipa::path(get, path = "/health/ready", tag = "health", operation_id = "ready", security(()),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 500, body = Problem), (status = 503, body = Problem),
        (status = 507, body = Problem)))]
pub(super) async fn ready(
    hub: web::Data<Hub>,
    metrics: web::Data<Metrics>,
) -> Result<&'static str, Failure> {
    blocking(move || {
        let end = metrics.certificate_end();
        if let Some(end) = end.filter(|end| *end <= Timestamp::now()) {
            let detail = format!("the server's certificate ended at {end}");
            return Err(Failure::new(ProblemCode::Unavailable, detail)
                .hint("put a new one into its files: the server takes it within seconds"));
        }
        hub.database.tables()?;
        hub.log.check_writer()?;
        hub.blobs.check_ready()?;
        Ok::<_, Failure>("ready\n")
    })
    .await
}

/// Whether the server can do its work, under the name that Kubernetes knows
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "readyz", security(()),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 500, body = Problem), (status = 503, body = Problem),
        (status = 507, body = Problem)))]
pub(super) async fn readyz(
    hub: web::Data<Hub>,
    metrics: web::Data<Metrics>,
) -> Result<&'static str, Failure> {
    ready(hub, metrics).await
}

/// What the server counts, for Prometheus; not at the address of the API.
pub(super) async fn metrics(
    hub: web::Data<Hub>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse, Failure> {
    let text = blocking(move || Ok::<_, Failure>(metrics.text(&hub))).await?;
    Ok(HttpResponse::Ok()
        .content_type(metrics::MEDIA_TYPE)
        .body(text))
}
