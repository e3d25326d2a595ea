//! What the page reads.

use std::time::Duration;

use actix_web::http::header::{ETAG, HeaderValue, IF_NONE_MATCH, LINK, LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::answer::{blocking, refuse};
use crate::label_app::LabelError;
use crate::label_app::assets;
use crate::label_app::columns::columns as column_bytes;
use crate::label_app::secret::Opens;
use crate::label_app::server::Desk;
use crate::label_app::view;

/// How often a word is sent to a page for which nothing changes, to notice that it has gone.
const PULSE: Duration = Duration::from_secs(15);

/// `GET /`: the page, or the way from its address with a secret to the one without.
pub(super) async fn page(desk: web::Data<Desk>, request: HttpRequest) -> HttpResponse {
    let Some(secret) = request.query_string().strip_prefix("secret=") else {
        let mut page = file("index.html");
        if let Ok(links) = HeaderValue::from_str(&assets::preloads()) {
            page.headers_mut().insert(LINK, links);
        }
        return page;
    };
    let guard = &desk.guard;
    match guard.secrets.open(secret) {
        Opens::Page(value) => HttpResponse::SeeOther()
            .insert_header((SET_COOKIE, guard.set_cookie(&value)))
            .insert_header((LOCATION, "/"))
            .finish(),
        _ if guard.knows(request.headers()) => HttpResponse::SeeOther()
            .insert_header((LOCATION, "/"))
            .finish(),
        Opens::UsedBefore(next) => {
            (guard.show)(&guard.address(&next));
            HttpResponse::Forbidden().finish()
        }
        Opens::Nothing => HttpResponse::Forbidden().finish(),
    }
}

/// `GET /assets/…`
pub(super) async fn asset(path: web::Path<String>) -> HttpResponse {
    file(&path)
}

fn file(path: &str) -> HttpResponse {
    match assets::asset(path) {
        Some((bytes, kind)) => HttpResponse::Ok().content_type(kind).body(bytes),
        None => HttpResponse::NotFound().finish(),
    }
}

/// `GET /api/state`
pub(super) async fn state(desk: web::Data<Desk>) -> HttpResponse {
    blocking(desk, |session| Ok(view::state(session))).await
}

/// `GET /api/names`
pub(super) async fn names(desk: web::Data<Desk>, request: HttpRequest) -> HttpResponse {
    let tag = format!("\"{}\"", desk.stage.session().name);
    let asked = request.headers().get(IF_NONE_MATCH);
    if asked.is_some_and(|asked| asked.as_bytes() == tag.as_bytes()) {
        return HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .finish();
    }
    let mut response = blocking(desk, |session| {
        let images = session.setup.images.images.iter();
        Ok::<Vec<String>, LabelError>(images.map(|image| image.name.clone()).collect())
    })
    .await;
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// `GET /api/columns`
pub(super) async fn columns(desk: web::Data<Desk>) -> HttpResponse {
    let stage = desk.stage.clone();
    match web::block(move || column_bytes(&stage.session())).await {
        Ok(bytes) => HttpResponse::Ok()
            .content_type("application/octet-stream")
            .body(bytes),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// `GET /api/compare`
pub(super) async fn comparison(desk: web::Data<Desk>) -> HttpResponse {
    let session = desk.stage.session();
    HttpResponse::Ok().json(&*session.comparison())
}

/// `GET /api/events`: the version now and whenever it rises, until the page or the server goes.
pub(super) async fn events(desk: web::Data<Desk>) -> HttpResponse {
    let mut versions = desk.stage.session().versions();
    versions.mark_changed();
    let events = stream::unfold(
        (versions, desk.closing.clone(), desk.stage.clone()),
        |(mut versions, mut closing, stage)| async {
            let said = tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return None,
                changed = versions.changed() => {
                    changed.ok()?;
                    let version = *versions.borrow_and_update();
                    let session = stage.session();
                    let told = json!({
                        "version": version,
                        "session": session.run,
                        "learnt": session.steps().is_learnt(),
                    });
                    format!("event: state\ndata: {told}\n\n")
                }
                () = tokio::time::sleep(PULSE) => ": still here\n\n".to_owned(),
            };
            Some((
                Ok::<Bytes, LabelError>(Bytes::from(said)),
                (versions, closing, stage),
            ))
        },
    );
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .streaming(Box::pin(events))
}

/// The image of a path.
pub(super) fn image_of(desk: &Desk, image: usize) -> Result<usize, HttpResponse> {
    desk.stage
        .session()
        .check(image)
        .map(|()| image)
        .map_err(|error| refuse(&error))
}
