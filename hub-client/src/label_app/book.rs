//! The journal of a session: labels, undo that survives a restart, redo that does not.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::dataset::{DatasetError, Deed, LabelJournal, LabelState};

/// A journal, and what was undone and may be done again.
#[derive(Debug)]
pub(super) struct Book {
    journal: LabelJournal,
    undone: Vec<Deed>,
}

impl Book {
    /// Opens the journal, which nobody else may have open.
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        Ok(Self {
            journal: LabelJournal::open(path)?,
            undone: Vec::new(),
        })
    }

    /// What is known.
    pub(super) fn state(&self) -> Arc<LabelState> {
        self.journal.state()
    }

    /// Writes an action down. What was undone before is gone for good.
    pub(super) fn record(&mut self, deed: Deed) -> Result<(), DatasetError> {
        self.journal.record(deed, Timestamp::now())?;
        self.undone.clear();
        Ok(())
    }

    /// Undoes the last action and gives it; none when there is none.
    pub(super) fn undo(&mut self) -> Result<Option<Deed>, DatasetError> {
        let undone = self.journal.undo(Timestamp::now())?;
        let deed = undone.map(|undone| undone.deed);
        self.undone.extend(deed.clone());
        Ok(deed)
    }

    /// Does again what was undone last and gives it; none when there is nothing.
    pub(super) fn redo(&mut self) -> Result<Option<Deed>, DatasetError> {
        let Some(deed) = self.undone.last().cloned() else {
            return Ok(None);
        };
        self.journal.record(deed, Timestamp::now())?;
        Ok(self.undone.pop())
    }

    pub(super) fn can_undo(&self) -> bool {
        self.journal.can_undo()
    }

    pub(super) fn can_redo(&self) -> bool {
        !self.undone.is_empty()
    }

    /// Deletes the journal.
    pub(super) fn forget(&mut self) -> Result<(), DatasetError> {
        self.journal.forget()?;
        self.undone.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::dataset::{JournalEntry, Mark, RandomCheck};
    use proptest::prelude::*;
    use registry_schema::digest::Digest;

    #[derive(Clone, Debug)]
    enum Step {
        Do(Deed),
        Undo,
        Redo,
        Restart,
    }

    fn entry() -> impl Strategy<Value = JournalEntry> {
        (0_u8..5, 0_u8..6, any::<bool>()).prop_map(|(image, what, is_check)| {
            let label = |class: u8| Some(format!("class {class}"));
            let mut entry = JournalEntry::new(Digest::of(&[image]), format!("{image}.png"), None);
            match what {
                0 => {}
                1 => entry.mark = Some(Mark::Skip),
                2 => entry.mark = Some(Mark::Exclude),
                class => entry.label = label(class),
            }
            if is_check {
                entry.check = Some(RandomCheck {
                    answer: label(3),
                    space: "dots@1".parse().ok(),
                });
            }
            entry
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        let labels = prop::collection::vec(entry(), 1..4).prop_map(Deed::labels);
        let classes = prop::collection::vec("[a-c]", 0..3).prop_map(Deed::classes);
        prop_oneof![
            5 => labels.prop_map(Step::Do),
            1 => classes.prop_map(Step::Do),
            3 => Just(Step::Undo),
            2 => Just(Step::Redo),
            1 => Just(Step::Restart),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A list of states, walked back and forth, says what undo and redo must lead to; a restart
        /// forgets what may be done again and nothing else.
        #[test]
        fn undo_redo_and_restart_lead_to_the_same_state(steps in prop::collection::vec(step(), 1..30)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("labels.jsonl");
            let mut book = Book::open(&path).unwrap();
            let mut past = vec![LabelState::default()];
            let mut future: Vec<LabelState> = Vec::new();
            for step in steps {
                match step {
                    Step::Do(deed) => {
                        let mut next = past.last().unwrap().clone();
                        next.apply(&deed);
                        book.record(deed).unwrap();
                        past.push(next);
                        future.clear();
                    }
                    Step::Undo => {
                        let is_possible = past.len() > 1;
                        prop_assert_eq!(book.can_undo(), is_possible);
                        prop_assert_eq!(book.undo().unwrap().is_some(), is_possible);
                        if is_possible {
                            future.extend(past.pop());
                        }
                    }
                    Step::Redo => {
                        prop_assert_eq!(book.can_redo(), !future.is_empty());
                        prop_assert_eq!(book.redo().unwrap().is_some(), !future.is_empty());
                        past.extend(future.pop());
                    }
                    Step::Restart => {
                        drop(book);
                        book = Book::open(&path).unwrap();
                        future.clear();
                    }
                }
                prop_assert_eq!(&*book.state(), past.last().unwrap());
            }
        }
    }

    #[test]
    fn nobody_else_may_have_it_open_and_forgetting_is_thorough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.jsonl");
        let mut book = Book::open(&path).unwrap();
        let entry = JournalEntry::new(Digest::of(b"x"), "secret.png", Some("visa".into()));
        book.record(Deed::labels(vec![entry])).unwrap();
        assert!(matches!(
            Book::open(&path),
            Err(DatasetError::JournalInUse { .. })
        ));
        book.forget().unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("secret"));
        assert!(!book.can_undo() && book.state().images().is_empty());
        assert!(matches!(
            Book::open(&path),
            Err(DatasetError::JournalInUse { .. })
        ));
    }
}
