//! Errors of what members do: publishing and what follows it, and reading.

use registry_schema::api::ProblemCode;
use registry_schema::compatibility::CompatibilityError;
use registry_schema::content::ContentError;
use registry_schema::envelope::EnvelopeError;
use registry_schema::graph::RefusedFile;
use registry_schema::manifest::{ManifestError, VECTORS_FILE};
use registry_schema::statement::StatementError;
use registry_schema::verify::VerifyError;

use super::Failure;
use crate::attach::AttachError;
use crate::blobs::is_store_fault;
use crate::inspection::InspectionError;
use crate::members_say::SayError;
use crate::oci::OciError;
use crate::pages::PageError;
use crate::publish::{OwnerError, PublishError};
use crate::resolve::ResolveError;
use crate::yank::YankError;

impl From<OwnerError> for Failure {
    fn from(error: OwnerError) -> Self {
        Self::shown(ProblemCode::Forbidden, &error)
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
            OciError::NoRepository { .. } => shown(ProblemCode::NotFound, "NAME_UNKNOWN"),
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
            OciError::Quota(error) => error.into(),
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
