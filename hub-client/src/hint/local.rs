//! Errors of this machine: files, settings, the store, the runtime, images and heads.

use std::io::ErrorKind;

use registry_schema::manifest::ProbeError;
use registry_schema::tuf::TufError;
use registry_schema::tuf::draft::DraftError;

use super::{Advice, ErrorCode, Hint};
use crate::bundle::{BundleError, BundleFault, PackError};
use crate::choose::ChooseError;
use crate::config::ConfigError;
use crate::consortium::{ConsortiumError, PolicyFileError};
use crate::dataset::DatasetError;
use crate::explore::ExploreError;
use crate::features::FeatureError;
use crate::files::FileError;
use crate::head::HeadError;
use crate::head::export::{Disagreement, ExportError};
use crate::keys::KeyFileError;
use crate::lockfile::LockFileError;
use crate::runtime::library::LibraryError;
use crate::runtime::{ImageError, RuntimeError};
use crate::store::StoreError;
use crate::trust::TrustStoreError;
use crate::witness::WitnessError;
use crate::worker::{Failure, FailureKind, WorkerError};

impl Hint for FileError {
    fn advice(&self) -> Advice {
        match self.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Advice::with_hint(
                ErrorCode::DiskFull,
                "make room (`hub rm REF` removes extractors; the cache folder may be deleted) and try again: nothing was left half-written",
            ),
            ErrorKind::NotFound => Advice::of(ErrorCode::NotFound),
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
            Self::NoHome | Self::Write { .. } => Advice::of(ErrorCode::Settings),
        }
    }
}

impl Hint for BundleError {
    fn advice(&self) -> Advice {
        match self {
            Self::Store(error) => error.advice(),
            Self::Trust(error) => error.advice(),
            Self::File(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Advice::with_hint(
                ErrorCode::File,
                "nothing is ever written over: name a folder that is not there yet",
            ),
            Self::File(error) if error.kind() == ErrorKind::AlreadyExists => Advice::with_hint(
                ErrorCode::File,
                "nothing is ever written over: name a file that is not there yet",
            ),
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

impl Hint for LockFileError {
    fn advice(&self) -> Advice {
        match self {
            Self::Malformed { .. } => Advice::with_hint(
                ErrorCode::Settings,
                "take the file from version control, or delete it and pull again",
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

impl Hint for ProbeError {
    fn advice(&self) -> Advice {
        Advice::of(ErrorCode::Probes)
    }
}

impl Hint for LibraryError {
    fn advice(&self) -> Advice {
        Advice::of(ErrorCode::RuntimeLibrary)
    }
}

impl Hint for RuntimeError {
    fn advice(&self) -> Advice {
        match self {
            Self::Library(error) => error.advice(),
            Self::Picture { source, .. } => source.advice(),
            Self::Cancelled => Advice::of(ErrorCode::Interrupted),
            Self::NotDeterministic { .. } => Advice::of(ErrorCode::Probes),
            Self::Session(_) | Self::Mismatch { .. } | Self::ThreadStopped => {
                Advice::of(ErrorCode::Runtime)
            }
        }
    }
}

impl Hint for WorkerError {
    fn advice(&self) -> Advice {
        match self {
            Self::Extractor(failure) => failure.advice(),
            Self::TimeLimit { .. } => Advice::with_hint(
                ErrorCode::Limit,
                "tell its publisher; on a slow machine HUB_PROBE_SECONDS gives probes more time",
            ),
            Self::NoAnswer { .. } => Advice::of(ErrorCode::Limit),
            Self::MemoryLimit { .. } => Advice::with_hint(
                ErrorCode::Limit,
                "tell its publisher; where probes honestly need more, HUB_PROBE_MIB says how much",
            ),
            Self::Cancelled => Advice::of(ErrorCode::Interrupted),
            Self::Start(_) | Self::Send(_) => Advice::of(ErrorCode::Failed),
            Self::Crashed { .. } | Self::Answer { .. } | Self::Version { .. } => {
                Advice::of(ErrorCode::Runtime)
            }
        }
    }
}

impl Hint for Failure {
    fn advice(&self) -> Advice {
        Advice::of(match self.kind() {
            FailureKind::Library => ErrorCode::RuntimeLibrary,
            FailureKind::Graph | FailureKind::Features | FailureKind::Memory => ErrorCode::Runtime,
            FailureKind::Picture => ErrorCode::Image,
            FailureKind::NotDeterministic => ErrorCode::Probes,
        })
    }
}

impl Hint for ImageError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotFinite { .. } | Self::NotNormalized { .. } => Advice::of(ErrorCode::Runtime),
            Self::Decode(_) | Self::Prepare { .. } => Advice::of(ErrorCode::Image),
        }
    }
}

impl Hint for FeatureError {
    fn advice(&self) -> Advice {
        match self {
            Self::Runtime(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Image { source, .. } => source.advice(),
            Self::NoFeatures { .. } => Advice::of(ErrorCode::Image),
            Self::Format { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "end the name of the file in .parquet or .npy",
            ),
            Self::OtherOrigin { .. } | Self::Width { .. } => Advice::of(ErrorCode::FeatureSpace),
            Self::Parquet { .. } => Advice::of(ErrorCode::File),
        }
    }
}

impl Hint for ChooseError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotFinite { .. } => Advice::with_hint(
                ErrorCode::Runtime,
                "the extractor computed it: tell its owners, and leave the image out",
            ),
            Self::TooFew { .. } | Self::TooFewClasses { .. } => Advice::with_hint(
                ErrorCode::Labels,
                "label more: `hub next` suggests which images",
            ),
            Self::Lengths { .. } | Self::Ridge(_) => Advice::of(ErrorCode::Failed),
        }
    }
}

impl Hint for ExploreError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotFinite { .. } => Advice::with_hint(
                ErrorCode::Runtime,
                "the extractor computed it: tell its owners, and leave the image out",
            ),
            Self::TooFew { .. } => Advice::with_hint(ErrorCode::Image, "give more images"),
            Self::NoVariation => Advice::with_hint(
                ErrorCode::Image,
                "give other images; when the features of all are the same, the extractor looks at nothing",
            ),
            Self::Dimension { .. } => Advice::of(ErrorCode::FeatureSpace),
            Self::TooLong { .. } => Advice::of(ErrorCode::Invalid),
            Self::Lengths { .. } => Advice::of(ErrorCode::Failed),
        }
    }
}

