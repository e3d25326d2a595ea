//! What a hub answers, read no further than its limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use registry_schema::api::{Problem, ProblemCode, UPLOAD_BYTES_HEADER};
use registry_schema::limits;
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, LOCATION, RANGE, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::registry::RegistryError;
use crate::registry::traffic::Counters;

/// The start of an answer, and its body still to come.
pub(in crate::registry) struct Answer {
    response: Response,
    url: String,
    traffic: Arc<Counters>,
}

impl Answer {
    /// An answer of the hub at `url`.
    pub(super) fn new(response: Response, url: &str, traffic: &Arc<Counters>) -> Self {
        Self {
            response,
            url: url.to_owned(),
            traffic: Arc::clone(traffic),
        }
    }

    /// The answer if it is a good one.
    pub(super) async fn checked(self, path: &str) -> Result<Self, RegistryError> {
        if self.is_good() {
            return Ok(self);
        }
        Err(self.into_error(path).await)
    }

    pub(super) fn is_good(&self) -> bool {
        self.response.status().is_success()
    }

    pub(in crate::registry) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(in crate::registry) fn content_length(&self) -> Option<u64> {
        let value = self.response.headers().get(CONTENT_LENGTH)?;
        value.to_str().ok()?.parse().ok()
    }

    /// The `Date` header (RFC 9110, section 5.6.7).
    pub(in crate::registry) fn date(&self) -> Option<jiff::Timestamp> {
        let value = self.response.headers().get(DATE)?.to_str().ok()?;
        Some(jiff::fmt::rfc2822::parse(value).ok()?.timestamp())
    }

    /// `Retry-After` in seconds (RFC 9110, section 10.2.3).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let value = self.response.headers().get(RETRY_AFTER)?.to_str().ok()?;
        Some(Duration::from_secs(value.trim().parse().ok()?))
    }

    /// The `Location` header.
    pub(in crate::registry) fn location(&self) -> Option<&str> {
        self.response.headers().get(LOCATION)?.to_str().ok()
    }

    /// How many bytes of an upload the hub has, from `Hub-Upload-Bytes`, or from `Range: 0-N` where an
    /// older hub tells that alone; 0 when it has none.
    pub(in crate::registry) fn uploaded(&self) -> u64 {
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

    pub(in crate::registry) async fn json<T: DeserializeOwned>(
        self,
        what: &str,
    ) -> Result<T, RegistryError> {
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

    pub(in crate::registry) async fn text(
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
    pub(in crate::registry) async fn bytes(
        self,
        what: &str,
        limit_bytes: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let traffic = Arc::clone(&self.traffic);
        let waiting = traffic.wait();
        let body = read_body(self.stream(), limit_bytes).await?;
        drop(waiting);
        body.ok_or_else(|| RegistryError::Answer {
            what: what.into(),
            reason: format!("it is larger than {limit_bytes} bytes"),
        })
    }

    pub(in crate::registry) fn stream(self) -> impl Stream<Item = Result<Bytes, RegistryError>> {
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
        let parsed: Value = serde_json::from_slice(&bytes).unwrap_or_default();
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

/// A whole body; `None` when it is longer than the limit: then no more of it is read.
pub(in crate::registry) async fn read_body<E>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: usize,
) -> Result<Option<Vec<u8>>, E> {
    let mut body = Vec::new();
    let mut stream = std::pin::pin!(stream);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
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
fn steers_terminal(value: &Value) -> bool {
    let steers = |text: &str| text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    match value {
        Value::String(text) => steers(text),
        Value::Array(items) => items.iter().any(steers_terminal),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| steers(key) || steers_terminal(value)),
        _ => false,
    }
}

/// Errors of `/v2/` have OCI's form; the rest of the program knows problems only.
fn oci_problem(status: u16, error: &OciError) -> RegistryError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_answer_steers_a_terminal() {
        let plain = serde_json::json!({ "a b": ["line\nline\t", 1, null] });
        assert!(!steers_terminal(&plain));
        for answer in [
            serde_json::json!(["\u{1b}[2J"]),
            serde_json::json!({ "a": { "b": "\r" } }),
            serde_json::json!({ "a": { "\u{9b}2J": 1 } }),
        ] {
            assert!(steers_terminal(&answer), "{answer}");
        }
    }
}
