//! SHA-256 digests, and hashing of bytes as they pass by.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::hex;

/// A SHA-256 digest (FIPS 180-4), written `sha256:<64 lower-case hex>`.
///
/// ```
/// use registry_schema::digest::Digest;
/// let digest = Digest::of(b"abc");
/// assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes held in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest from its 32 raw bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A digest from 64 lower-case hex digits without the prefix, as in-toto statements carry it.
    ///
    /// # Errors
    /// [`DigestError`] when the text is anything else.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError {
            text: text.chars().take(80).collect(),
        };
        hex::decode(text)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(error)
    }

    /// The 32 raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits, without the prefix.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// The first twelve hex digits, for people.
    pub fn short(&self) -> String {
        self.to_hex()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || DigestError {
            text: text.chars().take(80).collect(),
        };
        text.strip_prefix("sha256:")
            .ok_or_else(error)
            .and_then(Self::from_hex)
    }
}

crate::text::serde_as_text!(Digest, "A SHA-256 digest", "^sha256:[0-9a-f]{64}$");

/// Not a SHA-256 digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest: expected `sha256:` and 64 lower-case hex digits")]
pub struct DigestError {
    text: String,
}

/// A running SHA-256, for bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// Hashes and counts the bytes that pass through to another writer.
#[derive(Debug)]
pub struct DigestWriter<W> {
    inner: W,
    hasher: Hasher,
    size_bytes: u64,
}

impl<W: Write> DigestWriter<W> {
    /// Wraps a writer.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            size_bytes: 0,
        }
    }

    /// The writer, the digest of what reached it, and how many bytes that was.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, self.hasher.finish(), self.size_bytes)
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn known_answer() {
        // FIPS 180-4 example: SHA-256("abc").
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), expected);
    }

    #[test]
    fn streaming_equals_one_piece() {
        let mut writer = DigestWriter::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        assert_eq!(writer.finish(), (b"abc".to_vec(), Digest::of(b"abc"), 3));
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = Digest::of(b"").to_string();
        for bad in [
            &good[7..],
            &good[..70],
            &good.to_uppercase(),
            "sha512:00",
            "",
            &format!("{good}0"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
