//! What a member asks of a hub, and what comes back.

use registry_schema::api::{Problem, ProblemCode, release_path, upload_path, yanks_path};
use registry_schema::digest::Digest;
use registry_schema::envelope;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;
use registry_schema::statement::YankAction;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use super::{ALPHA, World};
use crate::draft::Signed;

impl World {
    pub(crate) fn make_token(&self, member: &str, scope: &str) -> String {
        self.make_token_for(member, scope, "1h")
    }

    pub(crate) fn make_token_for(&self, member: &str, scope: &str, lifetime: &str) -> String {
        let made = self.run(&[
            "token",
            "create",
            "--member",
            member,
            "--scope",
            scope,
            "--lifetime",
            lifetime,
        ]);
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// A request with alpha's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(&self.token, method, path)
    }

    pub(crate) fn request_as(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Sends a signed statement.
    pub(crate) async fn post_as(&self, token: &str, path: &str, envelope: Vec<u8>) -> Response {
        self.request_as(token, Method::POST, path)
            .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
            .body(envelope)
            .send()
            .await
            .unwrap()
    }

    /// Sends a yank or unyank that alpha has signed.
    pub(crate) async fn yank(
        &self,
        release: &Signed,
        action: YankAction,
        sequence: u64,
    ) -> Response {
        let path = yanks_path(&release.name, &release.version);
        let envelope = release.yank(action, sequence, &[ALPHA]);
        self.post_as(&self.token, &path, envelope).await
    }

    /// Yanks a release for the first time.
    pub(crate) async fn yanked(&self, release: &Signed) {
        let answer = self.yank(release, YankAction::Yank, 1).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    /// Begins an upload; its address.
    pub(crate) async fn begin(&self, name: &Name) -> String {
        let begun = self
            .request(Method::POST, &upload_path(name))
            .header(CONTENT_LENGTH, 0)
            .send()
            .await
            .unwrap();
        assert_eq!(begun.status(), StatusCode::ACCEPTED);
        assert!(
            !begun.headers().contains_key("range"),
            "nothing has arrived"
        );
        header(&begun, "location").to_owned()
    }

    /// Uploads bytes in one request.
    pub(crate) async fn upload(&self, name: &Name, bytes: &[u8]) -> Response {
        let path = format!("{}?digest={}", upload_path(name), Digest::of(bytes));
        self.request(Method::POST, &path)
            .body(bytes.to_vec())
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn upload_all(&self, signed: &Signed) {
        for bytes in signed.files.values() {
            assert_eq!(
                self.upload(&signed.name, bytes).await.status(),
                StatusCode::CREATED
            );
        }
    }

    pub(crate) async fn put(&self, signed: &Signed) -> Response {
        self.put_as(&self.token, signed).await
    }

    pub(crate) async fn put_as(&self, token: &str, signed: &Signed) -> Response {
        let path = release_path(&signed.name, &Requirement::Exact(signed.version.clone()));
        self.request_as(token, Method::PUT, &path)
            .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
            .body(signed.envelope.clone())
            .send()
            .await
            .unwrap()
    }

    /// Uploads and publishes.
    pub(crate) async fn publish(&self, signed: &Signed) -> Response {
        self.upload_all(signed).await;
        self.put(signed).await
    }

    pub(crate) async fn published(&self, signed: &Signed) {
        let answer = self.publish(signed).await;
        let status = answer.status();
        assert_eq!(
            status,
            StatusCode::CREATED,
            "{}",
            answer.text().await.unwrap()
        );
    }
}

pub(crate) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no `{name}`"))
        .to_str()
        .unwrap()
}

/// The answer is this problem; its text.
pub(crate) async fn problem(answer: Response, code: ProblemCode) -> String {
    let (status, id) = (
        answer.status().as_u16(),
        header(&answer, "x-request-id").to_owned(),
    );
    let media_type = header(&answer, "content-type").to_owned();
    let text = answer.text().await.unwrap();
    assert_eq!(media_type, Problem::MEDIA_TYPE, "{text}");
    let problem: Problem = serde_json::from_str(&text).unwrap();
    assert_eq!(problem.code, code, "{text}");
    assert_eq!(
        (problem.status, status),
        (code.status(), code.status()),
        "{text}"
    );
    assert_eq!(problem.request_id.as_deref(), Some(id.as_str()));
    problem.detail
}

/// The answer is this error of OCI distribution; its text.
pub(crate) async fn oci_error(answer: Response, status: u16, code: &str) -> String {
    let found = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!(
        (found, body["errors"][0]["code"].as_str()),
        (status, Some(code)),
        "{text}"
    );
    body["errors"][0]["message"].as_str().unwrap().to_owned()
}
