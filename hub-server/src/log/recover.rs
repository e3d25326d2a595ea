//! What is checked when the log is opened. Entries, tiles and checkpoint are written in one
//! transaction, so there is nothing to repair after a crash: either all of a batch is there or
//! nothing. What does not fit was changed by something else, and the hub refuses to go on, because
//! signing another root for the same size could never be taken back.

use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::{Checkpoint, Origin};
use registry_schema::log::note::{Note, SignerKey};
use registry_schema::log::policy::Policy;
use registry_schema::log::tree::Tree;

use super::{Head, LogError};
use crate::database::log::{
    HEAD, PUBLISHED, checkpoint, count, find_tile, keep_tile, swap_checkpoint,
};
use crate::database::{Connection, from_column};

/// The tree and the newest checkpoint, which is made when there is none and no entry.
pub(super) fn load(connection: &mut Connection, key: &SignerKey) -> Result<(Tree, Head), LogError> {
    let entries = count(connection)?;
    let Some(row) = checkpoint(connection, HEAD)? else {
        if entries > 0 {
            return Err(damaged(format!("{entries} entries and no checkpoint")));
        }
        let tree = Tree::new();
        let head = sign(&tree, key)?;
        swap_checkpoint(connection, None, &head.row(HEAD)?)?;
        return Ok((tree, head));
    };
    let note = Note::parse(row.note.as_bytes())?;
    note.verify(&[&key.verifier()])?;
    let head = Head {
        checkpoint: Checkpoint::of_note(&note)?,
        note,
    };
    let size = head.checkpoint.size;
    if entries != size || from_column(row.size)? != size {
        return Err(damaged(format!(
            "{entries} entries, and a checkpoint of {size}"
        )));
    }
    let mut edge = Vec::new();
    for id in Tree::edge_tiles(size) {
        let tile = find_tile(connection, id)?;
        edge.push(tile.ok_or_else(|| damaged(format!("`{id}` is missing")))?);
    }
    let tree = Tree::from_tiles(size, &edge)?;
    if tree.root() != head.checkpoint.root {
        return Err(damaged("the tiles have another root".to_owned()));
    }
    Ok((tree, head))
}

/// The newest checkpoint with enough cosignatures, if it still counts under the policy.
pub(super) fn published(
    connection: &mut Connection,
    policy: &Policy,
) -> Result<Option<Head>, LogError> {
    let Some(row) = checkpoint(connection, PUBLISHED)? else {
        return Ok(None);
    };
    let note = Note::parse(row.note.as_bytes())?;
    Ok(policy.check(&note).ok().map(|witnessed| Head {
        checkpoint: witnessed.checkpoint().clone(),
        note,
    }))
}

/// Signs the state of a tree.
pub(super) fn sign(tree: &Tree, key: &SignerKey) -> Result<Head, LogError> {
    let checkpoint = Checkpoint {
        origin: key.verifier().name().as_str().parse::<Origin>()?,
        size: tree.size(),
        root: tree.root(),
    };
    Ok(Head {
        note: checkpoint.sign(key)?,
        checkpoint,
    })
}

/// Appends hashes to a tree: changed tiles, then the signed checkpoint in the place of the one
/// before.
///
/// # Errors
/// [`LogError`]; the caller's transaction is to be undone then.
pub(crate) fn write_tree(
    connection: &mut Connection,
    tree: &mut Tree,
    leaf_hashes: &[Digest],
    before: Option<u64>,
    key: &SignerKey,
) -> Result<Head, LogError> {
    for tile in tree.append(leaf_hashes)? {
        keep_tile(connection, &tile)?;
    }
    let head = sign(tree, key)?;
    swap_checkpoint(connection, before, &head.row(HEAD)?)?;
    Ok(head)
}

fn damaged(reason: String) -> LogError {
    LogError::Damaged { reason }
}
