//! Files that appear whole or not at all.

use std::fs::Permissions;
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::destination::Existing;
use super::folders::{create_private_dir, folder_of, remove, sync_dir};
use super::{Destination, FileError};

/// A file that appears at its path when [`AtomicFile::commit`] succeeds, and not before. Dropped
/// without a commit it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
    existing: Existing,
    /// Those of the file whose place it takes; 0600 otherwise.
    permissions: Option<Permissions>,
}

impl AtomicFile {
    /// Starts a file beside `path`, which takes the place of an earlier one; missing folders are made.
    ///
    /// # Errors
    /// [`FileError`] when the folder cannot be written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        Self::start(path.into(), Existing::Replace, None)
    }

    /// Starts a file at a path that a user has named; missing folders are made.
    ///
    /// # Errors
    /// [`FileError`] when the folder cannot be written to.
    pub fn create_at(destination: &Destination) -> Result<Self, FileError> {
        let (path, permissions) = destination.settle()?;
        Self::start(path, destination.existing(), permissions)
    }

    pub(super) fn start(
        path: PathBuf,
        existing: Existing,
        permissions: Option<Permissions>,
    ) -> Result<Self, FileError> {
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
            existing,
            permissions,
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

    /// Makes the file durable and visible.
    ///
    /// # Errors
    /// [`FileError`], for instance when the disk is full, or when something has come to a path where an
    /// earlier file is kept; what was there is there still.
    pub fn commit(self) -> Result<(), FileError> {
        self.synced()?.place()
    }

    /// Makes two files that belong together visible. An interruption may leave the first without the last, and
    /// never the last beside another first: an earlier last one goes before the new first one comes.
    ///
    /// # Errors
    /// [`FileError`]; neither is there then, or both are as they were.
    pub fn commit_both(first: Self, last: Self) -> Result<(), FileError> {
        // What can go wrong for want of room goes wrong here.
        let (first, last) = (first.synced()?, last.synced()?);
        if last.existing == Existing::Replace {
            remove(&last.path)?;
            sync_dir(folder_of(&last.path))?;
        }
        let placed = first.path.clone();
        first.place()?;
        last.place().inspect_err(|_| {
            // Alone it is of no use; that it stays is told by nobody but the next who writes it.
            let _ = remove(&placed);
        })
    }

    fn synced(self) -> Result<Synced, FileError> {
        let error = |source| FileError::new("cannot write", &self.path, source);
        let temporary = self
            .writer
            .into_inner()
            .map_err(|failed| error(failed.into_error()))?;
        if let Some(permissions) = self.permissions {
            let set = temporary.as_file().set_permissions(permissions);
            set.map_err(error)?;
        }
        temporary.as_file().sync_all().map_err(error)?;
        Ok(Synced {
            temporary,
            path: self.path,
            existing: self.existing,
        })
    }
}

/// Whole, on the disk, and not at its path yet.
struct Synced {
    temporary: NamedTempFile,
    path: PathBuf,
    existing: Existing,
}

impl Synced {
    fn place(self) -> Result<(), FileError> {
        let moved = match self.existing {
            Existing::Replace => self.temporary.persist(&self.path),
            Existing::Keep => persist_new(self.temporary, &self.path),
        };
        moved.map_err(|failed| FileError::new("cannot write", &self.path, failed.error))?;
        sync_dir(folder_of(&self.path))
    }
}

/// Takes the place of nothing. Some file systems cannot promise that; there it is looked at just before.
fn persist_new(
    temporary: NamedTempFile,
    path: &Path,
) -> Result<std::fs::File, tempfile::PersistError> {
    temporary.persist_noclobber(path).or_else(|failed| {
        let is_taken = failed.error.kind() == ErrorKind::AlreadyExists;
        match is_taken || path.symlink_metadata().is_ok() {
            true => Err(failed),
            false => failed.file.persist(path),
        }
    })
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
    let mut file = AtomicFile::start(path.to_owned(), Existing::Keep, None)?;
    file.write_all(bytes)
        .map_err(|source| FileError::new("cannot write", path, source))?;
    file.commit()
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
    fn of_a_pair_the_last_is_never_beside_another_first() {
        let folder = tempfile::tempdir().unwrap();
        let (first, last) = (folder.path().join("a.txt"), folder.path().join("a.npy"));
        let pair = |existing, text: &[u8]| {
            let [mut one, mut two] = [&first, &last]
                .map(|path| AtomicFile::start(path.clone(), existing, None).unwrap());
            one.write_all(text).unwrap();
            two.write_all(text).unwrap();
            AtomicFile::commit_both(one, two)
        };
        pair(Existing::Replace, b"one").unwrap();
        pair(Existing::Replace, b"two").unwrap();
        let read = |path: &Path| fs::read(path).ok();
        assert_eq!(
            (read(&first), read(&last)),
            (Some(b"two".to_vec()), Some(b"two".to_vec()))
        );
        // The first cannot come to its place, which stands for a power cut just before.
        fs::remove_file(&first).unwrap();
        fs::create_dir(&first).unwrap();
        assert!(pair(Existing::Replace, b"three").is_err());
        assert!(!last.exists(), "numbers stay beside no other names");
        // The last cannot: somebody has put another there.
        fs::remove_dir(&first).unwrap();
        fs::write(&last, b"theirs").unwrap();
        assert!(pair(Existing::Keep, b"four").is_err());
        assert_eq!(
            (read(&first), read(&last)),
            (None, Some(b"theirs".to_vec()))
        );
    }

    #[test]
    fn keys_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write_new(&path, b"one").unwrap();
        assert_eq!(
            write_new(&path, b"two").unwrap_err().kind(),
            ErrorKind::AlreadyExists
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
