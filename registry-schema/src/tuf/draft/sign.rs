//! Signing a draft, and bringing copies together that were signed apart.

use super::{Draft, DraftError};
use crate::keys::{PublicKey, SecretKey};
use crate::name::MemberName;
use crate::tuf::files::{KeyEntry, KeyringFile};
use crate::tuf::metadata::TufKeyId;
use crate::tuf::{TufError, keyring_path};

impl Draft {
    /// Signs everything that this key may sign: root, targets, and its member's keyring. A member
    /// that has no keyring yet gets one, of `statement_keys`, or of this key alone when there are
    /// none; it is the key with which the member signs releases.
    ///
    /// # Errors
    /// [`DraftError::NotYours`] when the key has no part in this draft.
    pub fn sign(
        &mut self,
        key: &SecretKey,
        statement_keys: &[PublicKey],
    ) -> Result<Vec<String>, DraftError> {
        self.check()?;
        let id = TufKeyId::of(&key.public());
        let mut signed = Vec::new();
        let owner = self.member_of(&id)?;
        if let Some(member) = &owner {
            self.begin_keyring(member, key, statement_keys)?;
        }
        let (root, _) = self.effective()?;
        let is_targets = root.roles.targets.keyids.contains(&id);
        let base = self
            .base
            .as_ref()
            .map(|base| &base.root.content().roles.root);
        let is_old = base.is_some_and(|old| old.keyids.contains(&id));
        if let Some(root) = &mut self.root
            && (is_old || root.content().roles.root.keyids.contains(&id))
        {
            root.sign(key)?;
            signed.push(format!("root {}", root.content().version));
        }
        if let Some(targets) = &mut self.targets
            && is_targets
        {
            targets.sign(key)?;
            signed.push(format!("targets {}", targets.content().version));
        }
        if let Some(member) = owner
            && let Some(role) = self.keyrings.get_mut(&member)
        {
            role.sign(key)?;
            signed.push(format!("keyring of {member}"));
        }
        if signed.is_empty() {
            return Err(DraftError::NotYours {
                key: key.public().id(),
            });
        }
        Ok(signed)
    }

    /// Takes the signatures and keyrings of another copy of the same draft.
    ///
    /// # Errors
    /// [`TufError::Mixed`] when it is another draft.
    pub fn merge(&mut self, other: &Self) -> Result<(), DraftError> {
        let mixed = || TufError::Mixed {
            what: "the two drafts propose different things".to_owned(),
        };
        if self.base != other.base
            || self.root.is_some() != other.root.is_some()
            || self.targets.is_some() != other.targets.is_some()
        {
            return Err(mixed().into());
        }
        if let (Some(own), Some(theirs)) = (&mut self.root, &other.root) {
            own.merge(theirs)?;
        }
        if let (Some(own), Some(theirs)) = (&mut self.targets, &other.targets) {
            own.merge(theirs)?;
        }
        for (member, theirs) in &other.keyrings {
            match self.keyrings.get_mut(member) {
                Some(own) => own.merge(theirs)?,
                None => {
                    let path = keyring_path(member);
                    let file = other.files.get(&path).ok_or_else(mixed)?;
                    self.files.insert(path, file.clone());
                    self.keyrings.insert(member.clone(), theirs.clone());
                }
            }
        }
        self.check()
    }

    /// A first keyring for a new member, or the old one to be signed with a new trust key.
    fn begin_keyring(
        &mut self,
        member: &MemberName,
        key: &SecretKey,
        statement_keys: &[PublicKey],
    ) -> Result<(), DraftError> {
        let is_new = self.base_keyring(member).is_none();
        if self.targets.is_none() || self.keyrings.contains_key(member) {
            return Ok(());
        }
        if !is_new {
            let role = self.delegated(member)?.clone();
            let base = self.base.as_ref().and_then(|base| {
                let roles = &base.targets.content().delegations.as_ref()?.roles;
                roles.iter().find(|role| role.name == *member)
            });
            if base.is_some_and(|base| base.keyids == role.keyids) {
                return Ok(());
            }
        }
        let file = match self.base_keyring(member) {
            Some(keyring) => KeyringFile::parse(member, &keyring.file)?,
            None => {
                let ranges = &self.plan()?.consortium.members;
                let from = ranges
                    .get(member)
                    .and_then(|ranges| ranges.last())
                    .map_or(0, |range| range.from);
                let own = [key.public()];
                let keys = if statement_keys.is_empty() {
                    &own[..]
                } else {
                    statement_keys
                };
                let keys = keys.iter().map(|key| KeyEntry::statement(key, from));
                KeyringFile::new(member, keys.collect::<Result<_, _>>()?)?
            }
        };
        self.put_keyring(member, &file)
    }
}
