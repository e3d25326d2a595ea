//! The manifests of `examples/extractors` are what an author may write.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use registry_schema::manifest::Manifest;

#[test]
fn every_example_manifest_is_accepted() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/extractors");
    let mut accepted = Vec::new();
    for extractor in std::fs::read_dir(examples).unwrap() {
        let Ok(versions) = std::fs::read_dir(extractor.unwrap().path()) else {
            continue;
        };
        for version in versions {
            let file = version.unwrap().path().join("extractor.toml");
            if let Ok(text) = std::fs::read_to_string(&file) {
                let manifest = Manifest::from_toml(&text)
                    .unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
                accepted.push(format!("{} {}", manifest.name, manifest.version));
            }
        }
    }
    accepted.sort();
    let expected = [
        "aerial-photographs 1.0.0",
        "colours-and-textures 1.0.0",
        "everyday-objects 1.0.0",
        "everyday-objects-large 1.0.0",
        "everyday-objects-medium 1.0.0",
        "frontal-faces 1.0.0",
        "illustrations 1.0.0",
        "passport-extractor 2.0.0",
        "passport-extractor 2.1.0",
        "picture-style 1.0.0",
        "text-content 1.0.0",
        "text-direction 1.0.0",
        "text-layout 1.0.0",
    ];
    assert_eq!(accepted, expected);
}
