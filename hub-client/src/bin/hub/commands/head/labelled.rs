//! The labelled images of a head: where they are now, and their features by a release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hub_client::dataset::{ImageFile, ImageSet};
use hub_client::files::digest_of_file;
use hub_client::head::{ExtractorRelease, Head};
use ndarray::{Array2, ArrayView2};
use registry_schema::digest::Digest;

use crate::args::RunArgs;
use crate::commands::chosen::Chosen;
use crate::commands::embedding::{Embedder, SkippedView};
use crate::commands::train;
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::Bar;

/// Where images are, by their content.
#[derive(Default)]
pub(in crate::commands) struct Places {
    files: BTreeMap<Digest, ImageFile>,
    /// Images of the folder that were not looked for.
    others: Vec<ImageFile>,
}

/// Features of images by one release.
pub(super) struct Features {
    rows: BTreeMap<Digest, Vec<f32>>,
    /// Of images without a label, one after another.
    unlabelled: Vec<f32>,
    pub(super) dimension: usize,
    /// Images at hand that have none.
    pub(super) skipped: Vec<SkippedView>,
}

impl Places {
    /// Looks for images below a folder, for all of them when `wanted` is none. Without a folder nothing
    /// is found.
    pub(in crate::commands) fn find(
        wanted: Option<&BTreeSet<Digest>>,
        folder: Option<&Path>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let mut places = Self::default();
        let Some(folder) = folder else {
            return Ok(places);
        };
        let images = ImageSet::walk(folder)?.not_empty()?.images;
        let bar = Bar::images(context, images.len());
        for image in images {
            context.check_interrupt()?;
            bar.advance();
            match digest_of_file(&image.path) {
                Ok(digest) if wanted.is_none_or(|wanted| wanted.contains(&digest)) => {
                    places.files.entry(digest).or_insert(image);
                }
                // One that cannot be read is named with the reason if it is to be embedded.
                _ => places.others.push(image),
            }
        }
        Ok(places)
    }

    /// The files of the images that were found, in the order of their digests.
    pub(in crate::commands) fn files(&self) -> Vec<ImageFile> {
        self.files.values().cloned().collect()
    }

    /// The images that were found.
    pub(super) fn found(&self) -> impl Iterator<Item = Digest> {
        self.files.keys().copied()
    }

    /// The path of an image below the folder, when it was found.
    pub(super) fn path(&self, image: &Digest) -> Option<String> {
        self.files.get(image).map(|file| file.name.clone())
    }
}

impl Features {
    /// The features of the images wanted: of those that were found, computed or from the cache, and of
    /// the others what the cache has. With `unlabelled`, also of some images beside them.
    pub(super) fn of(
        chosen: &Chosen,
        wanted: &BTreeSet<Digest>,
        places: &Places,
        unlabelled: bool,
        run: RunArgs,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let mut embedder = Embedder::open(&chosen.installed, run, context)?;
        let mut files = places.files();
        if unlabelled {
            files.extend(train::some_of(&places.others).cloned());
        }
        let mut found = Self {
            rows: BTreeMap::new(),
            unlabelled: Vec::new(),
            dimension: embedder.dimension(),
            skipped: Vec::new(),
        };
        if !files.is_empty() {
            let ran = embedder.run(&files, &[], |index, row| {
                if wanted.contains(&row.sha256) {
                    found.rows.insert(row.sha256, row.features);
                } else if index >= places.files.len() {
                    found.unlabelled.extend_from_slice(&row.features);
                }
                Ok(())
            })?;
            found.skipped = ran.skipped;
        }
        for image in wanted {
            if !found.rows.contains_key(image) {
                let known = embedder.known(image);
                found.rows.extend(known.map(|features| (*image, features)));
            }
        }
        Ok(found)
    }

    /// The images that have features.
    pub(super) fn images(&self) -> BTreeSet<Digest> {
        self.rows.keys().copied().collect()
    }

    /// Whether an image has features.
    pub(super) fn has(&self, image: &Digest) -> bool {
        self.rows.contains_key(image)
    }

    /// The same with the first dimensions only.
    pub(super) fn first(&self, dimension: usize) -> Self {
        let cut = |row: &[f32]| row[..dimension.min(row.len())].to_vec();
        let rows = self.rows.iter().map(|(image, row)| (*image, cut(row)));
        Self {
            rows: rows.collect(),
            unlabelled: self
                .unlabelled
                .chunks(self.dimension.max(1))
                .flat_map(cut)
                .collect(),
            dimension: dimension.min(self.dimension),
            skipped: Vec::new(),
        }
    }

    /// Images and their features as one table, n×D, in the order of the digests.
    pub(super) fn table(&self, keep: &BTreeSet<Digest>) -> (Vec<Digest>, Array2<f32>) {
        let kept = || self.rows.iter().filter(|(image, _)| keep.contains(image));
        let values: Vec<f32> = kept().flat_map(|(_, row)| row.iter().copied()).collect();
        let images: Vec<Digest> = kept().map(|(image, _)| *image).collect();
        (images, train::rows(&values, self.dimension).to_owned())
    }

    /// Those of images without a label, m×D.
    pub(super) fn unlabelled(&self) -> ArrayView2<'_, f32> {
        train::rows(&self.unlabelled, self.dimension)
    }
}

/// Images that one or another release could not use, each once.
pub(super) fn skipped_by<'a>(sides: impl IntoIterator<Item = &'a Features>) -> Vec<SkippedView> {
    let mut all: Vec<SkippedView> = Vec::new();
    for one in sides.into_iter().flat_map(|side| &side.skipped) {
        if !all.iter().any(|known| known.path == one.path) {
            all.push(one.clone());
        }
    }
    all
}

/// The images a head learnt from.
pub(in crate::commands) fn labelled_images(head: &Head) -> BTreeSet<Digest> {
    let labels = head.training().labels.iter();
    labels.map(|(image, _)| *image).collect()
}

/// A release as heads name it.
pub(super) fn release(chosen: &Chosen) -> ExtractorRelease {
    let manifest = chosen.installed.manifest();
    ExtractorRelease {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: chosen.installed.release().statement_digest(),
    }
}

/// How people are shown an image: its path, else the beginning of its digest.
pub(super) fn shown(path: Option<&str>, image: &Digest) -> String {
    match path {
        Some(path) => path.to_owned(),
        None => format!("sha256:{}…", &image.to_hex()[..12]),
    }
}
