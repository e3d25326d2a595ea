//! The whole URL table. Handlers read the request, call one function of a lower floor on a thread
//! that may wait, and write the answer.

mod attachments;
mod body;
mod conditional;
mod deltas;
mod download;
mod extractors;
mod hub;
mod hugging_face;
mod log;
mod members_say;
mod oci;
pub(crate) mod openapi;
mod pages;
mod parameters;
mod range;
mod releases;
mod tuf;

use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Scope};
use registry_schema::api::{CONSORTIUM_NAMESPACE, ProblemCode};
use registry_schema::name::Name;
use registry_schema::reference::{Requirement, parse_version};
use semver::Version;

use crate::error::Failure;

/// Every path, with the word the journal has for it and the methods it takes.
pub(crate) fn table(config: &mut ServiceConfig) {
    config
        .configure(pages::table)
        .service(at("/health/live", "health", "GET").get(hub::live))
        .service(at("/health/ready", "health", "GET").get(hub::ready))
        .service(at("/healthz", "health", "GET").get(hub::healthz))
        .service(at("/readyz", "health", "GET").get(hub::readyz))
        .service(at("/api/v1", "info", "GET").get(hub::info))
        .service(
            web::scope("/api/v1")
                .on("/trust-root", "trust root", "POST", |at| {
                    at.route(web::post().to(tuf::publish))
                })
                .on("/whoami", "whoami", "GET", |at| at.get(hub::whoami))
                .on("/openapi.json", "openapi", "GET", |at| {
                    at.get(openapi::document)
                })
                .on("/extractors", "search", "GET", |at| {
                    at.get(extractors::search)
                })
                .on("/extractors/{namespace}/{name}", "show", "GET", |at| {
                    at.get(extractors::show)
                })
                .on(
                    "/extractors/{namespace}/{name}/blobs/{digest}/delta",
                    "delta",
                    "GET",
                    |at| at.get(deltas::delta),
                )
                .on(
                    "/extractors/{namespace}/{name}/advisories",
                    "advisories",
                    "GET, POST",
                    |at| {
                        at.get(members_say::advisories)
                            .route(web::post().to(members_say::warn))
                    },
                )
                .on("/key-compromises", "key-compromises", "GET, POST", |at| {
                    at.get(members_say::key_compromises)
                        .route(web::post().to(members_say::take_key_back))
                })
                .service(extractor_scope()),
        )
        .service(at("/log/checkpoint", "log", "GET").get(log::checkpoint))
        .service(at("/log/tile/{path:.*}", "log", "GET").get(log::tile))
        .service(at("/tuf/{path:.*}", "tuf", "GET").get(tuf::file))
        .configure(oci_table)
        .configure(hugging_face_table)
        .default_service(web::to(unknown_path));
}

/// The paths of the OCI distribution protocol. A repository's name may have any number of parts, so
/// those with more after it come first.
fn oci_table(config: &mut ServiceConfig) {
    use oci::{blobs, manifests, tags, uploads};
    config
        .service(at("/v2/", "oci", "GET").get(oci::version))
        .service(at("/v2/token", "oci", "GET").get(oci::token))
        .service(at("/v2/_catalog", "oci", "GET").get(tags::repositories))
        .service(v2("/blobs/uploads/", "uploads", "POST").route(web::post().to(uploads::begin)))
        .service(
            v2(
                "/blobs/uploads/{upload}",
                "upload",
                "GET, PATCH, PUT, DELETE",
            )
            .get(uploads::status)
            .route(web::patch().to(uploads::append))
            .route(web::put().to(uploads::finish))
            .route(web::delete().to(uploads::cancel)),
        )
        .service(
            v2("/blobs/{digest}", "blob", "GET, HEAD, DELETE")
                .get(blobs::read)
                .route(web::head().to(blobs::read))
                .route(web::delete().to(blobs::delete)),
        )
        .service(
            v2(
                "/manifests/{reference}",
                "manifest",
                "GET, HEAD, PUT, DELETE",
            )
            .get(manifests::read)
            .route(web::head().to(manifests::read))
            .route(web::put().to(manifests::push))
            .route(web::delete().to(manifests::delete)),
        )
        .service(v2("/tags/list", "oci", "GET").get(tags::list))
        .service(v2("/referrers/{digest}", "oci", "GET").get(tags::referrers))
        .service(at("/v2/{rest:.*}", "oci", "").default_service(web::to(oci::unknown)));
}

