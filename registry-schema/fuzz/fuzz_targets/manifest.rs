//! `extractor.toml`, probe vectors, statistics (after a manifest and a zero byte), pictures and texts of a release.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::content;
use registry_schema::manifest::{Manifest, ProbeVectors, Statistics};

fuzz_target!(|bytes: &[u8]| {
    for path in ["model.onnx", "README.md", "probes/a.png"] {
        let _ = content::check(path, bytes);
    }
    if let Ok(vectors) = ProbeVectors::parse(bytes, 2) {
        assert!(ProbeVectors::parse(&vectors.to_bytes(), 2).is_ok());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some((toml, json)) = text.split_once('\0')
        && let Ok(manifest) = Manifest::from_toml(toml)
        && let Ok(statistics) = Statistics::parse(json.as_bytes(), &manifest)
    {
        assert!(Statistics::parse(&statistics.to_bytes(), &manifest).is_ok());
    }
    if let Ok(manifest) = Manifest::from_toml(text) {
        let again = manifest.to_toml().expect("it came from TOML");
        assert_eq!(
            Manifest::from_toml(&again).expect("it was written"),
            manifest
        );
    }
});
