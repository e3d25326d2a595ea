//! Brings back what an old copy of the database lacks, from a copy of the log: after a disk was lost, the
//! same entries in the same order make the same tree, so everybody who saw it sees it continued.

use std::path::Path;

use registry_schema::log::checkpoint::{Checkpoint, CheckpointError};
use registry_schema::log::note::{NoteError, SignerKey};
use registry_schema::log::tile::BundleId;
use registry_schema::log::tree::Tree;
use registry_schema::trust_root::ConsortiumRoot;

use crate::blobs::Blobs;
use crate::database::log::insert_entry;
use crate::database::{Connection, DatabaseError};
use crate::index::{IndexError, Rebuilt, rebuild};
use crate::log::{LogError, first_root, stored, write_tree};
use crate::log_folder::{Beyond, CopyError, checkpoint, entries_beyond};

/// What was brought back.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Entries that the database had.
    pub(crate) before: u64,
    /// The log now, and the rows made of it.
    pub(crate) rebuilt: Rebuilt,
}

/// Appends the entries that a folder laid out as the hub serves its log (`checkpoint`,
/// `tile/entries/…`) has beyond those of the database, if any, and makes every row anew.
///
/// # Errors
/// [`RestoreError`]; the caller's transaction is to be undone then. Only what this log has signed
/// itself is taken: the copy's checkpoint must be its own, and the tree must come to that root.
pub(crate) fn restore(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    key: &SignerKey,
    store: &Blobs,
    copy: &Path,
) -> Result<Restored, RestoreError> {
    // 1. what the log has signed
    let note = checkpoint(copy)?;
    note.verify(&[&key.verifier()])?;
    let signed = Checkpoint::of_note(&note)?;
    // 2. what is here
    let (mut tree, head) = stored(connection, &key.verifier())?.ok_or(RestoreError::NoLog)?;
    let before = tree.size();
    let other = || RestoreError::OtherHistory {
        size: signed.size,
        before: head.checkpoint.size,
    };
    // 3. the entries that the copy has more, unless it has none
    if signed.size < before {
        if first_root(connection, signed.size)? != Some(signed.root) {
            return Err(other());
        }
        let rebuilt = rebuild(connection, trust_root, key, store)?;
        return Ok(Restored { before, rebuilt });
    }
    let mut of_nobody = None;
    for number in before / 256..=signed.size / 256 {
        if let Some(bundle) = BundleId::of_tree(number, signed.size) {
            let beyond = entries_beyond(copy, &bundle, tree.size(), trust_root)?;
            append(connection, key, &mut tree, &beyond)?;
            of_nobody = of_nobody.or(beyond.of_nobody);
        }
    }
    if (tree.size(), tree.root()) != (signed.size, signed.root) {
        return Err(other());
    }
    if let Some(error) = of_nobody {
        return Err(error.into());
    }
    // 4. everything that follows from them
    let rebuilt = rebuild(connection, trust_root, key, store)?;
    Ok(Restored { before, rebuilt })
}

/// Appends what a bundle has beyond the tree.
fn append(
    connection: &mut Connection,
    key: &SignerKey,
    tree: &mut Tree,
    beyond: &Beyond,
) -> Result<(), RestoreError> {
    for row in &beyond.rows {
        insert_entry(connection, row)?;
    }
    let before = Some(tree.size());
    write_tree(connection, tree, &beyond.leaves, before, key)?;
    Ok(())
}

/// Why nothing was brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The copy.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The copy's checkpoint.
    #[error("the copy's checkpoint is not one that this log has signed")]
    Note(#[from] NoteError),
    /// The copy's checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Nothing to continue.
    #[error("the database holds no log: restore the newest backup of the data folder first")]
    NoLog,
    /// Not one log.
    #[error(
        "the {size} entries of the copy do not continue the {before} of the database to the root that the log has signed: one of the two was changed. Nothing was changed"
    )]
    OtherHistory {
        /// In the copy.
        size: u64,
        /// In the database.
        before: u64,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The rows.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
