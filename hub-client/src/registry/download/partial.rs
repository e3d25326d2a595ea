//! The file a blob grows in.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use registry_schema::digest::{Digest, Hasher};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::super::RegistryError;
use crate::files::{self, FileError};

/// Bytes after which the disk is made to write them.
const SYNC_BYTES: u64 = 32 << 20;

/// The next bytes of a blob.
pub(in crate::registry) enum Given {
    /// They came over the network, or from a mirror.
    Bytes(Bytes),
    /// They are in the earlier blob.
    Copied { at: u64, size_bytes: u64 },
}

/// A blob on its way to the disk. Its file always holds a beginning of the blob, so any interruption can be
/// continued: what is there is hashed again and the rest appended.
pub(in crate::registry) struct Growing {
    path: PathBuf,
    start: u64,
    sender: mpsc::Sender<Given>,
    writer: JoinHandle<Result<Hasher, RegistryError>>,
}

impl Growing {
    /// Opens the file, which is written by a task of its own.
    pub(in crate::registry) async fn open(
        path: &Path,
        earlier: Option<PathBuf>,
        digest: Digest,
        size_bytes: u64,
    ) -> Result<Self, RegistryError> {
        let file = path.to_owned();
        let read = move || PartialFile::read(file, earlier, digest, size_bytes);
        let opened = tokio::task::spawn_blocking(read).await;
        let (start, partial) = opened.map_err(|error| ended(path, error))??;
        let (sender, receiver) = mpsc::channel(2);
        Ok(Self {
            path: path.to_owned(),
            start,
            sender,
            writer: tokio::task::spawn_blocking(move || partial.write_all(receiver)),
        })
    }

    /// How many bytes were there already.
    pub(in crate::registry) fn start(&self) -> u64 {
        self.start
    }

    /// Hands over what comes next; `false` when the file cannot be written, of which [`Self::finish`] says why.
    pub(in crate::registry) async fn give(&self, given: Given) -> bool {
        self.sender.send(given).await.is_ok()
    }

    /// Waits until all that was given is on the disk; the digest of the whole file.
    pub(in crate::registry) async fn finish(self) -> Result<Digest, RegistryError> {
        drop(self.sender);
        let written = self.writer.await;
        let hasher = written.map_err(|error| ended(&self.path, error))??;
        Ok(hasher.finish())
    }
}

/// A task on which the file was read or written did not come to its end.
fn ended(path: &Path, error: JoinError) -> RegistryError {
    RegistryError::File(FileError::new("cannot write", path, error.into()))
}

/// The file, and what is known of its content.
struct PartialFile {
    file: File,
    path: PathBuf,
    earlier: Option<(File, PathBuf)>,
    hasher: Hasher,
}

impl PartialFile {
    fn read(
        path: PathBuf,
        earlier: Option<PathBuf>,
        digest: Digest,
        size_bytes: u64,
    ) -> Result<(u64, Self), RegistryError> {
        let earlier = earlier.map(|path| match File::open(&path) {
            Ok(file) => Ok((file, path)),
            Err(source) => Err(FileError::new("cannot read", path, source)),
        });
        let earlier = earlier.transpose()?;
        let mut file = files::open_read_write(&path)?;
        let error = |source| FileError::new("cannot read", &path, source);
        let mut hasher = Hasher::new();
        let mut length = file.metadata().map_err(error)?.len();
        if length > size_bytes {
            file.set_len(0).map_err(error)?;
            length = 0;
        }
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer).map_err(error)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        // A complete file with other bytes would never become right: begin anew.
        if length == size_bytes && hasher.clone().finish() != digest {
            file.set_len(0)
                .and_then(|()| file.seek(SeekFrom::Start(0)))
                .map_err(error)?;
            (length, hasher) = (0, Hasher::new());
        }
        let partial = Self {
            file,
            path,
            earlier,
            hasher,
        };
        Ok((length, partial))
    }

    fn write_all(mut self, mut receiver: mpsc::Receiver<Given>) -> Result<Hasher, RegistryError> {
        let mut syncer = Syncer::default();
        while let Some(given) = receiver.blocking_recv() {
            let size_bytes = match given {
                Given::Bytes(bytes) => self.append(&bytes)?,
                Given::Copied { at, size_bytes } => self.copy(at, size_bytes)?,
            };
            let told = syncer.written(&self.file, size_bytes);
            told.map_err(|source| FileError::new("cannot write", &self.path, source))?;
        }
        let synced = syncer.end().and_then(|()| self.file.sync_data());
        synced.map_err(|source| FileError::new("cannot write", &self.path, source))?;
        Ok(self.hasher)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64, FileError> {
        self.hasher.update(bytes);
        let written = self.file.write_all(bytes);
        written.map_err(|source| FileError::new("cannot write", &self.path, source))?;
        Ok(bytes.len() as u64)
    }

    /// Appends bytes of the earlier blob.
    fn copy(&mut self, at: u64, size_bytes: u64) -> Result<u64, FileError> {
        let Some((earlier, path)) = &mut self.earlier else {
            let source = io::Error::other("there is no earlier blob to copy from");
            return Err(FileError::new("cannot read", &self.path, source));
        };
        // At most a segment.
        let mut bytes = vec![0; usize::try_from(size_bytes).unwrap_or(usize::MAX)];
        let read = earlier
            .seek(SeekFrom::Start(at))
            .and_then(|_| earlier.read_exact(&mut bytes));
        read.map_err(|source| FileError::new("cannot read", path.as_path(), source))?;
        self.append(&bytes)
    }
}

/// Brings what is written to the disk while more arrives, so that little is left to wait for at the end.
#[derive(Default)]
struct Syncer {
    unsynced_bytes: u64,
    running: Option<(SyncSender<()>, std::thread::JoinHandle<io::Result<()>>)>,
}

impl Syncer {
    /// Some bytes more were written to the file.
    fn written(&mut self, file: &File, size_bytes: u64) -> io::Result<()> {
        self.unsynced_bytes += size_bytes;
        if self.unsynced_bytes < SYNC_BYTES {
            return Ok(());
        }
        let (wake, _) = match &mut self.running {
            Some(running) => running,
            none => none.insert(Self::start(file.try_clone()?)),
        };
        // When it is still at it, it is told by one of the next writes.
        if wake.try_send(()).is_ok() {
            self.unsynced_bytes = 0;
        }
        Ok(())
    }

    fn start(file: File) -> (SyncSender<()>, std::thread::JoinHandle<io::Result<()>>) {
        let (wake, woken) = sync_channel(1);
        let sync = move || woken.iter().try_for_each(|()| file.sync_data());
        (wake, std::thread::spawn(sync))
    }

    /// Waits for it. The system tells of a failure only once, so it must not be lost here.
    fn end(self) -> io::Result<()> {
        let Some((wake, thread)) = self.running else {
            return Ok(());
        };
        drop(wake);
        let ended = thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the file was not synced")))
    }
}
