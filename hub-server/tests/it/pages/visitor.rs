//! Somebody with a browser, and what members have said by then.

use registry_schema::api::evaluations_path;
use registry_schema::reference::Requirement;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::draft::Signed;
use crate::world::{World, header};

pub(super) const HTML: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

/// What a browser without cookies sends; it follows no redirection.
pub(super) fn browser(world: &World) -> Client {
    Client::builder()
        .tls_certs_only(world.certificate())
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

pub(super) fn visit(world: &World, path: &str) -> RequestBuilder {
    let address = format!("{}{path}", world.base);
    browser(world).get(address).header(ACCEPT, HTML)
}

/// The page that alpha sees; every page is of this form.
pub(super) async fn page(world: &World, path: &str) -> String {
    let answer = visit(world, path)
        .header(AUTHORIZATION, format!("Bearer {}", world.token))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    checked(answer).await
}

/// The text of a page that can do no harm.
pub(super) async fn checked(answer: Response) -> String {
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    let policy = header(&answer, "content-security-policy").to_owned();
    for rule in [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(
        !policy.contains("script") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    let text = answer.text().await.unwrap();
    for none in [
        "<script",
        "javascript:",
        " style=",
        " onclick",
        "src=\"http",
    ] {
        assert!(!text.contains(none), "{none} in {text}");
    }
    assert!(text.starts_with("<!doctype html>"), "{text}");
    text
}

#[track_caller]
pub(super) fn assert_has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "no `{part}` in {page}");
    }
}

pub(super) async fn said(world: &World, token: &str, path: &str, envelope: Vec<u8>) {
    let answer = world.post_as(token, path, envelope).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}

pub(super) fn evaluations_of(release: &Signed) -> String {
    let exact = Requirement::Exact(release.version.clone());
    evaluations_path(&release.name, &exact)
}
