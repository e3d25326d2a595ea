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
    #[error("there are no images in {place}{}", skipped_words(*.skipped))]
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
    /// An entry of a JSON file of labels cannot be used.
    #[error("entry {entry} of `{}` {problem}", .file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The entry, counted from 1.
        entry: u64,
        /// What is wrong.
        problem: String,
    },
    /// JSON of no known format.
    #[error("`{}` is in no format of labels that is known", .file.display())]
    UnknownFormat {
        /// The file.
        file: PathBuf,
    },
    /// A journal was expected.
    #[error("`{}` is no journal of labels; it is left as it is", .file.display())]
    NotAJournal {
        /// The file.
        file: PathBuf,
    },
    /// A journal past what can be read.
    #[error("the journal of labels `{}` is longer than {limit_bytes} bytes, or would be: write its labels into another file with `hub labels export` and begin a new one", .file.display())]
    JournalTooLong {
        /// The file.
        file: PathBuf,
        /// How long one may be.
        limit_bytes: u64,
    },
    /// The file of labels is not the one that was opened: what is written now would be lost.
    #[error("`{}` was removed or replaced while it was in use: nothing more is written", .path.display())]
    JournalReplaced {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the journal.
    #[error("`{}` is in use by another program, such as `hub label`", .file.display())]
    JournalInUse {
        /// The journal.
        file: PathBuf,
    },
    /// A file of labels would take a journal's place.
    #[error("`{}` is a journal of labels, which is not written over: name another file", .file.display())]
    OverJournal {
        /// The journal.
        file: PathBuf,
    },
    /// FiftyOne knows images by their names without the ending.
    #[error("`{path}` and another image differ in the ending of their names only, which `{}` could not tell apart", .file.display())]
    OneWithoutEnding {
        /// The file that was to be written.
        file: PathBuf,
        /// One of the images.
        path: String,
    },
    /// A label that would be a strange folder.
    #[error("the label `{label}` cannot be the name of a folder")]
    NoFolderName {
        /// The label.
        label: String,
    },
    /// One image, two labels.
    #[error("`{path}` is labelled `{first}` on {first_place} and `{second}` on {second_place} of `{}`: keep one", .file.display())]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// The image.
        path: String,
        /// One label.
        first: String,
        /// Where, such as `line 3`.
        first_place: String,
        /// The other label.
        second: String,
        /// Where.
        second_place: String,
    },
    /// One content, two labels.
    #[error("`{first}` and `{second}` are the same image and have different labels: correct one")]
    SameImage {
        /// One file.
        first: String,
        /// The other.
        second: String,
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
