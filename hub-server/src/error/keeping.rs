//! Errors of what is kept: database, blobs, uploads, log, trust root, tokens, quotas.

use actix_web::http::header;
use registry_schema::api::ProblemCode;
use registry_schema::tuf::TufError;
use registry_schema::tuf::draft::DraftError;

use super::Failure;
use crate::app::HubError;
use crate::blobs::BlobError;
use crate::cause::chain;
use crate::database::DatabaseError;
use crate::deltas::DeltasError;
use crate::log::LogError;
use crate::quota::QuotaError;
use crate::tokens::TokenError;
use crate::trust::TrustError;
use crate::trust_change::ChangeError;
use crate::uploads::UploadError;

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

impl From<QuotaError> for Failure {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Database(error) => error.into(),
            _ => Self::shown(ProblemCode::QuotaExceeded, &error)
                .hint("the hub's operator sees and sets quotas with `hub-server quota`"),
        }
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
