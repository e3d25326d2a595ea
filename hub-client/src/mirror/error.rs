//! Why a mirror is not brought up to date.

use std::path::PathBuf;

use registry_schema::digest::Digest;
use registry_schema::log::entry::EntryError;
use registry_schema::log::policy::QuorumError;
use registry_schema::log::tree::TreeError;
use registry_schema::mirror::Choice;
use registry_schema::reference::Reference;
use registry_schema::tuf::TufError;
use registry_schema::verify::VerifyError;

use crate::files::FileError;
use crate::log_view::LogViewError;
use crate::pull::PullError;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// A mirror was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Something else is in the folder.
    #[error("`{}` holds other things than a mirror", folder.display())]
    NotAMirror {
        /// Which folder.
        folder: PathBuf,
    },
    /// Two at once.
    #[error("another process is bringing `{}` up to date", folder.display())]
    Busy {
        /// Which folder.
        folder: PathBuf,
    },
    /// A mirror of another consortium's hub.
    #[error("`{}` is a mirror of a consortium with the first root {found}, {pinned} is pinned here", folder.display())]
    OtherConsortium {
        /// Which folder.
        folder: PathBuf,
        /// Its first root.
        found: Digest,
        /// The pinned one.
        pinned: Digest,
    },
    /// The folder was written after a newer contact than this one.
    #[error(
        "the mirror has root {} and timestamp {} of the trust root, the hub shows root {} and timestamp {}: a mirror never goes back",
        mirrored.0, mirrored.1, shown.0, shown.1
    )]
    OlderTrustRoot {
        /// The versions of root and timestamp in the folder.
        mirrored: (usize, u64),
        /// At the hub.
        shown: (usize, u64),
    },
    /// The folder has more of the log than the hub shows.
    #[error(
        "the mirror has {mirrored} entries of the log, the hub shows {shown}: a mirror never goes back"
    )]
    Backwards {
        /// In the folder.
        mirrored: u64,
        /// At the hub.
        shown: u64,
    },
    /// The first run does not say what to copy.
    #[error("nothing says which releases the mirror is to have")]
    NothingWanted,
    /// No such release.
    #[error("the log has no release that `{choice}` could mean")]
    NoRelease {
        /// What was asked for.
        choice: Choice,
    },
    /// An entry that no honest hub would have logged.
    #[error("entry {index} of the log does not verify")]
    Entry {
        /// Which.
        index: u64,
        /// Why not.
        #[source]
        source: Box<VerifyError>,
    },
    /// A release that a pull would refuse, or that the hub does not give.
    #[error("`{release}` was not mirrored")]
    Release {
        /// Which.
        release: Reference,
        /// Why not.
        #[source]
        source: Box<PullError>,
    },
    /// The folder's list.
    #[error("`{}` cannot be understood: name what to mirror again", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// The folder's checkpoint is one of another log.
    #[error("the mirror's checkpoint is not one of this hub's log")]
    Checkpoint(#[from] QuorumError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogViewError),
    /// The tree over its entries.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An entry past all limits.
    #[error(transparent)]
    Bundle(#[from] EntryError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TufError),
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The folder as a store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
