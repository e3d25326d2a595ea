//! Entries of a log in order, each found to be the one that the checkpoint is about.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use registry_schema::digest::Digest;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::proof::{TreeHead, leaf_tiles};
use registry_schema::log::tile::{BundleId, FULL_WIDTH};

use super::LogViewError;
use super::tiles::{Keeping, Tiles};

/// Bundles whose tiles are read together: their hashes take at most half a megabyte.
const BUNDLES: u64 = 64;

/// An entry, verified to be the one at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its 0-based index.
    pub index: u64,
    /// Its exact bytes: an envelope.
    pub bytes: Vec<u8>,
}

/// Reads a range of entries, a bundle at a time: at most 256 entries are held.
#[derive(Debug)]
pub struct EntryReader {
    tiles: Tiles,
    head: TreeHead,
    wanted: Range<u64>,
    /// Hashes of entries by their index, for the bundles that come next.
    hashes: BTreeMap<u64, Digest>,
}

impl EntryReader {
    pub(super) fn new(tiles: Tiles, head: TreeHead, wanted: Range<u64>) -> Self {
        Self {
            tiles,
            head,
            wanted,
            hashes: BTreeMap::new(),
        }
    }

    /// The next entries of the range, those of one bundle; `None` at its end.
    ///
    /// # Errors
    /// [`LogViewError`] when a file cannot be had, or one of its entries is not what the checkpoint is
    /// about.
    pub async fn next_entries(&mut self) -> Result<Option<Vec<LogEntry>>, LogViewError> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        if self.wanted.end > self.head.size {
            return Err(LogViewError::Beyond {
                index: self.wanted.end - 1,
                size: self.head.size,
            });
        }
        let full = u64::from(FULL_WIDTH);
        let number = self.wanted.start / full;
        let beyond = LogViewError::Beyond {
            index: self.wanted.start,
            size: self.head.size,
        };
        let id = BundleId::of_tree(number, self.head.size).ok_or(beyond)?;
        if !self.hashes.contains_key(&self.wanted.start) {
            self.read_hashes().await?;
        }
        let entries = self.tiles.bundle(id).await?;
        let mut checked = Vec::new();
        for (index, bytes) in (number * full..).zip(entries) {
            if !self.wanted.contains(&index) {
                continue;
            }
            if self.hashes.get(&index) != Some(&leaf_hash(&bytes)) {
                return Err(LogViewError::Entry { index });
            }
            checked.push(LogEntry { index, bytes });
        }
        let end = (number * full + u64::from(id.width())).min(self.wanted.end);
        self.hashes = self.hashes.split_off(&end);
        self.wanted.start = end;
        Ok(Some(checked))
    }

    /// The hashes of the entries of the next bundles.
    async fn read_hashes(&mut self) -> Result<(), LogViewError> {
        let full = u64::from(FULL_WIDTH);
        let end = ((self.wanted.start / full + BUNDLES) * full).min(self.wanted.end);
        let range = self.wanted.start..end;
        let wanted: BTreeSet<_> = (range.start / full..=(range.end - 1) / full)
            .flat_map(|number| leaf_tiles(number * full, self.head.size))
            .collect();
        let hashes = self
            .tiles
            .compute(self.head, &wanted, Keeping::Once, |trusted| {
                let leaf = |index| Ok((index, trusted.leaf_hash(index)?));
                range.clone().map(leaf).collect()
            })
            .await?;
        self.hashes = hashes;
        Ok(())
    }
}
