//! What is missing of a blob, in pieces that are fetched or copied at a time.

use registry_schema::api::DeltaPart;

/// Bytes of one range request: large enough that its round trip does not show, small enough that
/// the ranges in flight stay in memory.
pub(super) const SEGMENT_BYTES: u64 = 4 << 20;

/// The next bytes of a blob, at most [`SEGMENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Asked for: the closed range of the blob.
    Fetched { first: u64, last: u64 },
    /// Taken from the earlier blob, where they begin at `at`.
    Copied { at: u64, size_bytes: u64 },
}

/// The pieces of a blob from byte `start` on.
pub(super) fn pieces(parts: &[DeltaPart], start: u64) -> impl Iterator<Item = Piece> {
    let mut parts = parts.iter().copied();
    let mut part = DeltaPart {
        size_bytes: 0,
        at: None,
    };
    let (mut next, mut skipped) = (0_u64, start);
    let take = move |part: &mut DeltaPart, next: &mut u64, size_bytes: u64| {
        part.size_bytes -= size_bytes;
        part.at = part.at.map(|at| at + size_bytes);
        *next += size_bytes;
    };
    std::iter::from_fn(move || {
        while part.size_bytes == 0 || skipped > 0 {
            if part.size_bytes == 0 {
                part = parts.next()?;
            }
            let passed = skipped.min(part.size_bytes);
            skipped -= passed;
            take(&mut part, &mut next, passed);
        }
        let size_bytes = part.size_bytes.min(SEGMENT_BYTES);
        let piece = match part.at {
            Some(at) => Piece::Copied { at, size_bytes },
            None => Piece::Fetched {
                first: next,
                last: next + (size_bytes - 1),
            },
        };
        take(&mut part, &mut next, size_bytes);
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use registry_schema::api::Delta;

    use super::*;

    fn all(parts: &[DeltaPart], start: u64) -> Vec<Piece> {
        pieces(parts, start).collect()
    }

    #[test]
    fn a_whole_blob_is_asked_for_in_segments() {
        let last = SEGMENT_BYTES - 1;
        let whole = Delta::whole(SEGMENT_BYTES + 1).parts;
        let rest = Piece::Fetched {
            first: SEGMENT_BYTES,
            last: SEGMENT_BYTES,
        };
        assert_eq!(all(&whole, 0), [Piece::Fetched { first: 0, last }, rest]);
        let rest_of_both = Piece::Fetched {
            first: 5,
            last: SEGMENT_BYTES,
        };
        assert_eq!(all(&whole, 5), [rest_of_both]);
        assert_eq!(all(&whole, SEGMENT_BYTES), [rest]);
        assert_eq!(all(&whole, SEGMENT_BYTES + 1), []);
        assert_eq!(all(&Delta::whole(0).parts, 0), []);
    }

    #[test]
    fn what_is_here_is_copied_from_where_it_is() {
        let part = |size_bytes, at| DeltaPart { size_bytes, at };
        let parts = [part(10, Some(7)), part(4, None), part(6, Some(0))];
        let copied = |at, size_bytes| Piece::Copied { at, size_bytes };
        let fetched = |first, last| Piece::Fetched { first, last };
        assert_eq!(
            all(&parts, 0),
            [copied(7, 10), fetched(10, 13), copied(0, 6)]
        );
        assert_eq!(
            all(&parts, 3),
            [copied(10, 7), fetched(10, 13), copied(0, 6)]
        );
        assert_eq!(all(&parts, 11), [fetched(11, 13), copied(0, 6)]);
        assert_eq!(all(&parts, 19), [copied(5, 1)]);
    }

    proptest! {
        #[test]
        fn everything_after_the_start_comes_once_and_in_order(
            parts in prop::collection::vec((1..3 * SEGMENT_BYTES, prop::option::of(0..1_u64 << 40)), 0..6),
            start in 0..10 * SEGMENT_BYTES,
        ) {
            let parts: Vec<_> = parts.into_iter().map(|(size_bytes, at)| DeltaPart { size_bytes, at }).collect();
            let size: u64 = parts.iter().map(|part| part.size_bytes).sum();
            let start = start.min(size);
            let mut next = start;
            for piece in pieces(&parts, start) {
                let length = match piece {
                    Piece::Fetched { first, last } => {
                        prop_assert_eq!(first, next);
                        last - first + 1
                    }
                    Piece::Copied { size_bytes, .. } => size_bytes,
                };
                prop_assert!((1..=SEGMENT_BYTES).contains(&length));
                next += length;
            }
            prop_assert_eq!(next, size);
        }
    }
}
