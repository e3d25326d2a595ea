//! The files that a journal is made of: some for each day, none too large.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A file of the journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartFile {
    pub(super) date: Date,
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
}

/// The files of a journal, the oldest first; none when there is no folder.
pub(super) fn parts(folder: &Path) -> io::Result<Vec<PartFile>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut parts = Vec::new();
    for entry in listed {
        let entry = entry?;
        let name = entry.file_name();
        if let Some((date, number)) = name.to_str().and_then(parse_part_name) {
            parts.push(PartFile {
                date,
                number,
                path: entry.path(),
                size_bytes: entry.metadata()?.len(),
            });
        }
    }
    parts.sort_by_key(|part| (part.date, part.number));
    Ok(parts)
}

/// `2026-11-28.0.jsonl`
pub(super) fn part_name(date: Date, number: u32) -> String {
    format!("{date}.{number}.jsonl")
}

fn parse_part_name(name: &str) -> Option<(Date, u32)> {
    let (date, number) = name.strip_suffix(".jsonl")?.split_once('.')?;
    Some((date.parse().ok()?, number.parse().ok()?))
}

/// The day of a moment, in UTC.
pub(super) fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
