//! The only loop that counts signatures.

use std::collections::BTreeSet;

use crate::envelope::Envelope;
use crate::keys::KeyId;
use crate::name::MemberName;
use crate::trust_root::Ownership;
use crate::tuf::files::IndexRange;

/// A member whose signature on an envelope was checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// Who signed.
    pub member: MemberName,
    /// With which key.
    pub key_id: KeyId,
}

/// Checks that enough owners signed, and that every signature present is good, as
/// [`check_signatures`] does.
///
/// # Errors
/// [`ThresholdError`] names the key or how many are missing.
pub fn count_signatures(
    envelope: &Envelope,
    ownership: &Ownership,
) -> Result<Vec<Signer>, ThresholdError> {
    let signers = check_signatures(envelope, ownership)?;
    check_count(&signers, ownership)?;
    Ok(signers)
}

/// Checks that every signature present is good, however few there are: each by a key of an owner,
/// distinct owners, valid over the envelope's pre-authentication encoding. A signature that is
/// anything else fails the whole envelope, so that nobody can decorate a release.
///
/// # Errors
/// [`ThresholdError`] names the key.
pub fn check_signatures(
    envelope: &Envelope,
    ownership: &Ownership,
) -> Result<Vec<Signer>, ThresholdError> {
    let message = envelope.signed_message();
    let mut members = BTreeSet::new();
    let mut signers = Vec::new();
    for signature in envelope.signatures() {
        let key_id = signature.key_id;
        let (member, key) = ownership
            .key(&key_id)
            .ok_or_else(|| not_counting(ownership, key_id))?;
        if !key.verifies(&message, &signature.signature) {
            return Err(ThresholdError::BadSignature {
                key_id,
                member: member.clone(),
            });
        }
        if !members.insert(member.clone()) {
            return Err(ThresholdError::TwiceByOne {
                member: member.clone(),
            });
        }
        signers.push(Signer {
            member: member.clone(),
            key_id,
        });
    }
    Ok(signers)
}

/// Whether signatures that were checked before suffice under another ownership too: that of a later
/// trust root, or of another place in the log.
///
/// # Errors
/// [`ThresholdError`] names the key or how many are missing.
pub fn recount(signers: &[Signer], ownership: &Ownership) -> Result<(), ThresholdError> {
    for signer in signers {
        let key_id = signer.key_id;
        match ownership.key(&key_id) {
            Some((member, _)) if *member == signer.member => {}
            _ => return Err(not_counting(ownership, key_id)),
        }
    }
    check_count(signers, ownership)
}

fn check_count(signers: &[Signer], ownership: &Ownership) -> Result<(), ThresholdError> {
    if signers.len() >= ownership.threshold() {
        return Ok(());
    }
    Err(ThresholdError::TooFew {
        found: signers.len(),
        needed: ownership.threshold(),
        owners: ownership.member_names(),
    })
}

/// Why a key that signed does not count.
fn not_counting(ownership: &Ownership, key_id: KeyId) -> ThresholdError {
    match ownership.retired(&key_id) {
        Some(key) => ThresholdError::KeyOutOfRange {
            key_id,
            member: key.member.clone(),
            range: key.range,
            index: key.index,
        },
        None => ThresholdError::NotAnOwner {
            key_id,
            owners: ownership.member_names(),
        },
    }
}

