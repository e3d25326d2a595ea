//! The hub itself: what it is, whose token this is, whether it works.

use actix_web::web;
use registry_schema::api::{HubInfo, Problem, WhoAmI};

use crate::app::Hub;
use crate::auth::Holder;
use crate::database::pending_migrations;
use crate::error::Failure;
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

/// Whether the server can do its work: the database answers and the disk has room
#[utoipa::path(get, path = "/health/ready", tag = "health", operation_id = "ready", security(()),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 507, body = Problem)))]
pub(super) async fn ready(hub: web::Data<Hub>) -> Result<&'static str, Failure> {
    blocking(move || {
        hub.database.with(pending_migrations)?;
        hub.blobs.check_room(0)?;
        Ok::<_, Failure>("ready\n")
    })
    .await
}
