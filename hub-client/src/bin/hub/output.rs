//! Standard output: data, as a table for people or as one JSON object for programs.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::CommandError;
use crate::plain::plain;

/// What a command has found out.
pub(crate) trait Answer: Serialize {
    /// The same for people.
    fn write_text(&self, page: &mut Page) -> fmt::Result;
}

/// Prints answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    color: bool,
}

impl Output {
    pub(crate) fn new(json: bool, color: bool) -> Self {
        Self { json, color }
    }

    /// Prints an answer: its JSON with `--json`, else its text.
    pub(crate) fn show(&self, answer: &impl Answer) -> Result<(), CommandError> {
        if self.json {
            // Answers on a hundred thousand images are long.
            let mut stdout = io::BufWriter::new(io::stdout().lock());
            serde_json::to_writer_pretty(&mut stdout, answer)?;
            return stdout
                .write_all(b"\n")
                .and_then(|()| stdout.flush())
                .map_err(CommandError::Output);
        }
        let mut page = Page {
            text: String::new(),
            color: self.color,
        };
        // Writing into a string does not fail.
        let _: fmt::Result = answer.write_text(&mut page);
        self.raw(plain(&page.text, self.color).as_bytes())
    }

    /// Whether answers are for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), CommandError> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(CommandError::Output)
    }
}

/// Text for people in the making.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    color: bool,
}

impl Page {
    /// One line.
    pub(crate) fn line(&mut self, line: impl Display) -> fmt::Result {
        writeln!(self.text, "{line}")
    }

    /// A name and its value, names in one column.
    pub(crate) fn field(&mut self, name: &str, value: impl Display) -> fmt::Result {
        let name = self.dim(&format!("{name:<14}"));
        writeln!(self.text, "{name} {value}")
    }

    /// The same, when there is a value.
    pub(crate) fn optional(&mut self, name: &str, value: Option<impl Display>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.field(name, value))
    }

    /// A table: a head and rows of as many cells, columns as wide as their widest cell.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> fmt::Result {
        let width = |column: usize| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells
                .chain(head.get(column).map(|cell| cell.len()))
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let titles = pad(head.iter().copied(), &widths);
        let titles = self.bold(&titles);
        writeln!(self.text, "{titles}")?;
        for row in rows {
            writeln!(
                self.text,
                "{}",
                pad(row.iter().map(String::as_str), &widths)
            )?;
        }
        Ok(())
    }

    /// A text that stands out, where there are colours.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Cells in columns, two spaces between, none at the end.
fn pad<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, &width) in cells.zip(widths) {
        let missing = width.saturating_sub(cell.chars().count());
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', missing + 2));
    }
    line.trim_end().to_owned()
}

/// Bytes in a unit that people read: `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A share in percent: `93.1 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A time without the fractions of a second nobody reads: `2026-11-23T23:38:10Z`.
pub(crate) fn time(text: &str) -> String {
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text.to_owned(),
    }
}

/// A list with commas.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn tables_line_up_also_with_other_alphabets() {
        let mut page = Page {
            text: String::new(),
            color: false,
        };
        let rows = [
            vec!["é1".to_owned(), "x".to_owned()],
            vec!["abcdef".to_owned(), String::new()],
        ];
        page.table(&["A", "B"], &rows).unwrap();
        page.field("key", 3).unwrap();
        page.optional("nothing", None::<u8>).unwrap();
        assert_eq!(
            page.text,
            "A       B\né1      x\nabcdef\nkey            3\n"
        );
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(
            (size(1536).as_str(), percent(0.9306).as_str()),
            ("1.50 KiB", "93.1 %")
        );
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(
            time("2026-11-23T23:38:10.97Z"),
            time("2026-11-23T23:38:10Z")
        );
    }
}
