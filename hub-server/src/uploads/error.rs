//! Why an upload does not go on.

use super::{OPEN_UPLOADS, Upload};
use crate::blobs::BlobError;
use crate::database::DatabaseError;
use crate::quota::QuotaError;
use crate::repository::AnyDigest;
use crate::tokens::TokenError;

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// No such upload, or somebody else's.
    #[error("there is no upload `{id}`: begin a new one")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// Bytes that do not follow the ones that are there.
    #[error("the upload has {expected} bytes, so the next piece starts there, not at {found}")]
    Gap {
        /// Which.
        upload: Upload,
        /// Where it ended.
        expected: u64,
        /// Where the piece starts.
        found: u64,
    },
    /// Other bytes than were announced.
    #[error("the uploaded bytes have the digest {found}, not {expected}: send the blob again")]
    Digest {
        /// As announced.
        expected: AnyDigest,
        /// As arrived.
        found: AnyDigest,
    },
    /// What was kept cannot be read back.
    #[error("the uploaded bytes cannot be read back")]
    Read {
        /// What the system said.
        source: std::io::Error,
    },
    /// The piece ended before its announced length, or its sender fell silent.
    #[error("the upload was interrupted: ask how much arrived, and go on from there")]
    Interrupted,
    /// Another request is writing.
    #[error("another request is writing to this upload: try again")]
    Busy,
    /// Past [`OPEN_UPLOADS`].
    #[error("more than {OPEN_UPLOADS} uploads are open: finish or cancel some")]
    TooMany,
    /// Garbage collection was faster.
    #[error("the hub is removing this blob, which nothing named: send it again in a minute")]
    BeingRemoved,
    /// More than the member may store.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] TokenError),
}

impl UploadError {
    pub(super) fn unknown(id: &str) -> Self {
        Self::Unknown {
            id: id.chars().take(64).collect(),
        }
    }
}
