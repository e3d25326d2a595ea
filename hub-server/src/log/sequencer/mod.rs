//! The single writer. All appends pass through one thread, which puts what is waiting into one
//! transaction: while one batch is written to the disk, the next one gathers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::log::note::SignerKey;
use registry_schema::log::policy::Policy;
use registry_schema::log::proof::TreeHead;
use registry_schema::log::tree::Tree;
use tokio::sync::{mpsc, oneshot, watch};

use super::follow::{begins_with, does_not_continue, newest};
use super::recover::{stored, write_tree};
use super::{Head, LogError, NewEntry, Place, publish_newer, show_newer};
use crate::cause::chain;
use crate::database::log::{EntryRow, insert_entry};
use crate::database::{Connection, Database, DatabaseError, check_mark, savepoint, set_mark};

/// Most entries of one transaction: 16 MiB of envelopes.
const BATCH: usize = 256;

/// Something to append, with its own types forgotten.
pub(super) trait Item: Send {
    /// Writes the entry and the caller's rows; what it wrote is undone when it says no. `None` when
    /// it said no, or the entry is there already.
    ///
    /// # Errors
    /// [`LogError`] when the entry itself cannot be written: the whole batch is undone then.
    fn record(
        &mut self,
        connection: &mut Connection,
        place: Place,
    ) -> Result<Option<Digest>, LogError>;

    /// Tells the caller how it ended: with its batch on the disk, or not.
    fn finish(self: Box<Self>, batch: Result<(), LogError>);
}

/// What an append ends with: what was recorded and where, or why not. Nothing was recorded when the
/// same entry is there already; then this is its place.
type Outcome<T, E> = Result<(Option<T>, Place), E>;

/// An append with what it records.
pub(super) struct Append<T, E, F> {
    entry: NewEntry,
    record: Option<F>,
    outcome: Option<Outcome<T, E>>,
    reply: oneshot::Sender<Outcome<T, E>>,
}

impl<T, E, F> Append<T, E, F> {
    pub(super) fn new(entry: NewEntry, record: F) -> (Self, oneshot::Receiver<Outcome<T, E>>) {
        let (reply, outcome) = oneshot::channel();
        let append = Self {
            entry,
            record: Some(record),
            outcome: None,
            reply,
        };
        (append, outcome)
    }
}

impl<T, E, F> Item for Append<T, E, F>
where
    T: Send,
    E: From<DatabaseError> + From<LogError> + Send,
    F: FnOnce(&mut Connection, Place) -> Result<T, E> + Send,
{
    fn record(
        &mut self,
        connection: &mut Connection,
        place: Place,
    ) -> Result<Option<Digest>, LogError> {
        let Some(record) = self.record.take() else {
            return Ok(None);
        };
        // Sent twice at once, or again after a lost reply: it keeps its place.
        if let Some(earlier) = Place::of_entry(connection, &self.entry.leaf_hash)? {
            self.outcome = Some(Ok((None, earlier)));
            return Ok(None);
        }
        let row = EntryRow {
            idx: place.column()?,
            envelope: std::mem::take(&mut self.entry.envelope),
            leaf_hash: self.entry.leaf_hash.as_bytes().to_vec(),
            logged_at: place.logged_at,
            submitted_by: std::mem::take(&mut self.entry.submitted_by),
        };
        match savepoint(connection, |connection| record(connection, place)) {
            Ok(made) => {
                insert_entry(connection, &row)?;
                self.outcome = Some(Ok((Some(made), place)));
                Ok(Some(self.entry.leaf_hash))
            }
            Err(refused) => {
                self.outcome = Some(Err(refused));
                Ok(None)
            }
        }
    }

    fn finish(self: Box<Self>, batch: Result<(), LogError>) {
        let outcome = match (self.outcome, batch) {
            (Some(Err(refused)), _) => Err(refused),
            (_, Err(failed)) => Err(failed.into()),
            (Some(Ok(recorded)), Ok(())) => Ok(recorded),
            (None, Ok(())) => Err(LogError::Stopped.into()),
        };
        // Whoever asked may have hung up.
        let _ = self.reply.send(outcome);
    }
}

/// Tells of the log's newest state.
pub(super) struct Announcer {
    pub(super) head: watch::Sender<Arc<Head>>,
    pub(super) published: watch::Sender<Option<Arc<Head>>>,
    pub(super) policy: watch::Receiver<Arc<Policy>>,
}

impl Announcer {
    fn announce(&self, head: Head) {
        let head = Arc::new(head);
        show_newer(&self.head, Arc::clone(&head));
        // Where no witness is needed, what is on the disk is published.
        if self.policy.borrow().is_quorum_none() {
            publish_newer(&self.published, head);
        }
    }
}

/// What the writing thread holds.
pub(super) struct Sequencer {
    pub(super) database: Database,
    pub(super) key: SignerKey,
    pub(super) tree: Tree,
    pub(super) announcer: Announcer,
    /// Whether the disk may be ahead of `tree`: after an error, until the state was read anew.
    pub(super) is_stale: bool,
    /// Held while a batch is written.
    pub(super) turn: Arc<Mutex<()>>,
}

