use registry_schema::name::MemberName;

use crate::blobs::BlobError;
use crate::database::DatabaseError;
use crate::log::LogError;
use crate::quota::QuotaError;
use crate::repository::{AnyDigest, AnyDigestError, RepositoryError};
use crate::resolve::ResolveError;

/// Why a client of the OCI protocol does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OciError {
    /// No name of a repository.
    #[error(transparent)]
    Name(#[from] RepositoryError),
    /// No digest.
    #[error(transparent)]
    Digest(#[from] AnyDigestError),
    /// No manifest has this tag or digest.
    #[error("`{repository}` has no manifest `{reference}`")]
    NoManifest {
        /// Which repository.
        repository: String,
        /// The tag or digest.
        reference: String,
    },
    /// Nothing was pushed to it.
    #[error("there is no repository `{repository}`")]
    NoRepository {
        /// Which.
        repository: String,
    },
    /// No blob has this digest.
    #[error("`{repository}` has no blob {digest}")]
    NoBlob {
        /// Which repository.
        repository: String,
        /// Which blob.
        digest: String,
    },
    /// A manifest names what was not pushed before.
    #[error("the manifest names {digest}, which `{repository}` does not hold: push it first")]
    Missing {
        /// Which repository.
        repository: String,
        /// Which blob or manifest.
        digest: String,
    },
    /// A manifest that is none.
    #[error("this is no manifest that the hub takes: {reason}")]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// Other bytes than the digest says.
    #[error("the manifest has the digest {found}, not {expected}")]
    OtherBytes {
        /// As asked for.
        expected: AnyDigest,
        /// As arrived.
        found: AnyDigest,
    },
    /// A tag that is none.
    #[error(
        "`{tag}` is no tag: at most 128 of `a-z`, `A-Z`, `0-9`, `_`, `.`, `-`, and no `.` or `-` first"
    )]
    Tag {
        /// What was given.
        tag: String,
    },
    /// The operator did not let this member.
    #[error("{member} may not push to `{repository}`: the hub's operator lets other members")]
    Denied {
        /// Which repository.
        repository: String,
        /// Who asks.
        member: MemberName,
    },
    /// More than the member may store.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// Which release is meant.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file system.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl OciError {
    pub(super) fn no_manifest(repository: &dyn ToString, reference: &dyn ToString) -> Self {
        Self::NoManifest {
            repository: repository.to_string(),
            reference: reference.to_string().chars().take(140).collect(),
        }
    }
}
