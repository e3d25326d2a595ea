//! Why a release is not recorded.

use registry_schema::compatibility::CompatibilityError;
use registry_schema::manifest::Predecessor;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Reference;
use registry_schema::trust_root::TrustError;
use registry_schema::verify::VerifyError;

use crate::blobs::BlobError;
use crate::database::DatabaseError;
use crate::inspection::InspectionError;
use crate::log::LogError;
use crate::quota::QuotaError;

/// A member may not do this to a name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnerError {
    /// Somebody else's name.
    #[error("`{member}`, the token's member, does not own `{name}` (owners: {owners})")]
    NotAnOwner {
        /// Which name.
        name: Name,
        /// Whose token.
        member: MemberName,
        /// Who may.
        owners: String,
    },
    /// Nobody's name.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Why a release is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// Not by this member.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// Not signed as it must be.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The version is taken.
    #[error(
        "{release} is there already, {}; choose a higher version",
        if *is_other_content { "with other content" } else { "with other signatures" }
    )]
    VersionExists {
        /// Which.
        release: Box<Reference>,
        /// Whether the statements differ, or their signatures only.
        is_other_content: bool,
    },
    /// Signed against another history than the hub's.
    #[error(
        "the statement names {} as its predecessor, but it is {}: check against it and sign again",
        predecessor_text(found.as_ref().as_ref()),
        predecessor_text(expected.as_ref().as_ref())
    )]
    Predecessor {
        /// What it should say.
        expected: Box<Option<Predecessor>>,
        /// What it says.
        found: Box<Option<Predecessor>>,
    },
    /// The version's promise.
    #[error(transparent)]
    Compatibility(#[from] CompatibilityError),
    /// Not uploaded.
    #[error(
        "{count} of the release's blobs are not there, the first is {first}: upload them first"
    )]
    BlobMissing {
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
    /// Another size than signed.
    #[error("the statement says that `{path}` has {expected} bytes, its blob has {found}")]
    BlobSize {
        /// Which file.
        path: String,
        /// As signed.
        expected: u64,
        /// As uploaded.
        found: u64,
    },
    /// A refused file.
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    /// A release that was good when it was recorded.
    #[error("a recorded release does not verify any more")]
    Stored {
        /// Why.
        source: VerifyError,
    },
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// More than the member may publish.
    #[error(transparent)]
    Quota(#[from] QuotaError),
}

fn predecessor_text(predecessor: Option<&Predecessor>) -> String {
    predecessor.map_or_else(
        || "none".to_owned(),
        |one| format!("{} (statement {})", one.version, one.statement.short()),
    )
}
