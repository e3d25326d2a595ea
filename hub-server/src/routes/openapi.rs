//! The API's description (OpenAPI 3.1), made from the handlers.

use actix_web::HttpResponse;
use registry_schema::api::Problem;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    attachments, deltas, extractors, hub, hugging_face, log, members_say, oci, releases, tuf,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Extractor hub",
        description = "A consortium's registry of signed image-feature extractors. Errors are `application/problem+json` (RFC 9457); under `/v2/` they have the form of OCI distribution 1.1, and under the paths of the Hugging Face Hub that of its client."
    ),
    paths(
        hub::info, hub::whoami, tuf::file, tuf::publish, document,
        extractors::search, extractors::show,
        releases::show, releases::publish, releases::yank, releases::readme, releases::file,
        attachments::model_signature,
        members_say::evaluations, members_say::evaluate,
        members_say::advisories, members_say::warn,
        members_say::key_compromises, members_say::take_key_back,
        log::checkpoint, log::tile,
        oci::version, oci::token, oci::blobs::read, oci::blobs::delete, deltas::delta,
        oci::uploads::begin, oci::uploads::status, oci::uploads::append, oci::uploads::finish,
        oci::uploads::cancel,
        oci::manifests::read, oci::manifests::push, oci::manifests::delete,
        oci::tags::list, oci::tags::referrers, oci::tags::repositories,
        hugging_face::info::list, hugging_face::info::info, hugging_face::info::info_at,
        hugging_face::tree::root, hugging_face::tree::folder, hugging_face::tree::paths_info,
        hugging_face::tree::refs, hugging_face::files::file, hugging_face::whoami,
        hub::live, hub::ready, hub::healthz, hub::readyz,
    ),
    components(schemas(Problem)),
    modifiers(&Token),
    security(("token" = []))
)]
struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
    }
}

/// The description as JSON.
pub(crate) fn json() -> String {
    let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// This description
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "hub", operation_id = "openapi", security(()),
    responses((status = 200, body = serde_json::Value)))]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(json())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    #[test]
    fn the_committed_description_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        if std::env::var_os("HUB_UPDATE_DOCS").is_some() {
            std::fs::write(path, super::json()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == super::json(),
            "docs/openapi.json is not what the code says: run the tests with HUB_UPDATE_DOCS=1"
        );
    }
}
