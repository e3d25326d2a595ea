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
    /// It has no contents.
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
        let metadata = folder.metadata().map_err(|source| FileError::new("cannot read", folder, source))?;
        if !metadata.is_dir() {
            return Err(DatasetError::NotAFolder { path: folder.to_owned() });
        }
        let mut set = Self { folder: Some(folder.to_owned()), ..Self::default() };
        let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
        let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        for entry in entries.into_iter().filter_entry(visible) {
            match entry {
                Err(error) if error.depth() == 0 => {
                    let source = error.into_io_error().unwrap_or_else(|| io::Error::other("cannot be listed"));
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
        set.images.retain(|image| seen.insert(image.path.canonicalize().unwrap_or_else(|_| image.path.clone())));
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
        let place = self.folder.as_deref().map_or("the files that were named".into(), Path::to_string_lossy);
        Err(DatasetError::NoImages { place: place.into_owned(), skipped: self.skipped.len() })
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
        for path in matches.filter_map(Result::ok).filter(|path| !path.file_name().is_some_and(is_hidden)) {
            found = true;
            self.add_argument(&path)?;
        }
        if found { Ok(()) } else { Err(DatasetError::NothingThere { argument: text }) }
    }

    fn add(&mut self, path: &Path, name: Option<String>) {
        match (name, reason_to_skip(path)) {
            (Some(name), None) => self.images.push(ImageFile { name, path: path.to_owned() }),
            (None, None) => self.skip(path, SkipReason::NameNotUtf8),
            (_, Some(reason)) => self.skip(path, reason),
        }
    }

    fn skip_entry(&mut self, folder: &Path, error: &walkdir::Error) {
        let reason = if error.loop_ancestor().is_some() {
            SkipReason::LinkLoop
        } else {
            let problem = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
            SkipReason::Unreadable(problem)
        };
        self.skip(error.path().unwrap_or(folder), reason);
    }

    fn skip(&mut self, path: &Path, reason: SkipReason) {
        self.skipped.push(Skipped { path: path.to_owned(), reason });
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => f.write_str("not an image of a known format (PNG, JPEG, WebP, TIFF, GIF, BMP)"),
            Self::NotWhatItsNameSays => f.write_str("named like an image, but its contents are something else"),
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
    match File::open(path).and_then(|file| file.take(SIGNATURE_BYTES).read_to_end(&mut signature)) {
        Err(error) => unreadable(&error),
        Ok(0) => Some(SkipReason::Empty),
        Ok(_) if is_readable(image::guess_format(&signature).ok()) => None,
        Ok(_) if is_readable(ImageFormat::from_path(path).ok()) => Some(SkipReason::NotWhatItsNameSays),
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
    if cfg!(windows) { path.to_str().map(|text| text.replace('\\', "/")) } else { path.to_str().map(str::to_owned) }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fs;

    /// The first bytes of a PNG.
    pub(in crate::dataset) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    /// A folder with files of given contents.
    pub(in crate::dataset) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        folder
    }

    fn names(set: &ImageSet) -> Vec<&str> {
        set.images.iter().map(|image| image.name.as_str()).collect()
    }

    fn reasons(set: &ImageSet) -> Vec<(String, SkipReason)> {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        set.skipped.iter().map(|skipped| (name(&skipped.path), skipped.reason.clone())).collect()
    }

    #[test]
    fn images_are_found_in_order_and_the_rest_is_told() {
        let folder = folder(&[
            ("b/2.png", PNG),
            ("b/10.JPG", b"\xff\xd8\xff\xe0rest"),
            ("a/deep/er/é 🐟.png", PNG),
            ("a-file.png", PNG),
            ("no-extension", PNG),
            ("wrong.jpg", PNG),
            (".hidden.png", PNG),
            (".git/objects.png", PNG),
            ("notes.txt", b"notes"),
            ("fake.png", b"<html>"),
            ("none.png", b""),
        ]);
        let set = ImageSet::walk(folder.path()).unwrap();
        let expected = ["a-file.png", "a/deep/er/é 🐟.png", "b/10.JPG", "b/2.png", "no-extension", "wrong.jpg"];
        assert_eq!(names(&set), expected);
        assert!(set.images.iter().all(|image| image.path == folder.path().join(&image.name)));
        let expected = [
            ("fake.png".to_owned(), SkipReason::NotWhatItsNameSays),
            ("none.png".to_owned(), SkipReason::Empty),
            ("notes.txt".to_owned(), SkipReason::NotAnImage),
        ];
        assert_eq!(reasons(&set), expected);
    }

    #[test]
    fn an_empty_folder_says_so() {
        let empty = folder(&[("notes.txt", b"x")]);
        let error = ImageSet::walk(empty.path()).unwrap().not_empty().unwrap_err();
        assert!(error.to_string().starts_with("there are no images in `"), "{error}");
        assert!(error.to_string().ends_with("(one file there is no image)"), "{error}");
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let folder = folder(&[("1.png", PNG)]);
        let file = folder.path().join("1.png");
        assert!(matches!(ImageSet::walk(&file), Err(DatasetError::NotAFolder { .. })));
        assert!(matches!(ImageSet::walk(&folder.path().join("gone")), Err(DatasetError::File(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_end() {
        use std::os::unix::fs::symlink;
        let other = folder(&[("far.png", PNG)]);
        let folder = folder(&[("a/1.png", PNG)]);
        symlink(folder.path(), folder.path().join("a/up")).unwrap();
        symlink(other.path(), folder.path().join("b")).unwrap();
        symlink("nowhere", folder.path().join("broken.png")).unwrap();
        let set = ImageSet::walk(folder.path()).unwrap();
        assert_eq!(names(&set), ["a/1.png", "b/far.png"]);
        let reasons = reasons(&set);
        assert_eq!(reasons[0], ("up".to_owned(), SkipReason::LinkLoop));
        assert!(matches!(&reasons[1], (name, SkipReason::Unreadable(_)) if name == "broken.png"));
    }

    #[cfg(unix)]
    #[test]
    fn sockets_are_not_waited_for() {
        let folder = folder(&[("1.png", PNG)]);
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("pipe.png")).unwrap();
        let set = ImageSet::walk(folder.path()).unwrap();
        assert_eq!(reasons(&set), [("pipe.png".to_owned(), SkipReason::NotAFile)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf8_are_told() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = folder(&[("1.png", PNG)]);
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff.png")), PNG).unwrap();
        let set = ImageSet::walk(folder.path()).unwrap();
        assert_eq!((names(&set), reasons(&set)[0].1.clone()), (vec!["1.png"], SkipReason::NameNotUtf8));
    }

    #[test]
    fn arguments_may_be_files_folders_and_patterns() {
        let folder = folder(&[("x/1.png", PNG), ("x/2.png", PNG), ("x/3.txt", b"x"), ("y/4.png", PNG), ("[5].png", PNG)]);
        let at = |name: &str| folder.path().join(name);
        let set = ImageSet::named(&[at("x/*.png"), at("y"), at("x/1.png"), at("[5].png")]).unwrap();
        let expected: Vec<PathBuf> = ["[5].png", "x/1.png", "x/2.png", "y/4.png"].map(at).to_vec();
        assert_eq!(set.images.iter().map(|image| image.path.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(set.folder, None);
        let set = ImageSet::named(&[at("x/3.txt")]).unwrap();
        assert_eq!(reasons(&set), [("3.txt".to_owned(), SkipReason::NotAnImage)], "named directly, told all the same");
        assert_eq!(ImageSet::named(&[at("x")]).unwrap(), ImageSet::walk(&at("x")).unwrap());
    }

    #[test]
    fn arguments_that_name_nothing_are_refused() {
        let folder = folder(&[("1.png", PNG)]);
        for (argument, expected) in [("gone.png", "is no file or folder"), ("*.gif", "matches"), ("a***b", "valid pattern")] {
            let error = ImageSet::named(&[folder.path().join(argument)]).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
