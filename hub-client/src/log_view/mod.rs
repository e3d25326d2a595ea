//! A log as this machine has seen it: on every contact its newest checkpoint must continue the one seen
//! last, and everything else that comes from a hub must be on that history.
//!
//! ```text
//! log/<hash>.checkpoint          the last checkpoint seen; the hash is SHA-256 of the log's origin
//! log/evidence/<hash>/           two checkpoints that cannot both be, when there are (see `evidence`)
//! log/settled/<time>/            evidence that somebody has looked at
//! cache/log/<hash>/tile/…        full tiles, checked again whenever they are used
//! ```
//!
//! [`contact`] makes a [`LogView`], and there is no other way to one. It is what answers of a hub are
//! checked with:
//!
//! ```no_run
//! # async fn audit(
//! #     folders: &hub_client::config::Folders,
//! #     registry: &hub_client::registry::Registry,
//! #     trust: &hub_client::trust::Kept,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use hub_client::log_view::{HubLog, contact};
//! use registry_schema::trust_root::TrustRoot as _;
//!
//! let (policy, source) = (trust.root.log_policy(), HubLog(registry.clone()));
//! let log = contact(folders, policy, source, jiff::Timestamp::now()).await?;
//! let proof = log.inclusion(0).await?;
//! let mut entries = log.entries(0..log.checkpoint().checkpoint().size);
//! while let Some(bundle) = entries.next_entries().await? {
//!     println!("{} entries", bundle.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Floors, lowest first: `source` · `error` · `tiles`, `seen` · `proofs`, `entries`, `evidence`.

mod entries;
mod error;
mod evidence;
mod proofs;
mod seen;
mod source;
mod tiles;

pub use entries::{EntryReader, LogEntry};
pub use error::{LogViewError, NotGathered};
pub use source::{Fetched, FolderLog, HubLog, LogSource, LogSourceError};

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::checkpoint::{Checkpoint, Origin};
use registry_schema::log::note::Note;
use registry_schema::log::policy::{Policy, WitnessedCheckpoint};
use registry_schema::log::proof::{LogProof, TreeHead};

use crate::config::Folders;
use evidence::Fork;
use proofs::Relation;
use seen::{SeenCheckpoint, SeenFolder};
use tiles::Tiles;

/// The file of the newest checkpoint, below a log's prefix.
const CHECKPOINT: &str = "checkpoint";

/// A log whose newest checkpoint was checked on this contact and continues all that was seen before.
#[derive(Clone, Debug)]
pub struct LogView {
    policy: Policy,
    newest: WitnessedCheckpoint,
    tiles: Tiles,
    seen: SeenFolder,
}

/// Asks a log for its newest checkpoint and checks it: signed and witnessed as the policy demands, not
/// older than [`limits::CHECKPOINT_AGE_SECONDS`] at `as_of`, and a continuation of the last one seen,
/// which it then replaces.
///
/// # Errors
/// [`LogViewError`]. A checkpoint that provably does not continue the last one seen leaves evidence
/// behind, and every later contact fails until [`forget`].
pub async fn contact(
    folders: &Folders,
    policy: &Policy,
    source: impl LogSource + 'static,
    as_of: Timestamp,
) -> Result<LogView, LogViewError> {
    let seen = SeenFolder::new(folders.log());
    // Held while the hub is asked: what another process has seen meanwhile would look like a rollback.
    let _lock = seen.lock().await?;
    // 1. no word with a log that has lied
    refuse_distrusted(&seen, policy)?;
    // 2. what it shows counts, and is of these days
    let bytes = source.fetch(CHECKPOINT, limits::NOTE_BYTES).await?;
    let bytes = bytes.ok_or_else(|| LogViewError::NoFile {
        path: CHECKPOINT.to_owned(),
    })?;
    let newest = policy.check(&Note::parse(&bytes)?)?;
    check_age(&newest, as_of)?;
    // 3. it continues what was seen
    let origin = &newest.checkpoint().origin;
    let tiles = Tiles::new(Arc::new(source), folders.log_tiles(), origin);
    let view = LogView {
        policy: policy.clone(),
        newest,
        tiles,
        seen,
    };
    if let Some(before) = view.seen.read(view.origin())? {
        let (size, shown) = (before.checkpoint.size, view.head().size);
        let compared = view.compare(&before, &view.newest).await;
        let is_forked = matches!(compared, Err(LogViewError::Forked { .. }));
        if shown < size && !is_forked {
            // It may not even have the tiles to tell an old copy from another history.
            return Err(LogViewError::RolledBack {
                origin: view.origin().clone(),
                seen: size,
                shown,
            });
        }
        compared?;
    }
    view.seen.write(view.origin(), view.newest.note())?;
    Ok(view)
}

