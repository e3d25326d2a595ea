//! Reads the protobuf wire format (<https://protobuf.dev/programming-guides/encoding/>) from a hostile stream.
//!
//! The caller walks messages field by field. Every length is checked against the message that holds it before
//! anything is read, bulk data is passed over by seeking, and what the caller wants to keep is charged to one
//! budget, so that memory is bounded whatever the file says.

use std::io::{BufRead, BufReader, Read, Seek};

use super::OnnxError;

/// Messages inside messages. A graph in an attribute of a node adds three levels: this is a dozen nested subgraphs.
pub const MAX_DEPTH: usize = 40;
/// Fields in one file, elements of unpacked lists included. The largest published vision graphs have under 10^5.
pub const MAX_FIELDS: u64 = 4_000_000;
/// Bytes of one name. Exporters write module paths of a few hundred.
pub const MAX_TEXT_BYTES: u64 = 4096;
/// Bytes kept in memory for one file: names, nodes and small constants, never weights.
pub const MAX_KEPT_BYTES: u64 = 128 << 20;

/// Which fields a message may have; anything else is refused.
#[derive(Debug)]
pub struct MessageKind {
    /// Name for error texts.
    pub name: &'static str,
    /// Numbers of fields that may occur once.
    pub single: &'static [u32],
    /// Numbers of fields that may occur any number of times.
    pub repeated: &'static [u32],
}

/// How a field's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// Base-128 integer, at most ten bytes.
    Varint,
    /// Eight bytes, little-endian.
    Fixed64,
    /// A length, then as many bytes.
    Length,
    /// Four bytes, little-endian.
    Fixed32,
}

/// A field whose tag has been read and whose value comes next.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Field number.
    pub number: u32,
    /// How the value is written.
    pub wire: WireType,
    /// Offset of the tag.
    pub at: u64,
}

/// A message that has been entered and not yet read to its end.
#[derive(Debug)]
struct Open {
    kind: &'static MessageKind,
    end: u64,
    seen: u64,
}

/// A walk over the messages of one stream.
#[derive(Debug)]
pub struct WireReader<R> {
    inner: BufReader<R>,
    position: u64,
    size_bytes: u64,
    open: Vec<Open>,
    fields: u64,
    kept_bytes: u64,
}

impl<R: Read + Seek> WireReader<R> {
    /// Starts at the reader's current position with a message of `size_bytes` bytes.
    pub fn new(reader: R, size_bytes: u64, kind: &'static MessageKind) -> Self {
        let root = Open {
            kind,
            end: size_bytes,
            seen: 0,
        };
        Self {
            inner: BufReader::new(reader),
            position: 0,
            size_bytes,
            open: vec![root],
            fields: 0,
            kept_bytes: 0,
        }
    }

    /// Bytes from the start of the stream to the next byte to be read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// End of the innermost message that is open.
    pub fn message_end(&self) -> u64 {
        self.open.last().map_or(self.size_bytes, |open| open.end)
    }

