//! The catalogue's pages. A page is rendered whole; a browser that has the same one already gets no
//! body.

mod login;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use askama::Template;
use registry_schema::api::ProblemCode;
use registry_schema::digest::Digest;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::parse_version;
use registry_schema::statement::is_probe_image;
use serde::Deserialize;

use super::at;
use super::conditional;
use super::releases::send_file;
use crate::app::Hub;
use crate::auth::PageReader;
use crate::database::Connection;
use crate::error::Failure;
use crate::pages::catalogue::{CataloguePage, Wish};
use crate::pages::extractor::ExtractorPage;
use crate::pages::log::{Asked, LogPage};
use crate::pages::members::MembersPage;
use crate::pages::{self, PageError};

/// The paths of pages; their names begin with [`crate::journal::PAGE`].
pub(super) fn table(config: &mut ServiceConfig) {
    config
        .service(read(
            "/",
            "page catalogue",
            web::get().to(catalogue),
            web::head().to(catalogue),
        ))
        .service(read(
            "/extractors/{name:[^/]+(?:/[^/]+)?}",
            "page extractor",
            web::get().to(extractor),
            web::head().to(extractor),
        ))
        .service(read(
            "/probe-images/{namespace}/{name}/{version}/{file}",
            "page probe image",
            web::get().to(probe_image),
            web::head().to(probe_image),
        ))
        .service(read(
            "/log",
            "page log",
            web::get().to(log),
            web::head().to(log),
        ))
        .service(read(
            "/members",
            "page members",
            web::get().to(members),
            web::head().to(members),
        ))
        .service(
            at("/login", "page login", "GET, POST")
                .get(login::show)
                .route(web::post().to(login::log_in)),
        )
        .service(at("/logout", "page logout", "POST").route(web::post().to(login::log_out)))
        .service(at("/assets/{file}", "page asset", "GET").get(asset));
}

fn read(path: &str, name: &str, get: actix_web::Route, head: actix_web::Route) -> Resource {
    at(path, name, "GET, HEAD").route(get).route(head)
}

async fn catalogue(
    reader: PageReader,
    hub: web::Data<Hub>,
    wish: web::Query<Wish>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let wish = wish.into_inner();
    show(hub, reader, &request, move |connection, hub, member| {
        CataloguePage::load(connection, hub, member, wish)
    })
    .await
}

/// Which release of an extractor.
#[derive(Debug, Deserialize)]
struct Which {
    version: Option<String>,
}

async fn extractor(
    reader: PageReader,
    hub: web::Data<Hub>,
    path: web::Path<String>,
    which: web::Query<Which>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let nowhere = || {
        let detail = format!("`{}` is no extractor’s page", request.path());
        Failure::new(ProblemCode::NotFound, detail)
    };
    let name: Name = path.parse().map_err(|_| nowhere())?;
    let version = which.version.as_deref().map(parse_version);
    let version = version.transpose().map_err(|_| nowhere())?;
    show(hub, reader, &request, move |connection, hub, member| {
        ExtractorPage::load(connection, hub, member, &name, version.as_ref())
    })
    .await
}

async fn log(
    reader: PageReader,
    hub: web::Data<Hub>,
    asked: web::Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    show(hub, reader, &request, move |connection, hub, member| {
        LogPage::load(connection, hub, member, &asked)
    })
    .await
}

async fn members(
    reader: PageReader,
    hub: web::Data<Hub>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    show(hub, reader, &request, MembersPage::load).await
}

/// A probe image of one release, for the pages that show it; nothing else of a release is sent here.
async fn probe_image(
    _: PageReader,
    hub: web::Data<Hub>,
    path: web::Path<(String, String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (namespace, name, version, file) = path.into_inner();
    let file = format!("probes/{file}");
    if !is_probe_image(&file) || parse_version(&version).is_err() {
        let detail = format!("`{}` is no probe image", request.path());
        return Err(Failure::new(ProblemCode::NotFound, detail));
    }
    send_file(hub, &request, (&namespace, &name), &version, &file).await
}

/// What pages are made with, which says nothing of the hub and needs no token.
async fn asset(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let path = request.path();
    let (media_type, age, content) = match path {
        "/assets/icon.svg" => ("image/svg+xml", "public, max-age=86400", pages::ICON),
        _ if pages::is_style(path) => (
            "text/css; charset=utf-8",
            "public, max-age=31536000, immutable",
            pages::STYLE,
        ),
        _ => {
            let detail = format!("`{path}` does not exist here");
            return Err(Failure::new(ProblemCode::NotFound, detail));
        }
    };
    let mut response = HttpResponse::Ok();
    for header in pages::HEADERS {
        response.insert_header(header);
    }
    Ok(response
        .content_type(media_type)
        .insert_header((header::CACHE_CONTROL, age))
        .body(content))
}

/// Loads and renders a page on a thread that may wait.
async fn show<P: Template>(
    hub: web::Data<Hub>,
    reader: PageReader,
    request: &HttpRequest,
    load: impl FnOnce(&mut Connection, &Hub, Option<MemberName>) -> Result<P, PageError>
    + Send
    + 'static,
) -> Result<HttpResponse, Failure> {
    let database = hub.database.clone();
    let page = database
        .run(move |connection| {
            let page = load(connection, &hub, reader.member)?;
            Ok::<_, PageError>(page.render()?)
        })
        .await?;
    Ok(answer(request, page))
}

/// A page, or that the browser has it.
fn answer(request: &HttpRequest, page: String) -> HttpResponse {
    let etag = format!("\"{}\"", Digest::of(page.as_bytes()).to_hex());
    let (mut response, is_known) = conditional::begin(request, &etag);
    for header in pages::HEADERS {
        response.insert_header(header);
    }
    if is_known {
        return response.finish();
    }
    response.content_type("text/html; charset=utf-8").body(page)
}
