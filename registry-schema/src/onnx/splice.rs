//! A graph file put together from places in other files: what stays is copied, and never held in memory.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use super::write::{Message, length_prefix};

/// Numbers that are turned into others at a time.
const BLOCK_NUMBERS: usize = 1 << 16;

/// Turns numbers into bytes: some numbers, the place of the first of them among all, and where the bytes go.
type Turn = dyn Fn(&[f32], u64, &mut Vec<u8>) + Send + Sync;

/// Bytes in the making: new ones, and places of files.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    length: u64,
}

#[derive(Clone)]
enum Piece {
    New(Vec<u8>),
    Copied {
        file: usize,
        range: Range<u64>,
    },
    /// Float32 numbers of a file.
    Turned {
        file: usize,
        range: Range<u64>,
        turn: Arc<Turn>,
    },
}

impl Pieces {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes they are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends new bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(Piece::New(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::New(bytes.to_vec())),
        }
    }

    /// Appends the bytes of the file number `file` at `range`.
    pub fn copy(&mut self, file: usize, range: Range<u64>) {
        self.length += range.end.saturating_sub(range.start);
        match self.pieces.last_mut() {
            Some(Piece::Copied {
                file: last_file,
                range: last,
            }) if *last_file == file && last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Copied { file, range }),
        }
    }

    /// Appends what `turn` makes of the float32 numbers (little-endian) of a file at `range`: `width` bytes of each.
    pub fn turned(
        &mut self,
        file: usize,
        range: Range<u64>,
        width: u64,
        turn: impl Fn(&[f32], u64, &mut Vec<u8>) + Send + Sync + 'static,
    ) {
        self.length += range.end.saturating_sub(range.start) / 4 * width;
        let turn = Arc::new(turn);
        self.pieces.push(Piece::Turned { file, range, turn });
    }

    /// Appends other pieces.
    pub fn append(&mut self, other: Self) {
        self.length += other.length;
        self.pieces.extend(other.pieces);
    }

    /// Appends a message.
    pub fn message(&mut self, field: u32, message: &Message) {
        self.push(&length_prefix(field, message.as_bytes().len() as u64));
        self.push(message.as_bytes());
    }

    /// Appends a message that is in pieces itself.
    pub fn field(&mut self, field: u32, message: Self) {
        self.push(&length_prefix(field, message.length));
        self.append(message);
    }

    /// Writes them all; `files` are those that places are of, each from its position 0.
    ///
    /// # Errors
    /// Reading or writing fails, or a file has become shorter.
    pub fn write<R: Read + Seek>(
        &self,
        files: &mut [R],
        writer: &mut impl Write,
    ) -> io::Result<()> {
        let open = |files: &mut [R], file: usize, range: &Range<u64>| -> io::Result<()> {
            let file = files.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
            file.seek(SeekFrom::Start(range.start)).map(drop)
        };
        for piece in &self.pieces {
            match piece {
                Piece::New(bytes) => writer.write_all(bytes)?,
                Piece::Copied { file, range } => {
                    open(files, *file, range)?;
                    let length = range.end - range.start;
                    let copied = io::copy(&mut (&mut files[*file]).take(length), writer)?;
                    if copied != length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Piece::Turned { file, range, turn } => {
                    open(files, *file, range)?;
                    let count = (range.end - range.start) / 4;
                    let numbers = (&mut files[*file]).take(4 * count);
                    turned(numbers, count, |numbers, first, bytes| {
                        turn(numbers, first, bytes);
                        writer.write_all(bytes)
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// Hands `count` float32 numbers (little-endian) to `each`, in blocks, with the place of the first of each block and
/// an empty list of bytes.
fn turned(
    mut numbers: impl Read,
    count: u64,
    mut each: impl FnMut(&[f32], u64, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut bytes, mut block, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    while first < count {
        let now = usize::try_from(count - first).map_or(BLOCK_NUMBERS, |n| n.min(BLOCK_NUMBERS));
        bytes.resize(4 * now, 0);
        numbers.read_exact(&mut bytes)?;
        block.clear();
        let words = bytes.as_chunks::<4>().0.iter();
        block.extend(words.map(|&word| f32::from_le_bytes(word)));
        out.clear();
        each(&block, first, &mut out)?;
        first += now as u64;
    }
    Ok(())
}

/// Hands the float32 numbers (little-endian) of a file at `range` to `each`, in blocks, with the place of the first.
///
/// # Errors
/// Reading fails, or the file is shorter.
pub fn numbers_at(
    file: &mut (impl Read + Seek),
    range: &Range<u64>,
    mut each: impl FnMut(&[f32], u64),
) -> io::Result<()> {
    file.seek(SeekFrom::Start(range.start))?;
    turned(file, (range.end - range.start) / 4, |numbers, first, _| {
        each(numbers, first);
        Ok(())
    })
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New(bytes) => write!(f, "{} new bytes", bytes.len()),
            Self::Copied { file, range } => write!(f, "{range:?} of file {file}"),
            Self::Turned { file, range, .. } => write!(f, "{range:?} of file {file}, turned"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io::Cursor;

    #[test]
    fn pieces_come_in_order_and_lengths_are_right() {
        let mut files = [Cursor::new(b"0123456789".to_vec()), Cursor::new(Vec::new())];
        files[1] = Cursor::new([1.5_f32, -2.0].map(f32::to_le_bytes).concat());
        let mut inner = Pieces::new();
        inner.copy(0, 2..4);
        inner.copy(0, 4..6);
        inner.push(b"x");
        inner.turned(1, 0..8, 2, |numbers, first, bytes| {
            for (place, number) in (first..).zip(numbers) {
                bytes.extend([b'0' + u8::try_from(place).unwrap()]);
                bytes.extend([if *number < 0.0 { b'-' } else { b'+' }]);
            }
        });
        let mut outer = Pieces::new();
        outer.field(1, inner);
        outer.message(2, &Message::new().text(1, "a"));
        let mut written = Vec::new();
        outer.write(&mut files, &mut written).unwrap();
        assert_eq!(written, b"\x0a\x092345x0+1-\x12\x03\x0a\x01a");
        assert_eq!(outer.length(), written.len() as u64);
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let mut pieces = Pieces::new();
        pieces.copy(0, 5..20);
        let written = pieces.write(&mut [Cursor::new(vec![0; 10])], &mut Vec::new());
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let none: &mut [Cursor<Vec<u8>>] = &mut [];
        assert!(pieces.write(none, &mut Vec::new()).is_err());
    }
}