/// The paths of the Hugging Face Hub's protocol, whose names take in most others: after all of those.
fn hugging_face_table(config: &mut ServiceConfig) {
    use hugging_face::{files, info, tree};
    config
        .service(at("/api/whoami-v2", "whoami", "GET").get(hugging_face::whoami))
        .service(at("/api/models", "hf", "GET").get(info::list))
        .service(model("/refs", "GET").get(tree::refs))
        .service(model("/revision/{revision}", "GET").get(info::info_at))
        .service(model("/tree/{revision}", "GET").get(tree::root))
        .service(model("/tree/{revision}/{path:.*}", "GET").get(tree::folder))
        .service(model("/paths-info/{revision}", "POST").route(web::post().to(tree::paths_info)))
        .service(model("", "GET").get(info::info))
        .service(
            repository("", "/resolve/{revision}/{path:.*}", "hf file", "GET, HEAD")
                .get(files::file)
                .route(web::head().to(files::file)),
        );
}

/// Every path at the address that watches the server.
pub(crate) fn watched(config: &mut ServiceConfig) {
    config
        .service(at("/metrics", "metrics", "GET").get(hub::metrics))
        .service(at("/healthz", "health", "GET").get(hub::healthz))
        .service(at("/readyz", "health", "GET").get(hub::readyz))
        .default_service(web::to(unknown_path));
}

fn extractor_scope() -> Scope {
    web::scope("/extractors/{namespace}/{name}/releases/{requirement}")
        .on("", "release", "GET, PUT", |at| {
            at.get(releases::show)
                .route(web::put().to(releases::publish))
        })
        .on("/yanks", "yank", "POST", |at| {
            at.route(web::post().to(releases::yank))
        })
        .on("/evaluations", "evaluations", "GET, POST", |at| {
            at.get(members_say::evaluations)
                .route(web::post().to(members_say::evaluate))
        })
        .on("/model-signature", "model-signature", "PUT", |at| {
            at.route(web::put().to(attachments::model_signature))
        })
        .on("/readme", "readme", "GET", |at| at.get(releases::readme))
        .on("/files/{path:.*}", "file", "GET, HEAD", |at| {
            at.get(releases::file).route(web::head().to(releases::file))
        })
}

fn v2(path: &str, action: &str, methods: &'static str) -> Resource {
    at(&format!("/v2/{{name:.+}}{path}"), action, methods)
}

fn model(path: &str, methods: &'static str) -> Resource {
    repository("/api/models", path, "hf", methods)
}

/// A path under a repository, whose name has one part or two.
fn repository(before: &str, path: &str, action: &str, methods: &'static str) -> Resource {
    let path = format!("{before}/{{name:[^/]+(?:/[^/]+)?}}{path}");
    at(&path, action, methods)
}

fn at(path: &str, action: &str, methods: &'static str) -> Resource {
    let refuse = move || async move { Err::<String, _>(Failure::method_not_allowed(methods)) };
    web::resource(path)
        .name(action)
        .default_service(web::to(refuse))
}

/// Shorthand that keeps the table readable.
trait ScopeOn: Sized {
    fn on(
        self,
        path: &str,
        action: &str,
        methods: &'static str,
        routes: impl FnOnce(Resource) -> Resource,
    ) -> Self;
}

impl ScopeOn for Scope {
    fn on(
        self,
        path: &str,
        action: &str,
        methods: &'static str,
        routes: impl FnOnce(Resource) -> Resource,
    ) -> Self {
        self.service(routes(at(path, action, methods)))
    }
}

async fn unknown_path(request: actix_web::HttpRequest) -> Result<String, Failure> {
    let detail = format!("`{}` does not exist here", request.path());
    Err(Failure::new(ProblemCode::NotFound, detail))
}

/// The extractor's name in a path: a member's, or a bare one under `_`.
fn name_of(namespace: &str, base: &str) -> Result<Name, Failure> {
    let text = match namespace {
        CONSORTIUM_NAMESPACE => base.to_owned(),
        member => format!("{member}/{base}"),
    };
    text.parse().map_err(|error| malformed(&error))
}

fn requirement_of(text: &str) -> Result<Requirement, Failure> {
    text.parse().map_err(|error| malformed(&error))
}

fn version_of(text: &str) -> Result<Version, Failure> {
    parse_version(text).map_err(|error| malformed(&error))
}

fn malformed(error: &dyn std::error::Error) -> Failure {
    Failure::new(ProblemCode::MalformedRequest, error.to_string())
}

/// Runs what waits for disk or database on a thread that may.
async fn blocking<T: Send + 'static, E: Into<Failure> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure> {
    web::block(work)
        .await
        .map_err(|error| Failure::internal(&error))?
        .map_err(Into::into)
}
