//! What a member says for itself, it signs alone.

use std::collections::{BTreeMap, BTreeSet};

use super::VerifyError;
use crate::envelope::Envelope;
use crate::name::{MemberName, Name};
use crate::threshold::{Signer, count_signatures};
use crate::trust_root::{Ownership, TrustRoot};

/// Checks that the member signed, with one of its keys that count at a log index, and nobody else.
pub(super) fn check_signed_alone(
    trust_root: &dyn TrustRoot,
    member: &MemberName,
    envelope: &Envelope,
    index: u64,
) -> Result<Signer, VerifyError> {
    // The names below a member's own belong to it alone: its keys there are its keys.
    let own = Name::of_member(member.clone());
    check_only_signer(&trust_root.ownership(&own, index)?, member, envelope)
}

/// The same with the keys that the member ever had: for what is recorded and does not count any more.
pub(super) fn check_recorded_alone(
    trust_root: &dyn TrustRoot,
    member: &MemberName,
    envelope: &Envelope,
    index: u64,
) -> Result<Signer, VerifyError> {
    let own = Name::of_member(member.clone());
    let ownership = trust_root.ownership_including_retired_keys(&own, index)?;
    check_only_signer(&ownership, member, envelope)
}

fn check_only_signer(
    ownership: &Ownership,
    member: &MemberName,
    envelope: &Envelope,
) -> Result<Signer, VerifyError> {
    let not_by_member = |source| VerifyError::NotByMember {
        member: member.clone(),
        source,
    };
    let mut signers = count_signatures(envelope, ownership).map_err(not_by_member)?;
    signers
        .pop()
        .filter(|signer| signer.member == *member)
        .ok_or_else(|| {
            not_by_member(crate::threshold::ThresholdError::TooFew {
                found: 0,
                needed: 1,
                owners: member.to_string(),
            })
        })
}

/// The number each member's next statement of a kind has to have: consecutive from 1, whatever
/// stands between them; of members that are `incomplete` some may be missing.
#[derive(Debug)]
pub(super) struct Sequences<'a, K> {
    kind: &'static str,
    next: BTreeMap<K, u64>,
    incomplete: &'a BTreeSet<MemberName>,
}

impl<'a, K: Ord> Sequences<'a, K> {
    pub(super) fn new(kind: &'static str, incomplete: &'a BTreeSet<MemberName>) -> Self {
        Self {
            kind,
            next: BTreeMap::new(),
            incomplete,
        }
    }

    /// Takes the next number of `key`, which belongs to a member.
    pub(super) fn take(
        &mut self,
        key: K,
        member: &MemberName,
        found: u64,
    ) -> Result<(), VerifyError> {
        let next = self.next.entry(key).or_insert(1);
        let may_skip = found > *next && self.incomplete.contains(member);
        if found != *next && !may_skip {
            return Err(VerifyError::MemberSequence {
                kind: self.kind,
                member: member.clone(),
                expected: *next,
                found,
            });
        }
        *next = found.saturating_add(1);
        Ok(())
    }
}
