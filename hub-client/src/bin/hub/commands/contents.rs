//! Labelled images: what is in the folder, then each content once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use std::path::{Path, PathBuf};

use hub_client::dataset::{DatasetError, ImageFile, ImageSet, LabelledImages, Skipped};
use registry_schema::digest::Digest;

use crate::context::Context;
use crate::error::CommandError;

/// The images of a folder and their labels, from a file or the names of folders.
pub(super) struct Labelled {
    pub(super) images: LabelledImages,
    /// What is no image.
    pub(super) skipped: Vec<Skipped>,
    /// What is odd about the labels.
    pub(super) warnings: Vec<String>,
}

impl Labelled {
    /// Reads the labels, not the images, and warns of what is odd.
    pub(super) fn read(
        folder: &Path,
        labels: Option<&PathBuf>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let images = ImageSet::walk(folder)?;
        let skipped = images.skipped.clone();
        let images = match labels {
            Some(file) => LabelledImages::from_file(images, file)?,
            None => LabelledImages::from_folders(images)?,
        };
        let warnings: Vec<String> = images.warnings.iter().map(ToString::to_string).collect();
        for warning in &warnings {
            context.report().warn(warning);
        }
        Ok(Self {
            images,
            skipped,
            warnings,
        })
    }

    /// The files of the labelled images.
    pub(super) fn files(&self) -> Vec<ImageFile> {
        let images = self.images.images.iter();
        images.map(|one| one.image.clone()).collect()
    }
}

/// The first image of each content.
#[derive(Default)]
pub(super) struct Contents(BTreeMap<Digest, Seen>);

/// One image.
struct Seen {
    row: usize,
    class: usize,
    name: String,
}

impl Contents {
    /// Takes an image as the next row, and says whether its content is new. Refuses the same content with
    /// another label, and names both files.
    pub(super) fn add(
        &mut self,
        image: Digest,
        (row, class): (usize, usize),
        name: &str,
    ) -> Result<bool, CommandError> {
        match self.0.entry(image) {
            Entry::Vacant(entry) => {
                let name = name.to_owned();
                entry.insert(Seen { row, class, name });
                Ok(true)
            }
            Entry::Occupied(first) if first.get().class != class => {
                Err(CommandError::Dataset(DatasetError::SameImage {
                    first: first.get().name.clone(),
                    second: name.to_owned(),
                }))
            }
            Entry::Occupied(_) => Ok(false),
        }
    }

    /// The row of each content.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Digest, usize)> {
        self.0.iter().map(|(image, seen)| (*image, seen.row))
    }

    /// The row of an image that was taken.
    pub(super) fn row(&self, image: &Digest) -> Option<usize> {
        self.0.get(image).map(|seen| seen.row)
    }
}
