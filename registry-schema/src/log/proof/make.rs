//! Making proofs from tiles that nobody needs to be trusted for: every tile is held against the root.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::TreeHead;
use crate::digest::Digest;
use crate::log::hash::{empty_root, node_hash, root_of, split};
use crate::log::tile::{FULL_WIDTH, Tile, TileId};
use crate::log::tree::{Tree, TreeError};

/// Where tiles come from. Also every closure from a [`TileId`] to a tile.
pub trait TileReader {
    /// Why a tile cannot be had.
    type Error;

    /// One tile, as it was served; it is checked by the caller.
    ///
    /// # Errors
    /// Whatever the source says.
    fn read_tile(&mut self, id: TileId) -> Result<Tile, Self::Error>;
}

impl<E, F: FnMut(TileId) -> Result<Tile, E>> TileReader for F {
    type Error = E;

    fn read_tile(&mut self, id: TileId) -> Result<Tile, E> {
        self(id)
    }
}

/// The tiles needed to prove an entry's inclusion in a tree of `size` entries, those that
/// authenticate them among them: for readers that fetch at once.
pub fn inclusion_tiles(index: u64, size: u64) -> BTreeSet<TileId> {
    with_parents(&inclusion_ranges(index, 0..size), size)
}

/// The tiles needed to prove that a tree of `newer` entries continues one of `older`.
pub fn consistency_tiles(older: u64, newer: u64) -> BTreeSet<TileId> {
    with_parents(&consistency_ranges(older, 0..newer, true), newer)
}

/// The tiles needed for an entry's hash.
pub fn leaf_tiles(index: u64, size: u64) -> BTreeSet<TileId> {
    with_parents(
        std::slice::from_ref(&(index..index.saturating_add(1))),
        size,
    )
}

/// The tiles needed for the root that a tree of `newer` entries had with `older` ones.
pub fn root_tiles(older: u64, newer: u64) -> BTreeSet<TileId> {
    with_parents(std::slice::from_ref(&(0..older)), newer)
}

/// The tiles of one tree, each authenticated by its root before anything is made of it.
#[derive(Debug)]
pub struct TrustedTiles<R> {
    head: TreeHead,
    reader: R,
    known: BTreeMap<TileId, Tile>,
}

impl<R: TileReader> TrustedTiles<R> {
    /// Reads the tiles at the right edge of the tree and checks that they make up its root.
    ///
    /// # Errors
    /// [`MakeProofError`] when a tile cannot be had or they do not.
    pub fn new(head: TreeHead, mut reader: R) -> Result<Self, MakeProofError<R::Error>> {
        let mut edge = Vec::new();
        for id in Tree::edge_tiles(head.size) {
            edge.push(read(&mut reader, id)?);
        }
        let tree = Tree::from_tiles(head.size, &edge)?;
        if tree.root() != head.root {
            return Err(MakeProofError::Root { size: head.size });
        }
        let known = edge.into_iter().map(|tile| (tile.id(), tile)).collect();
        Ok(Self {
            head,
            reader,
            known,
        })
    }

    /// The tiles that were read and found to belong to the tree so far.
    pub fn authenticated(&self) -> impl Iterator<Item = &Tile> {
        self.known.values()
    }

    /// The hash of an entry.
    ///
    /// # Errors
    /// [`MakeProofError`] when there is no such entry, or a tile is missing or wrong.
    pub fn leaf_hash(&mut self, index: u64) -> Result<Digest, MakeProofError<R::Error>> {
        self.perfect(index, 0)
    }

    /// A proof for [`super::verify_inclusion`].
    ///
    /// # Errors
    /// [`MakeProofError`] when there is no such entry, or a tile is missing or wrong.
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Digest>, MakeProofError<R::Error>> {
        if index >= self.head.size {
            return Err(MakeProofError::Beyond {
                wanted: index,
                size: self.head.size,
            });
        }
        let ranges = inclusion_ranges(index, 0..self.head.size);
        ranges
            .into_iter()
            .map(|range| self.hash_of(range))
            .collect()
    }

    /// A proof for [`super::verify_consistency`] with the tree of `older` entries.
    ///
    /// # Errors
    /// [`MakeProofError`] when the tree is not that large, or a tile is missing or wrong.
    pub fn consistency(&mut self, older: u64) -> Result<Vec<Digest>, MakeProofError<R::Error>> {
        self.check_reach(older)?;
        let ranges = consistency_ranges(older, 0..self.head.size, true);
        ranges
            .into_iter()
            .map(|range| self.hash_of(range))
            .collect()
    }

    /// The root that the tree had when it had `size` entries.
    ///
    /// # Errors
    /// [`MakeProofError`] when the tree is not that large, or a tile is missing or wrong.
    pub fn root_at(&mut self, size: u64) -> Result<Digest, MakeProofError<R::Error>> {
        self.check_reach(size)?;
        if size == 0 {
            return Ok(empty_root());
        }
        self.hash_of(0..size)
    }

    fn check_reach(&self, size: u64) -> Result<(), MakeProofError<R::Error>> {
        if size > self.head.size {
            return Err(MakeProofError::Beyond {
                wanted: size,
                size: self.head.size,
            });
        }
        Ok(())
    }

