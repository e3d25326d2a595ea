//! The files that the trust root vouches for: the members and owners of names, and each member's
//! keys. What counts does so for ranges of log indexes: the log is the clock, and what was logged
//! before a change stays valid.

mod consortium;
mod keyring;

pub use consortium::{ConsortiumFile, NameOwners};
pub use keyring::{KeyEntry, KeyPurpose, KeyringFile};

use serde::{Deserialize, Serialize};

use super::TufError;
use crate::limits;

/// Log indexes from `from`, up to but without `until`; without `until`, all later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexRange {
    /// The first index.
    pub from: u64,
    /// The first index that is no longer in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

impl IndexRange {
    /// From an index on.
    pub fn open(from: u64) -> Self {
        Self { from, until: None }
    }

    /// Whether it holds an index.
    pub fn contains(&self, index: u64) -> bool {
        self.from <= index && self.until.is_none_or(|until| index < until)
    }
}

impl std::fmt::Display for IndexRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.until {
            Some(until) if until <= self.from => f.write_str("for no entry of the log"),
            Some(until) => write!(f, "from log index {} until before {until}", self.from),
            None => write!(f, "from log index {} on", self.from),
        }
    }
}

fn version(file: &str, found: u32) -> Result<(), TufError> {
    if found == 1 {
        return Ok(());
    }
    Err(TufError::Malformed {
        file: file.to_owned(),
        reason: format!("it has format version {found}, this program knows 1: update it"),
    })
}

/// Refuses what breaks a rule.
pub(super) fn rule(is_kept: bool, words: impl FnOnce() -> String) -> Result<(), TufError> {
    if is_kept {
        return Ok(());
    }
    Err(TufError::Rule { rule: words() })
}

fn read<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, TufError> {
    let malformed = |reason: String| TufError::Malformed {
        file: file.to_owned(),
        reason,
    };
    if text.len() as u64 > limits::TUF_FILE_BYTES {
        return Err(malformed(format!(
            "it has {} bytes, past the limit of {}",
            text.len(),
            limits::TUF_FILE_BYTES
        )));
    }
    serde_json::from_str(text).map_err(|source| malformed(source.to_string()))
}

fn write<T: Serialize>(value: &T) -> Result<String, TufError> {
    let text = serde_json::to_string_pretty(value).map_err(|source| TufError::NotCanonical {
        reason: source.to_string(),
    })?;
    Ok(text + "\n")
}
