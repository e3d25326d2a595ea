//! The trust root of a consortium, and the same with more keys.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Ownership, RetiredKey, TrustError, TrustRoot};
use crate::digest::Digest;
use crate::keys::{KeyId, PublicKey};
use crate::log::policy::Policy;
use crate::name::{MemberName, Name};
use crate::tuf::TufError;
use crate::tuf::bundle::{Bundle, KeyringState, MemberThresholds, RoleExpiries, VerifiedBundle};
use crate::tuf::files::{ConsortiumFile, IndexRange, KeyringFile, NameOwners};

/// A consortium's trust root. Holding one proves that the metadata verified; there is no other way
/// to make one.
#[derive(Clone, Debug)]
pub struct ConsortiumRoot {
    verified: VerifiedBundle,
    /// The statement keys of every keyring that counts, read once: a monitor asks for them at every
    /// entry of the log.
    statement_keys: StatementKeys,
    /// Those of keyrings that have lapsed: expired, or not signed with the present trust key yet.
    lapsed_keys: StatementKeys,
}

type StatementKeys = BTreeMap<MemberName, Vec<(PublicKey, IndexRange)>>;

impl ConsortiumRoot {
    /// Verifies a bundle from the pinned first root on, as of a time.
    ///
    /// # Errors
    /// [`TufError`] says what is expired, skipped, rolled back, mixed or under-signed.
    pub fn verify(bundle: &Bundle, anchor: &Digest, as_of: Timestamp) -> Result<Self, TufError> {
        let verified = bundle.verify(anchor, as_of)?;
        let keys = |(member, keyring): (&MemberName, &KeyringFile)| {
            let keys = keyring.keys.iter();
            let keys = keys.filter_map(|entry| Some((entry.statement_key()?, entry.range())));
            (member.clone(), keys.collect())
        };
        let valid = verified
            .keyrings
            .iter()
            .filter_map(|(member, state)| match state {
                KeyringState::Valid(keyring) => Some((member, keyring)),
                _ => None,
            });
        Ok(Self {
            statement_keys: valid.map(keys).collect(),
            lapsed_keys: verified.lapsed.iter().map(keys).collect(),
            verified,
        })
    }

    /// What the consortium calls itself.
    pub fn consortium(&self) -> &str {
        &self.verified.consortium.consortium
    }

    /// Members and owners, now and before.
    pub fn history(&self) -> &ConsortiumFile {
        &self.verified.consortium
    }

    /// The members of now.
    pub fn members(&self) -> impl Iterator<Item = &MemberName> {
        self.verified.consortium.current_members()
    }

    /// The owners of each bare name, now.
    pub fn names(&self) -> impl Iterator<Item = (&Name, &NameOwners)> {
        let names = self.verified.consortium.names.iter();
        names.filter_map(|(name, history)| Some((name, history.last()?)))
    }

    /// The owners of a name by the latest state, and how many of them must sign; of a member's own
    /// name also when it is a member no longer.
    pub fn latest_owners(&self, name: &Name) -> Option<(Vec<MemberName>, usize)> {
        let history = &self.verified.consortium;
        match name.member() {
            Some(member) => history
                .members
                .contains_key(member)
                .then(|| (vec![member.clone()], 1)),
            None => {
                let last = history.names.get(name)?.last()?;
                Some((last.owners.clone(), last.threshold))
            }
        }
    }

    /// A member's keys, or why they do not count.
    pub fn keyring(&self, member: &MemberName) -> &KeyringState {
        const ABSENT: &KeyringState = &KeyringState::Absent;
        self.verified.keyrings.get(member).unwrap_or(ABSENT)
    }

    /// Version of the top `targets.json`.
    pub fn targets_version(&self) -> u64 {
        self.verified.targets_version
    }

    /// Until when each top role is valid.
    pub fn expires(&self) -> RoleExpiries {
        self.verified.expires
    }

    /// How many members must sign a change.
    pub fn thresholds(&self) -> MemberThresholds {
        self.verified.thresholds
    }

    /// A member's statement keys and the log indexes for which each counts; none when its keyring
    /// does not count.
    pub fn statement_keys(&self, member: &MemberName) -> &[(PublicKey, IndexRange)] {
        self.statement_keys.get(member).map_or(&[], Vec::as_slice)
    }

    /// The member that a statement key belongs to, at any log index.
    pub fn member_of(&self, id: &KeyId) -> Option<&MemberName> {
        let is_in = |keys: &[(PublicKey, IndexRange)]| keys.iter().any(|(key, _)| key.id() == *id);
        let mut keyrings = self.statement_keys.iter();
        keyrings
            .find(|(_, keys)| is_in(keys))
            .map(|(member, _)| member)
    }

