//! Blobs come in parallel ranges, are put in order, hashed and written beside the transfer, and
//! continue where an earlier attempt ended.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use registry_schema::api;
use registry_schema::digest::{Digest, Hasher};
use registry_schema::name::Name;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Progress, Registry, RegistryError};
use crate::files::{self, FileError};

/// Bytes of one range request: large enough that its round trip does not show, small enough that
/// the ranges in flight stay in memory.
const SEGMENT_BYTES: u64 = 4 << 20;

/// Ranges asked for at once.
const PARALLEL: usize = 4;

/// Attempts at one range before the download gives up; what has arrived stays.
const ATTEMPTS: u32 = 5;

impl Registry {
    /// Brings a blob into the file at `partial`, which may hold the beginning from an earlier
    /// attempt. On success the file holds exactly the bytes of `digest`, synced; on a digest that
    /// does not match the file is removed. Needs some 20 MiB, whatever the size of the blob.
    ///
    /// # Errors
    /// [`RegistryError`]; what has arrived stays in `partial` unless it is known to be wrong.
    pub async fn download(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
        partial: &Path,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let is_continued = partial.metadata().is_ok_and(|data| data.len() > 0);
        match self
            .download_once(name, digest, size_bytes, partial, progress)
            .await
        {
            // The beginning that was here may be what is wrong: only a fresh copy tells.
            Err(RegistryError::Digest { .. }) if is_continued => {
                self.download_once(name, digest, size_bytes, partial, progress)
                    .await
            }
            other => other,
        }
    }

    async fn download_once(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
        partial: &Path,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let (sender, receiver) = mpsc::channel::<Bytes>(2);
        let (start, writer) = PartialFile::open(partial, *digest, size_bytes, receiver).await?;
        progress.moved(start)?;
        let received = self
            .receive(name, digest, start..size_bytes, sender, progress)
            .await;
        // The writer ends when the sender is dropped: what arrived is on disk in either case.
        let written = writer.await.map_err(|error| {
            RegistryError::File(FileError::new("cannot write", partial, error.into()))
        })?;
        let hasher = match (received, written) {
            (Ok(()), written) => written?,
            (Err(error), _) => return Err(error),
        };
        let found = hasher.finish();
        if found != *digest {
            files::remove(partial)?;
            return Err(RegistryError::Digest {
                expected: *digest,
                found,
            });
        }
        Ok(())
    }

    /// Hands the bytes of `range` to the writer in order, while later ranges are on their way.
    async fn receive(
        &self,
        name: &Name,
        digest: &Digest,
        range: std::ops::Range<u64>,
        sender: mpsc::Sender<Bytes>,
        progress: &Progress,
    ) -> Result<(), RegistryError> {
        let path: Arc<str> = api::blob_path(name, digest).into();
        let mut waiting = segments(range);
        // Dropping the set ends the requests that are under way.
        let mut requests = JoinSet::new();
        let mut running = VecDeque::new();
        loop {
            while running.len() < PARALLEL
                && let Some((first, last)) = waiting.next()
            {
                let (chunks, receiver) = mpsc::unbounded_channel();
                requests.spawn(self.clone().segment(Arc::clone(&path), first, last, chunks));
                running.push_back(receiver);
            }
            let Some(mut segment) = running.pop_front() else {
                return Ok(());
            };
            while let Some(chunk) = segment.recv().await {
                let chunk = chunk?;
                let moved = chunk.len() as u64;
                // A closed channel means the writer failed; it tells why.
                if sender.send(chunk).await.is_err() {
                    return Ok(());
                }
                progress.moved(moved)?;
            }
        }
    }

