//! Files that stay open: written at given places, locked between processes, still those of their names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::FileError;
use super::folders::{create_private_dir, folder_of};

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_lock_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::acquire(&path).unwrap();
        assert!(FileLock::try_acquire(&path).unwrap().is_none());
        drop(held);
        assert!(FileLock::try_acquire(&path).unwrap().is_some());
    }
}
