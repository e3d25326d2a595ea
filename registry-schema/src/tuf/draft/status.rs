//! Who has signed a draft, and who is missing.

use std::fmt;

use super::{Draft, DraftError};
use crate::name::MemberName;
use crate::tuf::Signed;
use crate::tuf::metadata::{Role, RoleKeys, Targets, TufKey, TufKeyId};
use std::collections::BTreeMap;

/// What a draft needs before it can be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftStatus {
    /// Each thing to be signed.
    pub parts: Vec<Part>,
}

/// One thing to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What, such as `root 2, by the keys of root 1`.
    pub what: String,
    /// How many must sign.
    pub needed: usize,
    /// Who has.
    pub signed: Vec<Signatory>,
    /// Who could.
    pub missing: Vec<Signatory>,
}

/// A key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatory {
    /// Its member; `None` for a key that was replaced.
    pub member: Option<MemberName>,
    /// Its id in TUF metadata.
    pub key: TufKeyId,
}

impl fmt::Display for Signatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some(member) => f.write_str(member.as_str()),
            None => write!(f, "key {}", &self.key.to_string()[..12]),
        }
    }
}

impl Part {
    /// Whether enough have signed.
    pub fn is_complete(&self) -> bool {
        self.signed.len() >= self.needed
    }
}

impl DraftStatus {
    /// Whether enough have signed everything.
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(Part::is_complete)
    }
}

impl Draft {
    /// Who has signed, and who is missing. For people: what suffices is decided by whoever takes the
    /// draft, with the verifier that clients use.
    ///
    /// # Errors
    /// [`DraftError`] when a key cannot be read.
    pub fn status(&self) -> Result<DraftStatus, DraftError> {
        let (root, _) = self.effective()?;
        let mut parts = Vec::new();
        if let Some(new) = &self.root {
            let version = new.content().version;
            if let Some(base) = &self.base {
                let old = base.root.content();
                let what = format!("root {version}, by the keys of root {}", old.version);
                parts.push(self.part(what, new, &old.roles.root, &old.keys)?);
            }
            let what = format!("root {version}, by its own keys");
            parts.push(self.part(what, new, &root.roles.root, &root.keys)?);
        }
        if let Some(new) = &self.targets {
            let what = format!("targets {}", new.content().version);
            parts.push(self.part(what, new, &root.roles.targets, &root.keys)?);
        }
        for (member, role) in self.signed_keyrings() {
            let own = self.delegated(member)?;
            let keys = RoleKeys {
                keyids: own.keyids.clone(),
                threshold: own.threshold,
            };
            let what = format!("keyring of {member}");
            let table = self.delegation_keys()?;
            parts.push(self.part(what, role, &keys, table)?);
        }
        Ok(DraftStatus { parts })
    }

    fn part<T: Role>(
        &self,
        what: String,
        metadata: &Signed<T>,
        role: &RoleKeys,
        keys: &BTreeMap<TufKeyId, TufKey>,
    ) -> Result<Part, DraftError> {
        let found = metadata.signers(role, keys)?;
        let (signed, missing) = role
            .keyids
            .iter()
            .partition::<Vec<_>, _>(|id| found.contains(id));
        let named = |ids: Vec<&TufKeyId>| ids.into_iter().map(|id| self.signatory(id)).collect();
        Ok(Part {
            what,
            needed: role.threshold,
            signed: named(signed),
            missing: named(missing),
        })
    }

    fn signatory(&self, id: &TufKeyId) -> Signatory {
        let owner = |targets: &Targets| {
            let roles = &targets.delegations.as_ref()?.roles;
            let role = roles.iter().find(|role| role.keyids.contains(id))?;
            Some(role.name.clone())
        };
        let new = self
            .targets
            .as_ref()
            .and_then(|targets| owner(targets.content()));
        let old = || owner(self.base.as_ref()?.targets.content());
        Signatory {
            member: new.or_else(old),
            key: *id,
        }
    }

    fn delegation_keys(&self) -> Result<&BTreeMap<TufKeyId, TufKey>, DraftError> {
        let (_, targets) = self.effective()?;
        Ok(&crate::tuf::rules::check_targets(targets)?.keys)
    }
}
