//! Blobs from somewhere nearer than the hub: a folder, or any OCI registry. What comes from there is
//! held against the signed digest like everything else, so a mirror is trusted with nothing; what it
//! lacks, or has wrong, comes from the hub.

mod credentials;
mod place;
mod source;

pub use credentials::{Credentials, CredentialsError};
pub use place::{MirrorPlace, MirrorPlaceError};

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use registry_schema::digest::{Digest, Hasher};
use registry_schema::name::Name;

use super::{Progress, RegistryError};
use crate::causes::with_causes;
use crate::files::{self, FileError};
use source::Source;

/// Bytes written at a time.
const PIECE_BYTES: usize = 1 << 20;

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
            Err(error @ (RegistryError::File(_) | RegistryError::Interrupted)) => {
                return Err(error);
            }
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
    ) -> Result<(), RegistryError> {
        let mut growing = Growing::open(wanted.partial).await?;
        if growing.size_bytes >= wanted.size_bytes {
            growing = growing.restart().await?;
        }
        let first = growing.size_bytes;
        let opened = self.source.open(wanted.name, wanted.digest, first).await?;
        if opened.first == 0 && first > 0 {
            growing = growing.restart().await?;
        }
        progress.moved(growing.size_bytes)?;
        let (mut stream, mut piece) = (opened.stream, Vec::new());
        while let Some(chunk) = stream.next().await {
            let chunk: Bytes = chunk?;
            piece.extend_from_slice(&chunk);
            progress.moved(chunk.len() as u64)?;
            let size_bytes = growing.size_bytes + piece.len() as u64;
            if size_bytes > wanted.size_bytes {
                growing = growing.append(piece).await?;
                return Err(growing.refuse(wanted, size_bytes));
            }
            if piece.len() >= PIECE_BYTES {
                growing = growing.append(std::mem::take(&mut piece)).await?;
            }
        }
        growing = growing.append(piece).await?;
        if growing.size_bytes < wanted.size_bytes {
            return Err(RegistryError::Size {
                digest: *wanted.digest,
                expected: wanted.size_bytes,
                found: growing.size_bytes,
            });
        }
        growing.finish(wanted).await
    }
}

struct Wanted<'a> {
    name: &'a Name,
    digest: &'a Digest,
    size_bytes: u64,
    partial: &'a Path,
}

/// The file a blob grows in, hashed as far as it goes.
struct Growing {
    file: File,
    hasher: Hasher,
    size_bytes: u64,
}

impl Growing {
    /// Opens the file and hashes what is in it.
    async fn open(path: &Path) -> Result<Self, RegistryError> {
        let file = files::open_read_write(path)?;
        let mut growing = Self {
            file,
            hasher: Hasher::new(),
            size_bytes: 0,
        };
        growing = growing
            .work(|growing| {
                let mut piece = vec![0; PIECE_BYTES];
                loop {
                    match growing.file.read(&mut piece)? {
                        0 => return Ok(()),
                        read => {
                            growing.hasher.update(&piece[..read]);
                            growing.size_bytes += read as u64;
                        }
                    }
                }
            })
            .await?;
        Ok(growing)
    }

    /// The same file, empty.
    async fn restart(self) -> Result<Self, RegistryError> {
        self.work(|growing| {
            growing.file.set_len(0)?;
            growing.file.seek(SeekFrom::Start(0))?;
            (growing.hasher, growing.size_bytes) = (Hasher::new(), 0);
            Ok(())
        })
        .await
    }

    async fn append(self, piece: Vec<u8>) -> Result<Self, RegistryError> {
        self.work(move |growing| {
            growing.file.write_all(&piece)?;
            growing.hasher.update(&piece);
            growing.size_bytes += piece.len() as u64;
            Ok(())
        })
        .await
    }

    /// Does what waits for the disk on a thread that may.
    async fn work(
        mut self,
        work: impl FnOnce(&mut Self) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, RegistryError> {
        let done = tokio::task::spawn_blocking(move || work(&mut self).map(|()| self)).await;
        let done = done.unwrap_or_else(|error| Err(error.into()));
        done.map_err(|source| {
            RegistryError::File(FileError::new(
                "cannot write",
                "the partial download",
                source,
            ))
        })
    }

    /// The file holds what was signed, and is on the disk; else it goes.
    async fn finish(self, wanted: &Wanted<'_>) -> Result<(), RegistryError> {
        let growing = self.work(|growing| growing.file.sync_data()).await?;
        let found = growing.hasher.finish();
        if found == *wanted.digest {
            return Ok(());
        }
        files::remove(wanted.partial)?;
        Err(RegistryError::OtherBytes {
            expected: *wanted.digest,
            found,
        })
    }

    /// Removes what is longer than what was signed.
    fn refuse(self, wanted: &Wanted<'_>, found: u64) -> RegistryError {
        match files::remove(wanted.partial) {
            Ok(()) => RegistryError::Size {
                digest: *wanted.digest,
                expected: wanted.size_bytes,
                found,
            },
            Err(error) => error.into(),
        }
    }
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
    }
}
