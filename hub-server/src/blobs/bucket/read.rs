//! Reading an object: a few pieces ahead, and on from where it broke off.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::sync::mpsc;

use super::Bucket;
use crate::blobs::PIECE_BYTES;

/// Pieces that wait for whoever reads.
const AHEAD: usize = 2;

/// How often an object is asked for again without a byte that came; each of these times the store
/// was asked several times.
const TRIES: u32 = 3;

/// How far a reader may go forward before another request is quicker than what lies between.
const NEAR_BYTES: u64 = if cfg!(test) { 16 } else { 1 << 20 };

/// An object of a bucket, which is asked for when it is read.
#[derive(Debug)]
pub(crate) struct Object {
    source: Source,
    size_bytes: u64,
    /// Where it is read next.
    at: u64,
    reading: Option<Reading>,
}

#[derive(Debug)]
enum Source {
    Bucket(Bucket, Path),
    #[cfg(test)]
    Bytes(Bytes),
}

#[derive(Debug)]
struct Reading {
    pieces: Pieces,
    /// What is left of the last piece.
    left: Bytes,
    /// Where that begins.
    at: u64,
}

impl Object {
    pub(super) fn new(bucket: Bucket, path: Path, size_bytes: u64) -> Self {
        Self {
            source: Source::Bucket(bucket, path),
            size_bytes,
            at: 0,
            reading: None,
        }
    }

    /// The bytes of a range that the object has, in order: all of them, or an error.
    pub(crate) fn pieces(&self, range: Range<u64>) -> Pieces {
        let (sender, receiver) = mpsc::channel(AHEAD);
        match &self.source {
            Source::Bucket(bucket, path) => {
                let (store, path) = (bucket.shared.store.clone(), path.clone());
                bucket.spawn(async move { pull(&store, &path, range, &sender).await });
            }
            #[cfg(test)]
            Source::Bytes(bytes) => tests::send(bytes, range, sender),
        }
        Pieces(receiver)
    }

    /// What is being read, if it leads to the place that is read next, or a new request.
    fn reading(&mut self) -> Reading {
        let is_near = |reading: &Reading| {
            let ahead = self.at.checked_sub(reading.at);
            ahead.is_some_and(|ahead| ahead <= NEAR_BYTES)
        };
        let open = self.reading.take().filter(is_near);
        open.unwrap_or_else(|| Reading {
            pieces: self.pieces(self.at..self.size_bytes),
            left: Bytes::new(),
            at: self.at,
        })
    }
}

impl Read for Object {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.at >= self.size_bytes {
            return Ok(0);
        }
        let mut reading = self.reading();
        loop {
            let ahead = usize::try_from(self.at - reading.at).unwrap_or(usize::MAX);
            let passed = reading.left.len().min(ahead);
            reading.left.advance(passed);
            reading.at += passed as u64;
            if !reading.left.is_empty() {
                break;
            }
            let next = reading.pieces.0.blocking_recv();
            reading.left = next.ok_or(io::ErrorKind::UnexpectedEof)??;
        }
        let read = reading.left.len().min(into.len());
        into[..read].copy_from_slice(&reading.left.split_to(read));
        reading.at += read as u64;
        self.at = reading.at;
        self.reading = Some(reading);
        Ok(read)
    }
}

impl Seek for Object {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size_bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Bytes of an object, as they come. It ends after the last of them, or with an error.
#[derive(Debug)]
pub(crate) struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// An object cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the object store: {0}")]
struct StoreFault(String);

/// Whether an error is, or comes from, an object that could not be read.
pub(crate) fn is_store_fault(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if wrapped.is_some_and(<dyn std::error::Error + Send + Sync>::is::<StoreFault>) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Sends the bytes of a range on, in pieces, and asks for the rest again when they break off.
async fn pull(
    store: &AmazonS3,
    path: &Path,
    range: Range<u64>,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) {
    let (mut at, mut tries) = (range.start, 0);
    while at < range.end {
        let before = at;
        let Err(stopped) = pull_once(store, path, &mut at, range.end, sender).await else {
            return;
        };
        tries = if at > before { 1 } else { tries + 1 };
        if tries >= TRIES {
            tracing::error!(object = %path, error = stopped, "an object cannot be read to its end");
            // Nobody listens when the reader has gone.
            let _ = sender
                .send(Err(io::Error::other(StoreFault(stopped))))
                .await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(200 << tries)).await;
    }
}

/// Moves `at` past what has been sent; `Ok` when all was, or nobody wants it any more.
async fn pull_once(
    store: &AmazonS3,
    path: &Path,
    at: &mut u64,
    end: u64,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), String> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(*at..end)),
        ..GetOptions::default()
    };
    let answer = store.get_opts(path, options).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let mut body = answer.into_stream();
    let mut piece = BytesMut::new();
    loop {
        let next = body.next().await;
        let is_over = !matches!(next, Some(Ok(_)));
        if let Some(Ok(chunk)) = &next {
            piece.extend_from_slice(chunk);
        }
        if piece.len() >= PIECE_BYTES || (is_over && !piece.is_empty()) {
            let wanted = usize::try_from(end - *at).unwrap_or(usize::MAX);
            piece.truncate(wanted);
            *at += piece.len() as u64;
            if sender.send(Ok(piece.split().freeze())).await.is_err() || *at == end {
                return Ok(());
            }
        }
        match next {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.to_string()),
            // An answer that ends early without an error is as good as broken.
            None => return Err(format!("it ended at byte {at} of {end}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        reason = "tests"
    )]
    use std::io::Cursor;

    use proptest::prelude::*;
    use registry_schema::digest::Digest;

    use super::*;
    use crate::blobs::BlobError;

    /// Sends a range in pieces of five bytes.
    pub(super) fn send(bytes: &Bytes, range: Range<u64>, sender: mpsc::Sender<io::Result<Bytes>>) {
        let part = bytes.slice(range.start as usize..range.end as usize);
        std::thread::spawn(move || {
            for piece in part.chunks(5) {
                if sender
                    .blocking_send(Ok(Bytes::copy_from_slice(piece)))
                    .is_err()
                {
                    break;
                }
            }
        });
    }

    fn object(bytes: &[u8]) -> Object {
        Object {
            source: Source::Bytes(Bytes::copy_from_slice(bytes)),
            size_bytes: bytes.len() as u64,
            at: 0,
            reading: None,
        }
    }

    proptest! {
        #[test]
        fn it_is_read_like_a_file(
            size in 0u8..100,
            steps in prop::collection::vec((0u8..3, -60i64..120, 0usize..30), 1..20),
        ) {
            let bytes: Vec<u8> = (0..size).collect();
            let (mut file, mut object) = (Cursor::new(bytes.clone()), object(&bytes));
            for (from, offset, length) in steps {
                let to = match from {
                    0 => SeekFrom::Start(offset.unsigned_abs()),
                    1 => SeekFrom::Current(offset),
                    _ => SeekFrom::End(offset),
                };
                prop_assert_eq!(file.seek(to).ok(), object.seek(to).ok());
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                Read::take(&mut file, length as u64).read_to_end(&mut expected).unwrap();
                Read::take(&mut object, length as u64).read_to_end(&mut found).unwrap();
                prop_assert_eq!(expected, found);
            }
        }
    }

    #[test]
    fn a_fault_is_known_through_what_wraps_it() {
        let fault = || io::Error::other(StoreFault("gone".to_owned()));
        assert!(is_store_fault(&fault()));
        let read = BlobError::read(&Digest::of(b"x"), fault());
        assert!(matches!(read, BlobError::Store { .. }));
        assert!(!is_store_fault(&io::Error::other("gone")));
    }
}
