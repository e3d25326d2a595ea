//! An upload in a bucket: pieces, each an object that is written once, under a name that nobody else
//! chooses. Several replicas may write pieces; which of them make up the upload follows from their
//! names and sizes alone.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use bytes::Bytes;
use object_store::ObjectMeta;
use object_store::path::Path;
use registry_schema::digest::Digest;

use super::{Bucket, written_at};
use crate::blobs::{BlobError, Finished, HashProgress};

/// Bytes of a piece at most, which are kept in memory until they are in the bucket. Parts of a blob
/// that is put together have the same size: a store wants them to have 5 MiB or more.
pub(super) const PIECE_BYTES: usize = 8 << 20;

/// The object that says that an upload has begun.
const BEGUN: &str = "begun";

impl Bucket {
    /// Begins a new upload.
    pub(in crate::blobs) fn create_upload(&self, id: &str) -> Result<(), BlobError> {
        self.put(&self.upload_path(id, BEGUN), Bytes::new())
    }

    /// How many bytes of an upload are there, and when the last came; `None` when it is gone.
    pub(in crate::blobs) fn upload_state(
        &self,
        id: &str,
    ) -> Result<Option<(u64, SystemTime)>, BlobError> {
        let found = self.list_below(&self.path(&format!("uploads/{id}")))?;
        let newest = found.iter().map(written_at).max();
        let size_bytes = chain(&found).iter().map(|piece| piece.size_bytes).sum();
        Ok(newest.map(|newest| (size_bytes, newest)))
    }

    /// Opens an upload to go on where it ended; `None` when it is gone.
    pub(in crate::blobs) fn open_upload(
        &self,
        id: &str,
    ) -> Result<Option<BucketUpload>, BlobError> {
        let found = self.list_below(&self.path(&format!("uploads/{id}")))?;
        if found.is_empty() {
            return Ok(None);
        }
        let pieces = chain(&found);
        Ok(Some(BucketUpload {
            bucket: self.clone(),
            id: id.to_owned(),
            size_bytes: pieces.iter().map(|piece| piece.size_bytes).sum(),
            pieces,
            ahead: Vec::new(),
        }))
    }

    /// Removes an upload, if it is there.
    pub(in crate::blobs) fn remove_upload(&self, id: &str) -> Result<(), BlobError> {
        let found = self.list_below(&self.path(&format!("uploads/{id}")))?;
        // What says that it is there goes last, so that what is left will be found.
        let (begun, pieces): (Vec<_>, Vec<_>) = found
            .iter()
            .partition(|meta| meta.location.filename() == Some(BEGUN));
        pieces
            .iter()
            .chain(&begun)
            .try_for_each(|meta| self.delete(&meta.location))
    }

    /// The names of all uploads of which something is there.
    pub(in crate::blobs) fn upload_ids(&self) -> Result<Vec<String>, BlobError> {
        let folder = self.path("uploads");
        let found = self.list_below(&folder)?;
        let id = |meta: &ObjectMeta| {
            let mut below = meta.location.prefix_match(&folder)?;
            Some(below.next()?.as_ref().to_owned())
        };
        let ids: BTreeSet<String> = found.iter().filter_map(id).collect();
        Ok(ids.into_iter().collect())
    }

    fn upload_path(&self, id: &str, name: &str) -> Path {
        self.path(&format!("uploads/{id}/{name}"))
    }
}

/// A piece that is in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) path: Path,
    offset: u64,
    pub(super) size_bytes: u64,
}

/// The pieces that make up most of an upload, from its first byte on without a gap. More pieces
/// never make it shorter, and everybody who sees the same ones chooses the same.
fn chain(found: &[ObjectMeta]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = found.iter().filter_map(piece_of).collect();
    pieces.sort_by(|a, b| (b.offset, &b.path).cmp(&(a.offset, &a.path)));
    // From the last offset to the first: how far one gets from there, and by which piece.
    let mut best: HashMap<u64, (u64, &Piece)> = HashMap::new();
    for piece in &pieces {
        let after = piece.offset + piece.size_bytes;
        let end = best.get(&after).map_or(after, |(end, _)| *end);
        let known = best.get(&piece.offset).map_or(0, |(end, _)| *end);
        if end > known {
            best.insert(piece.offset, (end, piece));
        }
    }
    let mut chosen = Vec::new();
    let mut at = 0;
    while let Some((_, piece)) = best.get(&at) {
        at = piece.offset + piece.size_bytes;
        chosen.push((*piece).clone());
    }
    chosen
}

/// A piece is named `<offset>-<random>`.
fn piece_of(meta: &ObjectMeta) -> Option<Piece> {
    let (offset, _) = meta.location.filename()?.split_once('-')?;
    let offset = offset.parse().ok()?;
    (meta.size > 0).then(|| Piece {
        path: meta.location.clone(),
        offset,
        size_bytes: meta.size,
    })
}

