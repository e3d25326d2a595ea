//! Brings back what an old copy of the database lacks, from a copy of the log: after a disk was lost, the
//! same entries in the same order make the same tree, so everybody who saw it sees it continued.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::envelope::{Envelope, EnvelopeError};
use registry_schema::limits;
use registry_schema::log::checkpoint::{Checkpoint, CheckpointError};
use registry_schema::log::entry::{BUNDLE_BYTES, EntryError, parse_bundle};
use registry_schema::log::note::{Note, NoteError, SignerKey};
use registry_schema::log::tile::BundleId;
use registry_schema::log::tree::Tree;
use registry_schema::trust_root::ConsortiumRoot;

use crate::blobs::Blobs;
use crate::database::log::{EntryRow, insert_entry};
use crate::database::{Connection, DatabaseError, to_column};
use crate::index::{IndexError, Rebuilt, rebuild};
use crate::log::{LogError, leaf_hashes, stored, write_tree};

/// What was brought back.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Entries that the database had.
    pub(crate) before: u64,
    /// The log now, and the rows made of it.
    pub(crate) rebuilt: Rebuilt,
}

/// Appends the entries that a folder laid out as the hub serves its log (`checkpoint`,
/// `tile/entries/…`) has beyond those of the database, and makes every row anew.
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
    let note = Note::parse(&read(copy, "checkpoint", limits::NOTE_BYTES)?)?;
    note.verify(&[&key.verifier()])?;
    let signed = Checkpoint::of_note(&note)?;
    // 2. what is here
    let (mut tree, head) = stored(connection, key)?.ok_or(RestoreError::NoLog)?;
    let before = tree.size();
    if signed.size <= before {
        let copy = signed.size;
        return Err(RestoreError::NothingNew { before, copy });
    }
    // 3. the entries in between
    for number in before / 256..=signed.size / 256 {
        if let Some(bundle) = BundleId::of_tree(number, signed.size) {
            append(connection, trust_root, key, &mut tree, &bundle, copy)?;
        }
    }
    if (tree.size(), tree.root()) != (signed.size, signed.root) {
        return Err(RestoreError::OtherHistory {
            size: signed.size,
            before: head.checkpoint.size,
        });
    }
    // 4. everything that follows from them
    let rebuilt = rebuild(connection, trust_root, key, store)?;
    Ok(Restored { before, rebuilt })
}

/// Appends what a bundle has beyond the tree.
fn append(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    key: &SignerKey,
    tree: &mut Tree,
    bundle: &BundleId,
    copy: &Path,
) -> Result<(), RestoreError> {
    let bytes = read(copy, &bundle.to_string(), BUNDLE_BYTES)?;
    let logged_at = Timestamp::now().as_second();
    let before = tree.size();
    let mut rows = Vec::new();
    for (index, entry) in (bundle.number() * 256..).zip(parse_bundle(*bundle, &bytes)?) {
        if index < before {
            continue;
        }
        let envelope =
            Envelope::parse(entry).map_err(|source| RestoreError::Entry { index, source })?;
        // Who sent it is not in the log; whoever signed it could have.
        let mut signers = envelope.signatures().iter();
        let member = signers
            .find_map(|signature| trust_root.member_of(&signature.key_id))
            .ok_or(RestoreError::Stranger { index })?;
        rows.push(EntryRow {
            idx: to_column(index)?,
            envelope: entry.to_vec(),
            leaf_hash: Vec::new(),
            logged_at,
            submitted_by: member.to_string(),
        });
    }
    let leaves = leaf_hashes(&rows);
    for (row, leaf) in rows.iter_mut().zip(&leaves) {
        row.leaf_hash = leaf.as_bytes().to_vec();
        insert_entry(connection, row)?;
    }
    write_tree(connection, tree, &leaves, Some(before), key)?;
    Ok(())
}

fn read(copy: &Path, path: &str, limit_bytes: usize) -> Result<Vec<u8>, RestoreError> {
    let path = copy.join(path);
    let error = |source| RestoreError::Read {
        path: path.clone(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(error)?;
    file.take(limit_bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    if bytes.len() > limit_bytes {
        return Err(error(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Why nothing was brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The copy.
    #[error("cannot read `{path}` of the copy of the log")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The copy's checkpoint.
    #[error("the copy's checkpoint is not one that this log has signed")]
    Note(#[from] NoteError),
    /// The copy's checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The copy's entries.
    #[error(transparent)]
    Bundle(#[from] EntryError),
    /// Nothing to continue.
    #[error("the database holds no log: restore the newest backup of the data folder first")]
    NoLog,
    /// The database is as new.
    #[error(
        "the copy has {copy} entries and the database {before}: there is nothing to bring back"
    )]
    NothingNew {
        /// In the database.
        before: u64,
        /// In the copy.
        copy: u64,
    },
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
    /// An entry that is none.
    #[error("entry {index} of the copy is no envelope")]
    Entry {
        /// Which.
        index: u64,
        /// What is wrong.
        source: EnvelopeError,
    },
    /// An entry of nobody.
    #[error("entry {index} of the copy is signed with no key of a member")]
    Stranger {
        /// Which.
        index: u64,
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
