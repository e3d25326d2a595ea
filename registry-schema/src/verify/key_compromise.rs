//! Key compromises: a member takes one of its keys back.

use super::VerifyError;
use super::alone::check_signed_alone;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::statement::{KeyCompromiseStatement, Statement};
use crate::threshold::Signer;
use crate::trust_root::TrustRoot;

/// A member's own word that a key of its is in wrong hands. Holding one proves that
/// [`verify_key_compromise`] said yes.
#[derive(Clone, Debug)]
pub struct VerifiedKeyCompromise {
    statement: KeyCompromiseStatement,
    statement_digest: Digest,
    signer: Signer,
}

impl VerifiedKeyCompromise {
    /// What is said.
    pub fn statement(&self) -> &KeyCompromiseStatement {
        &self.statement
    }

    /// SHA-256 of the signed statement.
    pub fn statement_digest(&self) -> Digest {
        self.statement_digest
    }

    /// Who signed, with which of its keys; the key itself may still say that it is lost.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}

/// Checks a key compromise's envelope, the log's entry at `index`: form, and that the member whose key it is signed it alone.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_key_compromise(
    trust_root: &dyn TrustRoot,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedKeyCompromise, VerifyError> {
    let parsed = Envelope::parse(envelope)?;
    let statement = match Statement::parse(parsed.payload())? {
        Statement::KeyCompromise(compromise) => compromise,
        other => {
            return Err(VerifyError::Kind {
                expected: "a key compromise",
                found: other.kind(),
            });
        }
    };
    let signer = check_signed_alone(trust_root, &statement.member, &parsed, index)?;
    Ok(VerifiedKeyCompromise {
        statement_digest: parsed.payload_digest(),
        statement,
        signer,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::statement::tests::key_compromise;
    use crate::verify::tests::{policy, signed};

    #[test]
    fn a_member_takes_back_its_own_keys_only() {
        let says = key_compromise();
        let check =
            |seeds: &[u8]| verify_key_compromise(&policy(), &signed(says.to_payload(), seeds), 6);
        let verified = check(&[1]).unwrap();
        assert_eq!(verified.statement(), &says);
        assert_eq!(verified.signer().member, says.member);
        for seeds in [&[2][..], &[1, 2], &[]] {
            assert!(
                matches!(check(seeds), Err(VerifyError::NotByMember { .. })),
                "{seeds:?}"
            );
        }
    }
}
