//! Logging a browser in with a token, and out.

use std::time::Instant;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use askama::Template as _;
use jiff::Timestamp;
use registry_schema::api::ProblemCode;
use serde::Deserialize;

use crate::app::Hub;
use crate::auth::{SESSION_COOKIE, session_of};
use crate::database::DatabaseError;
use crate::error::Failure;
use crate::gate::{client_address, too_many};
use crate::journal::LoginTried;
use crate::pages::login::{LoginPage, checked_next};
use crate::pages::{PageError, Part, Site};
use crate::tokens::{SESSION, TokenError, end_session, open_session};

/// Where to go on to.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

pub(super) async fn show(
    hub: web::Data<Hub>,
    asked: web::Query<Next>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let page = LoginPage {
        site: Site::new(&hub, None, Part::Other),
        problem: None,
        next: checked_next(&asked.next),
    };
    let page = page.render().map_err(PageError::from)?;
    Ok(super::answer(&request, page))
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Login {
    token: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn log_in(
    hub: web::Data<Hub>,
    form: web::Form<Login>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    check_same_site(&request)?;
    let Login { token, next } = form.into_inner();
    let next = checked_next(&next).to_owned();
    request
        .extensions_mut()
        .insert(LoginTried { next: next.clone() });
    // 1. Whoever guesses waits.
    let address = client_address(&request);
    if let Some(wait) = hub.attempts.wait(address, Instant::now()) {
        return Err(too_many("too many wrong tokens", wait));
    }
    // 2. The token becomes a session.
    let opening = hub.clone();
    let opened = web::block(move || {
        opening.database.transaction(|connection| {
            let root = &opening.trust_root().root;
            open_session(connection, root, token.trim(), Timestamp::now())
        })
    })
    .await
    .map_err(|_| DatabaseError::Interrupted)?;
    let (secret, identity) = match opened {
        Ok(opened) => opened,
        Err(error @ (TokenError::Database(_) | TokenError::Random)) => return Err(error.into()),
        Err(error) => {
            hub.attempts.was_wrong(address, Instant::now());
            return Err(error.into());
        }
    };
    request.extensions_mut().insert(identity);
    // 3. The browser keeps it, and goes on.
    let age = SESSION.as_secs();
    let cookie = format!(
        "{SESSION_COOKIE}={secret}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Strict"
    );
    Ok(see_other(&next, &cookie))
}

pub(super) async fn log_out(
    hub: web::Data<Hub>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    check_same_site(&request)?;
    if let Some(secret) = session_of(&request) {
        hub.database
            .run(move |connection| end_session(connection, &secret))
            .await?;
    }
    let cookie = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    Ok(see_other("/login", &cookie))
}

fn see_other(path: &str, cookie: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, path))
        .insert_header((header::SET_COOKIE, cookie))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// Refuses a form that a page from elsewhere sent. Browsers say where a request comes from (W3C Fetch
/// Metadata); what says nothing is no browser.
fn check_same_site(request: &HttpRequest) -> Result<(), Failure> {
    let from = request.headers().get("sec-fetch-site");
    match from.map(HeaderValue::as_bytes) {
        None | Some(b"same-origin") => Ok(()),
        Some(_) => {
            let detail = "this form was sent by a page from elsewhere";
            Err(Failure::new(ProblemCode::Forbidden, detail))
        }
    }
}
