//! Errors of the trust root: followed, founded and changed.

use std::io::ErrorKind;

use registry_schema::tuf::TufError;
use registry_schema::tuf::draft::DraftError;

use super::{Advice, ErrorCode, Hint};
use crate::consortium::{ConsortiumError, PolicyFileError};
use crate::trust::TrustStoreError;

impl Hint for TrustStoreError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotPinned => Advice::of(ErrorCode::NotTrusted),
            Self::Tuf(error) => error.advice(),
            Self::Kept { .. } => Advice::of(ErrorCode::Settings),
            Self::Registry(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
            Self::Fingerprint { .. } => Advice::with_hint(
                ErrorCode::NotTrusted,
                "ask the consortium for the fingerprint by another way than this hub: telephone, paper, a colleague",
            ),
            Self::Config(error) => error.advice(),
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for TufError {
    fn advice(&self) -> Advice {
        match self {
            Self::Expired { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "its members renew it with `hub consortium propose`; without a network, `--as-of TIME` takes it as of a time you know",
            ),
            Self::SkippedVersion { .. }
            | Self::RolledBack { .. }
            | Self::Mixed { .. }
            | Self::UnderSigned { .. }
            | Self::Anchor { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "nothing was taken over; tell the other members what this hub shows you",
            ),
            _ => Advice::of(ErrorCode::TrustRoot),
        }
    }
}

impl Hint for DraftError {
    fn advice(&self) -> Advice {
        match self {
            Self::Tuf(TufError::Rule { .. } | TufError::Malformed { .. }) => {
                Advice::of(ErrorCode::Invalid)
            }
            Self::Tuf(error) => error.advice(),
            _ => Advice::of(ErrorCode::Invalid),
        }
    }
}

impl Hint for ConsortiumError {
    fn advice(&self) -> Advice {
        match self {
            Self::Member { .. }
            | Self::Name { .. }
            | Self::Witness { .. }
            | Self::Witnesses { .. }
            | Self::Twice { .. } => Advice::of(ErrorCode::Usage),
            Self::Key(error) => error.advice(),
            Self::Draft(error) => error.advice(),
            Self::PolicyFile(PolicyFileError::File(error)) => error.advice(),
            Self::PolicyFile(_) => Advice::of(ErrorCode::Invalid),
            Self::File(error) if error.kind() == ErrorKind::AlreadyExists => Advice::with_hint(
                ErrorCode::File,
                "a draft is never replaced: choose another file with --output",
            ),
            Self::File(error) => error.advice(),
        }
    }
}
