//! Where a backup is: a folder, or a tar file. Both appear under their name when they are whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use registry_schema::digest::{Digest, Hasher};

use super::{BackupError, CONTENTS, DATABASE};
use crate::blobs::{PIECE_BYTES, create_private_folder, is_there, sync_folder};

/// A backup that is being written.
pub(super) struct Writing {
    name: PathBuf,
    unfinished: PathBuf,
    into: Into,
}

enum Into {
    Folder,
    Tar(tar::Builder<File>),
}

impl Writing {
    /// Begins one; a name that ends in `.tar` is a file, any other a folder.
    pub(super) fn begin(name: &Path) -> Result<Self, BackupError> {
        let exists = || BackupError::Exists {
            path: name.to_owned(),
        };
        if is_there(name)? {
            return Err(exists());
        }
        let mut unfinished = name.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        // Of one that was interrupted.
        remove(&unfinished)?;
        let into = match is_tar(name) {
            true => Into::Tar(tar::Builder::new(create(&unfinished)?)),
            false => {
                create_private_folder(&unfinished)?;
                Into::Folder
            }
        };
        Ok(Self {
            name: name.to_owned(),
            unfinished,
            into,
        })
    }

    /// A path beside the backup, for what is needed until it is there.
    pub(super) fn beside(&self) -> PathBuf {
        let mut beside = self.unfinished.as_os_str().to_owned();
        beside.push(".sqlite");
        PathBuf::from(beside)
    }

    /// Adds a small file by its bytes.
    pub(super) fn add_bytes(&mut self, path: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let to = self.unfinished.join(path);
        match &mut self.into {
            Into::Folder => write(&to, &mut &*bytes).map(drop),
            Into::Tar(tar) => append(tar, path, bytes.len() as u64, &mut &*bytes)
                .map_err(BackupError::file("write", &self.unfinished)),
        }
    }

    /// Adds a file by its bytes; their digest.
    pub(super) fn add_file(&mut self, path: &str, from: &Path) -> Result<Digest, BackupError> {
        let read = BackupError::file("read", from);
        let (file, size_bytes) = File::open(from)
            .and_then(|file| {
                let size_bytes = file.metadata()?.len();
                Ok((file, size_bytes))
            })
            .map_err(read)?;
        let to = self.unfinished.join(path);
        match &mut self.into {
            Into::Folder => write(&to, &mut &file),
            Into::Tar(tar) => {
                let mut hashing = Hashing::new(&file);
                append(tar, path, size_bytes, &mut hashing)
                    .map_err(BackupError::file("write", &self.unfinished))?;
                Ok(hashing.hasher.finish())
            }
        }
    }

    /// Adds a file that never changes by a second name, where that can be.
    pub(super) fn link(&self, path: &str, from: &Path) -> Result<bool, BackupError> {
        let Into::Folder = self.into else {
            return Ok(false);
        };
        let to = self.unfinished.join(path);
        if let Some(folder) = to.parent() {
            create_private_folder(folder)?;
        }
        match fs::hard_link(from, &to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(BackupError::file("link", from)(error))
            }
            // Another disk, or a file system without such names.
            Err(_) => Ok(false),
        }
    }

    /// Gives it its name, with all of it on the disk.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        let error = BackupError::file("finish", &self.name);
        match self.into {
            Into::Folder => sync_tree(&self.unfinished)?,
            Into::Tar(tar) => {
                let written = tar.into_inner().and_then(|file| file.sync_all());
                written.map_err(BackupError::file("write", &self.unfinished))?;
            }
        }
        fs::rename(&self.unfinished, &self.name).map_err(error)?;
        let parent = self
            .name
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        Ok(sync_folder(parent.unwrap_or(Path::new(".")))?)
    }

    /// Removes what was written so far.
    pub(super) fn give_up(self) {
        let _ = remove(&self.unfinished);
    }
}

/// Hands every file of a backup to `take`, by its path in it: first `backup.json`, then the database.
pub(super) fn read(
    backup: &Path,
    mut take: impl FnMut(&str, &mut dyn Read) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let error = |source| BackupError::file("read", backup)(source);
    if fs::metadata(backup).map_err(error)?.is_dir() {
        for first in [CONTENTS, DATABASE] {
            read_file(backup, first, &mut take)?;
        }
        return read_folder(backup, "", &mut take);
    }
    let mut tar = tar::Archive::new(File::open(backup).map_err(error)?);
    for entry in tar.entries().map_err(error)? {
        let mut entry = entry.map_err(error)?;
        if entry.header().entry_type() == tar::EntryType::Regular {
            let path = plain(&entry.path().map_err(error)?)
                .ok_or_else(|| BackupError::no_backup(backup, "a path leads out of it"))?;
            take(&path, &mut entry)?;
        }
    }
    Ok(())
}

