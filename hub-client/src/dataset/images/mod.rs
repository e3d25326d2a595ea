//! Finding images in folders.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use image::ImageFormat;
use walkdir::WalkDir;

use super::DatasetError;
use crate::files::FileError;

/// Bytes that tell the format of an image.
const SIGNATURE_BYTES: u64 = 64;

/// A file that begins like an image of a format that can be read. Whether it can be decoded to the
/// end is found when it is embedded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageFile {
    /// How people see it: relative to the folder, parts separated by `/`; for a file that was named
    /// directly, the path as given.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Images, in the order of their names, and the files that are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSet {
    /// The folder names are relative to; none when several files or folders were given.
    pub folder: Option<PathBuf>,
    /// The images.
    pub images: Vec<ImageFile>,
    /// Files that were passed over, and why.
    pub skipped: Vec<Skipped>,
}

/// A file that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// It is not an image of a known format, and its name does not say so either.
    NotAnImage,
    /// Its name says it is an image; its contents do not.
    NotWhatItsNameSays,
    /// Its name says it is an image; it has no contents.
    Empty,
    /// Its name is not UTF-8, so no table of features or labels could hold it.
    NameNotUtf8,
    /// A link that leads back to a folder it lies in.
    LinkLoop,
    /// A device, a socket or a pipe.
    NotAFile,
    /// It could not be read.
    Unreadable(String),
}

impl ImageSet {
    /// All images in a folder and the folders in it, links followed. Hidden files and folders (with a
    /// dot in front) are left out without a word.
    ///
    /// # Errors
    /// [`DatasetError::File`] or [`DatasetError::NotAFolder`] when the folder itself cannot be read;
    /// what is wrong further down is in `skipped`.
    pub fn walk(folder: &Path) -> Result<Self, DatasetError> {
        let metadata = folder
            .metadata()
            .map_err(|source| FileError::new("cannot read", folder, source))?;
        if !metadata.is_dir() {
            return Err(DatasetError::NotAFolder {
                path: folder.to_owned(),
            });
        }
        let mut set = Self {
            folder: Some(folder.to_owned()),
            ..Self::default()
        };
        let visible =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
        let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        for entry in entries.into_iter().filter_entry(visible) {
            match entry {
                Err(error) if error.depth() == 0 => {
                    let source = error
                        .into_io_error()
                        .unwrap_or_else(|| io::Error::other("cannot be listed"));
                    return Err(FileError::new("cannot list", folder, source).into());
                }
                Err(error) => set.skip_entry(folder, &error),
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    let name = entry.path().strip_prefix(folder).ok().and_then(slashed);
                    set.add(entry.path(), name);
                }
            }
        }
        set.images.sort();
        Ok(set)
    }

    /// What a list of files, folders and patterns (`scans/*.png`, `**/*.jpg`) names. An image that is
    /// named twice is there once.
    ///
    /// # Errors
    /// [`DatasetError::NothingThere`] for an argument that names nothing, [`DatasetError::Pattern`],
    /// and what [`ImageSet::walk`] refuses.
    pub fn named<P: AsRef<Path>>(arguments: &[P]) -> Result<Self, DatasetError> {
        if let [only] = arguments
            && only.as_ref().is_dir()
        {
            return Self::walk(only.as_ref());
        }
        let mut set = Self::default();
        for argument in arguments {
            set.add_argument(argument.as_ref())?;
        }
        let mut seen = HashSet::new();
        set.images.retain(|image| {
            seen.insert(
                image
                    .path
                    .canonicalize()
                    .unwrap_or_else(|_| image.path.clone()),
            )
        });
        set.images.sort();
        Ok(set)
    }

    /// The images, of which there must be at least one.
    ///
    /// # Errors
    /// [`DatasetError::NoImages`].
    pub fn not_empty(self) -> Result<Self, DatasetError> {
        if !self.images.is_empty() {
            return Ok(self);
        }
        let place = match &self.folder {
            Some(folder) => format!("`{}`", folder.display()),
            None => "the files that were named".to_owned(),
        };
        Err(DatasetError::NoImages {
            place,
            skipped: self.skipped.len(),
        })
    }

    fn add_argument(&mut self, argument: &Path) -> Result<(), DatasetError> {
        if argument.is_dir() {
            let inside = Self::walk(argument)?;
            self.skipped.extend(inside.skipped);
            for image in inside.images {
                self.add(&image.path, slashed(&image.path));
            }
            return Ok(());
        }
        if argument.exists() {
            self.add(argument, argument.to_str().map(str::to_owned));
            return Ok(());
        }
        let text = argument.to_string_lossy().into_owned();
        let matches = glob::glob(&text).map_err(|error| DatasetError::Pattern {
            argument: text.clone(),
            problem: error.msg.to_owned(),
        })?;
        let mut found = false;
        for path in matches
            .filter_map(Result::ok)
            .filter(|path| !path.file_name().is_some_and(is_hidden))
        {
            found = true;
            self.add_argument(&path)?;
        }
        if found {
            Ok(())
        } else {
            Err(DatasetError::NothingThere { argument: text })
        }
    }

    fn add(&mut self, path: &Path, name: Option<String>) {
        match (name, reason_to_skip(path)) {
            (Some(name), None) => self.images.push(ImageFile {
                name,
                path: path.to_owned(),
            }),
            (None, None) => self.skip(path, SkipReason::NameNotUtf8),
            (_, Some(reason)) => self.skip(path, reason),
        }
    }

    fn skip_entry(&mut self, folder: &Path, error: &walkdir::Error) {
        let reason = if error.loop_ancestor().is_some() {
            SkipReason::LinkLoop
        } else {
            let problem = error
                .io_error()
                .map_or_else(|| error.to_string(), ToString::to_string);
            SkipReason::Unreadable(problem)
        };
        self.skip(error.path().unwrap_or(folder), reason);
    }

    fn skip(&mut self, path: &Path, reason: SkipReason) {
        self.skipped.push(Skipped {
            path: path.to_owned(),
            reason,
        });
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => {
                f.write_str("not an image of a known format (PNG, JPEG, WebP, TIFF, GIF, BMP)")
            }
            Self::NotWhatItsNameSays => {
                f.write_str("named like an image, but its contents are something else")
            }
            Self::Empty => f.write_str("the file is empty"),
            Self::NameNotUtf8 => f.write_str("its name is not valid UTF-8: rename it"),
            Self::LinkLoop => f.write_str("a link that leads back to a folder it lies in"),
            Self::NotAFile => f.write_str("a device, socket or pipe, not a file"),
            Self::Unreadable(problem) => write!(f, "cannot be read: {problem}"),
        }
    }
}

