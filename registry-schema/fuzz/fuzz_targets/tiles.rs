//! Paths of the log's files, tiles, entry bundles.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::log::entry::{BundleWriter, parse_bundle};
use registry_schema::log::tile::{LogFile, Tile};

fuzz_target!(|bytes: &[u8]| {
    // A line with a path, then the file.
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (path, file) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Ok(path) = std::str::from_utf8(path) else {
        return;
    };
    match path.parse::<LogFile>() {
        Ok(LogFile::Tile(id)) => {
            assert_eq!(id.to_string(), path);
            if let Ok(tile) = Tile::parse(id, file) {
                assert_eq!(tile.to_bytes(), file);
                let _ = tile.root();
            }
        }
        Ok(LogFile::Bundle(id)) => {
            assert_eq!(id.to_string(), path);
            let Ok(entries) = parse_bundle(id, file) else {
                return;
            };
            let mut again = BundleWriter::new();
            entries
                .iter()
                .for_each(|entry| again.push(entry).expect("it was read"));
            assert_eq!(again.finish(), file);
        }
        Err(_) => {}
    }
});
