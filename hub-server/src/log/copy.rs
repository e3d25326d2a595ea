//! A log that another hub writes, kept as it is: its entries, the tiles that follow from them, and its checkpoint
//! with all signatures. Nothing is signed here.

use registry_schema::digest::Digest;
use registry_schema::log::note::{Note, VerifierKey};
use registry_schema::log::policy::{Policy, WitnessedCheckpoint};
use registry_schema::log::tree::Tree;

use super::recover::stored;
use super::{Head, LogError};
use crate::database::log::{HEAD, PUBLISHED, checkpoint, keep_tile, swap_checkpoint};
use crate::database::{Connection, from_column};

/// The tree and the checkpoint as they are kept; `None` when there is neither yet.
///
/// # Errors
/// [`LogError`] when entries, tiles and checkpoint do not fit each other.
pub(crate) fn copied(
    connection: &mut Connection,
    policy: &Policy,
) -> Result<Option<(Tree, Head)>, LogError> {
    let Some(row) = checkpoint(connection, HEAD)? else {
        return Ok(None);
    };
    let note = Note::parse(row.note.as_bytes())?;
    let key = key_of(policy, &note).ok_or(LogError::NoCopy)?;
    stored(connection, &key)
}

/// The key of the policy's log that a checkpoint is signed with.
pub(crate) fn key_of(policy: &Policy, note: &Note) -> Option<VerifierKey> {
    let mut logs = policy.logs().iter();
    let signed = logs.find(|log| note.verify(&[&log.key]).is_ok())?;
    Some(signed.key.clone())
}

/// Appends entries by their hashes: changed tiles alone.
///
/// # Errors
/// [`LogError`]; the caller's transaction is to be undone then.
pub(crate) fn write_copy(
    connection: &mut Connection,
    tree: &mut Tree,
    leaf_hashes: &[Digest],
) -> Result<(), LogError> {
    for tile in tree.append(leaf_hashes)? {
        keep_tile(connection, &tile)?;
    }
    Ok(())
}

impl Head {
    /// The state of a copied log, when the tree comes to the root that was signed.
    pub(crate) fn of_copy(tree: &Tree, shown: &WitnessedCheckpoint) -> Option<Self> {
        let checkpoint = shown.checkpoint();
        let is_it = (tree.size(), tree.root()) == (checkpoint.size, checkpoint.root);
        is_it.then(|| Self {
            checkpoint: checkpoint.clone(),
            note: shown.note().clone(),
            edge: tree.edge(),
        })
    }

    /// Keeps the checkpoint of a copied log in the place of the one before.
    ///
    /// # Errors
    /// [`LogError`]; the caller's transaction is to be undone then.
    pub(crate) fn keep_copy(&self, connection: &mut Connection) -> Result<(), LogError> {
        for kind in [HEAD, PUBLISHED] {
            let before = checkpoint(connection, kind)?;
            let size = before.map(|row| from_column(row.size)).transpose()?;
            swap_checkpoint(connection, size, &self.row(kind)?)?;
        }
        Ok(())
    }
}
