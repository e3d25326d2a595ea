//! The hub's transparency log: every statement is an entry, and nothing counts before a checkpoint
//! that includes it is on the disk.
//!
//! `sequencer` is the single writer, `recover` checks at the start that the database holds one whole
//! log, `witnesses` asks for cosignatures, `keys` holds the log's signing key, `check` recomputes
//! everything, `prove` proves from tiles, `copy` keeps what another hub has logged,
//! `follow` looks for what other servers of the same database have appended.

mod check;
mod copy;
mod error;
mod follow;
mod keys;
mod prove;
mod recover;
mod sequencer;
pub(crate) mod witnesses;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{Note, SignerKey, VerifierKey};
use registry_schema::log::policy::Policy;
use registry_schema::log::proof::{LogProof, TreeHead};
use registry_schema::log::tile::{Tile, TileId};
use tokio::sync::{mpsc, watch};

pub(crate) use check::{first_root, leaf_hashes, recompute};
pub(crate) use copy::{copied, copied_notes, key_of, write_copy};
pub(crate) use error::LogError;
pub(crate) use keys::{check_policy, load_key, load_or_make_key};
use prove::{prove, prove_consistency, stored_tile, trusted_tiles};
pub(crate) use recover::{stored, write_tree};
use sequencer::{Announcer, Append, Item, Sequencer};

use crate::database::log::{CheckpointRow, PUBLISHED, checkpoint, find_entry, swap_checkpoint};
use crate::database::{Connection, Database, DatabaseError, from_column, to_column};

/// Appends that may wait for the sequencer before further ones have to wait outside.
const QUEUE: usize = 1024;

/// How long a reply waits for witnesses. Past it the entry is recorded, and the proof comes when it
/// is asked for again.
const WITNESS_PATIENCE: Duration = Duration::from_secs(20);

/// A checkpoint and its note, signatures included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: Note,
    /// The tiles at the right edge of its tree, if they are at hand: with them new entries are
    /// proved without the database.
    edge: Vec<Tile>,
}

impl Head {
    fn row(&self, kind: &str) -> Result<CheckpointRow, DatabaseError> {
        Ok(CheckpointRow {
            kind: kind.to_owned(),
            size: to_column(self.checkpoint.size)?,
            note: self.note.to_string(),
        })
    }

    /// One of the tiles at hand.
    fn tile(&self, id: TileId) -> Option<Tile> {
        self.edge.iter().find(|tile| tile.id() == id).cloned()
    }

    pub(crate) fn tree(&self) -> TreeHead {
        TreeHead {
            size: self.checkpoint.size,
            root: self.checkpoint.root,
        }
    }
}

/// Where an entry came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its index.
    pub(crate) index: u64,
    /// When it was logged, in seconds since 1970.
    pub(crate) logged_at: i64,
}

impl Place {
    /// Where an entry with this hash is, if there is one.
    pub(crate) fn of_entry(
        connection: &mut Connection,
        leaf_hash: &Digest,
    ) -> Result<Option<Self>, DatabaseError> {
        let found = find_entry(connection, leaf_hash)?;
        let place = |(index, logged_at)| {
            let index = from_column(index)?;
            Ok(Self { index, logged_at })
        };
        found.map(place).transpose()
    }

    /// The index for a column.
    pub(crate) fn column(self) -> Result<i64, DatabaseError> {
        to_column(self.index)
    }
}

/// An entry to be.
#[derive(Debug)]
pub(crate) struct NewEntry {
    envelope: Vec<u8>,
    leaf_hash: Digest,
    submitted_by: String,
}

impl NewEntry {
    /// An envelope whose signatures were verified, and the member whose token brought it.
    pub(crate) fn new(envelope: Vec<u8>, submitted_by: String) -> Self {
        Self {
            leaf_hash: leaf_hash(&envelope),
            envelope,
            submitted_by,
        }
    }

    /// By what the log knows the entry.
    pub(crate) fn leaf_hash(&self) -> Digest {
        self.leaf_hash
    }
}

/// The log of an open hub.
#[derive(Clone)]
pub(crate) struct Log {
    database: Database,
    key: VerifierKey,
    policy: watch::Sender<Arc<Policy>>,
    writer: Writer,
    head: watch::Sender<Arc<Head>>,
    published: watch::Sender<Option<Arc<Head>>>,
    /// Held while something is appended.
    turn: Arc<Mutex<()>>,
}

