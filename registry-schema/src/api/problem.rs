//! Errors on the wire: RFC 9457 problem details with a closed list of codes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:extractor-hub:problem:<code>`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The code, for programs.
    pub code: ProblemCode,
    /// The kind of problem in words, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, on which thing.
    pub detail: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Names the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// Media type of the body.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem of a kind, with what happened this time.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            problem_type: format!("urn:extractor-hub:problem:{}", code.as_str()),
            code,
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            hint: None,
            request_id: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident, $code:literal, $status:literal;)+) => {
        /// Every kind of problem the API reports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl ProblemCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status it comes with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The kind in words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => first_line(concat!($($doc, "\n"),+))),+ }
            }
        }
    };
}

codes! {
    /// The request cannot be read.
    MalformedRequest, "malformed_request", 400;
    /// A token is needed, and none or an unknown one came.
    Unauthenticated, "unauthenticated", 401;
    /// The token does not allow this.
    Forbidden, "forbidden", 403;
    /// The member has used up its quota.
    QuotaExceeded, "quota_exceeded", 403;
    /// There is no such thing on this hub.
    NotFound, "not_found", 404;
    /// No release satisfies the requirement.
    NoSuchRelease, "no_such_release", 404;
    /// The files of that release are not in this mirror.
    NotMirrored, "not_mirrored", 404;
    /// This is a mirror: it takes nothing.
    ReadOnly, "read_only", 403;
    /// The path exists, but not for this method.
    MethodNotAllowed, "method_not_allowed", 405;
    /// Nothing arrived for too long.
    RequestTimeout, "request_timeout", 408;
    /// That version is there with other content; releases never change.
    VersionExists, "version_exists", 409;
    /// The version breaks the order or the promise of version numbers.
    VersionPromise, "version_promise", 409;
    /// The statement's number does not come next.
    YankSequence, "yank_sequence", 409;
    /// The change of the trust root is based on an older state than the hub's.
    Outdated, "outdated", 409;
    /// The number of a member's statement does not come next.
    StatementSequence, "statement_sequence", 409;
    /// Something is larger than allowed.
    TooLarge, "too_large", 413;
    /// The media type is not what this path takes.
    MediaType, "media_type", 415;
    /// The range begins past the end, or does not follow what is there.
    RangeNotSatisfiable, "range_not_satisfiable", 416;
    /// The statement is not one of a release.
    InvalidStatement, "invalid_statement", 422;
    /// The signatures are not those of enough owners.
    Signature, "signature", 422;
    /// The change of the trust root is not one that clients would follow.
    TrustRoot, "trust_root", 422;
    /// The statement names a blob that was not uploaded, or has another size.
    BlobMissing, "blob_missing", 422;
    /// The graph or another file is refused.
    RefusedFile, "refused_file", 422;
    /// The probe vectors disagree with the predecessor's, or are not there.
    ProbesDisagree, "probes_disagree", 422;
    /// Too many requests at once.
    TooManyRequests, "too_many_requests", 429;
    /// Something went wrong inside the server; its log says what.
    Internal, "internal", 500;
    /// The server has no room left on its disk.
    StorageFull, "storage_full", 507;
    /// It is recorded, but too few witnesses have cosigned the log since; its proof comes later.
    Unwitnessed, "unwitnessed", 503;
    /// The server is starting, stopping or overloaded.
    Unavailable, "unavailable", 503;
}

fn first_line(doc: &'static str) -> &'static str {
    doc.lines()
        .next()
        .unwrap_or(doc)
        .trim()
        .trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_code_reads_back_and_has_an_error_status() {
        for &code in ProblemCode::ALL {
            let problem = Problem::new(code, "x").with_hint("y");
            let json = serde_json::to_string(&problem).unwrap();
            assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
            assert!((400..600).contains(&problem.status), "{code:?}");
            assert!(!problem.title.is_empty());
        }
    }
}
