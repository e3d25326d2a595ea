//! What of a request the access journal keeps: what was published, said, sent, pushed, deleted and pulled, by whom, and what was
//! refused of it. Searches, pages and looks at whether something is there are not kept.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, web};
use jiff::Timestamp;
use registry_schema::api::CONSORTIUM_NAMESPACE;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;

use crate::app::Hub;
use crate::gate::client_address;
use crate::journal_file::Entry;
use crate::oci::foreign::is_tag;
use crate::oci::repository_of;
use crate::repository::{AnyDigest, Repository};
use crate::tokens::Identity;

/// Most bytes of a file's path that are kept.
const PATH_BYTES: usize = 200;

/// The entry of a request that was answered, if it is one that is kept.
pub(crate) fn entry(
    request: &HttpRequest,
    status: StatusCode,
    outcome: &str,
    request_id: &str,
) -> Option<Entry> {
    let action = action(request.match_name()?, request.method())?;
    let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    // Whoever is sent on to the object store gets it there.
    let is_sent_on = status == StatusCode::TEMPORARY_REDIRECT;
    let is_done = status.is_success() || status == StatusCode::NOT_MODIFIED || is_sent_on;
    // A begun upload is no blob yet.
    if !is_done && !is_refused || action == "send" && is_done && status != StatusCode::CREATED {
        return None;
    }
    let identity = request.extensions().get::<Identity>().cloned();
    Some(Entry {
        at: Timestamp::now(),
        member: identity
            .as_ref()
            .map(|identity| identity.member.to_string()),
        token: identity.map(|identity| identity.token_id),
        action: action.to_owned(),
        outcome: outcome.to_owned(),
        name: name(request),
        version: version(request),
        file: file(request, is_done),
        address: Some(client_address(request).to_string()),
        request_id: request_id.to_owned(),
    })
}

/// What a request does, by the name of its path in the table of routes; `None` when that is not kept.
fn action(route: &str, method: &Method) -> Option<&'static str> {
    let is = |other: &Method| method == other;
    Some(match route {
        "release" if is(&Method::PUT) => "publish",
        "release" if is(&Method::GET) => "resolve",
        "yank" => "yank",
        "evaluations" if is(&Method::POST) => "evaluate",
        "advisories" if is(&Method::POST) => "warn",
        "key-compromises" if is(&Method::POST) => "take key back",
        "model-signature" => "attach signature",
        "trust root" => "change trust root",
        "uploads" | "upload" if is(&Method::PUT) || is(&Method::POST) => "send",
        "blob" | "file" | "readme" | "hf file" if is(&Method::GET) => "pull",
        "manifest" if is(&Method::PUT) => "push",
        "blob" | "manifest" if is(&Method::DELETE) => "delete",
        _ => return None,
    })
}

// What a client wrote is kept only where it is what it should be.

fn name(request: &HttpRequest) -> Option<String> {
    let path = request.match_info();
    let base = path.get("name")?;
    let text = match path.get("namespace") {
        Some(CONSORTIUM_NAMESPACE) | None => base.to_owned(),
        Some(member) => format!("{member}/{base}"),
    };
    match text.parse::<Name>() {
        Ok(name) => Some(name.to_string()),
        Err(_) => foreign_name(request, &text),
    }
}

/// The name of a repository that is no extractor, in which members keep what they like.
fn foreign_name(request: &HttpRequest, text: &str) -> Option<String> {
    let hub = request.app_data::<web::Data<Hub>>()?;
    match repository_of(hub, text) {
        Ok(Repository::Foreign(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn version(request: &HttpRequest) -> Option<String> {
    let path = request.match_info();
    if let Some(tag) = path.get("reference").filter(|text| is_tag(text)) {
        return Some(tag.to_owned());
    }
    let text = path.get("requirement").or_else(|| path.get("revision"))?;
    let is_commit = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_known = is_commit || text == "main" || text.parse::<Requirement>().is_ok();
    is_known.then(|| text.to_owned())
}

fn file(request: &HttpRequest, is_there: bool) -> Option<String> {
    let path = request.match_info();
    let asked = request
        .query_string()
        .split('&')
        .find_map(|pair| pair.strip_prefix("digest="));
    let digest = path
        .get("digest")
        .or(path.get("reference"))
        .or(asked)
        .map(|text| text.replace("%3A", ":"));
    if let Some(digest) = digest {
        let digest = digest.parse::<AnyDigest>().ok();
        return digest.map(|digest| digest.to_string());
    }
    // A path that is answered for is that of a file; another one may be anything.
    let path = path.get("path").filter(|_| is_there)?;
    Some(path.chars().take(PATH_BYTES).collect())
}
