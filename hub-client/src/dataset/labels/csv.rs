//! Files of labels as CSV.

use std::path::Path;

use csv::{Position, StringRecord};

use super::{Line, Place};
use crate::dataset::DatasetError;
use crate::files::FileError;

/// The lines of a CSV file, of which this is the content.
pub(in crate::dataset) fn read_csv(file: &Path, bytes: &[u8]) -> Result<Vec<Line>, DatasetError> {
    let mut numbers = LineNumbers::new(bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
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
        let number = numbers.of(reader.position());
        match reader.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(line_error(file, number, error)),
        }
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

/// Which line a record begins on. The parser's own count is one behind where lines end with CR LF: it
/// leaves the LF to the next record.
struct LineNumbers<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> LineNumbers<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
        }
    }

    /// Of the record that follows a position; positions only grow.
    fn of(&mut self, position: &Position) -> u64 {
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let left = self.bytes.get(start..).unwrap_or_default();
        let ends = left.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = start.saturating_add(ends.count());
        let passed = self.bytes.get(self.at..start).unwrap_or_default();
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.at = self.at.max(start);
        self.line
    }
}

fn line_error(file: &Path, line: u64, error: csv::Error) -> DatasetError {
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
