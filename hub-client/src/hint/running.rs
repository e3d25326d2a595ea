//! Errors of extractors that are run: the library, the confined process, the images and the features.

use registry_schema::manifest::ProbeError;

use super::{Advice, ErrorCode, Hint};
use crate::features::FeatureError;
use crate::runtime::library::LibraryError;
use crate::runtime::{ImageError, RuntimeError};
use crate::worker::{Failure, FailureKind, WorkerError};

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

impl Hint for ProbeError {
    fn advice(&self) -> Advice {
        Advice::of(ErrorCode::Probes)
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
            Self::BrokenLine { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "write .parquet, which holds any name, or give the image another",
            ),
            Self::OtherOrigin { .. } | Self::Width { .. } => Advice::of(ErrorCode::FeatureSpace),
            Self::Parquet { .. } => Advice::of(ErrorCode::File),
        }
    }
}
