//! The JSON Schema of `extractor.toml` that editors read is the one in `docs/`.

use std::path::Path;

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/extractor.schema.json");
    let schema = registry_schema::manifest::json_schema();
    let current = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("HUB_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &current).expect("docs/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/extractor.schema.json differs: run the tests with HUB_UPDATE_DOCS=1"
    );
}
