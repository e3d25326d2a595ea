//! Blobs: named by their digest, written once, never changed; in the data folder, or in a bucket of
//! an object store.
//!
//! What is being uploaded is kept apart, and becomes a blob when its digest has been checked. All
//! functions may wait for disk or network: call them on a thread that may, too.

mod bucket;
mod disk;
mod error;
mod files;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use registry_schema::digest::{Digest, Hasher};
use registry_schema::limits;

use self::bucket::{Bucket, BucketUpload, Object};
use self::files::{Files, UploadFile};
use crate::bucket_address::BucketAddress;
use crate::config::DataFolder;

pub(crate) use self::bucket::is_store_fault;
pub(crate) use self::disk::{
    Existing, create_private_folder, is_there, sync_folder, try_lock, write_file,
};
pub(crate) use self::error::BlobError;

/// Bytes read or written at a time.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

/// The store of blobs.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    place: Place,
    /// A folder on the disk that is watched for room.
    disk: PathBuf,
}

#[derive(Clone, Debug)]
enum Place {
    Files(Files),
    Bucket(Bucket),
}

/// A blob in the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredBlob {
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    /// By the store's clock.
    pub(crate) written_at: SystemTime,
}

impl Blobs {
    /// The store in a data folder; `reserve_bytes` of the disk are left free for everything else.
    pub(crate) fn new(data: &DataFolder, reserve_bytes: u64) -> Self {
        Self {
            place: Place::Files(Files::new(data, reserve_bytes)),
            disk: data.uploads(),
        }
    }

    /// The store in a bucket, or in the data folder when there is none.
    ///
    /// # Errors
    /// [`BlobError`] when the bucket's settings contradict each other; it is not asked yet.
    pub(crate) fn at(
        bucket: Option<&BucketAddress>,
        data: &DataFolder,
        reserve_bytes: u64,
    ) -> Result<Self, BlobError> {
        let Some(address) = bucket else {
            return Ok(Self::new(data, reserve_bytes));
        };
        Ok(Self {
            place: Place::Bucket(Bucket::open(address)?),
            disk: data.root().to_owned(),
        })
    }

    /// The file of a blob, whether or not it is there; none in a bucket.
    pub(crate) fn file(&self, digest: &Digest) -> Option<PathBuf> {
        match &self.place {
            Place::Files(files) => Some(files.path(digest)),
            Place::Bucket(_) => None,
        }
    }

    /// The blobs in the folder of a mirror, to be read; nothing is uploaded.
    pub(crate) fn of_mirror(folder: &Path, data: &DataFolder) -> Self {
        Self {
            place: Place::Files(Files::of_mirror(folder, data)),
            disk: data.uploads(),
        }
    }

    /// The size of a blob, if it is there.
    pub(crate) fn size_bytes(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        Ok(self.stat(digest)?.map(|blob| blob.size_bytes))
    }

    /// Size and age of a blob, if it is there.
    pub(crate) fn stat(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        match &self.place {
            Place::Files(files) => files.stat(digest),
            Place::Bucket(bucket) => bucket.stat(digest),
        }
    }

