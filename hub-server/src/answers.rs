//! Answers to what is asked most, kept for as long as they are true: which release a reference means, and what
//! the catalogue's filters offer. All of it follows from what the published checkpoint covers and from whose keys
//! count, but for files that are attached.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;

use crate::database::catalogue::Choices;
use crate::log::Head;
use crate::trust::State;

/// Answers that are kept at most, of some kilobytes each; past it all are made anew.
const ANSWERS: usize = 1024;

/// What is asked.
pub(crate) type Question = (Name, Requirement);

/// An answer as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) json: Bytes,
    pub(crate) etag: Arc<str>,
}

impl Answer {
    pub(crate) fn new(json: Vec<u8>) -> Self {
        let etag = format!("\"{}\"", Digest::of(&json).to_hex());
        Self {
            json: json.into(),
            etag: etag.into(),
        }
    }
}

/// The answers that are true now.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What they were made from.
    basis: Option<Basis>,
    answers: HashMap<Question, Answer>,
    choices: Option<Arc<Choices>>,
    /// How often everything was forgotten.
    era: u64,
    /// What was said of attached files last.
    attached: Option<String>,
}

/// What answers follow from: taken before one is made, it says for how long it is true.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    published: Option<Arc<Head>>,
    trust: Arc<State>,
    era: u64,
}

impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        let is_same_head = match (&self.published, &other.published) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        is_same_head && Arc::ptr_eq(&self.trust, &other.trust) && self.era == other.era
    }
}

impl Answers {
    /// The basis of answers that are made from now on.
    pub(crate) fn basis(&self, published: Option<Arc<Head>>, trust: Arc<State>) -> Basis {
        let era = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .era;
        Basis {
            published,
            trust,
            era,
        }
    }

    /// The answer that was made from the same basis.
    pub(crate) fn find(&self, basis: &Basis, question: &Question) -> Option<Answer> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_true = known.basis.as_ref() == Some(basis);
        known.answers.get(question).filter(|_| is_true).cloned()
    }

    /// Keeps an answer that was made since its basis was taken.
    pub(crate) fn keep(&self, basis: Basis, question: Question, answer: &Answer) {
        self.change(basis, |known| {
            if known.answers.len() >= ANSWERS {
                known.answers.clear();
            }
            known.answers.insert(question, answer.clone());
        });
    }

    /// The choices that were found on the same basis.
    pub(crate) fn choices(&self, basis: &Basis) -> Option<Arc<Choices>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_true = known.basis.as_ref() == Some(basis);
        known.choices.clone().filter(|_| is_true)
    }

    /// Keeps choices that were found since their basis was taken.
    pub(crate) fn keep_choices(&self, basis: Basis, choices: &Arc<Choices>) {
        self.change(basis, |known| known.choices = Some(Arc::clone(choices)));
    }

    /// Adds to what is true on a basis, unless that is over.
    fn change(&self, basis: Basis, add: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.era != basis.era {
            return;
        }
        if known.basis.as_ref() != Some(&basis) {
            known.clear();
            known.basis = Some(basis);
        }
        add(&mut known);
    }

    /// Forgets all, when files were attached since it was said last: by this server or another one of the same
    /// database.
    pub(crate) fn follow(&self, attached: Option<String>) {
        let is_new = |known: &Known| known.attached != attached;
        if is_new(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            self.forget();
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.attached = attached;
        }
    }

    /// Forgets all: something changed that follows from neither.
    pub(crate) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.era += 1;
        known.clear();
    }
}

impl Known {
    fn clear(&mut self) {
        self.answers.clear();
        self.choices = None;
    }
}
