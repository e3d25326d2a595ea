//! Digests that clients of the OCI protocol may use. The hub's own are SHA-256; content in foreign
//! repositories may be named by SHA-512 too.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use registry_schema::digest::Digest;
use sha2::Digest as _;

/// Bytes hashed at a time.
const PIECE_BYTES: usize = 256 << 10;

/// A digest of one of the two registered algorithms (OCI image specification, "Digests").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnyDigest {
    /// `sha256:<64 hex>`.
    Sha256(Digest),
    /// `sha512:<128 hex>`.
    Sha512(Sha512),
}

impl AnyDigest {
    /// The digest of bytes by this one's algorithm.
    pub(crate) fn same_algorithm(&self, bytes: &[u8]) -> Self {
        match self {
            Self::Sha256(_) => Self::Sha256(Digest::of(bytes)),
            Self::Sha512(_) => Self::Sha512(Sha512::of(bytes)),
        }
    }
}

impl fmt::Display for AnyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => digest.fmt(f),
            Self::Sha512(digest) => digest.fmt(f),
        }
    }
}

impl FromStr for AnyDigest {
    type Err = AnyDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || AnyDigestError {
            text: text.chars().take(140).collect(),
        };
        match text.strip_prefix("sha512:") {
            Some(hex) => decode(hex).map(|bytes| Self::Sha512(Sha512(bytes))),
            None => text.parse().ok().map(Self::Sha256),
        }
        .ok_or_else(error)
    }
}

/// Neither a SHA-256 nor a SHA-512 digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest: `sha256:` and 64, or `sha512:` and 128 lower-case hex digits")]
pub(crate) struct AnyDigestError {
    text: String,
}

/// A SHA-512 digest (FIPS 180-4), written `sha512:<128 lower-case hex>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sha512([u8; 64]);

impl Sha512 {
    /// The digest of bytes held in memory.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha512::digest(bytes).into())
    }
}

impl fmt::Display for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha512:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads to the end; the SHA-512 of what was read.
///
/// # Errors
/// What the reader met.
pub(crate) fn sha512_of(mut reader: impl Read) -> io::Result<Sha512> {
    let mut hasher = sha2::Sha512::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(Sha512(hasher.finalize().into())),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn decode(hex: &str) -> Option<[u8; 64]> {
    let digits = hex.as_bytes();
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if digits.len() != 128 {
        return None;
    }
    let mut bytes = [0; 64];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (value(pair[0])? << 4) | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sha_512_of_abc_is_that_of_the_standard() {
        // FIPS 180-4, example of NIST.
        let text = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(Sha512::of(b"abc").to_string(), text);
        assert_eq!(sha512_of(&b"abc"[..]).unwrap(), Sha512::of(b"abc"));
        let digest: AnyDigest = text.parse().unwrap();
        assert_eq!(digest, AnyDigest::Sha512(Sha512::of(b"abc")));
        assert_eq!(digest.same_algorithm(b"abc"), digest);
        for bad in [
            "sha512:",
            "sha512:00",
            &text[..134],
            &text.to_uppercase(),
            "md5:00",
            "",
        ] {
            assert!(bad.parse::<AnyDigest>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn digests_survive_their_text(bytes in any::<Vec<u8>>()) {
            for digest in [AnyDigest::Sha256(Digest::of(&bytes)), AnyDigest::Sha512(Sha512::of(&bytes))] {
                prop_assert_eq!(digest.to_string().parse::<AnyDigest>().unwrap(), digest);
            }
        }
    }
}
