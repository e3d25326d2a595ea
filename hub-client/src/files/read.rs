//! Reading no more than a limit, and digests.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use registry_schema::digest::{Digest, Hasher};

use super::FileError;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::files::write_atomic;

    #[test]
    fn files_past_the_limit_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        write_atomic(&path, &[0; 100]).unwrap();
        assert!(read_limited(&path, 99).is_err());
        assert_eq!(read_limited(&path, 100).unwrap().len(), 100);
    }
}
