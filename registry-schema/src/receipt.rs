//! What a pull leaves beside an extractor, so that it can be verified again without a network.

use serde::{Deserialize, Serialize};

use crate::log::hash::leaf_hash;
use crate::log::policy::{Policy, QuorumError, WitnessedCheckpoint};
use crate::log::proof::{LogProof, ProofFileError};
use crate::model_signing::{ModelSignature, ModelSigningError};
use crate::reference::Reference;
use crate::trust_root::TrustRoot;
use crate::verify::{
    Asked, VerifiedRelease, VerifiedYank, VerifyError, verify_recorded_yank, verify_release,
};

/// An envelope and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedEnvelope {
    /// Its 0-based log index.
    pub index: u64,
    /// The envelope, exactly as signed.
    pub envelope: String,
    /// That the log has it there: the text of a `.tlog-proof` file.
    pub proof: String,
}

impl LoggedEnvelope {
    /// Checks that the envelope is the log's entry at this index, with a checkpoint that counts under a
    /// policy.
    ///
    /// # Errors
    /// [`PlaceError`] names the check that failed.
    pub fn check_place(&self, policy: &Policy) -> Result<WitnessedCheckpoint, PlaceError> {
        let proof = LogProof::parse(self.proof.as_bytes())?;
        let checkpoint = policy.check_proof(&proof, &leaf_hash(self.envelope.as_bytes()))?;
        if proof.index == self.index {
            return Ok(checkpoint);
        }
        Err(PlaceError::Index {
            said: self.index,
            proven: proof.index,
        })
    }
}

/// A statement is not shown to be where it is said to be in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not a proof.
    #[error("the proof that the statement is in the log cannot be read")]
    Form(#[from] ProofFileError),
    /// Not a proof of this statement, or not of the log that counts.
    #[error("the statement is not proven to be in the log")]
    Proof(#[from] QuorumError),
    /// A proof of another place.
    #[error("the statement is said to be entry {said} of the log and proven to be entry {proven}")]
    Index {
        /// Where it is said to be.
        said: u64,
        /// Where it is.
        proven: u64,
    },
}

/// Statements of one pulled release. They are verified under the trust root of the day: what was
/// logged before a change of members or keys stays valid, what a stolen key signed does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Format version, 3.
    pub v: u32,
    /// Which release.
    pub release: Reference,
    /// The hub it came from.
    pub hub: String,
    /// When it was pulled (RFC 3339, UTC).
    pub pulled_at: String,
    /// The release's envelope, and where it is in the log.
    pub statement: LoggedEnvelope,
    /// Yanks and unyanks known at the pull, oldest first.
    pub yanks: Vec<LoggedEnvelope>,
    /// Version of `root.json` at the pull.
    pub root_version: u64,
    /// Smallest cosine between the publisher's probe vectors and those computed here, or `None`
    /// when the runtime was not there to compute them.
    pub probe_cosine: Option<f64>,
    /// The `model.sig` that travelled with it, for other people's verifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_signature: Option<String>,
}

/// A receipt that was verified again.
#[derive(Clone, Debug)]
pub struct VerifiedReceipt {
    /// The release.
    pub release: VerifiedRelease,
    /// Yanks and unyanks about it.
    pub yanks: Vec<VerifiedYank>,
}

impl Receipt {
    /// Checks everything again: the statements verify under a trust root.
    ///
    /// # Errors
    /// [`ReceiptError`] names the check that failed.
    pub fn verify(&self, trust_root: &dyn TrustRoot) -> Result<VerifiedReceipt, ReceiptError> {
        if self.v != 3 {
            return Err(ReceiptError::Version { found: self.v });
        }
        // Going back would bring back keys that were taken away since.
        if self.root_version > trust_root.version() {
            return Err(ReceiptError::OlderRoot {
                pulled_under: self.root_version,
                trusted: trust_root.version(),
            });
        }
        // The index decides which keys count. The witnesses of the day of the pull may be others by now;
        // whoever wants to hear them asks `check_witnesses`.
        let log = trust_root.log_policy().without_witnesses();
        for logged in self.logged() {
            logged.check_place(&log)?;
        }
        let release = verify_release(
            trust_root,
            &Asked::Reference(&self.release),
            self.statement.envelope.as_bytes(),
            self.statement.index,
        )?;
        let yanks = self
            .yanks
            .iter()
            .map(|yank| {
                verify_recorded_yank(trust_root, &release, yank.envelope.as_bytes(), yank.index)
            })
            .collect::<Result<_, _>>()?;
        if let Some(text) = &self.model_signature {
            let signature = ModelSignature::parse(text.as_bytes())?;
            signature.check_statement(&release.statement_digest())?;
        }
        Ok(VerifiedReceipt { release, yanks })
    }

