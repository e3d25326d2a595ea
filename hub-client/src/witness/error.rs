//! What a witness refuses, and why one does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use registry_schema::log::checkpoint::{CheckpointError, Origin};
use registry_schema::log::note::{KeyName, NoteError, NoteKeyError};
use registry_schema::log::proof::ProofError;

use crate::files::FileError;

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a request.
    #[error("the request cannot be read: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A note that is none.
    #[error("the checkpoint cannot be read: {0}")]
    Note(#[from] NoteError),
    /// A note, and no checkpoint.
    #[error("the checkpoint cannot be read: {0}")]
    Checkpoint(#[source] CheckpointError),
    /// A log it was not told about.
    #[error("this witness does not know the log `{origin}`")]
    UnknownLog {
        /// Which.
        origin: Origin,
    },
    /// Not signed by the log.
    #[error("the checkpoint is not signed by its log: {0}")]
    Signature(#[source] NoteError),
    /// From more to less.
    #[error("the old size {old} is larger than the checkpoint's, {new}")]
    Shrinking {
        /// As the request says.
        old: u64,
        /// As the checkpoint says.
        new: u64,
    },
    /// The log believes something else was cosigned last.
    #[error("the newest checkpoint cosigned here has {latest} entries")]
    OtherSize {
        /// Its size.
        latest: u64,
    },
    /// Not a continuation.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// It could not be remembered, so nothing was signed.
    #[error("the checkpoint cannot be kept")]
    File(#[from] FileError),
}

/// Why a witness cannot be made or started.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// No witness.
    #[error("`{}` holds no witness: make one with `hub witness init --name NAME`", folder.display())]
    NoWitness {
        /// Which folder.
        folder: PathBuf,
    },
    /// Two with one key would not know of each other.
    #[error("another process is this witness: it uses `{}`", folder.display())]
    Running {
        /// Which folder.
        folder: PathBuf,
    },
    /// A key that is none.
    #[error("`{}` holds no signing key", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: NoteKeyError,
    },
    /// A key that signs something else.
    #[error("`{}` is no key of a witness: its signatures would not carry the time", path.display())]
    KeyKind {
        /// Which file.
        path: PathBuf,
    },
    /// The key of a witness where one of a log is needed.
    #[error(
        "the key of `{name}` is none of a log: its hub's operator has it from `hub-server keys`"
    )]
    NotALog {
        /// Whose.
        name: KeyName,
    },
    /// What it remembers is not what it wrote.
    #[error(
        "`{}` is not what this witness wrote: it cannot know any more what it has cosigned. Restore the file, or make a new witness with a new key",
        path.display()
    )]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// More than it can hold.
    #[error("the witness's folder holds more than {limit} logs")]
    TooManyLogs {
        /// How many it may.
        limit: usize,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Randomness {
        /// What it said.
        #[source]
        source: getrandom::Error,
    },
    /// The address is not to be had.
    #[error("cannot listen at {listen}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
