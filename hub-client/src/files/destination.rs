//! Files at paths that a user names.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::FileError;

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// The new one takes its place, with its permissions; where the path is a link, that of the file the
    /// link leads to.
    Replace,
}

/// A path that a user has named for a file, looked at before anything slow is done for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    path: PathBuf,
    existing: Existing,
}

impl Destination {
    /// Looks at what is there.
    ///
    /// # Errors
    /// [`FileError`] when something is there and is to be kept, or is no file: a folder or a device is
    /// never replaced.
    pub fn new(path: impl Into<PathBuf>, existing: Existing) -> Result<Self, FileError> {
        let new = Self {
            path: path.into(),
            existing,
        };
        new.settle()?;
        Ok(new)
    }

    /// As it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What becomes of a file that is there already.
    pub fn existing(&self) -> Existing {
        self.existing
    }

    /// Another file that comes with this one, by the same rule.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn beside(&self, extension: &str) -> Result<Self, FileError> {
        Self::new(self.path.with_extension(extension), self.existing)
    }

    /// Where the file goes, and the permissions of the one whose place it takes.
    pub(super) fn settle(&self) -> Result<(PathBuf, Option<Permissions>), FileError> {
        let error = |source| FileError::new("cannot write", &self.path, source);
        match fs::symlink_metadata(&self.path) {
            Err(source) if source.kind() == ErrorKind::NotFound => {
                return Ok((self.path.clone(), None));
            }
            Err(source) => return Err(error(source)),
            Ok(_) if self.existing == Existing::Keep => {
                return Err(error(io::Error::new(ErrorKind::AlreadyExists, Taken)));
            }
            Ok(_) => {}
        }
        let path = fs::canonicalize(&self.path).map_err(error)?;
        let found = fs::metadata(&path).map_err(error)?;
        if !found.is_file() {
            return Err(error(io::Error::other("what is there is no file")));
        }
        Ok((path, Some(found.permissions())))
    }
}

/// Why a file was not written that may take the place of another when the user says so.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is a file already")]
pub(crate) struct Taken;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Write;

    use super::*;
    use crate::files::AtomicFile;

    fn write(path: &Path, existing: Existing, text: &str) -> Result<(), FileError> {
        let mut file = AtomicFile::create_at(&Destination::new(path, existing)?)?;
        file.write_all(text.as_bytes()).unwrap();
        file.commit()
    }

    #[test]
    fn a_file_is_replaced_only_when_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, Existing::Keep, "one").unwrap();
        let refused = write(&path, Existing::Keep, "two").unwrap_err();
        assert!(refused.is_taken());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, Existing::Replace, "three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
    }

    #[test]
    fn one_that_came_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let destination = Destination::new(&path, Existing::Keep).unwrap();
        let late = AtomicFile::create_at(&destination).unwrap();
        write(&path, Existing::Keep, "one").unwrap();
        assert_eq!(late.commit().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(AtomicFile::create_at(&destination).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/null")] {
            assert!(Destination::new(path, Existing::Replace).is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_replaced_keeps_its_permissions_and_the_links_to_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.txt"), folder.path().join("link.txt"));
        write(&path, Existing::Keep, "one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        symlink("a.txt", &link).unwrap();
        assert!(write(&link, Existing::Keep, "two").is_err());
        write(&link, Existing::Replace, "two").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o664);
    }
}
