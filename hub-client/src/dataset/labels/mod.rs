//! Which class each image belongs to: from the names of folders, or from a file.

mod csv;
mod line;
mod places;
mod warning;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) use self::csv::read_csv;
pub(super) use self::line::{Line, Place};
pub use self::places::ContentOf;
pub(super) use self::places::{find_images, find_some_images, read_content};
pub use self::warning::LabelWarning;
use super::{DatasetError, ImageFile, ImageSet, formats};

/// Longest label, in bytes.
pub const LABEL_BYTES: usize = 200;

/// Images with their classes, at least two classes with at least one image each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImages {
    /// The classes in alphabetical order (by code point).
    pub classes: Vec<String>,
    /// The images in the order of their names.
    pub images: Vec<LabelledImage>,
    /// Images without a label.
    pub unlabelled: Vec<ImageFile>,
    /// What is allowed but worth knowing.
    pub warnings: Vec<LabelWarning>,
}

/// An image and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImage {
    /// The image.
    pub image: ImageFile,
    /// Index of its class in [`LabelledImages::classes`].
    pub class: usize,
}

impl LabelledImages {
    /// The first folder of each image's name is its class: `cats/a.png`, `cats/old/b.png`, `dogs/c.png`.
    ///
    /// # Errors
    /// [`DatasetError::NoImages`], [`DatasetError::NoClassFolders`], [`DatasetError::OneClass`].
    pub fn from_folders(images: ImageSet) -> Result<Self, DatasetError> {
        let images = images.not_empty()?;
        let folder = images.folder.unwrap_or_default();
        let mut labels = Vec::new();
        let mut unlabelled = Vec::new();
        for image in images.images {
            match image.name.split_once('/') {
                Some((class, _)) if !class.is_empty() => labels.push((class.to_owned(), image)),
                _ => unlabelled.push(image),
            }
        }
        if labels.is_empty() {
            return Err(DatasetError::NoClassFolders {
                place: folder.display().to_string(),
            });
        }
        let mut labelled = Self::new(labels, unlabelled)?;
        labelled.warnings.extend(
            empty_folders(&folder, &labelled.classes)
                .into_iter()
                .map(|class| LabelWarning::EmptyFolder { class }),
        );
        if let Some(image) = labelled.unlabelled.first() {
            let (count, example) = (labelled.unlabelled.len(), image.name.clone());
            labelled
                .warnings
                .push(LabelWarning::OutsideFolders { count, example });
        }
        Ok(labelled)
    }

    /// A file of labels gives the classes: CSV (RFC 4180, UTF-8) with the columns `path` and `label`, or
    /// another of [`super::LabelFormat`], or a [`super::LabelJournal`]. Paths are relative to the folder of
    /// the images or to the folder of the file. Other columns are ignored.
    ///
    /// # Errors
    /// [`DatasetError`] names the line or entry: no header, lines that are no CSV or not UTF-8, empty labels
    /// or paths, one image with two labels, paths that are not among the images; fewer than two classes.
    pub fn from_file(images: ImageSet, file: &Path) -> Result<Self, DatasetError> {
        // 1. read the lines
        let images = images.not_empty()?;
        let lines = formats::read(file)?;
        // 2. find the image of each
        let (found, warnings) = find_images(&images, (file, &lines), &read_content)?;
        // 3. put them together
        let mut labels = Vec::new();
        let mut unlabelled = Vec::new();
        for (index, image) in images.images.into_iter().enumerate() {
            match found.get(&index) {
                Some(line) => labels.push((line.label.clone(), image)),
                None => unlabelled.push(image),
            }
        }
        let mut labelled = Self::new(labels, unlabelled)?;
        labelled.warnings.extend(warnings);
        if let Some(image) = labelled.unlabelled.first() {
            let (count, example) = (labelled.unlabelled.len(), image.name.clone());
            labelled
                .warnings
                .push(LabelWarning::NotMentioned { count, example });
        }
        Ok(labelled)
    }

    fn new(
        labels: Vec<(String, ImageFile)>,
        unlabelled: Vec<ImageFile>,
    ) -> Result<Self, DatasetError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (label, _) in &labels {
            *counts.entry(label.clone()).or_default() += 1;
        }
        let classes: Vec<String> = counts.keys().cloned().collect();
        if let [class] = classes.as_slice() {
            return Err(DatasetError::OneClass {
                class: class.clone(),
            });
        }
        let single = counts.into_iter().filter(|(_, count)| *count == 1);
        let warnings = single
            .map(|(class, _)| LabelWarning::OneImage { class })
            .collect();
        let images = labels
            .into_iter()
            .map(|(label, image)| LabelledImage {
                image,
                class: classes.partition_point(|class| *class < label),
            })
            .collect();
        Ok(Self {
            classes,
            images,
            unlabelled,
            warnings,
        })
    }
}

/// Folders that could be classes and hold no image.
fn empty_folders(folder: &Path, classes: &[String]) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let folders = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let empty: BTreeSet<String> = names
        .filter(|name| !name.starts_with('.') && classes.binary_search(name).is_err())
        .collect();
    empty.into_iter().collect()
}

#[cfg(test)]
mod tests;
