//! What a pull leaves beside an extractor, so that it can be verified again without a network.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::model_signing::{ModelSignature, ModelSigningError};
use crate::reference::Reference;
use crate::trust_root::{ConsortiumPolicy, PolicyError};
use crate::verify::{
    Asked, VerifiedRelease, VerifiedYank, VerifyError, verify_release, verify_yank,
};

/// Statements and trust root of one pulled release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Format version, 1.
    pub v: u32,
    /// Which release.
    pub release: Reference,
    /// The hub it came from.
    pub hub: String,
    /// When it was pulled (RFC 3339, UTC).
    pub pulled_at: String,
    /// The release's envelope, exactly as signed.
    pub envelope: String,
    /// Envelopes of yanks and unyanks known at the pull, oldest first.
    pub yanks: Vec<String>,
    /// The text of the consortium policy it was verified under.
    pub policy: String,
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
    /// Checks everything again: the policy is the pinned one, and the statements verify under it.
    ///
    /// # Errors
    /// [`ReceiptError`] names the check that failed.
    pub fn verify(&self, pinned_policy: &Digest) -> Result<VerifiedReceipt, ReceiptError> {
        if self.v != 1 {
            return Err(ReceiptError::Version { found: self.v });
        }
        let policy = ConsortiumPolicy::parse(&self.policy)?;
        let found = Digest::of(self.policy.as_bytes());
        if found != *pinned_policy {
            return Err(ReceiptError::Policy {
                pinned: *pinned_policy,
                found,
            });
        }
        let release = verify_release(
            &policy,
            &Asked::Reference(&self.release),
            self.envelope.as_bytes(),
        )?;
        let yanks = self
            .yanks
            .iter()
            .map(|envelope| verify_yank(&policy, &release, envelope.as_bytes()))
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
    /// A format from the future.
    #[error("the receipt has format version {found}, this program knows 1: update it")]
    Version {
        /// What it says.
        found: u32,
    },
    /// The policy in it.
    #[error(transparent)]
    PolicyForm(#[from] PolicyError),
    /// Pulled under another policy than the pinned one.
    #[error("pulled under policy {found}, but the pinned one is {pinned}: pull it again")]
    Policy {
        /// What this machine trusts.
        pinned: Digest,
        /// What the receipt was made under.
        found: Digest,
    },
    /// The `model.sig` in it.
    #[error(transparent)]
    ModelSignature(#[from] ModelSigningError),
    /// A statement in it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}
