//! Folders that appear whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::folders::{folder_of, sync_dir};
use super::{AtomicFile, FileError, create_private_dir, write_atomic};

/// A folder that appears at its path with all its files when [`StagedFolder::commit`] succeeds, and
/// not before. Dropped without a commit it leaves nothing.
#[derive(Debug)]
pub struct StagedFolder {
    temporary: TempDir,
    path: PathBuf,
}

impl StagedFolder {
    /// Starts a folder beside `path`, where there must be none yet, or an empty one.
    ///
    /// # Errors
    /// [`FileError`] when there is something, or the folder around it cannot be written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        let error = |source| FileError::new("cannot make folder", &path, source);
        match fs::read_dir(&path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(error(io::ErrorKind::DirectoryNotEmpty.into()));
                }
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(error(source)),
        }
        create_private_dir(folder_of(&path))?;
        let temporary = tempfile::Builder::new()
            .prefix(".hub-")
            .tempdir_in(folder_of(&path))
            .map_err(error)?;
        Ok(Self { temporary, path })
    }

    /// Where the files are until they are at their place.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// A new file in the folder, to be written and committed; folders on the way are made.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn file(&self, relative: &str) -> Result<AtomicFile, FileError> {
        AtomicFile::create(self.temporary.path().join(relative))
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), FileError> {
        write_atomic(self.temporary.path().join(relative), bytes)
    }

    /// Makes the folder visible.
    ///
    /// # Errors
    /// [`FileError`], also when something has come to its place meanwhile.
    pub fn commit(self) -> Result<(), FileError> {
        let error = |source| FileError::new("cannot make folder", &self.path, source);
        // Takes the place of an empty folder, and of nothing else.
        fs::rename(self.temporary.path(), &self.path).map_err(error)?;
        let _gone = self.temporary.keep();
        sync_dir(folder_of(&self.path))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("out");
        let staged = StagedFolder::create(&path).unwrap();
        staged.write("a/b.txt", b"x").unwrap();
        assert!(!path.exists());
        drop(staged);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);

        let staged = StagedFolder::create(&path).unwrap();
        staged.write("a/b.txt", b"x").unwrap();
        staged.commit().unwrap();
        assert_eq!(fs::read(path.join("a/b.txt")).unwrap(), b"x");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_an_empty_folder_gives_way() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("out");
        fs::create_dir(&path).unwrap();
        let staged = StagedFolder::create(&path).unwrap();
        staged.write("new", b"x").unwrap();
        fs::write(path.join("meanwhile"), b"y").unwrap();
        assert!(staged.commit().is_err());
        assert_eq!(
            StagedFolder::create(&path).unwrap_err().kind(),
            io::ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(fs::read(path.join("meanwhile")).unwrap(), b"y");
        fs::remove_file(path.join("meanwhile")).unwrap();
        StagedFolder::create(&path).unwrap().commit().unwrap();
    }
}
