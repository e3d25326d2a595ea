//! What members decide: who they are, who owns which name, which log counts.

use std::collections::BTreeMap;

use super::DraftError;
use crate::keys::PublicKey;
use crate::name::{MemberName, Name};
use crate::tuf::files::{ConsortiumFile, IndexRange, NameOwners};
use crate::tuf::metadata::{
    DelegatedRole, Delegations, RoleKeys, Root, RootRoles, TargetFile, Targets, key_table,
};
use crate::tuf::{CONSORTIUM_PATH, LOG_POLICY_PATH, rules};
use jiff::Timestamp;

/// The content of a trust root, apart from versions and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Members and owners of bare names.
    pub consortium: ConsortiumFile,
    /// The text of `log.policy` (C2SP tlog-policy).
    pub log_policy: String,
    /// The trust key of everybody who is or was a member.
    pub keys: BTreeMap<MemberName, PublicKey>,
    /// How many members sign a change.
    pub threshold: usize,
    /// The hub's key for snapshot and timestamp.
    pub online_key: PublicKey,
}

/// How many of `members` sign a change when nobody says: more than half, but never all of them.
pub fn usual_threshold(members: usize) -> usize {
    (members / 2 + 1).min(members.saturating_sub(1)).max(1)
}

impl Plan {
    /// A consortium's first plan; without a threshold, [`usual_threshold`].
    ///
    /// # Errors
    /// [`DraftError`] names what is wrong.
    pub fn new(
        consortium: &str,
        keys: BTreeMap<MemberName, PublicKey>,
        names: BTreeMap<Name, NameOwners>,
        log_policy: String,
        online_key: PublicKey,
    ) -> Result<Self, DraftError> {
        Ok(Self {
            consortium: ConsortiumFile::new(consortium, keys.keys().cloned(), names)?,
            log_policy,
            threshold: usual_threshold(keys.len()),
            keys,
            online_key,
        })
    }

    /// Takes somebody in, from a log index on.
    ///
    /// # Errors
    /// [`DraftError::AlreadyMember`].
    pub fn add_member(
        &mut self,
        member: &MemberName,
        key: PublicKey,
        from: u64,
    ) -> Result<(), DraftError> {
        if self.consortium.is_member(member) {
            return Err(DraftError::AlreadyMember {
                member: member.clone(),
            });
        }
        self.keys.insert(member.clone(), key);
        let history = self.consortium.members.entry(member.clone()).or_default();
        history.push(IndexRange::open(from));
        self.keep_threshold_possible();
        Ok(())
    }

    /// Lets somebody go, from a log index on. What was logged before stays valid.
    ///
    /// # Errors
    /// [`DraftError`] when there is no such member, or it still owns a bare name.
    pub fn remove_member(&mut self, member: &MemberName, until: u64) -> Result<(), DraftError> {
        self.require_member(member)?;
        if let Some((name, _)) = self.consortium.names.iter().find(|(_, history)| {
            history
                .last()
                .is_some_and(|own| own.owners.contains(member))
        }) {
            return Err(DraftError::StillOwner {
                member: member.clone(),
                name: name.clone(),
            });
        }
        if let Some(last) = self
            .consortium
            .members
            .get_mut(member)
            .and_then(|history| history.last_mut())
        {
            last.until = Some(until);
        }
        self.keep_threshold_possible();
        Ok(())
    }

    /// Gives a member another trust key: the old one is lost or stolen.
    ///
    /// # Errors
    /// [`DraftError::UnknownMember`].
    pub fn replace_key(&mut self, member: &MemberName, key: PublicKey) -> Result<(), DraftError> {
        self.require_member(member)?;
        self.keys.insert(member.clone(), key);
        Ok(())
    }

    /// Says who owns a bare name from a log index on.
    ///
    /// # Errors
    /// [`DraftError::UnknownMember`] for an owner who is none; [`DraftError::PastOwners`] for an
    /// index before the name's latest change.
    pub fn set_owners(&mut self, name: &Name, owners: NameOwners) -> Result<(), DraftError> {
        for owner in &owners.owners {
            self.require_member(owner)?;
        }
        let history = self.consortium.names.entry(name.clone()).or_default();
        match history.last_mut() {
            Some(last) if owners.from < last.from => {
                return Err(DraftError::PastOwners {
                    name: name.clone(),
                    from: owners.from,
                    latest: last.from,
                });
            }
            Some(last) if owners.from == last.from => *last = owners,
            _ => history.push(owners),
        }
        Ok(())
    }

    fn require_member(&self, member: &MemberName) -> Result<(), DraftError> {
        if self.consortium.is_member(member) {
            return Ok(());
        }
        Err(DraftError::UnknownMember {
            member: member.clone(),
        })
    }

    fn keep_threshold_possible(&mut self) {
        let members = self.consortium.current_members().count();
        let most = members.saturating_sub(1).max(1);
        if self.threshold > most {
            self.threshold = most;
        }
    }

    fn current_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.consortium
            .current_members()
            .filter_map(|member| self.keys.get(member))
    }

    pub(super) fn root(&self, version: u64, expires: Timestamp) -> Root {
        let members = RoleKeys::new(self.current_keys(), self.threshold);
        let online = RoleKeys::new([&self.online_key], 1);
        let keys: Vec<_> = self.current_keys().chain([&self.online_key]).collect();
        let roles = RootRoles {
            root: members.clone(),
            targets: members,
            snapshot: online.clone(),
            timestamp: online,
        };
        Root::new(version, expires, roles, &keys)
    }

    pub(super) fn files(&self) -> Result<BTreeMap<String, String>, DraftError> {
        Ok(BTreeMap::from([
            (CONSORTIUM_PATH.to_owned(), self.consortium.to_text()?),
            (LOG_POLICY_PATH.to_owned(), self.log_policy.clone()),
        ]))
    }

    pub(super) fn targets(&self, version: u64, expires: Timestamp) -> Result<Targets, DraftError> {
        let mut targets = Targets::new(version, expires);
        for (path, text) in self.files()? {
            targets
                .targets
                .insert(path, TargetFile::of(text.as_bytes()));
        }
        targets.delegations = Some(Delegations {
            keys: key_table(self.keys.values()),
            roles: self
                .keys
                .iter()
                .map(|(member, key)| DelegatedRole::of(member, key))
                .collect(),
        });
        Ok(targets)
    }

    pub(super) fn check(&self) -> Result<(), DraftError> {
        self.consortium.check()?;
        rules::log_policy(&self.log_policy)?;
        for history in self.consortium.names.values() {
            for owner in history.last().map_or(&[][..], |own| &own.owners) {
                self.require_member(owner)?;
            }
        }
        Ok(())
    }
}
