//! Cutting a blob where its content says (FastCDC), and the list of the pieces as it is kept.

use std::io::{self, Read};

use fastcdc::v2020::{Error, StreamCDC};
use registry_schema::digest::Digest;

/// Shortest chunk, average and longest, in bytes. A run of changed bytes is fetched with up to a chunk
/// more at each end: this average keeps that at a few per cent beside 5 % of a graph of 13 MB, and the
/// list at 0.12 % of the blob.
const SIZES: [usize; 3] = [4 << 10, 16 << 10, 64 << 10];

/// The rule by which blobs are cut: lists of another rule are not compared.
pub(super) const RULE: &str = "fastcdc-2020-4k-16k-64k-sha256-128";

/// The first half of a chunk's SHA-256: a list is trusted for nothing, and nobody gains by two chunks
/// that have it in common.
pub(super) type Mark = [u8; 16];

/// Bytes of a chunk in a kept list: its length and its mark.
const ENTRY_BYTES: usize = 4 + 16;

/// A piece of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) size_bytes: u32,
    pub(super) mark: Mark,
}

/// The mark of a chunk's bytes.
pub(super) fn mark_of(bytes: &[u8]) -> Mark {
    let digest = Digest::of(bytes);
    std::array::from_fn(|index| digest.as_bytes()[index])
}

/// Cuts what is read by the algorithm of Xia et al., "The Design of Fast Content-Defined Chunking for
/// Data Deduplication Based Storage Systems" (IEEE TPDS 31(9), 2020), holding one chunk in memory.
///
/// # Errors
/// What the reader says.
pub(super) fn cut(reader: impl Read) -> io::Result<Vec<Chunk>> {
    let [shortest, average, longest] = SIZES;
    let pieces = StreamCDC::new(reader, shortest, average, longest);
    let chunk = |piece: Result<fastcdc::v2020::ChunkData, Error>| {
        let data = piece.map_err(io::Error::from)?.data;
        // At most the longest chunk.
        let size_bytes = u32::try_from(data.len()).map_err(io::Error::other)?;
        Ok(Chunk {
            size_bytes,
            mark: mark_of(&data),
        })
    };
    pieces.map(chunk).collect()
}

/// The list as it is kept: length and mark of each chunk, and the SHA-256 of all that.
pub(super) fn to_bytes(chunks: &[Chunk]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((chunks.len() + 1) * ENTRY_BYTES);
    for chunk in chunks {
        bytes.extend(chunk.size_bytes.to_be_bytes());
        bytes.extend(chunk.mark);
    }
    let sum = Digest::of(&bytes);
    bytes.extend(sum.as_bytes());
    bytes
}

/// Reads a kept list back; `None` when it is not whole, or of a blob of another length.
pub(super) fn from_bytes(bytes: &[u8], size_bytes: u64) -> Option<Vec<Chunk>> {
    let (entries, sum) = bytes.split_last_chunk::<32>()?;
    let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
    let chunk = |entry: &[u8; ENTRY_BYTES]| {
        let (size, mark) = entry.split_first_chunk::<4>()?;
        Some(Chunk {
            size_bytes: u32::from_be_bytes(*size),
            mark: mark.try_into().ok()?,
        })
    };
    let chunks: Vec<Chunk> = entries.iter().map(chunk).collect::<Option<_>>()?;
    let found: u64 = chunks.iter().map(|chunk| u64::from(chunk.size_bytes)).sum();
    let is_whole = Digest::of(entries.as_flattened()).as_bytes() == sum;
    (is_whole && rest.is_empty() && found == size_bytes).then_some(chunks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::super::tests::noise;
    use super::*;

    #[test]
    fn chunks_are_the_blob_again_whatever_the_reader_gives_at_a_time() {
        let bytes = noise(1, 3 << 20);
        let chunks = cut(&bytes[..]).unwrap();
        let mut rest = &bytes[..];
        for (index, chunk) in chunks.iter().enumerate() {
            let (piece, after) = rest.split_at(chunk.size_bytes as usize);
            assert_eq!(chunk.mark[..], Digest::of(piece).as_bytes()[..16]);
            let is_last = after.is_empty();
            assert!(
                piece.len() <= SIZES[2] && (is_last || piece.len() >= SIZES[0]),
                "{index}"
            );
            rest = after;
        }
        assert!(rest.is_empty());
        let average = bytes.len() / chunks.len();
        assert!((SIZES[1] / 2..SIZES[1] * 2).contains(&average), "{average}");
        struct Dribble<'a>(&'a [u8]);
        impl Read for Dribble<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let wanted = buffer.len().min(777);
                self.0.read(&mut buffer[..wanted])
            }
        }
        assert_eq!(cut(Dribble(&bytes)).unwrap(), chunks);
        assert_eq!(cut(io::empty()).unwrap(), []);
    }

    /// The rule is part of what is kept: where these bytes are cut must never change under its name.
    #[test]
    fn the_rule_cuts_where_it_did() {
        let sizes: Vec<u32> = cut(&noise(7, 400_000)[..])
            .unwrap()
            .iter()
            .map(|chunk| chunk.size_bytes)
            .collect();
        assert_eq!(RULE, "fastcdc-2020-4k-16k-64k-sha256-128");
        let cut_at = [
            4825, 25664, 14188, 10516, 4686, 6467, 33232, 20871, 6675, 6834, 23909, 27626, 22375,
            10337, 23684, 16496, 16798, 11248, 65536, 28105, 14267, 5661,
        ];
        assert_eq!(sizes, cut_at);
    }

    proptest! {
        #[test]
        fn a_kept_list_is_read_back_or_refused(
            sizes in prop::collection::vec(any::<u32>(), 0..20),
            broken in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let chunks: Vec<Chunk> = sizes
                .iter()
                .map(|&size_bytes| Chunk { size_bytes, mark: mark_of(&size_bytes.to_be_bytes()) })
                .collect();
            let size: u64 = sizes.iter().map(|&size| u64::from(size)).sum();
            let bytes = to_bytes(&chunks);
            prop_assert_eq!(from_bytes(&bytes, size), Some(chunks));
            prop_assert_eq!(from_bytes(&bytes, size + 1), None);
            prop_assert_eq!(from_bytes(&bytes[..bytes.len() - 1], size), None);
            let mut other = bytes.clone();
            other[broken.index(bytes.len())] ^= 1 << bit;
            prop_assert_eq!(from_bytes(&other, size), None);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in any::<u64>()) {
            let _ = from_bytes(&bytes, size);
        }
    }
}
