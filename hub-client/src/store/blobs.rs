//! Files by digest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;

use super::{Store, StoreError};
use crate::files::{self, FileError, FileLock};

/// The right to bring one blob into the store; another process that wants it waits.
#[derive(Debug)]
pub struct BlobLock {
    _lock: FileLock,
    partial: PathBuf,
    blob: PathBuf,
}

impl BlobLock {
    /// Where the blob may grow. It may hold a beginning from an earlier attempt.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Puts the finished, verified file in its place.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be moved.
    pub fn finish(self) -> Result<(), StoreError> {
        Ok(files::rename(&self.partial, &self.blob)?)
    }
}

impl Store {
    /// Where a blob is, when it is there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.root.join("blobs/sha256").join(&hex[..2]).join(hex)
    }

    /// Whether a blob is there with this length.
    pub fn has_blob(&self, digest: &Digest, size_bytes: u64) -> bool {
        self.blob_path(digest)
            .metadata()
            .is_ok_and(|data| data.is_file() && data.len() == size_bytes)
    }

    /// Whether a blob is there and has the bytes it is named by. One with other bytes is removed.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or removed.
    pub fn check_blob(&self, digest: &Digest, size_bytes: u64) -> Result<bool, StoreError> {
        if !self.has_blob(digest, size_bytes) {
            return Ok(false);
        }
        let path = self.blob_path(digest);
        if files::digest_of_file(&path)? == *digest {
            return Ok(true);
        }
        files::remove(&path)?;
        Ok(false)
    }

    /// Waits for the right to bring a blob in. Look again whether it is there afterwards: another
    /// process may have brought it.
    ///
    /// # Errors
    /// [`StoreError`] when the lock's file cannot be made.
    pub fn lock_blob(&self, digest: &Digest) -> Result<BlobLock, StoreError> {
        let hex = digest.to_hex();
        let folder = self.root.join("partial");
        let lock = FileLock::acquire(&folder.join(format!("{hex}.lock")))?;
        Ok(BlobLock {
            _lock: lock,
            partial: folder.join(format!("{hex}.part")),
            blob: self.blob_path(digest),
        })
    }

    /// Moves a finished, verified file of this machine into its place; one that is there and whole stays. The file
    /// must be on the same file system.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be moved.
    pub fn take_blob(
        &self,
        file: &Path,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<(), StoreError> {
        let lock = self.lock_blob(digest)?;
        if self.check_blob(digest, size_bytes)? {
            return Ok(());
        }
        files::rename(file, lock.partial())?;
        lock.finish()
    }

    /// Removes beginnings of files that nobody is bringing in any more, and returns the bytes freed.
    pub(super) fn remove_partials(&self) -> Result<u64, StoreError> {
        let folder = self.root.join("partial");
        let error = |source| FileError::new("cannot read folder", &folder, source);
        let entries = match std::fs::read_dir(&folder) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            other => other.map_err(error)?,
        };
        let mut freed = 0;
        for entry in entries {
            let entry = entry.map_err(error)?;
            let path = entry.path();
            if path.extension().is_none_or(|it| it != "part") {
                continue;
            }
            if let Some(_lock) = FileLock::try_acquire(&path.with_extension("lock"))? {
                freed += entry.metadata().map_or(0, |data| data.len());
                files::remove(&path)?;
            }
        }
        Ok(freed)
    }

    /// Removes blobs that no receipt names, and returns the bytes freed. Receipts that cannot be
    /// understood stop it: their blobs may still be wanted.
    pub(super) fn collect_garbage(&self) -> Result<u64, StoreError> {
        let mut wanted = BTreeSet::new();
        for (name, version) in self.list()? {
            let Some(release) = self.recorded_release(&name, &version) else {
                return Ok(0);
            };
            wanted.extend(release.files().iter().map(|file| file.digest.to_hex()));
        }
        let mut freed = 0;
        let blobs = self.root.join("blobs/sha256");
        for folder in super::subfolders(&blobs)? {
            let folder = blobs.join(folder);
            let error = |source| FileError::new("cannot read folder", &folder, source);
            for entry in std::fs::read_dir(&folder).map_err(error)? {
                let entry = entry.map_err(error)?;
                if !entry
                    .file_name()
                    .to_str()
                    .is_some_and(|name| wanted.contains(name))
                {
                    freed += entry.metadata().map_or(0, |data| data.len());
                    files::remove(&entry.path())?;
                }
            }
        }
        Ok(freed)
    }
}
