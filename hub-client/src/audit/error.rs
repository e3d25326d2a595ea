//! Why an audit ends early.

use std::path::PathBuf;

use registry_schema::log::tree::TreeError;
use registry_schema::trust_root::TrustError;
use registry_schema::verify::VerifyError;

use crate::files::FileError;
use crate::log_view::LogViewError;
use crate::logged::LoggedError;
use crate::members_say::SayError;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// An audit cannot be made, or somebody is caught at a lie.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log has it, the hub does not show it.
    #[error(
        "the hub withholds {what}, which is entry {index} of the log: this machine's monitor has read it there"
    )]
    Withheld {
        /// What.
        what: String,
        /// Where it is.
        index: u64,
    },
    /// The log has another one.
    #[error(
        "the hub shows {what} as entry {shown} of the log, and this machine's monitor has read entry {known} as it: tell the other members"
    )]
    Other {
        /// What.
        what: String,
        /// Where the hub says it is.
        shown: u64,
        /// Where it is.
        known: u64,
    },
    /// The log is not the one that was read before.
    #[error(
        "the log does not continue the {size} entries that this machine's monitor has read: it was rolled back or is another one; if the consortium has begun a new log, remove `{}`",
        path.display()
    )]
    Forgotten {
        /// Entries that were read.
        size: u64,
        /// What the monitor keeps.
        path: PathBuf,
    },
    /// What the monitor keeps cannot be understood.
    #[error("`{}` cannot be understood: remove it, and the monitor reads the log from its start", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// What the monitor keeps is of another version of this program.
    #[error(
        "`{}` has format version {found}, this program knows {known}: update the program, or remove the file, and the monitor reads the log from its start",
        path.display()
    )]
    MemoryFormat {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What can be read.
        known: u32,
    },
    /// Another monitor is at work.
    #[error("another monitor is at work on `{}`: wait until it is done", path.display())]
    Busy {
        /// What the monitor keeps.
        path: PathBuf,
    },
    /// A statement does not verify.
    #[error("a statement does not verify")]
    Verify(#[from] VerifyError),
    /// Nobody may sign for the name.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogViewError),
    /// The tree over the log's entries.
    #[error("the log's entries do not make up a tree")]
    Tree(#[from] TreeError),
    /// A statement's place in the log.
    #[error(transparent)]
    Logged(#[from] LoggedError),
    /// What members say.
    #[error(transparent)]
    Say(#[from] SayError),
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was cancelled.
    #[error("the audit stopped before it was done: run it again, it goes on where it was")]
    Stopped,
}
