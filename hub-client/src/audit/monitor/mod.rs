//! Reading the whole log: every entry, verified, remembered, and held against what this machine and its
//! member have signed.
//!
//! ```text
//! monitor/<hash>.json     what was read of a log; the hash is SHA-256 of the log's origin
//! monitor/<hash>.lock     held by a monitor at work
//! ```
//!
//! [`watch`] goes on where the last run ended, also one that was interrupted: what was read is kept, as
//! a whole file, each time the entries read so far have been shown to be the beginning of the log. What
//! there is to tell is kept with it, until somebody was told ([`Watched::told`]). When the trust root
//! changes whose keys count for entries that were read, they are read again, from the first.
//!
//! *Who is "I"?* [`Own`]: members, names and keys. *What have I signed?* What the journal of this
//! machine says ([`crate::journal`]), and the statements that are given as expected.

mod finding;
mod hub_view;
mod judge;
mod memory;
mod own;
mod root_changes;
mod walk;

pub use finding::Finding;
pub use memory::{Memory, NameMemory, ReleaseMemory};
pub use own::Own;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use registry_schema::digest::Digest;
use registry_schema::log::proof::{TreeHead, verify_consistency};
use registry_schema::trust_root::ConsortiumRoot;

use super::AuditError;
use crate::config::Folders;
use crate::files::FileLock;
use crate::log_view::LogView;
use crate::registry::{Progress, Registry};

/// What a monitor is to do.
#[derive(Debug)]
pub struct WatchRequest<'a> {
    /// Where it keeps what it has read.
    pub folders: &'a Folders,
    /// The newest state of the trust root.
    pub trust_root: Arc<ConsortiumRoot>,
    /// The log, whose newest checkpoint was checked on this contact.
    pub log: &'a LogView,
    /// The hub, to be held against the log; `None` when only files of the log are at hand.
    pub registry: Option<&'a Registry>,
    /// Whose names and keys are one's own.
    pub own: Own,
    /// Statements that were signed by oneself.
    pub expected: BTreeSet<Digest>,
    /// Entries about which one knows now.
    pub acknowledged: Vec<RangeInclusive<u64>>,
    /// Told of entries that were read, of how many; when it says stop, what was read is kept.
    pub progress: Progress,
}

/// What a run of the monitor brought. The next monitor waits until it is dropped.
#[derive(Debug)]
pub struct Watched {
    /// Entries read before this run; `None` when this is the first.
    pub before: Option<u64>,
    /// Entries read now.
    pub entries: u64,
    /// Bytes of the entries of this run.
    pub read_bytes: u64,
    /// Whether entries that were read before were read again, since other keys count for them now.
    pub is_again: bool,
    /// What to look at: alarms that nobody has acknowledged, what is told once, what the hub does not
    /// show.
    pub findings: Vec<Finding>,
    /// Alarms past what is kept.
    pub dropped: u64,
    /// Why the hub could not be held against the log to the end.
    pub hub_fault: Option<AuditError>,
    memory: Memory,
    path: PathBuf,
    _lock: FileLock,
}

impl Watched {
    /// The findings have reached somebody. Until this is said, each run tells them again; then those that
    /// are told once are forgotten.
    ///
    /// # Errors
    /// [`AuditError::File`] when that cannot be written down.
    pub fn told(mut self) -> Result<(), AuditError> {
        if self.memory.untold().is_empty() {
            return Ok(());
        }
        self.memory.has_told();
        self.memory.write(&self.path)
    }
}

/// Where the monitor keeps what it has read of the log that a view shows.
pub fn memory_path(folders: &Folders, log: &LogView) -> PathBuf {
    let origin = &log.checkpoint().checkpoint().origin;
    let name = Digest::of(origin.as_str().as_bytes()).to_hex();
    folders.data.join("monitor").join(format!("{name}.json"))
}

/// What the monitor has read of a log, when it has run; it is the beginning of the log as it is shown.
///
/// # Errors
/// [`AuditError::Forgotten`] when the log does not continue what was read.
pub async fn recall(folders: &Folders, log: &LogView) -> Result<Option<Memory>, AuditError> {
    let path = memory_path(folders, log);
    let Some(memory) = Memory::read(&path)? else {
        return Ok(None);
    };
    let (read, newest) = (memory.head(), log.checkpoint().checkpoint());
    let forgotten = || AuditError::Forgotten {
        size: read.size,
        path: path.clone(),
    };
    if read.size > newest.size {
        return Err(forgotten());
    }
    if read.size > 0 {
        let proof = if read.size == newest.size {
            Vec::new()
        } else {
            log.consistency(read.size).await?
        };
        let newest = TreeHead {
            size: newest.size,
            root: newest.root,
        };
        verify_consistency(read, newest, &proof).map_err(|_| forgotten())?;
    }
    Ok(Some(memory))
}

/// Reads the log from where the last run ended to its newest checkpoint.
///
/// # Errors
/// [`AuditError`]; what was read until then is kept.
pub async fn watch(request: &WatchRequest<'_>) -> Result<Watched, AuditError> {
    // 1. what was read before, if it is still the beginning of the log
    let path = memory_path(request.folders, request.log);
    let lock = FileLock::try_acquire(&path.with_extension("lock"))?;
    let lock = lock.ok_or_else(|| AuditError::Busy { path: path.clone() })?;
    let recalled = recall(request.folders, request.log).await?;
    let before = recalled.as_ref().map(Memory::size);
    let mut memory = recalled.unwrap_or_else(|| Memory::new(&request.trust_root));
    memory.acknowledge(&request.acknowledged, &request.expected);
    // 2. what changed in the trust root, for what was read, too
    for finding in root_changes::since(&memory, &request.trust_root) {
        memory.tell(finding);
    }
    if root_changes::reach_back(&memory, &request.trust_root) {
        memory.begin_again();
    }
    let is_again = memory.is_again();
    memory.remember_root(&request.trust_root);
    // 3. every entry since
    let read_bytes = walk::walk(request, &mut memory, &path).await?;
    // 4. what the hub shows of it
    let mut differences = Vec::new();
    let mut hub_fault = None;
    if let Some(registry) = request.registry {
        let compared = hub_view::compare(&mut memory, registry, request.log, &mut differences);
        // What the log says is to be told all the same.
        hub_fault = compared.await.err();
        memory.write(&path)?;
    }
    let of_log = memory.alarms().iter().chain(memory.untold());
    Ok(Watched {
        before,
        entries: memory.size(),
        read_bytes,
        is_again,
        findings: of_log.cloned().chain(differences).collect(),
        dropped: memory.dropped(),
        hub_fault,
        memory,
        path,
        _lock: lock,
    })
}

#[cfg(test)]
pub(crate) mod tests;
