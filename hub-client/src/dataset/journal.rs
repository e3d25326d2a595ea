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

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use super::DatasetError;
use super::formats::LABEL_FILE_BYTES;
use super::label_state::{Deed, JournalEntry, LabelState};
use super::labels::{Line, Place};
use crate::files::{self, FileError};

/// The first line.
const HEADER: &str = "{\"hub_labels\":1}\n";

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

#[derive(Clone, Debug, PartialEq, Eq)]
struct Action {
    number: u64,
    at: Timestamp,
    deed: Deed,
    undo: Option<u64>,
}

/// An action as it is written: the deed's parts are the line's own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionLine {
    number: u64,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<Vec<JournalEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<u64>,
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
        let line = ActionLine::from(action.clone());
        let line = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
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

impl From<Action> for ActionLine {
    fn from(action: Action) -> Self {
        Self {
            number: action.number,
            at: action.at,
            set: action.deed.set,
            classes: action.deed.classes,
            undo: action.undo,
        }
    }
}

impl From<ActionLine> for Action {
    fn from(line: ActionLine) -> Self {
        Self {
            number: line.number,
            at: line.at,
            deed: Deed {
                set: line.set,
                classes: line.classes,
            },
            undo: line.undo,
        }
    }
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

/// Whether a file's content is that of a journal, of whatever version.
pub(super) fn is_journal(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\"hub_labels\":")
}

/// The labels of a journal as lines of a file of labels.
pub(super) fn lines(file: &Path, bytes: &[u8]) -> Result<Vec<Line>, DatasetError> {
    let current = replay(&parse(file, whole_lines(bytes))?).labelled();
    if current.is_empty() {
        return Err(DatasetError::NoLabels {
            file: file.to_owned(),
        });
    }
    let line = |(number, (image, (path, label))): (u64, (Digest, (String, String)))| {
        Ok(Line::new(file, Place::Entry(number), path, &label)?.of_content(image))
    };
    (1..).zip(current).map(line).collect()
}

fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    &bytes[..end.map_or(0, |end| end + 1)]
}

fn parse(file: &Path, bytes: &[u8]) -> Result<Vec<Action>, DatasetError> {
    let problem = |line: u64, problem: String| DatasetError::Line {
        file: file.to_owned(),
        line,
        problem,
    };
    let Some(rest) = bytes.strip_prefix(HEADER.as_bytes()) else {
        return Err(if is_journal(bytes) {
            let problem_text = "is of a newer version than this program understands";
            problem(1, problem_text.to_owned())
        } else {
            DatasetError::NotAJournal {
                file: file.to_owned(),
            }
        });
    };
    let mut actions: Vec<Action> = Vec::new();
    for (number, line) in (2..).zip(rest.split_inclusive(|&byte| byte == b'\n')) {
        let action: ActionLine = serde_json::from_slice(line)
            .map_err(|error| problem(number, format!("cannot be understood: {error}")))?;
        let action = Action::from(action);
        let follows = actions
            .last()
            .is_none_or(|last| last.number < action.number);
        let points_back = action.undo.is_none_or(|undone| undone < action.number);
        if !follows || !points_back || action.deed.is_empty() == action.undo.is_none() {
            return Err(problem(number, "is no action that could follow".to_owned()));
        }
        actions.push(action);
    }
    Ok(actions)
}

/// The actions that were not undone.
fn standing(actions: &[Action]) -> Vec<&Action> {
    let undone: std::collections::BTreeSet<u64> =
        actions.iter().filter_map(|one| one.undo).collect();
    let stands = |action: &&Action| action.undo.is_none() && !undone.contains(&action.number);
    actions.iter().filter(stands).collect()
}

