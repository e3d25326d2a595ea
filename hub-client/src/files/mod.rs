//! The only door through which this crate writes files.
//!
//! A file appears whole or not at all: it is written beside its place, synced, then renamed, and
//! the folder is synced so that the rename survives a power cut. Folders are 0700 and files 0600,
//! because what lies under `HUB_HOME` is private.

mod staged;
mod work;

pub use staged::StagedFolder;
pub use work::WorkFolder;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use registry_schema::digest::{Digest, Hasher};
use tempfile::NamedTempFile;

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

/// Makes a folder and its parents, 0700; new ones are there after a power cut.
///
/// # Errors
/// [`FileError`] naming the folder.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder
        .create(path)
        .map_err(|source| FileError::new("cannot make folder", path, source))?;
    // The name of each new folder is kept by the one around it, outermost first.
    missing
        .into_iter()
        .rev()
        .map(folder_of)
        .try_for_each(sync_dir)
}

/// Opens a file for reading and appending at given places, 0600, made when missing.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn open_read_write(path: &Path) -> Result<File, FileError> {
    create_private_dir(folder_of(path))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    options.mode(0o600);
    options
        .open(path)
        .map_err(|source| FileError::new("cannot open", path, source))
}

/// Whether a path still names the file that was opened by it: not when somebody has put another in its
/// place, or removed it.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn is_still(path: &Path, file: &File) -> Result<bool, FileError> {
    let error = |source| FileError::new("cannot look at", path, source);
    let opened = file.metadata().map_err(error)?;
    let named = match fs::metadata(path) {
        Ok(named) => named,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(error(source)),
    };
    #[cfg(unix)]
    let is_same = {
        use std::os::unix::fs::MetadataExt as _;
        (opened.dev(), opened.ino()) == (named.dev(), named.ino())
    };
    #[cfg(not(unix))]
    let is_same = opened.len() == named.len();
    Ok(is_same)
}

/// Makes the name of a new file durable.
///
/// # Errors
/// [`FileError`] naming the folder.
pub fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    sync_dir(folder_of(path))
}

/// Moves a finished file to its place and makes the move durable.
///
/// # Errors
/// [`FileError`] naming the destination.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    create_private_dir(folder_of(to))?;
    fs::rename(from, to).map_err(|source| FileError::new("cannot write", to, source))?;
    sync_dir(folder_of(to))
}

/// Removes a file; one that is not there is no error.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("cannot remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Removes a folder with all in it; one that is not there is no error.
///
/// # Errors
/// [`FileError`] naming the folder.
pub fn remove_dir(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("cannot remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Reads a text or JSON file of at most `limit_bytes`.
///
/// # Errors
/// [`FileError`] naming the path; a file past the limit is not read.
pub fn read_limited(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
    let error = |source| FileError::new("cannot read", path, source);
    let file = File::open(path).map_err(error)?;
    let mut bytes = Vec::new();
    let read = file
        .take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    if read as u64 > limit_bytes {
        let message = format!("larger than the limit of {limit_bytes} bytes");
        return Err(error(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}

/// Reads at most `limit_bytes` from the start of a file.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn read_start(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
    let error = |source| FileError::new("cannot read", path, source);
    let mut start = Vec::new();
    File::open(path)
        .map_err(error)?
        .take(limit_bytes)
        .read_to_end(&mut start)
        .map_err(error)?;
    Ok(start)
}

/// SHA-256 of a file, read in pieces.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn digest_of_file(path: &Path) -> Result<Digest, FileError> {
    let error = |source| FileError::new("cannot read", path, source);
    let file = File::open(path).map_err(error)?;
    Ok(hash(file).map_err(error)?.0)
}

/// SHA-256 and length of what is read.
fn hash(mut from: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut piece = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok((hasher.finish(), length));
        }
        hasher.update(&piece[..read]);
        length += read as u64;
    }
}

/// The digest of a regular file; `None` when it is something else or has another length.
///
/// # Errors
/// [`FileError`] naming the path.
pub fn digest(path: &Path, size_bytes: u64) -> Result<Option<Digest>, FileError> {
    let error = |source| FileError::new("cannot read", path, source);
    let found = fs::symlink_metadata(path).map_err(error)?;
    if !found.is_file() || found.len() != size_bytes {
        return Ok(None);
    }
    let file = File::open(path).map_err(error)?.take(size_bytes + 1);
    let (digest, length) = hash(file).map_err(error)?;
    Ok((length == size_bytes).then_some(digest))
}

/// A private folder that is gone when it is dropped.
///
/// # Errors
/// [`FileError`] when there is no place for it.
pub fn scratch_dir() -> Result<tempfile::TempDir, FileError> {
    let place = std::env::temp_dir();
    let made = tempfile::Builder::new().prefix("hub-").tempdir();
    made.map_err(|source| FileError::new("cannot make a folder in", place, source))
}

/// Waits for, and holds, an exclusive lock between processes; released when dropped, also when the
/// process dies.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Waits until the lock is free.
    ///
    /// # Errors
    /// [`FileError`] naming the lock's file.
    pub fn acquire(path: &Path) -> Result<Self, FileError> {
        let file = open_read_write(path)?;
        file.lock()
            .map_err(|source| FileError::new("cannot lock", path, source))?;
        Ok(Self(file))
    }

    /// Waits for, and holds, the lock together with others that share it; whoever wants it alone
    /// waits for all of them.
    ///
    /// # Errors
    /// [`FileError`] naming the lock's file.
    pub fn share(path: &Path) -> Result<Self, FileError> {
        let file = open_read_write(path)?;
        file.lock_shared()
            .map_err(|source| FileError::new("cannot lock", path, source))?;
        Ok(Self(file))
    }

    /// The lock when it is free, `None` when another process holds it.
    ///
    /// # Errors
    /// [`FileError`] naming the lock's file.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, FileError> {
        let file = open_read_write(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(FileError::new("cannot lock", path, source)),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file releases the lock as well; a failure here changes nothing.
        let _ = self.0.unlock();
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn sync_dir(path: &Path) -> Result<(), FileError> {
    // Windows has no handle on folders; its renames are journalled.
    if cfg!(unix) {
        let synced = File::open(path).and_then(|folder| folder.sync_all());
        synced.map_err(|source| FileError::new("cannot sync folder", path, source))?;
    }
    Ok(())
}

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{}`", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FileError {
    /// An error for `action` ("cannot read") on a path.
    pub fn new(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            action,
            path: path.into(),
            source,
        }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
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

    #[test]
    fn a_lock_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::acquire(&path).unwrap();
        assert!(FileLock::try_acquire(&path).unwrap().is_none());
        drop(held);
        assert!(FileLock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn files_past_the_limit_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        write_atomic(&path, &[0; 100]).unwrap();
        assert!(read_limited(&path, 99).is_err());
        assert_eq!(read_limited(&path, 100).unwrap().len(), 100);
    }
}
