//! Errors of statements, files and signatures of a release, wherever they come from.

use registry_schema::compatibility::CompatibilityError;
use registry_schema::graph::RefusedFile;
use registry_schema::model_signing::ModelSigningError;
use registry_schema::receipt::ReceiptError;
use registry_schema::threshold::ThresholdError;
use registry_schema::trust_root::TrustError;
use registry_schema::verify::VerifyError;

use super::{Advice, ErrorCode, Hint};

impl Hint for VerifyError {
    fn advice(&self) -> Advice {
        match self {
            Self::Trust(TrustError::Keyring { member, .. }) => Advice::with_hint(
                ErrorCode::NotTrusted,
                format!(
                    "`{member}` alone can mend it, with its trust key: `hub consortium rotate-keys --member {member} --key KEY`"
                ),
            ),
            Self::Trust(_) => Advice::with_hint(
                ErrorCode::NotTrusted,
                "`hub consortium show` lists members and names; the consortium changes them with `hub consortium propose`",
            ),
            Self::Threshold(ThresholdError::KeyOutOfRange { member, .. }) => Advice::with_hint(
                ErrorCode::Signature,
                format!(
                    "`hub consortium show` says from where to where each key of `{member}` counts, and why one was taken back; \
                     `hub pull --update REF` takes a release that counts, when there is one"
                ),
            ),
            Self::NotAsked { .. } | Self::YankSequence { .. } => Advice::with_hint(
                ErrorCode::Signature,
                "the hub answers with something else than was asked: tell its operator",
            ),
            _ => Advice::of(ErrorCode::Signature),
        }
    }
}

impl Hint for ReceiptError {
    fn advice(&self) -> Advice {
        match self {
            Self::Verify(error) => error.advice(),
            Self::OlderRoot { .. } => Advice::of(ErrorCode::TrustRoot),
            Self::Place(error) => error.advice(),
            Self::ModelSignature(error) => error.advice(),
            Self::Version { .. } => Advice::of(ErrorCode::Settings),
        }
    }
}

impl Hint for ModelSigningError {
    fn advice(&self) -> Advice {
        match self {
            Self::Secret | Self::Public => Advice::with_hint(
                ErrorCode::Invalid,
                "`hub keygen --model-signing` makes such a key",
            ),
            Self::Random => Advice::of(ErrorCode::Failed),
            _ => Advice::with_hint(
                ErrorCode::Signature,
                "the hub sends a `model.sig` that is not of this release: tell its operator and the publisher",
            ),
        }
    }
}

impl Hint for CompatibilityError {
    fn advice(&self) -> Advice {
        match self {
            Self::Order { .. } => Advice::of(ErrorCode::VersionPromise),
            Self::Promise { .. } => Advice::of(ErrorCode::Probes),
            _ => Advice::with_hint(
                ErrorCode::Probes,
                "what this machine computes is not what was signed: an author raises the MAJOR version; \
                 a user tries `hub doctor`, then tells the publisher",
            ),
        }
    }
}

impl Hint for RefusedFile {
    fn advice(&self) -> Advice {
        Advice::of(ErrorCode::RefusedFile)
    }
}
