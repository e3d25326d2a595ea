//! Blobs from somewhere nearer than the hub: a folder, or any OCI registry. What comes from there is
//! held against the signed digest like everything else, so a mirror is trusted with nothing; what it
//! lacks, or has wrong, comes from the hub.

mod challenge;
mod credentials;
mod docker;
mod error;
mod helper;
mod place;
mod source;

pub use credentials::{Credentials, CredentialsError};
pub use helper::HelperError;
pub use place::{MirrorPlace, MirrorPlaceError};

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use registry_schema::digest::Digest;
use registry_schema::name::Name;

use super::download::{Given, Growing, cut};
use super::{Progress, RegistryError};
use crate::causes::with_causes;
use crate::files;
use error::SourceError;
use source::Source;

/// A place that may have blobs, and what came from there so far.
#[derive(Debug)]
pub struct BlobMirror {
    place: MirrorPlace,
    source: Source,
    report: Mutex<MirrorReport>,
}

/// What a mirror was good for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorReport {
    /// Files that came from it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that did not, and why, in words.
    pub failed: Vec<(Digest, String)>,
}

impl BlobMirror {
    /// Prepares a mirror; nothing is sent yet. `credentials` are for its registry.
    ///
    /// # Errors
    /// [`RegistryError::Tls`] when there is no TLS to be had.
    pub fn new(
        place: MirrorPlace,
        credentials: Option<Credentials>,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            source: Source::new(&place, credentials)?,
            place,
            report: Mutex::default(),
        })
    }

    /// Where it is.
    pub fn place(&self) -> &MirrorPlace {
        &self.place
    }

    /// What came from it so far.
    pub fn report(&self) -> MirrorReport {
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.clone()
    }

    /// Brings a blob into the file at `partial`, which may hold its beginning. `true` when the file
    /// holds exactly the bytes of `digest` now; else the report says why, and the hub has to be asked.
    ///
    /// # Errors
    /// [`RegistryError`] when the file cannot be written, or the user stops.
    pub async fn fetch(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
        partial: &Path,
        progress: &Progress,
    ) -> Result<bool, RegistryError> {
        let wanted = Wanted {
            name,
            digest,
            size_bytes,
            partial,
        };
        let reason = match self.fetch_once(&wanted, progress).await {
            Ok(()) => None,
            Err(SourceError::Here(error)) => return Err(error),
            Err(error) => Some(with_causes(&error)),
        };
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        match reason {
            None => {
                report.files += 1;
                report.bytes += size_bytes;
                Ok(true)
            }
            Some(reason) => {
                report.failed.push((*digest, reason));
                Ok(false)
            }
        }
    }

    async fn fetch_once(
        &self,
        wanted: &Wanted<'_>,
        progress: &Progress,
    ) -> Result<(), SourceError> {
        let growing =
            Growing::open(wanted.partial, None, *wanted.digest, wanted.size_bytes).await?;
        progress.moved(growing.start())?;
        let received = self.receive(wanted, &growing, progress).await;
        // What arrived is on the disk in either case.
        let written = growing.finish().await;
        if let Err(SourceError::TooLong { .. }) = &received {
            files::remove(wanted.partial)?;
        }
        received?;
        let found = written?;
        if found == *wanted.digest {
            return Ok(());
        }
        files::remove(wanted.partial)?;
        Err(SourceError::OtherBytes {
            expected: *wanted.digest,
            found,
        })
    }

    /// Hands what the file does not have yet to its writer.
    async fn receive(
        &self,
        wanted: &Wanted<'_>,
        growing: &Growing,
        progress: &Progress,
    ) -> Result<(), SourceError> {
        let (mut next, expected) = (growing.start(), wanted.size_bytes);
        if next == expected {
            return Ok(());
        }
        let mut opened = self.source.open(wanted.name, wanted.digest, next).await?;
        // One that cannot begin in the middle sends what is here already, too.
        let mut skip = next.saturating_sub(opened.first);
        while let Some(chunk) = opened.stream.next().await {
            let chunk = cut(chunk?, &mut skip, u64::MAX);
            let size_bytes = chunk.len() as u64;
            next += size_bytes;
            if next > expected {
                return Err(SourceError::TooLong { expected });
            }
            if !growing.give(Given::Bytes(chunk)).await {
                return Ok(());
            }
            progress.moved(size_bytes)?;
        }
        if next == expected {
            return Ok(());
        }
        Err(SourceError::TooShort {
            expected,
            found: next,
        })
    }
}

struct Wanted<'a> {
    name: &'a Name,
    digest: &'a Digest,
    size_bytes: u64,
    partial: &'a Path,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_folder_gives_what_was_signed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, partial) = (folder.path().join("layout"), folder.path().join("partial"));
        let (name, bytes) = ("dots".parse().unwrap(), vec![7; 3 << 20]);
        let digest = Digest::of(&bytes);
        let path = layout.join("blobs/sha256").join(digest.to_hex());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mirror = BlobMirror::new(layout.to_str().unwrap().parse().unwrap(), None).unwrap();
        let size = bytes.len() as u64;
        let silent = Progress::silent();
        let fetch = || mirror.fetch(&name, &digest, size, &partial, &silent);
        // Not there; shorter, longer and other bytes.
        assert!(!fetch().await.unwrap());
        let mut other = bytes.clone();
        other[1 << 20] = 8;
        for wrong in [&bytes[..10], &[bytes.clone(), vec![7]].concat(), &other] {
            std::fs::write(&path, wrong).unwrap();
            assert!(!fetch().await.unwrap());
        }
        assert!(!partial.exists(), "what is wrong is removed");
        assert_eq!(mirror.report().failed.len(), 4);
        // Continued after a beginning, right or wrong.
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(&partial, &bytes[..1000]).unwrap();
        assert!(fetch().await.unwrap());
        assert_eq!(std::fs::read(&partial).unwrap(), bytes);
        std::fs::write(&partial, b"wrong").unwrap();
        assert!(!fetch().await.unwrap());
        assert!(fetch().await.unwrap());
        // As `hub mirror` lays them out.
        let sharded = path.parent().unwrap().join(&digest.to_hex()[..2]);
        std::fs::create_dir(&sharded).unwrap();
        std::fs::rename(&path, sharded.join(digest.to_hex())).unwrap();
        files::remove(&partial).unwrap();
        assert!(fetch().await.unwrap());
        assert_eq!(
            (mirror.report().files, mirror.report().bytes),
            (3, 3 * size)
        );
        // What is whole already is not asked for.
        std::fs::remove_dir_all(&layout).unwrap();
        assert!(fetch().await.unwrap());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_said_to_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let (name, digest) = ("dots".parse().unwrap(), Digest::of(b"x"));
        let path = folder.path().join("blobs/sha256").join(digest.to_hex());
        std::fs::create_dir_all(&path).unwrap();
        let place = folder.path().to_str().unwrap().parse().unwrap();
        let mirror = BlobMirror::new(place, None).unwrap();
        let (partial, silent) = (folder.path().join("partial"), Progress::silent());
        let fetched = mirror.fetch(&name, &digest, 1, &partial, &silent).await;
        assert!(!fetched.unwrap());
        let (_, reason) = mirror.report().failed.remove(0);
        assert!(reason.starts_with("cannot read"), "{reason}");
    }
}
