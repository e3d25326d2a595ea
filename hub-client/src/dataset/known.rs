//! The labels some images have, when not all need one: for looking at images and for choosing what to
//! label. Training wants more ([`super::LabelledImages`]).

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::labels::{ContentOf, find_images, find_some_images, read_content};
use super::{DatasetError, ImageSet, formats};

/// Where labels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// The first folder of each image's name is its class; an image outside of folders has none.
    Folders,
    /// A file, as [`super::LabelledImages::from_file`] reads it.
    File(PathBuf),
}

impl FromStr for LabelSource {
    type Err = Infallible;

    /// `folders`, or the path of a file; `./folders` is a file of that name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "folders" => Self::Folders,
            path => Self::File(path.into()),
        })
    }
}

/// The label of each image of the set; none for those that have none. A journal names contents: each image is read
/// then.
///
/// # Errors
/// [`DatasetError`] for a file that cannot be read, names images that are not there, or contradicts
/// itself.
pub fn known_labels(
    images: &ImageSet,
    source: &LabelSource,
) -> Result<Vec<Option<String>>, DatasetError> {
    known_labels_by(images, source, &read_content)
}

/// The same, with another way to know contents than to read every image.
///
/// # Errors
/// As [`known_labels`].
pub fn known_labels_by(
    images: &ImageSet,
    source: &LabelSource,
    content: ContentOf<'_>,
) -> Result<Vec<Option<String>>, DatasetError> {
    match source {
        LabelSource::Folders => {
            let class = |name: &str| match name.split_once('/') {
                Some((class, _)) if !class.is_empty() => Some(class.to_owned()),
                _ => None,
            };
            Ok(images
                .images
                .iter()
                .map(|image| class(&image.name))
                .collect())
        }
        LabelSource::File(file) => {
            let lines = formats::read(file)?;
            let (found, _) = find_images(images, (file, &lines), content)?;
            let mut labels = vec![None; images.images.len()];
            for (image, line) in found {
                labels[image] = Some(line.label.clone());
            }
            Ok(labels)
        }
    }
}

/// The labels of a file, as far as their images are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartlyKnown {
    /// The label of each image of the set.
    pub labels: Vec<Option<String>>,
    /// What the file names and is not among the images, with the lines.
    pub unknown: Vec<String>,
}

/// The same from a file that may know more images than there are.
///
/// # Errors
/// [`DatasetError`] for a file that cannot be read or contradicts itself.
pub fn partly_known_labels(
    images: &ImageSet,
    file: &Path,
    content: ContentOf<'_>,
) -> Result<PartlyKnown, DatasetError> {
    let lines = formats::read(file)?;
    let ((found, _), unknown) = find_some_images(images, (file, &lines), content)?;
    let mut labels = vec![None; images.images.len()];
    for (image, line) in found {
        labels[image] = Some(line.label.clone());
    }
    Ok(PartlyKnown { labels, unknown })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use image::RgbImage;

    #[test]
    fn of_a_journal_no_image_is_read_that_is_known() {
        use crate::dataset::{JournalEntry, LabelJournal};
        use registry_schema::digest::Digest;
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "b.png"] {
            RgbImage::new(1, 1).save(folder.path().join(name)).unwrap();
        }
        let images = ImageSet::walk(folder.path()).unwrap();
        let journal = folder.path().join("labels.jsonl");
        let entry = JournalEntry::new(Digest::of(b"known"), "elsewhere.png", Some("bird".into()));
        let mut opened = LabelJournal::open(&journal).unwrap();
        opened
            .set(vec![entry], jiff::Timestamp::UNIX_EPOCH)
            .unwrap();
        drop(opened);
        let source = LabelSource::File(journal);
        assert_eq!(known_labels(&images, &source).unwrap(), [None, None]);
        let known = |index: usize, _: &crate::dataset::ImageFile| {
            Ok(Digest::of([b"other".as_slice(), b"known"][index]))
        };
        let bird = Some("bird".to_owned());
        assert_eq!(
            known_labels_by(&images, &source, &known).unwrap(),
            [None, bird]
        );
    }

    #[test]
    fn some_have_labels_and_some_have_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "cats/b.png", "dogs/c.png"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::new(1, 1).save(path).unwrap();
        }
        let images = ImageSet::walk(folder.path()).unwrap();
        let labels = |source: &str| known_labels(&images, &source.parse().unwrap());
        let [cats, dogs] = ["cats", "dogs"].map(|one| Some(one.to_owned()));
        assert_eq!(labels("folders").unwrap(), [None, cats, dogs]);
        let file = folder.path().join("labels.csv");
        std::fs::write(&file, "path,label\na.png,bird\n").unwrap();
        let bird = Some("bird".to_owned());
        assert_eq!(labels(file.to_str().unwrap()).unwrap(), [bird, None, None]);
        std::fs::write(&file, "path,label\nz.png,bird\n").unwrap();
        assert!(matches!(
            labels(file.to_str().unwrap()),
            Err(DatasetError::UnknownPaths { count: 1, .. })
        ));
    }
}