impl Hint for DatasetError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) => error.advice(),
            Self::NothingThere { .. } => Advice::of(ErrorCode::NotFound),
            Self::NoImages { .. } => Advice::of(ErrorCode::Image),
            Self::JournalReplaced { .. } => Advice::with_hint(
                ErrorCode::File,
                "start the command again: it opens the file that is there now",
            ),
            Self::JournalInUse { .. } => Advice::with_hint(
                ErrorCode::File,
                "end that page with Ctrl-C where it was started, or name another journal",
            ),
            Self::NotAJournal { .. } => Advice::with_hint(
                ErrorCode::Labels,
                "`hub labels import FILE --images DIR --to labels.jsonl` makes a journal of it",
            ),
            Self::NotAFolder { .. } | Self::Pattern { .. } => Advice::of(ErrorCode::Usage),
            Self::NoClassFolders { .. } => Advice::with_hint(
                ErrorCode::Labels,
                "`--labels FILE` names a CSV file with the columns path and label",
            ),
            Self::UnknownPaths { .. } => Advice::with_hint(
                ErrorCode::Labels,
                "paths are relative to the folder of the images, or to the folder of the file",
            ),
            _ => Advice::of(ErrorCode::Labels),
        }
    }
}

impl Hint for HeadError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotFound { .. } => Advice::with_hint(
                ErrorCode::NoHead,
                "`hub head list` lists the heads there are",
            ),
            Self::NothingEarlier { .. } => Advice::with_hint(
                ErrorCode::NoHead,
                "`hub head history` shows what there is; --to N names any of them",
            ),
            Self::NotNewer { .. } => Advice::with_hint(
                ErrorCode::FeatureSpace,
                "`hub head rollback` brings an earlier version of the head back",
            ),
            Self::OtherSpace { .. } | Self::TooFewDimensions { .. } => {
                Advice::of(ErrorCode::FeatureSpace)
            }
            Self::Name { .. } | Self::Setting { .. } => Advice::of(ErrorCode::Usage),
            Self::File(error) => error.advice(),
            Self::Load { source, .. } => match **source {
                Self::Damaged | Self::Malformed { .. } | Self::NotAHead => Advice::with_hint(
                    source.advice().code,
                    "`hub head history` shows which versions are whole, and `hub head rollback` goes \
                     back to one",
                ),
                _ => source.advice(),
            },
            Self::Damaged => Advice::of(ErrorCode::Digest),
            Self::NotAHead
            | Self::NewerFormat { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => Advice::of(ErrorCode::Settings),
            Self::Write(_) | Self::Read(_) | Self::TooManyVersions { .. } => {
                Advice::of(ErrorCode::File)
            }
            _ => Advice::of(ErrorCode::Labels),
        }
    }
}

impl Hint for Disagreement {
    fn advice(&self) -> Advice {
        Advice::with_hint(
            ErrorCode::Export,
            "compare `hub predict` with and without --no-cache: where they differ the cached features are wrong; where \
             they do not, the extractor computes something else in the exported file",
        )
    }
}

impl Hint for ExportError {
    fn advice(&self) -> Advice {
        match self {
            Self::TooFewFeatures { .. } | Self::Output { .. } => {
                Advice::of(ErrorCode::FeatureSpace)
            }
            Self::Opset { .. } | Self::Input { .. } => Advice::of(ErrorCode::Invalid),
            Self::ReadBack { .. } => Advice::of(ErrorCode::Export),
            Self::Graph(_) => Advice::of(ErrorCode::RefusedFile),
            Self::Io { .. } => Advice::of(ErrorCode::File),
            _ => Advice::of(ErrorCode::Settings),
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
