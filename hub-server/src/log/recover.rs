//! What is checked when the log is opened. Entries, tiles and checkpoint are written in one
//! transaction, so there is nothing to repair after a crash: either all of a batch is there or
//! nothing. What does not fit was changed by something else, and the hub refuses to go on, because
//! signing another root for the same size could never be taken back.

use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::{Checkpoint, Origin};
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{Note, SignerKey, VerifierKey};
use registry_schema::log::policy::Policy;
use registry_schema::log::tree::Tree;

use super::{Head, LogError};
use crate::database::log::{
    EntryRow, HEAD, PUBLISHED, checkpoint, count, find_tile, insert_entry, keep_tile,
    swap_checkpoint,
};
use crate::database::releases::{self, ReleaseRow};
use crate::database::yanks::{self, YankRow};
use crate::database::{Connection, from_column};

/// The tree and the newest checkpoint. Where there is none and no entry, the log begins with what is
/// recorded.
pub(super) fn load(connection: &mut Connection, key: &SignerKey) -> Result<(Tree, Head), LogError> {
    if let Some(stored) = stored(connection, &key.verifier())? {
        return Ok(stored);
    }
    let mut tree = Tree::new();
    let leaf_hashes = log_all(connection)?;
    let head = write_tree(connection, &mut tree, &leaf_hashes, None, key)?;
    Ok((tree, head))
}

/// The tree and the newest checkpoint as they are kept; `None` when there is neither it nor an entry.
///
/// # Errors
/// [`LogError::Damaged`] when entries, tiles and checkpoint do not fit each other.
pub(crate) fn stored(
    connection: &mut Connection,
    key: &VerifierKey,
) -> Result<Option<(Tree, Head)>, LogError> {
    let entries = count(connection)?;
    let Some(row) = checkpoint(connection, HEAD)? else {
        return match entries {
            0 => Ok(None),
            _ => Err(damaged(format!("{entries} entries and no checkpoint"))),
        };
    };
    let note = Note::parse(row.note.as_bytes())?;
    note.verify(&[key]).map_err(|source| LogError::OtherKey {
        key: key.to_string(),
        source,
    })?;
    let mut head = Head {
        checkpoint: Checkpoint::of_note(&note)?,
        note,
        edge: Vec::new(),
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
    head.edge = edge;
    Ok(Some((tree, head)))
}

/// Makes entries of all statements that are recorded, in the order in which they came: for a hub of a
/// time before there was a log. Their hashes.
fn log_all(connection: &mut Connection) -> Result<Vec<Digest>, LogError> {
    let releases = releases::unlogged(connection)?.into_iter();
    let yanks = yanks::unlogged(connection)?.into_iter();
    // At one time a release comes before what is said about it.
    let mut statements: Vec<_> = releases
        .map(|row| ((row.published_at, 0), Unlogged::Release(Box::new(row))))
        .chain(yanks.map(|row| ((row.recorded_at, row.sequence), Unlogged::Yank(row))))
        .collect();
    statements.sort_by_key(|(place, _)| *place);
    let mut leaf_hashes = Vec::with_capacity(statements.len());
    for (index, (_, statement)) in (0..).zip(statements) {
        let (envelope, logged_at, submitted_by) = match &statement {
            Unlogged::Release(row) => (&row.envelope, row.published_at, &row.published_by),
            Unlogged::Yank(row) => (&row.envelope, row.recorded_at, &row.recorded_by),
        };
        let leaf = leaf_hash(envelope);
        let entry = EntryRow {
            idx: index,
            envelope: envelope.clone(),
            leaf_hash: leaf.as_bytes().to_vec(),
            logged_at,
            submitted_by: submitted_by.clone(),
        };
        insert_entry(connection, &entry)?;
        match &statement {
            Unlogged::Release(row) => releases::set_log_index(connection, &row.statement, index)?,
            Unlogged::Yank(row) => yanks::set_log_index(connection, row, index)?,
        }
        leaf_hashes.push(leaf);
    }
    Ok(leaf_hashes)
}

enum Unlogged {
    Release(Box<ReleaseRow>),
    Yank(YankRow),
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
        edge: Vec::new(),
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
        edge: tree.edge(),
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
