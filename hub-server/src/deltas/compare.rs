//! What two blobs have in common, by their lists of chunks.

use std::collections::HashMap;

use registry_schema::api::{Delta, DeltaPart};
use registry_schema::limits;

use super::chunks::{Chunk, Mark};

/// Fewer common bytes than this between two parts that are fetched are fetched with them: a request of
/// its own for what comes after would take longer.
const WORTH_A_REQUEST_BYTES: u64 = 128 << 10;

/// How a blob is put together from an earlier one.
pub(super) fn delta(blob: &[Chunk], earlier: &[Chunk]) -> Delta {
    let size_bytes = blob.iter().map(|chunk| u64::from(chunk.size_bytes)).sum();
    let parts = joined(common(blob, earlier));
    if parts.len() > limits::DELTA_PARTS {
        return Delta::whole(size_bytes);
    }
    Delta { parts }
}

/// Every chunk of the blob, runs of neighbours in one part.
fn common(blob: &[Chunk], earlier: &[Chunk]) -> Vec<DeltaPart> {
    // Each kind of chunk by where it is first, in chunks and in bytes.
    let mut places: HashMap<Mark, (usize, u64)> = HashMap::with_capacity(earlier.len());
    let mut at = 0;
    for (index, chunk) in earlier.iter().enumerate() {
        places.entry(chunk.mark).or_insert((index, at));
        at += u64::from(chunk.size_bytes);
    }
    let mut parts: Vec<DeltaPart> = Vec::new();
    // Where the last common chunk ended.
    let mut next: Option<(usize, u64)> = None;
    for chunk in blob {
        let size_bytes = u64::from(chunk.size_bytes);
        // Of several equal chunks, the one that goes on there.
        let follows = next.filter(|(index, _)| {
            earlier
                .get(*index)
                .is_some_and(|one| one.mark == chunk.mark)
        });
        let place = follows.or_else(|| places.get(&chunk.mark).copied());
        let at = place.map(|(_, at)| at);
        match parts.last_mut() {
            Some(part) if follows.is_some() || (part.at.is_none() && at.is_none()) => {
                part.size_bytes += size_bytes;
            }
            _ => parts.push(DeltaPart { size_bytes, at }),
        }
        next = place.map(|(index, at)| (index + 1, at + size_bytes));
    }
    parts
}

/// The same with what is not worth a request fetched.
fn joined(parts: Vec<DeltaPart>) -> Vec<DeltaPart> {
    let is_fetched = |index: Option<usize>| {
        let part = index.and_then(|index| parts.get(index));
        part.is_some_and(|part| part.at.is_none())
    };
    let mut joined: Vec<DeltaPart> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let is_between = is_fetched(index.checked_sub(1)) && is_fetched(Some(index + 1));
        let is_short = part.size_bytes < WORTH_A_REQUEST_BYTES;
        let at = part.at.filter(|_| !(is_between && is_short));
        match joined.last_mut() {
            Some(last) if last.at.is_none() && at.is_none() => last.size_bytes += part.size_bytes,
            _ => joined.push(DeltaPart {
                size_bytes: part.size_bytes,
                at,
            }),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        reason = "tests"
    )]
    use proptest::prelude::*;

    use super::super::chunks::{cut, mark_of};
    use super::super::tests::noise;
    use super::*;

    /// Puts a blob together as a client does.
    fn apply(delta: &Delta, blob: &[u8], earlier: &[u8]) -> Vec<u8> {
        delta
            .check(blob.len() as u64, earlier.len() as u64)
            .unwrap();
        let mut made = Vec::new();
        for part in &delta.parts {
            let length = part.size_bytes as usize;
            let (from, start) = match part.at {
                Some(at) => (earlier, at as usize),
                None => (blob, made.len()),
            };
            made.extend_from_slice(&from[start..start + length]);
        }
        made
    }

    fn of(blob: &[u8], earlier: &[u8]) -> Delta {
        delta(&cut(blob).unwrap(), &cut(earlier).unwrap())
    }

    #[test]
    fn little_more_than_what_changed_is_fetched() {
        let earlier = noise(3, 20_000_000);
        let mut blob = earlier.clone();
        let changed = 1_000_000;
        let from = blob.len() - changed;
        blob[from..].copy_from_slice(&noise(4, changed));
        let delta = of(&blob, &earlier);
        assert_eq!(apply(&delta, &blob, &earlier), blob);
        assert_eq!(delta.parts.len(), 2);
        let fetched = delta.fetched_bytes() as f64;
        assert!(fetched < 1.3 * changed as f64, "{fetched}");
    }

    #[test]
    fn bytes_that_moved_are_found() {
        let earlier = noise(5, 4_000_000);
        let blob = [
            &noise(6, 1_001)[..],
            &earlier[2_000_000..],
            &earlier[..2_000_000],
        ]
        .concat();
        let delta = of(&blob, &earlier);
        assert_eq!(apply(&delta, &blob, &earlier), blob);
        assert!(delta.fetched_bytes() < 600_000, "{}", delta.fetched_bytes());
    }

    #[test]
    fn nothing_in_common_is_one_request() {
        let (blob, earlier) = (noise(8, 3_000_000), noise(9, 3_000_000));
        assert_eq!(of(&blob, &earlier), Delta::whole(3_000_000));
        assert_eq!(of(&blob, &[]), Delta::whole(3_000_000));
        assert_eq!(of(&[], &earlier).parts, []);
        let same = of(&blob, &blob);
        assert_eq!((same.parts.len(), same.fetched_bytes()), (1, 0));
    }

    #[test]
    fn short_common_parts_between_fetched_ones_are_fetched_too() {
        let part = |size_bytes, at| DeltaPart { size_bytes, at };
        let short = WORTH_A_REQUEST_BYTES - 1;
        let parts = vec![
            part(5, Some(0)),
            part(7, None),
            part(short, Some(5)),
            part(7, None),
            part(5, Some(9)),
        ];
        let wanted = [part(5, Some(0)), part(short + 14, None), part(5, Some(9))];
        assert_eq!(joined(parts.clone()), wanted);
        let mut long = parts;
        long[2].size_bytes += 1;
        assert_eq!(joined(long.clone()), long);
    }

    /// A blob of a few chunks by their numbers, so that some are equal.
    fn few(numbers: &[u8]) -> (Vec<u8>, Vec<Chunk>) {
        let piece = |number: &u8| vec![*number; 1000 * (1 + usize::from(*number % 3) * 90)];
        let pieces: Vec<Vec<u8>> = numbers.iter().map(piece).collect();
        let chunk = |piece: &Vec<u8>| Chunk {
            size_bytes: piece.len() as u32,
            mark: mark_of(piece),
        };
        (pieces.concat(), pieces.iter().map(chunk).collect())
    }

    proptest! {
        #[test]
        fn every_pair_of_blobs_is_put_together(
            blob in prop::collection::vec(0_u8..6, 0..30),
            earlier in prop::collection::vec(0_u8..6, 0..30),
        ) {
            let ((blob, chunks), (earlier, before)) = (few(&blob), few(&earlier));
            prop_assert_eq!(apply(&delta(&chunks, &before), &blob, &earlier), blob);
        }
    }
}
