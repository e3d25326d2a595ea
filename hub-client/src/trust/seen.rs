//! Metadata as soon as it was verified, on the disk: what was seen once is the floor for all times.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use registry_schema::limits;
use registry_schema::tuf::bundle::Bundle;
use sigstore_tuf::{Error, MetadataStore, Result};

use crate::files::{self, FileError};

/// The files that `sigstore-tuf` has verified, by its own names for them (`timestamp.json`,
/// `root_history/2.root.json`).
#[derive(Clone, Debug)]
pub(super) struct Seen {
    folder: PathBuf,
    /// What the last whole state holds, for files that are not in the folder.
    kept: Arc<BTreeMap<String, String>>,
    /// The first file that could not be written: the crate goes on, we do not.
    fault: Arc<Mutex<Option<FileError>>>,
}

impl Seen {
    pub(super) fn new(folder: PathBuf, kept: Option<&Bundle>) -> Self {
        let mut files = BTreeMap::new();
        if let Some(bundle) = kept {
            files.insert("timestamp.json".to_owned(), bundle.timestamp.clone());
            files.insert("snapshot.json".to_owned(), bundle.snapshot.clone());
            files.insert("targets.json".to_owned(), bundle.targets.clone());
            for root in &bundle.roots {
                if let Some(version) = version_of(root) {
                    let name = format!("root_history/{version}.root.json");
                    files.insert(name, root.clone());
                }
            }
        }
        Self {
            folder,
            kept: Arc::new(files),
            fault: Arc::default(),
        }
    }

    /// What went wrong on the disk.
    pub(super) fn fault(&self) -> std::result::Result<(), FileError> {
        let fault = self.fault.lock().map(|mut fault| fault.take());
        match fault {
            Ok(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// A file as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        String::from_utf8(self.load(name).ok()??).ok()
    }
}

impl MetadataStore for Seen {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match files::read_limited(&self.folder.join(name), limits::TUF_TARGETS_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(self.kept.get(name).map(|text| text.clone().into_bytes()))
            }
            Err(error) => {
                let kind = error.kind();
                Err(Error::io(error.to_string(), kind.into()))
            }
        }
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<()> {
        // `2.snapshot.json` is there as `snapshot.json` too, and versions would pile up.
        let is_numbered = name.starts_with(|c: char| c.is_ascii_digit());
        if is_numbered || self.load(name)?.as_deref() == Some(bytes) {
            return Ok(());
        }
        files::write_atomic(self.folder.join(name), bytes).map_err(|error| {
            let (words, kind) = (error.to_string(), error.kind());
            if let Ok(mut fault) = self.fault.lock() {
                fault.get_or_insert(error);
            }
            Error::io(words, kind.into())
        })
    }
}

/// The version in a file of metadata.
pub(super) fn version_of(text: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.get("signed")?.get("version")?.as_u64()
}
