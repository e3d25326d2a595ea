//! Making a blob: copied from a single piece, or written from whatever is read, part by part; under its name only what
//! has its digest.

use std::io::{self, Read};

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use registry_schema::digest::{Digest, Hasher};

use super::upload::{PIECE_BYTES, Piece};
use super::{Answer, Bucket, Object};
use crate::blobs::{BlobError, Finished, HashProgress, hash};
use crate::cause::chain;

impl Bucket {
    /// Writes a blob of which everything is at hand, unless its bytes have another digest.
    pub(in crate::blobs) fn write(
        &self,
        source: &mut impl Read,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<Finished, BlobError> {
        let to = self.blob_path(digest);
        let found = if size_bytes <= PIECE_BYTES as u64 {
            let mut bytes = Vec::new();
            source
                .by_ref()
                .take(size_bytes + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| self.broken("read what becomes", &to, error))?;
            let found = Digest::of(&bytes);
            if found == *digest {
                self.put(&to, bytes.into())?;
            }
            found
        } else {
            self.write_large(source, &to, (digest, size_bytes))?
        };
        if found != *digest {
            return Ok(Finished::Other(found));
        }
        self.check_size(digest, size_bytes)?;
        Ok(Finished::Kept(found))
    }

    /// The last word on what was written is the store's.
    pub(super) fn check_size(&self, digest: &Digest, size_bytes: u64) -> Result<(), BlobError> {
        let found = self.stat_of(digest, size_bytes)?;
        let found = found.map(|blob| blob.size_bytes);
        if found == Some(size_bytes) {
            return Ok(());
        }
        let found = found.map_or("is not there".to_owned(), |found| {
            format!("has {found} bytes")
        });
        let reason = format!("it {found}, not {size_bytes}");
        Err(self.broken("write", &self.blob_path(digest), reason))
    }

    pub(super) fn copy_piece(
        &self,
        piece: &Piece,
        progress: &HashProgress,
        (digest, to): (&Digest, &Path),
    ) -> Result<Finished, BlobError> {
        let found = self.digest_of(std::slice::from_ref(piece), progress)?;
        if found != *digest {
            return Ok(Finished::Other(found));
        }
        let is_there = || self.is_whole(digest, piece.size_bytes);
        self.ask_unless(&piece.path, is_there, |store, from| {
            let to = to.clone();
            async move { store.copy(&from, &to).await }
        })
        .map_err(|error| self.error("write", to, error))?;
        Ok(Finished::Kept(found))
    }

    /// Whether a blob is there with all its bytes. A store that refuses to write it may have it: another server has
    /// written the same a moment ago, or the answer to an earlier request was lost.
    fn is_whole(&self, digest: &Digest, size_bytes: u64) -> bool {
        let path = self.blob_path(digest);
        let (store, at) = (self.shared.store.clone(), path.clone());
        let found = self.start(async move { store.head(&at).await }).wait();
        if !found.is_ok_and(|meta| meta.size == size_bytes) {
            return false;
        }
        let object = Object::new(self.clone(), path, size_bytes);
        hash(object, Hasher::new()).is_ok_and(|found| found == *digest)
    }

    /// Sends the pieces through this machine, hashed as they pass, and makes them a blob in the end
    /// if the digest is right.
    pub(super) fn join_pieces(
        &self,
        pieces: &[Piece],
        (digest, size_bytes): (&Digest, u64),
        to: &Path,
    ) -> Result<Finished, BlobError> {
        let mut source = self.joined(pieces);
        let found = self.write_large(&mut source, to, (digest, size_bytes))?;
        Ok(if found == *digest {
            Finished::Kept(found)
        } else {
            Finished::Other(found)
        })
    }

    /// Writes an object of any size, part by part, unless what was read has not the digest that it
    /// should have; the digest that it has.
    fn write_large(
        &self,
        source: &mut impl Read,
        to: &Path,
        (digest, size_bytes): (&Digest, u64),
    ) -> Result<Digest, BlobError> {
        let error = |refusal| self.error("write", to, refusal);
        let begun = self.ask(
            to,
            |store, path| async move { store.put_multipart(&path).await },
        );
        let mut parts = begun.map_err(error)?;
        let sent = self.send_parts(source, parts.as_mut(), to);
        if sent.as_ref().is_ok_and(|found| found == digest) {
            let completed = self.start(async move { parts.complete().await }).wait();
            if let Err(refusal) = completed
                && !self.is_whole(digest, size_bytes)
            {
                return Err(error(refusal));
            }
        } else if let Err(error) = self.start(async move { parts.abort().await }).wait() {
            // The store's own rules remove such parts in time.
            let error = self.error("give up", to, error);
            tracing::warn!(error = chain(&error), "parts are left in the bucket");
        }
        sent
    }

    /// Sends one part while the next one is read; the digest of all.
    fn send_parts(
        &self,
        source: &mut impl Read,
        parts: &mut dyn MultipartUpload,
        to: &Path,
    ) -> Result<Digest, BlobError> {
        let mut hasher = Hasher::new();
        let mut sending: Option<Answer<()>> = None;
        loop {
            let mut part = Vec::new();
            source
                .by_ref()
                .take(PIECE_BYTES as u64)
                .read_to_end(&mut part)
                .map_err(|error| self.broken("read what becomes", to, error))?;
            hasher.update(&part);
            let is_last = part.len() < PIECE_BYTES;
            let next = (!part.is_empty()).then(|| self.start(parts.put_part(part.into())));
            if let Some(before) = std::mem::replace(&mut sending, next) {
                before
                    .wait()
                    .map_err(|error| self.error("write", to, error))?;
            }
            if is_last {
                break;
            }
        }
        if let Some(last) = sending {
            last.wait()
                .map_err(|error| self.error("write", to, error))?;
        }
        Ok(hasher.finish())
    }

    /// The digest of pieces, one after the other; of a single one it may be known.
    pub(super) fn digest_of(
        &self,
        pieces: &[Piece],
        progress: &HashProgress,
    ) -> Result<Digest, BlobError> {
        if let ([piece], Some((name, digest))) = (pieces, &progress.first)
            && piece.path.filename() == Some(name.as_str())
        {
            return Ok(*digest);
        }
        let read = hash(self.joined(pieces), Hasher::new());
        read.map_err(|error| self.broken("read", &self.path("uploads"), error))
    }

    fn joined<'a>(&'a self, pieces: &'a [Piece]) -> Joined<'a> {
        Joined {
            bucket: self,
            pieces: pieces.iter(),
            current: None,
        }
    }

    fn piece(&self, piece: &Piece) -> Object {
        Object::new(self.clone(), piece.path.clone(), piece.size_bytes)
    }
}

/// The bytes of pieces, one after the other.
struct Joined<'a> {
    bucket: &'a Bucket,
    pieces: std::slice::Iter<'a, Piece>,
    current: Option<Object>,
}

impl Read for Joined<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(current) = &mut self.current {
                let read = current.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
            }
            let Some(next) = self.pieces.next() else {
                return Ok(0);
            };
            self.current = Some(self.bucket.piece(next));
        }
    }
}