/// Fails when one of a policy's logs has shown two histories to this machine.
///
/// # Errors
/// [`LogViewError::Distrusted`] names the evidence.
pub fn check_trusted(folders: &Folders, policy: &Policy) -> Result<(), LogViewError> {
    refuse_distrusted(&SeenFolder::new(folders.log()), policy)
}

/// Checks a checkpoint without the log at hand: its log has not lied to this machine, and another tree of the
/// same size has not been seen of it. Whether it continues one of another size cannot be told without the
/// log's tiles. The first one that is seen of a log is the one that later contacts must continue.
///
/// # Errors
/// [`LogViewError`], with evidence when it is of another history.
pub async fn check_offline(
    folders: &Folders,
    policy: &Policy,
    shown: &WitnessedCheckpoint,
) -> Result<(), LogViewError> {
    let seen = SeenFolder::new(folders.log());
    let _lock = seen.lock().await?;
    refuse_distrusted(&seen, policy)?;
    let checkpoint = shown.checkpoint();
    let origin = &checkpoint.origin;
    let Some(before) = seen.read(origin)? else {
        return seen.write(origin, shown.note());
    };
    if before.checkpoint.size != checkpoint.size || before.checkpoint.root == checkpoint.root {
        return Ok(());
    }
    let evidence = seen.evidence(origin);
    let fork = Fork {
        origin,
        older: &before.note,
        newer: shown.note(),
        proof: None,
    };
    evidence::write(&fork, &evidence)?;
    Err(LogViewError::Forked {
        origin: origin.clone(),
        older: before.checkpoint.size,
        seen: checkpoint.size,
        evidence,
    })
}

/// What was forgotten of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Which log.
    pub origin: Origin,
    /// Entries of its last checkpoint, when there was one.
    pub size: Option<u64>,
    /// Where the evidence against it is now, when there was some.
    pub evidence: Option<PathBuf>,
}