    /// Checks that a quorum of today's witnesses has cosigned every proof; returns the checkpoint that the
    /// release's own proof leads to.
    ///
    /// # Errors
    /// [`PlaceError`] when one does not count, as after a change of witnesses: a pull brings new ones.
    pub fn check_witnesses(
        &self,
        trust_root: &dyn TrustRoot,
    ) -> Result<WitnessedCheckpoint, PlaceError> {
        let policy = trust_root.log_policy();
        for yank in &self.yanks {
            yank.check_place(policy)?;
        }
        self.statement.check_place(policy)
    }

    fn logged(&self) -> impl Iterator<Item = &LoggedEnvelope> {
        std::iter::once(&self.statement).chain(&self.yanks)
    }
}

/// Why a receipt is not valid.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Another format.
    #[error("the receipt has format version {found}, this program knows 3: pull the release again")]
    Version {
        /// What it says.
        found: u32,
    },
    /// Pulled under a newer trust root than the one at hand.
    #[error(
        "pulled under root {pulled_under} of the consortium, but root {trusted} is the one at hand: refresh the trust root with `hub trust`"
    )]
    OlderRoot {
        /// The root of the pull.
        pulled_under: u64,
        /// The root at hand.
        trusted: u64,
    },
    /// The `model.sig` in it.
    #[error(transparent)]
    ModelSignature(#[from] ModelSigningError),
    /// A statement's place in the log.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A statement in it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::envelope::Envelope;
    use crate::keys::SecretKey;
    use crate::log::checkpoint::Checkpoint;
    use crate::log::hash::node_hash;
    use crate::log::note::{KeyKind, SignerKey};
    use crate::statement::ReleaseStatement;
    use crate::statement::tests::{files, manifest};
    use crate::trust_root::tests::{founded, key, verified};

    /// That the log has two entries, this one the second.
    fn proof_of(entry: &[u8]) -> String {
        let first = leaf_hash(b"first");
        let log = "hub.example.org/log1";
        let checkpoint = Checkpoint {
            origin: log.parse().unwrap(),
            size: 2,
            root: node_hash(&first, &leaf_hash(entry)),
        };
        let secret = SecretKey::from_seed(&[7; 32]);
        let signer = SignerKey::new(log.parse().unwrap(), KeyKind::Ed25519, secret);
        let proof = LogProof {
            extra: None,
            index: 1,
            hashes: vec![first],
            checkpoint: checkpoint.sign(&signer).unwrap(),
        };
        proof.to_string()
    }

    #[test]
    fn a_receipt_is_verified_under_the_trust_root_of_the_day() {
        let mut manifest = manifest();
        manifest.name = "acme/passport-extractor".parse().unwrap();
        let release = Reference::exact(manifest.name.clone(), manifest.version.clone());
        let payload = ReleaseStatement::new(manifest, files())
            .unwrap()
            .to_payload();
        let envelope = Envelope::sign(payload, &[&key(1)]).to_bytes();
        let receipt = Receipt {
            v: 3,
            release,
            hub: "https://hub.example.org".into(),
            pulled_at: "2027-01-15T08:00:00Z".into(),
            statement: LoggedEnvelope {
                index: 1,
                proof: proof_of(&envelope),
                envelope: String::from_utf8(envelope).unwrap(),
            },
            yanks: Vec::new(),
            root_version: 1,
            probe_cosine: None,
            model_signature: None,
        };
        let root = verified(&founded(&["acme"], &[]));
        assert_eq!(receipt.verify(&root).unwrap().release.index(), 1);
        let strangers = verified(&founded(&["beta"], &[]));
        assert!(matches!(
            receipt.verify(&strangers),
            Err(ReceiptError::Verify(_))
        ));
        let newer = Receipt {
            root_version: 2,
            ..receipt.clone()
        };
        assert!(matches!(
            newer.verify(&root),
            Err(ReceiptError::OlderRoot { .. })
        ));
        // Its place is proven, not said.
        let mut elsewhere = receipt.clone();
        elsewhere.statement.index = 0;
        let mut unproven = receipt.clone();
        unproven.statement.proof.clear();
        let mut of_another = receipt.clone();
        of_another.statement.proof = proof_of(b"another");
        for bad in [elsewhere, unproven, of_another] {
            assert!(matches!(bad.verify(&root), Err(ReceiptError::Place(_))));
        }
        receipt.check_witnesses(&root).unwrap();
        let other = Receipt { v: 1, ..receipt };
        assert!(matches!(
            other.verify(&root),
            Err(ReceiptError::Version { found: 1 })
        ));
    }
}
