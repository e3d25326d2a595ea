//! Entries of the log as a reader of the whole log meets them: of any kind, each judged by itself.

use super::VerifyError;
use super::alone::check_signed_alone;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::statement::Statement;
use crate::threshold::{Signer, count_signatures};
use crate::trust_root::TrustRoot;

/// A statement whose signatures count at its place in the log. Holding one proves that
/// [`verify_entry`] said yes. Whether it fits what was said before it (its release, its number), it
/// does not say.
#[derive(Clone, Debug)]
pub struct VerifiedEntry {
    statement: Statement,
    statement_digest: Digest,
    signers: Vec<Signer>,
    index: u64,
}

impl VerifiedEntry {
    /// What is said.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// SHA-256 of the signed statement.
    pub fn statement_digest(&self) -> Digest {
        self.statement_digest
    }

    /// Who signed; a member that speaks for itself signs alone.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Its log index.
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// Checks the log's entry at `index`: the form of envelope and statement, and that those whose
/// statement it is signed it with keys that count there: enough owners of a name, or one member
/// alone.
///
/// # Errors
/// [`VerifyError`] names the check that failed.
pub fn verify_entry(
    trust_root: &dyn TrustRoot,
    envelope: &[u8],
    index: u64,
) -> Result<VerifiedEntry, VerifyError> {
    let parsed = Envelope::parse(envelope)?;
    let statement = Statement::parse(parsed.payload())?;
    let together = |name| {
        Ok::<_, VerifyError>(count_signatures(
            &parsed,
            &trust_root.ownership(name, index)?,
        )?)
    };
    let alone = |member| {
        Ok(vec![check_signed_alone(
            trust_root, member, &parsed, index,
        )?])
    };
    let signers = match &statement {
        Statement::Release(release) => together(&release.manifest().name),
        Statement::Yank(yank) => together(&yank.name),
        Statement::Evaluation(evaluation) => alone(&evaluation.by),
        Statement::Advisory(advisory) => alone(&advisory.by),
        Statement::KeyCompromise(compromise) => alone(&compromise.member),
    }?;
    Ok(VerifiedEntry {
        statement_digest: parsed.payload_digest(),
        statement,
        signers,
        index,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::statement::YankAction;
    use crate::statement::YankStatement;
    use crate::statement::tests::{advisory, key_compromise};
    use crate::verify::tests::{envelope, policy, released, signed};

    #[test]
    fn each_kind_is_signed_by_those_whose_statement_it_is() {
        let root = policy();
        let release = released();
        let yank = YankStatement {
            name: release.manifest().name.clone(),
            version: release.manifest().version.clone(),
            content: release.content_digest(),
            action: YankAction::Yank,
            reason: "wrong crop".to_owned(),
            replacement: None,
            sequence: 1,
        };
        let own = |seeds: &[u8]| envelope("acme/passport-extractor", seeds);
        let joint = |seeds: &[u8]| envelope("passport-extractor", seeds);
        let good = [
            (own(&[1]), 1),
            (joint(&[1, 2]), 2),
            (signed(yank.to_payload(), &[1]), 1),
            (signed(advisory().to_payload(), &[2]), 1),
            (signed(key_compromise().to_payload(), &[1]), 1),
        ];
        for (bytes, signers) in &good {
            let entry = verify_entry(&root, bytes, 7).unwrap();
            assert_eq!((entry.signers().len(), entry.index()), (*signers, 7));
        }
        let bad = [
            own(&[2]),
            joint(&[1]),
            signed(yank.to_payload(), &[2]),
            signed(advisory().to_payload(), &[1, 2]),
            signed(key_compromise().to_payload(), &[2]),
            b"{}".to_vec(),
        ];
        for bytes in &bad {
            assert!(verify_entry(&root, bytes, 7).is_err());
        }
    }
}
