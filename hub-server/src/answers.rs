//! Answers to the question that is asked most, which release a reference means, kept for as long as they
//! are true: all of it follows from what the published checkpoint covers, but for files that are attached.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use registry_schema::reference::Requirement;

use crate::log::Head;

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
    /// The checkpoint that was published when they were made.
    head: Option<Arc<Head>>,
    /// How often everything was forgotten: an answer that was begun before is not kept.
    era: u64,
    answers: HashMap<Question, Answer>,
}

/// What an answer is made from, taken before it is made.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    head: Option<Arc<Head>>,
    era: u64,
}

impl Answers {
    /// The answer that was made under this checkpoint, or what a new one is kept with.
    pub(crate) fn find(
        &self,
        head: Option<Arc<Head>>,
        question: &Question,
    ) -> Result<Answer, Basis> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let answer = known.answers.get(question);
        match answer.filter(|_| is_same(&known.head, &head)) {
            Some(answer) => Ok(answer.clone()),
            None => Err(Basis {
                head,
                era: known.era,
            }),
        }
    }

    /// Keeps an answer that was made since its basis was taken.
    pub(crate) fn keep(&self, basis: Basis, question: Question, answer: &Answer) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.era != basis.era {
            return;
        }
        if !is_same(&known.head, &basis.head) || known.answers.len() >= ANSWERS {
            known.answers.clear();
            known.head = basis.head;
        }
        known.answers.insert(question, answer.clone());
    }

    /// Forgets all: something changed that no checkpoint covers.
    pub(crate) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.era += 1;
        known.answers.clear();
    }
}

fn is_same(one: &Option<Arc<Head>>, other: &Option<Arc<Head>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
