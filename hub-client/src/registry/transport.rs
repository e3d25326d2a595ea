//! The only door to the network: requests with the token, limits and time-outs of one hub.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use registry_schema::api::{Problem, UPLOAD_BYTES_HEADER};
use registry_schema::limits;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, LOCATION, RANGE,
};
use reqwest::{Body, Client, ClientBuilder, Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use super::error::RegistryError;
use super::tls;
use super::traffic::{Counters, Traffic};
use crate::config::HubConfig;

/// A connection that cannot be made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing arrives for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A piece of an upload on a slow line, or a hub that inspects gigabytes before it answers, takes
/// its time; past this it is given up.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// A hub, and how to speak to it.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: Client,
    /// Without a read time-out, which would count while a body is still being sent.
    uploads: Client,
    base: Url,
    token: Option<String>,
    traffic: Arc<Counters>,
}

/// The start of an answer, and its body still to come.
pub(super) struct Answer {
    response: Response,
    url: String,
    traffic: Arc<Counters>,
}

impl Transport {
    pub(super) fn new(hub: &HubConfig) -> Result<Self, RegistryError> {
        let base = parse_url(&hub.url)?;
        let tls_error =
            |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Tls { source };
        let tls = tls::client_config(hub.certificate).map_err(|error| tls_error(error.into()))?;
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .http1_only()
                .https_only(base.scheme() == "https")
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .user_agent(concat!("hub/", env!("CARGO_PKG_VERSION")))
        };
        let build =
            |builder: ClientBuilder| builder.build().map_err(|error| tls_error(error.into()));
        let client = build(builder().read_timeout(READ_TIMEOUT))?;
        let uploads = build(builder().timeout(UPLOAD_TIMEOUT))?;
        Ok(Self {
            client,
            uploads,
            base,
            token: hub.token.clone(),
            traffic: Arc::default(),
        })
    }

    /// What went over the network so far, through this and all its clones.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.so_far()
    }

    /// The hub's address, without a slash at the end.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Answer, RegistryError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.client.request(Method::GET, url), path).await
    }

    /// GET of bytes `first..=last` of a blob.
    pub(super) async fn get_range(
        &self,
        path: &str,
        first: u64,
        last: u64,
    ) -> Result<Answer, RegistryError> {
        let request = self
            .client
            .get(self.url(path)?)
            .header(RANGE, format!("bytes={first}-{last}"));
        self.send(request, path).await
    }

    /// HEAD; `None` when there is no such thing.
    pub(super) async fn head(&self, path: &str) -> Result<Option<Answer>, RegistryError> {
        let request = self.client.head(self.url(path)?);
        match self.send(request, path).await {
            Ok(answer) => Ok(Some(answer)),
            Err(RegistryError::Status { status: 404, .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    pub(super) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<Answer, RegistryError> {
        let request = self
            .uploads
            .request(method, self.url(path)?)
            .header(CONTENT_TYPE, media_type)
            .body(body);
        self.send(request, path).await
    }

    /// POST, PATCH or PUT of an upload, at a path or at the absolute address a hub gave.
    pub(super) async fn upload(
        &self,
        method: Method,
        location: &str,
        body: Option<UploadBody>,
    ) -> Result<Answer, RegistryError> {
        let mut request = self.uploads.request(method, self.url(location)?);
        match body {
            Some(part) => {
                let last = part.first + part.size_bytes.saturating_sub(1);
                request = request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, part.size_bytes)
                    .header(CONTENT_RANGE, format!("{}-{last}", part.first))
                    .body(part.body);
            }
            None => request = request.header(CONTENT_LENGTH, 0),
        }
        self.send(request, location).await
    }

    /// An absolute address on this hub; one on another host is refused, so that the token stays.
    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let url = self.base.join(path).map_err(|_| RegistryError::Url {
            url: path.to_owned(),
        })?;
        if url.origin() == self.base.origin() {
            Ok(url)
        } else {
            Err(RegistryError::Url {
                url: path.to_owned(),
            })
        }
    }

    async fn send(&self, mut request: RequestBuilder, path: &str) -> Result<Answer, RegistryError> {
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.traffic.sent();
        let waiting = self.traffic.wait();
        let sent = request.send().await;
        drop(waiting);
        let answer = Answer {
            response: sent.map_err(|error| self.connection(error))?,
            url: self.base().to_owned(),
            traffic: Arc::clone(&self.traffic),
        };
        if answer.response.status().is_success() {
            return Ok(answer);
        }
        Err(answer.into_error(path).await)
    }

    fn connection(&self, error: reqwest::Error) -> RegistryError {
        RegistryError::Connection {
            url: self.base().to_owned(),
            source: error.without_url().into(),
        }
    }
}

/// One piece of an upload.
pub(super) struct UploadBody {
    /// Offset of its first byte.
    pub(super) first: u64,
    /// Its length.
    pub(super) size_bytes: u64,
    /// Its bytes.
    pub(super) body: Body,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        let value = self.response.headers().get(CONTENT_LENGTH)?;
        value.to_str().ok()?.parse().ok()
    }

    /// The `Date` header (RFC 9110, section 5.6.7).
    pub(super) fn date(&self) -> Option<jiff::Timestamp> {
        let value = self.response.headers().get(DATE)?.to_str().ok()?;
        Some(jiff::fmt::rfc2822::parse(value).ok()?.timestamp())
    }

    /// The `Location` header.
    pub(super) fn location(&self) -> Option<&str> {
        self.response.headers().get(LOCATION)?.to_str().ok()
    }

    /// How many bytes of an upload the hub has, from `Hub-Upload-Bytes`, or from `Range: 0-N` where an
    /// older hub tells that alone; 0 when it has none.
    pub(super) fn uploaded(&self) -> u64 {
        let told = self.response.headers().get(UPLOAD_BYTES_HEADER);
        if let Some(bytes) = told.and_then(|value| value.to_str().ok()?.parse().ok()) {
            return bytes;
        }
        let last = || {
            self.response
                .headers()
                .get(RANGE)?
                .to_str()
                .ok()?
                .rsplit_once('-')?
                .1
                .parse::<u64>()
                .ok()
        };
        last().map_or(0, |last| last.saturating_add(1))
    }

    pub(super) async fn json<T: DeserializeOwned>(self, what: &str) -> Result<T, RegistryError> {
        let bytes = self.bytes(what, limits::RESPONSE_BYTES).await?;
        let error = |reason: String| RegistryError::Answer {
            what: what.into(),
            reason,
        };
        let value = serde_json::from_slice(&bytes).map_err(|source| error(source.to_string()))?;
        if steers_terminal(&value) {
            return Err(error("it holds control characters".to_owned()));
        }
        serde_json::from_value(value).map_err(|source| error(source.to_string()))
    }

    pub(super) async fn text(
        self,
        what: &str,
        limit_bytes: usize,
    ) -> Result<String, RegistryError> {
        let bytes = self.bytes(what, limit_bytes).await?;
        let error = |_| RegistryError::Answer {
            what: what.into(),
            reason: "it is not UTF-8".into(),
        };
        String::from_utf8(bytes).map_err(error)
    }

    /// The whole body; one past the limit is refused as soon as it passes it.
    pub(super) async fn bytes(
        self,
        what: &str,
        limit_bytes: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut body = Vec::new();
        let traffic = Arc::clone(&self.traffic);
        let mut stream = std::pin::pin!(self.stream());
        loop {
            let waiting = traffic.wait();
            let next = stream.next().await;
            drop(waiting);
            let Some(chunk) = next.transpose()? else {
                break;
            };
            if body.len() + chunk.len() > limit_bytes {
                let reason = format!("it is larger than {limit_bytes} bytes");
                return Err(RegistryError::Answer {
                    what: what.into(),
                    reason,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub(super) fn stream(self) -> impl futures_util::Stream<Item = Result<Bytes, RegistryError>> {
        let (url, traffic) = (self.url, self.traffic);
        self.response.bytes_stream().map(move |chunk| {
            let received = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            traffic.received(received);
            chunk.map_err(|error| RegistryError::Connection {
                url: url.clone(),
                source: error.without_url().into(),
            })
        })
    }

    async fn into_error(self, what: &str) -> RegistryError {
        let status = self.status();
        let content_type = self
            .response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let is_problem = content_type.is_some_and(|value| value.starts_with(Problem::MEDIA_TYPE));
        let fallback = RegistryError::Status {
            status,
            what: what.to_owned(),
        };
        let Ok(bytes) = self.bytes(what, limits::RESPONSE_BYTES).await else {
            return fallback;
        };
        let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if steers_terminal(&parsed) {
            return fallback;
        }
        if is_problem && let Ok(problem) = serde_json::from_value(parsed) {
            return RegistryError::Problem {
                problem: Box::new(problem),
            };
        }
        match serde_json::from_slice::<OciErrors>(&bytes)
            .ok()
            .and_then(|body| body.errors.into_iter().next())
        {
            Some(error) => oci_problem(status, &error),
            None => fallback,
        }
    }
}

#[derive(serde::Deserialize)]
struct OciErrors {
    errors: Vec<OciError>,
}

#[derive(serde::Deserialize)]
struct OciError {
    code: String,
    #[serde(default)]
    message: String,
}

/// Whether a text in an answer would be obeyed by a terminal. What a hub says is shown to people
/// before anything of it is verified.
fn steers_terminal(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => {
            text.contains(|c: char| c.is_control() && c != '\n' && c != '\t')
        }
        serde_json::Value::Array(items) => items.iter().any(steers_terminal),
        serde_json::Value::Object(fields) => fields.values().any(steers_terminal),
        _ => false,
    }
}

/// Errors of `/v2/` have OCI's form; the rest of the program knows problems only.
fn oci_problem(status: u16, error: &OciError) -> RegistryError {
    use registry_schema::api::ProblemCode;
    let code = match status {
        401 => ProblemCode::Unauthenticated,
        403 => ProblemCode::Forbidden,
        404 => ProblemCode::NotFound,
        413 => ProblemCode::TooLarge,
        429 => ProblemCode::TooManyRequests,
        503 => ProblemCode::Unavailable,
        507 => ProblemCode::StorageFull,
        500.. => ProblemCode::Internal,
        _ => ProblemCode::MalformedRequest,
    };
    let mut problem = Problem::new(code, format!("{} ({})", error.message, error.code));
    problem.status = status;
    RegistryError::Problem {
        problem: Box::new(problem),
    }
}

/// Whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

fn parse_url(text: &str) -> Result<Url, RegistryError> {
    let error = || RegistryError::Url {
        url: text.to_owned(),
    };
    let url = Url::parse(text).map_err(|_| error())?;
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    // A path would be lost when the API's own paths are joined, and the token sent elsewhere.
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if allowed && is_bare && url.has_host() && url.username().is_empty() {
        Ok(url)
    } else {
        Err(error())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn tokens_do_not_travel_in_the_clear_or_elsewhere() {
        for good in [
            "https://hub.example.org",
            "https://h:8443/",
            "http://127.0.0.1:80",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert!(parse_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hub.example.org",
            "ftp://h",
            "hub.example.org",
            "https://u:p@h",
            "https://h/?x=1",
            "https://h/hub",
            "",
        ] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
        let hub = HubConfig {
            url: "https://hub.example.org".into(),
            token: None,
            certificate: None,
        };
        let transport = Transport::new(&hub).unwrap();
        assert!(transport.url("https://evil.example.org/v2/").is_err());
        assert!(transport.url("//evil.example.org/v2/").is_err());
        assert_eq!(
            transport.url("/v2/x").unwrap().as_str(),
            "https://hub.example.org/v2/x"
        );
    }
}
