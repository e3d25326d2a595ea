//! Folders, and what is named in them; names are there after a power cut.

use std::fs::{self, File};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::FileError;

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

/// A private folder that is gone when it is dropped.
///
/// # Errors
/// [`FileError`] when there is no place for it.
pub fn scratch_dir() -> Result<tempfile::TempDir, FileError> {
    let place = std::env::temp_dir();
    let made = tempfile::Builder::new().prefix("hub-").tempdir();
    made.map_err(|source| FileError::new("cannot make a folder in", place, source))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

pub(super) fn sync_dir(path: &Path) -> Result<(), FileError> {
    // Windows has no handle on folders; its renames are journalled.
    if cfg!(unix) {
        let synced = File::open(path).and_then(|folder| folder.sync_all());
        synced.map_err(|source| FileError::new("cannot sync folder", path, source))?;
    }
    Ok(())
}
