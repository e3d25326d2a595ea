//! Errors of this machine: its files, settings, keys and store, and the witness that runs on it.

use std::io::ErrorKind;

use super::{Advice, ErrorCode, Hint};
use crate::config::ConfigError;
use crate::files::FileError;
use crate::keys::KeyFileError;
use crate::lockfile::LockFileError;
use crate::store::StoreError;
use crate::witness::WitnessError;

impl Hint for FileError {
    fn advice(&self) -> Advice {
        match self.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Advice::with_hint(
                ErrorCode::DiskFull,
                "make room (`hub rm REF` removes extractors; the cache folder may be deleted) and try again: nothing was left half-written",
            ),
            ErrorKind::NotFound => Advice::of(ErrorCode::NotFound),
            ErrorKind::DirectoryNotEmpty => Advice::with_hint(
                ErrorCode::File,
                "a folder is never written over: name one that is not there yet, or an empty one",
            ),
            _ if self.is_taken() => Advice::with_hint(
                ErrorCode::File,
                "--force replaces it; else name a file that is not there yet",
            ),
            ErrorKind::AlreadyExists => Advice::with_hint(
                ErrorCode::File,
                "it is never written over: name a file that is not there yet",
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Advice::with_hint(
                ErrorCode::File,
                "`hub doctor` checks the folders of the hub; HUB_HOME names another place for them",
            ),
            _ => Advice::of(ErrorCode::File),
        }
    }
}

impl Hint for ConfigError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) => error.advice(),
            Self::Malformed { .. } => Advice::with_hint(
                ErrorCode::Settings,
                "correct the file, or delete it and run `hub login` and `hub trust` again",
            ),
            Self::NoHome | Self::NotText { .. } | Self::Write { .. } => {
                Advice::of(ErrorCode::Settings)
            }
        }
    }
}

impl Hint for KeyFileError {
    fn advice(&self) -> Advice {
        match self {
            Self::Missing { .. } => Advice::of(ErrorCode::NoKey),
            Self::Name { .. } => Advice::of(ErrorCode::Usage),
            Self::Key { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "keys are unencrypted Ed25519 PEM files, as `hub keygen` makes them",
            ),
            Self::ModelKey { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "`model.sig` needs an unencrypted P-256 PEM file, as `hub keygen --model-signing` makes it",
            ),
            Self::Randomness { .. } => Advice::of(ErrorCode::Failed),
            Self::File(error) if error.kind() == ErrorKind::AlreadyExists => Advice::with_hint(
                ErrorCode::File,
                "keys are never replaced: give another name with --name",
            ),
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for LockFileError {
    fn advice(&self) -> Advice {
        match self {
            Self::Malformed { .. } => Advice::with_hint(
                ErrorCode::Settings,
                "take the file from version control, or delete it and pull again",
            ),
            Self::Foreign { .. } => Advice::with_hint(
                ErrorCode::Settings,
                "work in a folder of your own, or leave it out with --no-lock",
            ),
            Self::Write { .. } => Advice::of(ErrorCode::Settings),
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for StoreError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotInstalled { .. } => Advice::of(ErrorCode::NotInstalled),
            Self::Receipt { source, .. } => source.advice(),
            Self::Swapped { .. } => Advice::of(ErrorCode::Signature),
            Self::Malformed { .. } => Advice::of(ErrorCode::Settings),
            Self::BlobMissing { .. } | Self::BlobCorrupt { .. } => Advice::of(ErrorCode::Digest),
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for WitnessError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) => error.advice(),
            Self::NoWitness { .. } => Advice::of(ErrorCode::NoKey),
            Self::Key { .. } | Self::KeyKind { .. } | Self::NotALog { .. } => {
                Advice::of(ErrorCode::Invalid)
            }
            Self::Changed { .. } => Advice::of(ErrorCode::Digest),
            Self::Running { .. }
            | Self::TooManyLogs { .. }
            | Self::Randomness { .. }
            | Self::Listen { .. } => Advice::of(ErrorCode::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_troubles_with_files() {
        let error = |kind: ErrorKind| FileError::new("cannot write", "/x", kind.into()).advice();
        assert_eq!(error(ErrorKind::StorageFull).code, ErrorCode::DiskFull);
        assert_eq!(error(ErrorKind::NotFound).code.exit_code(), 3);
        assert_eq!(error(ErrorKind::Other), Advice::of(ErrorCode::File));
    }
}
