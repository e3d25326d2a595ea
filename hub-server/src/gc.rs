//! `hub-server gc`: removes blobs that nothing names and that have been there for a while. The server
//! may run meanwhile.
//!
//! What is named is read from the log's entries themselves. A blob goes in three steps: its names are
//! forgotten and it is marked as doomed, in one transaction that sees every entry so far; then it is
//! removed from the store; then the mark. A release is recorded only when all its files can be read
//! under its name at that moment, and a blob that arrives gets a name only if it is not doomed, so
//! that neither ever counts on a blob that goes.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use registry_schema::digest::Digest;
use registry_schema::envelope::{Envelope, EnvelopeError};
use registry_schema::statement::Statement;
use serde::Serialize;

use crate::blobs::{BlobError, Blobs, StoredBlob};
use crate::database::collection::Collection;
use crate::database::log::{EntryRow, entries};
use crate::database::{
    Connection, Database, DatabaseError, collection, from_column, model_signatures, oci, releases,
    to_digest,
};

/// Entries read at a time.
const PAGE: u64 = 256;

/// Blobs that are doomed at a time.
const BATCH: usize = 64;

/// What was, or would be, removed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Collected {
    /// Whether nothing was removed in fact.
    pub(crate) dry_run: bool,
    /// Blobs that something names.
    pub(crate) named: Count,
    /// Blobs that nothing names yet, which may be on their way into a release.
    pub(crate) young: Count,
    /// What was removed.
    pub(crate) removed: Count,
    /// Its digests.
    pub(crate) digests: Vec<String>,
}

/// Some blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    pub(crate) blobs: u64,
    pub(crate) size_bytes: u64,
}

impl Count {
    fn add(&mut self, blob: &StoredBlob) {
        self.blobs += 1;
        self.size_bytes += blob.size_bytes;
    }
}

/// Removes what nothing names and what was stored before `written_before`. One at a time: the caller holds a lock, and
/// `has_turn` says whether it still does.
///
/// # Errors
/// [`GcError`]; what was removed until then was rightly so, and the next run goes on.
pub(crate) fn collect(
    database: &Database,
    store: &Blobs,
    written_before: SystemTime,
    dry_run: bool,
    has_turn: &mut dyn FnMut() -> bool,
) -> Result<Collected, GcError> {
    database.with(collection::prepare)?;
    let before = database.with(collection::look)?;
    let mut run = Run {
        database,
        store,
        written_before,
        has_turn,
        round: before.round,
        named: Named::default(),
        collected: Collected {
            dry_run,
            ..Collected::default()
        },
    };
    // 1. The blobs first: what comes after that is not looked at.
    let stored = store.list()?;
    database.with(|connection| run.named.follow(connection))?;
    let mut candidates = Vec::new();
    for blob in stored {
        if run.named.digests.contains(&blob.digest) {
            run.collected.named.add(&blob);
        } else if blob.written_at >= written_before {
            run.collected.young.add(&blob);
        } else {
            candidates.push(blob);
        }
    }
    if dry_run {
        for blob in &candidates {
            run.collected.remove(blob);
        }
        return Ok(run.collected);
    }
    // 2. What an interrupted run has doomed is removed, or pardoned, before anything else.
    let doomed = before.doomed;
    let (left, rest): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|blob| doomed.contains(&blob.digest));
    if !doomed.is_empty() {
        run.remove(&left)?;
    }
    for batch in rest.chunks(BATCH) {
        run.remove(batch)?;
    }
    Ok(run.collected)
}

impl Collected {
    fn remove(&mut self, blob: &StoredBlob) {
        self.removed.add(blob);
        self.digests.push(blob.digest.to_string());
    }
}

/// One run, with what it knows so far.
struct Run<'a> {
    database: &'a Database,
    store: &'a Blobs,
    written_before: SystemTime,
    has_turn: &'a mut dyn FnMut() -> bool,
    /// The round of this run: another one in the database is of a run that has taken over.
    round: u64,
    named: Named,
    collected: Collected,
}