    /// The same, with every key that an owner ever had, also of keyrings that have lapsed: for
    /// looking after what is recorded already, such as yanking what a thief published. What it says
    /// yes to is not to be believed.
    pub fn including_retired_keys(&self) -> Including<'_> {
        Including {
            root: self,
            counting: Counting::AllKeys,
        }
    }

    /// The same, whether or not members have renewed their keyrings in time: for a hub's rows, which
    /// follow from its log and are not to change as time passes. What it says yes to is not to be
    /// believed.
    pub fn including_lapsed_keyrings(&self) -> Including<'_> {
        Including {
            root: self,
            counting: Counting::LapsedToo,
        }
    }

    fn owners_at(
        &self,
        name: &Name,
        index: u64,
        counting: Counting,
    ) -> Result<Ownership, TrustError> {
        if let Some(member) = name.member() {
            return self.own_name(member, index, counting);
        }
        match self.verified.consortium.owners(name, index) {
            Some(own) => {
                let ownership = self.owned(&own.owners, own.threshold, index, counting);
                ownership.check_distinct()?;
                Ok(ownership)
            }
            None => Err(TrustError::UnknownName { name: name.clone() }),
        }
    }

    /// Owners with the keys that count at an index; members that are no longer, or have no keyring,
    /// have none.
    fn owned(
        &self,
        owners: &[MemberName],
        threshold: usize,
        index: u64,
        counting: Counting,
    ) -> Ownership {
        let mut ownership = Ownership::new(Vec::new(), threshold);
        for owner in owners {
            let is_member = self.verified.consortium.was_member(owner, index);
            let (mut keys, mut retired) = (Vec::new(), Vec::new());
            let listed = if is_member {
                self.listed_keys(owner, counting)
            } else {
                &[]
            };
            for (key, range) in listed {
                if counting == Counting::AllKeys || range.contains(index) {
                    keys.push(key.clone());
                } else {
                    retired.push(RetiredKey {
                        member: owner.clone(),
                        key_id: key.id(),
                        range: *range,
                        index,
                    });
                }
            }
            ownership.add(owner.clone(), keys, retired);
        }
        ownership
    }

    fn listed_keys(&self, member: &MemberName, counting: Counting) -> &[(PublicKey, IndexRange)] {
        let lapsed = match counting {
            Counting::InRange => None,
            Counting::LapsedToo | Counting::AllKeys => self.lapsed_keys.get(member),
        };
        lapsed.map_or_else(|| self.statement_keys(member), Vec::as_slice)
    }

    fn own_name(
        &self,
        member: &MemberName,
        index: u64,
        counting: Counting,
    ) -> Result<Ownership, TrustError> {
        let history = self.verified.consortium.members.get(member);
        if !history.is_some_and(|ranges| ranges.iter().any(|range| range.contains(index))) {
            let last = history.and_then(|ranges| ranges.last()).copied();
            return Err(match last {
                None => TrustError::UnknownMember {
                    member: member.clone(),
                },
                Some(range) => TrustError::NotMemberThen {
                    member: member.clone(),
                    range,
                    index,
                },
            });
        }
        let is_lapsed = self.lapsed_keys.contains_key(member);
        match self.keyring(member).trouble() {
            Some(reason) if counting == Counting::InRange || !is_lapsed => {
                Err(TrustError::Keyring {
                    member: member.clone(),
                    reason,
                })
            }
            _ => Ok(self.owned(std::slice::from_ref(member), 1, index, counting)),
        }
    }
}

impl TrustRoot for ConsortiumRoot {
    fn digest(&self) -> Digest {
        self.verified.targets_digest
    }

    fn version(&self) -> u64 {
        self.verified.root_version
    }

    fn ownership(&self, name: &Name, index: u64) -> Result<Ownership, TrustError> {
        self.owners_at(name, index, Counting::InRange)
    }

    fn ownership_including_retired_keys(
        &self,
        name: &Name,
        index: u64,
    ) -> Result<Ownership, TrustError> {
        self.owners_at(name, index, Counting::AllKeys)
    }

    fn has_member(&self, member: &MemberName) -> bool {
        self.verified.consortium.is_member(member)
    }

    fn log_policy(&self) -> &Policy {
        &self.verified.log_policy
    }
}

/// Which keys of an owner count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// Those whose range holds the index.
    InRange,
    /// The same, also of a keyring that has lapsed.
    LapsedToo,
    /// Those it has or had, also of a keyring that has lapsed.
    AllKeys,
}

/// A trust root under which more keys count, see [`ConsortiumRoot::including_retired_keys`] and
/// [`ConsortiumRoot::including_lapsed_keyrings`].
#[derive(Clone, Copy, Debug)]
pub struct Including<'a> {
    root: &'a ConsortiumRoot,
    counting: Counting,
}

impl TrustRoot for Including<'_> {
    fn digest(&self) -> Digest {
        self.root.digest()
    }

    fn version(&self) -> u64 {
        self.root.version()
    }

    fn ownership(&self, name: &Name, index: u64) -> Result<Ownership, TrustError> {
        self.root.owners_at(name, index, self.counting)
    }

    fn ownership_including_retired_keys(
        &self,
        name: &Name,
        index: u64,
    ) -> Result<Ownership, TrustError> {
        self.root.owners_at(name, index, Counting::AllKeys)
    }

    fn has_member(&self, member: &MemberName) -> bool {
        self.root.has_member(member)
    }

    fn log_policy(&self) -> &Policy {
        self.root.log_policy()
    }
}
