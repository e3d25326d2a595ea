//! `keyring/<member>.json`: the keys of a member.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{IndexRange, read, version, write};
use crate::keys::{KeyId, PublicKey};
use crate::name::MemberName;
use crate::tuf::{TufError, keyring_path};

/// Most keys in one member's keyring.
const KEYS: usize = 256;

/// Longest note beside a key, in characters.
const NOTE_CHARACTERS: usize = 200;

/// `keyring/<member>.json`: the keys of a member, which it alone changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyringFile {
    v: u32,
    /// Whose.
    pub member: MemberName,
    /// Keys of now and of before.
    pub keys: Vec<KeyEntry>,
}

/// A key, what it is for, and for which log indexes it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// SubjectPublicKeyInfo PEM.
    pub key: String,
    /// What it signs.
    pub purpose: KeyPurpose,
    /// The first log index for which it counts.
    pub from: u64,
    /// The first log index for which it no longer does: of a stolen key, the first bad one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a key of a keyring signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPurpose {
    /// Statements in the log; Ed25519.
    Statement,
    /// `model.sig` beside the files (OpenSSF Model Signing); ECDSA P-256, P-384 or P-521.
    ModelSigning,
}

impl KeyEntry {
    /// An Ed25519 key for statements, from a log index on.
    ///
    /// # Errors
    /// [`TufError::Key`] when it cannot be encoded.
    pub fn statement(key: &PublicKey, from: u64) -> Result<Self, TufError> {
        Ok(Self {
            key: key.to_pem()?,
            purpose: KeyPurpose::Statement,
            from,
            until: None,
            note: None,
        })
    }

    /// The indexes for which it counts.
    pub fn range(&self) -> IndexRange {
        IndexRange {
            from: self.from,
            until: self.until,
        }
    }

    /// The Ed25519 key of a statement key; `None` for other purposes.
    pub fn statement_key(&self) -> Option<PublicKey> {
        match self.purpose {
            KeyPurpose::Statement => PublicKey::from_pem(&self.key).ok(),
            KeyPurpose::ModelSigning => None,
        }
    }
}

impl KeyringFile {
    /// A keyring of these keys.
    ///
    /// # Errors
    /// [`TufError::Keyring`] names what is wrong.
    pub fn new(member: &MemberName, keys: Vec<KeyEntry>) -> Result<Self, TufError> {
        let file = Self {
            v: 1,
            member: member.clone(),
            keys,
        };
        file.check(member)?;
        Ok(file)
    }

    /// Reads a member's keyring.
    ///
    /// # Errors
    /// [`TufError::Malformed`] or [`TufError::Keyring`].
    pub fn parse(member: &MemberName, text: &str) -> Result<Self, TufError> {
        let file: Self = read(&keyring_path(member), text)?;
        file.check(member)?;
        Ok(file)
    }

    /// The file.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn to_text(&self) -> Result<String, TufError> {
        write(self)
    }

    /// The statement keys that count at a log index.
    pub fn statement_keys(&self, index: u64) -> Vec<PublicKey> {
        let valid = self
            .keys
            .iter()
            .filter(|entry| entry.range().contains(index));
        valid.filter_map(KeyEntry::statement_key).collect()
    }

    /// Refuses a `next` keyring that lacks a key of this one. A key that is no longer wanted ends at
    /// a log index; if it were gone, nobody could tell whose word its earlier statements are.
    ///
    /// # Errors
    /// [`TufError::Keyring`] names the key.
    pub fn check_continued_by(&self, next: &Self) -> Result<(), TufError> {
        let is_same = |one: &KeyEntry, other: &KeyEntry| {
            one.purpose == other.purpose
                && match (one.statement_key(), other.statement_key()) {
                    (Some(key), Some(other)) => key.id() == other.id(),
                    _ => one.key == other.key,
                }
        };
        let is_kept = |entry: &&KeyEntry| next.keys.iter().any(|other| is_same(entry, other));
        match self.keys.iter().find(|entry| !is_kept(entry)) {
            None => Ok(()),
            Some(gone) => Err(TufError::Keyring {
                member: self.member.clone(),
                reason: format!(
                    "it lacks {} of the one before: a key that no longer counts stays in it, with an end (`hub consortium rotate-keys --retire`)",
                    gone.statement_key().map_or_else(
                        || "a model-signing key".to_owned(),
                        |key| format!("key {}", key.id())
                    )
                ),
            }),
        }
    }

    /// Checks the whole file.
    ///
    /// # Errors
    /// [`TufError::Keyring`] names what is wrong.
    pub fn check(&self, member: &MemberName) -> Result<(), TufError> {
        let keyring = |is_good: bool, reason: &dyn Fn() -> String| {
            if is_good {
                return Ok(());
            }
            Err(TufError::Keyring {
                member: member.clone(),
                reason: reason(),
            })
        };
        version(&keyring_path(member), self.v)?;
        keyring(self.member == *member, &|| {
            format!("it is the keyring of `{}`", self.member)
        })?;
        keyring(self.keys.len() <= KEYS, &|| {
            format!(
                "it holds {} keys, past the limit of {KEYS}",
                self.keys.len()
            )
        })?;
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut ids: BTreeSet<KeyId> = BTreeSet::new();
        for entry in &self.keys {
            let is_new = match (entry.purpose, PublicKey::from_pem(&entry.key)) {
                (KeyPurpose::Statement, Ok(key)) => ids.insert(key.id()),
                (KeyPurpose::Statement, Err(why)) => {
                    return keyring(false, &|| why.to_string());
                }
                (KeyPurpose::ModelSigning, _) => {
                    keyring(is_public_pem(&entry.key), &|| {
                        "a model-signing key is no public key in PEM".to_owned()
                    })?;
                    seen.insert(&entry.key)
                }
            };
            keyring(is_new, &|| "a key is listed twice".to_owned())?;
            keyring(entry.until.is_none_or(|until| entry.from <= until), &|| {
                format!("a key ends before it starts, at {}", entry.from)
            })?;
            let note = entry.note.as_deref().unwrap_or_default();
            let is_shown =
                note.chars().count() <= NOTE_CHARACTERS && !note.contains(char::is_control);
            keyring(is_shown, &|| {
                "a note is too long or holds control characters".to_owned()
            })?;
        }
        Ok(())
    }
}

fn is_public_pem(text: &str) -> bool {
    text.len() <= 1_000
        && text.starts_with("-----BEGIN PUBLIC KEY-----\n")
        && text.ends_with("-----END PUBLIC KEY-----\n")
}