impl Run<'_> {
    /// Dooms some blobs, removes them, and takes the marks back.
    fn remove(&mut self, batch: &[StoredBlob]) -> Result<(), GcError> {
        let doomed = self.doom(batch)?;
        for blob in batch {
            if !doomed.contains(&blob.digest) {
                continue;
            }
            self.check_turn()?;
            if self.is_old(blob)? {
                self.store.remove(&blob.digest)?;
                self.collected.remove(blob);
            } else {
                self.collected.young.add(blob);
            }
        }
        // Not when one of them could not be removed: the request may yet be obeyed.
        self.database.transaction(|connection| {
            let mut now = self.hold(connection)?;
            now.doomed.clear();
            Ok::<_, GcError>(collection::set(connection, &now)?)
        })
    }

    /// Forgets the names of those that nothing names still, and says that they go.
    fn doom(&mut self, batch: &[StoredBlob]) -> Result<BTreeSet<Digest>, GcError> {
        let mut old = BTreeSet::new();
        for blob in batch {
            match self.is_old(blob)? {
                true => {
                    old.insert(blob.digest);
                }
                false => self.collected.young.add(blob),
            }
        }
        self.check_turn()?;
        let marked = self.database.transaction(|connection| {
            let mut now = self.hold(connection)?;
            self.named.follow(connection)?;
            old.retain(|digest| !self.named.digests.contains(digest));
            for digest in &old {
                collection::forget_names(connection, digest)?;
            }
            now.round += 1;
            now.doomed = old;
            collection::set(connection, &now)?;
            Ok::<_, GcError>(now)
        })?;
        self.round = marked.round;
        Ok(marked.doomed)
    }

    /// One that has arrived again since the blobs were listed is left alone.
    fn is_old(&self, blob: &StoredBlob) -> Result<bool, BlobError> {
        let now = self.store.stat(&blob.digest)?;
        Ok(now.is_some_and(|now| now.written_at < self.written_before))
    }

    /// Where this run is, until the transaction ends.
    fn hold(&self, connection: &mut Connection) -> Result<Collection, GcError> {
        let now = collection::hold(connection)?;
        match now.round == self.round {
            true => Ok(now),
            false => Err(GcError::Overtaken),
        }
    }

    /// Refuses to go on when another run may have begun: each would undo what the other one says.
    fn check_turn(&mut self) -> Result<(), GcError> {
        if !(self.has_turn)() {
            return Err(GcError::TurnLost);
        }
        match self.database.with(collection::look)?.round == self.round {
            true => Ok(()),
            false => Err(GcError::Overtaken),
        }
    }
}

/// What is named by somebody.
#[derive(Debug, Default)]
struct Named {
    digests: HashSet<Digest>,
    /// How many entries of the log were read.
    entries: u64,
}

impl Named {
    /// Reads what was logged and recorded since.
    fn follow(&mut self, connection: &mut Connection) -> Result<(), GcError> {
        let is_first = self.entries == 0;
        loop {
            let page = entries(connection, self.entries, PAGE)?;
            let Some(last) = page.last() else { break };
            self.entries = from_column(last.idx)? + 1;
            for row in &page {
                self.add_entry(row)?;
            }
        }
        // Rows of releases follow from entries; they are read once for good measure.
        if is_first {
            for file in releases::all_files(connection)? {
                self.add(&file.digest)?;
            }
        }
        for row in model_signatures::list(connection)? {
            self.add(&row.digest)?;
        }
        // What members keep in repositories that are no extractors.
        for content in oci::contents(connection)?.keys() {
            self.add(content)?;
        }
        Ok(())
    }

    /// Every digest that is in an entry, of whatever it is: a statement of a kind that is not known
    /// here names blobs, too.
    fn add_entry(&mut self, row: &EntryRow) -> Result<(), GcError> {
        let envelope = Envelope::parse(&row.envelope).map_err(|source| GcError::Entry {
            index: row.idx,
            source,
        })?;
        let payload = envelope.payload();
        self.digests.extend(digests_in(payload));
        // In JSON a digest can be written in more than one way.
        if let Ok(Statement::Release(release)) = Statement::parse(payload) {
            self.digests
                .extend(release.files().iter().map(|file| file.digest));
        }
        Ok(())
    }

    fn add(&mut self, digest: &str) -> Result<(), DatabaseError> {
        self.digests.insert(to_digest(digest)?);
        Ok(())
    }
}

/// Runs of exactly as many hex digits as a digest has.
fn digests_in(text: &[u8]) -> impl Iterator<Item = Digest> {
    text.split(|byte| !byte.is_ascii_hexdigit())
        .filter_map(|run| {
            let text = std::str::from_utf8(run).ok()?;
            Digest::from_hex(&text.to_ascii_lowercase()).ok()
        })
}

