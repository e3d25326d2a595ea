//! `hub-server copy-blobs`: brings all blobs of one place to another, each hashed on its way. What is
//! there with the right size is passed over, so that it goes on where it ended.

use registry_schema::digest::Digest;

use crate::blobs::{BlobError, Blobs, Finished};

/// What was copied.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// How many blobs, and bytes.
    pub(crate) blobs: u64,
    pub(crate) size_bytes: u64,
    /// How many were there.
    pub(crate) there: u64,
    /// Blobs whose bytes are not those of their name, and what they have; they were not copied.
    pub(crate) wrong: Vec<(Digest, Digest)>,
}

/// Copies what is missing.
///
/// # Errors
/// [`BlobError`]; what was copied until then stays.
pub(crate) fn copy(from: &Blobs, to: &Blobs) -> Result<Copied, BlobError> {
    let mut copied = Copied::default();
    for blob in from.list()? {
        let digest = &blob.digest;
        if to.size_bytes(digest)? == Some(blob.size_bytes) {
            copied.there += 1;
            continue;
        }
        // One that was removed since is no loss.
        let Some((mut source, size_bytes)) = from.open(digest)? else {
            continue;
        };
        match to.write(&mut source, digest, size_bytes)? {
            Finished::Kept(_) => {
                copied.blobs += 1;
                copied.size_bytes += size_bytes;
            }
            Finished::Other(found) => copied.wrong.push((*digest, found)),
        }
    }
    Ok(copied)
}
