//! Tiles of a log: fetched at once, held against the root of a checked checkpoint, and the full ones
//! kept, because they never change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, TryStreamExt, stream};
use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::Origin;
use registry_schema::log::entry::{BUNDLE_BYTES, parse_bundle};
use registry_schema::log::proof::{MakeProofError, TileReader, TreeHead, TrustedTiles};
use registry_schema::log::tile::{BundleId, FULL_WIDTH, Tile, TileId};

use super::{LogSource, LogViewError, NotGathered};
use crate::files;

/// Files fetched at the same time.
const PARALLEL: usize = 4;

/// Bytes of a full tile: 256 hashes.
const TILE_BYTES: usize = FULL_WIDTH as usize * 32;

/// What proofs are made of: tiles, each authenticated before use.
pub(super) type Trusted = TrustedTiles<Gathered>;

/// Tiles that were fetched and not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    tiles: BTreeMap<TileId, Tile>,
    was_kept: bool,
}

impl TileReader for Gathered {
    type Error = NotGathered;

    fn read_tile(&mut self, id: TileId) -> Result<Tile, NotGathered> {
        self.tiles.get(&id).cloned().ok_or(NotGathered(id))
    }
}

/// Whether full tiles are kept on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// They are, and those kept before are used.
    Kept,
    /// They are not: for readers that pass over all of a log once.
    Once,
}

/// A log's tiles, at their source and in the cache.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    source: Arc<dyn LogSource>,
    cache: PathBuf,
    /// Tiles at the edge of a tree, which are of use as long as it does not grow.
    edge: Arc<Mutex<BTreeMap<TileId, Tile>>>,
}

impl Tiles {
    /// `cache` is the folder of all logs' tiles.
    pub(super) fn new(source: Arc<dyn LogSource>, cache: PathBuf, origin: &Origin) -> Self {
        let log = Digest::of(origin.as_str().as_bytes()).to_hex();
        Self {
            source,
            cache: cache.join(log),
            edge: Arc::default(),
        }
    }

    /// Fetches the tiles named, and computes something from them under the root of a tree. What is
    /// in the cache is not trusted either: when it does not fit the root it is fetched anew.
    pub(super) async fn compute<T>(
        &self,
        head: TreeHead,
        wanted: &BTreeSet<TileId>,
        keeping: Keeping,
        compute: impl Fn(&mut Trusted) -> Result<T, MakeProofError<NotGathered>>,
    ) -> Result<T, LogViewError> {
        let gathered = self.gather(wanted, keeping).await?;
        let was_kept = gathered.was_kept;
        let run = |gathered: Gathered| {
            let mut trusted = TrustedTiles::new(head, gathered)?;
            let result = compute(&mut trusted)?;
            Ok::<_, MakeProofError<NotGathered>>((result, trusted))
        };
        let (result, trusted) = match run(gathered) {
            Err(_) if was_kept => run(self.gather(wanted, Keeping::Once).await?)?,
            other => other?,
        };
        if keeping == Keeping::Kept {
            self.keep(&trusted)?;
        }
        Ok(result)
    }

    /// The entries of a bundle, unchecked. A log may drop a partial bundle once the full one is there.
    pub(super) async fn bundle(&self, id: BundleId) -> Result<Vec<Vec<u8>>, LogViewError> {
        let mut served = id;
        let mut bytes = self.source.fetch(&id.to_string(), BUNDLE_BYTES).await?;
        if let (None, Some(full)) = (&bytes, BundleId::new(id.number(), FULL_WIDTH)) {
            bytes = self.source.fetch(&full.to_string(), BUNDLE_BYTES).await?;
            served = full;
        }
        let bytes = bytes.ok_or_else(|| LogViewError::NoFile {
            path: id.to_string(),
        })?;
        let entries = parse_bundle(served, &bytes)?;
        let wanted = entries.into_iter().take(usize::from(id.width()));
        Ok(wanted.map(<[u8]>::to_vec).collect())
    }

    async fn gather(
        &self,
        wanted: &BTreeSet<TileId>,
        keeping: Keeping,
    ) -> Result<Gathered, LogViewError> {
        let mut gathered = Gathered::default();
        if keeping == Keeping::Kept {
            let kept = wanted.iter().filter_map(|id| self.kept(*id));
            gathered.tiles = kept.map(|tile| (tile.id(), tile)).collect();
            gathered.was_kept = !gathered.tiles.is_empty();
        }
        let missing: Vec<TileId> = wanted
            .iter()
            .copied()
            .filter(|id| !gathered.tiles.contains_key(id))
            .collect();
        let fetched: Vec<Tile> = stream::iter(missing.into_iter().map(|id| self.fetch(id)))
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await?;
        gathered
            .tiles
            .extend(fetched.into_iter().map(|tile| (tile.id(), tile)));
        Ok(gathered)
    }

    /// A tile as it is served. A log may drop a partial tile once the full one is there.
    async fn fetch(&self, id: TileId) -> Result<Tile, LogViewError> {
        if let Some(bytes) = self.source.fetch(&id.to_string(), TILE_BYTES).await? {
            return Ok(Tile::parse(id, &bytes)?);
        }
        let no_file = || LogViewError::NoFile {
            path: id.to_string(),
        };
        let full = TileId::new(id.level(), id.number(), FULL_WIDTH)
            .filter(|full| *full != id)
            .ok_or_else(no_file)?;
        let bytes = self.source.fetch(&full.to_string(), TILE_BYTES).await?;
        let tile = Tile::parse(full, &bytes.ok_or_else(no_file)?)?;
        let hashes = tile.hashes()[..usize::from(id.width())].to_vec();
        Ok(Tile::new(id, hashes)?)
    }

    /// A tile that was authenticated before. One that cannot be read is as good as none.
    fn kept(&self, id: TileId) -> Option<Tile> {
        if !id.is_full() {
            return self.edge.lock().ok()?.get(&id).cloned();
        }
        let path = self.cache.join(id.to_string());
        let bytes = files::read_limited(&path, TILE_BYTES as u64).ok()?;
        Tile::parse(id, &bytes).ok()
    }

    fn keep(&self, trusted: &Trusted) -> Result<(), LogViewError> {
        for tile in trusted.authenticated() {
            if self.kept(tile.id()).as_ref() == Some(tile) {
                continue;
            }
            if tile.id().is_full() {
                let path = self.cache.join(tile.id().to_string());
                files::write_atomic(path, &tile.to_bytes())?;
            } else if let Ok(mut edge) = self.edge.lock() {
                edge.insert(tile.id(), tile.clone());
            }
        }
        Ok(())
    }
}
