//! The only door to the network: requests with the token, limits and time-outs of one hub.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use registry_schema::api::{Problem, UPLOAD_BYTES_HEADER};
use registry_schema::digest::Digest;
use registry_schema::limits;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Body, Client, ClientBuilder, Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use super::error::RegistryError;
use super::tls;
use super::traffic::{Counters, Traffic};
use crate::config::{ClientCertificate, HubConfig};

/// A connection that cannot be made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing arrives for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A piece of an upload on a slow line, or a hub that inspects gigabytes before it answers, takes
/// its time; past this it is given up.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// A hub that wants to be left alone for longer than this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(90);

/// How often a request is sent again after a pause.
const PAUSES: u32 = 5;

/// A hub, and how to speak to it.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: Client,
    /// Without a read time-out, which would count while a body is still being sent.
    uploads: Client,
    /// Speaks to other hosts, where the system's roots count, when the hub's own certificate is pinned.
    elsewhere: Arc<OnceLock<Client>>,
    has_own_tls: bool,
    base: Url,
    token: Option<String>,
    traffic: Arc<Counters>,
    /// Before this moment the hub wants no request, as it said with status 429.
    pause: Arc<Mutex<Option<Instant>>>,
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
        let builder = builder(&base, hub.certificate, hub.client_certificate.as_ref())?;
        let client = build(builder().read_timeout(READ_TIMEOUT))?;
        let uploads = build(builder().timeout(UPLOAD_TIMEOUT))?;
        Ok(Self {
            client,
            uploads,
            elsewhere: Arc::default(),
            has_own_tls: hub.certificate.is_some() || hub.client_certificate.is_some(),
            base,
            token: hub.token.clone(),
            traffic: Arc::default(),
            pause: Arc::default(),
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

    /// GET of a blob, or of its bytes `first..=last`. A hub may send its clients to an object store
    /// for them, once, with an address that is good for some time.
    pub(super) async fn get_blob(
        &self,
        path: &str,
        range: Option<(u64, u64)>,
    ) -> Result<Answer, RegistryError> {
        let ranged = |request: RequestBuilder| match range {
            Some((first, last)) => request.header(RANGE, format!("bytes={first}-{last}")),
            None => request,
        };
        let answer = self.ask(ranged(self.client.get(self.url(path)?))).await?;
        if answer.status() != 307 {
            return answer.checked(path).await;
        }
        let url = self.store_url(answer.location().unwrap_or_default())?;
        let store = url.origin().ascii_serialization();
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Connection {
            url: store.clone(),
            source,
        };
        // Without the token, which is for the hub alone.
        let sent = self.send_as_is(ranged(self.store_client()?.get(url))).await;
        let answer = sent.map_err(|error| broken(error.without_url().into()))?;
        if answer.response.status().is_success() {
            return Ok(answer);
        }
        // The address may have been too old; the hub gives another one.
        let status = answer.status();
        Err(broken(format!("the object store answered {status}").into()))
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

    /// An address in an object store; one that is less safe than the hub's is refused.
    fn store_url(&self, location: &str) -> Result<Url, RegistryError> {
        let url = Url::parse(location).ok().filter(|url| {
            let is_safe = url.scheme() == "https" || url.scheme() == self.base.scheme();
            is_safe && url.has_host() && url.username().is_empty()
        });
        url.ok_or_else(|| RegistryError::Answer {
            what: "a blob".to_owned(),
            reason: "it leads to an address that is not `https://`".to_owned(),
        })
    }

    fn store_client(&self) -> Result<&Client, RegistryError> {
        if !self.has_own_tls {
            return Ok(&self.client);
        }
        if let Some(client) = self.elsewhere.get() {
            return Ok(client);
        }
        let client = build(builder(&self.base, None, None)?().read_timeout(READ_TIMEOUT))?;
        Ok(self.elsewhere.get_or_init(|| client))
    }

    async fn send(&self, request: RequestBuilder, path: &str) -> Result<Answer, RegistryError> {
        self.ask(request).await?.checked(path).await
    }

    /// The hub's answer, whatever it is.
    async fn ask(&self, mut request: RequestBuilder) -> Result<Answer, RegistryError> {
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut asked_again = 0;
        loop {
            self.wait_for_pause().await;
            // A body that is read while it is sent cannot be sent twice: its sender goes on from what arrived.
            let again = request.try_clone();
            let sent = self.send_as_is(request).await;
            let answer = sent.map_err(|error| self.connection(error))?;
            let is_paused = self.pause_as_told(&answer);
            match again {
                Some(again) if is_paused && asked_again < PAUSES => {
                    asked_again += 1;
                    request = again;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// Obeys `Retry-After` of status 429 (RFC 6585 §4); whether it said how long. All requests to this hub wait.
    fn pause_as_told(&self, answer: &Answer) -> bool {
        let wait = match answer.status() {
            429 => answer.retry_after(),
            _ => None,
        };
        let Some(wait) = wait.filter(|wait| *wait <= LONGEST_PAUSE) else {
            return false;
        };
        let until = Instant::now() + wait;
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = (*pause).max(Some(until));
        true
    }

    async fn wait_for_pause(&self) {
        let until = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    async fn send_as_is(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        self.traffic.sent();
        let waiting = self.traffic.wait();
        let sent = request.send().await;
        drop(waiting);
        Ok(Answer {
            response: sent?,
            url: self.base().to_owned(),
            traffic: Arc::clone(&self.traffic),
        })
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

/// Makes clients for a hub whose certificate is this one, or for hosts that the system trusts.
fn builder(
    base: &Url,
    pinned: Option<Digest>,
    own: Option<&ClientCertificate>,
) -> Result<impl Fn() -> ClientBuilder + use<>, RegistryError> {
    let tls = tls::client_config(pinned, own).map_err(|error| RegistryError::Tls {
        source: error.into(),
    })?;
    let is_https = base.scheme() == "https";
    Ok(move || {
        Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .http1_only()
            .https_only(is_https)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("hub/", env!("CARGO_PKG_VERSION")))
    })
}

fn build(builder: ClientBuilder) -> Result<Client, RegistryError> {
    builder.build().map_err(|error| RegistryError::Tls {
        source: error.into(),
    })
}

impl Answer {
    /// The answer if it is a good one.
    async fn checked(self, path: &str) -> Result<Self, RegistryError> {
        if self.response.status().is_success() {
            return Ok(self);
        }
        Err(self.into_error(path).await)
    }

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

    /// `Retry-After` in seconds (RFC 9110, section 10.2.3).
    fn retry_after(&self) -> Option<Duration> {
        let value = self.response.headers().get(RETRY_AFTER)?.to_str().ok()?;
        Some(Duration::from_secs(value.trim().parse().ok()?))
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
            client_certificate: None,
        };
        let transport = Transport::new(&hub).unwrap();
        assert!(transport.url("https://evil.example.org/v2/").is_err());
        assert!(transport.url("//evil.example.org/v2/").is_err());
        assert_eq!(
            transport.url("/v2/x").unwrap().as_str(),
            "https://hub.example.org/v2/x"
        );
        let store = "https://store.example.org/b?X-Amz-Signature=1";
        assert_eq!(transport.store_url(store).unwrap().as_str(), store);
        for bad in [
            "http://store.example.org/b",
            "http://127.0.0.1/b",
            "https://u:p@store.example.org/b",
            "file:///etc/passwd",
            "/v2/x",
            "",
        ] {
            assert!(transport.store_url(bad).is_err(), "{bad}");
        }
    }

    /// A hub that wants a pause of a second before it answers, so many times; how often it was asked.
    async fn pausing(times: usize, pause: &str) -> (Transport, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, pause) = (Arc::new(AtomicUsize::new(0)), pause.to_owned());
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let answer = match counted.fetch_add(1, Ordering::SeqCst) < times {
                    true => format!("429 Too Many Requests\r\nRetry-After: {pause}"),
                    false => "200 OK".to_owned(),
                };
                let answer =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let hub = HubConfig {
            url,
            token: None,
            certificate: None,
            client_certificate: None,
        };
        (Transport::new(&hub).unwrap(), asked)
    }

    #[tokio::test]
    async fn a_hub_that_wants_a_pause_gets_one() {
        let (transport, asked) = pausing(2, "1").await;
        let before = Instant::now();
        assert!(transport.get("/x", &[]).await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        assert!(before.elapsed() >= Duration::from_secs(2));
        // Of hours it is told, and of a hub that never stops too.
        for (times, pause, expected) in [(1, "7200", 1), (usize::MAX, "0", 1 + PAUSES as usize)] {
            let (transport, asked) = pausing(times, pause).await;
            let refused = transport.get("/x", &[]).await;
            assert!(matches!(
                refused,
                Err(RegistryError::Status { status: 429, .. })
            ));
            assert_eq!(asked.load(Ordering::SeqCst), expected);
        }
        // What is sent while it is read cannot be sent again; the next request waits.
        let (transport, asked) = pausing(1, "1").await;
        let before = Instant::now();
        let body = || UploadBody {
            first: 0,
            size_bytes: 1,
            body: Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")])),
        };
        let refused = transport.upload(Method::PATCH, "/x", Some(body())).await;
        assert!(matches!(
            refused,
            Err(RegistryError::Status { status: 429, .. })
        ));
        assert!(
            transport
                .upload(Method::PATCH, "/x", Some(body()))
                .await
                .is_ok()
        );
        assert!(before.elapsed() >= Duration::from_secs(1));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
