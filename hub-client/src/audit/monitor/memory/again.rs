//! How entries stand that do not count, and what is left of it when the log is read again.

use std::collections::BTreeMap;

use registry_schema::log::tree::Tree;
use serde::{Deserialize, Serialize};

use super::Memory;

/// Why an entry does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Standing {
    /// A key that was taken back for its place has signed it.
    Void,
    /// Whoever may have signed it has no keyring at present.
    Unjudged,
    /// It should not be there.
    Invalid,
}

/// What was known when a monitor began to read a log again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Again {
    /// How many entries had been read.
    pub(super) until: u64,
    /// Which of them did not count.
    pub(super) apart: BTreeMap<u64, Standing>,
}

impl Memory {
    /// Remembers why an entry does not count, if it does not. Whether it was read before and judged the
    /// same then: what was told of it is no news.
    pub(in super::super) fn stands(&mut self, index: u64, standing: Option<Standing>) -> bool {
        if let Some(standing) = standing {
            self.apart.insert(index, standing);
        }
        let again = self.again.as_ref().filter(|again| index < again.until);
        again.is_some_and(|again| again.apart.get(&index).copied() == standing)
    }

    /// Whether the log is being read again from its start.
    pub(in super::super) fn is_again(&self) -> bool {
        self.again.is_some()
    }

    /// Nothing is read any more: other keys count now for entries that were. What somebody has
    /// acknowledged stays acknowledged, and how each entry stood is kept to tell what changed.
    pub(in super::super) fn begin_again(&mut self) {
        let mut again = Again {
            until: self.size,
            apart: std::mem::take(&mut self.apart),
        };
        // Begun before it was done: what was not reached stands as it did then.
        if let Some(earlier) = self.again.take() {
            again.until = again.until.max(earlier.until);
            again.apart.extend(earlier.apart.range(self.size..));
        }
        self.names.clear();
        self.key_compromises.clear();
        self.alarms.clear();
        self.dropped = 0;
        self.again = Some(again);
        self.advance(&Tree::new());
    }
}
