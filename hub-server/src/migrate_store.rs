//! `hub-server migrate-store`: the rows of a hub, moved between a file of SQLite and PostgreSQL.

use jiff::Timestamp;
use registry_schema::trust_root::TrustRoot;

use crate::app::{HubError, mirror_of, open_alone};
use crate::config::{DataFolder, DatabasePlace};
use crate::database::copy::{Copied, copy_all, counts, is_empty};
use crate::database::{Database, DatabaseError};
use crate::index::{FilesShown, IndexError, compare};
use crate::log::{LogError, load_key, recompute};
use crate::trust;

/// Copies all rows from one database into another, empty one, and verifies there what `log verify` does:
/// all of it is there then, or nothing is. No server may run on either.
///
/// # Errors
/// [`MigrateError`]; the source is as it was, and nothing has come of the target.
pub(crate) fn migrate(
    data: &DataFolder,
    to: &DatabasePlace,
    now: Timestamp,
) -> Result<Copied, MigrateError> {
    // 1. where the rows are, and nobody who changes them
    let (source, _alone) = open_alone(data)?;
    if mirror_of(&source)?.is_some() {
        return Err(MigrateError::IsMirror);
    }
    let state = trust::load(&source, now).map_err(HubError::from)?;
    let key = load_key(data)?.verifier();
    // 2. where they go
    let target = Database::connect(to)?;
    let _alone_there = target.alone()?;
    target.bring_up_to_date()?;
    // 3. all of them, from one view into one transaction
    source.view(|from| {
        target.transaction(|to| {
            if !is_empty(to)? {
                return Err(MigrateError::NotEmpty);
            }
            let copied = copy_all(from, to)?;
            // 4. the log says whether they are what they were
            if counts(from)? != counts(to)? {
                let finding = "a table has another number of rows than it had".to_owned();
                return Err(MigrateError::Finding { finding });
            }
            let log = recompute(to, &key, state.root.log_policy())?;
            let mut findings = log.findings;
            findings.extend(compare(to, &state.root, FilesShown::All)?);
            match findings.into_iter().next() {
                Some(finding) => Err(MigrateError::Finding { finding }),
                None => Ok(copied),
            }
        })
    })
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    /// Rows that would be mixed.
    #[error("the database to copy into is not empty: give a new one")]
    NotEmpty,
    /// A mirror's rows follow from its folder.
    #[error(
        "this is a mirror: make a new one with `hub-server init --mirror`, from the same folder"
    )]
    IsMirror,
    /// What `log verify` would say.
    #[error("{finding}. Nothing was copied; see `hub-server log verify`")]
    Finding {
        /// In words.
        finding: String,
    },
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The rows.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
