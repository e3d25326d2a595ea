//! How a blob is put together from an earlier one: what a hub says of it.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::api::Delta;

fuzz_target!(|bytes: &[u8]| {
    // Two lengths, then the answer.
    let Some((lengths, answer)) = bytes.split_first_chunk::<16>() else {
        return;
    };
    let (lengths, _) = lengths.as_chunks::<8>();
    let [size_bytes, earlier_bytes] = [0, 1].map(|at| u64::from_le_bytes(lengths[at]));
    let Ok(delta) = serde_json::from_slice::<Delta>(answer) else {
        return;
    };
    if delta.check(size_bytes, earlier_bytes).is_err() {
        return;
    }
    // What passed makes the blob, from within the earlier one.
    let mut end = 0_u64;
    for part in &delta.parts {
        let from = part.at.unwrap_or(0);
        assert!(part.size_bytes > 0);
        assert!(part.at.is_none() || from.checked_add(part.size_bytes).expect("no overflow") <= earlier_bytes);
        end = end.checked_add(part.size_bytes).expect("no overflow");
    }
    assert_eq!(end, size_bytes);
    assert_eq!(delta.fetched_bytes() + delta.reused_bytes(), size_bytes);
});
