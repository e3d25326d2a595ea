//! Where the files of a log come from: a hub, or a folder that holds a copy.

use std::fmt::Debug;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use crate::files::{self, FileError};
use crate::registry::{Registry, RegistryError};

/// A file of a log, or `None` when it is not there.
pub type Fetched<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, LogSourceError>> + Send + 'a>>;

/// Files of a log by their paths below its prefix, such as `checkpoint` or `tile/0/x001/067` (C2SP
/// `tlog-tiles`). What it gives is only claims.
pub trait LogSource: Debug + Send + Sync {
    /// A file of at most `limit_bytes`; `None` when it is not there.
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: usize) -> Fetched<'a>;
}

/// A hub.
#[derive(Clone, Debug)]
pub struct HubLog(pub Registry);

impl LogSource for HubLog {
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: usize) -> Fetched<'a> {
        Box::pin(async move { Ok(self.0.log_file(path, limit_bytes).await?) })
    }
}

/// A folder laid out as a hub serves its log: `checkpoint`, `tile/…`.
#[derive(Clone, Debug)]
pub struct FolderLog(pub PathBuf);

impl LogSource for FolderLog {
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: usize) -> Fetched<'a> {
        let found = match files::read_limited(&self.0.join(path), limit_bytes as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::into(error)),
        };
        Box::pin(async move { found })
    }
}

/// A file of a log cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LogSourceError {
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
