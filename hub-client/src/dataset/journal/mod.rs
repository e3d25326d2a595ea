//! Labels as they were given, one action a line, never written over: whatever happened can be undone.
//!
//! ```no_run
//! use hub_client::dataset::{JournalEntry, LabelJournal};
//! use registry_schema::digest::Digest;
//! let mut journal = LabelJournal::open("labels.jsonl".as_ref())?;
//! let image = Digest::of(b"the bytes of the picture");
//! let entry = JournalEntry::new(image, "scans/1.png", Some("passport".into()));
//! journal.set(vec![entry], "2026-01-02T03:04:05Z".parse().unwrap())?;
//! assert_eq!(journal.current().len(), 1);
//! # Ok::<(), hub_client::dataset::DatasetError>(())
//! ```
//!
//! The file is text: `{"hub_labels":1}`, then a line for each action, `{"number":1,"at":…,"set":[{"image":
//! "sha256:…","path":…,"label":…}, …]}` or `{"number":2,"at":…,"undo":1}`. An entry may have a `mark` in the
//! place of a label and a `check` beside it, an action the `classes` as they are after it. An image is known
//! by the SHA-256 of its bytes, so files may move; paths are for people. A last line without an end is of a
//! write that was cut off: it does not count, and the next action takes its place.

mod actions;

pub(super) use actions::{is_journal, lines};

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use registry_schema::digest::Digest;

use super::DatasetError;
use super::formats::LABEL_FILE_BYTES;
use super::label_state::{Deed, JournalEntry, LabelState};
use crate::files::{self, FileError};
use actions::{Action, HEADER, parse, replay, standing, whole_lines};

/// How long another command is waited for; a page that is open holds the file until it is closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether the other command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An append-only file of labels, held alone while it is open.
#[derive(Debug)]
pub struct LabelJournal {
    file: File,
    path: PathBuf,
    actions: Vec<Action>,
    /// What the actions have led to.
    state: Arc<LabelState>,
    /// Bytes of the whole lines.
    whole: u64,
}

/// An action that was undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Its number.
    pub number: u64,
    /// What it did.
    pub deed: Deed,
}

impl LabelJournal {
    /// Opens a journal, or starts one where there is no file. Waits two seconds for another process that
    /// holds it.
    ///
    /// # Errors
    /// [`DatasetError`]: in use, another kind of file, a line that cannot be understood, a newer version.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let failed = |source| FileError::new("cannot read", path, source);
        let mut file = files::open_read_write(path)?;
        lock(&file, path)?;
        check_size(path, file.metadata().map_err(failed)?.len())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = whole_lines(&bytes);
        let actions = if whole.is_empty() && HEADER.as_bytes().starts_with(&bytes) {
            Vec::new()
        } else {
            parse(path, whole)?
        };
        Ok(Self {
            whole: whole.len() as u64,
            file,
            path: path.to_owned(),
            state: Arc::new(replay(&actions)),
            actions,
        })
    }

    /// What is known of each image, and the classes.
    pub fn state(&self) -> Arc<LabelState> {
        self.state.clone()
    }

    /// The label of each image that has one, with the path it was last seen at.
    pub fn current(&self) -> BTreeMap<Digest, (String, String)> {
        self.state.labelled()
    }

    /// Whether there is an action that could be undone.
    pub fn can_undo(&self) -> bool {
        !standing(&self.actions).is_empty()
    }

    /// Labels images, as one action; its number.
    ///
    /// # Errors
    /// [`DatasetError`] when it cannot be written; what was there before stays.
    pub fn set(&mut self, entries: Vec<JournalEntry>, at: Timestamp) -> Result<u64, DatasetError> {
        self.record(Deed::labels(entries), at)
    }

    /// Writes an action down; its number. It counts once this has returned, whatever happens then.
    ///
    /// # Errors
    /// [`DatasetError`] when it cannot be written; what was there before stays.
    pub fn record(&mut self, deed: Deed, at: Timestamp) -> Result<u64, DatasetError> {
        let number = self.append(at, deed.clone(), None)?;
        Arc::make_mut(&mut self.state).apply(&deed);
        Ok(number)
    }

    /// Undoes the last action that was not undone; none when there is none. To do it again, its deed is
    /// recorded as a new action.
    ///
    /// # Errors
    /// [`DatasetError`] when it cannot be written.
    pub fn undo(&mut self, at: Timestamp) -> Result<Option<Undone>, DatasetError> {
        let Some(last) = standing(&self.actions).pop() else {
            return Ok(None);
        };
        let (number, deed) = (last.number, last.deed.clone());
        self.append(at, Deed::default(), Some(number))?;
        self.state = Arc::new(replay(&self.actions));
        Ok(Some(Undone { number, deed }))
    }

    /// Deletes all that was written into the file, which stays this one's alone.
    ///
    /// # Errors
    /// [`DatasetError`] when it cannot be emptied.
    pub fn forget(&mut self) -> Result<(), DatasetError> {
        self.check_place()?;
        let failed = |source| FileError::new("cannot empty", &self.path, source);
        self.file.set_len(0).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        self.whole = 0;
        self.actions.clear();
        self.state = Arc::new(replay(&self.actions));
        Ok(())
    }

    /// What goes into a file without a name is gone when it is closed.
    fn check_place(&self) -> Result<(), DatasetError> {
        if files::is_still(&self.path, &self.file)? {
            return Ok(());
        }
        Err(DatasetError::JournalReplaced {
            path: self.path.clone(),
        })
    }

    fn append(
        &mut self,
        at: Timestamp,
        deed: Deed,
        undo: Option<u64>,
    ) -> Result<u64, DatasetError> {
        let number = self.actions.last().map_or(1, |last| last.number + 1);
        let action = Action {
            number,
            at,
            deed,
            undo,
        };
        let failed = |source| FileError::new("cannot write", &self.path, source);
        let line = action.to_line().map_err(|error| failed(error.into()))?;
        let header = if self.whole == 0 { HEADER } else { "" };
        let text = format!("{header}{line}\n");
        check_size(&self.path, self.whole + text.len() as u64)?;
        self.check_place()?;
        // The line counts once its end is on the disk.
        let mut write = || {
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()
        };
        write().map_err(failed)?;
        if self.whole == 0 {
            files::sync_folder_of(&self.path)?;
        }
        self.whole += text.len() as u64;
        self.actions.push(action);
        Ok(number)
    }
}

/// A longer journal could not be read any more, and reading a part of it would cut off the rest.
fn check_size(file: &Path, size_bytes: u64) -> Result<(), DatasetError> {
    if size_bytes <= LABEL_FILE_BYTES {
        return Ok(());
    }
    Err(DatasetError::JournalTooLong {
        file: file.to_owned(),
        limit_bytes: LABEL_FILE_BYTES,
    })
}

/// Holds a file alone.
fn lock(file: &File, path: &Path) -> Result<(), DatasetError> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                std::thread::sleep(LOOK_EVERY);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(DatasetError::JournalInUse {
                    file: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(FileError::new("cannot lock", path, source).into());
            }
        }
    }
}

#[cfg(test)]
mod tests;