    /// The size of a blob that should have this one, if it is there. In a bucket another size counts only when it stays.
    pub(crate) fn settled_bytes(
        &self,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<Option<u64>, BlobError> {
        let found = match &self.place {
            Place::Files(files) => files.stat(digest),
            Place::Bucket(bucket) => bucket.stat_of(digest, size_bytes),
        };
        Ok(found?.map(|blob| blob.size_bytes))
    }

    /// A blob to read, if it is there with this size.
    pub(crate) fn open_of(
        &self,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<Option<Blob>, BlobError> {
        match &self.place {
            Place::Files(files) => {
                let opened = files.open(digest)?;
                let whole = opened.filter(|(_, found)| *found == size_bytes);
                Ok(whole.map(|(file, _)| Blob::File(file)))
            }
            Place::Bucket(bucket) => {
                let found = bucket.stat_of(digest, size_bytes)?;
                let whole = found.filter(|blob| blob.size_bytes == size_bytes);
                Ok(whole.map(|blob| Blob::Object(bucket.object(&blob))))
            }
        }
    }

    /// A blob to read, and its size, if it is there.
    pub(crate) fn open(&self, digest: &Digest) -> Result<Option<(Blob, u64)>, BlobError> {
        match &self.place {
            Place::Files(files) => {
                let opened = files.open(digest)?;
                Ok(opened.map(|(file, size_bytes)| (Blob::File(file), size_bytes)))
            }
            Place::Bucket(bucket) => {
                let found = bucket.stat(digest)?;
                Ok(found.map(|blob| (Blob::Object(bucket.object(&blob)), blob.size_bytes)))
            }
        }
    }

    /// All blobs, in order of their digests.
    pub(crate) fn list(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let mut found = match &self.place {
            Place::Files(files) => files.list(),
            Place::Bucket(bucket) => bucket.list(),
        }?;
        found.sort_by_key(|blob| blob.digest);
        Ok(found)
    }

    /// Removes a blob, if it is there. Whoever calls this knows that nobody names it.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        match &self.place {
            Place::Files(files) => files.remove(digest),
            Place::Bucket(bucket) => bucket.remove(digest),
        }
    }

    /// Writes a blob of which everything is at hand, unless its bytes have another digest.
    pub(crate) fn write(
        &self,
        source: &mut impl Read,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<Finished, BlobError> {
        match &self.place {
            Place::Files(files) => files.write(source, digest),
            Place::Bucket(bucket) => bucket.write(source, digest, size_bytes),
        }
    }

    /// Reads a blob again; its digest as it is now.
    pub(crate) fn rehash(&self, digest: &Digest) -> Result<Option<Digest>, BlobError> {
        let Some((blob, _)) = self.open(digest)? else {
            return Ok(None);
        };
        let found = hash(blob, Hasher::new()).map_err(|source| BlobError::read(digest, source))?;
        Ok(Some(found))
    }

    /// An address at which anybody gets a blob from the store for this long; `None` when only this
    /// server has it.
    pub(crate) fn signed_url(
        &self,
        digest: &Digest,
        validity: Duration,
    ) -> Result<Option<String>, BlobError> {
        match &self.place {
            Place::Files(_) => Ok(None),
            Place::Bucket(bucket) => bucket.signed_url(digest, validity).map(Some),
        }
    }

    /// Free bytes of the disk.
    pub(crate) fn free_bytes(&self) -> Result<u64, BlobError> {
        files::free_bytes(&self.disk)
    }

    /// Refuses what would not leave the reserve free. A bucket has room.
    pub(crate) fn check_room(&self, size_bytes: u64) -> Result<(), BlobError> {
        match &self.place {
            Place::Files(files) => files.check_room(size_bytes),
            Place::Bucket(_) => Ok(()),
        }
    }

    /// Fails unless blobs can be read, and the disk has room.
    pub(crate) fn check_ready(&self) -> Result<(), BlobError> {
        match &self.place {
            Place::Files(files) => files.check_room(0),
            Place::Bucket(bucket) => bucket.check_ready(),
        }
    }

    /// Begins a new upload.
    pub(crate) fn create_upload(&self, id: &str) -> Result<(), BlobError> {
        match &self.place {
            Place::Files(files) => files.create_upload(id),
            Place::Bucket(bucket) => bucket.create_upload(id),
        }
    }

    /// How many bytes of an upload are there, and when the last came; `None` when it is gone.
    pub(crate) fn upload_state(&self, id: &str) -> Result<Option<(u64, SystemTime)>, BlobError> {
        match &self.place {
            Place::Files(files) => files.upload_state(id),
            Place::Bucket(bucket) => bucket.upload_state(id),
        }
    }

    /// Opens an upload to go on where it ended; `None` when it is gone.
    pub(crate) fn open_upload(&self, id: &str) -> Result<Option<Arriving>, BlobError> {
        match &self.place {
            Place::Files(files) => {
                let file = files.open_upload(id)?;
                Ok(file.map(|file| Arriving::File(files.clone(), file)))
            }
            Place::Bucket(bucket) => Ok(bucket.open_upload(id)?.map(Arriving::Bucket)),
        }
    }

    /// Removes an upload, if it is there.
    pub(crate) fn remove_upload(&self, id: &str) -> Result<(), BlobError> {
        match &self.place {
            Place::Files(files) => files.remove_upload(id),
            Place::Bucket(bucket) => bucket.remove_upload(id),
        }
    }

    /// The names of all uploads of which something is there.
    pub(crate) fn upload_ids(&self) -> Result<Vec<String>, BlobError> {
        match &self.place {
            Place::Files(files) => files.upload_ids(),
            Place::Bucket(bucket) => bucket.upload_ids(),
        }
    }
}

/// A blob that is open.
#[derive(Debug)]
pub(crate) enum Blob {
    /// A file.
    File(File),
    /// An object, which is asked for when it is read.
    Object(Object),
}

impl Read for Blob {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Object(object) => object.read(into),
        }
    }
}

