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

/// Removes what nothing names and what was stored before `written_before`. One at a time: the caller holds a lock.
///
/// # Errors
/// [`GcError`]; what was removed until then was rightly so, and the next run goes on.
pub(crate) fn collect(
    database: &Database,
    store: &Blobs,
    written_before: SystemTime,
    dry_run: bool,
) -> Result<Collected, GcError> {
    database.with(collection::prepare)?;
    let mut collected = Collected {
        dry_run,
        ..Collected::default()
    };
    // 1. The blobs first: what comes after that is not looked at.
    let stored = store.list()?;
    let mut named = Named::default();
    database.with(|connection| named.follow(connection))?;
    let mut candidates = Vec::new();
    for blob in stored {
        if named.digests.contains(&blob.digest) {
            collected.named.add(&blob);
        } else if blob.written_at >= written_before {
            collected.young.add(&blob);
        } else {
            candidates.push(blob);
        }
    }
    if dry_run {
        candidates.iter().for_each(|blob| collected.remove(blob));
        return Ok(collected);
    }
    // 2. What an interrupted run has doomed is removed, or pardoned, before anything else.
    let doomed = database.with(collection::look)?.doomed;
    let (left, rest): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|blob| doomed.contains(&blob.digest));
    if !doomed.is_empty() {
        collect_batch(
            database,
            store,
            &mut named,
            (&left, written_before),
            &mut collected,
        )?;
    }
    for batch in rest.chunks(BATCH) {
        collect_batch(
            database,
            store,
            &mut named,
            (batch, written_before),
            &mut collected,
        )?;
    }
    Ok(collected)
}

impl Collected {
    fn remove(&mut self, blob: &StoredBlob) {
        self.removed.add(blob);
        self.digests.push(blob.digest.to_string());
    }
}

fn collect_batch(
    database: &Database,
    store: &Blobs,
    named: &mut Named,
    (batch, written_before): (&[StoredBlob], SystemTime),
    collected: &mut Collected,
) -> Result<(), GcError> {
    // One that has arrived again since the blobs were listed is left alone.
    let is_old = |blob: &StoredBlob| {
        let now = store.stat(&blob.digest)?;
        Ok::<_, BlobError>(now.is_some_and(|now| now.written_at < written_before))
    };
    let mut old = BTreeSet::new();
    for blob in batch {
        match is_old(blob)? {
            true => {
                old.insert(blob.digest);
            }
            false => collected.young.add(blob),
        }
    }
    let doomed = database.transaction(|connection| {
        let mut now = collection::hold(connection)?;
        named.follow(connection)?;
        old.retain(|digest| !named.digests.contains(digest));
        for digest in &old {
            collection::forget_names(connection, digest)?;
        }
        now.round += 1;
        now.doomed = old;
        collection::set(connection, &now)?;
        Ok::<_, GcError>(now.doomed)
    })?;
    for blob in batch {
        if !doomed.contains(&blob.digest) {
            continue;
        }
        if is_old(blob)? {
            store.remove(&blob.digest)?;
            collected.remove(blob);
        } else {
            collected.young.add(blob);
        }
    }
    // Not when one of them could not be removed: the request may yet be obeyed.
    database.transaction(|connection| {
        let mut now = collection::hold(connection)?;
        now.doomed.clear();
        Ok::<_, GcError>(collection::set(connection, &now)?)
    })
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
    use super::*;

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
