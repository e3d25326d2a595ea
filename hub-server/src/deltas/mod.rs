//! What a blob has in common with an earlier one, so that who has that fetches the rest alone.
//!
//! Blobs are cut where their content says, and the lists of chunks are kept in `chunks/` beside the
//! database. They follow from the blobs and are trusted for nothing: the folder may be removed at
//! any time, and a wrong list costs a client one more download. One blob is cut at a time.

mod chunks;
mod compare;

use std::fs;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use registry_schema::api::Delta;
use registry_schema::digest::Digest;
use registry_schema::limits;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::task::JoinHandle;

use crate::blobs::{BlobError, Blobs, Existing, create_private_folder, write_file};
use crate::cause::chain;
use crate::config::DataFolder;
use chunks::Chunk;

/// How long a request waits for lists that are being made: a gigabyte takes some seconds, and whoever
/// asks can always fetch the whole.
const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes of a blob that are read at a time.
const READ_BYTES: usize = 1 << 20;

/// Blobs that wait for their turn to be cut.
const WAITING: usize = 256;

/// Pairs of lists that are compared at once: those of 1 GiB take 7 MB, those of the largest blobs 110 MB.
const COMPARED: usize = 1;

/// The lists of chunks, and whose turn it is to make one.
#[derive(Clone, Debug)]
pub(crate) struct Deltas {
    folder: PathBuf,
    blobs: Blobs,
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    comparing: Arc<Semaphore>,
}

impl Deltas {
    /// Of these blobs, with lists in a data folder.
    pub(crate) fn new(data: &DataFolder, blobs: Blobs) -> Self {
        Self {
            folder: data.chunks().join(chunks::RULE),
            blobs,
            turn: Arc::new(Semaphore::new(1)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            comparing: Arc::new(Semaphore::new(COMPARED)),
        }
    }

    /// Makes the lists of blobs in the background, so that who asks first need not wait. One that is not
    /// made is made when it is asked for.
    pub(crate) fn prepare(&self, blobs: impl IntoIterator<Item = (Digest, u64)>) {
        for (digest, size_bytes) in blobs {
            if size_bytes < limits::DELTA_BYTES {
                continue;
            }
            let Ok(making) = self.begin(digest) else {
                return;
            };
            tokio::spawn(async move {
                if let Ok(Err(error)) = making.await {
                    tracing::warn!(%digest, error = chain(&error), "cannot cut a blob into chunks");
                }
            });
        }
    }

    /// How a blob is put together from an earlier one.
    ///
    /// # Errors
    /// [`DeltasError`]; the blob can then be fetched whole.
    pub(crate) async fn between(
        &self,
        blob: Digest,
        earlier: Digest,
    ) -> Result<Delta, DeltasError> {
        self.between_within(PATIENCE, blob, earlier).await
    }

    async fn between_within(
        &self,
        patience: Duration,
        blob: Digest,
        earlier: Digest,
    ) -> Result<Delta, DeltasError> {
        let made = async {
            // Each of the two lists may have to be made.
            for _ in 0..3 {
                match self.compare(blob, earlier).await? {
                    Compared::Delta(delta) => return Ok(delta),
                    Compared::NoList(digest) => {
                        let making = self.begin(digest)?;
                        making.await.map_err(|_| DeltasError::Stopped)??;
                    }
                }
            }
            Err(DeltasError::Stopped)
        };
        let in_time = tokio::time::timeout(patience, made).await;
        in_time.map_err(|_| DeltasError::Busy)?
    }

    async fn compare(&self, blob: Digest, earlier: Digest) -> Result<Compared, DeltasError> {
        // The semaphores are never closed.
        let turn = Arc::clone(&self.comparing).acquire_owned().await.ok();
        let all = self.clone();
        let compared = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let Some(chunks) = all.kept(&blob)? else {
                return Ok(Compared::NoList(blob));
            };
            let Some(before) = all.kept(&earlier)? else {
                return Ok(Compared::NoList(earlier));
            };
            Ok(Compared::Delta(compare::delta(&chunks, &before)))
        });
        compared.await.map_err(|_| DeltasError::Stopped)?
    }

    /// Has the list of a blob made when its turn comes, also when nobody waits for it any more.
    fn begin(&self, digest: Digest) -> Result<JoinHandle<Result<(), DeltasError>>, DeltasError> {
        let waiting = match Arc::clone(&self.waiting).try_acquire_owned() {
            Err(TryAcquireError::NoPermits) => return Err(DeltasError::Busy),
            other => other.ok(),
        };
        let all = self.clone();
        Ok(tokio::spawn(async move {
            let _waiting = waiting;
            // The turn goes with the work, which goes on when this task is dropped.
            let turn = Arc::clone(&all.turn).acquire_owned().await.ok();
            let made = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                // Another one that waited may have made it.
                match all.kept(&digest) {
                    Ok(Some(_)) => Ok(()),
                    _ => all.make(&digest),
                }
            });
            made.await.map_err(|_| DeltasError::Stopped)?
        }))
    }

    fn make(&self, digest: &Digest) -> Result<(), DeltasError> {
        let Some((blob, _)) = self.blobs.open(digest)? else {
            return Err(DeltasError::NoBlob { digest: *digest });
        };
        let path = self.path(digest);
        let cut = chunks::cut(BufReader::with_capacity(READ_BYTES, blob));
        let cut = cut.map_err(|source| BlobError::read(digest, source))?;
        let bytes = chunks::to_bytes(&cut);
        self.blobs.check_room(bytes.len() as u64)?;
        if let Some(folder) = path.parent() {
            create_private_folder(folder)?;
        }
        Ok(write_file(&path, &bytes, Existing::IsReplaced)?)
    }

    /// The list of a blob, if it is there and whole.
    fn kept(&self, digest: &Digest) -> Result<Option<Vec<Chunk>>, DeltasError> {
        let Some(size_bytes) = self.blobs.size_bytes(digest)? else {
            return Err(DeltasError::NoBlob { digest: *digest });
        };
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|source| BlobError::new("read", &path, source))?,
        };
        let list = chunks::from_bytes(&bytes, size_bytes);
        if list.is_none() {
            // It is made anew.
            tracing::warn!(%digest, "a list of chunks was harmed");
        }
        Ok(list)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.folder.join(&hex[..2]).join(hex)
    }
}

/// What came of a comparison.
enum Compared {
    Delta(Delta),
    /// A list must be made before.
    NoList(Digest),
}

/// Why it is not told what two blobs have in common.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeltasError {
    /// A blob that is not there.
    #[error("there is no blob {digest}")]
    NoBlob {
        /// Which.
        digest: Digest,
    },
    /// Many others wait, or a blob is large.
    #[error("the blobs are still being compared: fetch the whole, or ask again later")]
    Busy,
    /// The server stops, or lists are lost as they are made.
    #[error("the blobs were not compared: fetch the whole, or ask again")]
    Stopped,
    /// The file system.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

#[cfg(test)]
mod tests;
