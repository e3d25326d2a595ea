//! Which content each file had when it was read last, so that ten thousand known images need not be read
//! again to be known.
//!
//! A file counts as unchanged when its size and the time of its last change are the same, as in the index of
//! a version control system. It lies in the cache and may be deleted at any time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use registry_schema::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::dataset::ImageFile;
use crate::files::{self, FileError};

/// Largest such file; a million images need some 200 MB.
const BYTES: u64 = 1 << 30;

/// What is known of the files of one folder.
#[derive(Debug, Default)]
pub struct SeenFiles {
    path: PathBuf,
    by_name: BTreeMap<String, Seen>,
}

/// A file and how it was, as it is kept.
#[derive(Serialize, Deserialize)]
struct Line<N> {
    name: N,
    #[serde(flatten)]
    seen: Seen,
}

/// A file as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    size_bytes: u64,
    /// Nanoseconds since 1970.
    changed_at: u64,
    image: Digest,
}

/// The size of a file, and when it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileState {
    size_bytes: u64,
    /// Nanoseconds since 1970.
    changed_at: u64,
}

impl SeenFiles {
    /// What the cache knows of a folder. A file that cannot be understood knows nothing.
    pub fn of_folder(cache: &Path, folder: &Path) -> Self {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = Digest::of(whole.as_os_str().as_encoded_bytes()).to_hex();
        let path = cache.join("label").join(format!("{name}.json"));
        let seen: Vec<Line<String>> = files::read_limited(&path, BYTES)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let by_name = seen
            .into_iter()
            .map(|line| (line.name, line.seen))
            .collect();
        Self { path, by_name }
    }

    /// The content of a file that has not changed since.
    pub fn digest(&self, image: &ImageFile) -> Option<Digest> {
        self.content(image, FileState::of(&image.path)?)
    }

    /// The content of a file that is in this state, when it was when it was read.
    pub fn content(&self, image: &ImageFile, state: FileState) -> Option<Digest> {
        let seen = self.by_name.get(&image.name)?;
        let was = (seen.size_bytes, seen.changed_at);
        (was == (state.size_bytes, state.changed_at)).then_some(seen.image)
    }

    /// The content of a file was read, which was in this state before: one that somebody writes meanwhile is
    /// in another one afterwards, and is read again.
    pub fn note(&mut self, image: &ImageFile, state: FileState, digest: Digest) {
        let seen = Seen {
            size_bytes: state.size_bytes,
            changed_at: state.changed_at,
            image: digest,
        };
        self.by_name.insert(image.name.clone(), seen);
    }

    /// Keeps what is known.
    ///
    /// # Errors
    /// [`FileError`]; then files are read again, and nothing else is lost.
    pub fn save(&self) -> Result<(), FileError> {
        let lines = self.by_name.iter();
        let lines: Vec<Line<&str>> = lines
            .map(|(name, &seen)| Line {
                name: name.as_str(),
                seen,
            })
            .collect();
        let bytes = serde_json::to_vec(&lines)
            .map_err(|error| FileError::new("cannot write", &self.path, error.into()))?;
        files::write_atomic(&self.path, &bytes)
    }
}

impl FileState {
    /// That of a file that is there.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            size_bytes: metadata.len(),
            changed_at: u64::try_from(changed.as_nanos()).ok()?,
        })
    }
}

/// A name for a set of images as they are now: another when one comes, goes or changes.
pub(crate) fn name_of_set(images: &[ImageFile]) -> String {
    let mut hasher = Hasher::new();
    for image in images {
        hasher.update(image.path.as_os_str().as_encoded_bytes());
        let state = FileState::of(&image.path).unwrap_or_default();
        hasher.update(&[0]);
        hasher.update(&state.size_bytes.to_le_bytes());
        hasher.update(&state.changed_at.to_le_bytes());
    }
    let mut name = hasher.finish().to_hex();
    name.truncate(16);
    name
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::files::write_atomic;

    #[test]
    fn a_file_is_known_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let image = ImageFile {
            name: "a.png".into(),
            path: folder.path().join("a.png"),
        };
        write_atomic(&image.path, b"one").unwrap();
        let cache = folder.path().join("cache");
        let mut seen = SeenFiles::of_folder(&cache, folder.path());
        assert_eq!(seen.digest(&image), None);
        let state = FileState::of(&image.path).unwrap();
        seen.note(&image, state, Digest::of(b"one"));
        seen.save().unwrap();
        let set = name_of_set(std::slice::from_ref(&image));
        let seen = SeenFiles::of_folder(&cache, folder.path());
        assert_eq!(seen.digest(&image), Some(Digest::of(b"one")));
        write_atomic(&image.path, b"other").unwrap();
        assert_eq!(seen.digest(&image), None);
        // It is written to while it is read.
        let (mut seen, before) = (seen, FileState::of(&image.path).unwrap());
        write_atomic(&image.path, b"once more").unwrap();
        seen.note(&image, before, Digest::of(b"other"));
        assert_eq!(seen.digest(&image), None);
        assert_ne!(name_of_set(std::slice::from_ref(&image)), set);
        write_atomic(&seen.path, b"not json").unwrap();
        let seen = SeenFiles::of_folder(&cache, folder.path());
        assert!(seen.by_name.is_empty());
    }
}
