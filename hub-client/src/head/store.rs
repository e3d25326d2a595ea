//! The heads of a user: `heads/<name>/v0001.head`, `v0002.head`, … under the hub's home folder.
//!
//! Training a head again adds a version and keeps the earlier ones. Files are for their owner alone.

use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use super::{Head, HeadError, HeadName};
use crate::files::{self, AtomicFile, FileError, FileLock};

/// The heads under one home folder.
#[derive(Clone, Debug)]
pub struct HeadStore {
    folder: PathBuf,
}

/// A head in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Its name.
    pub name: HeadName,
    /// Its versions, ascending.
    pub versions: Vec<u32>,
}

impl HeadStore {
    /// The store under a home folder, which need not exist yet.
    pub fn new(home: &Path) -> Self {
        Self {
            folder: home.join("heads"),
        }
    }

    /// All heads by name. What is no head's folder is passed over.
    ///
    /// # Errors
    /// [`HeadError::File`] when a folder cannot be read.
    pub fn list(&self) -> Result<Vec<StoredHead>, HeadError> {
        let mut heads = Vec::new();
        for file_name in entries(&self.folder)? {
            let Ok(name) = file_name.parse::<HeadName>() else {
                continue;
            };
            let versions = self.versions(&name)?;
            if !versions.is_empty() {
                heads.push(StoredHead { name, versions });
            }
        }
        heads.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(heads)
    }