fn replay(actions: &[Action]) -> LabelState {
    let mut state = LabelState::default();
    for action in standing(actions) {
        state.apply(&action.deed);
    }
    state
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn entry(image: &str, label: Option<&str>) -> JournalEntry {
        JournalEntry::new(
            Digest::of(image.as_bytes()),
            image,
            label.map(str::to_owned),
        )
    }

    fn labels(journal: &LabelJournal) -> Vec<(String, String)> {
        let mut labels: Vec<_> = journal.current().into_values().collect();
        labels.sort();
        labels
    }

    fn pair(path: &str, label: &str) -> (String, String) {
        (path.to_owned(), label.to_owned())
    }

    #[test]
    fn nothing_is_written_into_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.jsonl");
        let at = Timestamp::UNIX_EPOCH;
        let mut journal = LabelJournal::open(&path).unwrap();
        journal.set(vec![entry("a", Some("x"))], at).unwrap();
        journal.forget().unwrap();
        assert!(labels(&journal).is_empty() && !journal.can_undo());
        journal.set(vec![entry("a", Some("y"))], at).unwrap();
        files::remove(&path).unwrap();
        let refused = journal.set(vec![entry("b", Some("x"))], at);
        assert!(matches!(refused, Err(DatasetError::JournalReplaced { .. })));
        assert_eq!(labels(&journal), [pair("a", "y")]);
        // Another file in its place is not this one either.
        let _other = LabelJournal::open(&path).unwrap();
        assert!(matches!(
            journal.forget(),
            Err(DatasetError::JournalReplaced { .. })
        ));
    }

    #[test]
    fn what_was_done_can_be_undone_step_by_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.jsonl");
        let at = Timestamp::UNIX_EPOCH;
        let mut journal = LabelJournal::open(&path).unwrap();
        journal
            .set(vec![entry("a", Some("x")), entry("b", Some("y"))], at)
            .unwrap();
        journal
            .set(vec![entry("a", Some("z")), entry("b", None)], at)
            .unwrap();
        assert_eq!(labels(&journal), [pair("a", "z")]);
        drop(journal);
        let mut journal = LabelJournal::open(&path).unwrap();
        let undone = journal.undo(at).unwrap().unwrap();
        assert_eq!((undone.number, undone.deed.images()), (2, 2));
        assert_eq!(labels(&journal), [pair("a", "x"), pair("b", "y")]);
        assert_eq!(journal.undo(at).unwrap().map(|one| one.number), Some(1));
        assert_eq!(journal.undo(at).unwrap(), None);
        assert_eq!(journal.set(vec![entry("c", Some("w"))], at).unwrap(), 5);
        assert_eq!(labels(&journal), [pair("c", "w")]);
    }

    #[test]
    fn a_write_that_was_cut_off_costs_that_action_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.jsonl");
        let at = Timestamp::UNIX_EPOCH;
        let mut journal = LabelJournal::open(&path).unwrap();
        journal.set(vec![entry("a", Some("x"))], at).unwrap();
        let first = std::fs::read(&path).unwrap();
        journal.set(vec![entry("b", Some("y"))], at).unwrap();
        drop(journal);
        let both = std::fs::read(&path).unwrap();
        for cut in 0..both.len() {
            std::fs::write(&path, &both[..cut]).unwrap();
            let mut journal = LabelJournal::open(&path).unwrap();
            let expected = usize::from(cut >= first.len());
            assert_eq!(journal.current().len(), expected, "cut at {cut}");
            journal.set(vec![entry("c", Some("z"))], at).unwrap();
            drop(journal);
            assert_eq!(
                LabelJournal::open(&path).unwrap().current().len(),
                expected + 1
            );
        }
    }

    #[test]
    fn a_journal_that_is_too_long_is_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.jsonl");
        let at = Timestamp::UNIX_EPOCH;
        let mut journal = LabelJournal::open(&path).unwrap();
        journal.set(vec![entry("a", Some("x"))], at).unwrap();
        let before = std::fs::read(&path).unwrap();
        // As if there were that much already.
        journal.whole = LABEL_FILE_BYTES - 10;
        let refused = journal.set(vec![entry("b", Some("y"))], at);
        assert!(matches!(refused, Err(DatasetError::JournalTooLong { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(journal.current().len(), 1);
        drop(journal);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(LABEL_FILE_BYTES + 1).unwrap();
        let refused = LabelJournal::open(&path);
        assert!(matches!(refused, Err(DatasetError::JournalTooLong { .. })));
        assert_eq!(file.metadata().unwrap().len(), LABEL_FILE_BYTES + 1);
    }

    #[test]
    fn other_files_are_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        for (text, words) in [
            ("path,label\na.png,x\n", "is no journal of labels"),
            ("{\"hub_labels\":2}\n", "newer version"),
            ("{\"hub_labels\":1}\n{\"number\":1}\n", "line 2"),
            (
                "{\"hub_labels\":1}\n{\"number\":1,\"at\":\"2026-01-01T00:00:00Z\",\"undo\":1}\n",
                "no action that could follow",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = LabelJournal::open(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
