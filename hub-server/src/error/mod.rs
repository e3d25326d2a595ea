//! The only place of status codes: every error of the lower floors becomes a [`Failure`] here, and
//! every failure becomes a `Problem` (RFC 9457), or what clients of other protocols know.
//!
//! `keeping` has the errors of what is kept, `stories` those of what members do with it, `answer` writes
//! a failure in the words of a protocol.

mod answer;
mod keeping;
mod stories;

use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use registry_schema::api::{Problem, ProblemCode};

use crate::blobs::is_store_fault;
use crate::cause::chain;
pub(crate) use answer::Dialect;
use answer::oci_code;

/// What a handler answers when it cannot do what was asked.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Box<Problem>,
    oci: &'static str,
    hugging_face: Option<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What the log says and the client does not see.
    pub(crate) cause: Option<String>,
}

impl Failure {
    /// A failure of a kind, with what happened this time.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(code, detail)),
            oci: oci_code(code),
            hugging_face: None,
            headers: Vec::new(),
            cause: None,
        }
    }

    /// The same with another code for OCI clients than its kind has.
    pub(crate) fn oci(mut self, code: &'static str) -> Self {
        self.oci = code;
        self
    }

    /// The same with a code for clients of the Hugging Face Hub.
    pub(crate) fn hugging_face(mut self, code: &'static str) -> Self {
        self.hugging_face = Some(code);
        self
    }

    /// The same with a header.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The same with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }

    /// A fault of the server: the log gets the whole story, the client learns that there is one.
    pub(crate) fn internal(error: &(dyn StdError + 'static)) -> Self {
        let mut failure = Self::new(ProblemCode::Internal, "the server could not do this");
        failure.cause = Some(chain(error));
        failure.hint("give the operator the request id; the server's log has the cause")
    }

    /// A blob that cannot be read to its end, here or in the object store.
    fn unreadable(error: &(dyn StdError + 'static)) -> Self {
        if is_store_fault(error) {
            Self::store_fault(error)
        } else {
            Self::internal(error)
        }
    }

    /// The store of blobs does not do its part: the log gets the whole story.
    fn store_fault(error: &(dyn StdError + 'static)) -> Self {
        let detail = "the hub cannot reach its store of blobs: nothing was lost, try again";
        let mut failure = Self::new(ProblemCode::Unavailable, detail);
        failure.cause = Some(chain(error));
        failure.header(header::RETRY_AFTER, "5")
    }

    /// A method this path does not have.
    pub(crate) fn method_not_allowed(methods: &'static str) -> Self {
        Self::new(
            ProblemCode::MethodNotAllowed,
            format!("this path takes {methods}"),
        )
        .header(header::ALLOW, methods)
    }

    /// A failure by an error and its causes, shown in full.
    fn shown(code: ProblemCode, error: &(dyn StdError + 'static)) -> Self {
        Self::new(code, chain(error))
    }

    /// The kind for a status that the web framework chose.
    pub(crate) fn from_status(status: StatusCode, detail: &str) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => ProblemCode::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => ProblemCode::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemCode::MediaType,
            StatusCode::SERVICE_UNAVAILABLE => ProblemCode::Unavailable,
            status if status.is_client_error() => ProblemCode::MalformedRequest,
            _ => ProblemCode::Internal,
        };
        let detail = if code == ProblemCode::Internal {
            "the server could not do this"
        } else {
            detail
        };
        Self::new(code, detail)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem.code.as_str(), self.problem.detail)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Empty: the journal knows the protocol and the request id, and writes the body with
    /// [`Failure::response`].
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::database::DatabaseError;

    #[test]
    fn every_kind_has_its_status_in_both_forms() {
        for &code in ProblemCode::ALL {
            let failure = Failure::new(code, "x");
            for dialect in [Dialect::Hub, Dialect::Oci, Dialect::HuggingFace] {
                assert_eq!(
                    failure.response(dialect, "r").status().as_u16(),
                    code.status()
                );
            }
        }
    }

    #[test]
    fn causes_stay_in_the_log() {
        let error = DatabaseError::Corrupt { what: "secrets" };
        let failure = Failure::internal(&error);
        assert!(failure.cause.as_ref().unwrap().contains("secrets"));
        assert!(
            !serde_json::to_string(&failure.problem)
                .unwrap()
                .contains("secrets")
        );
    }
}
