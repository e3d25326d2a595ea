//! What can go wrong with the log.

use std::path::PathBuf;

use registry_schema::log::checkpoint::CheckpointError;
use registry_schema::log::note::{NoteError, NoteKeyError};
use registry_schema::log::proof::MakeProofError;
use registry_schema::log::tree::TreeError;

use crate::blobs::BlobError;
use crate::database::DatabaseError;

/// Why the log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// No signing key.
    #[error(
        "`{path}` holds no key of the log: make one with `hub-server keys --data DIR`, or copy `keys/` from another server of the same database"
    )]
    NoKey {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A signing key that is none.
    #[error("`{path}` holds no signing key")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: NoteKeyError,
    },
    /// A key of another log.
    #[error("the log's key is that of `{found}`, not of `{expected}`: a log keeps its origin")]
    OtherOrigin {
        /// As asked for.
        expected: String,
        /// As made.
        found: String,
    },
    /// A key of another log, or another key of this one.
    #[error(
        "the log in the database is not signed with `{key}`, the key in this data folder: all servers of a database have the same `keys/`"
    )]
    OtherKey {
        /// As made here.
        key: String,
        /// What the signature says.
        source: NoteError,
    },
    /// The operating system gave no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random,
    /// A policy of another log.
    #[error(
        "the log policy does not name this hub's log: it needs the line `log {key}`, which `hub-server keys` prints"
    )]
    NotInPolicy {
        /// The hub's own key.
        key: String,
    },
    /// The database does not hold one whole log.
    #[error(
        "the log does not fit its checkpoint: {reason}. Nothing was changed; see `hub-server log verify`"
    )]
    Damaged {
        /// What does not fit.
        reason: String,
    },
    /// The witnesses take long.
    #[error(
        "recorded as entry {index} of the log, but too few witnesses have cosigned it so far: send the same again for its proof"
    )]
    Unwitnessed {
        /// Which entry.
        index: u64,
    },
    /// The batch it was in could not be written.
    #[error("nothing was recorded: {reason}")]
    NotRecorded {
        /// Why.
        reason: String,
        /// Whether the disk has no room.
        is_full: bool,
    },
    /// The batch it was in may have been written or not, and the database cannot be asked.
    #[error("it is not known whether it was recorded ({reason}): send the same again")]
    Uncertain {
        /// What happened.
        reason: String,
    },
    /// A fault of this program.
    #[error("recording it has failed by a fault of the hub itself")]
    Panicked,
    /// The sequencer ended, as it does when the server stops.
    #[error("the server is stopping")]
    Stopped,
    /// A copy of another hub's log takes nothing.
    #[error("this is a mirror, which takes nothing: publish to the hub that it is a copy of")]
    ReadOnly,
    /// A mirror without a log.
    #[error(
        "the database holds no copy of a log that counts: make it with `hub-server init --data DIR --mirror FOLDER`"
    )]
    NoCopy,
    /// A thread could not be started.
    #[error("cannot start the log's writer")]
    Start {
        /// What the system said.
        source: std::io::Error,
    },
    /// A proof cannot be made from the tiles.
    #[error("the log's tiles do not fit its checkpoint")]
    Proof {
        /// Why.
        source: Box<MakeProofError<DatabaseError>>,
    },
    /// A tree past all limits, or tiles that do not make one.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The file system.
    #[error(transparent)]
    File(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl LogError {
    pub(super) fn proof(source: MakeProofError<DatabaseError>) -> Self {
        match source {
            MakeProofError::Read(error) => error.into(),
            other => Self::Proof {
                source: Box::new(other),
            },
        }
    }
}
