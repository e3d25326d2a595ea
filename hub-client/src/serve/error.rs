//! What can go wrong: with the service, with a request, with one picture.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use registry_schema::compatibility::CompatibilityError;

use crate::head::HeadError;
use crate::hint::{Advice, ErrorCode, Hint};
use crate::store::StoreError;
use crate::worker::{Failure, FailureKind, WorkerError};

/// Heads cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A head, or one that does not fit its release.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A file of a release.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An extractor does not load.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// An extractor computes something else here.
    #[error("`{reference}` is not served: it does not compute here what was signed")]
    Probes {
        /// Which release.
        reference: String,
        /// The difference.
        #[source]
        source: CompatibilityError,
    },
    /// A version of a head that is named twice.
    #[error("the same version of the head `{name}` is named twice")]
    Twice {
        /// Which head.
        name: String,
    },
    /// An address that others can reach.
    #[error(
        "{listen} can be reached by others, and whoever reaches it is answered: there is no authentication"
    )]
    Remote {
        /// The address.
        listen: SocketAddr,
    },
    /// Pictures that wait for others longer than there is time for.
    #[error(
        "pictures would wait {} ms for others, and there are {} seconds for a request", .wait.as_millis(), .timeout.as_secs()
    )]
    Patience {
        /// How long a picture waits for others.
        wait: Duration,
        /// The time for a request.
        timeout: Duration,
    },
    /// The address is not to be had.
    #[error("cannot listen at {listen}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A thread of ours ended by a fault.
    #[error("a thread that loads an extractor stopped unexpectedly")]
    Stopped,
}

impl Hint for ServeError {
    fn advice(&self) -> Advice {
        match self {
            Self::Head(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::Worker(error) => error.advice(),
            Self::Probes { source, .. } => source.advice(),
            Self::Twice { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "name each once; HEAD is the newest version, HEAD@3 the third",
            ),
            Self::Remote { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "listen at 127.0.0.1 behind a proxy on this machine, or give --allow-remote where only a proxy can reach it",
            ),
            Self::Patience { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "give --max-wait-ms less time than --timeout-seconds",
            ),
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Advice::with_hint(
                    ErrorCode::Failed,
                    "another program listens there: give another port, such as --listen 127.0.0.1:8501",
                )
            }
            Self::Listen { .. } | Self::Stopped => Advice::of(ErrorCode::Failed),
        }
    }
}

/// Why a picture has no features.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The picture, or what the graph makes of it.
    Unusable(Failure),
    /// The worker ended.
    Ended { reason: String },
    /// It has ended a worker twice.
    Harmful,
    /// The worker does not start.
    Down,
}

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("there is nothing at this address")]
    NoSuchAddress,
    #[error("there is no `{name}` here")]
    NoSuchHead { name: String },
    #[error("there is no version {version} of `{name}` here")]
    NoSuchVersion { name: String, version: String },
    #[error("a request of {limit} bytes is the largest that is taken")]
    TooLarge { limit: usize },
    #[error("a content encoding is not taken: send the body as it is")]
    Encoded,
    #[error("the body did not arrive in {seconds} seconds")]
    Slow { seconds: u64 },
    #[error("the body broke off")]
    BrokenOff,
    #[error("Inference-Header-Content-Length is not the length of the JSON part of this body")]
    HeaderLength,
    #[error("the body is no inference request: {reason}")]
    Json { reason: String },
    #[error("one input is expected, `image`; there are {found}")]
    Inputs { found: usize },
    #[error("the input is called `image`, not `{found}`")]
    InputName { found: String },
    #[error("`image` has datatype BYTES, encoded pictures, not {found}")]
    Datatype { found: String },
    #[error("`image` has shape [n] or [n, 1]; {shape:?} is not the shape of {pictures} pictures")]
    Shape { shape: Vec<u64>, pictures: usize },
    #[error("`image` has neither `data` nor `binary_data_size`, or both")]
    NoData,
    #[error("the binary part of the body has {found} bytes, and {announced} are announced")]
    BinarySize { announced: u64, found: usize },
    #[error("picture {index} of the binary part is longer than what is left of it")]
    BinaryElement { index: usize },
    #[error(
        "picture {index} is not base64: JSON holds text only; send it as base64, or as it is with the binary tensor extension"
    )]
    Base64 { index: usize },
    #[error("content_type `{found}` is not known here: send base64")]
    ContentType { found: String },
    #[error("there is no output `{found}`; there are {known}")]
    Output { found: String, known: String },
    #[error("the output `{found}` is asked for twice")]
    OutputTwice { found: String },
    #[error("the classification extension is not known here: ask for `label` and `probabilities`")]
    Classification,
    #[error("there is no picture in the request")]
    NoPicture,
    #[error("at most {most} pictures are taken in one request")]
    TooManyPictures { most: usize },
    #[error(
        "the answer would be too large: of a head with {classes} classes at most {most} pictures are taken in one request"
    )]
    TooLargeAnswer { classes: usize, most: usize },
    #[error("the extractor is being loaded")]
    Loading,
    #[error("too much is being asked at the moment")]
    Full,
    #[error("there was no answer within {seconds} seconds")]
    Timeout { seconds: u64 },
    #[error("picture {index} cannot be used")]
    Picture {
        index: usize,
        #[source]
        source: Failure,
    },
    #[error(
        "the process that runs the extractor ended while this request was in it ({reason}); it is started again"
    )]
    Ended { reason: String },
    #[error(
        "picture {index} has ended the process that runs the extractor twice, and is not tried again for some minutes"
    )]
    Harmful { index: usize },
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("this service is not called that: name it with --host")]
    Host,
    #[error("a thread stopped unexpectedly")]
    Thread,
}

impl RequestError {
    /// What a refused picture means for its request.
    pub(super) fn of(index: usize, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unusable(source) => Self::Picture { index, source },
            Refusal::Ended { reason } => Self::Ended { reason },
            Refusal::Harmful => Self::Harmful { index },
            Refusal::Down => Self::Loading,
        }
    }

    /// Whether the request itself is at fault.
    pub(super) fn is_of_the_request(&self) -> bool {
        match self {
            Self::Picture { source, .. } => source.kind() == FailureKind::Picture,
            Self::Loading
            | Self::Full
            | Self::Timeout { .. }
            | Self::Ended { .. }
            | Self::Harmful { .. }
            | Self::Head(_)
            | Self::Thread => false,
            _ => true,
        }
    }
}
