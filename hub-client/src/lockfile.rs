//! `hub.lock`: which releases a project uses, to the digest.
//!
//! It is looked for in the current folder and in those above, up to the end of the project: a folder under
//! version control is the last that is looked into. The home folder is nobody's project but its own, so one that
//! lies there counts for work in that very folder alone. Where everybody may write, as in `/tmp`, only a file of
//! one's own counts: another user could choose an old release, though none that its owners did not sign.

use std::fs;
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

/// What a folder under version control holds.
const REPOSITORIES: [&str; 4] = [".git", ".hg", ".jj", ".svn"];

/// A project's lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    path: PathBuf,
    releases: Vec<LockedRelease>,
    passed_over: Option<PathBuf>,
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
    /// The lock file of the project that `folder`, an absolute path, belongs to: in it or the nearest folder
    /// above that has one, within the project. When there is none, an empty one that would be written into
    /// `folder`. `home` is the user's home folder.
    ///
    /// # Errors
    /// [`LockFileError`] when it is there and cannot be understood, or when that in `folder` is another user's
    /// and everybody may write there.
    pub fn find(folder: &Path, home: Option<&Path>) -> Result<Self, LockFileError> {
        let mut passed_over = None;
        for place in project_folders(folder, home) {
            let path = place.join(FILE_NAME);
            if !path.is_file() {
                continue;
            }
            if anybody_may_have_written(place, &path)? {
                if place == folder {
                    return Err(LockFileError::Foreign { path });
                }
                passed_over.get_or_insert(path);
                continue;
            }
            return Ok(Self {
                passed_over,
                ..Self::read(path)?
            });
        }
        Ok(Self {
            path: folder.join(FILE_NAME),
            releases: Vec::new(),
            passed_over,
        })
    }

    /// A nearer file that does not count, as another user has written it where everybody may write.
    pub fn passed_over(&self) -> Option<&Path> {
        self.passed_over.as_deref()
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
            passed_over: None,
        })
    }
}

/// A folder and those above it, up to the root of its repository, and short of the home folder.
fn project_folders<'a>(folder: &'a Path, home: Option<&Path>) -> Vec<&'a Path> {
    let home = home.map(|home| home.canonicalize().unwrap_or_else(|_| home.to_owned()));
    let mut folders = Vec::new();
    for place in folder.ancestors() {
        if place != folder && home.as_deref() == Some(place) {
            break;
        }
        folders.push(place);
        if REPOSITORIES.iter().any(|name| place.join(name).exists()) {
            break;
        }
    }
    folders
}

/// Whether a file may be anybody's: everybody may write into its folder, and it is not the user's own.
#[cfg(unix)]
fn anybody_may_have_written(folder: &Path, file: &Path) -> Result<bool, FileError> {
    use std::os::unix::fs::MetadataExt as _;
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    const ROOT: u32 = 0;
    let mode = fs::metadata(folder)
        .map_err(|source| FileError::new("cannot look at", folder, source))?
        .mode();
    // Of a link, it counts who made the link.
    let owner = fs::symlink_metadata(file)
        .map_err(|source| FileError::new("cannot look at", file, source))?
        .uid();
    let own = rustix::process::geteuid().as_raw();
    Ok(mode & WRITABLE_BY_OTHERS != 0 && owner != own && owner != ROOT)
}

#[cfg(not(unix))]
fn anybody_may_have_written(_folder: &Path, _file: &Path) -> Result<bool, FileError> {
    Ok(false)
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
    /// Anybody may have put it there.
    #[error("`{}` is another user's, in a folder where everybody may write: it is not believed", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
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

    fn find(folder: &Path) -> Result<LockFile, LockFileError> {
        LockFile::find(folder, None)
    }

    #[test]
    fn neither_the_home_folder_nor_what_is_around_a_repository_decides() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (home, project) = (root.join("home"), root.join("home/work/project"));
        let inner = project.join("a/b");
        fs::create_dir_all(&inner).unwrap();
        find(&root).unwrap().set(locked("p1@2", "2.0.0")).unwrap();
        let path = |folder: &Path| {
            let found = LockFile::find(folder, Some(&home)).unwrap();
            found
                .path()
                .strip_prefix(&root)
                .unwrap()
                .display()
                .to_string()
        };
        assert_eq!(path(&inner), "home/work/project/a/b/hub.lock");
        fs::write(home.join(FILE_NAME), "v = 1").unwrap();
        assert_eq!(path(&inner), "home/work/project/a/b/hub.lock");
        assert_eq!(path(&home), "home/hub.lock", "work in that very folder");
        fs::write(home.join("work").join(FILE_NAME), "v = 1").unwrap();
        assert_eq!(path(&inner), "home/work/hub.lock");
        fs::create_dir(project.join(".git")).unwrap();
        assert_eq!(path(&inner), "home/work/project/a/b/hub.lock");
        fs::write(project.join(FILE_NAME), "v = 1").unwrap();
        assert_eq!(path(&inner), "home/work/project/hub.lock");
        assert_eq!(
            find(&root.join("home/x")).unwrap().path(),
            home.join(FILE_NAME)
        );
    }

    #[cfg(unix)]
    #[test]
    fn where_everybody_may_write_only_ones_own_counts() {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        let root = tempfile::tempdir().unwrap();
        let (shared, inner) = (root.path().join("tmp"), root.path().join("tmp/mine"));
        fs::create_dir_all(&inner).unwrap();
        let file = shared.join(FILE_NAME);
        fs::write(&file, "v = 1").unwrap();
        let open_to =
            |mode| fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
        open_to(0o1777);
        assert_eq!(find(&inner).unwrap().path(), file, "one's own");
        // Only root can give a file away.
        if chown(&file, Some(65_534), None).is_err() {
            return;
        }
        let found = find(&inner).unwrap();
        assert_eq!(found.path(), inner.join(FILE_NAME));
        assert_eq!(found.passed_over(), Some(file.as_path()));
        assert!(matches!(find(&shared), Err(LockFileError::Foreign { .. })));
        open_to(0o775);
        assert_eq!(
            find(&inner).unwrap().path(),
            file,
            "a folder of people who trust each other"
        );
        assert_eq!(find(&inner).unwrap().passed_over(), None);
    }

    #[test]
    fn the_nearest_file_above_is_the_projects() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let mut lock = find(folder.path()).unwrap();
        lock.set(locked("p1@2", "2.0.0")).unwrap();
        lock.set(locked("p1@2", "2.1.0")).unwrap();
        lock.set(locked("acme/dots", "1.0.0")).unwrap();
        let found = find(&inner).unwrap();
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
                let mut lock = find(folder.path()).unwrap();
                scope.spawn(move || {
                    for minor in 0..25 {
                        let reference = format!("acme/dots-{pull}-{minor}@1");
                        lock.set(locked(&reference, "1.0.0")).unwrap();
                    }
                });
            }
        });
        let lock = find(folder.path()).unwrap();
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
            fs::write(folder.path().join(FILE_NAME), text).unwrap();
            assert!(
                find(folder.path())
                    .unwrap_err()
                    .to_string()
                    .contains("hub.lock")
            );
        }
    }
}
