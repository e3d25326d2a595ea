//! Small files and folders of the hub itself, written so that they are there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::BlobError;

/// Makes a folder that only its owner can enter, unless it is there.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), BlobError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| BlobError::new("make", path, source))
}

/// What happens to a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and writing fails.
    Stays,
    /// The new one takes its place.
    IsReplaced,
}

/// Writes a small file that only its owner can read, and waits until it is on the disk. It appears
/// whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), BlobError> {
    use std::os::unix::fs::OpenOptionsExt;
    // No other process writes under this name, and what a dead one left is no loss.
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| match existing {
            // Unlike a rename, a second name is refused where there is a file.
            Existing::Stays => fs::hard_link(&unfinished, path),
            Existing::IsReplaced => fs::rename(&unfinished, path),
        });
    if existing == Existing::Stays || written.is_err() {
        // Nobody reads it; the next writer's takes its place.
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(|source| BlobError::new("write", path, source))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Whether there is a file. One that cannot be looked at is not taken for absent.
pub(crate) fn is_there(path: &Path) -> Result<bool, BlobError> {
    fs::exists(path).map_err(|source| BlobError::new("look at", path, source))
}

/// Locks a file, which is made if it is missing, as long as what is given back lives; `None` when another process
/// has it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>, BlobError> {
    let error = |source| BlobError::new("lock", path, source);
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(error)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(source)) => Err(error(source)),
    }
}

/// Writes a folder's list of names to the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<(), BlobError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| BlobError::new("sync", path, source))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_appears_whole_and_in_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        write_file(&path, b"first", Existing::Stays).unwrap();
        write_file(&path, b"second", Existing::Stays).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_file(&path, b"third", Existing::IsReplaced).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
