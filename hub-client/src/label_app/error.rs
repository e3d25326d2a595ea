//! What can go wrong while labelling.

use std::io;
use std::net::SocketAddr;

use crate::choose::ChooseError;
use crate::dataset::DatasetError;
use crate::explore::ExploreError;
use crate::features::FeatureError;
use crate::files::FileError;
use crate::head::HeadError;
use crate::head::export::{Disagreement, ExportError};
use crate::hint::{Advice, ErrorCode, Hint};
use crate::worker::{Failure, WorkerError};

/// The page cannot be served, or cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Images, labels, the journal.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The cache of features.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The head as a file for other programs.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Groups and neighbours.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// Extractors beside one another.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// The process that runs extractors.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A picture that was sent.
    #[error("this picture cannot be used")]
    Picture(#[source] Failure),
    /// The port is not to be had.
    #[error("cannot listen at {listen}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {reason}")]
    Randomness {
        /// What it said.
        reason: String,
    },
    /// A request that cannot be understood.
    #[error("the request cannot be understood: {problem}")]
    Request {
        /// What is wrong.
        problem: String,
    },
    /// An image that is not there.
    #[error("there is no image {image}: there are {total}, counted from 0")]
    NoSuchImage {
        /// Which.
        image: usize,
        /// How many there are.
        total: usize,
    },
    /// An image that cannot be read has no label.
    #[error("`{name}` cannot be used: {reason}")]
    UnusableImage {
        /// Which.
        name: String,
        /// Why.
        reason: String,
    },
    /// An image whose features are not there yet.
    #[error("`{name}` has not been looked at yet")]
    NotYet {
        /// Which.
        name: String,
    },
    /// A name that cannot be a class.
    #[error("`{name}` cannot be the name of a class: it is {problem}")]
    ClassName {
        /// The name, cut.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A class that is not there.
    #[error("there is no class `{name}`")]
    NoSuchClass {
        /// Which.
        name: String,
    },
    /// A class that is there already.
    #[error("there is a class `{name}` already")]
    ClassThere {
        /// Which.
        name: String,
    },
    /// A class with labels is not removed.
    #[error("`{name}` has {labels} labels: take them away first")]
    ClassInUse {
        /// Which.
        name: String,
        /// How many.
        labels: usize,
    },
    /// Columns have room for so many.
    #[error("there are {most} classes already, and a page has room for no more")]
    TooManyClasses {
        /// How many.
        most: usize,
    },
    /// An order must name each class once.
    #[error("the order does not name each class once")]
    Order,
    /// Nothing was trained yet.
    #[error("there is nothing to go by yet: {needs}")]
    NoHead {
        /// What is missing.
        needs: String,
    },
    /// A change by a page of an earlier start: its numbers may be of other images.
    #[error("this page is of an earlier start of the program")]
    OldPage,
    /// Labels are deleted only when it is said in so many words.
    #[error("to delete all labels, say so")]
    NotMeant,
    /// A file for other programs answers otherwise than the page.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    /// A head on the demo's own extractor.
    #[error("what is learnt on the demo's own extractor is not kept: no other program has it")]
    DemoHead,
    /// An extractor that is not installed.
    #[error("no extractor `{release}` is installed")]
    NoSuchExtractor {
        /// Which, cut.
        release: String,
    },
    /// The installed extractors cannot be compared.
    #[error("the extractors cannot be compared: {reason}")]
    Rivals {
        /// Why.
        reason: String,
    },
}

impl Hint for LabelError {
    fn advice(&self) -> Advice {
        match self {
            Self::Dataset(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Features(error) => error.advice(),
            Self::Head(error) => error.advice(),
            Self::Export(error) => error.advice(),
            Self::Explore(error) => error.advice(),
            Self::Choose(error) => error.advice(),
            Self::Worker(error) => error.advice(),
            Self::Picture(failure) => failure.advice(),
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Advice::with_hint(
                    ErrorCode::Failed,
                    "another program listens there: leave out --port to take a free one",
                )
            }
            Self::Listen { .. } | Self::Randomness { .. } => Advice::of(ErrorCode::Failed),
            Self::Request { .. } | Self::NotMeant | Self::Order => Advice::of(ErrorCode::Usage),
            Self::DemoHead => Advice::with_hint(
                ErrorCode::Usage,
                "install an extractor with `hub pull` and take it on the screen Compare: the labels stay",
            ),
            Self::NoSuchImage { .. } | Self::NoSuchClass { .. } | Self::NoSuchExtractor { .. } => {
                Advice::of(ErrorCode::NotFound)
            }
            Self::UnusableImage { .. } => Advice::of(ErrorCode::Image),
            Self::OldPage => Advice::with_hint(ErrorCode::Failed, "load the page again"),
            Self::NotYet { .. } => Advice::with_hint(ErrorCode::Image, "wait a moment"),
            Self::ClassName { .. }
            | Self::ClassThere { .. }
            | Self::ClassInUse { .. }
            | Self::TooManyClasses { .. }
            | Self::NoHead { .. } => Advice::of(ErrorCode::Labels),
            Self::Disagreement(error) => error.advice(),
            Self::Rivals { .. } => {
                Advice::with_hint(ErrorCode::Failed, "`hub doctor` says what is wrong")
            }
        }
    }
}
