//! A failure as an answer, in the words of the protocol that was spoken.

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use registry_schema::api::{Problem, ProblemCode};

use super::Failure;
use crate::pages;

/// What clients of the Hugging Face Hub tell a token that is none by.
const BAD_TOKEN: &str = "Invalid credentials in Authorization header";

/// The protocol of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The hub's own: a `Problem` (RFC 9457).
    Hub,
    /// OCI distribution 1.1: a list of errors.
    Oci,
    /// The Hugging Face Hub: codes in headers, by which its client chooses an exception.
    HuggingFace,
}

impl Failure {
    /// The answer; `request_id` names the request in it.
    pub(crate) fn response(&self, dialect: Dialect, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if self.problem.code == ProblemCode::Unauthenticated {
            let challenge = "Bearer realm=\"extractor hub\"";
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        let mut problem = self.problem.clone();
        problem.request_id = Some(request_id.to_owned());
        match dialect {
            Dialect::Hub => response
                .content_type(Problem::MEDIA_TYPE)
                .body(serde_json::to_string(&problem).unwrap_or_default()),
            Dialect::Oci => response.json(serde_json::json!({
                "errors": [{ "code": self.oci, "message": problem.detail, "detail": problem }]
            })),
            Dialect::HuggingFace => self.to_hugging_face(response, &problem),
        }
    }

    /// The answer to somebody who reads pages.
    pub(crate) fn page_response(&self, page: String) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        for header in pages::HEADERS {
            response.insert_header(header);
        }
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("text/html; charset=utf-8")
            .body(page)
    }

    fn to_hugging_face(
        &self,
        mut response: HttpResponseBuilder,
        problem: &Problem,
    ) -> HttpResponse {
        if let Some(code) = self.hugging_face {
            response.insert_header(("x-error-code", code));
        }
        let is_bad_token =
            problem.code == ProblemCode::Unauthenticated && self.hugging_face.is_none();
        let message = if is_bad_token {
            BAD_TOKEN.to_owned()
        } else {
            header_text(&problem.detail)
        };
        response.insert_header(("x-error-message", message));
        let mut body = serde_json::to_value(problem).unwrap_or_default();
        body["error"] = problem.detail.as_str().into();
        response.json(body)
    }
}

/// A text as a header can hold it: one line of ASCII.
fn header_text(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            ' '..='~' => character,
            _ => '?',
        })
        .collect()
}

/// The code of OCI distribution 1.1 for a kind of problem.
pub(super) fn oci_code(code: ProblemCode) -> &'static str {
    match code {
        ProblemCode::Unauthenticated => "UNAUTHORIZED",
        ProblemCode::Forbidden | ProblemCode::ReadOnly | ProblemCode::QuotaExceeded => "DENIED",
        ProblemCode::NotFound | ProblemCode::NoSuchRelease => "NAME_UNKNOWN",
        ProblemCode::NotMirrored => "BLOB_UNKNOWN",
        ProblemCode::MethodNotAllowed | ProblemCode::MediaType => "UNSUPPORTED",
        ProblemCode::TooManyRequests => "TOOMANYREQUESTS",
        ProblemCode::TooLarge => "SIZE_INVALID",
        ProblemCode::MalformedRequest => "BLOB_UPLOAD_INVALID",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_the_hugging_face_hub_find_their_codes_in_headers() {
        let failure = Failure::new(ProblemCode::NotFound, "kein „Ding“\nhier");
        let answer = failure
            .clone()
            .hugging_face("EntryNotFound")
            .response(Dialect::HuggingFace, "1");
        let header = |answer: &HttpResponse, name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        assert_eq!(answer.status().as_u16(), 404);
        let code = header(&answer, "x-error-code");
        assert_eq!(code.as_deref(), Some("EntryNotFound"));
        let message = header(&answer, "x-error-message");
        assert_eq!(message.as_deref(), Some("kein ?Ding??hier"));
        let plain = failure.response(Dialect::Hub, "1");
        assert_eq!(header(&plain, "x-error-code"), None);
        let token = Failure::new(ProblemCode::Unauthenticated, "it has expired");
        let answer = token.response(Dialect::HuggingFace, "1");
        let message = header(&answer, "x-error-message");
        assert_eq!(message.as_deref(), Some(BAD_TOKEN));
    }
}
