//! The labelled images of a head: where they are now, and their features by a release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hub_client::causes::with_causes;
use hub_client::dataset::{ImageFile, ImageSet};
use hub_client::files::{FileError, digest_of_file};
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

/// Images that cannot be read and are named; the rest is counted.
const NAMED: usize = 20;

/// Where images are, by their content.
#[derive(Default)]
pub(in crate::commands) struct Places {
    files: BTreeMap<Digest, ImageFile>,
    /// Images of the folder that were not looked for.
    others: Vec<ImageFile>,
    /// Those that cannot be read: nobody knows which they are.
    unreadable: Vec<(ImageFile, FileError)>,
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
    /// Looks for images below a folder, for all of them when `wanted` is none, and warns of those that
    /// cannot be read. Without a folder nothing is found.
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
            let digest = digest_of_file(&image.path);
            places.add(image, digest, wanted);
        }
        drop(bar);
        for line in places.warnings() {
            context.report().warn(&line);
        }
        Ok(places)
    }

    fn add(
        &mut self,
        image: ImageFile,
        digest: Result<Digest, FileError>,
        wanted: Option<&BTreeSet<Digest>>,
    ) {
        match digest {
            Ok(digest) if wanted.is_none_or(|wanted| wanted.contains(&digest)) => {
                self.files.entry(digest).or_insert(image);
            }
            Ok(_) => self.others.push(image),
            Err(error) => self.unreadable.push((image, error)),
        }
    }

    /// The first that cannot be read, each with the reason, and how many more there are.
    fn warnings(&self) -> impl Iterator<Item = String> {
        let named = self.unreadable.iter().take(NAMED).map(|(image, error)| {
            let name = &image.name;
            format!("{name} is not looked at: {}", with_causes(error))
        });
        let more = self.unreadable.len().saturating_sub(NAMED);
        named.chain((more > 0).then(|| format!("and {more} more that cannot be read")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_cannot_be_read_is_named_with_the_reason() {
        let image = |name: &str| ImageFile {
            name: name.to_owned(),
            path: Path::new("pictures").join(name),
        };
        let (here, elsewhere) = (Digest::of(b"here"), Digest::of(b"elsewhere"));
        let wanted = BTreeSet::from([here]);
        let mut places = Places::default();
        places.add(image("a.png"), Ok(here), Some(&wanted));
        places.add(image("b.png"), Ok(elsewhere), Some(&wanted));
        assert_eq!(places.warnings().count(), 0);
        for index in 0..=NAMED {
            let image = image(&format!("{index}.png"));
            let source = std::io::ErrorKind::PermissionDenied.into();
            let error = FileError::new("cannot read", &image.path, source);
            places.add(image, Err(error), Some(&wanted));
        }
        assert_eq!(places.files(), [image("a.png")]);
        assert_eq!(places.others, [image("b.png")]);
        let warnings: Vec<String> = places.warnings().collect();
        let words = "0.png is not looked at: cannot read `pictures/0.png`";
        assert!(warnings[0].starts_with(words), "{}", warnings[0]);
        assert_eq!(warnings[NAMED], "and 1 more that cannot be read");
    }
}