impl Seek for Blob {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Object(object) => object.seek(to),
        }
    }
}

/// The bytes of an upload that have arrived, to be continued.
#[derive(Debug)]
pub(crate) enum Arriving {
    /// In a file.
    File(Files, UploadFile),
    /// In a bucket, and in memory as far as they do not make a piece.
    Bucket(BucketUpload),
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// It is a blob now, of this digest.
    Kept(Digest),
    /// It has another digest, and is what it was.
    Other(Digest),
}

impl Arriving {
    /// How many bytes have arrived.
    pub(crate) fn size_bytes(&self) -> u64 {
        match self {
            Self::File(_, file) => file.size_bytes(),
            Self::Bucket(upload) => upload.size_bytes(),
        }
    }

    /// Appends bytes. When that fails, the upload ends where it did before, or at the last piece
    /// that is in the bucket.
    pub(crate) fn append(
        &mut self,
        progress: &mut HashProgress,
        bytes: &[u8],
    ) -> Result<(), BlobError> {
        if self.size_bytes() + bytes.len() as u64 > limits::FILE_BYTES {
            return Err(BlobError::TooLarge);
        }
        match self {
            Self::File(files, file) => file.append(files, progress, bytes),
            Self::Bucket(upload) => upload.append(progress, bytes),
        }
    }

    /// Whether bytes are in memory only.
    pub(crate) fn is_ahead(&self) -> bool {
        match self {
            Self::File(..) => false,
            Self::Bucket(upload) => upload.is_ahead(),
        }
    }

    /// Brings what is in memory into the store.
    pub(crate) fn flush(&mut self, progress: &mut HashProgress) -> Result<(), BlobError> {
        match self {
            Self::File(..) => Ok(()),
            Self::Bucket(upload) => upload.flush(progress),
        }
    }

    /// Makes the upload a blob if its bytes have the expected digest, or whichever they have. All of
    /// it is in the store.
    pub(crate) fn finish(
        &mut self,
        progress: &HashProgress,
        expected: Option<&Digest>,
    ) -> Result<Finished, BlobError> {
        match self {
            Self::File(files, file) => files.finish(file, progress, expected),
            Self::Bucket(upload) => {
                let expected = match expected {
                    Some(expected) => *expected,
                    None => upload.digest(progress)?,
                };
                upload.finish(progress, &expected)
            }
        }
    }
}

/// How far an upload has been hashed while it came.
#[derive(Debug, Default)]
pub(crate) struct HashProgress {
    hasher: Hasher,
    hashed_bytes: u64,
    /// The digest of the piece of a bucket that an upload begins with.
    first: Option<(String, Digest)>,
}

impl HashProgress {
    fn follow(&mut self, offset: u64, bytes: &[u8]) {
        if offset == self.hashed_bytes {
            self.hasher.update(bytes);
            self.hashed_bytes += bytes.len() as u64;
        }
    }
}

/// The digest of what a hasher has and all that is read.
fn hash(mut reader: impl Read, mut hasher: Hasher) -> io::Result<Digest> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
