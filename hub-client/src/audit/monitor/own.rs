//! Whose names and keys are one's own.

use std::collections::BTreeSet;

use registry_schema::keys::KeyId;
use registry_schema::name::{MemberName, Name};
use registry_schema::threshold::Signer;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};

/// Whose names and keys are one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Members: their keys, the names below theirs, and the bare names they own.
    pub members: BTreeSet<MemberName>,
    /// Further names.
    pub names: BTreeSet<Name>,
    /// Further keys.
    pub keys: BTreeSet<KeyId>,
}

impl Own {
    /// Whether one of the signers is oneself.
    pub(super) fn signed(&self, signers: &[Signer]) -> bool {
        signers
            .iter()
            .any(|one| self.members.contains(&one.member) || self.keys.contains(&one.key_id))
    }

    /// Whether a name is one's own at a log index.
    pub(super) fn owns(&self, name: &Name, index: u64, trust_root: &ConsortiumRoot) -> bool {
        if self.names.contains(name) {
            return true;
        }
        match name.member() {
            Some(member) => self.members.contains(member),
            None => trust_root
                .ownership(name, index)
                .is_ok_and(|owners| self.members.iter().any(|own| owners.includes(own))),
        }
    }
}