/// An upload that goes on.
#[derive(Debug)]
pub(crate) struct BucketUpload {
    bucket: Bucket,
    id: String,
    pieces: Vec<Piece>,
    /// What the pieces come to.
    size_bytes: u64,
    /// What follows them and is not in the bucket yet.
    ahead: Vec<u8>,
}

impl BucketUpload {
    pub(in crate::blobs) fn size_bytes(&self) -> u64 {
        self.size_bytes + self.ahead.len() as u64
    }

    pub(in crate::blobs) fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(in crate::blobs) fn append(
        &mut self,
        progress: &mut HashProgress,
        mut bytes: &[u8],
    ) -> Result<(), BlobError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.ahead.len()));
            self.ahead.extend_from_slice(now);
            bytes = later;
            if self.ahead.len() == PIECE_BYTES {
                self.flush(progress)?;
            }
        }
        Ok(())
    }

    /// Writes what is ahead as a piece. What does not get into the bucket is forgotten: its sender
    /// will ask how much arrived.
    pub(in crate::blobs) fn flush(&mut self, progress: &mut HashProgress) -> Result<(), BlobError> {
        if self.ahead.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::take(&mut self.ahead));
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| BlobError::Settings {
            reason: format!("no random numbers: {error}"),
        })?;
        let random = u128::from_le_bytes(random);
        let name = format!("{:015}-{random:032x}", self.size_bytes);
        let path = self.bucket.upload_path(&self.id, &name);
        if self.size_bytes == 0 {
            progress.first = Some((name, Digest::of(&bytes)));
        }
        let size_bytes = bytes.len() as u64;
        self.bucket.put(&path, bytes)?;
        self.pieces.push(Piece {
            path,
            offset: self.size_bytes,
            size_bytes,
        });
        self.size_bytes += size_bytes;
        Ok(())
    }

    /// The digest of all that is in the bucket.
    pub(in crate::blobs) fn digest(&self, progress: &HashProgress) -> Result<Digest, BlobError> {
        self.bucket.digest_of(&self.pieces, progress)
    }

    /// Makes the upload a blob if its bytes have this digest: what becomes the blob is what was
    /// hashed, since a piece is written once.
    pub(in crate::blobs) fn finish(
        &mut self,
        progress: &HashProgress,
        digest: &Digest,
    ) -> Result<Finished, BlobError> {
        let to = self.bucket.blob_path(digest);
        let size_bytes = self.size_bytes;
        let finished = match self.pieces.as_slice() {
            [] if Digest::of(&[]) == *digest => {
                self.bucket.put(&to, Bytes::new())?;
                Finished::Kept(*digest)
            }
            [] => Finished::Other(Digest::of(&[])),
            [only] => self.bucket.copy_piece(only, progress, (digest, &to))?,
            pieces => self.bucket.join_pieces(pieces, (digest, size_bytes), &to)?,
        };
        if matches!(finished, Finished::Kept(_)) {
            self.bucket.check_size(digest, size_bytes)?;
        }
        Ok(finished)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(offset: u64, random: u64, size: u64) -> ObjectMeta {
        ObjectMeta {
            location: Path::from(format!("uploads/u1/{offset:015}-{random:032x}")),
            last_modified: SystemTime::UNIX_EPOCH.into(),
            size,
            e_tag: None,
            version: None,
        }
    }

    fn size(found: &[ObjectMeta]) -> u64 {
        chain(found).iter().map(|piece| piece.size_bytes).sum()
    }

    #[test]
    fn an_upload_is_its_longest_run_of_pieces() {
        let begun = ObjectMeta {
            location: Path::from("uploads/u1/begun"),
            ..object(0, 0, 0)
        };
        assert_eq!(size(std::slice::from_ref(&begun)), 0);
        // A replica wrote 5 and then 3 bytes; another one, to which the client had spoken before, comes late
        // with 6 bytes.
        let late = object(0, 1, 6);
        let found = [begun, object(5, 2, 3), object(0, 3, 5), late];
        assert_eq!(size(&found), 8);
        // Without the second piece the longer one counts; behind a gap nothing does.
        assert_eq!(size(&[object(0, 3, 5), object(0, 1, 6)]), 6);
        assert_eq!(size(&[object(0, 3, 5), object(6, 2, 3)]), 5);
        assert_eq!(size(&[object(6, 2, 3)]), 0);
    }

    proptest! {
        #[test]
        fn more_pieces_never_make_it_shorter(
            pieces in prop::collection::vec((0u64..12, 0u64..4, 1u64..5), 0..12),
            keep in 0usize..12,
        ) {
            let found: Vec<_> = pieces
                .iter()
                // A name is written once, so it has one size.
                .map(|(at, by, size)| object(*at, by * 8 + size, *size))
                .collect();
            let fewer = &found[..keep.min(found.len())];
            prop_assert!(size(fewer) <= size(&found));
            let mut at = 0;
            for piece in chain(&found) {
                prop_assert_eq!(piece.offset, at);
                at += piece.size_bytes;
            }
            let mut turned = found.clone();
            turned.reverse();
            prop_assert_eq!(chain(&found), chain(&turned));
        }
    }
}
