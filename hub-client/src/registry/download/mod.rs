//! Blobs come in parallel ranges, or from an earlier blob that has the same bytes; they are put in
//! order, hashed and written beside the transfer, and continue where an earlier attempt ended.

mod partial;
mod pieces;
mod segment;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use registry_schema::api::{self, Delta};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::delta::EarlierBlob;
use super::{Progress, Registry, RegistryError};
use crate::causes::with_causes;
use crate::files;
pub(in crate::registry) use partial::{Given, Growing};
use pieces::{Piece, pieces};
pub(in crate::registry) use segment::cut;

/// Ranges asked for at once.
const PARALLEL: usize = 4;

/// A blob that is to be brought here.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Under which name the hub has it.
    pub name: &'a Name,
    /// The signed digest.
    pub digest: &'a Digest,
    /// The signed length.
    pub size_bytes: u64,
    /// A blob that is here and may have some of its bytes.
    pub earlier: Option<&'a EarlierBlob>,
}

/// Where the bytes of a blob came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes of it that the hub sent.
    pub fetched_bytes: u64,
    /// Bytes that were taken from the earlier blob.
    pub reused_bytes: u64,
    /// Why the earlier blob was of no use.
    pub not_reused: Option<String>,
}

/// From what a blob is put together.
#[derive(Clone, Copy)]
struct Plan<'a> {
    delta: &'a Delta,
    earlier: Option<&'a EarlierBlob>,
}

impl Registry {
    /// Brings a blob into the file at `partial`, which may hold the beginning from an earlier
    /// attempt. On success the file holds exactly the bytes of the digest, synced; on a digest that
    /// does not match the file is removed. Needs some 20 MiB, whatever the size of the blob.
    ///
    /// What the earlier blob has is taken from there, as far as the hub knows that; when it does not,
    /// or what comes of it is wrong, the whole is fetched.
    ///
    /// # Errors
    /// [`RegistryError`]; what has arrived stays in `partial` unless it is known to be wrong.
    pub async fn download(
        &self,
        wanted: &Wanted<'_>,
        partial: &Path,
        progress: &Progress,
    ) -> Result<Moved, RegistryError> {
        let mut moved = Moved::default();
        let is_continued = partial.metadata().is_ok_and(|data| data.len() > 0);
        let whole = Delta::whole(wanted.size_bytes);
        let delta = self.useful_delta(wanted, &mut moved).await;
        let plan = Plan {
            delta: delta.as_ref().unwrap_or(&whole),
            earlier: wanted.earlier.filter(|_| delta.is_some()),
        };
        let first = self
            .download_once(wanted, plan, partial, progress, &mut moved)
            .await;
        let Err(error) = first else { return Ok(moved) };
        let is_earlier = |path| plan.earlier.is_some_and(|earlier| earlier.path == path);
        match &error {
            RegistryError::Digest { .. } if is_continued || plan.earlier.is_some() => {}
            RegistryError::File(file) if is_earlier(file.path()) => {}
            _ => return Err(error),
        }
        // The beginning that was here, the earlier blob or what the hub says of it is wrong: only a
        // fresh copy tells.
        if plan.earlier.is_some() {
            moved.not_reused = Some(with_causes(&error));
            moved.reused_bytes = 0;
        }
        files::remove(partial)?;
        let fresh = Plan {
            delta: &whole,
            earlier: None,
        };
        self.download_once(wanted, fresh, partial, progress, &mut moved)
            .await?;
        Ok(moved)
    }

    /// What the earlier blob is good for, when it is.
    async fn useful_delta(&self, wanted: &Wanted<'_>, moved: &mut Moved) -> Option<Delta> {
        let earlier = wanted.earlier?;
        let (name, digest) = (wanted.name, wanted.digest);
        let reason = match self.delta(name, digest, wanted.size_bytes, earlier).await {
            Ok(delta) if delta.reused_bytes() > 0 => return Some(delta),
            Ok(_) => "it has nothing in common with the one that is installed".to_owned(),
            Err(error) => with_causes(&error),
        };
        moved.not_reused = Some(reason);
        None
    }

    async fn download_once(
        &self,
        wanted: &Wanted<'_>,
        plan: Plan<'_>,
        partial: &Path,
        progress: &Progress,
        moved: &mut Moved,
    ) -> Result<(), RegistryError> {
        let (digest, size_bytes) = (*wanted.digest, wanted.size_bytes);
        let earlier = plan.earlier.map(|earlier| earlier.path.clone());
        let growing = Growing::open(partial, earlier, digest, size_bytes).await?;
        progress.moved(growing.start())?;
        let path = api::blob_path(wanted.name, wanted.digest);
        let missing = pieces(&plan.delta.parts, growing.start());
        let received = self
            .receive(path.into(), missing, &growing, progress, moved)
            .await;
        // What arrived is on the disk in either case.
        let written = growing.finish().await;
        received?;
        let found = written?;
        if found != digest {
            files::remove(partial)?;
            return Err(RegistryError::Digest {
                expected: digest,
                found,
            });
        }
        Ok(())
    }

    /// Hands the pieces to the writer in order, while later ranges are on their way.
    async fn receive(
        &self,
        path: Arc<str>,
        mut missing: impl Iterator<Item = Piece>,
        growing: &Growing,
        progress: &Progress,
        moved: &mut Moved,
    ) -> Result<(), RegistryError> {
        enum Next {
            Copied { at: u64, size_bytes: u64 },
            Coming(mpsc::UnboundedReceiver<Result<Bytes, RegistryError>>),
        }
        // Dropping the set ends the requests that are under way.
        let mut requests = JoinSet::new();
        let mut queue = VecDeque::new();
        let mut coming = 0;
        loop {
            while coming < PARALLEL
                && let Some(piece) = missing.next()
            {
                queue.push_back(match piece {
                    Piece::Copied { at, size_bytes } => Next::Copied { at, size_bytes },
                    Piece::Fetched { first, last } => {
                        let (chunks, receiver) = mpsc::unbounded_channel();
                        let path = Arc::clone(&path);
                        requests.spawn(self.clone().segment(path, first, last, chunks));
                        coming += 1;
                        Next::Coming(receiver)
                    }
                });
            }
            // Where the file cannot be written, its end tells why.
            match queue.pop_front() {
                None => return Ok(()),
                Some(Next::Copied { at, size_bytes }) => {
                    let copied = Given::Copied { at, size_bytes };
                    if !growing.give(copied).await {
                        return Ok(());
                    }
                    moved.reused_bytes += size_bytes;
                    progress.moved(size_bytes)?;
                }
                Some(Next::Coming(mut segment)) => {
                    while let Some(chunk) = segment.recv().await {
                        let chunk = chunk?;
                        let size_bytes = chunk.len() as u64;
                        if !growing.give(Given::Bytes(chunk)).await {
                            return Ok(());
                        }
                        moved.fetched_bytes += size_bytes;
                        progress.moved(size_bytes)?;
                    }
                    coming -= 1;
                }
            }
        }
    }
}
