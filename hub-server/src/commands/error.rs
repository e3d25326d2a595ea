//! Why a command did not do what was asked.

use std::io;

use crate::app::HubError;
use crate::backup::BackupError;
use crate::blobs::BlobError;
use crate::database::DatabaseError;
use crate::gc::GcError;
use crate::index::IndexError;
use crate::journal_file::ExportError;
use crate::log::LogError;
use crate::migrate_store::MigrateError;
use crate::mirror::MirrorError;
use crate::restore::RestoreError;
use crate::server::ServeError;
use crate::tokens::TokenError;
use crate::trust::TrustError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The data folder.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The rows that follow from the log.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A copy of the log.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Rows that were to be moved.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The access journal.
    #[error(transparent)]
    Journal(#[from] ExportError),
    /// A mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// What only the hub itself can do.
    #[error(
        "this is a mirror, whose log the hub writes: `hub mirror` and `hub-server serve` bring it up to date"
    )]
    IsMirror,
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Garbage collection.
    #[error("not all that nothing names could be removed")]
    Gc(#[from] GcError),
    /// Two of them would each undo what the other one says.
    #[error("another `hub-server gc` runs on this hub: wait until it has ended")]
    GcRuns,
    /// A mirror.
    #[error("this is a mirror, whose folder `hub mirror` keeps: nothing is removed")]
    GcOfMirror,
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// `token revoke` of nothing.
    #[error("there is no token `{id}` that could be revoked: `hub-server token list` shows all")]
    NoToken {
        /// Which.
        id: String,
    },
    /// Standard output is closed.
    #[error("cannot write the answer")]
    Output(#[from] io::Error),
}
