//! A head as a Python file that makes a fitted scikit-learn pipeline. The file is a program that does not change, and
//! the head's numbers, safetensors in base64: nothing has to be unpickled, which could run anything.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::safetensors::read_back;
use super::{
    ExportError, ExportMetadata, HeadNumbers, LinearHead, read_safetensors, write_bytes,
    write_safetensors,
};

/// The program, with a place for the numbers.
const PROGRAM: &str = include_str!("estimator.py");

/// The place.
const NUMBERS: &str = "{numbers}";

/// Characters of a line of numbers.
const LINE: usize = 120;

/// Writes a Python file whose `pipeline()` is the head, for scikit-learn 1.2 or newer.
///
/// # Errors
/// [`ExportError`] when the head's parts do not fit together, or writing fails.
pub fn write_sklearn(
    head: &LinearHead<'_>,
    metadata: &ExportMetadata<'_>,
    writer: &mut impl Write,
) -> Result<(), ExportError> {
    let mut bytes = Vec::new();
    write_safetensors(head, metadata, &mut bytes)?;
    let text = STANDARD.encode(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    write_bytes(PROGRAM.replacen(NUMBERS, &lines, 1).as_bytes(), writer)
}

/// Reads the numbers that [`write_sklearn`] wrote, and sees to it that the program around them is ours.
///
/// # Errors
/// [`ExportError::ReadBack`] with what is wrong.
pub fn read_sklearn(bytes: &[u8]) -> Result<HeadNumbers, ExportError> {
    let text = str::from_utf8(bytes).map_err(|_| read_back("it is not text"))?;
    let lines = PROGRAM
        .split_once(NUMBERS)
        .and_then(|(before, after)| text.strip_prefix(before)?.strip_suffix(after))
        .ok_or_else(|| read_back("it is not the program it was"))?;
    let numbers = STANDARD
        .decode(lines.replace('\n', ""))
        .map_err(|error| read_back(&error.to_string()))?;
    read_safetensors(&numbers)
}
