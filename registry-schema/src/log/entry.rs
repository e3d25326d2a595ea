//! Entry bundles: up to 256 entries in one file (C2SP `tlog-tiles`, "Log entries").
//!
//! An entry is the exact bytes of an envelope. In a bundle each has its length before it, as two
//! bytes, the higher first.

use crate::limits;
use crate::log::tile::BundleId;

/// Writes a bundle. Entries come one after the other, in the order of their indexes.
#[derive(Clone, Debug, Default)]
pub struct BundleWriter {
    bytes: Vec<u8>,
}

impl BundleWriter {
    /// A bundle without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// [`EntryError::TooLarge`] past [`limits::ENTRY_BYTES`].
    pub fn push(&mut self, entry: &[u8]) -> Result<(), EntryError> {
        let length = u16::try_from(entry.len()).map_err(|_| EntryError::TooLarge {
            size_bytes: entry.len(),
        })?;
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(entry);
        Ok(())
    }

    /// The bytes of the bundle's file.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Largest file of a full bundle, in bytes: what a reader accepts at most.
pub const BUNDLE_BYTES: usize = 256 * (2 + limits::ENTRY_BYTES);

/// Reads a bundle: exactly as many entries as its id says, and nothing after them. Nothing is
/// verified by this: compare the entries' hashes with the tile of level 0.
///
/// # Errors
/// [`EntryError`] when it ends early, late, or is larger than any bundle.
pub fn parse_bundle(id: BundleId, bytes: &[u8]) -> Result<Vec<&[u8]>, EntryError> {
    if bytes.len() > BUNDLE_BYTES {
        return Err(EntryError::TooLarge {
            size_bytes: bytes.len(),
        });
    }
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(id.width()));
    for _ in 0..id.width() {
        let ends_early = || EntryError::EndsEarly {
            bundle: id,
            found: entries.len(),
        };
        let (length, after) = rest.split_first_chunk::<2>().ok_or_else(ends_early)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or_else(ends_early)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(EntryError::TrailingBytes {
            bundle: id,
            count: rest.len(),
        })
    }
}

/// What is wrong with an entry or a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Past [`limits::ENTRY_BYTES`], or a bundle past [`BUNDLE_BYTES`].
    #[error(
        "{size_bytes} bytes are too many: an entry has at most {}, a bundle at most {BUNDLE_BYTES}",
        limits::ENTRY_BYTES
    )]
    TooLarge {
        /// How many bytes.
        size_bytes: usize,
    },
    /// Fewer entries than its path says.
    #[error("`{bundle}` ends within entry {found}, it should hold {}", bundle.width())]
    EndsEarly {
        /// Which bundle.
        bundle: BundleId,
        /// Whole entries read.
        found: usize,
    },
    /// More than its path says.
    #[error("`{bundle}` has {count} bytes after its last entry")]
    TrailingBytes {
        /// Which bundle.
        bundle: BundleId,
        /// How many.
        count: usize,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn write(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bundle = BundleWriter::new();
        for entry in entries {
            bundle.push(entry).unwrap();
        }
        bundle.finish()
    }

    #[test]
    fn the_limits_are_exact() {
        let mut bundle = BundleWriter::new();
        assert!(bundle.push(&vec![0; limits::ENTRY_BYTES + 1]).is_err());
        let full = write(&vec![vec![1; limits::ENTRY_BYTES]; 256]);
        assert_eq!(full.len(), BUNDLE_BYTES);
        let id = BundleId::new(0, 256).unwrap();
        assert_eq!(parse_bundle(id, &full).unwrap().len(), 256);
        let mut longer = full;
        longer.push(0);
        assert!(matches!(
            parse_bundle(id, &longer),
            Err(EntryError::TooLarge { .. })
        ));
    }

    #[test]
    fn too_few_and_too_many_are_refused() {
        let bytes = write(&[b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        let parse = |width| parse_bundle(BundleId::new(9, width).unwrap(), &bytes);
        assert_eq!(parse(3).unwrap(), [&b"one"[..], b"", b"three"]);
        assert!(matches!(
            parse(4),
            Err(EntryError::EndsEarly { found: 3, .. })
        ));
        assert!(matches!(
            parse(2),
            Err(EntryError::TrailingBytes { count: 7, .. })
        ));
        let short = &bytes[..bytes.len() - 1];
        let id = BundleId::new(9, 3).unwrap();
        assert!(matches!(
            parse_bundle(id, short),
            Err(EntryError::EndsEarly { found: 2, .. })
        ));
    }

    proptest! {
        #[test]
        fn bundles_read_back(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..257)) {
            let id = BundleId::new(0, u16::try_from(entries.len()).unwrap()).unwrap();
            let bytes = write(&entries);
            prop_assert_eq!(parse_bundle(id, &bytes).unwrap(), entries);
        }

        #[test]
        fn arbitrary_bytes_never_panic(width in 1u16..=256, bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse_bundle(BundleId::new(0, width).unwrap(), &bytes);
        }
    }
}
