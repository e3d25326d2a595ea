//! `hub.lock`: which releases a project uses, to the digest.

use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use registry_schema::name::Name;
use registry_schema::reference::Reference;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, FileLock};

/// The file's name.
pub const FILE_NAME: &str = "hub.lock";

/// Held beside it while it is written: empty, and of no use to anybody else.
const HELD_NAME: &str = ".hub.lock.held";

/// A project's lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    path: PathBuf,
    releases: Vec<LockedRelease>,
}

/// One reference of a project and the release it was resolved to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRelease {
    /// What the project asks for.
    pub reference: Reference,
    /// The version it got.
    pub version: Version,
    /// SHA-256 of that release's statement.
    pub statement: Digest,
}

impl LockedRelease {
    /// The locked release as an exact reference.
    pub fn exact(&self) -> Reference {
        let name: Name = self.reference.name.clone();
        Reference::exact(name, self.version.clone())
    }
}

impl LockFile {
    /// The lock file of the project that `folder` belongs to: in it or the nearest folder above
    /// that has one. When there is none, an empty one that would be written into `folder`.
    ///
    /// # Errors
    /// [`LockFileError`] when it is there and cannot be understood.
    pub fn find(folder: &Path) -> Result<Self, LockFileError> {
        let existing = folder
            .ancestors()
            .map(|folder| folder.join(FILE_NAME))
            .find(|path| path.is_file());
        match existing {
            Some(path) => Self::read(path),
            None => Ok(Self {
                path: folder.join(FILE_NAME),
                releases: Vec::new(),
            }),
        }
    }

    /// Where the file is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The releases, in order of their references.
    pub fn releases(&self) -> &[LockedRelease] {
        &self.releases
    }

    /// What a reference is locked to.
    pub fn get(&self, reference: &Reference) -> Option<&LockedRelease> {
        self.releases
            .iter()
            .find(|locked| locked.reference == *reference)
    }

    /// Locks a reference to a release and writes the file, when that changes anything.
    ///
    /// # Errors
    /// [`LockFileError`] when it cannot be written.
    pub fn set(&mut self, locked: LockedRelease) -> Result<(), LockFileError> {
        if self.get(&locked.reference) == Some(&locked) {
            return Ok(());
        }
        // Another pull may have written since this one began, or is about to: keep what it locked.
        let _held = FileLock::acquire(&self.path.with_file_name(HELD_NAME))?;
        if self.path.is_file() {
            self.releases = Self::read(self.path.clone())?.releases;
        }
        self.releases
            .retain(|other| other.reference != locked.reference);
        self.releases.push(locked);
        self.releases.sort();
        let wire = Wire {
            v: 1,
            release: self.releases.clone(),
        };
        let text =
            toml::to_string_pretty(&wire).map_err(|source| LockFileError::Write { source })?;
        files::write_atomic(
            &self.path,
            format!("# Written by `hub`; keep it under version control.\n{text}").as_bytes(),
        )?;
        Ok(())
    }

    fn read(path: PathBuf) -> Result<Self, LockFileError> {
        let bytes = files::read_limited(&path, 1 << 20)?;
        let error = |reason: String| LockFileError::Malformed {
            path: path.clone(),
            reason,
        };
        let wire: Wire = toml::from_str(&String::from_utf8_lossy(&bytes))
            .map_err(|source| error(source.to_string()))?;
        if wire.v != 1 {
            return Err(error(format!(
                "format version {}, this program knows 1",
                wire.v
            )));
        }
        let mut seen = std::collections::BTreeSet::new();
        for locked in &wire.release {
            let LockedRelease {
                reference, version, ..
            } = locked;
            if !reference.requirement.matches(version) {
                return Err(error(format!("`{version}` does not satisfy `{reference}`")));
            }
            if !seen.insert(reference) {
                return Err(error(format!("`{reference}` is there twice")));
            }
        }
        drop(seen);
        Ok(Self {
            path,
            releases: wire.release,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u32,
    #[serde(default)]
    release: Vec<LockedRelease>,
}

/// A lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    /// Not the TOML of a lock file.
    #[error("`{}` cannot be understood: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Cannot be written as TOML.
    #[error("the lock file cannot be written as TOML")]
    Write {
        /// What the writer met.
        #[source]
        source: toml::ser::Error,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn locked(reference: &str, version: &str) -> LockedRelease {
        LockedRelease {
            reference: reference.parse().unwrap(),
            version: version.parse().unwrap(),
            statement: Digest::of(version.as_bytes()),
        }
    }

    #[test]
    fn the_nearest_file_above_is_the_projects() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let mut lock = LockFile::find(folder.path()).unwrap();
        lock.set(locked("p1@2", "2.0.0")).unwrap();
        lock.set(locked("p1@2", "2.1.0")).unwrap();
        lock.set(locked("acme/dots", "1.0.0")).unwrap();
        let found = LockFile::find(&inner).unwrap();
        assert_eq!(found, lock);
        assert_eq!(
            found
                .get(&"p1@2".parse().unwrap())
                .unwrap()
                .exact()
                .to_string(),
            "p1@2.1.0"
        );
        assert_eq!(found.get(&"p1@3".parse().unwrap()), None);
        assert_eq!(found.releases().len(), 2);
    }

    #[test]
    fn what_others_lock_at_the_same_time_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for pull in 0..4 {
                let mut lock = LockFile::find(folder.path()).unwrap();
                scope.spawn(move || {
                    for minor in 0..25 {
                        let reference = format!("acme/dots-{pull}-{minor}@1");
                        lock.set(locked(&reference, "1.0.0")).unwrap();
                    }
                });
            }
        });
        let lock = LockFile::find(folder.path()).unwrap();
        assert_eq!(lock.releases().len(), 100);
    }

    #[test]
    fn a_file_that_is_no_lock_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = format!(
            "v = 1\n[[release]]\nreference = \"p1@2\"\nversion = \"3.0.0\"\nstatement = \"{}\"",
            Digest::of(b"x")
        );
        for text in ["v = 2", "release = 3", "v = 1\nextra = 1", &wrong] {
            std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
            assert!(
                LockFile::find(folder.path())
                    .unwrap_err()
                    .to_string()
                    .contains("hub.lock")
            );
        }
    }
}
