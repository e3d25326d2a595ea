//! Labelled images by their contents, wherever they lie.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hub_client::dataset::DatasetError;
use registry_schema::digest::Digest;

use crate::error::CommandError;

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
