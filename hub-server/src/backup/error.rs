use std::io;
use std::path::{Path, PathBuf};

use registry_schema::log::checkpoint::CheckpointError;
use registry_schema::log::note::NoteError;

use crate::blobs::BlobError;
use crate::database::DatabaseError;
use crate::index::IndexError;
use crate::log::LogError;
use crate::trust::TrustError;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The file system.
    #[error("cannot {action} `{path}`")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not on this machine alone.
    #[error(
        "this makes a backup of a data folder that holds database and blobs: use the tools of PostgreSQL or of the object store for what is there, database first, and keep a copy of `keys/`"
    )]
    Elsewhere,
    /// Something has the name.
    #[error("`{path}` is there already: choose another name, or remove it")]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Only the hub itself.
    #[error(
        "this is a mirror of another hub: its folder can be copied again from that one with `hub mirror`, and `hub-server init --mirror` shows it"
    )]
    IsMirror,
    /// A hub that was never started.
    #[error("the hub has no log yet: start it once with `hub-server serve`")]
    NoLog,
    /// A data folder that is in use.
    #[error(
        "`{path}` is there, so this is no empty data folder: restore into another one; only `keys/` and `tls/` may be there before"
    )]
    NotEmpty {
        /// What is there.
        path: PathBuf,
    },
    /// Not what `backup` writes.
    #[error("`{path}` is no backup of a hub: {reason}")]
    NoBackup {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Keys of two hubs.
    #[error(
        "the log's key in `{path}` is not the one that signed the backup's log: {found}, not {expected}"
    )]
    OtherKey {
        /// Where.
        path: PathBuf,
        /// Of the backup's log.
        expected: String,
        /// In the folder.
        found: String,
    },
    /// The log of the backup does not hold together.
    #[error("the backup cannot be trusted, and nothing was restored: {}", findings.join("; "))]
    Unsound {
        /// What does not fit.
        findings: Vec<String>,
    },
    /// Files of releases lack.
    #[error(
        "{} files of releases are not whole in the backup, the first is {}: restore an earlier one, or with `--allow-missing` what is there; members can send the others again",
        missing.len(), missing.first().map_or("", String::as_str)
    )]
    Missing {
        /// Which.
        missing: Vec<String>,
    },
    /// The checkpoint.
    #[error("the backup's checkpoint cannot be read")]
    Note(#[from] NoteError),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The rows.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl BackupError {
    /// Something that the file system refused.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    pub(super) fn no_backup(path: &Path, reason: impl Into<String>) -> Self {
        Self::NoBackup {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
