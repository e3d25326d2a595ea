//! Around every request: its id, its line in the log and its entry in the access journal, the body of its error, and what is
//! counted of it.
//!
//! The log says who did what with which outcome, as fields. Neither it nor the journal holds a token or a query.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use askama::Template as _;
use registry_schema::api::ProblemCode;

use crate::app::Hub;
use crate::error::{Dialect, Failure};
use crate::gate::client_address;
use crate::journal_entry::entry;
use crate::journal_file::JournalFile;
use crate::metrics::Metrics;
use crate::pages::login::{LoginPage, checked_next};
use crate::pages::{ErrorPage, Part, Site};
use crate::tokens::{Identity, random_id, scope_text};
use crate::traffic::{count_received, count_sent, method_text, route};

/// How the names of pages begin in the URL table.
pub(crate) const PAGE: &str = "page";

/// Noted in a request whose token was typed into the login page.
#[derive(Clone, Debug)]
pub(crate) struct LoginTried {
    /// Where the reader wanted to go.
    pub(crate) next: String,
}

/// Names a request in answers and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The middleware.
pub(crate) async fn journal(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let metrics = metrics.map(web::Data::into_inner);
    if let Some(metrics) = &metrics {
        count_received(&mut request, metrics);
    }
    let mut response = next.call(request).await?;
    let outcome = if response.status().is_client_error() || response.status().is_server_error() {
        let failure = failure(&response);
        let answer = answer(&response, &failure, &id);
        response = response.into_response(answer);
        Outcome::Refused(failure)
    } else {
        Outcome::Done
    };
    for (name, value) in [
        (REQUEST_ID, id.as_str()),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    write_line(&response, &method, &id, &outcome, started);
    if let Some(journal) = response.request().app_data::<web::Data<JournalFile>>() {
        let code = outcome.code();
        let entry = entry(response.request(), response.status(), code, &id);
        entry.into_iter().for_each(|entry| journal.keep(entry));
    }
    Ok(match &metrics {
        Some(metrics) => count(response, metrics, started),
        None => response,
    })
}

/// The protocol that a request speaks.
fn dialect(request: &HttpRequest) -> Dialect {
    if request.path().starts_with("/v2/") {
        return Dialect::Oci;
    }
    match request.match_name() {
        Some("hf" | "hf file") => Dialect::HuggingFace,
        _ => Dialect::Hub,
    }
}

fn count(
    response: ServiceResponse<BoxBody>,
    metrics: &Arc<Metrics>,
    started: Instant,
) -> ServiceResponse<BoxBody> {
    let (request, status) = (response.request(), response.status());
    let name = request.match_name().unwrap_or("none");
    if action(name, request.method()) == "publish" && status == StatusCode::CREATED {
        metrics.published();
    }
    let method = method_text(request.method());
    metrics.answered(route(&response), method, status.as_u16(), started.elapsed());
    count_sent(response, metrics)
}

/// The failure in the form that the asking program reads.
fn answer(
    response: &ServiceResponse<BoxBody>,
    failure: &Failure,
    request_id: &str,
) -> HttpResponse {
    let request = response.request();
    let page = wants_page(request).then(|| page(request, failure, request_id));
    match page.flatten() {
        Some(page) => failure.page_response(page),
        None => {
            let dialect = dialect(request);
            let mut answer = failure.response(dialect, request_id);
            if dialect == Dialect::Oci
                && failure.problem.code == ProblemCode::Unauthenticated
                && let Ok(challenge) = HeaderValue::from_str(&registry_challenge(request))
            {
                let headers = answer.headers_mut();
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            answer
        }
    }
}

/// Where clients of container registries get a token for their password ("Token Authentication
/// Specification" of the distribution project): not all of them send the password itself.
fn registry_challenge(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    let (scheme, host) = (connection.scheme(), connection.host());
    format!("Bearer realm=\"{scheme}://{host}/v2/token\",service=\"{host}\"")
}

/// Whether a person asks, with a browser: for a page, or for something that is nowhere.
fn wants_page(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(header::ACCEPT);
    let takes_html = accepts
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"));
    takes_html
        && request
            .match_name()
            .is_none_or(|name| name.starts_with(PAGE))
}

/// The failure as a page; where a token is missing or was wrong, with the form for one.
fn page(request: &HttpRequest, failure: &Failure, request_id: &str) -> Option<String> {
    let hub = request.app_data::<web::Data<Hub>>()?;
    let identity = request.extensions().get::<Identity>().cloned();
    let site = Site::new(hub, identity.map(|identity| identity.member), Part::Other);
    let (code, problem) = (failure.problem.code, &failure.problem);
    let tried = request.extensions().get::<LoginTried>().cloned();
    if code == ProblemCode::Unauthenticated || tried.is_some() {
        let asked = request
            .uri()
            .path_and_query()
            .map_or("/", |asked| asked.as_str());
        let next = tried.as_ref().map_or(asked, |tried| tried.next.as_str());
        let page = LoginPage {
            site,
            problem: tried.as_ref().map(|_| problem.detail.as_str()),
            next: checked_next(next),
        };
        return page.render().ok();
    }
    let page = ErrorPage {
        site,
        title: &problem.title,
        detail: &problem.detail,
        hint: problem.hint.as_deref(),
        request_id,
    };
    page.render().ok()
}

enum Outcome {
    Done,
    Refused(Failure),
}

impl Outcome {
    fn code(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Refused(failure) => failure.problem.code.as_str(),
        }
    }
}

/// The id a proxy gave the request, if it is a plain word, else a new one.
fn request_id(request: &ServiceRequest) -> String {
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(REQUEST_ID);
    given
        .and_then(|value| value.to_str().ok())
        .filter(is_plain)
        .map(str::to_owned)
        .or_else(|| random_id().ok())
        .unwrap_or_default()
}

/// The failure of a handler, or one for the status that the framework chose.
fn failure(response: &ServiceResponse<BoxBody>) -> Failure {
    match response.response().error() {
        Some(error) => match error.as_error::<Failure>() {
            Some(failure) => failure.clone(),
            None => Failure::from_status(response.status(), &error.to_string()),
        },
        None => {
            let path = response.request().path();
            Failure::from_status(response.status(), &format!("`{path}` does not exist here"))
        }
    }
}

fn write_line(
    response: &ServiceResponse<BoxBody>,
    method: &Method,
    request_id: &str,
    outcome: &Outcome,
    started: Instant,
) {
    let request = response.request();
    let action = action(request.match_name().unwrap_or("none"), method);
    let identity = request.extensions().get::<Identity>().cloned();
    let member = identity.as_ref().map(|identity| identity.member.as_str());
    let token = identity.as_ref().map(|identity| identity.token_id.as_str());
    let scope = identity.as_ref().map(|identity| scope_text(identity.scope));
    let (path, status) = (request.path(), response.status());
    let method = method.as_str();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let peer = client_address(request).to_string();
    let (code, detail, cause) = match outcome {
        Outcome::Done => ("done", None, None),
        Outcome::Refused(failure) => (
            failure.problem.code.as_str(),
            Some(failure.problem.detail.as_str()),
            failure.cause.as_deref(),
        ),
    };
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "journal",
                request_id, action, member, token, scope, outcome = code, method, path,
                status = status.as_u16(), detail, cause, peer, duration_ms
            )
        };
    }
    match status {
        _ if is_watching(&action) => line!(debug),
        StatusCode::INTERNAL_SERVER_ERROR => line!(error),
        _ => line!(info),
    }
}

/// Whether a request is one of those that come every few seconds, for ever.
fn is_watching(action: &str) -> bool {
    matches!(action, "health" | "metrics")
}

/// What a request does, by the name of its path in the table and its method.
fn action(name: &str, method: &Method) -> String {
    let known = match (name, method) {
        ("release", &Method::PUT) => "publish",
        ("release", _) => "resolve",
        ("blob" | "hf file", &Method::GET) => "pull",
        ("uploads" | "upload", _) => "upload",
        ("manifest", &Method::PUT) => "push",
        ("blob" | "manifest", &Method::DELETE) => "delete",
        ("blob" | "hf file", _) => "look",
        (other, _) => other,
    };
    known.to_owned()
}
