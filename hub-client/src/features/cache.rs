//! Features already computed on this machine, by image and extractor.
//!
//! One append-only file for each extractor, named by the digest of its statement. A record is
//!
//! ```text
//! 32 bytes        SHA-256 of the image's bytes
//! 4 · dimension   features, f32 little-endian
//! 8 bytes         the first 8 of the SHA-256 of all before
//! ```
//!
//! All records of a file have one length, so a record cut off by a crash is seen and written over, and a
//! damaged one is skipped when it is looked up. Several processes may append: each locks the file for the
//! moment of writing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use registry_schema::digest::Digest;

use super::{FeatureError, Origin};
use crate::files::{self, FileError};

/// Records collected before they are written at once.
const PENDING_RECORDS: usize = 64;

const DIGEST_BYTES: usize = 32;
const CHECK_BYTES: usize = 8;

/// The cached features of one extractor.
#[derive(Debug)]
pub struct FeatureCache {
    path: PathBuf,
    dimension: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// From an image's digest to the number of its record.
    index: HashMap<Digest, u64>,
    pending: Vec<u8>,
}

impl FeatureCache {
    /// Opens the cache of an extractor in a folder, made when missing.
    ///
    /// # Errors
    /// [`FeatureError::File`] when it cannot be read or made.
    pub fn open(folder: &Path, origin: &Origin) -> Result<Self, FeatureError> {
        let path = Self::path_of(folder, &origin.statement);
        let file = files::open_read_write(&path)?;
        Self::with_file(path, file, origin.dimension)
    }

    /// Opens the file of a cache to look features up only.
    ///
    /// # Errors
    /// [`FeatureError::File`] when it cannot be read.
    pub fn open_to_read(path: &Path, dimension: usize) -> Result<Self, FeatureError> {
        let file =
            File::open(path).map_err(|source| FileError::new("cannot read", path, source))?;
        Self::with_file(path.to_owned(), file, dimension)
    }