    /// The root over some entries: those of perfect trees, joined from the right.
    fn hash_of(&mut self, range: Range<u64>) -> Result<Digest, MakeProofError<R::Error>> {
        let mut root = None;
        for (first, height) in perfect_trees(range).into_iter().rev() {
            let left = self.perfect(first, height)?;
            root = Some(match root {
                None => left,
                Some(right) => node_hash(&left, &right),
            });
        }
        Ok(root.unwrap_or_else(empty_root))
    }

    fn perfect(&mut self, first: u64, height: u32) -> Result<Digest, MakeProofError<R::Error>> {
        let beyond = MakeProofError::Beyond {
            wanted: first,
            size: self.head.size,
        };
        let Some((id, within)) = place(first, height, self.head.size) else {
            return Err(beyond);
        };
        let tile = self.tile(id)?;
        tile.hashes().get(within).and_then(root_of).ok_or(beyond)
    }

    /// A tile that is known to be right: at the edge, or full and with its root in the tile above.
    fn tile(&mut self, id: TileId) -> Result<&Tile, MakeProofError<R::Error>> {
        if !self.known.contains_key(&id) {
            // Not at the edge, so it is full, and there is a tile above it.
            let (parent, at) = parent(id, self.head.size).ok_or(MakeProofError::Tile { id })?;
            let expected = self.tile(parent)?.hashes().get(at).copied();
            let tile = read(&mut self.reader, id)?;
            if Some(tile.root()) != expected {
                return Err(MakeProofError::Tile { id });
            }
            self.known.insert(id, tile);
        }
        self.known.get(&id).ok_or(MakeProofError::Tile { id })
    }
}

fn read<R: TileReader>(reader: &mut R, id: TileId) -> Result<Tile, MakeProofError<R::Error>> {
    let tile = reader.read_tile(id).map_err(MakeProofError::Read)?;
    if tile.id() == id {
        Ok(tile)
    } else {
        Err(MakeProofError::Tile { id })
    }
}

/// The tile above a full one, and the position of its hash there.
fn parent(id: TileId, size: u64) -> Option<(TileId, usize)> {
    let full = u64::from(FULL_WIDTH);
    let above = TileId::of_tree(id.level() + 1, id.number() / full, size)?;
    Some((above, usize::try_from(id.number() % full).ok()?))
}

/// The tile that holds a perfect tree of `2^height` entries from `first` on, and the hashes under it
/// there.
fn place(first: u64, height: u32, size: u64) -> Option<(TileId, Range<usize>)> {
    let level = height / 8;
    let node = first.checked_shr(8 * level)?;
    let full = u64::from(FULL_WIDTH);
    let id = TileId::of_tree(u8::try_from(level).ok()?, node / full, size)?;
    let start = usize::try_from(node % full).ok()?;
    Some((id, start..start + (1 << (height % 8))))
}

fn with_parents(ranges: &[Range<u64>], size: u64) -> BTreeSet<TileId> {
    let mut tiles: BTreeSet<TileId> = Tree::edge_tiles(size).collect();
    for (first, height) in ranges.iter().cloned().flat_map(perfect_trees) {
        let mut next = place(first, height, size).map(|(id, _)| id);
        while let Some(id) = next.filter(|id| tiles.insert(*id)) {
            next = parent(id, size).map(|(above, _)| above);
        }
    }
    tiles
}

/// The subtrees whose roots prove an entry's inclusion, from the entry's sibling upwards: `PATH` of
/// RFC 6962 section 2.1.1.
fn inclusion_ranges(index: u64, mut tree: Range<u64>) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    while tree.end - tree.start > 1 {
        let middle = tree.start + split(tree.end - tree.start);
        if index < middle {
            ranges.push(middle..tree.end);
            tree.end = middle;
        } else {
            ranges.push(tree.start..middle);
            tree.start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The subtrees whose roots prove that a tree continues the one of `older` entries: `SUBPROOF` of
/// RFC 6962 section 2.1.2.
fn consistency_ranges(older: u64, mut tree: Range<u64>, is_whole: bool) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut is_whole = is_whole;
    if older == 0 {
        return ranges;
    }
    while older < tree.end {
        let middle = tree.start + split(tree.end - tree.start);
        if older <= middle {
            ranges.push(middle..tree.end);
            tree.end = middle;
        } else {
            ranges.push(tree.start..middle);
            tree.start = middle;
            is_whole = false;
        }
    }
    if !is_whole {
        ranges.push(tree);
    }
    ranges.reverse();
    ranges
}

/// Splits a subtree as RFC 6962 has them into perfect trees, each by its first entry and height.
fn perfect_trees(range: Range<u64>) -> Vec<(u64, u32)> {
    let mut trees = Vec::new();
    let mut first = range.start;
    while first < range.end {
        let height = (range.end - first).ilog2();
        trees.push((first, height));
        first += 1 << height;
    }
    trees
}

/// Why a proof cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MakeProofError<E> {
    /// A tile cannot be had.
    #[error("a tile of the log cannot be read")]
    Read(#[source] E),
    /// Tiles of another tree.
    #[error("the tiles at the edge of the log do not make up the root of its {size} entries")]
    Root {
        /// The tree's size.
        size: u64,
    },
    /// A tile of another tree.
    #[error("`{id}` does not belong to the tree of the log's checkpoint")]
    Tile {
        /// Which tile.
        id: TileId,
    },
    /// Past the end.
    #[error("entry or size {wanted} is beyond the log's {size} entries")]
    Beyond {
        /// What was asked for.
        wanted: u64,
        /// The tree's size.
        size: u64,
    },
    /// Not a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
