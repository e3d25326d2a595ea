//! A log that another hub writes, kept as it is: its entries, the tiles that follow from them, and its checkpoint
//! with all signatures. Nothing is signed here.

use std::sync::Arc;

use registry_schema::digest::Digest;
use registry_schema::log::note::{Note, VerifierKey};
use registry_schema::log::policy::{Policy, WitnessedCheckpoint};
use registry_schema::log::tree::Tree;
use tokio::sync::watch;

use super::recover::stored;
use super::{Head, Log, LogError, Writer};
use crate::database::log::{HEAD, PUBLISHED, checkpoint, keep_tile, swap_checkpoint};
use crate::database::{Connection, Database, DatabaseError, from_column};

impl Log {
    /// Opens the copy of a log that another hub writes: nothing can be appended to it, and there is no key.
    ///
    /// # Errors
    /// [`LogError`], also when what is kept does not count under the policy.
    pub(crate) fn open_copy(database: Database, policy: Policy) -> Result<Self, LogError> {
        let copy = database.with(|connection| copied(connection, &policy))?;
        let (_, head) = copy.ok_or(LogError::NoCopy)?;
        if policy.check(&head.note).is_err() {
            return Err(LogError::NoCopy);
        }
        let key = key_of(&policy, &head.note).ok_or(LogError::NoCopy)?;
        let head = Arc::new(head);
        let (published, _) = watch::channel(Some(Arc::clone(&head)));
        let (head, _) = watch::channel(head);
        let (policy, _) = watch::channel(Arc::new(policy));
        Ok(Self {
            database,
            key,
            policy,
            writer: Writer::Elsewhere,
            head,
            published,
            turn: Arc::default(),
        })
    }

    /// Shows the newest state of a copy, which is on the disk and was checked.
    pub(crate) fn show_copy(&self, policy: Policy, head: Head) {
        if let Writer::Elsewhere = &self.writer {
            let head = Arc::new(head);
            self.policy.send_replace(Arc::new(policy));
            self.head.send_replace(Arc::clone(&head));
            self.published.send_replace(Some(head));
        }
    }
}

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

/// The checkpoints that are kept of a copy, as far as they can be read; nothing of them is checked.
///
/// # Errors
/// [`DatabaseError`] when the database cannot be read.
pub(crate) fn copied_notes(connection: &mut Connection) -> Result<Vec<Note>, DatabaseError> {
    let mut notes = Vec::new();
    for kind in [HEAD, PUBLISHED] {
        let row = checkpoint(connection, kind)?;
        notes.extend(row.and_then(|row| Note::parse(row.note.as_bytes()).ok()));
    }
    Ok(notes)
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
