//! What a file of labels says of one image.

use std::fmt;
use std::path::Path;

use registry_schema::digest::Digest;

use super::LABEL_BYTES;
use crate::dataset::DatasetError;

/// Where in a file something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum Place {
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
pub(in crate::dataset) struct Line {
    pub(super) place: Place,
    pub(super) path: String,
    pub(in crate::dataset) label: String,
    /// Whether the path lacks the ending of the file's name.
    pub(super) is_without_ending: bool,
    /// The image's content, when the file knows images by it.
    pub(super) content: Option<Digest>,
}

impl Line {
    /// Checks what the file says.
    pub(in crate::dataset) fn new(
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
    pub(in crate::dataset) fn without_ending(self) -> Self {
        Self {
            is_without_ending: true,
            ..self
        }
    }

    /// The image is known by its content; where it lies does not matter.
    pub(in crate::dataset) fn of_content(self, content: Digest) -> Self {
        Self {
            content: Some(content),
            ..self
        }
    }
}
