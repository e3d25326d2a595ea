//! Answers, and errors as the page reads them.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::causes::with_causes;
use crate::hint::{Advice, ErrorCode, Hint};
use crate::label_app::LabelError;
use crate::label_app::server::Desk;
use crate::label_app::session::Session;
use crate::label_app::view::{StateView, state};

#[derive(Serialize)]
struct ErrorBody {
    error: ErrorView,
}

#[derive(Serialize)]
struct ErrorView {
    code: &'static str,
    message: String,
    hint: Option<String>,
}

/// Does work that may take a while, and answers with what comes of it.
pub(super) async fn blocking<T: Serialize + Send + 'static>(
    desk: web::Data<Desk>,
    work: impl FnOnce(&Arc<Session>) -> Result<T, LabelError> + Send + 'static,
) -> HttpResponse {
    let stage = desk.stage.clone();
    // The bytes are made there too: the state of many images is long.
    let done = web::block(move || {
        work(&stage.session()).map(|answer| serde_json::to_vec(&answer).unwrap_or_default())
    });
    match done.await {
        Ok(Ok(bytes)) => HttpResponse::Ok()
            .content_type("application/json")
            .body(bytes),
        Ok(Err(error)) => refuse(&error),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// Does work that changes something, and answers with the state it has led to.
pub(super) async fn changing(
    desk: web::Data<Desk>,
    work: impl FnOnce(&Arc<Session>) -> Result<(), LabelError> + Send + 'static,
) -> HttpResponse {
    blocking(desk, move |session| {
        work(session)?;
        Ok::<StateView, LabelError>(state(session))
    })
    .await
}

/// A body of JSON.
pub(super) fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    body: &[u8],
) -> Result<T, LabelError> {
    expect_type(request, &["application/json"])?;
    serde_json::from_slice(body).map_err(|error| LabelError::Request {
        problem: error.to_string(),
    })
}

/// Refuses a body of another media type than asked for; a form of another site could send those that are
/// not.
pub(super) fn expect_type(request: &HttpRequest, wanted: &[&str]) -> Result<(), LabelError> {
    let found = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let found = found
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let fits = |wanted: &&str| match wanted.strip_suffix('*') {
        Some(start) => found.starts_with(start),
        None => found.eq_ignore_ascii_case(wanted),
    };
    if wanted.iter().any(fits) {
        return Ok(());
    }
    Err(LabelError::Request {
        problem: format!("its media type is not {}", wanted.join(" or ")),
    })
}

/// The status and the body of an error.
pub(in crate::label_app) fn refuse(error: &LabelError) -> HttpResponse {
    let Advice { code, hint } = error.advice();
    let status = match (error, code) {
        (_, ErrorCode::NotFound) => StatusCode::NOT_FOUND,
        (LabelError::NoHead { .. } | LabelError::NotYet { .. } | LabelError::OldPage, _) => {
            StatusCode::CONFLICT
        }
        (_, ErrorCode::Usage | ErrorCode::Labels | ErrorCode::Image) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let message = with_causes(error);
    let code = code.as_str();
    HttpResponse::build(status).json(ErrorBody {
        error: ErrorView {
            code,
            message,
            hint,
        },
    })
}
