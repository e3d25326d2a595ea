//! Files of labels as CSV.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use csv::StringRecord;

use super::{Line, Place};
use crate::dataset::DatasetError;
use crate::files::FileError;

/// The lines of a CSV file.
pub(in crate::dataset) fn read_csv(file: &Path) -> Result<Vec<Line>, DatasetError> {
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
