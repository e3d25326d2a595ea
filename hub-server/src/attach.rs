//! `model.sig`: what travels with a release without being part of what its owners sign.

use std::collections::BTreeMap;
use std::io::{self, Read};

use registry_schema::api::AttachedBlob;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::model_signing::{ModelSignature, ModelSigningError};
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Requirement;
use registry_schema::verify::check_model_signature;
use semver::Version;

use crate::app::Hub;
use crate::blobs::{BlobError, Blobs, StoredBlob};
use crate::database::model_signatures::{self, ModelSignatureRow};
use crate::database::{Connection, DatabaseError, blobs, collection, settings, to_column};
use crate::publish::{OwnerError, PublishError, Recorded, check_owner, stored_release};
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
    // 3. It is what clients will take: it signs the statement of this release and nothing else, with
    // a key that its signers list if they list any.
    let bytes = read(&hub.blobs, &request.digest)?.ok_or_else(missing)?;
    let trust = hub.trust_root();
    let release = stored_release(&trust.root, &request.name, &row)
        .map_err(|error| AttachError::Publish(Box::new(error)))?;
    check_model_signature(&bytes, &release, &trust.root)?;
    // 4. Recorded.
    let digest = request.digest.to_string();
    let is_new = earlier.is_none_or(|earlier| earlier.digest != digest);
    let attached = ModelSignatureRow {
        release_statement: row.statement,
        digest,
        size_bytes: to_column(size_bytes)?,
    };
    hub.database.transaction(|connection| {
        // It may have been removed since it was looked for.
        collection::hold(connection)?;
        blobs::size_bytes(connection, &request.name, &request.digest)?.ok_or_else(missing)?;
        model_signatures::set(connection, &attached)?;
        Ok::<_, AttachError>(settings::count_up(connection, settings::ATTACHED)?)
    })?;
    hub.answers.forget();
    Ok(Recorded {
        answer: AttachedBlob {
            digest: request.digest,
            size_bytes,
        },
        is_new,
    })
}

/// The bytes of a blob as far as a `model.sig` may have them.
fn read(blobs: &Blobs, digest: &Digest) -> Result<Option<Vec<u8>>, AttachError> {
    let Some((blob, _)) = blobs.open(digest)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    blob.take(limits::MODEL_SIGNATURE_BYTES as u64)
        .read_to_end(&mut bytes)
        .map_err(|source| AttachError::Read { source })?;
    Ok(Some(bytes))
}

/// Finds the `model.sig` of each release again: the one that was recorded, when its blob is there
/// and fits, else one among the blobs. Which of several was the last nobody can know then, and each
/// is good.
///
/// # Errors
/// [`AttachError`] when blobs or database cannot be read.
pub(crate) fn rebuild(
    connection: &mut Connection,
    recorded: &[ModelSignatureRow],
    releases: &[(Name, Digest)],
    store: &Blobs,
) -> Result<(), AttachError> {
    let recorded: BTreeMap<&str, &str> = recorded
        .iter()
        .map(|row| (row.release_statement.as_str(), row.digest.as_str()))
        .collect();
    let mut open = Vec::new();
    for (name, statement) in releases {
        let known = recorded.get(statement.to_string().as_str());
        let digest = known.and_then(|digest| digest.parse().ok());
        match digest {
            Some(digest) if keep_fitting(connection, store, (name, statement), &digest)? => {}
            _ => open.push((name, statement)),
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let small = |blob: &StoredBlob| blob.size_bytes <= limits::MODEL_SIGNATURE_BYTES as u64;
    for StoredBlob { digest, .. } in store.list()?.into_iter().filter(small) {
        let Some(bytes) = read(store, &digest)? else {
            continue;
        };
        let Ok(signature) = ModelSignature::parse(&bytes) else {
            continue;
        };
        let payload = signature.payload_digest();
        if let Some(at) = open.iter().position(|(_, of)| **of == payload) {
            let (name, statement) = open.swap_remove(at);
            keep(connection, name, statement, &digest, bytes.len() as u64)?;
        }
    }
    Ok(())
}

/// Records a blob as the `model.sig` of a release if it is there and signs that one's statement; whether it did.
///
/// # Errors
/// [`AttachError`] when blobs or database cannot be read.
pub(crate) fn keep_fitting(
    connection: &mut Connection,
    store: &Blobs,
    (name, statement): (&Name, &Digest),
    digest: &Digest,
) -> Result<bool, AttachError> {
    let Some(bytes) = read(store, digest)? else {
        return Ok(false);
    };
    let signature = ModelSignature::parse(&bytes);
    let is_of_it = signature.is_ok_and(|one| one.payload_digest() == *statement);
    if is_of_it {
        keep(connection, name, statement, digest, bytes.len() as u64)?;
    }
    Ok(is_of_it)
}

fn keep(
    connection: &mut Connection,
    name: &Name,
    statement: &Digest,
    digest: &Digest,
    size_bytes: u64,
) -> Result<(), AttachError> {
    let row = ModelSignatureRow {
        release_statement: statement.to_string(),
        digest: digest.to_string(),
        size_bytes: to_column(size_bytes)?,
    };
    model_signatures::set(connection, &row)?;
    Ok(blobs::bind(connection, name, digest, size_bytes)?)
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
    /// The release itself.
    #[error(transparent)]
    Publish(Box<PublishError>),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
