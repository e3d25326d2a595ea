//! What has arrived becomes a blob, which is readable in a repository.

use registry_schema::digest::Digest;

use super::writer::Arrived;
use super::{Upload, UploadError, discard};
use crate::blobs::{Blobs, Finished};
use crate::cause::chain;
use crate::database::oci::{KeptBlob, bind_blob};
use crate::database::{Connection, Database, DatabaseError, blobs, collection, uploads};
use crate::quota;
use crate::repository::{AnyDigest, Repository, Sha512, sha512_of};

/// Makes what has arrived a blob, if it has the digest; waits for the store. With other bytes the upload is given up.
pub(super) fn keep(
    database: &Database,
    blobs: &Blobs,
    upload: &Upload,
    digest: &AnyDigest,
    (mut arriving, progress): Arrived,
) -> Result<(), UploadError> {
    let before = database.with(collection::look)?;
    let check_doomed = |content: &Digest| match before.doomed.contains(content) {
        true => Err(UploadError::BeingRemoved),
        false => Ok(()),
    };
    let refuse = |found| {
        discard(database, blobs, &upload.id)?;
        Err(UploadError::Digest {
            expected: *digest,
            found,
        })
    };
    let expected = match digest {
        AnyDigest::Sha256(content) => Some(content),
        AnyDigest::Sha512(_) => None,
    };
    expected.map_or(Ok(()), check_doomed)?;
    let content = match arriving.finish(&progress, expected)? {
        Finished::Kept(content) => content,
        Finished::Other(found) => return refuse(AnyDigest::Sha256(found)),
    };
    // What is kept under its SHA-256 and found to be something else belongs to no repository.
    if let AnyDigest::Sha512(expected) = digest {
        check_doomed(&content)?;
        let found = kept_sha512(blobs, &content)?;
        if found != *expected {
            return refuse(AnyDigest::Sha512(found));
        }
    }
    let kept = KeptBlob {
        content,
        size_bytes: arriving.size_bytes(),
    };
    take(database, blobs, upload, (digest, kept), before.round)?;
    if let Err(error) = blobs.remove_upload(&upload.id) {
        tracing::warn!(
            error = chain(&error),
            "pieces of an upload are left for later"
        );
    }
    // Nobody else writes to it before the end.
    drop(progress);
    Ok(())
}

/// Lets a blob that has just been stored be read in the upload's repository. When `gc` has begun a round since the
/// blob was stored, the store is asked again whether it is there.
fn take(
    database: &Database,
    store: &Blobs,
    upload: &Upload,
    (digest, kept): (&AnyDigest, KeptBlob),
    mut round: u64,
) -> Result<(), UploadError> {
    let KeptBlob {
        content,
        size_bytes,
    } = kept;
    loop {
        let taken = database.transaction(|connection| {
            let now = collection::hold(connection)?;
            if now.doomed.contains(&content) {
                return Err(UploadError::BeingRemoved);
            }
            if now.round != round {
                return Ok(Err(now.round));
            }
            quota::take_blob(connection, &upload.member, &upload.id, &content, size_bytes)?;
            bind(connection, &upload.repository, digest, kept)?;
            uploads::delete(connection, &upload.id)?;
            Ok(Ok(()))
        })?;
        match taken {
            Ok(()) => return Ok(()),
            Err(now) if store.size_bytes(&content)? == Some(size_bytes) => round = now,
            Err(_) => return Err(UploadError::BeingRemoved),
        }
    }
}

/// Makes a blob readable in a repository; does nothing when it is.
pub(crate) fn bind(
    connection: &mut Connection,
    repository: &Repository,
    digest: &AnyDigest,
    kept: KeptBlob,
) -> Result<(), DatabaseError> {
    match repository {
        Repository::Extractor(name) => {
            blobs::bind(connection, name, &kept.content, kept.size_bytes)
        }
        Repository::Foreign(name) => {
            bind_blob(connection, name.as_str(), &digest.to_string(), kept)
        }
    }
}

/// Reads a blob that was kept a moment ago.
fn kept_sha512(blobs: &Blobs, content: &Digest) -> Result<Sha512, UploadError> {
    let (blob, _) = blobs.open(content)?.ok_or(UploadError::Interrupted)?;
    sha512_of(blob).map_err(|source| UploadError::Read { source })
}
