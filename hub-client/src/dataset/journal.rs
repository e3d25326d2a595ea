//! Labels as they were given, one action a line, never written over: whatever happened can be undone.
//!
//! ```no_run
//! use hub_client::dataset::{JournalEntry, LabelJournal};
//! use registry_schema::digest::Digest;
//! let mut journal = LabelJournal::open("labels.jsonl".as_ref())?;
//! let entry = JournalEntry {
//!     image: Digest::of(b"the bytes of the picture"),
//!     path: "scans/1.png".into(),
//!     label: Some("passport".into()),
//! };
//! journal.set(vec![entry], "2026-01-02T03:04:05Z".parse().unwrap())?;
//! assert_eq!(journal.current().len(), 1);
//! # Ok::<(), hub_client::dataset::DatasetError>(())
//! ```
//!
//! The file is text: `{"hub_labels":1}`, then a line for each action, `{"number":1,"at":…,"set":[{"image":
//! "sha256:…","path":…,"label":…}, …]}` or `{"number":2,"at":…,"undo":1}`. An image is known by the SHA-256
//! of its bytes, so files may move; paths are for people. A last line without an end is of a write that was
//! cut off: it does not count, and the next action takes its place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use super::DatasetError;
use super::formats::LABEL_FILE_BYTES;
use super::labels::{Line, Place};
use crate::files::{self, FileError};

/// The first line.
const HEADER: &str = "{\"hub_labels\":1}\n";

/// An append-only file of labels, held alone while it is open.
#[derive(Debug)]
pub struct LabelJournal {
    file: File,
    path: PathBuf,
    actions: Vec<Action>,
    /// Bytes of the whole lines.
    whole: u64,
}

/// An image that gets a label, or loses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// SHA-256 of the image's bytes.
    pub image: Digest,
    /// Where it was seen.
    pub path: String,
    /// Its label; none takes the label away.
    pub label: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    number: u64,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<Vec<JournalEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<u64>,
}

/// An action that was undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Its number.
    pub number: u64,
    /// How many images it was about.
    pub images: usize,
}

impl LabelJournal {
    /// Opens a journal, or starts one where there is no file. Waits while another process holds it.
    ///
    /// # Errors
    /// [`DatasetError`]: another kind of file, a line that cannot be understood, a newer version.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let failed = |source| FileError::new("cannot read", path, source);
        let mut file = files::open_read_write(path)?;
        file.lock().map_err(failed)?;
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
            actions,
        })
    }

    /// The label of each image that has one, with the path it was last seen at.
    pub fn current(&self) -> BTreeMap<Digest, (String, String)> {
        current(&self.actions)
    }

    /// Labels images, as one action; its number.
    ///
    /// # Errors
    /// [`DatasetError`] when it cannot be written; what was there before stays.
    pub fn set(&mut self, entries: Vec<JournalEntry>, at: Timestamp) -> Result<u64, DatasetError> {
        self.append(at, Some(entries), None)
    }

    /// Undoes the last action that was not undone; none when there is none.
    ///
    /// # Errors
    /// [`DatasetError`] when it cannot be written.
    pub fn undo(&mut self, at: Timestamp) -> Result<Option<Undone>, DatasetError> {
        let standing = standing(&self.actions);
        let Some(last) = standing.last() else {
            return Ok(None);
        };
        let undone = Undone {
            number: last.number,
            images: last.set.as_ref().map_or(0, Vec::len),
        };
        self.append(at, None, Some(undone.number))?;
        Ok(Some(undone))
    }

    fn append(
        &mut self,
        at: Timestamp,
        set: Option<Vec<JournalEntry>>,
        undo: Option<u64>,
    ) -> Result<u64, DatasetError> {
        let number = self.actions.last().map_or(1, |last| last.number + 1);
        let action = Action {
            number,
            at,
            set,
            undo,
        };
        let failed = |source| FileError::new("cannot write", &self.path, source);
        let line = serde_json::to_string(&action).map_err(|error| failed(error.into()))?;
        let header = if self.whole == 0 { HEADER } else { "" };
        let text = format!("{header}{line}\n");
        check_size(&self.path, self.whole + text.len() as u64)?;
        // The line counts once its end is on the disk.
        let mut write = || {
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()
        };
        write().map_err(failed)?;
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

/// Whether a file's content is that of a journal, of whatever version.
pub(super) fn is_journal(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\"hub_labels\":")
}

/// The labels of a journal as lines of a file of labels.
pub(super) fn lines(file: &Path, bytes: &[u8]) -> Result<Vec<Line>, DatasetError> {
    let current = current(&parse(file, whole_lines(bytes))?);
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
        let action: Action = serde_json::from_slice(line)
            .map_err(|error| problem(number, format!("cannot be understood: {error}")))?;
        let follows = actions
            .last()
            .is_none_or(|last| last.number < action.number);
        let points_back = action.undo.is_none_or(|undone| undone < action.number);
        if !follows || !points_back || action.set.is_some() == action.undo.is_some() {
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
    let stands = |action: &&Action| action.set.is_some() && !undone.contains(&action.number);
    actions.iter().filter(stands).collect()
}

fn current(actions: &[Action]) -> BTreeMap<Digest, (String, String)> {
    let mut labels = BTreeMap::new();
    for entry in standing(actions)
        .into_iter()
        .filter_map(|action| action.set.as_ref())
        .flatten()
    {
        match &entry.label {
            Some(label) => labels.insert(entry.image, (entry.path.clone(), label.clone())),
            None => labels.remove(&entry.image),
        };
    }
    labels
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn entry(image: &str, label: Option<&str>) -> JournalEntry {
        JournalEntry {
            image: Digest::of(image.as_bytes()),
            path: image.to_owned(),
            label: label.map(str::to_owned),
        }
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
        let undone = journal.undo(at).unwrap();
        assert_eq!(
            undone,
            Some(Undone {
                number: 2,
                images: 2
            })
        );
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
