//! Writes the protobuf wire format: the few pieces that building and rewriting graph files needs.

/// Appends a base-128 integer.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// The tag and length that go before a length-delimited field of `length` bytes.
pub fn length_prefix(field: u32, length: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12);
    put_varint(&mut bytes, u64::from(field) << 3 | 2);
    put_varint(&mut bytes, length);
    bytes
}

/// A message being built in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// A message that is encoded already.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The message's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message's bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends an integer or enum; negative ones take ten bytes.
    #[must_use]
    pub fn integer(mut self, field: u32, value: i64) -> Self {
        put_varint(&mut self.bytes, u64::from(field) << 3);
        put_varint(&mut self.bytes, value.cast_unsigned());
        self
    }

    /// Appends a 32-bit floating-point number.
    #[must_use]
    pub fn float(mut self, field: u32, value: f32) -> Self {
        put_varint(&mut self.bytes, u64::from(field) << 3 | 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Appends a length-delimited field: bytes, UTF-8 text, a packed list.
    #[must_use]
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.bytes.extend(length_prefix(field, value.len() as u64));
        self.bytes.extend_from_slice(value);
        self
    }

    /// Appends a text.
    #[must_use]
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// Appends a message.
    #[must_use]
    pub fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.bytes)
    }
}
