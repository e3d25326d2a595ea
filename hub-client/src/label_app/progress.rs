//! How far a session is, and what keeps it from going on.

use std::collections::BTreeMap;

use super::LabelError;
use crate::causes::with_causes;
use crate::hint::Hint;

/// How far the features are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Progress {
    /// Seconds until all images are looked at, when that can be said.
    pub(super) seconds_left: Option<u64>,
    /// Why something does not go on.
    problems: BTreeMap<Work, Problem>,
}

impl Progress {
    /// Some work has a problem, or has it no more; whether that is news.
    pub(super) fn tell(&mut self, work: Work, problem: Option<Problem>) -> bool {
        if self.problems.get(&work) == problem.as_ref() {
            return false;
        }
        self.problems.remove(&work);
        self.problems.extend(problem.map(|problem| (work, problem)));
        true
    }

    /// Why something does not go on, the most serious.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.problems.values().next().cloned()
    }
}

/// What is done in the background; who cannot do without which, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// The features.
    Loading,
    /// The head and its scores.
    Learning,
    /// What to label next.
    Suggesting,
    /// Odd ones, copies, the map.
    Looking,
    /// The groups.
    Grouping,
}

/// What a person has to know.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    /// What a person has to know of an error.
    pub(super) fn of(error: &LabelError) -> Self {
        Self {
            message: with_causes(error),
            hint: error.advice().hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_what_it_comes_from() {
        let error = LabelError::Listen {
            listen: ([127, 0, 0, 1], 80).into(),
            source: std::io::ErrorKind::AddrInUse.into(),
        };
        let problem = Problem::of(&error);
        assert!(problem.message.contains("127.0.0.1:80: "), "{problem:?}");
        assert!(problem.hint.is_some_and(|hint| hint.contains("--port")));
    }
}
