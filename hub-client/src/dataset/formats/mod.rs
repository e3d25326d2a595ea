//! Files of labels, as this and other programs write them.
//!
//! | format | file | read | written |
//! |---|---|---|---|
//! | CSV (RFC 4180) | header with `path` and `label` | yes | yes |
//! | JSON lines | `{"path": …, "label": …}`; `file_name` for `path` is understood | yes | yes |
//! | COCO | `images`, `annotations`, `categories`, one category an image | yes | yes |
//! | FiftyOne | `labels.json` of `FiftyOneImageClassificationDataset`; `samples.json` of `FiftyOneDataset` with one `Classification` a sample | yes | the first |
//! | Label Studio | JSON export with `choices`, or JSON-MIN with `choice` | yes | the first |
//! | journal of this program | see [`super::LabelJournal`] | yes | by `hub labels` |
//!
//! What a file is, its content says, not its name.

mod json;
mod label_studio;
mod write;

use std::path::Path;

pub use self::write::{LabelFormat, Labelled, write_folders, write_labels};

use super::DatasetError;
use super::journal;
use super::labels::{Line, read_csv};
use crate::files;

/// Largest file of labels: some ten million images.
pub const LABEL_FILE_BYTES: u64 = 1 << 30;

/// The lines of a file of labels, whatever its format.
pub(super) fn read(file: &Path) -> Result<Vec<Line>, DatasetError> {
    // Once: a pipe gives what it has no second time.
    let bytes = files::read_limited(file, LABEL_FILE_BYTES)?;
    // Some programs begin a text with U+FEFF.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(first, Some(b'{' | b'[')) {
        return read_csv(file, text);
    }
    if journal::is_journal(text) {
        return journal::lines(file, text);
    }
    let lines = match serde_json::from_slice(text) {
        Ok(value) => json::read_value(file, &value)?,
        Err(error) => json::read_lines(file, text, &error)?,
    };
    if lines.is_empty() {
        return Err(DatasetError::NoLabels {
            file: file.to_owned(),
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests;
