use std::path::PathBuf;

use crate::files::FileError;

/// What can go wrong with images and labels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A folder or file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The folder is a file.
    #[error("`{}` is no folder", .path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A path or pattern on the command line that is nothing.
    #[error("`{argument}` is no file or folder, and no file matches it as a pattern")]
    NothingThere {
        /// The argument.
        argument: String,
    },
    /// A pattern that cannot be read.
    #[error("`{argument}` is no valid pattern: {problem}")]
    Pattern {
        /// The argument.
        argument: String,
        /// What is wrong.
        problem: String,
    },
    /// No image at all.
    #[error("there are no images in `{place}`{}", skipped_words(*.skipped))]
    NoImages {
        /// Where images were looked for.
        place: String,
        /// How many files are no images.
        skipped: usize,
    },
    /// No image lies in a folder of a class.
    #[error(
        "the images lie in `{place}` itself: put those of each class into a folder named after it, or give a CSV file with the columns path and label"
    )]
    NoClassFolders {
        /// The folder.
        place: String,
    },
    /// All images are of one class.
    #[error("all images are labelled `{class}`: at least two classes are needed to tell apart")]
    OneClass {
        /// The class.
        class: String,
    },
    /// The file of labels has no usable header.
    #[error("the first line of `{}` must name the columns `path` and `label`, separated by commas; it is `{found}`", .file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// Its first line.
        found: String,
    },
    /// The file of labels has a header only.
    #[error("`{}` has a header and no labels", .file.display())]
    NoLabels {
        /// The file.
        file: PathBuf,
    },
    /// A line of the file of labels cannot be read.
    #[error("line {line} of `{}` {problem}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// One image, two labels.
    #[error("`{path}` is labelled `{first}` on line {first_line} and `{second}` on line {second_line} of `{}`: keep one", .file.display())]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// The image.
        path: String,
        /// One label.
        first: String,
        /// Its line.
        first_line: u64,
        /// The other label.
        second: String,
        /// Its line.
        second_line: u64,
    },
    /// Labels of images that are not there.
    #[error("`{}` labels {count} {} not among the images: {}", .file.display(), files_words(*.count), listed(.first, *.count))]
    UnknownPaths {
        /// The file.
        file: PathBuf,
        /// How many.
        count: usize,
        /// The first five, with their lines.
        first: Vec<String>,
    },
}

fn skipped_words(skipped: usize) -> String {
    match skipped {
        0 => String::new(),
        1 => " (one file there is no image)".to_owned(),
        _ => format!(" ({skipped} files there are no images)"),
    }
}

fn files_words(count: usize) -> &'static str {
    if count == 1 {
        "file that is"
    } else {
        "files that are"
    }
}

fn listed(first: &[String], count: usize) -> String {
    let more = if count > first.len() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}