/// Why the signatures of an envelope do not suffice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// Signed by a key that does not belong to an owner of the name.
    #[error("signed by key {key_id}, which is no key of an owner of this name (owners: {owners})")]
    NotAnOwner {
        /// The key.
        key_id: KeyId,
        /// Who could have signed.
        owners: String,
    },
    /// Signed by a key of an owner that did not count at that log index: revoked before, or added
    /// after.
    #[error(
        "signed by key {key_id} of `{member}`, which counts {range}, and this {}",
        crate::trust_root::at(*index)
    )]
    KeyOutOfRange {
        /// The key.
        key_id: KeyId,
        /// Whose key it is.
        member: MemberName,
        /// Where it counts.
        range: IndexRange,
        /// Where the statement is in the log.
        index: u64,
    },
    /// The signature does not verify: the payload or the signature was changed.
    #[error(
        "the signature of `{member}` (key {key_id}) does not verify: the statement was changed after it was signed"
    )]
    BadSignature {
        /// The key.
        key_id: KeyId,
        /// Whose key it is.
        member: MemberName,
    },
    /// Two signatures of one member count once, so the second has no place.
    #[error("signed more than once by `{member}`: one signature of each owner")]
    TwiceByOne {
        /// Who.
        member: MemberName,
    },
    /// Below the threshold.
    #[error("signed by {found} of the {needed} owners it needs (owners: {owners})")]
    TooFew {
        /// How many signed.
        found: usize,
        /// How many must.
        needed: usize,
        /// Who could have signed.
        owners: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::keys::SecretKey;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    fn owners(threshold: usize) -> Ownership {
        let owner = |name: &str, seeds: &[u8]| {
            (
                name.parse::<MemberName>().unwrap(),
                seeds.iter().map(|&s| key(s).public()).collect::<Vec<_>>(),
            )
        };
        Ownership::new(
            vec![owner("alpha", &[1, 2]), owner("beta", &[3])],
            threshold,
        )
    }

    fn count(seeds: &[u8], threshold: usize) -> Result<Vec<Signer>, ThresholdError> {
        let keys: Vec<_> = seeds.iter().map(|&seed| key(seed)).collect();
        let envelope = Envelope::sign(b"x".to_vec(), &keys.iter().collect::<Vec<_>>());
        count_signatures(&envelope, &owners(threshold))
    }

    #[test]
    fn distinct_owners_count() {
        assert_eq!(count(&[1, 3], 2).unwrap().len(), 2);
        assert_eq!(count(&[2], 1).unwrap()[0].member.as_str(), "alpha");
    }

    #[test]
    fn everything_else_is_refused() {
        assert!(matches!(
            count(&[], 1),
            Err(ThresholdError::TooFew {
                found: 0,
                needed: 1,
                ..
            })
        ));
        assert!(matches!(
            count(&[1], 2),
            Err(ThresholdError::TooFew { found: 1, .. })
        ));
        assert!(matches!(
            count(&[1, 2], 1),
            Err(ThresholdError::TwiceByOne { .. })
        ));
        assert!(matches!(
            count(&[1, 1], 1),
            Err(ThresholdError::TwiceByOne { .. })
        ));
        assert!(matches!(
            count(&[1, 9], 1),
            Err(ThresholdError::NotAnOwner { .. })
        ));
    }

    #[test]
    fn signers_count_anew_under_another_ownership() {
        let both = count(&[1, 3], 2).unwrap();
        recount(&both, &owners(2)).unwrap();
        let alone = Ownership::new(vec![("beta".parse().unwrap(), vec![key(3).public()])], 1);
        assert!(matches!(
            recount(&both, &alone),
            Err(ThresholdError::NotAnOwner { .. })
        ));
        assert!(matches!(
            recount(&both[..1], &owners(2)),
            Err(ThresholdError::TooFew { found: 1, .. })
        ));
        // The key went to another member.
        let moved = Ownership::new(vec![("beta".parse().unwrap(), vec![key(1).public()])], 1);
        assert!(recount(&both[..1], &moved).is_err());
    }

    #[test]
    fn a_changed_payload_is_noticed() {
        let envelope = Envelope::sign(b"aaa".to_vec(), &[&key(1)]);
        let text = String::from_utf8(envelope.to_bytes())
            .unwrap()
            .replace("YWFh", "YWFi");
        let changed = Envelope::parse(text.as_bytes()).unwrap();
        assert!(matches!(
            count_signatures(&changed, &owners(1)),
            Err(ThresholdError::BadSignature { .. })
        ));
    }
}
