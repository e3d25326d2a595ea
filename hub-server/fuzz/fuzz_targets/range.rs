//! The `Range` header of a request. The module stands on its own, so the target takes its source alone.
#![no_main]
use libfuzzer_sys::fuzz_target;

#[path = "../../src/routes/range.rs"]
mod range;

fuzz_target!(|asked: (u64, &str)| {
    let (size_bytes, header) = asked;
    if let range::Wanted::Part(part) = range::parse(header, size_bytes) {
        assert!(part.start < part.end && part.end <= size_bytes);
    }
});
