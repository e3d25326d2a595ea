//! The only place of status codes: every error of the lower floors becomes a [`Failure`] here, and
//! every failure becomes a `Problem` (RFC 9457), or what clients of other protocols know.

mod answer;

pub(crate) use answer::Dialect;
use answer::oci_code;

use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use registry_schema::api::{Problem, ProblemCode};
use registry_schema::compatibility::CompatibilityError;
use registry_schema::content::ContentError;
use registry_schema::envelope::EnvelopeError;
use registry_schema::graph::RefusedFile;
use registry_schema::manifest::{ManifestError, VECTORS_FILE};
use registry_schema::statement::StatementError;
use registry_schema::tuf::TufError;
use registry_schema::tuf::draft::DraftError;
use registry_schema::verify::VerifyError;

use crate::app::HubError;
use crate::attach::AttachError;
use crate::blobs::{BlobError, is_store_fault};
use crate::cause::chain;
use crate::database::DatabaseError;
use crate::deltas::DeltasError;
use crate::inspection::InspectionError;
use crate::log::LogError;
use crate::members_say::SayError;
use crate::oci::OciError;
use crate::pages::{self, PageError};
use crate::publish::{OwnerError, PublishError};
use crate::quota::QuotaError;
use crate::resolve::ResolveError;
use crate::tokens::TokenError;
use crate::trust::TrustError;
use crate::trust_change::ChangeError;
use crate::uploads::UploadError;
use crate::yank::YankError;

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

impl Failure {
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

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::NoText => Self::shown(ProblemCode::MalformedRequest, &error),
            DatabaseError::Full => Self::shown(ProblemCode::StorageFull, &error),
            DatabaseError::Away { .. } => {
                let mut failure = Self::new(ProblemCode::Unavailable, error.to_string());
                failure.cause = Some(chain(&error));
                failure.header(header::RETRY_AFTER, "5")
            }
            DatabaseError::Changed | DatabaseError::Busy | DatabaseError::Interrupted => {
                Self::shown(ProblemCode::Unavailable, &error).header(header::RETRY_AFTER, "1")
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Self::shown(ProblemCode::StorageFull, &error),
            BlobError::TooLarge => Self::shown(ProblemCode::TooLarge, &error),
            BlobError::File { .. } | BlobError::Settings { .. } => Self::internal(&error),
            BlobError::Store { .. } => Self::store_fault(&error),
        }
    }
}

impl From<DeltasError> for Failure {
    fn from(error: DeltasError) -> Self {
        match error {
            DeltasError::NoBlob { .. } => Self::shown(ProblemCode::NotFound, &error),
            DeltasError::Busy | DeltasError::Stopped => {
                Self::shown(ProblemCode::Unavailable, &error).header(header::RETRY_AFTER, "5")
            }
            DeltasError::Blob(error) => error.into(),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => error.into(),
            LogError::ReadOnly => Self::shown(ProblemCode::ReadOnly, &error),
            LogError::NotInPolicy { .. } => Self::shown(ProblemCode::TrustRoot, &error),
            LogError::NotRecorded { is_full: true, .. } => {
                Self::shown(ProblemCode::StorageFull, &error)
            }
            LogError::Unwitnessed { .. } => {
                Self::shown(ProblemCode::Unwitnessed, &error).header(header::RETRY_AFTER, "5")
            }
            LogError::NotRecorded { .. } | LogError::Uncertain { .. } | LogError::Stopped => {
                Self::shown(ProblemCode::Unavailable, &error).header(header::RETRY_AFTER, "1")
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Database(error) => error.into(),
            TokenError::Random => Self::internal(&error),
            other => Self::shown(ProblemCode::Unauthenticated, &other)
                .hint("ask the hub's operator for a token, then `hub login` again"),
        }
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Database(error) => error.into(),
            TrustError::File(error) => error.into(),
            TrustError::Tuf(error) | TrustError::Draft(DraftError::Tuf(error)) => {
                let code = match &error {
                    TufError::Outdated { .. } | TufError::Backdated { .. } => ProblemCode::Outdated,
                    _ => ProblemCode::TrustRoot,
                };
                Self::shown(code, &error)
            }
            TrustError::Draft(_) => Self::shown(ProblemCode::TrustRoot, &error),
            TrustError::ReadOnly => Self::shown(ProblemCode::ReadOnly, &error),
            _ => Self::internal(&error),
        }
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Trust(error) => error.into(),
            HubError::Log(error) => error.into(),
            HubError::File(error) => error.into(),
            HubError::Database(error) => error.into(),
            _ => Self::internal(&error),
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Trust(error) => error.into(),
            ChangeError::Log(error) => error.into(),
            ChangeError::Database(error) => error.into(),
            ChangeError::Yank(_) => Self::internal(&error),
        }
    }
}

