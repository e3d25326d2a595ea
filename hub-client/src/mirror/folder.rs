//! The folder of a mirror, and in which order it is written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::note::Note;
use registry_schema::log::tile::BundleId;
use registry_schema::log::tree::Tree;
use registry_schema::mirror::{LIST_FILE, LOG_FOLDER, MirrorList, TRUST_FOLDER};
use registry_schema::tuf::TufError;
use registry_schema::tuf::bundle::Bundle;

use super::MirrorError;
use crate::files::{self, FileError, FileLock};

/// Held while the folder is written; that it is there says that the folder is a mirror's.
const LOCK_FILE: &str = "mirror.lock";

/// The file of the trust root that is written last.
const TIMESTAMP: &str = "metadata/timestamp.json";

/// A mirror's folder that this process alone writes.
#[derive(Debug)]
pub(super) struct MirrorFolder {
    root: PathBuf,
    _lock: FileLock,
}

impl MirrorFolder {
    /// Opens a folder that is not there, empty, or a mirror of the consortium with this first root.
    pub(super) fn open(root: &Path, anchor: &Digest) -> Result<Self, MirrorError> {
        let folder = root.to_owned();
        if !is_mirror_or_empty(root)? {
            return Err(MirrorError::NotAMirror { folder });
        }
        let Some(lock) = FileLock::try_acquire(&root.join(LOCK_FILE))? else {
            return Err(MirrorError::Busy { folder });
        };
        let first = root.join(TRUST_FOLDER).join("metadata/1.root.json");
        if let Some(first) = read_if_there(&first, limits::TUF_ROOT_BYTES)? {
            let found = Digest::of(&first);
            if found != *anchor {
                return Err(MirrorError::OtherConsortium {
                    folder,
                    found,
                    pinned: *anchor,
                });
            }
        }
        Ok(Self {
            root: folder,
            _lock: lock,
        })
    }

    /// What it held after the last run; `None` before the first one has ended.
    pub(super) fn list(&self) -> Result<Option<MirrorList>, MirrorError> {
        let path = self.root.join(LIST_FILE);
        let bytes = read_if_there(&path, limits::MIRROR_LIST_BYTES)?;
        let list = bytes.map(|bytes| serde_json::from_slice(&bytes));
        list.transpose()
            .map_err(|source| MirrorError::List { path, source })
    }

    /// Refuses a trust root that is older than the folder's. One that cannot be read any more is written anew.
    pub(super) fn check_trust_root(&self, shown: &Bundle) -> Result<(), MirrorError> {
        let folder = self.root.join(TRUST_FOLDER);
        let read = |path: &str| {
            let bytes = read_if_there(&folder.join(path), limits::TUF_TARGETS_BYTES)?;
            let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            Ok::<_, MirrorError>(text)
        };
        let kept = match Bundle::of_served_files(read) {
            Ok(kept) => kept,
            Err(MirrorError::File(error)) => return Err(error.into()),
            Err(_) => return Ok(()),
        };
        if !shown.is_older_than(&kept).unwrap_or(false) {
            return Ok(());
        }
        let versions = |state: &Bundle| Ok::<_, TufError>((state.roots.len(), state.version()?));
        Err(MirrorError::OlderTrustRoot {
            mirrored: versions(&kept)?,
            shown: versions(shown)?,
        })
    }

    /// A file of the log by its path below the log's prefix.
    pub(super) fn log_file(
        &self,
        path: &str,
        limit_bytes: usize,
    ) -> Result<Option<Vec<u8>>, FileError> {
        read_if_there(&self.log_path(path), limit_bytes as u64)
    }

    /// Writes a file of the log, unless it is there with the same bytes.
    pub(super) fn put_log_file(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        put(&self.log_path(path), bytes)
    }

    /// Writes the files of the trust root; the one that names all others comes last.
    pub(super) fn write_trust_root(&self, bundle: &Bundle) -> Result<(), MirrorError> {
        let folder = self.root.join(TRUST_FOLDER);
        let mut files = bundle.served_files()?;
        let timestamp = files.remove(TIMESTAMP).ok_or_else(|| TufError::Missing {
            file: TIMESTAMP.to_owned(),
        })?;
        for (path, text) in files {
            put(&folder.join(path), text.as_bytes())?;
        }
        Ok(put(&folder.join(TIMESTAMP), timestamp.as_bytes())?)
    }

    /// Writes the list of what is here.
    pub(super) fn write_list(&self, list: &MirrorList) -> Result<(), MirrorError> {
        let path = self.root.join(LIST_FILE);
        let text = serde_json::to_vec_pretty(list).map_err(|source| MirrorError::List {
            path: path.clone(),
            source,
        })?;
        Ok(files::write_atomic(path, &text)?)
    }

    /// Writes the checkpoint, by which all that was written before is shown.
    pub(super) fn write_checkpoint(&self, note: &Note) -> Result<(), FileError> {
        files::write_atomic(self.log_path("checkpoint"), note.to_string().as_bytes())
    }

    /// Removes partial tiles and bundles of an earlier size, in whose place wider ones are.
    pub(super) fn remove_superseded(&self, before: u64, now: u64) -> Result<(), FileError> {
        let partial = |size: u64| {
            let bundle = BundleId::of_tree(size / 256, size).map(|bundle| bundle.to_string());
            Tree::edge_tiles(size)
                .map(|tile| tile.to_string())
                .chain(bundle)
        };
        let kept: Vec<String> = partial(now).collect();
        for path in partial(before).filter(|path| !kept.contains(path)) {
            files::remove(&self.log_path(&path))?;
        }
        Ok(())
    }

    fn log_path(&self, path: &str) -> PathBuf {
        self.root.join(LOG_FOLDER).join(path)
    }
}

/// Whether a folder is not there, empty, or was begun by a mirror.
fn is_mirror_or_empty(root: &Path) -> Result<bool, FileError> {
    let error = |source| FileError::new("cannot read folder", root, source);
    let mut entries = match std::fs::read_dir(root) {
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(true),
        other => other.map_err(error)?,
    };
    let is_begun = [LOCK_FILE, LIST_FILE]
        .iter()
        .any(|file| root.join(file).is_file());
    Ok(is_begun || entries.next().is_none())
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let kept = read_if_there(path, bytes.len() as u64);
    if kept.is_ok_and(|kept| kept.as_deref() == Some(bytes)) {
        return Ok(());
    }
    files::write_atomic(path, bytes)
}

fn read_if_there(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, FileError> {
    match files::read_limited(path, limit_bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
