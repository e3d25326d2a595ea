//! Reading the access journal for people and their programs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Entry;
use super::parts::{day_of, parts};
use crate::config::{DataFolder, JournalFormat};

/// Most bytes of a line; a longer one was written by nobody here.
const LINE_BYTES: u64 = 64 << 10;

/// What is to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The first moment.
    pub(crate) from: Option<Timestamp>,
    /// The moment before which it ends.
    pub(crate) to: Option<Timestamp>,
    /// What one member did.
    pub(crate) member: Option<String>,
    /// As a table instead of JSON lines.
    pub(crate) is_table: bool,
}

impl Wanted {
    pub(crate) fn format(mut self, format: JournalFormat) -> Self {
        self.is_table = format == JournalFormat::Csv;
        self
    }

    fn includes(&self, entry: &Entry) -> bool {
        self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
            && self
                .member
                .as_ref()
                .is_none_or(|member| entry.member.as_ref() == Some(member))
    }
}

/// Writes the entries that are wanted; how many lines could not be read, as the last one after a power cut.
///
/// # Errors
/// [`ExportError`].
pub(crate) fn export(
    data: &DataFolder,
    wanted: &Wanted,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let folder = data.journal();
    let parts = parts(&folder).map_err(|source| unreadable(&folder, source))?;
    let mut out = match wanted.is_table {
        true => Out::Table(Box::new(csv::Writer::from_writer(out))),
        false => Out::Lines(out),
    };
    if let Out::Table(table) = &mut out {
        table.write_record(COLUMNS)?;
    }
    let mut line = Vec::new();
    let mut unread = 0;
    for part in parts {
        let is_before = wanted.from.is_some_and(|from| part.date < day_of(from));
        if is_before || wanted.to.is_some_and(|to| part.date > day_of(to)) {
            continue;
        }
        let file = File::open(&part.path).map_err(|source| unreadable(&part.path, source))?;
        let mut file = BufReader::new(file);
        loop {
            line.clear();
            let limited = &mut io::Read::take(&mut file, LINE_BYTES);
            let length = limited.read_until(b'\n', &mut line);
            if length.map_err(|source| unreadable(&part.path, source))? == 0 {
                break;
            }
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) if wanted.includes(&entry) => out.write(&entry)?,
                Ok(_) => {}
                Err(_) => unread += 1,
            }
        }
    }
    if let Out::Table(table) = &mut out {
        table.flush().map_err(ExportError::Write)?;
    }
    Ok(unread)
}

fn unreadable(path: &Path, source: io::Error) -> ExportError {
    ExportError::Read {
        path: path.to_owned(),
        source,
    }
}

/// In which form it is written.
enum Out<W: Write> {
    Lines(W),
    Table(Box<csv::Writer<W>>),
}

impl<W: Write> Out<W> {
    fn write(&mut self, entry: &Entry) -> Result<(), ExportError> {
        match self {
            Self::Table(table) => Ok(table.write_record(row(entry))?),
            Self::Lines(out) => write_line(out, entry),
        }
    }
}

const COLUMNS: [&str; 10] = [
    "at",
    "member",
    "token",
    "action",
    "outcome",
    "name",
    "version",
    "file",
    "address",
    "request_id",
];

fn row(entry: &Entry) -> [String; 10] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        entry.at.to_string(),
        text(&entry.member),
        text(&entry.token),
        entry.action.clone(),
        entry.outcome.clone(),
        text(&entry.name),
        text(&entry.version),
        text(&entry.file),
        text(&entry.address),
        entry.request_id.clone(),
    ]
}

fn write_line(out: &mut impl Write, entry: &Entry) -> Result<(), ExportError> {
    let line = serde_json::to_string(entry).map_err(io::Error::other);
    line.and_then(|line| writeln!(out, "{line}"))
        .map_err(ExportError::Write)
}

/// Why the journal cannot be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// A file of it.
    #[error("cannot read `{path}` of the access journal")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Where it goes.
    #[error("cannot write the access journal")]
    Write(io::Error),
    /// Where it goes, as a table.
    #[error("cannot write the access journal")]
    Table(#[from] csv::Error),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use super::*;

    fn exported(data: &DataFolder, wanted: &Wanted) -> (String, u64) {
        let mut out = Vec::new();
        let unread = export(data, wanted, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), unread)
    }

    #[test]
    fn a_range_of_time_and_one_member() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        assert_eq!(exported(&data, &Wanted::default()), (String::new(), 0));
        fs::create_dir(data.journal()).unwrap();
        for (day, member) in [("2026-11-27", "alpha"), ("2026-11-28", "beta")] {
            let entry = Entry {
                at: format!("{day}T12:00:00Z").parse().unwrap(),
                member: Some(member.to_owned()),
                action: "pull".to_owned(),
                file: Some("a,\"b\"".to_owned()),
                ..Entry::default()
            };
            let line = serde_json::to_string(&entry).unwrap();
            let file = data.journal().join(format!("{day}.0.jsonl"));
            fs::write(file, format!("{line}\n{{\"at\":\"cut")).unwrap();
        }
        let (all, unread) = exported(&data, &Wanted::default());
        assert_eq!((all.lines().count(), unread), (2, 2));
        let later = Wanted {
            from: Some("2026-11-27T12:00:01Z".parse().unwrap()),
            ..Wanted::default()
        };
        let (text, _) = exported(&data, &later);
        assert!(text.contains("beta") && !text.contains("alpha"), "{text}");
        let earlier = Wanted {
            to: Some("2026-11-28T00:00:00Z".parse().unwrap()),
            ..Wanted::default()
        };
        assert!(!exported(&data, &earlier).0.contains("beta"));
        let table = Wanted {
            member: Some("alpha".to_owned()),
            ..Wanted::default()
        };
        let (text, _) = exported(&data, &table.format(JournalFormat::Csv));
        let expected = "2026-11-27T12:00:00Z,alpha,,pull,,,,\"a,\"\"b\"\"\",,";
        assert_eq!(text.lines().nth(1), Some(expected));
    }
}
