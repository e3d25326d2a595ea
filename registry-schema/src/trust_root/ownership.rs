//! Whose keys count for a name at a log index.

use std::collections::BTreeMap;

use super::TrustError;
use crate::keys::{KeyId, PublicKey};
use crate::name::MemberName;
use crate::tuf::files::IndexRange;

/// The owners of one name with their keys, at a log index.
#[derive(Clone, Debug)]
pub struct Ownership {
    owners: Vec<(MemberName, Vec<PublicKey>)>,
    threshold: usize,
    retired: Vec<RetiredKey>,
}

/// A key of an owner that counts at other log indexes than the one asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    /// Whose.
    pub member: MemberName,
    /// Which.
    pub key_id: KeyId,
    /// Where it counts.
    pub range: IndexRange,
    /// The index asked about.
    pub index: u64,
}

impl Ownership {
    /// Owners with their keys, and how many must sign; a threshold of 0 counts as 1.
    pub fn new(owners: Vec<(MemberName, Vec<PublicKey>)>, threshold: usize) -> Self {
        Self {
            owners,
            threshold: threshold.max(1),
            retired: Vec::new(),
        }
    }

    /// How many owners must sign.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Whether this member is an owner.
    pub fn includes(&self, member: &MemberName) -> bool {
        self.owners.iter().any(|(owner, _)| owner == member)
    }

    /// The owner of a key, and the key.
    pub fn key(&self, id: &KeyId) -> Option<(&MemberName, &PublicKey)> {
        self.owners.iter().find_map(|(member, keys)| {
            keys.iter()
                .find(|key| key.id() == *id)
                .map(|key| (member, key))
        })
    }

    /// An owner's key that does not count here, for telling people why.
    pub fn retired(&self, id: &KeyId) -> Option<&RetiredKey> {
        self.retired.iter().find(|key| key.key_id == *id)
    }

    /// The owners.
    pub fn members(&self) -> impl Iterator<Item = &MemberName> {
        self.owners.iter().map(|(member, _)| member)
    }

    /// The owners' names, for messages.
    pub fn member_names(&self) -> String {
        let names: Vec<&str> = self.members().map(MemberName::as_str).collect();
        names.join(", ")
    }

    /// Adds an owner, with the keys that count and those that do not.
    pub(super) fn add(
        &mut self,
        owner: MemberName,
        keys: Vec<PublicKey>,
        retired: impl IntoIterator<Item = RetiredKey>,
    ) {
        self.owners.push((owner, keys));
        self.retired.extend(retired);
    }

    /// A key of two owners would let one of them sign as both.
    pub(super) fn check_distinct(&self) -> Result<(), TrustError> {
        let mut seen: BTreeMap<KeyId, &MemberName> = BTreeMap::new();
        for (member, keys) in &self.owners {
            for key in keys {
                if let Some(other) = seen.insert(key.id(), member) {
                    return Err(TrustError::SharedKey {
                        key_id: key.id(),
                        one: other.clone(),
                        other: member.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}
