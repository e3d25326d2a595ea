//! Statements on their way from owner to owner, not signed by enough of them yet.

use super::VerifyError;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::keys::SecretKey;
use crate::name::MemberName;
use crate::statement::Statement;
use crate::threshold::{Signer, check_signatures};
use crate::trust_root::{NOT_LOGGED, Ownership, TrustRoot};

/// A release or yank that some of its owners have signed, or none: every signature on it is good,
/// and nothing may be done with it but to sign it too. When enough have, [`Draft::envelope`] is
/// what `verify_release` or `verify_yank` accept.
#[derive(Clone, Debug)]
pub struct Draft {
    statement: Statement,
    envelope: Envelope,
    ownership: Ownership,
    signers: Vec<Signer>,
}

impl Draft {
    /// What is going to be said.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// SHA-256 of the statement: the same for every owner who looks at it.
    pub fn statement_digest(&self) -> Digest {
        self.envelope.payload_digest()
    }

    /// Who has signed so far.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// How many owners must sign.
    pub fn needed(&self) -> usize {
        self.ownership.threshold()
    }

    /// Whether enough have signed.
    pub fn is_complete(&self) -> bool {
        self.signers.len() >= self.needed()
    }

    /// Owners who have not signed.
    pub fn open(&self) -> impl Iterator<Item = &MemberName> {
        let has_signed = |member: &MemberName| {
            let mut signers = self.signers.iter();
            signers.any(|signer| signer.member == *member)
        };
        self.ownership
            .members()
            .filter(move |member| !has_signed(member))
    }

    /// The envelope as it is now.
    pub fn envelope(&self) -> Vec<u8> {
        self.envelope.to_bytes()
    }

    /// The same with one more signature.
    ///
    /// # Errors
    /// [`VerifyError::Threshold`] when the key belongs to no owner, or to one who has signed with
    /// another.
    pub fn cosign(self, key: &SecretKey) -> Result<Self, VerifyError> {
        let envelope = self.envelope.cosign(key);
        let signers = check_signatures(&envelope, &self.ownership)?;
        Ok(Self {
            envelope,
            signers,
            ..self
        })
    }
}

/// Checks a draft's envelope: form, that it is a statement owners sign together, and that each
/// signature on it is that of an owner, with a key that counts for what is still to be logged.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_draft(trust_root: &dyn TrustRoot, envelope: &[u8]) -> Result<Draft, VerifyError> {
    let envelope = Envelope::parse(envelope)?;
    let statement = Statement::parse(envelope.payload())?;
    let name = match &statement {
        Statement::Release(release) => &release.manifest().name,
        Statement::Yank(yank) => &yank.name,
        other => {
            return Err(VerifyError::Kind {
                expected: "a release or a yank",
                found: other.kind(),
            });
        }
    };
    let ownership = trust_root.ownership(name, NOT_LOGGED)?;
    let signers = check_signatures(&envelope, &ownership)?;
    Ok(Draft {
        statement,
        envelope,
        ownership,
        signers,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::statement::tests::advisory;
    use crate::threshold::ThresholdError;
    use crate::trust_root::tests::{founded, key, rekeyed, verified};
    use crate::verify::tests::{envelope, policy, signed};
    use crate::verify::{Asked, verify_release};

    #[test]
    fn it_goes_from_owner_to_owner_until_enough_have_signed() {
        let draft = verify_draft(&policy(), &envelope("passport-extractor", &[])).unwrap();
        assert_eq!((draft.signers().len(), draft.needed()), (0, 2));
        let names = |draft: &Draft| draft.open().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&draft), ["acme", "beta"]);
        let draft = draft.cosign(&key(2)).unwrap();
        assert!(!draft.is_complete());
        assert_eq!(names(&draft), ["acme"]);
        assert!(
            verify_release(&policy(), &Asked::Anything, &draft.envelope(), NOT_LOGGED).is_err()
        );
        let draft = verify_draft(&policy(), &draft.envelope()).unwrap();
        let draft = draft.cosign(&key(1)).unwrap();
        assert!(draft.is_complete());
        let release =
            verify_release(&policy(), &Asked::Anything, &draft.envelope(), NOT_LOGGED).unwrap();
        assert_eq!(release.statement_digest(), draft.statement_digest());
        assert_eq!(release.envelope(), envelope("passport-extractor", &[1, 2]));
    }

    #[test]
    fn strangers_bad_signatures_and_other_kinds_are_refused() {
        let draft = verify_draft(&policy(), &envelope("passport-extractor", &[1])).unwrap();
        assert!(matches!(
            draft.cosign(&key(9)),
            Err(VerifyError::Threshold(_))
        ));
        assert!(matches!(
            verify_draft(&policy(), &envelope("passport-extractor", &[9])),
            Err(VerifyError::Threshold(_))
        ));
        let other = signed(advisory().to_payload(), &[]);
        assert!(matches!(
            verify_draft(&policy(), &other),
            Err(VerifyError::Kind { .. })
        ));
    }
    #[test]
    fn keys_that_were_taken_back_sign_no_drafts() {
        let root = verified(&rekeyed(&founded(&["acme"], &[]), "acme", 101, |keyring| {
            keyring.keys[0].until = Some(40);
        }));
        let draft = envelope("acme/passport-extractor", &[]);
        let refused = verify_draft(&root, &draft).unwrap().cosign(&key(1));
        assert!(matches!(
            refused,
            Err(VerifyError::Threshold(ThresholdError::KeyOutOfRange { .. }))
        ));
        let signed = envelope("acme/passport-extractor", &[1]);
        assert!(verify_draft(&root, &signed).is_err());
    }
}