/// As long as it lives, nothing is appended. Whoever holds it appends nothing and waits for nobody
/// who does.
pub(crate) struct Pause<'a> {
    _turn: MutexGuard<'a, ()>,
}

/// Who writes a log.
#[derive(Clone)]
enum Writer {
    /// This hub's sequencer, which takes what waits in the queue.
    Sequencer(mpsc::Sender<Box<dyn Item>>),
    /// Another hub, of which this one is a mirror.
    Elsewhere,
}

impl Log {
    /// Opens the log: checks what the database holds, and starts the sequencer.
    pub(crate) fn open(
        database: Database,
        key: SignerKey,
        policy: Policy,
    ) -> Result<Self, LogError> {
        check_policy(&policy, &key.verifier())?;
        let (tree, head) = database.transaction(|connection| recover::load(connection, &key))?;
        let head = Arc::new(head);
        let first = if policy.is_quorum_none() {
            Some(Arc::clone(&head))
        } else {
            database
                .with(|connection| recover::published(connection, &policy))?
                .map(Arc::new)
        };
        let (published, _) = watch::channel(first);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (head, _) = watch::channel(head);
        let (policy, policies) = watch::channel(Arc::new(policy));
        let log = Self {
            database: database.clone(),
            key: key.verifier(),
            policy,
            writer: Writer::Sequencer(queue),
            head: head.clone(),
            published: published.clone(),
            turn: Arc::default(),
        };
        let announcer = Announcer {
            head,
            published,
            policy: policies,
        };
        let sequencer = Sequencer {
            database,
            key,
            tree,
            announcer,
            is_stale: false,
            turn: Arc::clone(&log.turn),
        };
        sequencer.start(jobs)?;
        Ok(log)
    }

    /// Waits until what is being appended is on the disk, and lets nothing more be appended until
    /// the answer is dropped.
    pub(crate) fn pause(&self) -> Pause<'_> {
        Pause {
            _turn: self.turn.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The policy now, and a word whenever there is another one.
    fn policies(&self) -> watch::Receiver<Arc<Policy>> {
        self.policy.subscribe()
    }

    /// Refuses a policy that does not name this log.
    ///
    /// # Errors
    /// [`LogError::NotInPolicy`].
    pub(crate) fn check_policy(&self, policy: &Policy) -> Result<(), LogError> {
        check_policy(policy, &self.key)
    }

    /// From now on another policy holds, which was checked. What is published stays so until enough
    /// of its witnesses have cosigned a checkpoint.
    pub(crate) fn set_policy(&self, policy: Policy) {
        if **self.policy.borrow() == policy {
            return;
        }
        let needs_none = policy.is_quorum_none();
        self.policy.send_replace(Arc::new(policy));
        if needs_none {
            publish_newer(&self.published, self.head());
        }
    }

    /// The policy that holds.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.borrow())
    }

    /// Refuses to go on when nothing can be appended any more; a mirror's log is written elsewhere.
    ///
    /// # Errors
    /// [`LogError::Stopped`].
    pub(crate) fn check_writer(&self) -> Result<(), LogError> {
        match &self.writer {
            Writer::Sequencer(queue) if queue.is_closed() => Err(LogError::Stopped),
            _ => Ok(()),
        }
    }

    /// Returns when nothing is written any more: the sequencer is gone.
    pub(crate) async fn ended(&self) {
        match &self.writer {
            Writer::Sequencer(queue) => queue.closed().await,
            Writer::Elsewhere => std::future::pending().await,
        }
    }

    /// The newest checkpoint that was signed, whether or not witnesses have seen it.
    pub(crate) fn head(&self) -> Arc<Head> {
        Arc::clone(&self.head.borrow())
    }

    /// The newest checkpoint that counts under the policy: what is served.
    pub(crate) fn published(&self) -> Option<Arc<Head>> {
        self.published.borrow().clone()
    }

    /// How many entries the published checkpoint covers.
    pub(crate) fn published_size(&self) -> u64 {
        self.published().map_or(0, |head| head.checkpoint.size)
    }

