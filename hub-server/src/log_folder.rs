//! A copy of a log in a folder, laid out as a hub serves it below `/log/`: `checkpoint`, `tile/entries/…`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::envelope::{Envelope, EnvelopeError};
use registry_schema::limits;
use registry_schema::log::entry::{BUNDLE_BYTES, EntryError, parse_bundle};
use registry_schema::log::note::{Note, NoteError};
use registry_schema::log::tile::BundleId;
use registry_schema::trust_root::ConsortiumRoot;

use crate::database::log::EntryRow;
use crate::database::{DatabaseError, to_column};
use crate::log::leaf_hashes;

/// The copy's checkpoint, not verified.
pub(crate) fn checkpoint(copy: &Path) -> Result<Note, CopyError> {
    let path = copy.join("checkpoint");
    Ok(Note::parse(&read(&path, limits::NOTE_BYTES as u64)?)?)
}

/// The entries of a bundle from the index `before` on, and their hashes. That they are the log's says nothing but
/// the root that they come to.
///
/// # Errors
/// [`CopyError`], also when an entry is signed by nobody that the trust root knows.
pub(crate) fn entries_beyond(
    copy: &Path,
    bundle: &BundleId,
    before: u64,
    trust_root: &ConsortiumRoot,
) -> Result<(Vec<EntryRow>, Vec<Digest>), CopyError> {
    let bytes = read(&copy.join(bundle.to_string()), BUNDLE_BYTES as u64)?;
    let logged_at = Timestamp::now().as_second();
    // Also a member whose keyring has lapsed since.
    let members = trust_root.including_retired_keys();
    let mut rows = Vec::new();
    for (index, entry) in (bundle.number() * 256..).zip(parse_bundle(*bundle, &bytes)?) {
        if index < before {
            continue;
        }
        let envelope =
            Envelope::parse(entry).map_err(|source| CopyError::Entry { index, source })?;
        // Who sent it is not in the log; whoever signed it could have.
        let mut signers = envelope.signatures().iter();
        let member = signers
            .find_map(|signature| members.member_of(&signature.key_id))
            .ok_or(CopyError::Stranger { index })?;
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
    }
    Ok((rows, leaves))
}

/// A file of a copy.
pub(crate) fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, CopyError> {
    let error = |source| CopyError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(error)?;
    let read = file
        .take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    if read as u64 > limit_bytes {
        return Err(error(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Why a copy cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// A file.
    #[error("cannot read `{path}` of the copy")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The checkpoint.
    #[error("the copy's checkpoint cannot be read")]
    Note(#[from] NoteError),
    /// The entries.
    #[error(transparent)]
    Bundle(#[from] EntryError),
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
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CopyError {
    /// Whether a file is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
