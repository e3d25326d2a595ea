//! The lines of a journal, and what they have led to.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::dataset::DatasetError;
use crate::dataset::label_state::{Deed, JournalEntry, LabelState};
use crate::dataset::labels::{Line, Place};

/// The first line.
pub(super) const HEADER: &str = "{\"hub_labels\":1}\n";

/// One action of somebody who labels, or that an earlier one is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) deed: Deed,
    pub(super) undo: Option<u64>,
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

impl Action {
    /// The line that is written, without its end.
    pub(super) fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&ActionLine::from(self.clone()))
    }
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

/// Whether a file's content is that of a journal, of whatever version.
pub(in crate::dataset) fn is_journal(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\"hub_labels\":")
}

/// The labels of a journal as lines of a file of labels.
pub(in crate::dataset) fn lines(file: &Path, bytes: &[u8]) -> Result<Vec<Line>, DatasetError> {
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

/// What of a file counts: up to the end of its last whole line.
pub(super) fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    &bytes[..end.map_or(0, |end| end + 1)]
}

pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Vec<Action>, DatasetError> {
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
pub(super) fn standing(actions: &[Action]) -> Vec<&Action> {
    let undone: BTreeSet<u64> = actions.iter().filter_map(|one| one.undo).collect();
    let stands = |action: &&Action| action.undo.is_none() && !undone.contains(&action.number);
    actions.iter().filter(stands).collect()
}

/// What actions have led to.
pub(super) fn replay(actions: &[Action]) -> LabelState {
    let mut state = LabelState::default();
    for action in standing(actions) {
        state.apply(&action.deed);
    }
    state
}
