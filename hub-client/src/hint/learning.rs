//! Errors of what is made of features: labels, heads, their exports, choosing and exploring.

use super::{Advice, ErrorCode, Hint};
use crate::choose::ChooseError;
use crate::dataset::DatasetError;
use crate::explore::ExploreError;
use crate::head::HeadError;
use crate::head::export::{Disagreement, ExportError};

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
