//! Recomputes the log from its entries and compares all that follows from them.

use registry_schema::digest::Digest;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{Note, VerifierKey};
use registry_schema::log::policy::Policy;
use registry_schema::log::tile::{Tile, nodes_at};
use registry_schema::log::tree::{LEVELS, Tree};

use super::{Head, LogError, stored_tile, trusted_tiles};
use crate::database::log::{
    CheckpointRow, EntryRow, HEAD, PUBLISHED, checkpoint, count_tiles, entries, find_tile,
};
use crate::database::{Connection, DatabaseError, to_column};

/// Entries read at a time.
const PAGE: u64 = 256;

/// Most findings that are listed.
const FINDINGS: usize = 100;

/// The log as its entries make it.
#[derive(Debug)]
pub(crate) struct Recomputed {
    pub(crate) size: u64,
    pub(crate) root: Digest,
    /// What does not fit, in words; empty when all is well.
    pub(crate) findings: Vec<String>,
}

/// Reads every entry, computes hashes, tiles and root, and compares them with what is kept and with
/// the checkpoints' signatures.
///
/// # Errors
/// [`LogError`] when the database cannot be read; what does not fit is a finding.
pub(crate) fn recompute(
    connection: &mut Connection,
    key: &VerifierKey,
    policy: &Policy,
) -> Result<Recomputed, LogError> {
    let mut findings = Vec::new();
    let mut tree = Tree::new();
    loop {
        let page = entries(connection, tree.size(), PAGE)?;
        if page.is_empty() {
            break;
        }
        for (index, row) in (tree.size()..).zip(&page) {
            check_entry(index, row, &mut findings)?;
        }
        // The last tiles are compared once, when the tree has its full size.
        for tile in tree.append(&leaf_hashes(&page))? {
            if tile.id().is_full() {
                check_tile(connection, &tile, &mut findings)?;
            }
        }
    }
    for tile in tree.edge() {
        check_tile(connection, &tile, &mut findings)?;
    }
    let expected: u64 = (0..LEVELS)
        .map(|level| nodes_at(level, tree.size()).div_ceil(256))
        .sum();
    let found = count_tiles(connection)?;
    if found != expected {
        findings.push(format!("{found} tiles, {expected} expected"));
    }
    check_head(connection, &tree, key, &mut findings)?;
    if findings.is_empty() {
        check_published(connection, &tree, policy, &mut findings)?;
    }
    findings.truncate(FINDINGS);
    Ok(Recomputed {
        size: tree.size(),
        root: tree.root(),
        findings,
    })
}

/// The hashes of entries, computed from their bytes.
pub(crate) fn leaf_hashes(rows: &[EntryRow]) -> Vec<Digest> {
    rows.iter().map(|row| leaf_hash(&row.envelope)).collect()
}

/// The root of the tree of the first entries, as it follows from their bytes; `None` when there are fewer.
pub(crate) fn first_root(
    connection: &mut Connection,
    size: u64,
) -> Result<Option<Digest>, LogError> {
    let mut tree = Tree::new();
    while tree.size() < size {
        let page = entries(connection, tree.size(), (size - tree.size()).min(PAGE))?;
        if page.is_empty() {
            return Ok(None);
        }
        tree.append(&leaf_hashes(&page))?;
    }
    Ok(Some(tree.root()))
}

fn check_entry(
    index: u64,
    row: &EntryRow,
    findings: &mut Vec<String>,
) -> Result<(), DatabaseError> {
    if row.idx != to_column(index)? {
        findings.push(format!(
            "entry {index} is missing, entry {} is there",
            row.idx
        ));
    }
    if row.leaf_hash != leaf_hash(&row.envelope).as_bytes() {
        findings.push(format!("entry {index} is not the one that was logged"));
    }
    Ok(())
}

fn check_tile(
    connection: &mut Connection,
    expected: &Tile,
    findings: &mut Vec<String>,
) -> Result<(), DatabaseError> {
    match find_tile(connection, expected.id())? {
        Some(found) if found == *expected => {}
        Some(_) => findings.push(format!("`{}` holds other hashes", expected.id())),
        None => findings.push(format!("`{}` is missing", expected.id())),
    }
    Ok(())
}

fn check_head(
    connection: &mut Connection,
    tree: &Tree,
    key: &VerifierKey,
    findings: &mut Vec<String>,
) -> Result<(), LogError> {
    let Some(row) = checkpoint(connection, HEAD)? else {
        let when = if tree.size() == 0 {
            " yet: the first start of `serve` signs one"
        } else {
            ""
        };
        findings.push(format!("there is no checkpoint{when}"));
        return Ok(());
    };
    let head = match read(&row) {
        Ok(head) => head,
        Err(error) => {
            findings.push(format!("the checkpoint cannot be read: {error}"));
            return Ok(());
        }
    };
    if let Err(error) = head.note.verify(&[key]) {
        findings.push(format!("the checkpoint is not signed by this log: {error}"));
    }
    let found = (head.checkpoint.size, head.checkpoint.root);
    if found != (tree.size(), tree.root()) || row.size != to_column(tree.size())? {
        findings.push(format!(
            "the checkpoint says {} entries with the root {}, they are {} with {}",
            found.0,
            found.1,
            tree.size(),
            tree.root()
        ));
    }
    Ok(())
}

/// What witnesses cosigned must be the beginning of the log, or it was shown to others differently.
fn check_published(
    connection: &mut Connection,
    tree: &Tree,
    policy: &Policy,
    findings: &mut Vec<String>,
) -> Result<(), LogError> {
    let Some(row) = checkpoint(connection, PUBLISHED)? else {
        return Ok(());
    };
    let published = read(&row)?;
    if let Err(error) = policy.check(&published.note) {
        findings.push(format!("the published checkpoint does not count: {error}"));
    }
    let head = read(&checkpoint(connection, HEAD)?.unwrap_or(row))?;
    let size = published.checkpoint.size;
    if size > tree.size() {
        findings.push(format!(
            "witnesses have cosigned {size} entries, there are {}: this is an old copy of the log",
            tree.size()
        ));
        return Ok(());
    }
    let root = trusted_tiles(&head, |id| stored_tile(connection, id))?
        .root_at(size)
        .map_err(LogError::proof)?;
    if root != published.checkpoint.root {
        findings.push(format!(
            "witnesses have cosigned another history of the first {size} entries"
        ));
    }
    Ok(())
}

fn read(row: &CheckpointRow) -> Result<Head, LogError> {
    let note = Note::parse(row.note.as_bytes())?;
    Ok(Head {
        checkpoint: registry_schema::log::checkpoint::Checkpoint::of_note(&note)?,
        note,
        edge: Vec::new(),
    })
}