    /// Appends an entry together with the rows that `record` writes: all of it is on the disk, with
    /// the checkpoint that includes it, when this returns, or none of it. An item that `record`
    /// refuses does not disturb the others of its batch. For an entry that is there already nothing
    /// is recorded, and the place is its own.
    ///
    /// # Errors
    /// What `record` says, or why nothing could be recorded.
    pub(crate) async fn append<T, E, F>(
        &self,
        entry: NewEntry,
        record: F,
    ) -> Result<(Option<T>, Place), E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + From<LogError> + Send + 'static,
        F: FnOnce(&mut Connection, Place) -> Result<T, E> + Send + 'static,
    {
        let Writer::Sequencer(queue) = &self.writer else {
            return Err(LogError::ReadOnly.into());
        };
        let (item, outcome) = Append::new(entry, record);
        let stopped = || E::from(LogError::Stopped);
        queue.send(Box::new(item)).await.map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Waits until a checkpoint that counts covers an entry, and proves that it does.
    ///
    /// # Errors
    /// [`LogError::Unwitnessed`] when the witnesses take too long.
    pub(crate) async fn covered(&self, index: u64) -> Result<LogProof, LogError> {
        let mut published = self.published.subscribe();
        let is_covered = |head: &Option<Arc<Head>>| {
            head.as_ref()
                .is_some_and(|head| head.checkpoint.size > index)
        };
        let waited = tokio::time::timeout(WITNESS_PATIENCE, published.wait_for(is_covered)).await;
        let head = match waited {
            Ok(Ok(head)) => head.clone(),
            Ok(Err(_)) => return Err(LogError::Stopped),
            Err(_) => None,
        };
        let head = head.ok_or(LogError::Unwitnessed { index })?;
        if let Ok(proof) = prove(&head, index, |_| Err(DatabaseError::Interrupted)) {
            return Ok(proof);
        }
        let database = self.database.clone();
        database
            .run(move |connection| prove(&head, index, |id| stored_tile(connection, id)))
            .await
    }

    /// Proves that an entry is covered by the published checkpoint.
    ///
    /// # Errors
    /// [`LogError::Unwitnessed`] when it is not.
    pub(crate) fn proof(
        &self,
        connection: &mut Connection,
        index: u64,
    ) -> Result<LogProof, LogError> {
        let head = self
            .published()
            .filter(|head| head.checkpoint.size > index)
            .ok_or(LogError::Unwitnessed { index })?;
        prove(&head, index, |id| stored_tile(connection, id))
    }

    /// Makes a checkpoint with its cosignatures the published one: on the disk first, then for all
    /// to see. One of more entries stays, which another server may have published meanwhile.
    async fn publish(&self, next: Head) -> Result<(), LogError> {
        let row = next.row(PUBLISHED)?;
        let (database, policy) = (self.database.clone(), self.policy());
        let keeping = tokio::task::spawn_blocking(move || {
            database.transaction(|connection| {
                // What is kept may be of an earlier policy and not count any more.
                let before = checkpoint(connection, PUBLISHED)?;
                let counts = |before: &CheckpointRow| {
                    let note = Note::parse(before.note.as_bytes());
                    note.is_ok_and(|note| policy.check(&note).is_ok())
                };
                if before
                    .as_ref()
                    .is_some_and(|before| before.size > row.size && counts(before))
                {
                    return Ok(());
                }
                let size = before.map(|before| from_column(before.size)).transpose()?;
                swap_checkpoint(connection, size, &row)
            })
        });
        keeping.await.map_err(|_| LogError::Stopped)??;
        publish_newer(&self.published, Arc::new(next));
        Ok(())
    }
}

/// Tells of a state of the log, unless a newer one is known.
fn show_newer(known: &watch::Sender<Arc<Head>>, head: Arc<Head>) {
    known.send_if_modified(|known| {
        let is_newer = known.checkpoint.size <= head.checkpoint.size;
        if is_newer {
            *known = head;
        }
        is_newer
    });
}

/// Shows a checkpoint to all, unless a newer one is shown.
fn publish_newer(published: &watch::Sender<Option<Arc<Head>>>, head: Arc<Head>) {
    published.send_if_modified(|shown| {
        let is_newer = shown
            .as_ref()
            .is_none_or(|shown| shown.checkpoint.size <= head.checkpoint.size);
        if is_newer {
            *shown = Some(head);
        }
        is_newer
    });
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({})", self.head().checkpoint.origin)
    }
}
