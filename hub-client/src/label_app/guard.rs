//! Who is let in: requests of this page alone, from this machine's own browser.
//!
//! - `Host` is this server's address, so that no name on the internet can be made to lead here (DNS
//!   rebinding).
//! - `Origin` and `Sec-Fetch-Site`, where the browser sends them, are of this page; a change needs `Origin`.
//! - The cookie is there, which a secret was turned into; other sites cannot send it (`SameSite=Strict`).
//!
//! Everything else gets status 403 and nothing more. A change by a page of an earlier start of the program gets
//! status 409 and the name of this one: images are counted anew at each start.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE as COOKIE_HEADER, HOST, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

use super::LabelError;
use super::routes::refuse;
use super::secret::Secrets;

/// How the cookie's name begins. Browsers do not tell cookies of two ports apart, so the port follows: a
/// second page in the same browser must not end the first.
const COOKIE: &str = "hub-label-";

/// What the page may load: its own files, and nothing from elsewhere.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const RUN: HeaderName = HeaderName::from_static("x-hub-session");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the guard compares with.
pub(super) struct Guard {
    pub(super) secrets: Secrets,
    port: u16,
    /// What a change must name.
    run: String,
    /// Shows a new address where the command was started.
    pub(super) show: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Guard {
    pub(super) fn new(
        secrets: Secrets,
        port: u16,
        run: String,
        show: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        Self {
            secrets,
            port,
            run,
            show,
        }
    }

    /// The address with a secret that works once.
    pub(super) fn address(&self, secret: &str) -> String {
        format!("http://127.0.0.1:{}/?secret={secret}", self.port)
    }

    /// Whether a request comes from this page, or from a person who opens its address.
    fn lets_in(&self, request: &ServiceRequest) -> bool {
        let headers = request.headers();
        let Some(host) = only(headers, &HOST) else {
            return false;
        };
        let hosts = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        if !hosts.iter().any(|own| own == host) {
            return false;
        }
        let origin = headers
            .contains_key(&ORIGIN)
            .then(|| only(headers, &ORIGIN));
        let is_own = |origin: Option<&str>| origin == Some(format!("http://{host}").as_str());
        let from_here = match origin {
            Some(origin) => is_own(origin),
            None => *request.method() == Method::GET || *request.method() == Method::HEAD,
        };
        let site = headers.get(&FETCH_SITE).map(HeaderValue::as_bytes);
        from_here && matches!(site, None | Some(b"same-origin" | b"none"))
    }

    /// Whether a request may change something: whether its page has seen this start of the program.
    fn is_current(&self, request: &ServiceRequest) -> bool {
        let named = only(request.headers(), &RUN);
        *request.method() != Method::POST || named == Some(self.run.as_str())
    }

    /// Whether a request has the cookie that was handed out.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let cookies = headers
            .get_all(COOKIE_HEADER)
            .filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
        let name = format!("{COOKIE}{}=", self.port);
        pairs.any(|pair| {
            let value = pair.trim().strip_prefix(name.as_str());
            value.is_some_and(|value| self.secrets.is_cookie(value))
        })
    }

    /// What hands the cookie out. A session's cookie: it ends with the browser.
    pub(super) fn set_cookie(&self, value: &str) -> String {
        let port = self.port;
        format!("{COOKIE}{port}={value}; Path=/; HttpOnly; SameSite=Strict")
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Lets a request through, or answers that there is nothing; with the same headers on each answer.
pub(super) async fn check<B: MessageBody>(
    guard: Arc<Guard>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let opens_the_page = *request.method() == Method::GET
        && request.path() == "/"
        && request.query_string().starts_with("secret=");
    let mut response =
        if !guard.lets_in(&request) || !(opens_the_page || guard.knows(request.headers())) {
            request
                .into_response(HttpResponse::Forbidden().finish())
                .map_into_right_body()
        } else if !guard.is_current(&request) {
            let mut refusal = refuse(&LabelError::OldPage);
            if let Ok(run) = HeaderValue::from_str(&guard.run) {
                refusal.headers_mut().insert(RUN, run);
            }
            request.into_response(refusal).map_into_right_body()
        } else {
            next.call(request).await?.map_into_left_body()
        };
    protect(response.headers_mut());
    Ok(response)
}

fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(&CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
