//! A copy of a hub's data: made while it serves, and made a data folder again, verified.
//!
//! `backup.json` says what is in it; `hub.sqlite` is a snapshot of the database; `blobs/sha256/ab/<hex>` are
//! all blobs that the snapshot names; `keys/` and `tls/` are there when they were asked for. In a folder,
//! or in one tar file.

mod error;
mod make;
mod place;
mod restore;

pub(crate) use error::BackupError;
pub(crate) use make::{Wish, make};
pub(crate) use restore::restore;

use std::collections::BTreeMap;

use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::database::{
    Connection, DatabaseError, blobs, from_column, model_signatures, oci, releases, to_digest,
};

/// What this version writes; it reads no other.
const FORMAT: &str = "hub-backup/1";

/// Says what is in a backup.
const CONTENTS: &str = "backup.json";

/// The snapshot of the database.
const DATABASE: &str = "hub.sqlite";

/// Most bytes of `backup.json`.
const CONTENTS_BYTES: u64 = 64 << 10;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// When the snapshot was taken (RFC 3339).
    pub(crate) made_at: String,
    /// Which program wrote it.
    pub(crate) server_version: String,
    /// The log's name.
    pub(crate) origin: String,
    /// Entries of the log.
    pub(crate) entries: u64,
    /// Root of the log's tree over them.
    pub(crate) root: Digest,
    /// SHA-256 of the snapshot.
    pub(crate) database: Digest,
    /// Whether the hub's secret keys are in it.
    pub(crate) has_keys: bool,
    /// Blobs in it.
    pub(crate) blobs: u64,
    /// Their sizes together.
    pub(crate) blob_bytes: u64,
}

/// The blobs that a database names, by digest: what they are, and whether a release needs them.
fn named_blobs(connection: &mut Connection) -> Result<BTreeMap<Digest, Named>, DatabaseError> {
    let mut named = BTreeMap::new();
    for text in blobs::all(connection)? {
        named.insert(to_digest(&text)?, Named::Sent);
    }
    for text in oci::contents(connection)?.into_keys() {
        named.insert(to_digest(&text)?, Named::Kept);
    }
    for row in model_signatures::list(connection)? {
        named.insert(to_digest(&row.digest)?, Named::Signature);
    }
    for row in releases::all_files(connection)? {
        let size_bytes = from_column(row.size_bytes)?;
        let path = row.path;
        named.insert(to_digest(&row.digest)?, Named::File { path, size_bytes });
    }
    Ok(named)
}

/// Why a blob is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    /// It was sent; no release names it yet.
    Sent,
    /// A member keeps it in a repository that is no extractor.
    Kept,
    /// It is the `model.sig` of a release.
    Signature,
    /// It is a file of a release.
    File { path: String, size_bytes: u64 },
}

impl Named {
    /// What lacks without it; nothing when nobody was promised that it stays.
    fn loss(&self, digest: &Digest) -> Option<String> {
        match self {
            Self::Sent => None,
            Self::Kept => Some(format!("a blob of an OCI repository ({digest})")),
            Self::Signature => Some(format!("`model.sig` ({digest})")),
            Self::File { path, .. } => Some(format!("`{path}` ({digest})")),
        }
    }
}

/// `blobs/sha256/ab/<hex>`
fn blob_path(digest: &Digest) -> String {
    let hex = digest.to_hex();
    format!("blobs/sha256/{}/{hex}", &hex[..2])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_members_keep_beside_releases_is_named_too() {
        let mut connection = crate::database::temporary().unwrap();
        let content = Digest::of(b"an image of another kind");
        let kept = oci::KeptBlob {
            content,
            size_bytes: 24,
        };
        oci::bind_blob(&mut connection, "shared/tools", "sha512:0", kept).unwrap();
        let named = named_blobs(&mut connection).unwrap();
        assert_eq!(
            named.into_iter().collect::<Vec<_>>(),
            [(content, Named::Kept)]
        );
    }
}