impl Sequencer {
    /// Starts the thread; it ends with the last sender of jobs. Should it end by a panic, nothing
    /// receives jobs any more.
    pub(super) fn start(mut self, mut jobs: mpsc::Receiver<Box<dyn Item>>) -> Result<(), LogError> {
        let work = move || {
            let mut batch = Vec::with_capacity(BATCH);
            while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
                self.write(std::mem::take(&mut batch));
            }
        };
        std::thread::Builder::new()
            .name("sequencer".to_owned())
            .spawn(work)
            .map(drop)
            .map_err(|source| LogError::Start { source })
    }

    fn write(&mut self, mut batch: Vec<Box<dyn Item>>) {
        let turn = Arc::clone(&self.turn);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = self.write_batch(&mut batch).err();
        if let Some(error) = &failed {
            tracing::error!(
                error = chain(error),
                entries = batch.len(),
                "cannot append to the log"
            );
        }
        for item in batch {
            item.finish(failed.as_ref().map_or(Ok(()), |error| Err(repeated(error))));
        }
    }

    fn write_batch(&mut self, batch: &mut [Box<dyn Item>]) -> Result<(), LogError> {
        if self.is_stale {
            self.reload(None)?;
        }
        let mut written = None;
        // What a panic leaves is undone with its connection, which is not used again; the rest of
        // the state is read anew.
        let commit = AssertUnwindSafe(|| self.commit(batch, &mut written));
        let committed = catch_unwind(commit).unwrap_or(Err(LogError::Panicked));
        match committed {
            Ok(()) => {
                if let Some((tree, head)) = written {
                    self.tree = tree;
                    self.announcer.announce(head);
                }
                Ok(())
            }
            Err(error) => self.settle(written.map(|(tree, _)| tree).as_ref(), &error),
        }
    }

    /// After a failed batch: reads the log's state anew. A commit that failed may be on the disk all
    /// the same, and then it did not fail.
    fn settle(&mut self, written: Option<&Tree>, error: &LogError) -> Result<(), LogError> {
        self.is_stale = true;
        match (self.reload(written), written) {
            (Ok(true), _) => {
                tracing::warn!(
                    error = chain(error),
                    "an error, but the batch is on the disk"
                );
                Ok(())
            }
            (Ok(false), _) => {
                tracing::error!(error = chain(error), "a batch was undone");
                Err(not_recorded(error))
            }
            (Err(unreadable), written) => {
                tracing::error!(
                    error = chain(error),
                    reading = chain(&unreadable),
                    "a batch failed, and the log's state cannot be read"
                );
                Err(match written {
                    Some(_) => LogError::Uncertain {
                        reason: error.to_string(),
                    },
                    None => not_recorded(error),
                })
            }
        }
    }

    /// Reads the log's state anew; whether it has what was `written`, now the newest or followed by
    /// what another server has appended.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when it is not the one of before or one that follows it; nothing is
    /// written then.
    fn reload(&mut self, written: Option<&Tree>) -> Result<bool, LogError> {
        let (key, known) = (self.key.verifier(), head_of(&self.tree));
        let (tree, head, has_written) = self.database.settled_view(|connection| {
            let other = || does_not_continue(known.size);
            let (tree, head) = stored(connection, &key)?.ok_or_else(other)?;
            if !begins_with(connection, &head, known)? {
                return Err(other());
            }
            let has_written = match written {
                Some(written) => begins_with(connection, &head, head_of(written))?,
                None => false,
            };
            Ok((tree, head, has_written))
        })?;
        self.is_stale = false;
        if tree.size() > self.tree.size() {
            self.tree = tree;
            self.announcer.announce(head);
        }
        Ok(has_written)
    }

    /// The tree that a batch is appended to. Another server of the same database may have appended to
    /// it since; in the batch's transaction none does.
    fn base(&self, connection: &mut Connection) -> Result<Tree, LogError> {
        if !self.database.is_shared() {
            return Ok(self.tree.clone());
        }
        let newest = newest(connection, &self.key.verifier(), head_of(&self.tree))?;
        Ok(newest.map_or_else(|| self.tree.clone(), |(tree, _)| tree))
    }

    /// Records a batch in one transaction. `written` becomes the state after it, unless every item
    /// was refused; it is the log's when the commit went well.
    fn commit(
        &self,
        batch: &mut [Box<dyn Item>],
        written: &mut Option<(Tree, Head)>,
    ) -> Result<(), LogError> {
        let logged_at = Timestamp::now().as_second();
        self.database.transaction(|connection| {
            let mut tree = self.base(connection)?;
            set_mark(connection)?;
            let mut leaf_hashes = Vec::with_capacity(batch.len());
            for item in batch {
                let index = tree.size() + leaf_hashes.len() as u64;
                // One that is refused is undone alone, unless the whole batch is: then nothing may
                // follow it.
                leaf_hashes.extend(item.record(connection, Place { index, logged_at })?);
                check_mark(connection)?;
            }
            if leaf_hashes.is_empty() {
                return Ok(());
            }
            let before = Some(tree.size());
            let head = write_tree(connection, &mut tree, &leaf_hashes, before, &self.key)?;
            *written = Some((tree, head));
            Ok(())
        })
    }
}

fn head_of(tree: &Tree) -> TreeHead {
    TreeHead {
        size: tree.size(),
        root: tree.root(),
    }
}

fn not_recorded(error: &LogError) -> LogError {
    LogError::NotRecorded {
        reason: error.to_string(),
        is_full: matches!(error, LogError::Database(DatabaseError::Full)),
    }
}

/// The same failure for the next item of the batch.
fn repeated(error: &LogError) -> LogError {
    match error {
        LogError::NotRecorded { reason, is_full } => LogError::NotRecorded {
            reason: reason.clone(),
            is_full: *is_full,
        },
        LogError::Uncertain { reason } => LogError::Uncertain {
            reason: reason.clone(),
        },
        other => not_recorded(other),
    }
}

#[cfg(test)]
mod tests;
