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
use registry_schema::name::{MemberName, Name};
use registry_schema::statement::{Statement, StatementError};
use registry_schema::trust_root::{ConsortiumRoot, TrustError, TrustRoot};

use crate::database::log::EntryRow;
use crate::database::{DatabaseError, to_column};
use crate::log::leaf_hashes;

/// The copy's checkpoint, not verified.
pub(crate) fn checkpoint(copy: &Path) -> Result<Note, CopyError> {
    let path = copy.join("checkpoint");
    Ok(Note::parse(&read(&path, limits::NOTE_BYTES as u64)?)?)
}

/// What a bundle has beyond an index. That it is the log's says nothing but the root that the entries come to.
pub(crate) struct Beyond {
    pub(crate) rows: Vec<EntryRow>,
    /// Their hashes.
    pub(crate) leaves: Vec<Digest>,
    /// The first entry of nobody who may say what it says. To be told once the entries have come to the root that
    /// was signed: if they do not, they were changed, and nobody need ask whose they are.
    pub(crate) of_nobody: Option<CopyError>,
}

/// The entries of a bundle from the index `before` on.
///
/// # Errors
/// [`CopyError`] when the file cannot be read.
pub(crate) fn entries_beyond(
    copy: &Path,
    bundle: &BundleId,
    before: u64,
    trust_root: &ConsortiumRoot,
) -> Result<Beyond, CopyError> {
    let bytes = read(&copy.join(bundle.to_string()), BUNDLE_BYTES as u64)?;
    let logged_at = Timestamp::now().as_second();
    // Also a member whose keyring has lapsed since.
    let recorded = trust_root.including_retired_keys();
    let mut rows = Vec::new();
    let mut of_nobody = None;
    for (index, entry) in (bundle.number() * 256..).zip(parse_bundle(*bundle, &bytes)?) {
        if index < before {
            continue;
        }
        let submitted_by = match sender(&recorded, entry, index) {
            Ok(member) => member.to_string(),
            Err(error) => {
                of_nobody.get_or_insert(error);
                String::new()
            }
        };
        rows.push(EntryRow {
            idx: to_column(index)?,
            envelope: entry.to_vec(),
            leaf_hash: Vec::new(),
            logged_at,
            submitted_by,
        });
    }
    let leaves = leaf_hashes(&rows);
    for (row, leaf) in rows.iter_mut().zip(&leaves) {
        row.leaf_hash = leaf.as_bytes().to_vec();
    }
    Ok(Beyond {
        rows,
        leaves,
        of_nobody,
    })
}

/// Who sent an entry is not in the log. The member that speaks in it did; of the owners of a name, whoever signed
/// could have.
fn sender(recorded: &dyn TrustRoot, entry: &[u8], index: u64) -> Result<MemberName, CopyError> {
    let envelope = Envelope::parse(entry).map_err(|source| CopyError::Entry { index, source })?;
    let statement = Statement::parse(envelope.payload())
        .map_err(|source| CopyError::Statement { index, source })?;
    let stranger = || CopyError::Stranger { index };
    // A key may be listed by others, too: the names below a member's own belong to it alone.
    let own = statement
        .speaker()
        .map(|member| Name::of_member(member.clone()));
    let name = own.as_ref().or(statement.name()).ok_or_else(stranger)?;
    let owners = recorded
        .ownership(name, index)
        .map_err(|source| CopyError::Owners { index, source })?;
    let mut signatures = envelope.signatures().iter();
    let signer = signatures.find_map(|signature| owners.key(&signature.key_id));
    signer
        .map(|(member, _)| member.clone())
        .ok_or_else(stranger)
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
    /// An entry that says nothing.
    #[error("entry {index} of the copy is no statement")]
    Statement {
        /// Which.
        index: u64,
        /// What is wrong.
        source: StatementError,
    },
    /// An entry about a name that nobody had.
    #[error("entry {index} of the copy is of nobody that the trust root knows")]
    Owners {
        /// Which.
        index: u64,
        /// Why.
        source: TrustError,
    },
    /// An entry of nobody.
    #[error("entry {index} of the copy is signed with no key of a member that may say that")]
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use registry_schema::keys::SecretKey;
    use registry_schema::log::policy::Policy;
    use registry_schema::statement::{KeyCompromiseStatement, YankAction, YankStatement};
    use registry_schema::trust_root::Ownership;

    use super::*;

    /// A trust root in which all members list one key, as a careless or dishonest hub could have let them.
    #[derive(Debug)]
    struct OneKey(SecretKey);

    impl TrustRoot for OneKey {
        fn digest(&self) -> Digest {
            Digest::of(b"one key")
        }

        fn version(&self) -> u64 {
            1
        }

        fn ownership(&self, name: &Name, _index: u64) -> Result<Ownership, TrustError> {
            let unknown = || TrustError::UnknownName { name: name.clone() };
            let member = name.member().ok_or_else(unknown)?.clone();
            Ok(Ownership::new(vec![(member, vec![self.0.public()])], 1))
        }

        fn has_member(&self, _member: &MemberName) -> bool {
            true
        }

        fn log_policy(&self) -> &Policy {
            unreachable!("nothing is asked of the log")
        }
    }

    #[test]
    fn who_sent_an_entry_is_in_its_statement() {
        let root = OneKey(SecretKey::from_seed(&[1; 32]));
        let sent = |payload: Vec<u8>, key: &SecretKey| {
            sender(&root, &Envelope::sign(payload, &[key]).to_bytes(), 7)
                .map(|member| member.to_string())
        };
        let lost = KeyCompromiseStatement {
            member: "beta".parse().unwrap(),
            key_id: root.0.public().id(),
            from_index: 3,
            reason: "lost".to_owned(),
        };
        assert_eq!(sent(lost.to_payload(), &root.0).unwrap(), "beta");
        let yank = |name: &str| YankStatement {
            name: name.parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            content: Digest::of(b"content"),
            action: YankAction::Yank,
            reason: "wrong crop".to_owned(),
            replacement: None,
            sequence: 1,
        };
        for member in ["alpha", "gamma"] {
            let own = yank(&format!("{member}/dots")).to_payload();
            assert_eq!(sent(own, &root.0).unwrap(), member);
        }
        let other = SecretKey::from_seed(&[2; 32]);
        let by_other = sent(yank("alpha/dots").to_payload(), &other);
        assert!(matches!(by_other, Err(CopyError::Stranger { index: 7 })));
        let of_nobody = sent(yank("dots").to_payload(), &root.0);
        assert!(matches!(of_nobody, Err(CopyError::Owners { index: 7, .. })));
        let nothing = sent(b"{}".to_vec(), &root.0);
        assert!(matches!(
            nothing,
            Err(CopyError::Statement { index: 7, .. })
        ));
    }
}
