//! Files that appear whole or not at all.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::FileError;
use super::folders::{create_private_dir, folder_of, sync_dir};

/// A file that appears at its path when [`AtomicFile::commit`] succeeds, and not before. Dropped
/// without a commit it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts a file beside `path`; missing folders are made.
    ///
    /// # Errors
    /// [`FileError`] when the folder cannot be written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        let folder = folder_of(&path);
        create_private_dir(folder)?;
        let temporary = tempfile::Builder::new()
            .prefix(".hub-")
            .suffix(".tmp")
            .tempfile_in(folder)
            .map_err(|source| FileError::new("cannot write into", folder, source))?;
        Ok(Self {
            writer: BufWriter::with_capacity(1 << 16, temporary),
            path,
        })
    }

    /// Where what was written so far can be read, before it is at its path.
    ///
    /// # Errors
    /// [`FileError`], for instance when the disk is full.
    pub fn written(&mut self) -> Result<&Path, FileError> {
        self.writer
            .flush()
            .map_err(|source| FileError::new("cannot write", &self.path, source))?;
        Ok(self.writer.get_ref().path())
    }

    /// Makes the file durable and visible, replacing an earlier one.
    ///
    /// # Errors
    /// [`FileError`], for instance when the disk is full; then the earlier file is still there.
    pub fn commit(self) -> Result<(), FileError> {
        let (temporary, path) = self.synced()?;
        let moved = temporary.persist(&path);
        moved.map_err(|failed| FileError::new("cannot write", &path, failed.error))?;
        sync_dir(folder_of(&path))
    }

    /// Makes the file durable and visible where there must be none yet.
    ///
    /// # Errors
    /// [`FileError`], also when something is there.
    pub fn commit_new(self) -> Result<(), FileError> {
        let (temporary, path) = self.synced()?;
        let moved = temporary.persist_noclobber(&path);
        moved.map_err(|failed| FileError::new("cannot write", &path, failed.error))?;
        sync_dir(folder_of(&path))
    }

    fn synced(self) -> Result<(NamedTempFile, PathBuf), FileError> {
        let error = |source| FileError::new("cannot write", &self.path, source);
        let temporary = self
            .writer
            .into_inner()
            .map_err(|failed| error(failed.into_error()))?;
        temporary.as_file().sync_all().map_err(error)?;
        Ok((temporary, self.path))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.writer.seek(position)
    }
}

/// Writes a whole file at once, atomically.
///
/// # Errors
/// [`FileError`] naming the path; an earlier file is then still there.
pub fn write_atomic(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<(), FileError> {
    let path = path.into();
    let mut file = AtomicFile::create(&path)?;
    file.write_all(bytes)
        .map_err(|source| FileError::new("cannot write", &path, source))?;
    file.commit()
}

/// Writes a file that can be made again at any time. It appears whole, but is not waited for: after a power
/// cut it may be empty.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn write_remade(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let error = |source| FileError::new("cannot write", path, source);
    create_private_dir(folder_of(path))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".hub-")
        .suffix(".tmp")
        .tempfile_in(folder_of(path))
        .map_err(error)?;
    temporary.write_all(bytes).map_err(error)?;
    let moved = temporary.persist(path);
    moved.map(drop).map_err(|failed| error(failed.error))
}

/// Writes a file that must not be there yet: keys are never replaced.
///
/// # Errors
/// [`FileError`] naming the path, also when it exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let error = |source| FileError::new("cannot write", path, source);
    create_private_dir(folder_of(path))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".hub-")
        .tempfile_in(folder_of(path))
        .map_err(error)?;
    temporary
        .write_all(bytes)
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(error)?;
    temporary
        .persist_noclobber(path)
        .map_err(|failed| error(failed.error))?;
    sync_dir(folder_of(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        write_atomic(&path, b"first").unwrap();
        let mut second = AtomicFile::create(&path).unwrap();
        second.write_all(b"second").unwrap();
        drop(second);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(
            fs::read_dir(folder.path().join("a")).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn keys_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write_new(&path, b"one").unwrap();
        assert_eq!(
            write_new(&path, b"two").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_written_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret/key.pem");
        write_atomic(&path, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}
