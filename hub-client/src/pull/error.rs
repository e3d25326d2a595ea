//! Why a release is not installed.

use registry_schema::compatibility::CompatibilityError;
use registry_schema::digest::Digest;
use registry_schema::graph::RefusedFile;
use registry_schema::manifest::ProbeError;
use registry_schema::reference::Reference;
use registry_schema::statement::YankStatement;
use registry_schema::verify::VerifyError;

use crate::files::FileError;
use crate::logged::LoggedError;
use crate::members_say::SayError;
use crate::publish::PredecessorError;
use crate::registry::RegistryError;
use crate::store::StoreError;
use crate::worker::WorkerError;

/// A release was not installed.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Its place in the log is not proven.
    #[error("`{reference}` is not shown to be in the log")]
    Logged {
        /// Which.
        reference: Reference,
        /// Why not.
        #[source]
        source: Box<LoggedError>,
    },
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The statement, or a yank about it, does not verify.
    #[error("`{reference}` is refused: its statement does not verify")]
    Verify {
        /// What was asked for.
        reference: Reference,
        /// The check that failed.
        #[source]
        source: Box<VerifyError>,
    },
    /// The lock file names another statement.
    #[error(
        "`{reference}` is refused: the lock file names statement {locked}, this one is {found}"
    )]
    Locked {
        /// Which release.
        reference: Reference,
        /// What was locked.
        locked: Digest,
        /// What came.
        found: Digest,
    },
    /// Another statement was installed under the same version.
    #[error(
        "`{reference}` is refused: statement {known} is installed here, this one is {found}, and releases never change; tell the other members, then `hub rm {reference}` to take the new one"
    )]
    Changed {
        /// Which release.
        reference: Reference,
        /// What is installed.
        known: Digest,
        /// What came.
        found: Digest,
    },
    /// Withdrawn by its owners.
    #[error("`{reference}` is yanked: {}", yank.reason)]
    Yanked {
        /// Which release.
        reference: Reference,
        /// What its owners say.
        yank: Box<YankStatement>,
    },
    /// A signed set without a file it must have.
    #[error("`{reference}` has no `{path}`")]
    NoSuchFile {
        /// Which release.
        reference: Reference,
        /// Which file.
        path: String,
    },
    /// The vectors are of other pictures than the probes.
    #[error("the probe images of `{reference}` are not those its vectors are of")]
    ProbesWithoutVectors {
        /// Which release.
        reference: Reference,
    },
    /// The vectors cannot be read.
    #[error(transparent)]
    Vectors(#[from] ProbeError),
    /// A file is something else, or a graph is refused.
    #[error(transparent)]
    Refused(#[from] RefusedFile),
    /// The probes were not computed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// This machine computes something else, or the release breaks the promise of its version.
    #[error("`{reference}` is refused: it does not compute what was promised")]
    Probes {
        /// Which release.
        reference: Reference,
        /// The promise that is broken.
        #[source]
        source: CompatibilityError,
    },
    /// What members say.
    #[error(transparent)]
    Say(#[from] SayError),
    /// The predecessor.
    #[error(transparent)]
    Predecessor(#[from] PredecessorError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was cancelled.
    #[error("the pull stopped before it was done: run it again, what has arrived is kept")]
    Stopped,
}
