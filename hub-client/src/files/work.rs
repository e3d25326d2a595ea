//! Room for work that leaves nothing behind.

use std::path::{Path, PathBuf};

use super::{FileError, FileLock, create_private_dir, remove_dir};

/// A folder for one process at a time, empty when it is made and gone when it is dropped. What one that was killed
/// has left is removed by the next.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    _lock: FileLock,
}

impl WorkFolder {
    /// Waits until no other process has it.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be made or emptied.
    pub fn acquire(parent: &Path) -> Result<Self, FileError> {
        let lock = FileLock::acquire(&parent.join("lock"))?;
        let path = parent.join("work");
        remove_dir(&path)?;
        create_private_dir(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // The next one tries again.
        let _ = remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::files::write_atomic;

    #[test]
    fn it_is_empty_when_it_begins_and_gone_when_it_ends() {
        let parent = tempfile::tempdir().unwrap();
        // As a process that was killed leaves it.
        write_atomic(parent.path().join("work/a/left.txt"), b"x").unwrap();
        let work = WorkFolder::acquire(parent.path()).unwrap();
        assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0);
        write_atomic(work.path().join("b/new.txt"), b"x").unwrap();
        let path = work.path().to_owned();
        drop(work);
        assert!(!path.exists());
    }
}
