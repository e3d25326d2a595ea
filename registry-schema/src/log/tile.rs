//! Tiles: a Merkle tree as files that never change (C2SP `tlog-tiles`).
//!
//! A tile at level `l` holds up to 256 hashes, each the root of a perfect tree of `256^l` entries.
//! An entry bundle holds the entries themselves, numbered as the tiles of level 0.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::log::hash::{empty_root, root_of};
use crate::log::text;

/// Hashes in a full tile, entries in a full bundle.
pub const FULL_WIDTH: u16 = 256;

/// Highest level a path may name. Trees that fit 64-bit sizes end at level 7.
pub const HIGHEST_LEVEL: u8 = 63;

/// Which tile of hashes: level, number within the level, and how many hashes it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    number: u64,
    width: u16,
}

impl TileId {
    /// A tile of 1 to 256 hashes at level 0 to 63.
    pub fn new(level: u8, number: u64, width: u16) -> Option<Self> {
        let is_possible = level <= HIGHEST_LEVEL && (1..=FULL_WIDTH).contains(&width);
        is_possible.then_some(Self {
            level,
            number,
            width,
        })
    }

    /// The tile with this number, as wide as it is in a tree of `size` entries; `None` when such a
    /// tree does not reach it.
    pub fn of_tree(level: u8, number: u64, size: u64) -> Option<Self> {
        let full = u64::from(FULL_WIDTH);
        let first = number.checked_mul(full)?;
        let left = nodes_at(level, size).checked_sub(first)?.min(full);
        Self::new(level, number, u16::try_from(left).ok()?)
    }

    /// The level, 0 for hashes of entries.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The position within the level.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many hashes it holds, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all 256.
    pub fn is_full(&self) -> bool {
        self.width == FULL_WIDTH
    }
}

/// How many perfect trees of `256^level` entries fit a tree of `size` entries.
pub fn nodes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// Which bundle of entries: its number, and how many entries it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    number: u64,
    width: u16,
}

impl BundleId {
    /// A bundle of 1 to 256 entries.
    pub fn new(number: u64, width: u16) -> Option<Self> {
        (1..=FULL_WIDTH)
            .contains(&width)
            .then_some(Self { number, width })
    }

    /// The bundle with this number in a log of `size` entries.
    pub fn of_tree(number: u64, size: u64) -> Option<Self> {
        TileId::of_tree(0, number, size).map(|tile| Self {
            number,
            width: tile.width,
        })
    }

    /// The position: its first entry has the index `256 · number`.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many entries it holds, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all 256.
    pub fn is_full(&self) -> bool {
        self.width == FULL_WIDTH
    }
}

/// A file of a log, by its path below the log's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogFile {
    /// `tile/<L>/<N>[.p/<W>]`.
    Tile(TileId),
    /// `tile/entries/<N>[.p/<W>]`.
    Bundle(BundleId),
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_number(f, self.number, self.width)
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_number(f, self.number, self.width)
    }
}

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile(tile) => tile.fmt(f),
            Self::Bundle(bundle) => bundle.fmt(f),
        }
    }
}

/// Groups of three digits, all but the last with an `x` before them; then the width unless full.
fn write_number(f: &mut fmt::Formatter<'_>, number: u64, width: u16) -> fmt::Result {
    let digits = number.to_string();
    let digits = format!(
        "{digits:0>width$}",
        width = digits.len().next_multiple_of(3)
    );
    let last = digits.len() - 3;
    for at in (0..last).step_by(3) {
        write!(f, "x{}/", &digits[at..at + 3])?;
    }
    f.write_str(&digits[last..])?;
    if width < FULL_WIDTH {
        write!(f, ".p/{width}")?;
    }
    Ok(())
}

impl FromStr for LogFile {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        parse(path).ok_or_else(|| TileError::Path {
            path: text::shown(path),
        })
    }
}

fn parse(path: &str) -> Option<LogFile> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => {
            let width = u16::try_from(text::decimal(width)?).ok()?;
            (
                parse_number(number)?,
                Some(width).filter(|w| *w < FULL_WIDTH)?,
            )
        }
        None => (parse_number(rest)?, FULL_WIDTH),
    };
    if level == "entries" {
        return BundleId::new(number, width).map(LogFile::Bundle);
    }
    let level = u8::try_from(text::decimal(level)?).ok()?;
    TileId::new(level, number, width).map(LogFile::Tile)
}

fn parse_number(path: &str) -> Option<u64> {
    let mut number: u64 = 0;
    let mut groups = path.split('/').peekable();
    let is_long = path.contains('/');
    let mut is_first = true;
    while let Some(group) = groups.next() {
        let digits = match groups.peek() {
            Some(_) => group.strip_prefix('x')?,
            None => group,
        };
        let is_group = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        // A first group of zeros would be another spelling of a smaller number.
        if !is_group || (is_first && is_long && digits == "000") {
            return None;
        }
        number = number
            .checked_mul(1000)?
            .checked_add(digits.parse().ok()?)?;
        is_first = false;
    }
    Some(number)
}

/// A tile and its hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    id: TileId,
    hashes: Vec<Digest>,
}

