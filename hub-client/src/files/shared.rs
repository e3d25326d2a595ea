//! Files that several people change in turn.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::destination::Existing;
use super::{AtomicFile, FileError, is_still, read_limited};

/// A file that is there, held while it is read, changed and written: of two who change it at once, the second
/// sees what the first has written. Whoever only reads it waits for nobody.
#[derive(Debug)]
pub struct SharedFile {
    path: PathBuf,
    permissions: Permissions,
    /// Open, and locked where the file system knows locks; closing it ends that.
    held: File,
}

impl SharedFile {
    /// Waits until nobody else holds it.
    ///
    /// # Errors
    /// [`FileError`] when it is not there or cannot be opened.
    pub fn hold(path: &Path) -> Result<Self, FileError> {
        let error = |source| FileError::new("cannot open", path, source);
        // Where the path is a link, what it leads to is what changes.
        let path = fs::canonicalize(path).map_err(error)?;
        loop {
            let held = open(&path).map_err(error)?;
            match held.lock() {
                Err(source) if source.kind() == ErrorKind::Interrupted => {
                    return Err(FileError::new("cannot lock", path, source));
                }
                // Some network file systems know no locks. What is left then is to read and write at once.
                _ => {}
            }
            // Whoever held it before has put another file in its place.
            if is_still(&path, &held)? {
                let permissions = held.metadata().map_err(error)?.permissions();
                return Ok(Self {
                    path,
                    permissions,
                    held,
                });
            }
        }
    }

    /// What it holds now.
    ///
    /// # Errors
    /// [`FileError`]; a file past the limit is not read.
    pub fn read(&self, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
        read_limited(&self.path, limit_bytes)
    }

    /// Puts other bytes in its place, with the same permissions.
    ///
    /// # Errors
    /// [`FileError`]; the file is then as it was.
    pub fn replace(self, bytes: &[u8]) -> Result<(), FileError> {
        let (path, permissions) = (self.path, Some(self.permissions));
        // Windows replaces no file that is open.
        let _held = cfg!(not(windows)).then_some(self.held);
        let mut file = AtomicFile::start(path.clone(), Existing::Replace, permissions)?;
        file.write_all(bytes)
            .map_err(|source| FileError::new("cannot write", path, source))?;
        file.commit()
    }
}

/// For writing where that may be: some file systems lock nothing else.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .open(path)
        .or_else(|failed| match failed.kind() {
            ErrorKind::PermissionDenied => File::open(path),
            _ => Err(failed),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::files::write_new;

    #[test]
    fn what_others_write_at_the_same_time_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        write_new(&path, b"").unwrap();
        std::thread::scope(|scope| {
            for person in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for line in 0..10 {
                        let held = SharedFile::hold(path).unwrap();
                        let mut bytes = held.read(1 << 16).unwrap();
                        bytes.extend_from_slice(format!("{person} {line}\n").as_bytes());
                        held.replace(&bytes).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 40);
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "no file for the lock stays");
    }

    #[cfg(unix)]
    #[test]
    fn others_can_read_it_afterwards_as_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        write_new(&path, b"one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        SharedFile::hold(&path).unwrap().replace(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o664);
    }

    #[test]
    fn one_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SharedFile::hold(&folder.path().join("x")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