    /// The next field of the innermost open message; `None`, once, at its end, which closes it.
    ///
    /// # Errors
    /// Malformed tags, unknown fields, singular fields that occur again, too many fields.
    pub fn next_field(&mut self) -> Result<Option<Field>, OnnxError> {
        if self.position == self.message_end() {
            self.open.pop();
            return Ok(None);
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(OnnxError::TooManyFields { limit: MAX_FIELDS });
        }
        let at = self.position;
        let tag = u32::try_from(self.raw_varint()?)
            .map_err(|_| self.malformed(at, "the tag is too large"))?;
        let wire = match tag & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Length,
            5 => WireType::Fixed32,
            _ => return Err(self.malformed(at, "the wire type is not one ONNX uses")),
        };
        let number = tag >> 3;
        self.admit(number, at)?;
        Ok(Some(Field { number, wire, at }))
    }

    /// Opens the message in `field`; its fields come next.
    ///
    /// # Errors
    /// Not length-delimited, longer than what holds it, nested too deep.
    pub fn enter(&mut self, field: Field, kind: &'static MessageKind) -> Result<(), OnnxError> {
        let length = self.length(field)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(OnnxError::TooDeep {
                message: kind.name,
                at: field.at,
                limit: MAX_DEPTH,
            });
        }
        self.open.push(Open {
            kind,
            end: self.position + length,
            seen: 0,
        });
        Ok(())
    }

    /// Passes over the value of `field`.
    ///
    /// # Errors
    /// A value that does not end inside its message.
    pub fn skip(&mut self, field: Field) -> Result<(), OnnxError> {
        match field.wire {
            WireType::Varint => self.raw_varint().map(|_| ()),
            WireType::Fixed64 => self.bytes::<8>().map(|_| ()),
            WireType::Fixed32 => self.bytes::<4>().map(|_| ()),
            WireType::Length => {
                let length = self.length(field)?;
                self.pass(length)
            }
        }
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// Another wire type, or more than ten bytes.
    pub fn varint(&mut self, field: Field) -> Result<u64, OnnxError> {
        self.expect(field, WireType::Varint)?;
        self.raw_varint()
    }

    /// A signed 64-bit integer (two's complement in a varint).
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn int64(&mut self, field: Field) -> Result<i64, OnnxError> {
        self.varint(field).map(u64::cast_signed)
    }

    /// A signed 32-bit integer or an enum.
    ///
    /// # Errors
    /// As [`Self::varint`], and values outside 32 bits.
    pub fn int32(&mut self, field: Field) -> Result<i32, OnnxError> {
        i32::try_from(self.int64(field)?)
            .map_err(|_| self.malformed(field.at, "the number does not fit 32 bits"))
    }

    /// A 32-bit floating-point number.
    ///
    /// # Errors
    /// Another wire type, or fewer than four bytes.
    pub fn float(&mut self, field: Field) -> Result<f32, OnnxError> {
        self.expect(field, WireType::Fixed32)?;
        self.bytes::<4>().map(f32::from_le_bytes)
    }

    /// A UTF-8 text of at most [`MAX_TEXT_BYTES`], charged to the budget.
    ///
    /// # Errors
    /// Longer texts, other encodings.
    pub fn text(&mut self, field: Field) -> Result<String, OnnxError> {
        let (bytes, length) = self.prefix(field, MAX_TEXT_BYTES)?;
        if length > MAX_TEXT_BYTES {
            let message = self.message();
            return Err(OnnxError::TextTooLong {
                message,
                at: field.at,
                length,
                limit: MAX_TEXT_BYTES,
            });
        }
        String::from_utf8(bytes).map_err(|_| self.malformed(field.at, "the text is not UTF-8"))
    }

    /// The first `limit` bytes of a length-delimited value and its whole length; the rest is passed over.
    ///
    /// # Errors
    /// Another wire type, a length past the message's end, no budget left.
    pub fn prefix(&mut self, field: Field, limit: u64) -> Result<(Vec<u8>, u64), OnnxError> {
        let length = self.length(field)?;
        let wanted = length.min(limit);
        self.keep(wanted + 32)?;
        let mut bytes = Vec::new();
        let read = (&mut self.inner).take(wanted).read_to_end(&mut bytes);
        let read = read.map_err(|source| OnnxError::Read {
            at: self.position,
            source,
        })?;
        if (read as u64) < wanted {
            return Err(self.truncated());
        }
        self.position += wanted;
        self.pass(length - wanted)?;
        Ok((bytes, length))
    }

    /// Elements of a repeated integer, packed or one by one: returns how many `field` holds and hands each to `each`.
    ///
    /// # Errors
    /// Another wire type, a packed list that does not end with its field.
    pub fn varints(&mut self, field: Field, mut each: impl FnMut(u64)) -> Result<u64, OnnxError> {
        if field.wire == WireType::Varint {
            each(self.raw_varint()?);
            return Ok(1);
        }
        let length = self.length(field)?;
        let end = self.position + length;
        let mut count = 0;
        while self.position < end {
            each(self.raw_varint()?);
            count += 1;
        }
        if self.position != end {
            return Err(self.malformed(field.at, "a packed list ends inside a number"));
        }
        Ok(count)
    }

    /// Elements of a repeated fixed-width number of `WIDTH` (4 or 8) bytes, packed or one by one. Lists of more than
    /// `limit` elements are counted and passed over without handing their elements to `each`.
    ///
    /// # Errors
    /// Another wire type, a packed list whose length is no multiple of `WIDTH`.
    pub fn fixed<const WIDTH: usize>(
        &mut self,
        field: Field,
        limit: u64,
        mut each: impl FnMut([u8; WIDTH]),
    ) -> Result<u64, OnnxError> {
        let single = if WIDTH == 8 {
            WireType::Fixed64
        } else {
            WireType::Fixed32
        };
        if field.wire == single {
            each(self.bytes::<WIDTH>()?);
            return Ok(1);
        }
        let length = self.length(field)?;
        let width = WIDTH as u64;
        if !length.is_multiple_of(width) {
            return Err(self.malformed(
                field.at,
                "the length of a packed list is no multiple of its elements' width",
            ));
        }
        let count = length / width;
        if count > limit {
            self.pass(length)?;
            return Ok(count);
        }
        for _ in 0..count {
            each(self.bytes::<WIDTH>()?);
        }
        Ok(count)
    }

    /// The integers of a repeated field, packed or one by one, each charged to the budget.
    ///
    /// # Errors
    /// As [`Self::varints`], and no budget left.
    pub fn integers(&mut self, field: Field, into: &mut Vec<i64>) -> Result<(), OnnxError> {
        // Charged before reading: a packed element takes a byte of the file at least and eight of memory.
        let room = usize::try_from((MAX_KEPT_BYTES - self.kept_bytes) / 8).unwrap_or(usize::MAX);
        let before = into.len();
        let count = self.varints(field, |value| {
            if into.len() - before < room {
                into.push(value.cast_signed());
            }
        })?;
        self.keep(count.saturating_mul(8))
    }

    /// The 32-bit floating-point numbers of a repeated field, packed or one by one, each charged to the budget.
    ///
    /// # Errors
    /// As [`Self::fixed`], and no budget left.
    pub fn floats(&mut self, field: Field, into: &mut Vec<f32>) -> Result<(), OnnxError> {
        let room = (MAX_KEPT_BYTES - self.kept_bytes) / 4;
        let count = self.fixed::<4>(field, room, |bytes| into.push(f32::from_le_bytes(bytes)))?;
        self.keep(count.saturating_mul(4))
    }

    /// Charges `bytes` of memory the caller is about to hold.
    ///
    /// # Errors
    /// The budget of [`MAX_KEPT_BYTES`] is spent.
    pub fn keep(&mut self, bytes: u64) -> Result<(), OnnxError> {
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        if self.kept_bytes > MAX_KEPT_BYTES {
            return Err(OnnxError::StructureTooLarge {
                limit_bytes: MAX_KEPT_BYTES,
            });
        }
        Ok(())
    }

    /// An error at `at` in the innermost open message.
    pub fn malformed(&self, at: u64, reason: &'static str) -> OnnxError {
        OnnxError::Malformed {
            message: self.message(),
            at,
            reason,
        }
    }

    /// Checks that the stream really has the bytes that were passed over, and none after them. Call it when the
    /// outermost message has been read to its end.
    ///
    /// # Errors
    /// The stream is shorter or longer than stated.
    pub fn finish(mut self) -> Result<(), OnnxError> {
        let at = self.position;
        let read = |source| OnnxError::Read { at, source };
        if self.size_bytes > 0 {
            self.inner.seek_relative(-1).map_err(read)?;
            if self.inner.fill_buf().map_err(read)?.is_empty() {
                return Err(self.truncated());
            }
            self.inner.consume(1);
        }
        if self.inner.fill_buf().map_err(read)?.is_empty() {
            Ok(())
        } else {
            Err(OnnxError::TrailingBytes {
                size_bytes: self.size_bytes,
            })
        }
    }

    fn message(&self) -> &'static str {
        self.open.last().map_or("file", |open| open.kind.name)
    }

    /// Refuses unknown numbers, and the second occurrence of a singular one.
    fn admit(&mut self, number: u32, at: u64) -> Result<(), OnnxError> {
        let message = self.message();
        let unknown = OnnxError::UnknownField {
            message,
            field: number,
            at,
        };
        let Some(open) = self.open.last_mut() else {
            return Err(unknown);
        };
        if open.kind.repeated.contains(&number) {
            return Ok(());
        }
        if number >= u64::BITS || !open.kind.single.contains(&number) {
            return Err(unknown);
        }
        let bit = 1_u64 << number;
        if open.seen & bit != 0 {
            return Err(OnnxError::RepeatedField {
                message,
                field: number,
                at,
            });
        }
        open.seen |= bit;
        Ok(())
    }

    fn expect(&self, field: Field, wire: WireType) -> Result<(), OnnxError> {
        if field.wire == wire {
            Ok(())
        } else {
            Err(self.malformed(field.at, "the field has another type than ONNX states"))
        }
    }

    /// The length of a length-delimited field, known to end inside the innermost message.
    fn length(&mut self, field: Field) -> Result<u64, OnnxError> {
        self.expect(field, WireType::Length)?;
        let length = self.raw_varint()?;
        self.need(length)?;
        Ok(length)
    }

    /// Checks that `count` more bytes belong to the innermost message.
    fn need(&self, count: u64) -> Result<(), OnnxError> {
        if count <= self.message_end() - self.position {
            Ok(())
        } else if count > self.size_bytes - self.position {
            Err(self.truncated())
        } else {
            Err(self.malformed(
                self.position,
                "a length reaches past the message that holds it",
            ))
        }
    }

    fn truncated(&self) -> OnnxError {
        OnnxError::Truncated {
            message: self.message(),
            at: self.position,
            size_bytes: self.size_bytes,
        }
    }

    fn raw_varint(&mut self) -> Result<u64, OnnxError> {
        let at = self.position;
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.bytes::<1>()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.malformed(at, "a number is longer than 64 bits"))
    }

    fn bytes<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], OnnxError> {
        self.need(COUNT as u64)?;
        let mut bytes = [0; COUNT];
        self.inner.read_exact(&mut bytes).map_err(|source| {
            if source.kind() == std::io::ErrorKind::UnexpectedEof {
                self.truncated()
            } else {
                OnnxError::Read {
                    at: self.position,
                    source,
                }
            }
        })?;
        self.position += COUNT as u64;
        Ok(bytes)
    }

    /// Moves past `count` bytes that are known to belong to the innermost message.
    fn pass(&mut self, count: u64) -> Result<(), OnnxError> {
        let offset = i64::try_from(count).map_err(|_| self.truncated())?;
        self.inner
            .seek_relative(offset)
            .map_err(|source| OnnxError::Read {
                at: self.position,
                source,
            })?;
        self.position += count;
        Ok(())
    }
}
