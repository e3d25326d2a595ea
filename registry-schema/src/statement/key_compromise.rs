//! A member says that one of its keys is not to be believed any more.

use serde::{Deserialize, Serialize};

use super::StatementError;
use super::wire::{self, Subject, Wire};
use crate::keys::KeyId;
use crate::limits;
use crate::name::MemberName;

pub(super) const PREDICATE: &str = "urn:extractor-hub:key-compromise:v1";

/// One of a member's keys is in wrong hands. In the log it warns everybody, at once and with
/// evidence; what makes later signatures of the key worthless is the trust root, where the member
/// ends the key's range at the same index.
///
/// The subject is the key: its digest is the key id, the SHA-256 of the raw public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCompromiseStatement {
    /// Whose key it is, and who says so.
    pub member: MemberName,
    /// Which key.
    pub key_id: KeyId,
    /// The first log index at which the key is not to be believed.
    pub from_index: u64,
    /// What happened.
    pub reason: String,
}

impl KeyCompromiseStatement {
    /// The payload to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        let predicate = KeyCompromisePredicate {
            from_index: self.from_index,
            key_id: self.key_id,
            member: self.member.clone(),
            reason: self.reason.clone(),
        };
        Wire::new(PREDICATE, subject(&self.member, &self.key_id), predicate).to_json()
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<KeyCompromisePredicate> = wire::read(payload)?;
        let predicate = wire.predicate;
        wire::check_subject(
            &wire.subject,
            &subject(&predicate.member, &predicate.key_id),
        )?;
        wire::check_line("reason", &predicate.reason, limits::REASON_CHARACTERS)?;
        Ok(Self {
            member: predicate.member,
            key_id: predicate.key_id,
            from_index: predicate.from_index,
            reason: predicate.reason,
        })
    }
}

fn subject(member: &MemberName, key_id: &KeyId) -> Subject {
    let hex = key_id.to_string();
    Subject::new(format!("{member} key {hex}"), &hex)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyCompromisePredicate {
    from_index: u64,
    key_id: KeyId,
    member: MemberName,
    reason: String,
}
