//! Which image each line of a file of labels means.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;

use super::{LabelWarning, Line, Place};
use crate::dataset::{DatasetError, ImageFile, ImageSet};
use crate::explore::over_blocks;
use crate::files::{FileError, digest_of_file};

/// Examples shown in a message.
const SHOWN: usize = 5;

/// The line of each image, by the image's place in the set, and what is worth knowing.
pub(in crate::dataset) type Found<'a> = (BTreeMap<usize, &'a Line>, Vec<LabelWarning>);

/// Says what the content of an image is, by its place in the set; read from the file, unless it is known already.
pub type ContentOf<'a> = &'a (dyn Fn(usize, &ImageFile) -> Result<Digest, FileError> + Sync);

/// Reads the file, whatever is known of it.
pub(in crate::dataset) fn read_content(_: usize, image: &ImageFile) -> Result<Digest, FileError> {
    digest_of_file(&image.path)
}

/// Finds the image of each line; all must be there. Contents are only asked for where lines name contents.
pub(in crate::dataset) fn find_images<'a>(
    images: &ImageSet,
    (file, lines): (&Path, &'a [Line]),
    content: ContentOf<'_>,
) -> Result<Found<'a>, DatasetError> {
    let (found, mut unknown) = find_some_images(images, (file, lines), content)?;
    if !unknown.is_empty() {
        let count = unknown.len();
        unknown.truncate(SHOWN);
        return Err(DatasetError::UnknownPaths {
            file: file.to_owned(),
            count,
            first: unknown,
        });
    }
    Ok(found)
}

/// Finds the images of lines, and which lines are of none.
pub(in crate::dataset) fn find_some_images<'a>(
    images: &ImageSet,
    (file, lines): (&Path, &'a [Line]),
    content: ContentOf<'_>,
) -> Result<(Found<'a>, Vec<String>), DatasetError> {
    if lines.iter().any(|line| line.content.is_some()) {
        let found = find_contents(images, lines, content)?;
        return Ok(((found, Vec::new()), Vec::new()));
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
    Ok(((found, warnings), unknown))
}

/// The images whose bytes the lines name. Labels of images that lie elsewhere are nobody's concern here.
fn find_contents<'a>(
    images: &ImageSet,
    lines: &'a [Line],
    content: ContentOf<'_>,
) -> Result<BTreeMap<usize, &'a Line>, DatasetError> {
    let by_content: HashMap<Digest, &Line> = lines
        .iter()
        .filter_map(|line| Some((line.content?, line)))
        .collect();
    let look_at = |found: &mut Vec<(usize, Result<Digest, FileError>)>, index: usize| {
        found.push((index, content(index, &images.images[index])));
    };
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let contents = over_blocks(images.images.len(), threads, Vec::new, look_at);
    let mut contents: Vec<_> = contents.into_iter().flatten().collect();
    // Of several that cannot be read, the first is told.
    contents.sort_unstable_by_key(|(index, _)| *index);
    let mut found = BTreeMap::new();
    for (index, content) in contents {
        if let Some(line) = by_content.get(&content?) {
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
