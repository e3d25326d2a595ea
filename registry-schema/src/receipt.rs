//! What a pull leaves beside an extractor, so that it can be verified again without a network.

use serde::{Deserialize, Serialize};

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
}

/// Statements of one pulled release. They are verified under the trust root of the day: what was
/// logged before a change of members or keys stays valid, what a stolen key signed does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Format version, 2.
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
        if self.v != 2 {
            return Err(ReceiptError::Version { found: self.v });
        }
        // Going back would bring back keys that were taken away since.
        if self.root_version > trust_root.version() {
            return Err(ReceiptError::OlderRoot {
                pulled_under: self.root_version,
                trusted: trust_root.version(),
            });
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
}

/// Why a receipt is not valid.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Another format.
    #[error("the receipt has format version {found}, this program knows 2: pull the release again")]
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
    /// A statement in it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::envelope::Envelope;
    use crate::statement::ReleaseStatement;
    use crate::statement::tests::{files, manifest};
    use crate::trust_root::tests::{founded, key, verified};

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
            v: 2,
            release,
            hub: "https://hub.example.org".into(),
            pulled_at: "2027-01-15T08:00:00Z".into(),
            statement: LoggedEnvelope {
                index: 3,
                envelope: String::from_utf8(envelope).unwrap(),
            },
            yanks: Vec::new(),
            root_version: 1,
            probe_cosine: None,
            model_signature: None,
        };
        let root = verified(&founded(&["acme"], &[]));
        assert_eq!(receipt.verify(&root).unwrap().release.index(), 3);
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
        let other = Receipt { v: 1, ..receipt };
        assert!(matches!(
            other.verify(&root),
            Err(ReceiptError::Version { found: 1 })
        ));
    }
}