fn read_folder(
    backup: &Path,
    below: &str,
    take: &mut impl FnMut(&str, &mut dyn Read) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let folder = backup.join(below);
    let error = |source| BackupError::file("list", &folder)(source);
    for entry in fs::read_dir(&folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = match below {
            "" => name.into_owned(),
            below => format!("{below}/{name}"),
        };
        let kind = entry.file_type().map_err(error)?;
        if kind.is_dir() {
            read_folder(backup, &path, take)?;
        } else if kind.is_file() && path != CONTENTS && path != DATABASE {
            read_file(backup, &path, take)?;
        }
    }
    Ok(())
}

fn read_file(
    backup: &Path,
    path: &str,
    take: &mut impl FnMut(&str, &mut dyn Read) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let from = backup.join(path);
    let mut file = match File::open(&from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let reason = format!("it has no `{path}`");
            return Err(BackupError::no_backup(backup, reason));
        }
        other => other.map_err(BackupError::file("read", &from))?,
    };
    take(path, &mut file)
}

/// A path of names alone, with `/` between them.
fn plain(path: &Path) -> Option<String> {
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name.to_str()?),
            _ => return None,
        }
    }
    Some(names.join("/"))
}

/// Writes a file that only its owner can read, and its folders; the digest of what was written.
pub(super) fn write(path: &Path, from: &mut dyn Read) -> Result<Digest, BackupError> {
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let mut file = create(path)?;
    let mut hashing = Hashing::new(from);
    let copied = io::copy(&mut hashing, &mut file).and_then(|_| file.sync_all());
    copied.map_err(BackupError::file("write", path))?;
    Ok(hashing.hasher.finish())
}

pub(super) fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(BackupError::file("make", path))
}

/// The digest of a file.
pub(super) fn digest_of(path: &Path) -> Result<Digest, BackupError> {
    let mut hashing = File::open(path)
        .map(Hashing::new)
        .map_err(BackupError::file("read", path))?;
    io::copy(&mut hashing, &mut io::sink()).map_err(BackupError::file("read", path))?;
    Ok(hashing.hasher.finish())
}

/// Removes a file or a folder with all that is in it, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(state) if state.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BackupError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

fn append(
    tar: &mut tar::Builder<File>,
    path: &str,
    size_bytes: u64,
    from: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size_bytes);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append_data(&mut header, path, from)
}

/// Names of files are on the disk when their folders are.
fn sync_tree(folder: &Path) -> Result<(), BackupError> {
    let error = |source| BackupError::file("list", folder)(source);
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        if entry.file_type().map_err(error)?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(error)?;
    Ok(sync_folder(folder)?)
}

/// Hashes what is read through it.
struct Hashing<R> {
    from: R,
    hasher: Hasher,
}

impl<R: Read> Hashing<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            hasher: Hasher::new(),
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = into.len().min(PIECE_BYTES);
        let read = self.from.read(&mut into[..wanted])?;
        self.hasher.update(&into[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn paths_of_names_alone() {
        assert_eq!(
            plain(Path::new("keys/log.key")).as_deref(),
            Some("keys/log.key")
        );
        for bad in ["/etc/passwd", "../up", "a/../../b"] {
            assert_eq!(plain(Path::new(bad)), None, "{bad}");
        }
    }

    #[test]
    fn both_places_give_back_what_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::write(&source, b"blob").unwrap();
        for name in ["backup", "backup.tar"] {
            let name = folder.path().join(name);
            let mut writing = Writing::begin(&name).unwrap();
            writing.add_bytes(CONTENTS, b"{}").unwrap();
            writing.add_bytes(DATABASE, b"rows").unwrap();
            let digest = writing.add_file("blobs/sha256/ab/cd", &source).unwrap();
            assert_eq!(digest, Digest::of(b"blob"));
            assert!(!name.exists(), "not before it is whole");
            writing.finish().unwrap();
            let mut found = Vec::new();
            read(&name, |path, from| {
                let mut bytes = Vec::new();
                from.read_to_end(&mut bytes).unwrap();
                found.push((path.to_owned(), bytes));
                Ok(())
            })
            .unwrap();
            let found: Vec<(&str, &[u8])> = found
                .iter()
                .map(|(path, bytes)| (&**path, &**bytes))
                .collect();
            assert_eq!(
                found,
                [
                    (CONTENTS, &b"{}"[..]),
                    (DATABASE, b"rows"),
                    ("blobs/sha256/ab/cd", b"blob"),
                ]
            );
            assert!(matches!(
                Writing::begin(&name),
                Err(BackupError::Exists { .. })
            ));
        }
    }
}
