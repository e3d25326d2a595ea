//! Why a log is not believed, or cannot be read.

use std::path::PathBuf;

use jiff::Timestamp;
use registry_schema::limits;
use registry_schema::log::checkpoint::Origin;
use registry_schema::log::entry::EntryError;
use registry_schema::log::note::NoteError;
use registry_schema::log::policy::QuorumError;
use registry_schema::log::proof::MakeProofError;
use registry_schema::log::tile::{TileError, TileId};

use super::source::LogSourceError;
use crate::files::FileError;

/// A log is not believed, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogViewError {
    /// Its files cannot be had.
    #[error(transparent)]
    Source(#[from] LogSourceError),
    /// One that must be there is not.
    #[error("the log has no `{path}`, though its checkpoint says it must")]
    NoFile {
        /// Which, below the log's prefix.
        path: String,
    },
    /// Its checkpoint is no note.
    #[error("the log's checkpoint cannot be read")]
    Note(#[from] NoteError),
    /// Its checkpoint does not count under the trust root.
    #[error("the log's checkpoint does not count")]
    Quorum(#[from] QuorumError),
    /// It has shown two histories.
    #[error(
        "the log `{origin}` shows another history than before: with {seen} entries it does not continue what it was with {older}; the evidence is in `{}`",
        evidence.display()
    )]
    Forked {
        /// Which log.
        origin: Origin,
        /// Entries of the smaller of the two checkpoints.
        older: u64,
        /// Entries of the larger one, or as many.
        seen: u64,
        /// The folder that proves it to anybody.
        evidence: PathBuf,
    },
    /// It has shown two histories before.
    #[error(
        "the log `{origin}` has shown two histories, so nothing that comes from a hub of it is believed; the evidence is in `{}`",
        evidence.display()
    )]
    Distrusted {
        /// Which log.
        origin: Origin,
        /// The folder that proves it to anybody.
        evidence: PathBuf,
    },
    /// Less than before.
    #[error(
        "the log `{origin}` had {seen} entries when this machine last saw it, and now it shows {shown}: it was rolled back, or the hub is an old copy"
    )]
    RolledBack {
        /// Which log.
        origin: Origin,
        /// Entries when it was last seen.
        seen: u64,
        /// Entries now.
        shown: u64,
    },
    /// Nobody has seen it for long.
    #[error(
        "the log's checkpoint was last seen by its witnesses at {witnessed_at}, more than {} hours before {as_of}: what was logged since may be withheld",
        limits::CHECKPOINT_AGE_SECONDS / 3600
    )]
    Stale {
        /// When a quorum last cosigned it.
        witnessed_at: Timestamp,
        /// The time it was checked for.
        as_of: Timestamp,
    },
    /// Tiles that do not fit the checkpoint.
    #[error(
        "the log's tiles do not fit its checkpoint, so it does not show that it continues what it was"
    )]
    Tiles(#[from] MakeProofError<NotGathered>),
    /// A tile's form.
    #[error("a tile of the log cannot be read")]
    Tile(#[from] TileError),
    /// A bundle's form.
    #[error("a bundle of the log's entries cannot be read")]
    Bundle(#[from] EntryError),
    /// An entry that is not the one.
    #[error("the log sent other bytes for entry {index} than its checkpoint is about")]
    Entry {
        /// Which.
        index: u64,
    },
    /// Past the end.
    #[error("entry {index} is beyond the log's {size} entries")]
    Beyond {
        /// Which.
        index: u64,
        /// Entries of the log.
        size: u64,
    },
    /// What was seen cannot be read.
    #[error(
        "`{}` does not hold the checkpoint that was last seen: something has changed it; `hub trust --forget-log` starts anew",
        path.display()
    )]
    Seen {
        /// Which file.
        path: PathBuf,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was cancelled.
    #[error("the check of the log stopped before it was done: run it again")]
    Stopped,
}

impl LogViewError {
    /// Whether the log is caught at a lie, as against not being there, not read or not up to date.
    pub fn is_lie(&self) -> bool {
        matches!(
            self,
            Self::Forked { .. }
                | Self::Distrusted { .. }
                | Self::RolledBack { .. }
                | Self::Tiles(_)
        )
    }
}

/// A tile that was not gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` was not fetched")]
pub struct NotGathered(pub(super) TileId);
