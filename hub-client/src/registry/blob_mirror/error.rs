//! Why a blob did not come from a mirror, in words that follow the mirror's name.

use registry_schema::digest::Digest;

use crate::files::FileError;
use crate::registry::RegistryError;

/// A blob did not come from a mirror.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// A folder without it.
    #[error("it has no `{path}`")]
    NotThere {
        /// Where the blob would be.
        path: String,
    },
    /// No connection, or one that broke.
    #[error("{host} cannot be reached")]
    Connection {
        /// Who.
        host: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It says no.
    #[error("it answered {status} to {path}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        path: String,
    },
    /// It wants its clients to log in, in a way that cannot be followed.
    #[error("{reason}")]
    Login {
        /// What is wrong.
        reason: String,
    },
    /// The bytes are not those that were signed.
    #[error("it has other bytes for {expected}: they have digest {found}")]
    OtherBytes {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// More than was signed.
    #[error("it has more than the {expected} bytes that the statement says")]
    TooLong {
        /// The signed length.
        expected: u64,
    },
    /// Less than was signed.
    #[error("{found} bytes came of the {expected} that the statement says")]
    TooShort {
        /// The signed length.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// One of its files.
    #[error(transparent)]
    Read(FileError),
    /// What the hub cannot do better: a file of ours, or the user stops.
    #[error(transparent)]
    Here(#[from] RegistryError),
}

impl From<FileError> for SourceError {
    fn from(error: FileError) -> Self {
        Self::Here(error.into())
    }
}