    /// One range, chunk by chunk; after a broken connection the rest of it is asked for again. At
    /// most [`SEGMENT_BYTES`] wait in the channel.
    async fn segment(
        self,
        path: Arc<str>,
        first: u64,
        last: u64,
        chunks: mpsc::UnboundedSender<Result<Bytes, RegistryError>>,
    ) {
        let mut next = first;
        let mut attempt = 0;
        while next <= last {
            let before = next;
            let Err(error) = self.segment_once(&path, &mut next, last, &chunks).await else {
                return;
            };
            attempt = if next > before { 1 } else { attempt + 1 };
            if !error.is_passing() || attempt >= ATTEMPTS {
                // Nobody listens when the download has ended otherwise.
                let _ = chunks.send(Err(error));
                return;
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        }
    }

    /// Sends the bytes `next..=last` on, and moves `next` past what has been sent.
    async fn segment_once(
        &self,
        path: &str,
        next: &mut u64,
        last: u64,
        chunks: &mpsc::UnboundedSender<Result<Bytes, RegistryError>>,
    ) -> Result<(), RegistryError> {
        let answer = self.transport.get_range(path, *next, last).await?;
        // A mirror without ranges sends the whole: pass over what was not asked for.
        let mut skip = match answer.status() {
            206 => 0,
            200 => *next,
            status => {
                return Err(RegistryError::Status {
                    status,
                    what: path.to_owned(),
                });
            }
        };
        let mut body = std::pin::pin!(answer.stream());
        while *next <= last {
            let Some(chunk) = body.next().await else {
                let source = format!("the answer ended before byte {last}, at byte {next}").into();
                return Err(RegistryError::Connection {
                    url: self.url().to_owned(),
                    source,
                });
            };
            let chunk = cut(chunk?, &mut skip, last - *next + 1);
            if chunk.is_empty() {
                continue;
            }
            *next += chunk.len() as u64;
            if chunks.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The part of a chunk after `skip` bytes, at most `wanted` long.
fn cut(mut chunk: Bytes, skip: &mut u64, wanted: u64) -> Bytes {
    let length = chunk.len() as u64;
    let skipped = length.min(*skip);
    *skip -= skipped;
    let end = skipped + wanted.min(length - skipped);
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    chunk.truncate(index(end));
    chunk.split_off(index(skipped))
}

/// Closed ranges that cover `range`.
fn segments(range: std::ops::Range<u64>) -> impl Iterator<Item = (u64, u64)> {
    let end = range.end;
    let mut next = range.start;
    std::iter::from_fn(move || {
        let first = next;
        next = first.saturating_add(SEGMENT_BYTES).min(end);
        (first < end).then(|| (first, next - 1))
    })
}

/// The file a blob grows in. It always holds a beginning of the blob, so any interruption can be
/// continued: what is there is hashed again and the rest appended.
struct PartialFile {
    file: File,
    path: PathBuf,
    hasher: Hasher,
}

impl PartialFile {
    /// How many bytes are there already, and the task that writes what comes.
    async fn open(
        path: &Path,
        digest: Digest,
        size_bytes: u64,
        receiver: mpsc::Receiver<Bytes>,
    ) -> Result<(u64, tokio::task::JoinHandle<Result<Hasher, RegistryError>>), RegistryError> {
        let path = path.to_owned();
        let opened =
            tokio::task::spawn_blocking(move || Self::read(path, digest, size_bytes)).await;
        let (start, partial) = opened.map_err(|error| {
            RegistryError::File(FileError::new(
                "cannot read",
                "the partial download",
                error.into(),
            ))
        })??;
        Ok((
            start,
            tokio::task::spawn_blocking(move || partial.write_all(receiver)),
        ))
    }

    fn read(path: PathBuf, digest: Digest, size_bytes: u64) -> Result<(u64, Self), RegistryError> {
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
        Ok((length, Self { file, path, hasher }))
    }

    fn write_all(mut self, mut receiver: mpsc::Receiver<Bytes>) -> Result<Hasher, RegistryError> {
        let error = |source| FileError::new("cannot write", &self.path, source);
        while let Some(chunk) = receiver.blocking_recv() {
            self.hasher.update(&chunk);
            self.file.write_all(&chunk).map_err(error)?;
        }
        self.file.sync_data().map_err(error)?;
        Ok(self.hasher)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn segments_cover_everything_once() {
        for (start, end) in [
            (0, 0),
            (0, 1),
            (5, SEGMENT_BYTES),
            (0, SEGMENT_BYTES),
            (7, 3 * SEGMENT_BYTES + 1),
        ] {
            let mut next = start;
            for (first, last) in segments(start..end) {
                assert_eq!(first, next);
                assert!(last >= first && last - first < SEGMENT_BYTES);
                next = last + 1;
            }
            assert_eq!(next, end);
        }
    }

    #[test]
    fn a_whole_answer_is_cut_to_the_range() {
        let (mut skip, mut wanted) = (2, 5);
        let mut kept = Vec::new();
        for chunk in ["abc", "defg", "hij"] {
            let part = cut(Bytes::from_static(chunk.as_bytes()), &mut skip, wanted);
            wanted -= part.len() as u64;
            kept.extend_from_slice(&part);
        }
        assert_eq!(kept, b"cdefg");
    }
}
