//! Blobs on the file system.
//!
//! `blobs/sha256/ab/<hex>` holds whole blobs only; what is being uploaded is in `uploads/<id>`, and
//! moves over when its digest has been checked and its bytes are on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use registry_schema::digest::Digest;
use registry_schema::mirror::BLOB_FOLDER;

use super::disk::{create_private_folder, sync_folder};
use super::{BlobError, Finished, HashProgress, PIECE_BYTES, StoredBlob, hash};
use crate::config::DataFolder;

/// The blobs in folders.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    blobs: PathBuf,
    uploads: PathBuf,
    reserve_bytes: u64,
}

impl Files {
    /// The store in a data folder; `reserve_bytes` of the disk are left free for everything else.
    pub(super) fn new(data: &DataFolder, reserve_bytes: u64) -> Self {
        Self {
            blobs: data.blobs(),
            uploads: data.uploads(),
            reserve_bytes,
        }
    }

    /// The blobs in the folder of a mirror, to be read; nothing is uploaded.
    pub(super) fn of_mirror(folder: &Path, data: &DataFolder) -> Self {
        Self {
            blobs: folder.join(BLOB_FOLDER),
            uploads: data.uploads(),
            reserve_bytes: 0,
        }
    }

    /// A blob to read, and its size, if it is there.
    pub(super) fn open(&self, digest: &Digest) -> Result<Option<(File, u64)>, BlobError> {
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

    /// All blobs, in no order.
    pub(super) fn list(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let root = self.blobs.join("sha256");
        let mut found = Vec::new();
        for folder in entries(&root)? {
            for path in entries(&folder)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let Ok(digest) = Digest::from_hex(&name) else {
                    continue;
                };
                found.extend(self.stat(&digest)?);
            }
        }
        Ok(found)
    }

    /// Size and age of a blob, if it is there.
    pub(super) fn stat(&self, digest: &Digest) -> Result<Option<StoredBlob>, BlobError> {
        let path = self.path(digest);
        let state = fs::metadata(&path).and_then(|state| Ok((state.len(), state.modified()?)));
        match state {
            Ok((size_bytes, written_at)) => Ok(Some(StoredBlob {
                digest: *digest,
                size_bytes,
                written_at,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::new("read", &path, source)),
        }
    }

    /// Removes a blob, if it is there.
    pub(super) fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        remove_file(&self.path(digest))
    }

    /// Free bytes of the disk on which uploads are.
    pub(super) fn free_bytes(&self) -> Result<u64, BlobError> {
        free_bytes(&self.uploads)
    }

    /// Refuses what would not leave the reserve free.
    pub(super) fn check_room(&self, size_bytes: u64) -> Result<(), BlobError> {
        if self.free_bytes()? < self.reserve_bytes.saturating_add(size_bytes) {
            return Err(BlobError::Full);
        }
        Ok(())
    }

    /// Makes the empty file of a new upload.
    pub(super) fn create_upload(&self, id: &str) -> Result<(), BlobError> {
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
    pub(super) fn upload_state(&self, id: &str) -> Result<Option<(u64, SystemTime)>, BlobError> {
        let path = self.uploads.join(id);
        let state = fs::metadata(&path).and_then(|state| Ok((state.len(), state.modified()?)));
        match state {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BlobError::new("read", &path, source)),
        }
    }

    /// Opens an upload to go on where it ended; `None` when it is gone.
    pub(super) fn open_upload(&self, id: &str) -> Result<Option<UploadFile>, BlobError> {
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
    pub(super) fn remove_upload(&self, id: &str) -> Result<(), BlobError> {
        remove_file(&self.uploads.join(id))
    }

    /// Names of all files in `uploads/`.
    pub(super) fn upload_ids(&self) -> Result<Vec<String>, BlobError> {
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

    /// Writes a blob of which everything is at hand, unless its bytes have another digest.
    pub(super) fn write(
        &self,
        source: &mut impl Read,
        digest: &Digest,
    ) -> Result<Finished, BlobError> {
        let id = format!("copy-{}", digest.to_hex());
        // What an interrupted copy left.
        self.remove_upload(&id)?;
        self.create_upload(&id)?;
        let path = self.uploads.join(&id);
        let gone = || BlobError::new("open", &path, io::ErrorKind::NotFound.into());
        let mut file = self.open_upload(&id)?.ok_or_else(gone)?;
        let mut progress = HashProgress::default();
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        loop {
            piece.clear();
            let read = source
                .by_ref()
                .take(PIECE_BYTES as u64)
                .read_to_end(&mut piece);
            if read.map_err(|error| BlobError::read(digest, error))? == 0 {
                break;
            }
            file.append(self, &mut progress, &piece)?;
        }
        let finished = self.finish(&mut file, &progress, Some(digest))?;
        if matches!(finished, Finished::Other(_)) {
            self.remove_upload(&id)?;
        }
        Ok(finished)
    }

    /// Makes an upload a blob if its bytes have the expected digest, or whichever they have.
    pub(super) fn finish(
        &self,
        upload: &mut UploadFile,
        progress: &HashProgress,
        expected: Option<&Digest>,
    ) -> Result<Finished, BlobError> {
        let found = upload.digest(progress)?;
        if expected.is_some_and(|expected| *expected != found) {
            return Ok(Finished::Other(found));
        }
        self.keep(upload, &found)?;
        Ok(Finished::Kept(found))
    }

    /// Makes an upload a blob: on the disk first, then under its name, then the name on the disk.
    /// The caller has checked that the bytes have this digest; they replace a blob that is there.
    fn keep(&self, upload: &UploadFile, digest: &Digest) -> Result<(), BlobError> {
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
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends bytes. When that fails, the file ends where it did before.
    pub(super) fn append(
        &mut self,
        blobs: &Files,
        progress: &mut HashProgress,
        bytes: &[u8],
    ) -> Result<(), BlobError> {
        let added = bytes.len() as u64;
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
    fn digest(&mut self, progress: &HashProgress) -> Result<Digest, BlobError> {
        let error = |source| BlobError::new("read", &self.path, source);
        self.file
            .seek(SeekFrom::Start(progress.hashed_bytes))
            .map_err(error)?;
        hash(&self.file, progress.hasher.clone()).map_err(error)
    }
}

/// Free bytes of the disk on which a folder is.
pub(super) fn free_bytes(folder: &Path) -> Result<u64, BlobError> {
    let status = rustix::fs::statvfs(folder)
        .map_err(|error| BlobError::new("measure", folder, error.into()))?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

fn remove_file(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BlobError::new("remove", path, error))
        }
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn store(reserve_bytes: u64) -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        create_private_folder(&data.uploads()).unwrap();
        (folder, Files::new(&data, reserve_bytes))
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
        let (mut blob, size_bytes) = blobs.open(&digest).unwrap().unwrap();
        let mut bytes = Vec::new();
        blob.read_to_end(&mut bytes).unwrap();
        assert_eq!((bytes.as_slice(), size_bytes), (&b"hello world"[..], 11));
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
        let digest = Digest::of(b"abc");
        assert_eq!(upload.digest(&progress).unwrap(), digest);
        let other = blobs.finish(&mut upload, &progress, Some(&Digest::of(b"x")));
        assert_eq!(other.unwrap(), Finished::Other(digest));
        let kept = blobs.finish(&mut upload, &progress, None);
        assert_eq!(kept.unwrap(), Finished::Kept(digest));
    }

    #[test]
    fn the_reserve_stays_free() {
        let (_folder, blobs) = store(u64::MAX);
        assert!(matches!(blobs.create_upload("u1"), Err(BlobError::Full)));
    }
}
