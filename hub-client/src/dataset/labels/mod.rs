//! Which class each image belongs to: from the names of folders, or from a file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use registry_schema::digest::Digest;

use super::{DatasetError, ImageFile, ImageSet, formats};
use crate::files::{FileError, digest_of_file};

/// Longest label, in bytes.
pub const LABEL_BYTES: usize = 200;

/// Examples shown in a message.
const SHOWN: usize = 5;

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

/// Something that is allowed but worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelWarning {
    /// A class has a single image, so nothing of it can be held out to measure a head.
    OneImage {
        /// The class.
        class: String,
    },
    /// A folder of a class holds no image.
    EmptyFolder {
        /// The class.
        class: String,
    },
    /// Images lie beside the folders of the classes and are left out.
    OutsideFolders {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// Images are not mentioned in the file of labels and are left out.
    NotMentioned {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
    /// An image is there twice with the same label.
    Repeated {
        /// The image as written the second time.
        path: String,
        /// The lines.
        lines: [u64; 2],
    },
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
        let (found, warnings) = find_images(&images, file, &lines)?;
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

impl fmt::Display for LabelWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = |count: &usize| if *count == 1 { "image" } else { "images" };
        match self {
            Self::OneImage { class } => {
                write!(
                    f,
                    "`{class}` has one image: with a second one, how good the head is can be measured"
                )
            }
            Self::EmptyFolder { class } => {
                write!(f, "the folder `{class}` holds no image and is no class")
            }
            Self::OutsideFolders { count, example } => {
                write!(
                    f,
                    "{count} {} outside the folders of the classes left out, such as `{example}`",
                    images(count)
                )
            }
            Self::NotMentioned { count, example } => {
                write!(
                    f,
                    "{count} {} without a label left out, such as `{example}`",
                    images(count)
                )
            }
            Self::Repeated {
                path,
                lines: [first, second],
            } => {
                write!(
                    f,
                    "`{path}` is there twice with the same label, on lines {first} and {second}"
                )
            }
        }
    }
}

/// Where in a file something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On a line, counted from 1.
    Line(u64),
    /// In an entry of a list, counted from 1.
    Entry(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(number) => write!(f, "entry {number}"),
        }
    }
}

/// What a file of labels says of one image.
#[derive(Debug)]
pub(super) struct Line {
    place: Place,
    path: String,
    pub(super) label: String,
    /// Whether the path lacks the ending of the file's name.
    is_without_ending: bool,
    /// The image's content, when the file knows images by it.
    content: Option<Digest>,
}

impl Line {
    /// Checks what the file says.
    pub(super) fn new(
        file: &Path,
        place: Place,
        path: String,
        label: &str,
    ) -> Result<Self, DatasetError> {
        let label = label.trim();
        let problem = if path.trim().is_empty() {
            "has no path"
        } else if label.is_empty() {
            "has no label: leave it out if the image has none"
        } else if label.len() > LABEL_BYTES {
            "has a label longer than 200 bytes"
        } else if label.chars().any(char::is_control) {
            "has a label with a line break or control character"
        } else {
            return Ok(Self {
                place,
                path,
                label: label.to_owned(),
                is_without_ending: false,
                content: None,
            });
        };
        let (file, problem) = (file.to_owned(), problem.to_owned());
        Err(match place {
            Place::Line(line) => DatasetError::Line {
                file,
                line,
                problem,
            },
            Place::Entry(entry) => DatasetError::Entry {
                file,
                entry,
                problem,
            },
        })
    }

    /// The path lacks the ending of the file's name.
    pub(super) fn without_ending(self) -> Self {
        Self {
            is_without_ending: true,
            ..self
        }
    }

    /// The image is known by its content; where it lies does not matter.
    pub(super) fn of_content(self, content: Digest) -> Self {
        Self {
            content: Some(content),
            ..self
        }
    }
}

/// The line of each image, by the image's place in the set, and what is worth knowing.
type Found<'a> = (BTreeMap<usize, &'a Line>, Vec<LabelWarning>);

/// Finds the image of each line.
pub(super) fn find_images<'a>(
    images: &ImageSet,
    file: &Path,
    lines: &'a [Line],
) -> Result<Found<'a>, DatasetError> {
    if lines.iter().any(|line| line.content.is_some()) {
        return Ok((find_contents(images, lines)?, Vec::new()));
    }
    let places = Places::new(images, file, lines);
    let mut found: BTreeMap<usize, &Line> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut warnings = Vec::new();
    for line in lines {
        let Some(image) = places.find(line) else {
            unknown.push(format!("`{}` ({})", line.path, line.place));
            continue;
        };
        match found.insert(image, line) {
            Some(first) if first.label != line.label => {
                return Err(contradiction(file, first, line));
            }
            Some(first) => {
                // Other programs repeat a label for each box they drew.
                if let (Place::Line(first), Place::Line(second)) = (first.place, line.place) {
                    warnings.push(LabelWarning::Repeated {
                        path: line.path.clone(),
                        lines: [first, second],
                    });
                }
            }
            None => {}
        }
    }
    if !unknown.is_empty() {
        let count = unknown.len();
        unknown.truncate(SHOWN);
        return Err(DatasetError::UnknownPaths {
            file: file.to_owned(),
            count,
            first: unknown,
        });
    }
    Ok((found, warnings))
}

