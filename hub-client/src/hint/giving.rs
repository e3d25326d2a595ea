//! Errors of making and publishing a release, and saying something of one.

use registry_schema::verify::VerifyError;

use super::{Advice, ErrorCode, Hint};
use crate::cosign::CosignError;
use crate::forge::ForgeError;
use crate::members_say::SayError;
use crate::publish::{CheckError, FolderError, PredecessorError, PublishError, ScaffoldError};

impl Hint for ScaffoldError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Advice::with_hint(
                    ErrorCode::File,
                    "there is an extractor in this folder already: choose another, or edit that one",
                )
            }
            Self::File(error) => error.advice(),
            _ => Advice::of(ErrorCode::Invalid),
        }
    }
}

impl Hint for ForgeError {
    fn advice(&self) -> Advice {
        match self {
            Self::Graph { .. } | Self::Refused(_) => Advice::with_hint(
                ErrorCode::RefusedFile,
                "docs/EXTRACTORS.md says what a graph may hold; export the network again, in one file, with standard operators",
            ),
            Self::NoTensor { .. } | Self::Constant { .. } => Advice::with_hint(
                ErrorCode::NotFound,
                "`hub extractor cut FILE` without --at lists the values that make sense",
            ),
            Self::NoSize => Advice::with_hint(
                ErrorCode::Usage,
                "say it with --size, such as --size 224x224",
            ),
            Self::Channels { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "say which colours it takes with --channels rgb, bgr or gray",
            ),
            Self::Normalized => Advice::with_hint(ErrorCode::Usage, "use --normalize none"),
            Self::Pool { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "leave out --pool to take what fits, or --at to see what there is",
            ),
            Self::OtherSize { .. } | Self::NotFewer { .. } | Self::Parts => {
                Advice::of(ErrorCode::Usage)
            }
            Self::Disagrees { .. } => Advice::with_hint(
                ErrorCode::Probes,
                "pictures reach it another way within the whole; --agreement takes a lower bound, or publish a release of it for pictures of the same size first",
            ),
            Self::Preprocessing { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "parts must see the same of a picture; docs/EXTRACTORS.md says what may differ",
            ),
            Self::License(_) => Advice::with_hint(
                ErrorCode::Invalid,
                "where you know that it is allowed, say the licence of the whole with --license",
            ),
            Self::Axes { .. } => Advice::of(ErrorCode::Labels),
            Self::Inputs { .. }
            | Self::NotAnImage { .. }
            | Self::InputType { .. }
            | Self::Element { .. }
            | Self::TooLong { .. }
            | Self::NoCandidate
            | Self::Opset { .. }
            | Self::Functions { .. }
            | Self::NothingToShrink { .. }
            | Self::Probes { .. }
            | Self::Manifest(_) => Advice::of(ErrorCode::Invalid),
            Self::Explore(error) => error.advice(),
            Self::Worker(error) => error.advice(),
            Self::Check(error) => error.advice(),
            Self::Folder(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                Advice::with_hint(
                    ErrorCode::File,
                    "nothing is ever written over: name a folder that is not there yet with -o",
                )
            }
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for FolderError {
    fn advice(&self) -> Advice {
        match self {
            Self::NoManifest { .. } | Self::NoGraph { .. } => Advice::of(ErrorCode::NotFound),
            Self::Manifest { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "docs/EXTRACTORS.md explains every field",
            ),
            Self::Refused(error) => error.advice(),
            Self::Probes(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::NotUtf8 { .. }
            | Self::NotChecked { .. }
            | Self::Path(_)
            | Self::NotRegular { .. }
            | Self::TooMany { .. } => Advice::of(ErrorCode::Invalid),
        }
    }
}

impl Hint for PredecessorError {
    fn advice(&self) -> Advice {
        match self {
            Self::Logged(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Verify { source, .. } => source.advice(),
            Self::NoVectors { .. } => Advice::of(ErrorCode::RefusedFile),
            Self::Probes(error) => error.advice(),
            Self::Promise(error) => error.advice(),
        }
    }
}

impl Hint for CheckError {
    fn advice(&self) -> Advice {
        match self {
            Self::Folder(error) => error.advice(),
            Self::Statement(_) => Advice::with_hint(
                ErrorCode::Invalid,
                "docs/EXTRACTORS.md says what a release holds",
            ),
            Self::Worker(error) => error.advice(),
            Self::Promise(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Statistics(error) => error.advice(),
            Self::Stale => Advice::of(ErrorCode::Probes),
        }
    }
}

impl Hint for PublishError {
    fn advice(&self) -> Advice {
        match self {
            Self::Check(error) => error.advice(),
            Self::Folder(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Statement(_) => Advice::of(ErrorCode::Invalid),
            Self::Verify(VerifyError::Threshold(_)) => Advice::with_hint(
                ErrorCode::Signature,
                "`hub trust` shows who owns the name, how many must sign, and whose keys count. A new key of yours counts when your member has added it: `hub consortium rotate-keys --add FILE`. Several owners give each key with --key, or sign in turn: `hub publish DIR --draft FILE`, then `hub cosign FILE`",
            ),
            Self::Verify(error) => error.advice(),
            Self::Logged(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Gone { .. } => Advice::of(ErrorCode::File),
            Self::File(error) => error.advice(),
            Self::ModelSignature(error) => error.advice(),
            Self::OtherFiles { .. } => Advice::with_hint(
                ErrorCode::Digest,
                "take the folder as it was when the draft was made, or make a new draft",
            ),
            Self::Recorded { .. } => Advice::of(ErrorCode::Hub),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for CosignError {
    fn advice(&self) -> Advice {
        match self {
            Self::Verify(VerifyError::Threshold(_)) => Advice::with_hint(
                ErrorCode::Signature,
                "only owners of the name sign, each once: `hub trust` shows who they are",
            ),
            Self::Verify(VerifyError::YankSequence { .. }) => Advice::with_hint(
                ErrorCode::Signature,
                "another yank came between: draft it again",
            ),
            Self::Verify(error) => error.advice(),
            Self::Changed { .. } => Advice::with_hint(
                ErrorCode::Signature,
                "look at what it is now: `hub cosign FILE --dry-run`",
            ),
            Self::File(error) => error.advice(),
            Self::Publish(error) => error.advice(),
            Self::Check(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Pull(error) => error.advice(),
            Self::Store(error) => error.advice(),
        }
    }
}

impl Hint for SayError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotItsKey { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "`hub consortium show` lists the members' keys",
            ),
            Self::NoKey => Advice::of(ErrorCode::NoKey),
            Self::NotAMember { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "give the key the consortium knows with --key; `hub consortium show` lists the members' keys",
            ),
            Self::TrainingImages { .. } => Advice::with_hint(
                ErrorCode::Labels,
                "sign only what the head has not seen: run `hub eval --unseen --json` again",
            ),
            Self::TooFewEvaluations { reference, .. } => Advice::with_hint(
                ErrorCode::TooFewEvaluations,
                format!(
                    "`hub show {}` lists what members say; name the exact version to take it all the same, or lower evaluations_required in config.toml",
                    reference.name
                ),
            ),
            Self::EvalFile { .. } | Self::Figures { .. } | Self::OtherImages => Advice::with_hint(
                ErrorCode::Invalid,
                "write it with `hub eval --json > eval.json`",
            ),
            Self::OtherRelease { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "name the release the figures are of, or evaluate this one",
            ),
            Self::NoAdvisory { .. } | Self::Closed { .. } => Advice::with_hint(
                ErrorCode::NotFound,
                "`hub show NAME` lists the open advisories",
            ),
            Self::Verify(error) => error.advice(),
            Self::Logged(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
        }
    }
}