impl From<OwnerError> for Failure {
    fn from(error: OwnerError) -> Self {
        Self::shown(ProblemCode::Forbidden, &error)
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Blob(error) => error.into(),
            UploadError::Database(error) => error.into(),
            UploadError::Random(error) => error.into(),
            UploadError::Quota(error) => error.into(),
            UploadError::Unknown { .. } => {
                Self::shown(ProblemCode::NotFound, &error).oci("BLOB_UPLOAD_UNKNOWN")
            }
            UploadError::Gap { .. } => {
                Self::shown(ProblemCode::RangeNotSatisfiable, &error).oci("BLOB_UPLOAD_INVALID")
            }
            UploadError::Digest { .. } => {
                Self::shown(ProblemCode::MalformedRequest, &error).oci("DIGEST_INVALID")
            }
            UploadError::Interrupted => {
                Self::shown(ProblemCode::RequestTimeout, &error).oci("BLOB_UPLOAD_INVALID")
            }
            UploadError::Busy | UploadError::BeingRemoved => {
                Self::shown(ProblemCode::Unavailable, &error).header(header::RETRY_AFTER, "5")
            }
            UploadError::TooMany => Self::shown(ProblemCode::TooManyRequests, &error),
            UploadError::Read { .. } => Self::internal(&error),
        }
    }
}

impl From<QuotaError> for Failure {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Database(error) => error.into(),
            _ => Self::shown(ProblemCode::QuotaExceeded, &error)
                .hint("the hub's operator sees and sets quotas with `hub-server quota`"),
        }
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Database(error) => error.into(),
            ResolveError::NotMirrored { .. } => Self::shown(ProblemCode::NotMirrored, &error)
                .hint("the hub that this is a mirror of has them; the mirror's operator gets them with `hub mirror`"),
            ResolveError::NoSuchRelease { .. } | ResolveError::NoSuchCommit { .. } => {
                Self::shown(ProblemCode::NoSuchRelease, &error).hugging_face("RevisionNotFound")
            }
            ResolveError::NoSuchExtractor { .. } => {
                Self::shown(ProblemCode::NotFound, &error).hugging_face("RepoNotFound")
            }
            ResolveError::NoSuchFile { .. } => {
                Self::shown(ProblemCode::NotFound, &error).hugging_face("EntryNotFound")
            }
        }
    }
}

impl From<OciError> for Failure {
    fn from(error: OciError) -> Self {
        let shown = |code, oci| Self::shown(code, &error).oci(oci);
        match error {
            OciError::Name(_) => shown(ProblemCode::MalformedRequest, "NAME_INVALID"),
            OciError::Digest(_) | OciError::OtherBytes { .. } => {
                shown(ProblemCode::MalformedRequest, "DIGEST_INVALID")
            }
            OciError::NoManifest { .. } => shown(ProblemCode::NotFound, "MANIFEST_UNKNOWN"),
            OciError::NoBlob { .. } => shown(ProblemCode::NotFound, "BLOB_UNKNOWN"),
            OciError::Missing { .. } => shown(ProblemCode::NotFound, "MANIFEST_BLOB_UNKNOWN"),
            OciError::Manifest { .. } | OciError::Tag { .. } => {
                shown(ProblemCode::MalformedRequest, "MANIFEST_INVALID")
            }
            OciError::Denied { .. } => shown(ProblemCode::Forbidden, "DENIED"),
            OciError::Resolve(error) => {
                let is_release = matches!(
                    error,
                    ResolveError::NoSuchRelease { .. } | ResolveError::NotMirrored { .. }
                );
                match Self::from(error) {
                    failure if is_release => failure.oci("MANIFEST_UNKNOWN"),
                    failure => failure,
                }
            }
            OciError::Log(error) => error.into(),
            OciError::Blob(error) => error.into(),
            OciError::Database(error) => error.into(),
        }
    }
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Resolve(error) => error.into(),
            PageError::Publish(error) => error.into(),
            PageError::Log(error) => error.into(),
            PageError::Blob(error) => error.into(),
            PageError::Database(error) => error.into(),
            PageError::Card(_) | PageError::Template(_) => Self::unreadable(&error),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let code = match &error {
            VerifyError::Envelope(
                EnvelopeError::TooLarge { .. } | EnvelopeError::TooManySignatures { .. },
            )
            | VerifyError::Statement(
                StatementError::TooLarge { .. }
                | StatementError::FileTooLarge { .. }
                | StatementError::TooManyFiles { .. },
            ) => ProblemCode::TooLarge,
            VerifyError::Statement(StatementError::Manifest(ManifestError::FileKind {
                ..
            })) => ProblemCode::RefusedFile,
            VerifyError::Statement(
                StatementError::Probes { .. } | StatementError::FileMissing { path: VECTORS_FILE },
            ) => ProblemCode::ProbesDisagree,
            VerifyError::Trust(_) => ProblemCode::Forbidden,
            VerifyError::Threshold(_) | VerifyError::NotByMember { .. } => ProblemCode::Signature,
            VerifyError::YankSequence { .. } => ProblemCode::YankSequence,
            _ => ProblemCode::InvalidStatement,
        };
        Self::shown(code, &error)
    }
}

