//! What other servers of the same database have appended since: looked for before an answer is given
//! from memory, and before something is appended. It must continue what this server knows.

use std::sync::Arc;

use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::note::{Note, VerifierKey};
use registry_schema::log::proof::TreeHead;
use registry_schema::log::tree::Tree;

use super::{Head, Log, LogError, Writer, publish_newer, show_newer, stored_tile, trusted_tiles};
use crate::database::Connection;
use crate::database::log::{CheckpointRow, HEAD, PUBLISHED, checkpoint, checkpoints, find_tile};

impl Log {
    /// Shows what is in the database and newer than what is shown.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when it does not continue what was shown.
    pub(crate) fn follow(&self, connection: &mut Connection) -> Result<(), LogError> {
        if let Writer::Elsewhere = self.writer {
            return Ok(());
        }
        // Before the look: what is shown meanwhile may be newer than what is found.
        let known = self.head();
        let rows = checkpoints(connection)?;
        let row = |kind| rows.iter().find(|row| row.kind == kind);
        if let Some((_, head)) = newer(connection, row(HEAD), &self.key, known.tree())? {
            show_newer(&self.head, Arc::new(head));
        }
        let policy = self.policy();
        if policy.is_quorum_none() {
            publish_newer(&self.published, self.head());
            return Ok(());
        }
        let Some(row) = row(PUBLISHED) else {
            return Ok(());
        };
        let is_shown = |shown: Arc<Head>| shown.note.to_string() == row.note;
        if !self.published().is_some_and(is_shown) {
            let note = Note::parse(row.note.as_bytes())?;
            // What an earlier policy let pass stays unseen.
            if let Ok(witnessed) = policy.check(&note) {
                let head = Head {
                    checkpoint: witnessed.checkpoint().clone(),
                    note,
                    edge: Vec::new(),
                };
                publish_newer(&self.published, Arc::new(head));
            }
        }
        Ok(())
    }
}

/// The newest state, if it is not the one that is known.
///
/// # Errors
/// [`LogError::Damaged`] when it does not continue that one.
pub(super) fn newest(
    connection: &mut Connection,
    key: &VerifierKey,
    known: TreeHead,
) -> Result<Option<(Tree, Head)>, LogError> {
    let row = checkpoint(connection, HEAD)?;
    newer(connection, row.as_ref(), key, known)
}

fn newer(
    connection: &mut Connection,
    row: Option<&CheckpointRow>,
    key: &VerifierKey,
    known: TreeHead,
) -> Result<Option<(Tree, Head)>, LogError> {
    let row = row.ok_or_else(|| does_not_continue(known.size))?;
    let note = Note::parse(row.note.as_bytes())?;
    let mut head = Head {
        checkpoint: Checkpoint::of_note(&note)?,
        note,
        edge: Vec::new(),
    };
    if (head.checkpoint.size, head.checkpoint.root) == (known.size, known.root) {
        return Ok(None);
    }
    head.note.verify(&[key])?;
    for id in Tree::edge_tiles(head.checkpoint.size) {
        let tile = find_tile(connection, id)?;
        let tile = tile.ok_or_else(|| does_not_continue(known.size))?;
        head.edge.push(tile);
    }
    if !begins_with(connection, &head, known)? {
        return Err(does_not_continue(known.size));
    }
    let tree = Tree::from_tiles(head.checkpoint.size, &head.edge)?;
    Ok(Some((tree, head)))
}

/// Whether a tree is the beginning of the one of a checkpoint.
pub(super) fn begins_with(
    connection: &mut Connection,
    head: &Head,
    earlier: TreeHead,
) -> Result<bool, LogError> {
    if earlier.size > head.checkpoint.size {
        return Ok(false);
    }
    let root = trusted_tiles(head, |id| stored_tile(connection, id))?
        .root_at(earlier.size)
        .map_err(LogError::proof)?;
    Ok(root == earlier.root)
}

pub(super) fn does_not_continue(known: u64) -> LogError {
    LogError::Damaged {
        reason: format!("it does not continue the {known} entries of before"),
    }
}
