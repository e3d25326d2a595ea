//! The single writer. All appends pass through one thread, which puts what is waiting into one
//! transaction: while one batch is written to the disk, the next one gathers.

use std::sync::Arc;

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::log::note::SignerKey;
use registry_schema::log::tree::Tree;
use tokio::sync::{mpsc, oneshot, watch};

use super::recover::{load, write_tree};
use super::{Head, LogError, NewEntry, Place};
use crate::database::log::{EntryRow, insert_entry};
use crate::database::{Connection, Database, DatabaseError, check_mark, savepoint, set_mark};

/// Most entries of one transaction: 16 MiB of envelopes.
const BATCH: usize = 256;

/// Something to append, with its own types forgotten.
pub(super) trait Item: Send {
    /// Writes the entry and the caller's rows; what it wrote is undone when it says no.
    fn record(&mut self, connection: &mut Connection, place: Place) -> Option<Digest>;

    /// Tells the caller how it ended: with its batch on the disk, or not.
    fn finish(self: Box<Self>, batch: Result<(), LogError>);
}

/// What an append ends with: what was recorded and where, or why not.
type Outcome<T, E> = Result<(T, Place), E>;

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
    fn record(&mut self, connection: &mut Connection, place: Place) -> Option<Digest> {
        let record = self.record.take()?;
        let row = EntryRow {
            idx: place.column().ok()?,
            envelope: std::mem::take(&mut self.entry.envelope),
            leaf_hash: self.entry.leaf_hash.as_bytes().to_vec(),
            logged_at: place.logged_at,
            submitted_by: std::mem::take(&mut self.entry.submitted_by),
        };
        let recorded = savepoint(connection, |connection| {
            let made = record(connection, place)?;
            insert_entry(connection, &row)?;
            Ok::<_, E>((made, place))
        });
        let is_recorded = recorded.is_ok();
        self.outcome = Some(recorded);
        is_recorded.then_some(self.entry.leaf_hash)
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

/// What the writing thread holds.
pub(super) struct Sequencer {
    pub(super) database: Database,
    pub(super) key: SignerKey,
    pub(super) tree: Tree,
    pub(super) head: watch::Sender<Arc<Head>>,
    /// Where no witness is needed, what is on the disk is published.
    pub(super) published: Option<watch::Sender<Option<Arc<Head>>>>,
}

impl Sequencer {
    /// Starts the thread; it ends with the last sender of jobs.
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
        let failed = match self.commit(&mut batch) {
            Ok(Some((tree, head))) => {
                self.tree = tree;
                self.announce(head);
                None
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!(error = ?error, entries = batch.len(), "cannot append to the log");
                let is_full = matches!(error, LogError::Database(DatabaseError::Full));
                self.reload();
                Some((error.to_string(), is_full))
            }
        };
        for item in batch {
            item.finish(match &failed {
                None => Ok(()),
                Some((reason, is_full)) => Err(LogError::NotRecorded {
                    reason: reason.clone(),
                    is_full: *is_full,
                }),
            });
        }
    }

    /// Reads the log's state anew: after an error it may be on the disk all the same.
    fn reload(&mut self) {
        let loaded = self
            .database
            .transaction(|connection| load(connection, &self.key));
        match loaded {
            Ok((tree, head)) if tree.size() > self.tree.size() => {
                self.tree = tree;
                self.announce(head);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = ?error, "cannot read the log's state"),
        }
    }

    fn announce(&self, head: Head) {
        let head = Arc::new(head);
        self.head.send_replace(Arc::clone(&head));
        if let Some(published) = &self.published {
            published.send_replace(Some(head));
        }
    }

    /// Records a batch in one transaction; `None` when every item was refused.
    fn commit(&self, batch: &mut [Box<dyn Item>]) -> Result<Option<(Tree, Head)>, LogError> {
        let logged_at = Timestamp::now().as_second();
        self.database.transaction(|connection| {
            set_mark(connection)?;
            let mut leaf_hashes = Vec::with_capacity(batch.len());
            for item in batch {
                let index = self.tree.size() + leaf_hashes.len() as u64;
                // One that is refused is undone alone, unless the whole batch is: then nothing may
                // follow it.
                leaf_hashes.extend(item.record(connection, Place { index, logged_at }));
                check_mark(connection)?;
            }
            if leaf_hashes.is_empty() {
                return Ok(None);
            }
            let mut tree = self.tree.clone();
            let before = Some(self.tree.size());
            let head = write_tree(connection, &mut tree, &leaf_hashes, before, &self.key)?;
            Ok(Some((tree, head)))
        })
    }
}
