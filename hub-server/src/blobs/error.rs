//! What can go wrong with blobs.

use std::io;
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use registry_schema::limits;

use super::bucket::is_store_fault;

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    /// The disk has no room left beside the reserve.
    #[error("the hub's disk is full: nothing was lost; ask its operator for room, then go on")]
    Full,
    /// Past [`limits::FILE_BYTES`].
    #[error("a blob has at most {} bytes", limits::FILE_BYTES)]
    TooLarge,
    /// The file system failed.
    #[error("cannot {action} `{path}`")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The object store failed, also when it was asked again.
    #[error("cannot {action} `{name}` in the object store")]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which object.
        name: String,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A bucket that cannot be used as it was given.
    #[error("the bucket cannot be used: {reason}")]
    Settings {
        /// Why.
        reason: String,
    },
}

impl BlobError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::File {
                action,
                path: path.to_owned(),
                source,
            },
        }
    }

    /// A blob that cannot be read to its end, here or in the object store.
    pub(crate) fn read(digest: &Digest, source: io::Error) -> Self {
        if is_store_fault(&source) {
            return Self::Store {
                action: "read",
                name: digest.to_string(),
                source: Box::new(source),
            };
        }
        Self::File {
            action: "read",
            path: PathBuf::from(digest.to_string()),
            source,
        }
    }
}