/// Why nothing more is removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GcError {
    /// An entry that cannot be read may name any blob.
    #[error(
        "entry {index} of the log cannot be read, so nothing is removed: run `hub-server log verify`"
    )]
    Entry {
        /// Which.
        index: i64,
        /// Why.
        source: EnvelopeError,
    },
    /// The lock is gone with its connection.
    #[error(
        "the connection to the database that keeps other runs away is lost: run `hub-server gc` again; until then, what it was about to remove cannot be uploaded"
    )]
    TurnLost,
    /// Another run has begun.
    #[error("another `hub-server gc` has taken over, and removes what this one has not")]
    Overtaken,
    /// The store of blobs.
    #[error(
        "run `hub-server gc` again: until then, what it was about to remove cannot be uploaded"
    )]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The time before which a blob must have been stored to be removed.
pub(crate) fn written_before(now: SystemTime, grace: Duration) -> SystemTime {
    now.checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::config::DataFolder;

    /// A hub without releases, in whose store are two blobs that nothing names.
    fn strays(folder: &tempfile::TempDir) -> (Database, Blobs) {
        let data = DataFolder::new(folder.path());
        for path in [data.uploads(), data.blobs()] {
            crate::blobs::create_private_folder(&path).unwrap();
        }
        let store = Blobs::new(&data, 0);
        for text in ["one", "two"] {
            let (digest, size_bytes) = (Digest::of(text.as_bytes()), text.len() as u64);
            let written = store.write(&mut text.as_bytes(), &digest, size_bytes);
            assert_eq!(written.unwrap(), crate::blobs::Finished::Kept(digest));
        }
        (Database::open(data.database()).unwrap(), store)
    }

    fn collect_all(
        database: &Database,
        store: &Blobs,
        has_turn: &mut dyn FnMut() -> bool,
    ) -> Result<Collected, GcError> {
        let later = SystemTime::now() + Duration::from_secs(60);
        collect(database, store, later, false, has_turn)
    }

    #[test]
    fn a_run_that_another_one_has_overtaken_removes_nothing_and_leaves_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        let (database, store) = strays(&folder);
        let other = Collection {
            round: 7,
            doomed: BTreeSet::from([Digest::of(b"of the other one")]),
        };
        // It begins after this one has said what goes.
        let mut looks = 0;
        let mut has_turn = || {
            looks += 1;
            if looks == 2 {
                let set = |connection: &mut Connection| collection::set(connection, &other);
                database.with(set).unwrap();
            }
            true
        };
        let ended = collect_all(&database, &store, &mut has_turn);
        assert!(matches!(ended, Err(GcError::Overtaken)), "{ended:?}");
        assert_eq!(store.list().unwrap().len(), 2);
        assert_eq!(database.with(collection::look).unwrap(), other);
    }

    #[test]
    fn a_run_that_has_lost_its_lock_removes_nothing_and_the_next_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (database, store) = strays(&folder);
        let mut looks = 0;
        let mut has_turn = || {
            looks += 1;
            looks < 3
        };
        let ended = collect_all(&database, &store, &mut has_turn);
        assert!(matches!(ended, Err(GcError::TurnLost)), "{ended:?}");
        assert_eq!(store.list().unwrap().len(), 1, "one was removed before");
        let doomed = database.with(collection::look).unwrap().doomed;
        assert_eq!(doomed.len(), 2, "still said to be going");
        let next = collect_all(&database, &store, &mut || true).unwrap();
        assert_eq!(next.removed.blobs, 1);
        assert!(store.list().unwrap().is_empty());
        assert!(database.with(collection::look).unwrap().doomed.is_empty());
    }

    #[test]
    fn digests_are_found_wherever_they_are() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let text = format!(
            "{{\"sha256\":\"{}\",\"x\":[\"{b}\"],\"key\":\"{}00\",\"y\":\"{}\"}}",
            a.to_hex(),
            Digest::of(b"longer").to_hex(),
            Digest::of(b"c").to_hex().to_uppercase()
        );
        let found: Vec<Digest> = digests_in(text.as_bytes()).collect();
        assert_eq!(found, [a, b, Digest::of(b"c")]);
    }
}
