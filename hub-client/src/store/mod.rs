//! What was pulled: blobs by digest, once each, and for every release its receipt.
//!
//! ```text
//! store/blobs/sha256/ab/ab12…          whole, verified files
//! store/partial/ab12….part             beginnings of files on their way
//! store/releases/_/passport-extractor/2.1.0/receipt.json
//! store/releases/_/passport-extractor/2.1.0/evaluations.json    what members had said of it
//! ```
//!
//! A release is there when its receipt is there, and the receipt is written last. Two processes may
//! use one store: a blob is put in place by a rename, and each partial file has a lock.

mod blobs;
mod earlier;
mod installed;
mod kept;

pub use blobs::BlobLock;
pub use installed::InstalledRelease;
pub use kept::KeptEvaluations;

use std::path::{Path, PathBuf};
use std::time::Duration;

use registry_schema::api;
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::name::{MemberName, Name};
use registry_schema::receipt::{Receipt, ReceiptError};
use registry_schema::reference::{Reference, Requirement, parse_version};
use registry_schema::statement::ReleaseFile;
use registry_schema::trust_root::TrustRoot;
use registry_schema::verify::VerifyError;
use semver::Version;

use crate::files::{self, FileError, FileLock};

/// Receipts hold some envelopes.
const RECEIPT_BYTES: u64 = 8 << 20;

