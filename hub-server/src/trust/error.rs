//! What can go wrong with the trust root.

use std::path::PathBuf;

use registry_schema::keys::KeyError;
use registry_schema::tuf::TufError;
use registry_schema::tuf::draft::DraftError;

use crate::blobs::BlobError;
use crate::database::DatabaseError;

/// Why the trust root cannot be opened or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// No state.
    #[error(
        "the hub has no trust root: give it one with `hub-server init --data DIR --root DRAFT`"
    )]
    NotInitialised,
    /// No online key.
    #[error(
        "`{path}` is not there, the hub's online key: make it with `hub-server keys --data DIR`, or copy `keys/` from another server of the same database"
    )]
    NoKey {
        /// Where it should be.
        path: PathBuf,
    },
    /// An old copy of the database.
    #[error(
        "the trust root in the database is older than the one that was shown: was an old copy of it put back? See `hub-server log restore`"
    )]
    Backwards,
    /// A copy of another hub's trust root takes nothing.
    #[error("this is a mirror, which takes nothing: publish to the hub that it is a copy of")]
    ReadOnly,
    /// A file that cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that is none.
    #[error("`{path}` holds no usable key")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
    /// The operating system gave no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random,
    /// The metadata.
    #[error(transparent)]
    Tuf(#[from] TufError),
    /// A draft.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The file system.
    #[error(transparent)]
    File(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
