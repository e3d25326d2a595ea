//! The last checkpoint seen of each log, on the disk: what a log has shown once it is held to.

use std::path::PathBuf;

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::checkpoint::{Checkpoint, Origin};
use registry_schema::log::note::Note;

use super::LogViewError;
use crate::files::{self, FileLock};

/// The folder of what was seen, and of what is held against a log.
#[derive(Clone, Debug)]
pub(super) struct SeenFolder(PathBuf);

/// A checkpoint that was believed when it was seen.
#[derive(Clone, Debug)]
pub(super) struct SeenCheckpoint {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: Note,
}

impl SeenFolder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Waits until no other process compares and writes.
    pub(super) async fn lock(&self) -> Result<FileLock, LogViewError> {
        let path = self.0.join("lock");
        let lock = tokio::task::spawn_blocking(move || FileLock::acquire(&path));
        Ok(lock.await.map_err(|_| LogViewError::Stopped)??)
    }

    /// The last checkpoint of a log; `None` before the first contact.
    pub(super) fn read(&self, origin: &Origin) -> Result<Option<SeenCheckpoint>, LogViewError> {
        let path = self.path(origin);
        let bytes = match files::read_limited(&path, limits::NOTE_BYTES as u64) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let seen = Note::parse(&bytes).ok().and_then(|note| {
            let checkpoint = Checkpoint::of_note(&note).ok()?;
            (checkpoint.origin == *origin).then_some(SeenCheckpoint { checkpoint, note })
        });
        seen.map(Some).ok_or(LogViewError::Seen { path })
    }

    /// Writes it; on the disk when this returns. To be called with the lock held.
    pub(super) fn write(&self, origin: &Origin, note: &Note) -> Result<(), LogViewError> {
        Ok(files::write_atomic(
            self.path(origin),
            note.to_string().as_bytes(),
        )?)
    }

    /// Forgets a log.
    pub(super) fn forget(&self, origin: &Origin) -> Result<(), LogViewError> {
        Ok(files::remove(&self.path(origin))?)
    }

    /// Where evidence against a log is kept.
    pub(super) fn evidence(&self, origin: &Origin) -> PathBuf {
        self.0.join("evidence").join(name(origin))
    }

    /// Where evidence is put that somebody has looked at.
    pub(super) fn settled(&self) -> PathBuf {
        self.0.join("settled")
    }

    fn path(&self, origin: &Origin) -> PathBuf {
        self.0.join(format!("{}.checkpoint", name(origin)))
    }
}

/// A log's name in file names: its origin holds slashes.
fn name(origin: &Origin) -> String {
    Digest::of(origin.as_str().as_bytes()).to_hex()
}