/// Looks at the first bytes.
fn reason_to_skip(path: &Path) -> Option<SkipReason> {
    let unreadable = |error: &io::Error| Some(SkipReason::Unreadable(error.to_string()));
    // Opening a pipe would wait for somebody to write into it, so ask first.
    match path.metadata() {
        Err(error) => return unreadable(&error),
        Ok(metadata) if !metadata.is_file() => return Some(SkipReason::NotAFile),
        Ok(_) => {}
    }
    let mut signature = Vec::new();
    let claims_to_be = is_readable(ImageFormat::from_path(path).ok());
    match File::open(path).and_then(|file| file.take(SIGNATURE_BYTES).read_to_end(&mut signature)) {
        Err(error) => unreadable(&error),
        Ok(_) if is_readable(image::guess_format(&signature).ok()) => None,
        Ok(0) if claims_to_be => Some(SkipReason::Empty),
        Ok(_) if claims_to_be => Some(SkipReason::NotWhatItsNameSays),
        Ok(_) => Some(SkipReason::NotAnImage),
    }
}

fn is_readable(format: Option<ImageFormat>) -> bool {
    format.is_some_and(|format| format.reading_enabled())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// A path as text with `/` between its parts; `None` when it is not UTF-8.
fn slashed(path: &Path) -> Option<String> {
    if cfg!(windows) {
        path.to_str().map(|text| text.replace('\\', "/"))
    } else {
        path.to_str().map(str::to_owned)
    }
}

#[cfg(test)]
pub(super) mod tests;
