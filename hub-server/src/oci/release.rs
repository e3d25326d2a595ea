//! A release in CNCF ModelPack form: <https://github.com/modelpack/model-spec>. One layer for each
//! file, as it is; the configuration says what the signed manifest says.
//!
//! What is here follows from the signed statement alone, so every copy of a hub, today and later, has
//! the same manifest with the same digest.

use serde::Serialize;

use super::document::{Annotations, Descriptor, Document, MANIFEST, Manifest};
use super::error::OciError;
use crate::database::releases::{FileRow, ReleaseRow, files};
use crate::database::{Connection, DatabaseError, from_column};

const ARTIFACT: &str = "application/vnd.cncf.model.manifest.v1+json";
const CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
const WEIGHT: &str = "application/vnd.cncf.model.weight.v1.raw";
const WEIGHT_CONFIG: &str = "application/vnd.cncf.model.weight.config.v1.raw";
const DOCUMENT: &str = "application/vnd.cncf.model.doc.v1.raw";
const DATASET: &str = "application/vnd.cncf.model.dataset.v1.raw";

/// The folder of probe pictures and their vectors.
const PROBES: &str = "probes/";

/// A release as a client of the protocol gets it, but for its layers.
#[derive(Debug)]
pub(super) struct ReleaseDocuments {
    pub(super) manifest: Document,
    pub(super) config: Document,
}

/// Makes the manifest and configuration of a release.
pub(super) fn of(
    connection: &mut Connection,
    row: &ReleaseRow,
) -> Result<ReleaseDocuments, OciError> {
    let files = files(connection, &row.statement)?;
    Ok(make(row, &files)?)
}

fn make(row: &ReleaseRow, files: &[FileRow]) -> Result<ReleaseDocuments, DatabaseError> {
    let config = Config {
        descriptor: About {
            name: &row.name,
            version: &row.version,
            revision: &row.statement,
            vendor: row.member.as_deref(),
            licenses: [&row.license],
            title: &row.name,
            description: &row.summary,
        },
        config: Technical {
            format: "onnx",
            capabilities: Capabilities {
                input_types: ["image"],
                output_types: ["embedding"],
            },
        },
        modelfs: Layers {
            kind: "layers",
            diff_ids: files.iter().map(|file| file.digest.as_str()).collect(),
        },
    };
    let config = Document::json(CONFIG, &config);
    let layers = files.iter().map(layer).collect::<Result<_, _>>()?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type: ARTIFACT,
        config: config.descriptor(),
        layers,
        subject: None,
        annotations: annotations(row),
    };
    Ok(ReleaseDocuments {
        manifest: Document::json(MANIFEST, &manifest),
        config,
    })
}

fn layer(file: &FileRow) -> Result<Descriptor, DatabaseError> {
    let size = from_column(file.size_bytes)?;
    let descriptor = Descriptor::new(media_type(&file.path), file.digest.clone(), size);
    let path = ["org.cncf.model.filepath", "org.opencontainers.image.title"];
    let path = path.map(|key| (key.to_owned(), file.path.clone()));
    Ok(descriptor.annotated(Annotations::from(path)))
}

fn annotations(row: &ReleaseRow) -> Annotations {
    let pairs = [
        ("title", &row.name),
        ("version", &row.version),
        ("revision", &row.statement),
        ("licenses", &row.license),
        ("description", &row.summary),
    ];
    let key = |word| format!("org.opencontainers.image.{word}");
    let known = pairs.map(|(word, value)| (key(word), value.clone()));
    let vendor = row
        .member
        .iter()
        .map(|member| (key("vendor"), member.clone()));
    known.into_iter().chain(vendor).collect()
}

/// What a file is, by its place and kind; other kinds than these are in no release.
fn media_type(path: &str) -> &'static str {
    if path.starts_with(PROBES) {
        return DATASET;
    }
    match path.rsplit_once('.').map(|(_, kind)| kind) {
        Some("onnx") => WEIGHT,
        Some("md" | "txt") => DOCUMENT,
        Some("csv" | "png") => DATASET,
        _ => WEIGHT_CONFIG,
    }
}

/// A configuration of ModelPack.
#[derive(Serialize)]
struct Config<'a> {
    descriptor: About<'a>,
    config: Technical,
    modelfs: Layers<'a>,
}

#[derive(Serialize)]
struct About<'a> {
    name: &'a str,
    version: &'a str,
    /// SHA-256 of the signed statement.
    revision: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<&'a str>,
    licenses: [&'a str; 1],
    title: &'a str,
    description: &'a str,
}

#[derive(Serialize)]
struct Technical {
    format: &'static str,
    capabilities: Capabilities,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    input_types: [&'static str; 1],
    output_types: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layers<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<&'a str>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use registry_schema::digest::Digest;

    use super::*;

    fn row() -> ReleaseRow {
        let text = |text: &str| text.to_owned();
        ReleaseRow {
            statement: Digest::of(b"statement").to_string(),
            name: text("alpha/squares"),
            version: text("2.1.0"),
            envelope: b"{}".to_vec(),
            member: Some(text("alpha")),
            summary: text("Squares"),
            license: text("Apache-2.0"),
            domain: text("documents"),
            tags: text(" squares "),
            search_text: text("squares"),
            dimension: 4,
            distance: text("cosine"),
            size_bytes: 30,
            changes: None,
            signers: text("alpha"),
            published_at: 1,
            published_by: text("alpha"),
            is_listed: true,
            is_yanked: false,
            yank_reason: None,
            yank_replacement: None,
            log_index: Some(0),
            input: None,
        }
    }

    fn files() -> Vec<FileRow> {
        let paths = [
            "README.md",
            "model.onnx",
            "probes/vectors.json",
            "statistics.json",
        ];
        let file = |path: &str| FileRow {
            statement: Digest::of(b"statement").to_string(),
            path: path.to_owned(),
            digest: Digest::of(path.as_bytes()).to_string(),
            size_bytes: 10,
        };
        paths.map(file).to_vec()
    }

    /// Whoever wrote down the digest of a manifest must get it for ever: when this test fails, the old
    /// form must stay readable.
    #[test]
    fn a_manifest_has_the_same_bytes_for_ever() {
        let made = make(&row(), &files()).unwrap();
        insta::assert_snapshot!(String::from_utf8(made.manifest.bytes).unwrap());
        insta::assert_snapshot!(String::from_utf8(made.config.bytes).unwrap());
    }

    #[test]
    fn what_the_hub_learned_later_changes_nothing() {
        let made = make(&row(), &files()).unwrap();
        let later = ReleaseRow {
            is_listed: false,
            is_yanked: true,
            yank_reason: Some("wrong".to_owned()),
            published_at: 2,
            log_index: Some(7),
            ..row()
        };
        let again = make(&later, &files()).unwrap();
        assert_eq!(again.manifest, made.manifest);
        assert_eq!(again.config, made.config);
    }
}