/// How often it is looked whether other processes have ended their pulls and runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The local store.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The store in a folder, which need not exist yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// All installed releases, by name and version.
    ///
    /// # Errors
    /// [`StoreError`] when a folder cannot be read.
    pub fn list(&self) -> Result<Vec<(Name, Version)>, StoreError> {
        let mut found = Vec::new();
        for namespace in subfolders(&self.root.join("releases"))? {
            for base in subfolders(&self.root.join("releases").join(&namespace))? {
                let member: Option<MemberName> = namespace.parse().ok();
                let Ok(name) = Name::new(member, &base) else {
                    continue;
                };
                for version in subfolders(&self.root.join("releases").join(&namespace).join(&base))?
                {
                    let Ok(version) = parse_version(&version) else {
                        continue;
                    };
                    if self.receipt_path(&name, &version).is_file() {
                        found.push((name.clone(), version));
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// The newest installed release that satisfies a reference.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] says how to get it.
    pub fn newest(&self, reference: &Reference) -> Result<Version, StoreError> {
        let installed = self.list()?;
        let versions = installed
            .iter()
            .filter(|(name, _)| *name == reference.name)
            .map(|(_, version)| version);
        let newest = reference.requirement.newest(versions).cloned();
        newest.ok_or_else(|| StoreError::NotInstalled {
            reference: reference.clone(),
        })
    }

    /// The newest installed release that satisfies a reference, verified again under the trust
    /// root, its files there with their signed sizes. No network is used.
    ///
    /// # Errors
    /// [`StoreError`] names what is missing or no longer valid.
    pub fn open_release(
        &self,
        reference: &Reference,
        trust_root: &dyn TrustRoot,
    ) -> Result<InstalledRelease, StoreError> {
        let version = self.newest(reference)?;
        let receipt = self.receipt(&reference.name, &version)?;
        let exact = Reference::exact(reference.name.clone(), version);
        let error = |source| StoreError::Receipt {
            release: exact.clone(),
            source: Box::new(source),
        };
        if receipt.release != exact {
            return Err(StoreError::Swapped {
                release: exact,
                found: receipt.release,
            });
        }
        let verified = receipt.verify(trust_root).map_err(error)?;
        InstalledRelease::new(self.clone(), receipt, verified)
    }

    /// SHA-256 of the statement that is installed under an exact reference, as it is on the disk:
    /// also when it does not verify, under today's trust root or at all. `None` when none is.
    ///
    /// # Errors
    /// [`StoreError`] when the receipt cannot be read.
    pub fn recorded_statement(&self, exact: &Reference) -> Result<Option<Digest>, StoreError> {
        let Requirement::Exact(version) = &exact.requirement else {
            return Ok(None);
        };
        if !self.receipt_path(&exact.name, version).is_file() {
            return Ok(None);
        }
        let receipt = self.receipt(&exact.name, version)?;
        if receipt.release != *exact {
            return Err(StoreError::Swapped {
                release: exact.clone(),
                found: receipt.release,
            });
        }
        let envelope = Envelope::parse(receipt.statement.envelope.as_bytes());
        let envelope = envelope.map_err(|source| StoreError::Receipt {
            release: exact.clone(),
            source: Box::new(VerifyError::from(source).into()),
        })?;
        Ok(Some(envelope.payload_digest()))
    }

    /// Writes the receipt that makes a verified release visible.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`] when another process removed a file meanwhile, or the receipt
    /// cannot be written.
    pub fn install(&self, receipt: &Receipt, files: &[ReleaseFile]) -> Result<(), StoreError> {
        if let Some(gone) = files
            .iter()
            .find(|file| !self.has_blob(&file.digest, file.size_bytes))
        {
            return Err(StoreError::BlobMissing {
                release: receipt.release.clone(),
                file: gone.path.clone(),
            });
        }
        let Requirement::Exact(version) = &receipt.release.requirement else {
            return Err(StoreError::NotInstalled {
                reference: receipt.release.clone(),
            });
        };
        let path = self.receipt_path(&receipt.release.name, version);
        let text = serde_json::to_vec_pretty(receipt).map_err(|source| StoreError::Malformed {
            path: path.clone(),
            source,
        })?;
        files::write_atomic(path, &text)?;
        Ok(())
    }

    /// Removes a release, the blobs that no other release needs, and beginnings of files that nobody is
    /// bringing in. Returns the bytes freed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(
        &self,
        name: &Name,
        version: &Version,
        _alone: &Alone,
    ) -> Result<u64, StoreError> {
        let reference = Reference::exact(name.clone(), version.clone());
        if !self.receipt_path(name, version).is_file() {
            return Err(StoreError::NotInstalled { reference });
        }
        files::remove_dir(&self.release_dir(name, version))?;
        Ok(self.remove_partials()? + self.collect_garbage()?)
    }

    /// Waits until no other process brings files in or uses them. `goes_on` is asked again and again while
    /// that takes; none when it says no.
    ///
    /// # Errors
    /// [`StoreError`] when the lock's file cannot be made.
    pub fn alone(&self, mut goes_on: impl FnMut() -> bool) -> Result<Option<Alone>, StoreError> {
        loop {
            if let Some(lock) = FileLock::try_acquire(&self.root.join("lock"))? {
                return Ok(Some(Alone { _lock: lock }));
            }
            if !goes_on() {
                return Ok(None);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Held while files are brought in or used, by any number of processes: nothing is collected
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the lock's file cannot be made.
    pub fn in_use(&self) -> Result<FileLock, StoreError> {
        Ok(FileLock::share(&self.root.join("lock"))?)
    }

    fn receipt(&self, name: &Name, version: &Version) -> Result<Receipt, StoreError> {
        let path = self.receipt_path(name, version);
        let bytes = files::read_limited(&path, RECEIPT_BYTES)?;
        serde_json::from_slice(&bytes).map_err(|source| StoreError::Malformed { path, source })
    }

    fn release_dir(&self, name: &Name, version: &Version) -> PathBuf {
        self.root
            .join("releases")
            .join(api::namespace(name))
            .join(name.base())
            .join(version.to_string())
    }

    fn receipt_path(&self, name: &Name, version: &Version) -> PathBuf {
        self.release_dir(name, version).join("receipt.json")
    }
}

/// That no other process brings files in or uses them as long as this is held: what is collected is nobody's.
#[derive(Debug)]
pub struct Alone {
    _lock: FileLock,
}

/// Names of the folders in a folder; none when it is not there.
fn subfolders(path: &Path) -> Result<Vec<String>, FileError> {
    let error = |source| FileError::new("cannot read folder", path, source);
    let entries = match std::fs::read_dir(path) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(error)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(error)?;
        if entry.file_type().map_err(error)?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// The store does not hold what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not pulled yet.
    #[error("`{reference}` is not installed: run `hub pull {reference}`")]
    NotInstalled {
        /// What was asked for.
        reference: Reference,
    },
    /// The receipt no longer verifies.
    #[error("the receipt of `{release}` is not valid")]
    Receipt {
        /// Which release.
        release: Reference,
        /// The check that failed.
        #[source]
        source: Box<ReceiptError>,
    },
    /// A receipt in the place of another.
    #[error(
        "the receipt of `{release}` is about `{found}`: `hub rm {release}`, then pull it again"
    )]
    Swapped {
        /// Where it was found.
        release: Reference,
        /// What it is about.
        found: Reference,
    },
    /// A receipt that is no JSON of ours.
    #[error("`{}` cannot be understood: `hub rm` the release, then pull it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// A file of a release is gone or has another length.
    #[error(
        "`{file}` of `{release}` is missing or has another length: run `hub pull {release}` to repair it"
    )]
    BlobMissing {
        /// Which release.
        release: Reference,
        /// Which of its files.
        file: String,
    },
    /// A file of a release holds other bytes.
    #[error(
        "`{file}` of `{release}` was changed on disk: expected {expected}, found {found}; run `hub pull {release}` to repair it"
    )]
    BlobCorrupt {
        /// Which release.
        release: Reference,
        /// Which of its files.
        file: String,
        /// The signed digest.
        expected: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
