//! Blobs on the file system: named by their digest, written once, never changed.
//!
//! `blobs/sha256/ab/<hex>` holds whole blobs only; what is being uploaded is in `uploads/<id>`, and
//! moves over when its digest has been checked and its bytes are on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use registry_schema::digest::{Digest, Hasher};
use registry_schema::limits;
use registry_schema::mirror::BLOB_FOLDER;

use crate::config::DataFolder;

/// Bytes read or written at a time.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

/// The store of blobs.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    blobs: PathBuf,
    uploads: PathBuf,
    reserve_bytes: u64,
}

impl Blobs {
    /// The store in a data folder; `reserve_bytes` of the disk are left free for everything else.
    pub(crate) fn new(data: &DataFolder, reserve_bytes: u64) -> Self {
        Self {
            blobs: data.blobs(),
            uploads: data.uploads(),
            reserve_bytes,
        }
    }

    /// The blobs in the folder of a mirror, to be read; nothing is uploaded.
    pub(crate) fn of_mirror(folder: &Path, data: &DataFolder) -> Self {
        Self {
            blobs: folder.join(BLOB_FOLDER),
            uploads: data.uploads(),
            reserve_bytes: 0,
        }
    }

    /// The size of a blob, if it is there.
    pub(crate) fn size_bytes(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let path = self.path(digest);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::new("read", &path, source)),
        }
    }

    /// A blob to read, and its size, if it is there.
    pub(crate) fn open(&self, digest: &Digest) -> Result<Option<(File, u64)>, BlobError> {
        let path = self.path(digest);
        let opened = File::open(&path).and_then(|file| {
            let size_bytes = file.metadata()?.len();
            Ok((file, size_bytes))
        });
        match opened {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::new("read", &path, source)),
        }
    }

    /// The blobs of at most `limit_bytes`, in order of their digests.
    pub(crate) fn small(&self, limit_bytes: u64) -> Result<Vec<Digest>, BlobError> {
        let root = self.blobs.join("sha256");
        let mut found = Vec::new();
        for folder in entries(&root)? {
            for path in entries(&folder)? {
                let error = |source| BlobError::new("read", &path, source);
                let metadata = fs::metadata(&path).map_err(error)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if let Ok(digest) = Digest::from_hex(&name)
                    && metadata.is_file()
                    && metadata.len() <= limit_bytes
                {
                    found.push(digest);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Reads a blob again; its digest as it is now.
    pub(crate) fn rehash(&self, digest: &Digest) -> Result<Option<Digest>, BlobError> {
        let Some((file, _)) = self.open(digest)? else {
            return Ok(None);
        };
        let mut hasher = Hasher::new();
        hash_rest(&file, &mut hasher)
            .map_err(|source| BlobError::new("read", &self.path(digest), source))?;
        Ok(Some(hasher.finish()))
    }

    /// Free bytes of the disk.
    pub(crate) fn free_bytes(&self) -> Result<u64, BlobError> {
        let status = rustix::fs::statvfs(&self.uploads)
            .map_err(|error| BlobError::new("measure", &self.uploads, error.into()))?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    /// Refuses what would not leave the reserve free.
    pub(crate) fn check_room(&self, size_bytes: u64) -> Result<(), BlobError> {
        if self.free_bytes()? < self.reserve_bytes.saturating_add(size_bytes) {
            return Err(BlobError::Full);
        }
        Ok(())
    }

    /// Makes the empty file of a new upload.
    pub(crate) fn create_upload(&self, id: &str) -> Result<(), BlobError> {
        self.check_room(0)?;
        let path = self.uploads.join(id);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map(drop)
            .map_err(|source| BlobError::new("make", &path, source))
    }

    /// How many bytes of an upload are there, and when the last came; `None` when it is gone.
    pub(crate) fn upload_state(
        &self,
        id: &str,
    ) -> Result<Option<(u64, std::time::SystemTime)>, BlobError> {
        let path = self.uploads.join(id);
        let state = fs::metadata(&path).and_then(|state| Ok((state.len(), state.modified()?)));
        match state {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::new("read", &path, source)),
        }
    }

    /// Opens an upload to go on where it ended; `None` when it is gone.
    pub(crate) fn open_upload(&self, id: &str) -> Result<Option<UploadFile>, BlobError> {
        let path = self.uploads.join(id);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BlobError::new("open", &path, source)),
        };
        let size_bytes = file
            .metadata()
            .map_err(|source| BlobError::new("open", &path, source))?
            .len();
        Ok(Some(UploadFile {
            file,
            path,
            size_bytes,
        }))
    }

    /// Removes an upload, if it is there.
    pub(crate) fn remove_upload(&self, id: &str) -> Result<(), BlobError> {
        let path = self.uploads.join(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BlobError::new("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Names of all files in `uploads/`.
    pub(crate) fn upload_ids(&self) -> Result<Vec<String>, BlobError> {
        let error = |source| BlobError::new("list", &self.uploads, source);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.uploads).map_err(error)? {
            ids.push(
                entry
                    .map_err(error)?
                    .file_name()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        Ok(ids)
    }

    /// Makes an upload a blob: on the disk first, then under its name, then the name on the disk.
    /// The caller has checked that the bytes have this digest; they replace a blob that is there.
    pub(crate) fn keep(&self, upload: &UploadFile, digest: &Digest) -> Result<(), BlobError> {
        let path = self.path(digest);
        let error = |source| BlobError::new("keep", &path, source);
        // Also over a blob that is there: these bytes were hashed a moment ago, those may have
        // decayed, and their name may not have reached the disk yet.
        upload.file.sync_all().map_err(error)?;
        let folder = path.parent().unwrap_or(&self.blobs);
        create_private_folder(folder)?;
        fs::rename(&upload.path, &path).map_err(error)?;
        sync_folder(folder)?;
        sync_folder(folder.parent().unwrap_or(&self.blobs))?;
        sync_folder(&self.blobs)
    }

    /// Where a blob is, or would be.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.blobs.join("sha256").join(&hex[..2]).join(hex)
    }
}

/// The bytes of an upload that have arrived.
#[derive(Debug)]
pub(crate) struct UploadFile {
    file: File,
    path: PathBuf,
    size_bytes: u64,
}

impl UploadFile {
    /// How many bytes have arrived.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends bytes. When that fails, the file ends where it did before.
    pub(crate) fn append(
        &mut self,
        blobs: &Blobs,
        progress: &mut HashProgress,
        bytes: &[u8],
    ) -> Result<(), BlobError> {
        let added = bytes.len() as u64;
        if self.size_bytes + added > limits::FILE_BYTES {
            return Err(BlobError::TooLarge);
        }
        blobs.check_room(added)?;
        let written = self
            .file
            .seek(SeekFrom::Start(self.size_bytes))
            .and_then(|_| self.file.write_all(bytes));
        if let Err(source) = written {
            // What was written of the piece must not be taken for arrived; the next attempt writes
            // over it in any case, since it starts at `size_bytes`.
            let _ = self.file.set_len(self.size_bytes);
            return Err(BlobError::new("write", &self.path, source));
        }
        progress.follow(self.size_bytes, bytes);
        self.size_bytes += added;
        Ok(())
    }

    /// The digest of all that has arrived. Only what was not hashed when it came is read again, as
    /// after a restart.
    pub(crate) fn digest(&mut self, progress: &HashProgress) -> Result<Digest, BlobError> {
        let error = |source| BlobError::new("read", &self.path, source);
        let mut hasher = progress.hasher.clone();
        self.file
            .seek(SeekFrom::Start(progress.hashed_bytes))
            .map_err(error)?;
        hash_rest(&self.file, &mut hasher).map_err(error)?;
        Ok(hasher.finish())
    }
}

/// How far an upload has been hashed while it came.
#[derive(Debug, Default)]
pub(crate) struct HashProgress {
    hasher: Hasher,
    hashed_bytes: u64,
}

impl HashProgress {
    fn follow(&mut self, offset: u64, bytes: &[u8]) {
        if offset == self.hashed_bytes {
            self.hasher.update(bytes);
            self.hashed_bytes += bytes.len() as u64;
        }
    }
}

/// What is in a folder; nothing when it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let error = |source| BlobError::new("list", folder, source);
    let listed = match fs::read_dir(folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(error)?,
    };
    listed
        .map(|entry| Ok(entry.map_err(error)?.path()))
        .collect()
}

fn hash_rest(mut file: &File, hasher: &mut Hasher) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a folder that only its owner can enter, unless it is there.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), BlobError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| BlobError::new("make", path, source))
}