/// The images whose bytes the lines name. Labels of images that lie elsewhere are nobody's concern here.
fn find_contents<'a>(
    images: &ImageSet,
    lines: &'a [Line],
) -> Result<BTreeMap<usize, &'a Line>, DatasetError> {
    let by_content: HashMap<Digest, &Line> = lines
        .iter()
        .filter_map(|line| Some((line.content?, line)))
        .collect();
    let mut found = BTreeMap::new();
    for (index, image) in images.images.iter().enumerate() {
        let content = digest_of_file(&image.path)?;
        if let Some(line) = by_content.get(&content) {
            found.insert(index, *line);
        }
    }
    Ok(found)
}

/// The images by the places they lie in.
struct Places {
    by_path: HashMap<PathBuf, usize>,
    /// By paths without the ending of the file's name, where that is how they are written; none for
    /// several images.
    by_stem: HashMap<PathBuf, Option<usize>>,
    folders: Vec<PathBuf>,
}

impl Places {
    fn new(images: &ImageSet, file: &Path, lines: &[Line]) -> Self {
        let mut by_path = HashMap::new();
        let mut by_stem = HashMap::new();
        let wants_stems = lines.iter().any(|line| line.is_without_ending);
        for (index, image) in images.images.iter().enumerate() {
            // As it is written first: a link and its target are two images with one content.
            by_path.insert(image.path.components().collect(), index);
            if let Ok(canonical) = image.path.canonicalize() {
                by_path.entry(canonical).or_insert(index);
            }
            if wants_stems {
                let plain: PathBuf = image.path.components().collect();
                by_stem
                    .entry(plain.with_extension(""))
                    .and_modify(|other| *other = None)
                    .or_insert(Some(index));
            }
        }
        let beside = file.parent().unwrap_or(Path::new("")).to_owned();
        Self {
            by_path,
            by_stem,
            folders: images.folder.iter().cloned().chain([beside]).collect(),
        }
    }

    fn find(&self, line: &Line) -> Option<usize> {
        let candidates = self.folders.iter().map(|folder| folder.join(&line.path));
        candidates.into_iter().find_map(|candidate| {
            let plain: PathBuf = candidate.components().collect();
            if line.is_without_ending
                && let Some(Some(index)) = self.by_stem.get(&plain)
            {
                return Some(*index);
            }
            self.by_path
                .get(&plain)
                .or_else(|| self.by_path.get(&candidate.canonicalize().ok()?))
                .copied()
        })
    }
}

/// The lines of a CSV file.
pub(super) fn read_csv(file: &Path) -> Result<Vec<Line>, DatasetError> {
    let opened = File::open(file).map_err(|source| FileError::new("cannot open", file, source))?;
    let mut reader = csv::ReaderBuilder::new().from_reader(BufReader::new(opened));
    let header = reader
        .headers()
        .map_err(|error| line_error(file, 1, error))?
        .clone();
    let named = |name: &str| {
        header
            .iter()
            .position(|column| column.trim_start_matches('\u{feff}').trim() == name)
    };
    let (Some(path_column), Some(label_column)) = (named("path"), named("label")) else {
        let found = header
            .iter()
            .collect::<Vec<_>>()
            .join(",")
            .chars()
            .take(100)
            .collect();
        return Err(DatasetError::Header {
            file: file.to_owned(),
            found,
        });
    };
    let mut lines = Vec::new();
    let mut row = StringRecord::new();
    loop {
        let next_line = reader.position().line();
        match reader.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(line_error(file, next_line, error)),
        }
        let number = row.position().map_or(next_line, csv::Position::line);
        let path = row.get(path_column).unwrap_or_default().to_owned();
        let label = row.get(label_column).unwrap_or_default();
        lines.push(Line::new(file, Place::Line(number), path, label)?);
    }
    if lines.is_empty() {
        return Err(DatasetError::NoLabels {
            file: file.to_owned(),
        });
    }
    Ok(lines)
}

fn line_error(file: &Path, next_line: u64, error: csv::Error) -> DatasetError {
    let line = error.position().map_or(next_line, csv::Position::line);
    let problem = match error.into_kind() {
        csv::ErrorKind::Io(source) => return FileError::new("cannot read", file, source).into(),
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8: save the file as UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!(
                "has {len} columns and the header {expected_len}: put a path with a comma in double quotes"
            )
        }
        _ => "is no valid CSV".to_owned(),
    };
    DatasetError::Line {
        file: file.to_owned(),
        line,
        problem,
    }
}

fn contradiction(file: &Path, first: &Line, second: &Line) -> DatasetError {
    DatasetError::Contradiction {
        file: file.to_owned(),
        path: second.path.clone(),
        first: first.label.clone(),
        first_place: first.place.to_string(),
        second: second.label.clone(),
        second_place: second.place.to_string(),
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
