//! Errors of releases that travel as a folder or a file.

use std::io::ErrorKind;

use super::{Advice, ErrorCode, Hint};
use crate::bundle::{BundleError, BundleFault, PackError};

impl Hint for BundleError {
    fn advice(&self) -> Advice {
        match self {
            Self::Store(error) => error.advice(),
            Self::Trust(error) => error.advice(),
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for PackError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) => error.advice(),
            Self::Interrupted => Advice::of(ErrorCode::Interrupted),
            Self::NotAFile { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "`hub export REF -o FILE` writes such a file",
            ),
            Self::Malformed(_) | Self::Truncated | Self::Trailing => Advice::with_hint(
                ErrorCode::Digest,
                "copy it again from where it was written by `hub export REF -o FILE`; nothing was installed",
            ),
            _ => Advice::with_hint(
                ErrorCode::RefusedFile,
                "`hub export` writes no such pack: ask whom you have it from; nothing was installed",
            ),
        }
    }
}

impl Hint for BundleFault {
    fn advice(&self) -> Advice {
        match self {
            Self::Trust(error) => error.advice(),
            Self::Proof(_) => Advice::of(ErrorCode::Log),
            Self::Place(error) => error.advice(),
            Self::Verify(error) => error.advice(),
            Self::NotText { .. } | Self::TooManyYanks => Advice::of(ErrorCode::Signature),
            Self::OtherFile { .. } | Self::NotSigned { .. } => Advice::with_hint(
                ErrorCode::Digest,
                "it was changed since it was exported: ask for it again",
            ),
            Self::Walk { .. } => Advice::of(ErrorCode::File),
            Self::ModelSignature(error) => error.advice(),
            Self::File(error) if error.kind() == ErrorKind::NotFound => Advice::with_hint(
                ErrorCode::NotFound,
                "`hub export REF --bundle DIR` writes such a folder",
            ),
            Self::File(error) => error.advice(),
        }
    }
}
