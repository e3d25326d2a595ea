//! The log, entry for entry. Tiles follow from entries, so that only what is new is fetched, and of that only the
//! entries and the tiles that prove them.

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::entry::{BUNDLE_BYTES, BundleWriter, parse_bundle};
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::Note;
use registry_schema::log::proof::TreeHead;
use registry_schema::log::tile::{BundleId, FULL_WIDTH};
use registry_schema::log::tree::Tree;
use registry_schema::trust_root::ConsortiumRoot;

use super::MirrorError;
use super::folder::MirrorFolder;
use super::known::Known;
use crate::files::FileError;
use crate::log_view::{LogView, LogViewError};
use crate::registry::Progress;

/// What the folder shows of the log, when it does, is an earlier state of what the hub shows.
///
/// # Errors
/// [`MirrorError`], with evidence when the two are of different histories.
pub(super) async fn check_continues(
    folder: &MirrorFolder,
    log: &LogView,
) -> Result<Option<TreeHead>, MirrorError> {
    let Some(bytes) = folder.log_file("checkpoint", limits::NOTE_BYTES)? else {
        return Ok(None);
    };
    let note = Note::parse(&bytes).map_err(LogViewError::from)?;
    // Its witnesses may be others by now.
    let mirrored = log.policy().without_witnesses().check(&note)?;
    let (kept, newest) = (mirrored.checkpoint(), log.checkpoint().checkpoint());
    if kept.size > newest.size {
        return Err(MirrorError::Backwards {
            mirrored: kept.size,
            shown: newest.size,
        });
    }
    log.check_history(&mirrored).await?;
    Ok(Some(TreeHead {
        size: kept.size,
        root: kept.root,
    }))
}

/// Copies what the folder does not have of the log; what the log says of releases. Nothing of it is shown before
/// the checkpoint is written.
pub(super) async fn copy(
    folder: &MirrorFolder,
    shown: Option<&TreeHead>,
    log: &LogView,
    trust_root: &ConsortiumRoot,
    progress: &Progress,
) -> Result<Known, MirrorError> {
    // 1. what is here; all of it anew when it was changed since it was written
    let kept = shown.map(|head| read_kept(folder, head, trust_root));
    let mut copying = kept.transpose()?.flatten().unwrap_or_default();
    // 2. what is new, each entry found to be what the checkpoint is about
    let newest = log.checkpoint().checkpoint();
    let mut entries = log.entries(copying.tree.size()..newest.size);
    while let Some(bundle) = entries.next_entries().await? {
        progress.moved(0)?;
        let bundle: Vec<Vec<u8>> = bundle.into_iter().map(|entry| entry.bytes).collect();
        copying.take(&bundle, trust_root)?;
        copying.write(folder)?;
    }
    // 3. it comes to what was signed
    let head = (copying.tree.size(), copying.tree.root());
    if head != (newest.size, newest.root) {
        let index = newest.size.saturating_sub(1);
        return Err(LogViewError::Entry { index }.into());
    }
    for tile in copying.tree.edge() {
        folder.put_log_file(&tile.id().to_string(), &tile.to_bytes())?;
    }
    Ok(copying.known)
}

/// The log as far as it is here.
#[derive(Debug, Default)]
struct Copying {
    tree: Tree,
    /// Full tiles that are not written yet.
    tiles: Vec<(String, Vec<u8>)>,
    /// Entries of the last bundle.
    last: Vec<Vec<u8>>,
    known: Known,
}

impl Copying {
    /// The next entries, all of one bundle.
    fn take(
        &mut self,
        entries: &[Vec<u8>],
        trust_root: &ConsortiumRoot,
    ) -> Result<(), MirrorError> {
        for (index, entry) in (self.tree.size()..).zip(entries) {
            self.known.take(trust_root, index, entry)?;
        }
        if self.last.len() == usize::from(FULL_WIDTH) {
            self.last.clear();
        }
        self.last.extend_from_slice(entries);
        let leaves: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let tiles = self.tree.append(&leaves)?.into_iter();
        let full = tiles.filter(|tile| tile.id().is_full());
        self.tiles
            .extend(full.map(|tile| (tile.id().to_string(), tile.to_bytes())));
        Ok(())
    }

    /// Writes the last bundle and the tiles that became full by it.
    fn write(&mut self, folder: &MirrorFolder) -> Result<(), MirrorError> {
        let size = self.tree.size();
        if let Some(id) = BundleId::of_tree(size.saturating_sub(1) / u64::from(FULL_WIDTH), size) {
            let mut bundle = BundleWriter::new();
            for entry in &self.last {
                bundle.push(entry)?;
            }
            folder.put_log_file(&id.to_string(), &bundle.finish())?;
        }
        Ok(self.write_tiles(folder)?)
    }

    fn write_tiles(&mut self, folder: &MirrorFolder) -> Result<(), FileError> {
        for (path, bytes) in self.tiles.drain(..) {
            folder.put_log_file(&path, &bytes)?;
        }
        Ok(())
    }
}

/// Reads what is shown of the log; `None` when it is not all there, or not what it was. Tiles that are gone or were
/// changed are written again once their entries have come to the root that was shown.
fn read_kept(
    folder: &MirrorFolder,
    head: &TreeHead,
    trust_root: &ConsortiumRoot,
) -> Result<Option<Copying>, MirrorError> {
    let kept = entries_of(folder, head, trust_root);
    let is_it = |kept: &Copying| (kept.tree.size(), kept.tree.root()) == (head.size, head.root);
    let Some(mut kept) = kept.filter(is_it) else {
        return Ok(None);
    };
    kept.write_tiles(folder)?;
    Ok(Some(kept))
}

fn entries_of(
    folder: &MirrorFolder,
    head: &TreeHead,
    trust_root: &ConsortiumRoot,
) -> Option<Copying> {
    let mut copying = Copying::default();
    for number in 0..head.size.div_ceil(u64::from(FULL_WIDTH)) {
        let id = BundleId::of_tree(number, head.size)?;
        let bytes = folder.log_file(&id.to_string(), BUNDLE_BYTES).ok()??;
        let entries = parse_bundle(id, &bytes).ok()?;
        let entries: Vec<Vec<u8>> = entries.into_iter().map(<[u8]>::to_vec).collect();
        copying.take(&entries, trust_root).ok()?;
    }
    Some(copying)
}