impl From<InspectionError> for Failure {
    fn from(error: InspectionError) -> Self {
        match error {
            InspectionError::Blob(error) => error.into(),
            error if is_store_fault(&error) => Self::store_fault(&error),
            InspectionError::Read { .. }
            | InspectionError::Refused(RefusedFile::Content(ContentError::Read { .. })) => {
                Self::internal(&error)
            }
            InspectionError::Gone { .. } => Self::shown(ProblemCode::BlobMissing, &error),
            InspectionError::Probes(_) | InspectionError::Vectors => {
                Self::shown(ProblemCode::ProbesDisagree, &error)
            }
            InspectionError::Refused(_) => Self::shown(ProblemCode::RefusedFile, &error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Owner(error) => error.into(),
            PublishError::Verify(error) => error.into(),
            PublishError::Inspection(error) => error.into(),
            PublishError::Blob(error) => error.into(),
            PublishError::Log(error) => error.into(),
            PublishError::Database(error) => error.into(),
            PublishError::Quota(error) => error.into(),
            PublishError::VersionExists { .. } => Self::shown(ProblemCode::VersionExists, &error),
            PublishError::Predecessor { .. } => Self::shown(ProblemCode::VersionPromise, &error),
            PublishError::Compatibility(
                CompatibilityError::Order { .. } | CompatibilityError::Promise { .. },
            ) => Self::shown(ProblemCode::VersionPromise, &error),
            PublishError::Compatibility(_) => Self::shown(ProblemCode::ProbesDisagree, &error),
            PublishError::BlobMissing { .. } | PublishError::BlobSize { .. } => {
                Self::shown(ProblemCode::BlobMissing, &error)
            }
            PublishError::Stored { .. } => Self::internal(&error),
        }
    }
}

impl From<YankError> for Failure {
    fn from(error: YankError) -> Self {
        match error {
            YankError::Owner(error) => error.into(),
            YankError::Verify(error) => error.into(),
            YankError::Resolve(error) => error.into(),
            YankError::Publish(error) => (*error).into(),
            YankError::Log(error) => error.into(),
            YankError::Database(error) => error.into(),
            YankError::Sequence { .. } => Self::shown(ProblemCode::YankSequence, &error),
        }
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Owner(error) => error.into(),
            AttachError::Resolve(error) => error.into(),
            AttachError::Publish(error) => (*error).into(),
            AttachError::Blob(error) => error.into(),
            AttachError::Database(error) => error.into(),
            AttachError::BlobMissing { .. } => Self::shown(ProblemCode::BlobMissing, &error),
            AttachError::TooLarge { .. } => Self::shown(ProblemCode::TooLarge, &error),
            AttachError::Signature(_) => Self::shown(ProblemCode::InvalidStatement, &error),
            AttachError::Read { .. } => Self::unreadable(&error),
        }
    }
}

impl From<SayError> for Failure {
    fn from(error: SayError) -> Self {
        match error {
            SayError::Verify(error) => error.into(),
            SayError::Resolve(error) => error.into(),
            SayError::Publish(error) => (*error).into(),
            SayError::Log(error) => error.into(),
            SayError::Database(error) => error.into(),
            SayError::AnotherMember { .. } => Self::shown(ProblemCode::Forbidden, &error),
            SayError::Sequence { .. } | SayError::NotOpen { .. } => {
                Self::shown(ProblemCode::StatementSequence, &error)
            }
            SayError::TooMuch | SayError::Full => Self::shown(ProblemCode::TooLarge, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

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