/// What happens to a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and writing fails.
    Stays,
    /// The new one takes its place.
    IsReplaced,
}

/// Writes a small file that only its owner can read, and waits until it is on the disk. It appears
/// whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), BlobError> {
    use std::os::unix::fs::OpenOptionsExt;
    // No other process writes under this name, and what a dead one left is no loss.
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| match existing {
            // Unlike a rename, a second name is refused where there is a file.
            Existing::Stays => fs::hard_link(&unfinished, path),
            Existing::IsReplaced => fs::rename(&unfinished, path),
        });
    if existing == Existing::Stays || written.is_err() {
        // Nobody reads it; the next writer's takes its place.
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(|source| BlobError::new("write", path, source))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Whether there is a file. One that cannot be looked at is not taken for absent.
pub(crate) fn is_there(path: &Path) -> Result<bool, BlobError> {
    fs::exists(path).map_err(|source| BlobError::new("look at", path, source))
}

/// Writes a folder's list of names to the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<(), BlobError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| BlobError::new("sync", path, source))
}

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    /// The disk has no room left beside the reserve.
    #[error("the hub's disk is full: nothing was lost; ask its operator for room, then go on")]
    Full,
    /// Past [`limits::FILE_BYTES`].
    #[error("a blob has at most {} bytes", limits::FILE_BYTES)]
    TooLarge,
    /// The file system failed.
    #[error("cannot {action} `{path}`")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BlobError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::File {
                action,
                path: path.to_owned(),
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn store(reserve_bytes: u64) -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        create_private_folder(&data.uploads()).unwrap();
        (folder, Blobs::new(&data, reserve_bytes))
    }

    #[test]
    fn a_blob_is_what_was_uploaded_even_across_a_restart() {
        let (_folder, blobs) = store(0);
        let digest = Digest::of(b"hello world");
        blobs.create_upload("u1").unwrap();
        let mut first = blobs.open_upload("u1").unwrap().unwrap();
        first
            .append(&blobs, &mut HashProgress::default(), b"hello ")
            .unwrap();
        drop(first);
        // A restart forgets how far the hash was.
        let mut progress = HashProgress::default();
        let mut second = blobs.open_upload("u1").unwrap().unwrap();
        assert_eq!(second.size_bytes(), 6);
        second.append(&blobs, &mut progress, b"world").unwrap();
        assert_eq!(second.digest(&progress).unwrap(), digest);
        blobs.keep(&second, &digest).unwrap();
        assert_eq!(blobs.size_bytes(&digest).unwrap(), Some(11));
        assert_eq!(blobs.rehash(&digest).unwrap(), Some(digest));
        assert!(blobs.open_upload("u1").unwrap().is_none());
    }

    #[test]
    fn hashing_while_it_comes_equals_hashing_at_the_end() {
        let (_folder, blobs) = store(0);
        blobs.create_upload("u1").unwrap();
        let mut progress = HashProgress::default();
        let mut upload = blobs.open_upload("u1").unwrap().unwrap();
        for piece in [&b"ab"[..], b"", b"c"] {
            upload.append(&blobs, &mut progress, piece).unwrap();
        }
        assert_eq!(progress.hashed_bytes, 3);
        assert_eq!(upload.digest(&progress).unwrap(), Digest::of(b"abc"));
    }

    #[test]
    fn a_file_appears_whole_and_in_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        write_file(&path, b"first", Existing::Stays).unwrap();
        write_file(&path, b"second", Existing::Stays).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_file(&path, b"third", Existing::IsReplaced).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn the_reserve_stays_free() {
        let (_folder, blobs) = store(u64::MAX);
        assert!(matches!(blobs.create_upload("u1"), Err(BlobError::Full)));
    }
}