/// Forgets the last checkpoints seen of a policy's logs and puts evidence aside, so that the next contact
/// believes whatever is shown then: for a person who knows what has happened.
///
/// # Errors
/// [`LogViewError`] when a file cannot be moved or removed.
pub async fn forget(
    folders: &Folders,
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<Forgotten>, LogViewError> {
    let seen = SeenFolder::new(folders.log());
    let _lock = seen.lock().await?;
    let mut forgotten = Vec::new();
    for origin in origins(policy) {
        // Also one that cannot be read is forgotten.
        let size = seen.read(&origin).ok().flatten();
        let evidence = evidence::settle(
            &seen.evidence(&origin),
            &seen.settled(),
            &now.strftime("%Y%m%dT%H%M%S%3fZ").to_string(),
        )?;
        seen.forget(&origin)?;
        forgotten.push(Forgotten {
            origin,
            size: size.map(|seen| seen.checkpoint.size),
            evidence,
        });
    }
    Ok(forgotten)
}

impl LogView {
    /// The newest checkpoint, as it was on this contact.
    pub fn checkpoint(&self) -> &WitnessedCheckpoint {
        &self.newest
    }

    /// Whose signatures count.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Checks a proof that came from the hub: its checkpoint counts, the entry is in its tree, and that
    /// tree is an earlier or later state of the log that this machine has seen.
    ///
    /// # Errors
    /// [`LogViewError`], with evidence when the checkpoint is of another history.
    pub async fn check_proof(
        &self,
        proof: &LogProof,
        leaf: &Digest,
    ) -> Result<WitnessedCheckpoint, LogViewError> {
        let checkpoint = self.policy.check_proof(proof, leaf)?;
        self.check_history(&checkpoint).await?;
        Ok(checkpoint)
    }

    /// Checks that a checkpoint is an earlier or later state of the log that this machine has seen. A
    /// later one is from then on the last one seen.
    ///
    /// # Errors
    /// [`LogViewError`], with evidence when it is of another history.
    pub async fn check_history(&self, other: &WitnessedCheckpoint) -> Result<(), LogViewError> {
        if other.checkpoint() == self.newest.checkpoint() {
            return Ok(());
        }
        let origin = &other.checkpoint().origin;
        let _lock = self.seen.lock().await?;
        // Held against what is on the disk, which another process may have advanced.
        let Some(before) = self.seen.read(origin)? else {
            return self.seen.write(origin, other.note());
        };
        self.compare(&before, other).await?;
        if other.checkpoint().size > before.checkpoint.size {
            self.seen.write(origin, other.note())?;
        }
        Ok(())
    }

    /// A proof, made from tiles, that the newest checkpoint's tree has an entry at this index; and the
    /// entry's hash, which is to be compared.
    ///
    /// # Errors
    /// [`LogViewError`] when there is no such entry, or the tiles do not fit the checkpoint.
    pub async fn inclusion(&self, index: u64) -> Result<(Digest, LogProof), LogViewError> {
        let (leaf, hashes) = proofs::inclusion(&self.tiles, self.head(), index).await?;
        let proof = LogProof {
            extra: None,
            index,
            hashes,
            checkpoint: self.newest.note().clone(),
        };
        Ok((leaf, proof))
    }

    /// The hashes that show, by RFC 6962 section 2.1.2, that the newest checkpoint continues the log as it
    /// was with `older` entries.
    ///
    /// # Errors
    /// [`LogViewError`] when it has fewer, or the tiles do not fit the checkpoint.
    pub async fn consistency(&self, older: u64) -> Result<Vec<Digest>, LogViewError> {
        proofs::consistency(&self.tiles, older, self.head()).await
    }

    /// The entries of a range, each verified to be what the newest checkpoint is about.
    pub fn entries(&self, range: Range<u64>) -> EntryReader {
        EntryReader::new(self.tiles.clone(), self.head(), range)
    }

    fn origin(&self) -> &Origin {
        &self.newest.checkpoint().origin
    }

    fn head(&self) -> TreeHead {
        head_of(self.newest.checkpoint())
    }

    /// Whether two checkpoints are of one history, whichever is larger. Leaves evidence if they are not.
    async fn compare(
        &self,
        seen: &SeenCheckpoint,
        shown: &WitnessedCheckpoint,
    ) -> Result<(), LogViewError> {
        let seen = (&seen.checkpoint, &seen.note);
        let shown = (shown.checkpoint(), shown.note());
        let (older, newer) = match seen.0.size <= shown.0.size {
            true => (seen, shown),
            false => (shown, seen),
        };
        let (small, large) = (head_of(older.0), head_of(newer.0));
        let proof = if small.size == large.size {
            if small.root == large.root {
                return Ok(());
            }
            None
        } else if small.size == 0 {
            // Every log continues the empty one; that its root is the empty tree's is checked by none
            // but costs nothing to say.
            return Ok(());
        } else {
            match proofs::relation(&self.tiles, small, large).await? {
                Relation::Continues => return Ok(()),
                Relation::Differs { root, proof } => Some((root, proof)),
            }
        };
        let evidence = self.seen.evidence(&newer.0.origin);
        let fork = Fork {
            origin: &newer.0.origin,
            older: older.1,
            newer: newer.1,
            proof: proof.as_ref().map(|(root, hashes)| (root, &hashes[..])),
        };
        evidence::write(&fork, &evidence)?;
        Err(LogViewError::Forked {
            origin: newer.0.origin.clone(),
            older: small.size,
            seen: large.size,
            evidence,
        })
    }
}

fn head_of(checkpoint: &Checkpoint) -> TreeHead {
    TreeHead {
        size: checkpoint.size,
        root: checkpoint.root,
    }
}

fn origins(policy: &Policy) -> Vec<Origin> {
    let names = policy.logs().iter().map(|log| log.key.name().as_str());
    names.filter_map(|name| name.parse().ok()).collect()
}

fn refuse_distrusted(seen: &SeenFolder, policy: &Policy) -> Result<(), LogViewError> {
    for origin in origins(policy) {
        let evidence = seen.evidence(&origin);
        if evidence::exists(&evidence) {
            return Err(LogViewError::Distrusted { origin, evidence });
        }
    }
    Ok(())
}

/// A quorum of witnesses has seen it lately. Without witnesses nothing says how old a checkpoint is.
fn check_age(checkpoint: &WitnessedCheckpoint, as_of: Timestamp) -> Result<(), LogViewError> {
    let Some(time) = checkpoint.witnessed_at() else {
        return Ok(());
    };
    let seconds = i64::try_from(time).unwrap_or(i64::MAX);
    let limit = i64::try_from(limits::CHECKPOINT_AGE_SECONDS).unwrap_or(i64::MAX);
    if seconds.saturating_add(limit) >= as_of.as_second() {
        return Ok(());
    }
    Err(LogViewError::Stale {
        witnessed_at: Timestamp::from_second(seconds).unwrap_or(Timestamp::MIN),
        as_of,
    })
}

#[cfg(test)]
mod tests;
