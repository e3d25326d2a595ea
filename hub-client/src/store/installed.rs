//! A release that is installed and was verified again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use registry_schema::digest::{Digest, Hasher};
use registry_schema::manifest::{
    CARD_FILE, GRAPH_FILE, Manifest, ProbeVectors, STATISTICS_FILE, Statistics, VECTORS_FILE,
};
use registry_schema::receipt::{Receipt, VerifiedReceipt};
use registry_schema::statement::{ReleaseFile, YankStatement};
use registry_schema::verify::{VerifiedRelease, current_yank};

use super::{Store, StoreError};
use crate::files::{self, FileError};
use crate::runtime::{ExtractorFiles, ExtractorSpec};

/// A verified release whose files are in the store. The only thing pulled extractors are run from.
#[derive(Clone, Debug)]
pub struct InstalledRelease {
    store: Store,
    receipt: Receipt,
    verified: VerifiedReceipt,
}

impl InstalledRelease {
    pub(super) fn new(
        store: Store,
        receipt: Receipt,
        verified: VerifiedReceipt,
    ) -> Result<Self, StoreError> {
        let installed = Self {
            store,
            receipt,
            verified,
        };
        for file in installed.release().files() {
            if !installed.store.has_blob(&file.digest, file.size_bytes) {
                return Err(installed.missing(&file.path));
            }
        }
        Ok(installed)
    }

    /// What was signed.
    pub fn release(&self) -> &VerifiedRelease {
        &self.verified.release
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        self.release().manifest()
    }

    /// The receipt of its pull.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// How many yanks and unyanks about it do not count, since their keys were taken back.
    pub fn void_yanks(&self) -> usize {
        let yanks = self.verified.yanks.iter();
        yanks.filter(|yank| !yank.counts()).count()
    }

    /// Why it is yanked, when it was at the time of its pull.
    pub fn yanked(&self) -> Option<&YankStatement> {
        current_yank(&self.verified.yanks).ok().flatten()
    }

    /// The `model.sig` that travelled with it.
    pub fn model_signature(&self) -> Option<&str> {
        self.receipt.model_signature.as_deref()
    }

    /// Writes one file of the release somewhere else, comparing the bytes that are written with
    /// the signed digest.
    ///
    /// # Errors
    /// [`StoreError::BlobCorrupt`] or [`StoreError::BlobMissing`]; what was written is then not to
    /// be used.
    pub fn copy_file(&self, path: &str, to: &mut impl Write) -> Result<(), StoreError> {
        let file = self.file(path)?;
        let on_disk = self.store.blob_path(&file.digest);
        let error = |source| FileError::new("cannot copy", &on_disk, source);
        let mut from = match File::open(&on_disk) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(self.missing(path));
            }
            other => other.map_err(error)?,
        };
        let mut hasher = Hasher::new();
        let mut piece = vec![0; 1 << 20];
        loop {
            let read = from.read(&mut piece).map_err(error)?;
            if read == 0 {
                break;
            }
            hasher.update(&piece[..read]);
            to.write_all(&piece[..read]).map_err(error)?;
        }
        let found = hasher.finish();
        if found == file.digest {
            Ok(())
        } else {
            Err(self.corrupt(path, file.digest, found))
        }
    }

    /// Where the graph is, after its bytes were compared with the signed digest.
    ///
    /// # Errors
    /// [`StoreError::BlobCorrupt`] or [`StoreError::BlobMissing`].
    pub fn graph(&self) -> Result<PathBuf, StoreError> {
        self.checked(GRAPH_FILE)
    }

    /// What the runtime needs to run it; the graph's bytes were compared with the signed digest.
    ///
    /// # Errors
    /// As [`Self::graph`].
    pub fn extractor_files(&self) -> Result<ExtractorFiles, StoreError> {
        let manifest = self.manifest();
        let spec = ExtractorSpec {
            input: manifest.input.clone(),
            output: manifest.output.clone(),
        };
        Ok(ExtractorFiles {
            graph: self.graph()?,
            spec,
        })
    }

    /// The card's text.
    ///
    /// # Errors
    /// [`StoreError`] when it is missing or was changed.
    pub fn card(&self) -> Result<String, StoreError> {
        Ok(String::from_utf8_lossy(&self.read(CARD_FILE)?).into_owned())
    }

    /// The publisher's probe vectors.
    ///
    /// # Errors
    /// [`StoreError`] when they are missing, were changed or cannot be understood.
    pub fn probe_vectors(&self) -> Result<ProbeVectors, StoreError> {
        let bytes = self.read(VECTORS_FILE)?;
        ProbeVectors::parse(&bytes, self.manifest().output.dimension)
            .map_err(|_| self.missing(VECTORS_FILE))
    }

    /// The statistics of the publisher's images, when the release has any.
    ///
    /// # Errors
    /// [`StoreError`] when they were changed or cannot be understood.
    pub fn statistics(&self) -> Result<Option<Statistics>, StoreError> {
        if self.release().file(STATISTICS_FILE).is_none() {
            return Ok(None);
        }
        let bytes = self.read(STATISTICS_FILE)?;
        Statistics::parse(&bytes, self.manifest())
            .map(Some)
            .map_err(|_| self.missing(STATISTICS_FILE))
    }

    /// Paths of the probe images in the release and on disk, checked.
    ///
    /// # Errors
    /// [`StoreError`] when one is missing or was changed.
    pub fn probe_images(&self) -> Result<Vec<(String, PathBuf)>, StoreError> {
        self.release()
            .probe_images()
            .map(|file| Ok((file.path.clone(), self.checked(&file.path)?)))
            .collect()
    }

    /// Compares the bytes of every file with what was signed.
    ///
    /// # Errors
    /// [`StoreError::BlobCorrupt`] or [`StoreError::BlobMissing`] for the first that differs.
    pub fn check_files(&self) -> Result<(), StoreError> {
        self.release()
            .files()
            .iter()
            .try_for_each(|file| self.checked(&file.path).map(drop))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        let size_bytes = self.file(path)?.size_bytes;
        Ok(files::read_limited(&self.checked(path)?, size_bytes)?)
    }

    fn checked(&self, path: &str) -> Result<PathBuf, StoreError> {
        let file = self.file(path)?;
        let on_disk = self.store.blob_path(&file.digest);
        let found = match files::digest_of_file(&on_disk) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.missing(path));
            }
            Err(error) => return Err(FileError::into(error)),
        };
        if found == file.digest {
            return Ok(on_disk);
        }
        Err(self.corrupt(path, file.digest, found))
    }

    fn corrupt(&self, path: &str, expected: Digest, found: Digest) -> StoreError {
        StoreError::BlobCorrupt {
            release: self.receipt.release.clone(),
            file: path.to_owned(),
            expected,
            found,
        }
    }

    fn file(&self, path: &str) -> Result<&ReleaseFile, StoreError> {
        self.release().file(path).ok_or_else(|| self.missing(path))
    }

    fn missing(&self, path: &str) -> StoreError {
        StoreError::BlobMissing {
            release: self.receipt.release.clone(),
            file: path.to_owned(),
        }
    }
}
