//! A pack that somebody else made, taken apart. Give it a `TMPDIR` in memory: each file is synced.
#![no_main]
use hub_client::bundle::unpack;
use hub_client::registry::Progress;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let around = tempfile::tempdir().expect("a temporary folder");
    let (pack, target) = (around.path().join("pack"), around.path().join("target"));
    std::fs::write(&pack, bytes).expect("it is written");
    let _ = unpack(&pack, &target, &Progress::silent());
    let names = std::fs::read_dir(around.path()).expect("it is there");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    assert!(names.into_iter().all(|name| name == "pack" || name == "target"));
});
