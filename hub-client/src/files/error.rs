//! What every failure with a file says: what was done, to which file, and why not.

use std::io;
use std::path::{Path, PathBuf};

use super::destination::Taken;

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

    /// Whether it failed because there is a file that may be replaced when the user says so
    /// ([`Existing::Replace`](super::Existing::Replace)).
    pub fn is_taken(&self) -> bool {
        let Some(inner) = self.source.get_ref() else {
            return false;
        };
        inner.is::<Taken>()
    }
}
