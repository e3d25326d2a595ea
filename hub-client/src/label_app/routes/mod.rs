//! All addresses of the page on one screen.

mod answer;
mod downloads;
mod pictures;
mod reads;
mod saving;
mod trying;
mod writes;

use actix_web::web::{self, ServiceConfig};

pub(super) use self::answer::refuse;

/// What is served, and by whom.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(reads::page))
        .route("/assets/{path:.*}", web::get().to(reads::asset))
        .route("/api/state", web::get().to(reads::state))
        .route("/api/names", web::get().to(reads::names))
        .route("/api/columns", web::get().to(reads::columns))
        .route("/api/events", web::get().to(reads::events))
        .route("/thumb/{image}/{version}", web::get().to(pictures::small))
        .route("/picture/{image}", web::get().to(pictures::large))
        .route("/api/neighbours/{image}", web::get().to(trying::neighbours))
        .route(
            "/api/neighbours",
            web::post().to(trying::neighbours_of_picture),
        )
        .route("/api/try", web::post().to(trying::try_picture))
        .route("/api/compare", web::get().to(reads::comparison))
        .route("/api/compare", web::post().to(writes::compare))
        .route("/api/extractor", web::post().to(writes::extractor))
        .route("/api/labels", web::post().to(writes::labels))
        .route("/api/labels/import", web::post().to(writes::import))
        .route("/api/classes", web::post().to(writes::classes))
        .route("/api/undo", web::post().to(writes::undo))
        .route("/api/redo", web::post().to(writes::redo))
        .route("/api/groups", web::post().to(writes::groups))
        .route("/api/coverage", web::post().to(writes::coverage))
        .route("/api/forget", web::post().to(writes::forget))
        .route("/api/save", web::post().to(saving::save))
        .route("/api/download/{file}", web::get().to(downloads::download));
}
