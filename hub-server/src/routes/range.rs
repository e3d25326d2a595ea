//! The `Range` header (RFC 9110 section 14): one range of bytes, closed, open or suffix.

use std::ops::Range;

/// What a request wants of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// Some bytes of it, at least one.
    Part(Range<u64>),
    /// Bytes that are past its end.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size_bytes` bytes. What is no byte range, or several, is
/// ignored, as the RFC allows.
pub(super) fn parse(header: &str, size_bytes: u64) -> Wanted {
    let Some((unit, ranges)) = header.split_once('=') else {
        return Wanted::Whole;
    };
    let Some((first, last)) = ranges.trim().split_once('-') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    match (number(first), number(last)) {
        // `-5`: the last five.
        (Number::Absent, Number::Is(length)) => part(size_bytes.saturating_sub(length)..size_bytes),
        // `5-`: all from the sixth.
        (Number::Is(first), Number::Absent) => part(first..size_bytes),
        // One that ends before it begins holds nothing; the RFC lets a server refuse it, and clients of
        // OCI distribution expect that.
        (Number::Is(first), Number::Is(last)) => {
            part(first..size_bytes.min(last.saturating_add(1)))
        }
        _ => Wanted::Whole,
    }
}

fn part(range: Range<u64>) -> Wanted {
    if range.is_empty() {
        Wanted::Unsatisfiable
    } else {
        Wanted::Part(range)
    }
}

enum Number {
    Absent,
    Is(u64),
    Malformed,
}

/// Digits only; a number past 2^64 is past the end of every file.
fn number(text: &str) -> Number {
    let text = text.trim();
    if text.is_empty() {
        Number::Absent
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Number::Is(text.parse().unwrap_or(u64::MAX))
    } else {
        Number::Malformed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_the_rfc() {
        for (header, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-", Wanted::Part(0..10)),
            ("bytes=9-", Wanted::Part(9..10)),
            ("Bytes = 2-5", Wanted::Part(2..6)),
            ("bytes=5-100", Wanted::Part(5..10)),
            ("bytes=5-99999999999999999999999", Wanted::Part(5..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-100", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=10-12", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-2", Wanted::Unsatisfiable),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(parse(header, 10), wanted, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_part_is_inside_the_file(header in "(bytes=)?[0-9]{0,22}-?[0-9]{0,22}(,.*)?", size in any::<u64>()) {
            if let Wanted::Part(range) = parse(&header, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }

        #[test]
        fn a_closed_range_is_cut_at_the_end(first in 0u64..1000, length in 1u64..1000, size in 0u64..1500) {
            let wanted = parse(&format!("bytes={first}-{}", first + length - 1), size);
            if first < size {
                prop_assert_eq!(wanted, Wanted::Part(first..size.min(first + length)));
            } else {
                prop_assert_eq!(wanted, Wanted::Unsatisfiable);
            }
        }

        #[test]
        fn arbitrary_headers_never_panic(header in ".{0,60}", size in any::<u64>()) {
            let _ = parse(&header, size);
        }
    }
}
