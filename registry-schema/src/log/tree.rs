//! A growing tree as tiles: what appending entries changes, and the root.
//!
//! All that is needed of a tree to append to it are its last tiles, one for each level, as far as
//! they are not full: at most 8 times 255 hashes.

use crate::digest::Digest;
use crate::limits;
use crate::log::hash::{empty_root, node_hash};
use crate::log::tile::{FULL_WIDTH, Tile, TileError, TileId, nodes_at};

/// Levels of tiles of the largest tree ([`limits::LOG_ENTRIES`]).
pub const LEVELS: u8 = 8;

/// A tree by its size and the tiles at its right edge that are not full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// By level: the hashes that are not yet in a full tile.
    edge: [Vec<Digest>; LEVELS as usize],
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The tree without entries.
    pub fn new() -> Self {
        Self {
            size: 0,
            edge: Default::default(),
        }
    }

    /// The tiles that [`Tree::from_tiles`] needs for a tree of this size, lowest level first. Every
    /// level has at most one, and none when all its tiles are full.
    pub fn edge_tiles(size: u64) -> impl Iterator<Item = TileId> {
        (0..LEVELS).filter_map(move |level| {
            let nodes = nodes_at(level, size);
            let width = u16::try_from(nodes % u64::from(FULL_WIDTH)).ok()?;
            TileId::new(level, nodes / u64::from(FULL_WIDTH), width)
        })
    }

    /// A tree from the tiles of [`Tree::edge_tiles`]. Compare its root with a checkpoint: nothing
    /// else says that the tiles are right.
    ///
    /// # Errors
    /// [`TreeError`] when the size is past all limits or the tiles are not those.
    pub fn from_tiles(size: u64, tiles: &[Tile]) -> Result<Self, TreeError> {
        check_size(size)?;
        let mut tree = Self::new();
        tree.size = size;
        let mut given = tiles.iter();
        for id in Self::edge_tiles(size) {
            let tile = given
                .next()
                .filter(|tile| tile.id() == id)
                .ok_or(TreeError::Edge { size, tile: id })?;
            tree.edge[usize::from(id.level())] = tile.hashes().to_vec();
        }
        match given.next() {
            None => Ok(tree),
            Some(tile) => Err(TreeError::Edge {
                size,
                tile: tile.id(),
            }),
        }
    }

    /// The tiles at its right edge that are not full, lowest level first.
    pub fn edge(&self) -> Vec<Tile> {
        Self::edge_tiles(self.size)
            .filter_map(|id| Tile::new(id, self.edge[usize::from(id.level())].clone()).ok())
            .collect()
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its root (RFC 6962 section 2.1).
    pub fn root(&self) -> Digest {
        // Perfect trees from the smallest, at the right, to the largest: each is the left sibling
        // of all that is to its right.
        let mut root: Option<Digest> = None;
        for hashes in &self.edge {
            let mut end = hashes.len();
            while end > 0 {
                let start = end - (1 << end.trailing_zeros());
                let left = perfect_root(&hashes[start..end]);
                root = Some(match root {
                    None => left,
                    Some(right) => node_hash(&left, &right),
                });
                end = start;
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// Appends entries by their hashes. Returns every tile that changed, each once and as wide as it
    /// is now: the full ones are final, one for each level may not be full.
    ///
    /// # Errors
    /// [`TreeError::TooLarge`] past [`limits::LOG_ENTRIES`]; the tree is as before then.
    pub fn append(&mut self, leaf_hashes: &[Digest]) -> Result<Vec<Tile>, TreeError> {
        let size = self.size.saturating_add(leaf_hashes.len() as u64);
        check_size(size)?;
        let mut tiles = Vec::new();
        let mut touched = [false; LEVELS as usize];
        for leaf in leaf_hashes {
            self.size += 1;
            let mut hash = *leaf;
            for level in 0..LEVELS {
                let edge = &mut self.edge[usize::from(level)];
                edge.push(hash);
                touched[usize::from(level)] = true;
                if edge.len() < usize::from(FULL_WIDTH) {
                    break;
                }
                let number = nodes_at(level, self.size) / u64::from(FULL_WIDTH) - 1;
                let tile = make_tile(level, number, std::mem::take(edge))?;
                hash = tile.root();
                tiles.push(tile);
                touched[usize::from(level)] = false;
            }
        }
        let is_touched = |tile: &Tile| touched[usize::from(tile.id().level())];
        tiles.extend(self.edge().into_iter().filter(is_touched));
        Ok(tiles)
    }
}

fn make_tile(level: u8, number: u64, hashes: Vec<Digest>) -> Result<Tile, TreeError> {
    let width = u16::try_from(hashes.len()).unwrap_or(u16::MAX);
    let id = TileId::new(level, number, width).ok_or(TreeError::TooLarge { size: u64::MAX })?;
    Ok(Tile::new(id, hashes)?)
}

fn check_size(size: u64) -> Result<(), TreeError> {
    if size > limits::LOG_ENTRIES {
        return Err(TreeError::TooLarge { size });
    }
    Ok(())
}

/// The root over a power of two of hashes, at least one.
fn perfect_root(hashes: &[Digest]) -> Digest {
    match hashes {
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}

/// Why a tree cannot be continued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Past [`limits::LOG_ENTRIES`].
    #[error("a log of {size} entries is past the limit of {}", limits::LOG_ENTRIES)]
    TooLarge {
        /// How many.
        size: u64,
    },
    /// A tile is missing, doubled or another one.
    #[error("the tiles at the edge of a log of {size} entries are not those: see `{tile}`")]
    Edge {
        /// The log's size.
        size: u64,
        /// Where they differ.
        tile: TileId,
    },
    /// A tile's form.
    #[error(transparent)]
    Tile(#[from] TileError),
}