    /// The versions of a head, ascending; empty when there is none.
    ///
    /// # Errors
    /// [`HeadError::File`] when the folder cannot be read.
    pub fn versions(&self, name: &HeadName) -> Result<Vec<u32>, HeadError> {
        let folder = self.folder.join(name.as_str());
        let mut versions: Vec<u32> = match entries(&folder) {
            Ok(entries) => entries
                .iter()
                .filter_map(|entry| parse_version(entry))
                .collect(),
            // A file among the folders is no head.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        versions.sort_unstable();
        Ok(versions)
    }

    /// Loads a version of a head, the newest when none is named.
    ///
    /// # Errors
    /// [`HeadError::NotFound`]; [`HeadError::Load`] with what [`Head::read_from`] refused.
    pub fn load(&self, name: &HeadName, version: Option<u32>) -> Result<Head, HeadError> {
        self.open(name, version).map(|(_, head)| head)
    }

    /// The same with its number. The folder is listed once: another process may save a version meanwhile.
    ///
    /// # Errors
    /// As [`HeadStore::load`].
    pub fn open(&self, name: &HeadName, version: Option<u32>) -> Result<(u32, Head), HeadError> {
        let not_found = || HeadError::NotFound {
            name: name.to_string(),
            version,
        };
        let versions = self.versions(name)?;
        let wanted = version
            .or(versions.last().copied())
            .filter(|wanted| versions.contains(wanted));
        let wanted = wanted.ok_or_else(not_found)?;
        let path = self.path(name, wanted);
        let file =
            File::open(&path).map_err(|source| FileError::new("cannot open", &path, source))?;
        let head = Head::read_from(BufReader::new(file)).map_err(|error| HeadError::Load {
            path,
            source: Box::new(error),
        })?;
        Ok((wanted, head))
    }

    /// Saves a head as the next version of its name, and returns that version. The file is there
    /// completely or not at all; two processes that save at once get two versions.
    ///
    /// # Errors
    /// [`HeadError::File`] when the folder or file cannot be written.
    pub fn save(&self, head: &Head) -> Result<u32, HeadError> {
        let _lock = self.lock()?;
        let name = head.name();
        let newest = self.versions(name)?.last().copied().unwrap_or(0);
        if newest >= 9_999 {
            return Err(HeadError::TooManyVersions {
                name: name.to_string(),
                version: newest,
            });
        }
        let mut file = AtomicFile::create(self.path(name, newest + 1))?;
        head.write_to(&mut file)?;
        file.flush().map_err(HeadError::Write)?;
        file.commit()?;
        Ok(newest + 1)
    }

    /// Removes a head with all its versions.
    ///
    /// # Errors
    /// [`HeadError::NotFound`]; [`HeadError::File`] when it cannot be removed.
    pub fn remove(&self, name: &HeadName) -> Result<(), HeadError> {
        if self.versions(name)?.is_empty() {
            return Err(HeadError::NotFound {
                name: name.to_string(),
                version: None,
            });
        }
        let _lock = self.lock()?;
        Ok(files::remove_dir(&self.folder.join(name.as_str()))?)
    }

    /// Where a version of a head is, or would be.
    pub fn path(&self, name: &HeadName, version: u32) -> PathBuf {
        self.folder
            .join(name.as_str())
            .join(format!("v{version:04}.head"))
    }

    /// Holds other processes that save or remove off until it is dropped.
    fn lock(&self) -> Result<FileLock, FileError> {
        FileLock::acquire(&self.folder.join(".lock"))
    }
}

/// The number in `v0001.head`, written in no other way.
fn parse_version(file_name: &str) -> Option<u32> {
    let digits = file_name.strip_prefix('v')?.strip_suffix(".head")?;
    let version = digits.parse().ok().filter(|&version| version > 0)?;
    (format!("{version:04}") == digits).then_some(version)
}

/// The names in a folder, of those that are UTF-8; none when it does not exist.
fn entries(folder: &Path) -> Result<Vec<String>, FileError> {
    let error = |source| FileError::new("cannot list", folder, source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error(source)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    Ok(names
        .collect::<io::Result<Vec<_>>>()
        .map_err(error)?
        .into_iter()
        .flatten()
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::{head_with, small_head};
    use super::super::transform::TransformKind;
    use super::*;

    fn store() -> (tempfile::TempDir, HeadStore) {
        let home = tempfile::tempdir().unwrap();
        let store = HeadStore::new(home.path());
        (home, store)
    }

    #[test]
    fn training_again_keeps_the_earlier_version() {
        let (_home, store) = store();
        let (first, second) = (small_head(), head_with(TransformKind::L2));
        assert_eq!(
            (store.save(&first).unwrap(), store.save(&second).unwrap()),
            (1, 2)
        );
        assert_eq!(store.load(first.name(), None).unwrap(), second);
        assert_eq!(store.load(first.name(), Some(1)).unwrap(), first);
        assert_eq!(store.open(first.name(), None).unwrap().0, 2);
        assert_eq!(
            store.list().unwrap(),
            [StoredHead {
                name: first.name().clone(),
                versions: vec![1, 2]
            }]
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        let (_home, store) = store();
        let name: HeadName = "nobody".parse().unwrap();
        assert!(store.list().unwrap().is_empty());
        assert!(matches!(
            store.load(&name, None),
            Err(HeadError::NotFound { version: None, .. })
        ));
        assert!(matches!(
            store.remove(&name),
            Err(HeadError::NotFound { .. })
        ));
        store.save(&small_head()).unwrap();
        let error = store.load(small_head().name(), Some(7)).unwrap_err();
        assert_eq!(error.to_string(), "there is no head `small` version 7");
    }

    #[test]
    fn removing_takes_all_versions() {
        let (home, store) = store();
        store.save(&small_head()).unwrap();
        store.save(&small_head()).unwrap();
        store.remove(small_head().name()).unwrap();
        assert!(store.list().unwrap().is_empty());
        assert!(!home.path().join("heads/small").exists());
    }

    #[test]
    fn a_damaged_file_is_named() {
        let (_home, store) = store();
        store.save(&small_head()).unwrap();
        let path = store.path(small_head().name(), 1);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = store.load(small_head().name(), None).unwrap_err();
        assert!(
            matches!(&error, HeadError::Load { path: named, source } if *named == path && matches!(**source, HeadError::Damaged))
        );
    }

    #[test]
    fn strangers_in_the_folder_are_passed_over() {
        let (home, store) = store();
        store.save(&small_head()).unwrap();
        for stranger in [
            "heads/.DS_Store",
            "heads/notes",
            "heads/small/v1.head",
            "heads/small/v0009.head.tmp",
        ] {
            fs::write(home.path().join(stranger), b"x").unwrap();
        }
        assert_eq!(store.list().unwrap().len(), 1);
        assert_eq!(store.save(&small_head()).unwrap(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let (home, store) = store();
        store.save(&small_head()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.path(small_head().name(), 1)), 0o600);
        assert_eq!(mode(&home.path().join("heads/small")), 0o700);
        assert_eq!(mode(&home.path().join("heads")), 0o700);
    }

    #[test]
    fn savers_at_once_get_a_version_each() {
        let (_home, store) = store();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| store.save(&small_head()).unwrap());
            }
        });
        assert_eq!(
            store.versions(small_head().name()).unwrap(),
            (1..=8).collect::<Vec<_>>()
        );
    }
}
