//! Answers that a client may have already (RFC 9110, section 13).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

/// Begins an answer that is its reader's own, so that no cache between keeps it; and says whether the client
/// has it already and wants no body.
pub(super) fn begin(request: &HttpRequest, etag: &str) -> (HttpResponseBuilder, bool) {
    let is_known = is_known(request, etag);
    let mut response = match is_known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::VARY, "cookie, authorization"));
    (response, is_known)
}

/// Whether the client has what is marked with this.
pub(super) fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let known = request.headers().get(header::IF_NONE_MATCH);
    known
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.contains(etag))
}
