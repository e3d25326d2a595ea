//! `model.sig`: what travels with a release without being part of what its owners sign.

use std::io::{self, Read};

use registry_schema::api::AttachedBlob;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::model_signing::{ModelSignature, ModelSigningError};
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use semver::Version;

use crate::app::Hub;
use crate::blobs::BlobError;
use crate::database::model_signatures::{self, ModelSignatureRow};
use crate::database::{DatabaseError, blobs, to_column};
use crate::publish::{OwnerError, Recorded, check_owner};
use crate::resolve::{ResolveError, resolve};

/// Somebody wants an uploaded blob to be the `model.sig` of a release.
#[derive(Clone, Debug)]
pub(crate) struct AttachRequest {
    pub(crate) name: Name,
    pub(crate) version: Version,
    pub(crate) digest: Digest,
    pub(crate) member: MemberName,
}

/// Records which blob is the `model.sig` of a release, in place of an earlier one: an owner may
/// sign with another key later. Waits for disk and database; call it on a thread that may.
///
/// # Errors
/// [`AttachError`] names the step that refused; nothing is recorded then.
pub(crate) fn attach(
    hub: &Hub,
    request: &AttachRequest,
) -> Result<Recorded<AttachedBlob>, AttachError> {
    // 1. Who asks owns the name.
    check_owner(hub, &request.name, &request.member)?;
    // 2. The release is there, and the blob was uploaded under its name.
    let (row, bound, earlier) = hub.database.with(|connection| {
        let exact = Requirement::Exact(request.version.clone());
        let covered = hub.log.published_size();
        let row = resolve(connection, &request.name, &exact, covered)?;
        let bound = blobs::size_bytes(connection, &request.name, &request.digest)?;
        let earlier = model_signatures::find(connection, &row.statement)?;
        Ok::<_, AttachError>((row, bound, earlier))
    })?;
    let missing = || AttachError::BlobMissing {
        digest: request.digest,
    };
    let size_bytes = bound.ok_or_else(missing)?;
    let limit = limits::MODEL_SIGNATURE_BYTES as u64;
    if size_bytes > limit {
        return Err(AttachError::TooLarge { size_bytes });
    }
    // 3. It signs the statement of this release and nothing else.
    let (mut blob, _) = hub.blobs.open(&request.digest)?.ok_or_else(missing)?;
    let mut bytes = Vec::new();
    blob.by_ref()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| AttachError::Read { source })?;
    let statement = row.statement.parse().map_err(|_| DatabaseError::Corrupt {
        what: "a digest that is none",
    })?;
    ModelSignature::parse(&bytes)?.check_statement(&statement)?;
    // 4. Recorded.
    let digest = request.digest.to_string();
    let is_new = earlier.is_none_or(|earlier| earlier.digest != digest);
    let attached = ModelSignatureRow {
        release_statement: row.statement,
        digest,
        size_bytes: to_column(size_bytes)?,
    };
    hub.database
        .transaction(|connection| model_signatures::set(connection, &attached))?;
    Ok(Recorded {
        answer: AttachedBlob {
            digest: request.digest,
            size_bytes,
        },
        is_new,
    })
}

/// Why a blob does not become a `model.sig`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachError {
    /// Not by this member.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// No such release.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Not uploaded.
    #[error("the blob {digest} is not there: upload it under this name first")]
    BlobMissing {
        /// Which.
        digest: Digest,
    },
    /// Past [`limits::MODEL_SIGNATURE_BYTES`].
    #[error(
        "the blob has {size_bytes} bytes, past the limit of {} for a `model.sig`",
        limits::MODEL_SIGNATURE_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: u64,
    },
    /// The disk.
    #[error("the blob cannot be read")]
    Read {
        /// What the system said.
        source: io::Error,
    },
    /// Not a signature of this release.
    #[error(transparent)]
    Signature(#[from] ModelSigningError),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