impl Tile {
    /// A tile of exactly as many hashes as its id says.
    ///
    /// # Errors
    /// [`TileError::Length`] when they are more or fewer.
    pub fn new(id: TileId, hashes: Vec<Digest>) -> Result<Self, TileError> {
        if hashes.len() == usize::from(id.width) {
            Ok(Self { id, hashes })
        } else {
            Err(TileError::Length {
                tile: id,
                found: hashes.len() * 32,
            })
        }
    }

    /// Reads the file of a tile: its hashes, 32 bytes each. Nothing is verified by this.
    ///
    /// # Errors
    /// [`TileError::Length`] when the file has another length than the id says.
    pub fn parse(id: TileId, bytes: &[u8]) -> Result<Self, TileError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() != usize::from(id.width) {
            return Err(TileError::Length {
                tile: id,
                found: bytes.len(),
            });
        }
        let hashes = hashes.iter().copied().map(Digest::from_bytes).collect();
        Ok(Self { id, hashes })
    }

    /// The bytes of its file: 32 for each hash.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes
            .iter()
            .flat_map(|hash| *hash.as_bytes())
            .collect()
    }

    /// Which tile.
    pub fn id(&self) -> TileId {
        self.id
    }

    /// Its hashes, 1 to 256.
    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// The root of the tree over its hashes: for a full tile its hash in the tile above.
    pub fn root(&self) -> Digest {
        root_of(&self.hashes).unwrap_or_else(empty_root)
    }
}

/// What is wrong with a tile or its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not the path of a tile or bundle.
    #[error("`{path}` is not the path of a tile: expected such as `tile/0/x001/067.p/5`")]
    Path {
        /// What it was.
        path: String,
    },
    /// Not 32 bytes for each hash.
    #[error("`{tile}` has {found} bytes, expected {}", usize::from(tile.width) * 32)]
    Length {
        /// Which tile.
        tile: TileId,
        /// How long it was.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_of_the_specification() {
        for (level, number, width, path) in [
            (0, 0, 256, "tile/0/000"),
            (0, 255, 256, "tile/0/255"),
            (1, 1000, 256, "tile/1/x001/000"),
            (0, 1_234_067, 256, "tile/0/x001/x234/067"),
            (63, 999_999, 1, "tile/63/x999/999.p/1"),
            (
                7,
                u64::MAX,
                255,
                "tile/7/x018/x446/x744/x073/x709/x551/615.p/255",
            ),
        ] {
            let tile = TileId::new(level, number, width).unwrap();
            assert_eq!(tile.to_string(), path);
            assert_eq!(path.parse(), Ok(LogFile::Tile(tile)));
        }
        let bundle = BundleId::new(273, 112).unwrap();
        assert_eq!(bundle.to_string(), "tile/entries/273.p/112");
        assert_eq!(
            "tile/entries/273.p/112".parse(),
            Ok(LogFile::Bundle(bundle))
        );
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/x001/",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/2",
            "/tile/0/000",
            "tile/0/000/",
            "tile/entry/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x１23/000",
        ] {
            assert!(bad.parse::<LogFile>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tiles_of_a_tree() {
        let width = |level, number, size| TileId::of_tree(level, number, size).map(|t| t.width());
        assert_eq!(width(0, 272, 70_000), Some(256));
        assert_eq!(width(0, 273, 70_000), Some(112));
        assert_eq!(width(0, 274, 70_000), None);
        assert_eq!(width(1, 0, 70_000), Some(256));
        assert_eq!(width(1, 1, 70_000), Some(17));
        assert_eq!(width(2, 0, 70_000), Some(1));
        assert_eq!(width(3, 0, 70_000), None);
        assert_eq!((width(0, 0, 256), width(1, 0, 256)), (Some(256), Some(1)));
        assert_eq!(width(0, 0, 0), None);
        assert_eq!(width(63, u64::MAX, u64::MAX), None);
    }

    #[test]
    fn a_file_has_the_length_of_its_id() {
        let id = TileId::new(0, 0, 3).unwrap();
        let tile = Tile::parse(id, &[7; 96]).unwrap();
        assert_eq!(tile.to_bytes(), [7; 96]);
        for length in [0, 64, 95, 97, 128, 8192] {
            assert!(Tile::parse(id, &vec![7; length]).is_err(), "{length}");
        }
        assert!(Tile::new(id, vec![Digest::of(b""); 2]).is_err());
    }

    proptest! {
        #[test]
        fn paths_read_back(level in 0u8..64, number in any::<u64>(), width in 1u16..=256, entries in any::<bool>()) {
            let file = if entries {
                LogFile::Bundle(BundleId::new(number, width).unwrap())
            } else {
                LogFile::Tile(TileId::new(level, number, width).unwrap())
            };
            prop_assert_eq!(file.to_string().parse(), Ok(file));
        }

        #[test]
        fn what_reads_prints_the_same(path in "tile/([0-9]{1,2}|entries)/(x[0-9]{3}/){0,7}[0-9]{3}(\\.p/[0-9]{1,3})?") {
            if let Ok(file) = path.parse::<LogFile>() {
                prop_assert_eq!(file.to_string(), path);
            }
        }

        #[test]
        fn arbitrary_paths_never_panic(path in ".{0,60}") {
            let _ = path.parse::<LogFile>();
        }
    }
}
