//! Which release a digest comes from that the hub makes itself, so that nobody makes everything of a
//! name anew to find one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use registry_schema::digest::Digest;
use registry_schema::name::Name;

/// Names that are remembered at once.
const NAMES: usize = 1024;

/// Digests of what is made of a name's releases, as long as they follow from the same rows.
#[derive(Debug, Default)]
pub(crate) struct MadeDigests {
    names: Mutex<HashMap<Name, Arc<MadeOf>>>,
}

/// What is made of a name, at one state of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MadeOf {
    /// Entries of the log that everybody sees.
    pub(crate) covered: u64,
    /// What is attached without an entry.
    pub(crate) attached: Vec<String>,
    /// The statement of the release from which something with this digest is made.
    pub(crate) statements: HashMap<Digest, String>,
}

impl MadeDigests {
    /// What was made at this state, if it is remembered.
    pub(crate) fn find(
        &self,
        name: &Name,
        covered: u64,
        attached: &[String],
    ) -> Option<Arc<MadeOf>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let made = names.get(name)?;
        (made.covered == covered && made.attached == attached).then(|| Arc::clone(made))
    }

    /// Remembers it.
    pub(crate) fn keep(&self, name: &Name, made: MadeOf) -> Arc<MadeOf> {
        let made = Arc::new(made);
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(name.clone(), Arc::clone(&made));
        made
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn another_state_is_another_question() {
        let (made, name) = (MadeDigests::default(), "dots".parse().unwrap());
        let attached = vec!["sha256:1".to_owned()];
        let of = |covered| MadeOf {
            covered,
            attached: attached.clone(),
            statements: HashMap::from([(Digest::of(b"x"), "s".to_owned())]),
        };
        made.keep(&name, of(3));
        assert_eq!(made.find(&name, 3, &attached).unwrap().statements.len(), 1);
        assert!(made.find(&name, 4, &attached).is_none());
        assert!(made.find(&name, 3, &[]).is_none());
        for number in 0..2 * NAMES {
            made.keep(&format!("name-{number}").parse().unwrap(), of(3));
        }
        assert!(made.names.lock().unwrap().len() <= NAMES);
    }
}
