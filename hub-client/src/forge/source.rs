//! A graph file to make something of.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use registry_schema::onnx::{Anatomy, KnownValue, anatomy, names_in};

use super::ForgeError;
use crate::files::FileError;

/// A graph file, and where everything is in it.
#[derive(Debug, Clone)]
pub struct GraphFile {
    path: PathBuf,
    size_bytes: u64,
    anatomy: Anatomy,
}

impl GraphFile {
    /// Reads where everything is; weights are passed over.
    ///
    /// # Errors
    /// [`ForgeError::Graph`] when it is no graph file, or one with external data.
    pub fn open(path: &Path) -> Result<Self, ForgeError> {
        let file = open(path)?;
        let error = |source| FileError::new("cannot read", path, source);
        let size_bytes = file.metadata().map_err(error)?.len();
        let anatomy = anatomy(file, size_bytes).map_err(|source| ForgeError::Graph {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            size_bytes,
            anatomy,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Where everything is in it.
    pub fn anatomy(&self) -> &Anatomy {
        &self.anatomy
    }

    /// What follows of its values without running it.
    pub(super) fn into_known(self) -> HashMap<String, KnownValue> {
        self.anatomy.known
    }

    /// Every name in it.
    pub(super) fn names(&self) -> Result<HashSet<String>, ForgeError> {
        names_in(self.reader()?, self.size_bytes).map_err(|source| ForgeError::Graph {
            path: self.path.clone(),
            source,
        })
    }

    /// The file, to copy from.
    pub(super) fn reader(&self) -> Result<BufReader<File>, FileError> {
        Ok(BufReader::new(open(&self.path)?))
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|source| FileError::new("cannot read", path, source))
}
