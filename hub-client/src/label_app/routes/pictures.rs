//! Pictures for the page.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};

use super::reads::image_of;
use crate::label_app::server::Desk;
use crate::label_app::session::Session;
use crate::label_app::thumbnails;

/// How long a browser may keep a picture whose address names its version, in seconds: a day.
const KEPT: &str = "private, max-age=86400, immutable";

/// `GET /thumb/{image}/{version}`
pub(super) async fn small(desk: web::Data<Desk>, path: web::Path<(usize, String)>) -> HttpResponse {
    let mut response = jpeg(&desk, path.0, thumbnails::small).await;
    if response.status().is_success() {
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static(KEPT));
    }
    response
}

/// `GET /picture/{image}`
pub(super) async fn large(desk: web::Data<Desk>, path: web::Path<usize>) -> HttpResponse {
    jpeg(&desk, *path, thumbnails::large).await
}

async fn jpeg(
    desk: &Desk,
    image: usize,
    make: fn(&Session, usize) -> Option<Vec<u8>>,
) -> HttpResponse {
    let image = match image_of(desk, image) {
        Ok(image) => image,
        Err(refusal) => return refusal,
    };
    let session: Arc<Session> = desk.stage.session();
    match web::block(move || make(&session, image)).await {
        Ok(Some(bytes)) => HttpResponse::Ok().content_type("image/jpeg").body(bytes),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}
