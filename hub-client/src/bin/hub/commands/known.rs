//! Images of a folder that need not be read to be known: those that have not changed since they were.
//!
//! *Why for looking only?* A file counts as unchanged by its size and the time of its last change, which
//! whoever writes it may set. What is trained, measured and answered goes by the content alone.

use std::collections::BTreeMap;
use std::path::Path;

use hub_client::dataset::ImageFile;
use hub_client::features::{FeatureCache, FileState, SeenFiles};
use hub_client::files::{FileError, digest_of_file};
use registry_schema::digest::Digest;

use crate::context::Context;
use crate::error::CommandError;

/// Images that are looked up before it is asked whether the user wants to stop.
const BLOCK: usize = 1024;

/// What is known of the files of a folder.
pub(super) struct Known {
    /// None for a run that reads every file.
    seen: Option<SeenFiles>,
    /// Images that lie in the folder, the first of all.
    count: usize,
    /// How the others were before they were read; none for those whose features are at hand.
    read: BTreeMap<usize, Option<FileState>>,
}

impl Known {
    /// Nothing, and nothing is noted.
    pub(super) fn nothing() -> Self {
        Self {
            seen: None,
            count: 0,
            read: BTreeMap::new(),
        }
    }

    /// What the cache knows of a folder, whose images are the first `count` of a run.
    pub(super) fn of_folder(folder: &Path, count: usize, context: &Context) -> Self {
        Self {
            seen: Some(SeenFiles::of_folder(&context.folders().cache, folder)),
            count,
            read: BTreeMap::new(),
        }
    }

    /// The content of an image of the folder: as it was when it was read last, when it has not changed since.
    pub(super) fn content(&self, image: &ImageFile) -> Result<Digest, FileError> {
        let known = self.seen.as_ref().and_then(|seen| seen.digest(image));
        known.map_or_else(|| digest_of_file(&image.path), Ok)
    }

    /// The images whose content is known, and its features too.
    pub(super) fn find(
        &mut self,
        images: &[ImageFile],
        cache: Option<&FeatureCache>,
        context: &Context,
    ) -> Result<BTreeMap<usize, Digest>, CommandError> {
        let mut at_hand = BTreeMap::new();
        let (Some(seen), Some(cache)) = (&self.seen, cache) else {
            return Ok(at_hand);
        };
        for (at, image) in images.iter().enumerate().take(self.count) {
            if at % BLOCK == 0 {
                context.check_interrupt()?;
            }
            let state = FileState::of(&image.path);
            let digest = state.and_then(|state| seen.content(image, state));
            match digest.filter(|digest| cache.get(digest).is_some()) {
                Some(digest) => {
                    at_hand.insert(at, digest);
                }
                None => {
                    self.read.insert(at, state);
                }
            }
        }
        Ok(at_hand)
    }

    /// An image was read.
    pub(super) fn note(&mut self, at: usize, image: &ImageFile, content: Digest) {
        let state = self.read.get(&at).copied().flatten();
        if let (Some(seen), Some(state)) = (&mut self.seen, state) {
            seen.note(image, state, content);
        }
    }

    /// Keeps what is known for the next time; where that cannot be, files are read again.
    pub(super) fn save(&self) {
        if let Some(seen) = self.seen.as_ref().filter(|_| !self.read.is_empty()) {
            let _ = seen.save();
        }
    }
}
