//! `docs/FUZZING.md` lists the fuzz targets that there are, and each has seeds.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CRATES: [&str; 3] = ["registry-schema", "hub-client", "hub-server"];

/// Names without extension of what is in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(&entry.unwrap().path())).collect()
}

#[test]
fn every_target_is_listed_and_has_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let list = fs::read_to_string(root.join("docs/FUZZING.md")).unwrap();
    let rows = list.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (name, target) = (cells.next()?, cells.next()?);
        Some((name, target.trim_matches('`').to_owned()))
    });
    let rows: Vec<(&str, String)> = rows.filter(|(name, _)| CRATES.contains(name)).collect();
    for name in CRATES {
        let folder = root.join(name).join("fuzz");
        let sources = names(&folder.join("fuzz_targets"));
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let built = manifest["bin"].as_array().unwrap().iter();
        let built: BTreeSet<String> = built
            .map(|target| target["name"].as_str().unwrap().to_owned())
            .collect();
        let listed = rows.iter().filter(|(row, _)| *row == name);
        let listed: BTreeSet<String> = listed.map(|(_, target)| target.clone()).collect();
        assert_eq!(built, sources, "{name}/fuzz/Cargo.toml");
        assert_eq!(listed, sources, "docs/FUZZING.md, {name}");
        assert_eq!(names(&folder.join("seeds")), sources, "{name}/fuzz/seeds");
        for target in &sources {
            assert!(!names(&folder.join("seeds").join(target)).is_empty());
        }
    }
    assert_eq!(rows.len(), rows.iter().collect::<BTreeSet<_>>().len());
}