    /// Where a folder has the features of the extractor with that statement.
    pub fn path_of(folder: &Path, statement: &Digest) -> PathBuf {
        folder.join(format!("{}.features", statement.to_hex()))
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn with_file(path: PathBuf, mut file: File, dimension: usize) -> Result<Self, FeatureError> {
        let record_bytes = record_bytes(dimension);
        let index = read_index(&mut file, record_bytes)
            .map_err(|source| FileError::new("cannot read", &path, source))?;
        let inner = Mutex::new(Inner {
            file,
            index,
            pending: Vec::new(),
        });
        Ok(Self {
            path,
            dimension,
            inner,
        })
    }

    /// The features of an image, when they are known. A record that cannot be read or is damaged counts
    /// as unknown.
    pub fn get(&self, image: &Digest) -> Option<Vec<f32>> {
        let mut inner = self.lock();
        let record = *inner.index.get(image)?;
        let mut bytes = vec![0; record_bytes(self.dimension)];
        let at = record * bytes.len() as u64;
        inner.file.seek(SeekFrom::Start(at)).ok()?;
        inner.file.read_exact(&mut bytes).ok()?;
        drop(inner);
        let (body, check) = bytes.split_at(bytes.len() - CHECK_BYTES);
        let is_whole =
            body.starts_with(image.as_bytes()) && Digest::of(body).as_bytes().starts_with(check);
        let (floats, _) = body[DIGEST_BYTES..].as_chunks::<4>();
        is_whole.then(|| {
            floats
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect()
        })
    }

    /// Keeps the features of an image. They are on disk after [`Self::flush`] at the latest.
    ///
    /// # Errors
    /// [`FeatureError`] when they have another length or cannot be written.
    pub fn insert(&self, image: &Digest, features: &[f32]) -> Result<(), FeatureError> {
        if features.len() != self.dimension {
            return Err(FeatureError::Width {
                expected: self.dimension,
                found: features.len(),
            });
        }
        let mut inner = self.lock();
        let start = inner.pending.len();
        inner.pending.extend_from_slice(image.as_bytes());
        inner
            .pending
            .extend(features.iter().flat_map(|value| value.to_le_bytes()));
        let check = Digest::of(&inner.pending[start..]);
        inner
            .pending
            .extend_from_slice(&check.as_bytes()[..CHECK_BYTES]);
        if inner.pending.len() >= PENDING_RECORDS * record_bytes(self.dimension) {
            self.write(&mut inner)?;
        }
        Ok(())
    }

    /// Writes what was inserted and is not on disk yet.
    ///
    /// # Errors
    /// [`FeatureError::File`].
    pub fn flush(&self) -> Result<(), FeatureError> {
        self.write(&mut self.lock())
    }

    /// Images whose features are on disk.
    pub fn len(&self) -> usize {
        self.lock().index.len()
    }

    /// Whether nothing is on disk yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn write(&self, inner: &mut Inner) -> Result<(), FeatureError> {
        if inner.pending.is_empty() {
            return Ok(());
        }
        let record_bytes = record_bytes(self.dimension);
        let error = |source| FileError::new("cannot write", &self.path, source);
        inner.file.lock().map_err(error)?;
        let written = append(inner, record_bytes);
        inner.file.unlock().map_err(error)?;
        Ok(written.map_err(error)?)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The state is whole between any two statements that could panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FeatureCache {
    fn drop(&mut self) {
        // What cannot be kept is computed again.
        let _ = self.flush();
    }
}

fn record_bytes(dimension: usize) -> usize {
    DIGEST_BYTES + 4 * dimension + CHECK_BYTES
}

/// Appends after the last whole record, so that one cut off by a crash is written over.
fn append(inner: &mut Inner, record_bytes: usize) -> io::Result<()> {
    let records = inner.file.metadata()?.len() / record_bytes as u64;
    inner
        .file
        .seek(SeekFrom::Start(records * record_bytes as u64))?;
    inner.file.write_all(&inner.pending)?;
    for (number, record) in (records..).zip(inner.pending.chunks_exact(record_bytes)) {
        let digest: Option<[u8; DIGEST_BYTES]> = record[..DIGEST_BYTES].try_into().ok();
        inner
            .index
            .extend(digest.map(|bytes| (Digest::from_bytes(bytes), number)));
    }
    inner.pending.clear();
    Ok(())
}

fn read_index(file: &mut File, record_bytes: usize) -> io::Result<HashMap<Digest, u64>> {
    let records = file.metadata()?.len() / record_bytes as u64;
    let mut index = HashMap::new();
    for record in 0..records {
        let mut digest = [0; DIGEST_BYTES];
        file.seek(SeekFrom::Start(record * record_bytes as u64))?;
        file.read_exact(&mut digest)?;
        index.insert(Digest::from_bytes(digest), record);
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn origin(dimension: usize) -> Origin {
        Origin {
            release: "dots@1.0.0".parse().unwrap(),
            statement: Digest::of(b"statement"),
            space: "dots@1".parse().unwrap(),
            dimension,
        }
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let image = |number: u32| Digest::of(&number.to_le_bytes());
        let cache = FeatureCache::open(folder.path(), &origin(2)).unwrap();
        for number in 0..100_u32 {
            cache
                .insert(&image(number), &[number as f32, -1.5])
                .unwrap();
        }
        drop(cache);
        let cache = FeatureCache::open(folder.path(), &origin(2)).unwrap();
        assert_eq!(cache.len(), 100);
        assert_eq!(cache.get(&image(42)), Some(vec![42.0, -1.5]));
        assert_eq!(cache.get(&image(100)), None);
        assert!(matches!(
            cache.insert(&image(1), &[1.0]),
            Err(FeatureError::Width { .. })
        ));
    }

    #[test]
    fn cut_and_damaged_records_are_unknown_and_healed() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, three) = (Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3"));
        let cache = FeatureCache::open(folder.path(), &origin(3)).unwrap();
        cache.insert(&one, &[1.0; 3]).unwrap();
        cache.insert(&two, &[2.0; 3]).unwrap();
        let path = cache.path.clone();
        drop(cache);
        // The second record is cut off, a byte of the first one flips.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 5);
        bytes[40] ^= 1;
        files::write_atomic(&path, &bytes).unwrap();
        let cache = FeatureCache::open(folder.path(), &origin(3)).unwrap();
        assert_eq!((cache.get(&one), cache.get(&two)), (None, None));
        cache.insert(&three, &[3.0; 3]).unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.get(&three), Some(vec![3.0; 3]));
        drop(cache);
        assert_eq!(
            FeatureCache::open(folder.path(), &origin(3))
                .unwrap()
                .get(&three),
            Some(vec![3.0; 3])
        );
    }

    #[test]
    fn two_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..2_u32 {
                let path = folder.path();
                scope.spawn(move || {
                    let cache = FeatureCache::open(path, &origin(1)).unwrap();
                    for number in 0..500_u32 {
                        cache
                            .insert(
                                &Digest::of(&[writer, number].map(u32::to_le_bytes).concat()),
                                &[1.0],
                            )
                            .unwrap();
                    }
                });
            }
        });
        let cache = FeatureCache::open(folder.path(), &origin(1)).unwrap();
        assert_eq!(cache.len(), 1000);
        assert!(
            cache
                .inner
                .lock()
                .unwrap()
                .index
                .keys()
                .all(|image| cache_has(folder.path(), image))
        );
    }

    fn cache_has(folder: &Path, image: &Digest) -> bool {
        FeatureCache::open(folder, &origin(1)).unwrap().get(image) == Some(vec![1.0])
    }
}
