//! The files that the trust root vouches for: the members and owners of names, and each member's
//! keys. What counts does so for ranges of log indexes: the log is the clock, and what was logged
//! before a change stays valid.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::TufError;
use crate::keys::{KeyId, PublicKey};
use crate::limits;
use crate::name::{MemberName, Name};

/// Most keys in one member's keyring.
const KEYS: usize = 256;

/// Longest note beside a key, in characters.
const NOTE_CHARACTERS: usize = 200;

/// Names that TUF takes for its own roles, which no member can have.
const ROLE_NAMES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// `consortium.json`: who the members are and were, and who owns which bare name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsortiumFile {
    v: u32,
    /// What the consortium calls itself.
    pub consortium: String,
    /// When each was a member, oldest first.
    pub members: BTreeMap<MemberName, Vec<IndexRange>>,
    /// The owners of each bare name, oldest first. A name that was ever owned is never given up.
    pub names: BTreeMap<Name, Vec<NameOwners>>,
}

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

/// Who owns a bare name from some log index on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameOwners {
    /// The first log index for which this holds; the next entry's `from` ends it.
    pub from: u64,
    /// Members that own it together.
    pub owners: Vec<MemberName>,
    /// How many of them must sign a statement about it.
    pub threshold: usize,
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

impl NameOwners {
    /// Whether the same members own it together, and as many of them must sign.
    fn is_same(&self, other: &Self) -> bool {
        let set = |own: &Self| own.owners.iter().cloned().collect::<BTreeSet<_>>();
        self.threshold == other.threshold && set(self) == set(other)
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

impl ConsortiumFile {
    /// A consortium with members since index 0.
    ///
    /// # Errors
    /// [`TufError::Rule`] names what is wrong.
    pub fn new(
        consortium: &str,
        members: impl IntoIterator<Item = MemberName>,
        names: BTreeMap<Name, NameOwners>,
    ) -> Result<Self, TufError> {
        let members = members.into_iter();
        let file = Self {
            v: 1,
            consortium: consortium.to_owned(),
            members: members
                .map(|member| (member, vec![IndexRange::open(0)]))
                .collect(),
            names: names
                .into_iter()
                .map(|(name, own)| (name, vec![own]))
                .collect(),
        };
        file.check()?;
        Ok(file)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`TufError::Malformed`] or [`TufError::Rule`].
    pub fn parse(text: &str) -> Result<Self, TufError> {
        let file: Self = read(super::CONSORTIUM_PATH, text)?;
        file.check()?;
        Ok(file)
    }

    /// The file.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn to_text(&self) -> Result<String, TufError> {
        write(self)
    }

    /// Whether somebody is a member, with no end in sight.
    pub fn is_member(&self, member: &MemberName) -> bool {
        let ranges = self.members.get(member);
        ranges.is_some_and(|ranges| ranges.last().is_some_and(|range| range.until.is_none()))
    }

    /// Whether somebody was a member at a log index.
    pub fn was_member(&self, member: &MemberName, index: u64) -> bool {
        let ranges = self.members.get(member);
        ranges.is_some_and(|ranges| ranges.iter().any(|range| range.contains(index)))
    }

    /// The members of now.
    pub fn current_members(&self) -> impl Iterator<Item = &MemberName> {
        self.members.keys().filter(|member| self.is_member(member))
    }

    /// The owners of a bare name at a log index.
    pub fn owners(&self, name: &Name, index: u64) -> Option<&NameOwners> {
        let history = self.names.get(name)?;
        history.iter().rev().find(|entry| entry.from <= index)
    }

    /// Refuses a `next` file under which something would no longer hold that held here when one of
    /// the log's first `size` entries was logged: that somebody was a member, or who owned a name.
    /// Members and names may be added for any index, since no entry could have needed them.
    ///
    /// # Errors
    /// [`TufError::Backdated`] names the member or name, and the first such index.
    pub fn check_continued_by(&self, next: &Self, size: u64) -> Result<(), TufError> {
        let backdated = |what: String, from: u64| TufError::Backdated { what, from, size };
        // Between two bounds of both files nothing changes.
        let is_logged = |index: &u64| *index < size;
        for (member, before) in &self.members {
            let after = next.members.get(member).map_or(&[][..], Vec::as_slice);
            let ends = after.iter().filter_map(|range| range.until);
            let starts = before.iter().map(|range| range.from);
            let bounds: BTreeSet<u64> = starts.chain(ends).filter(is_logged).collect();
            let is_lost =
                |index: &u64| self.was_member(member, *index) && !next.was_member(member, *index);
            if let Some(index) = bounds.into_iter().find(is_lost) {
                return Err(backdated(format!("the membership of `{member}`"), index));
            }
        }
        for (name, before) in &self.names {
            let after = next.names.get(name).map_or(&[][..], Vec::as_slice);
            let starts = before.iter().chain(after).map(|entry| entry.from);
            let bounds: BTreeSet<u64> = starts.filter(is_logged).collect();
            let is_changed = |index: &u64| {
                self.owners(name, *index).is_some_and(|own| {
                    let then = next.owners(name, *index);
                    !then.is_some_and(|then| own.is_same(then))
                })
            };
            if let Some(index) = bounds.into_iter().find(is_changed) {
                return Err(backdated(format!("the owners of `{name}`"), index));
            }
        }
        Ok(())
    }

    /// Checks the whole file.
    ///
    /// # Errors
    /// [`TufError::Rule`] names the member or name that is wrong.
    pub fn check(&self) -> Result<(), TufError> {
        version(super::CONSORTIUM_PATH, self.v)?;
        let is_shown = !self.consortium.is_empty() && !self.consortium.contains(char::is_control);
        rule(is_shown, || {
            "the consortium's name is empty or holds control characters".to_owned()
        })?;
        rule((1..=limits::MEMBERS).contains(&self.members.len()), || {
            format!(
                "a consortium has 1 to {} members, not {}",
                limits::MEMBERS,
                self.members.len()
            )
        })?;
        for (member, ranges) in &self.members {
            rule(!ROLE_NAMES.contains(&member.as_str()), || {
                format!("`{member}` cannot be a member's name: TUF uses it for a role")
            })?;
            rule(are_in_order(ranges), || {
                format!(
                    "the times of `{member}`'s membership end before they start, overlap or are out of order"
                )
            })?;
        }
        for (name, history) in &self.names {
            self.check_name(name, history)?;
        }
        Ok(())
    }

    fn check_name(&self, name: &Name, history: &[NameOwners]) -> Result<(), TufError> {
        rule(name.member().is_none(), || {
            format!("`{name}` belongs to its member already: only bare names have owners here")
        })?;
        let are_ordered = history.windows(2).all(|two| two[0].from < two[1].from);
        rule(!history.is_empty() && are_ordered, || {
            format!("the owners of `{name}` are missing or out of order")
        })?;
        for entry in history {
            let stranger = entry
                .owners
                .iter()
                .find(|owner| !self.members.contains_key(owner));
            rule(stranger.is_none(), || {
                format!("an owner of `{name}` was never a member")
            })?;
            let distinct: BTreeSet<_> = entry.owners.iter().collect();
            let possible = 1..=entry.owners.len().min(limits::SIGNATURES);
            rule(
                distinct.len() == entry.owners.len() && possible.contains(&entry.threshold),
                || {
                    format!(
                        "`{name}` needs {} signatures of {} owners: the threshold must be between 1 and the number of distinct owners, {} at most",
                        entry.threshold,
                        entry.owners.len(),
                        limits::SIGNATURES
                    )
                },
            )?;
        }
        Ok(())
    }
}

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
        let file: Self = read(&super::keyring_path(member), text)?;
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
        version(&super::keyring_path(member), self.v)?;
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

/// Ranges that follow each other; only the last may be open.
fn are_in_order(ranges: &[IndexRange]) -> bool {
    // Somebody may go before anything was logged since it came.
    let is_good = |range: &IndexRange| range.until.is_none_or(|until| range.from <= until);
    let follows = |two: &[IndexRange]| two[0].until.is_some_and(|until| until <= two[1].from);
    !ranges.is_empty() && ranges.iter().all(is_good) && ranges.windows(2).all(follows)
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
