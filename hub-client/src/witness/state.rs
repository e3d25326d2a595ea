//! What a witness remembers: the newest checkpoint of each log, a file each, written whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::checkpoint::{Checkpoint, Origin};
use registry_schema::log::note::{Note, VerifierKey};
use registry_schema::log::proof::TreeHead;

use super::WitnessError;
use crate::files::{self, FileError};

/// Most logs a folder may hold.
const LOGS: usize = 10_000;

/// Names a log in addresses and file names.
pub(super) fn origin_hash(origin: &Origin) -> String {
    Digest::of(origin.as_str().as_bytes()).to_hex()
}

/// The newest checkpoints, by [`origin_hash`].
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<String, (TreeHead, Note)>);

impl Memory {
    pub(super) fn head(&self, origin: &Origin) -> Option<TreeHead> {
        self.0.get(&origin_hash(origin)).map(|(head, _)| *head)
    }

    pub(super) fn note(&self, origin_hash: &str) -> Option<&Note> {
        self.0.get(origin_hash).map(|(_, note)| note)
    }

    pub(super) fn put(&mut self, origin: &Origin, head: TreeHead, note: Note) {
        self.0.insert(origin_hash(origin), (head, note));
    }
}

/// The folder the files are in.
#[derive(Debug)]
pub(super) struct StateFolder(PathBuf);

impl StateFolder {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.join("logs"))
    }

    /// Reads all of it; every file must hold a checkpoint that this witness cosigned, of the log its
    /// name says.
    pub(super) fn read(&self, key: &VerifierKey) -> Result<Memory, WitnessError> {
        files::create_private_dir(&self.0)?;
        let mut memory = Memory::default();
        let error = |source| FileError::new("cannot list", &self.0, source);
        for entry in std::fs::read_dir(&self.0).map_err(error)? {
            let path = entry.map_err(error)?.path();
            // What a write left that did not come to its end has another name.
            if path
                .extension()
                .is_none_or(|extension| extension != "checkpoint")
            {
                continue;
            }
            let changed = || WitnessError::Changed { path: path.clone() };
            let bytes = files::read_limited(&path, limits::NOTE_BYTES as u64)?;
            let note = Note::parse(&bytes).map_err(|_| changed())?;
            note.verify(&[key]).map_err(|_| changed())?;
            let checkpoint = Checkpoint::of_note(&note).map_err(|_| changed())?;
            if path != self.path(&checkpoint.origin) {
                return Err(changed());
            }
            if memory.0.len() == LOGS {
                return Err(WitnessError::TooManyLogs { limit: LOGS });
            }
            let head = TreeHead {
                size: checkpoint.size,
                root: checkpoint.root,
            };
            memory.put(&checkpoint.origin, head, note);
        }
        Ok(memory)
    }

    /// Writes the newest checkpoint of a log; it is on the disk when this returns.
    pub(super) fn write(&self, origin: &Origin, note: &Note) -> Result<(), FileError> {
        files::write_atomic(self.path(origin), note.to_string().as_bytes())
    }

    fn path(&self, origin: &Origin) -> PathBuf {
        self.0.join(format!("{}.checkpoint", origin_hash(origin)))
    }
}
