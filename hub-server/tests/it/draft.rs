//! Small extractors to publish: good ones, and bad ones in every way.

use std::collections::BTreeMap;

use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::manifest::{Manifest, Predecessor, ProbeVectors, VECTORS_FILE};
use registry_schema::name::Name;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{Dimension, ElementType, ModelHeader, float_tensor, node, value_info};
use registry_schema::statement::{ReleaseFile, ReleaseStatement, YankAction, YankStatement};
use semver::Version;

use crate::world::key;

pub(crate) const RED: &[u8] = include_bytes!("fixtures/red.png");
pub(crate) const GREEN: &[u8] = include_bytes!("fixtures/green.png");
pub(crate) const BLUE: &[u8] = include_bytes!("fixtures/blue.png");
pub(crate) const GRAY: &[u8] = include_bytes!("fixtures/gray.png");

/// What somebody is about to sign.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) manifest: Manifest,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// What somebody has signed.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) name: Name,
    pub(crate) version: Version,
    pub(crate) envelope: Vec<u8>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) statement: Digest,
    pub(crate) content: Digest,
}

impl Draft {
    /// A good first release of four dimensions.
    pub(crate) fn new(name: &str, version: &str) -> Self {
        let manifest = format!(
            r#"
name = "{name}"
version = "{version}"
summary = "Colours of small squares"
license = "Apache-2.0"
tags = ["squares"]
domain = "photographs"
input = {{ tensor = "input", width = 8, height = 8, normalize = {{ mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }} }}
output = {{ tensor = "features", dimension = 4 }}
"#
        );
        let mut draft = Self {
            manifest: Manifest::from_toml(&manifest).unwrap(),
            files: BTreeMap::new(),
        }
        .file("README.md", format!("# {name} {version}\n"))
        .file("probes/red.png", RED)
        .file("probes/green.png", GREEN)
        .file("probes/blue.png", BLUE);
        draft = draft.file("model.onnx", graph(4));
        draft.vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0)])
    }

    pub(crate) fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    pub(crate) fn without(mut self, path: &str) -> Self {
        self.files.remove(path).unwrap();
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// Vectors of the manifest's length for probes: the first value `1`, the others `slope`.
    pub(crate) fn vectors(self, probes: &[(&str, f32)]) -> Self {
        let dimension = self.manifest.output.dimension as usize;
        let vectors = probes.iter().map(|(probe, slope)| {
            let mut vector = vec![*slope; dimension];
            vector[0] = 1.0;
            (format!("probes/{probe}.png"), vector)
        });
        let bytes = ProbeVectors::new(vectors.collect()).to_bytes();
        self.file(VECTORS_FILE, bytes)
    }

    pub(crate) fn after(self, before: &Signed) -> Self {
        let predecessor = Predecessor {
            version: before.version.clone(),
            statement: before.statement,
        };
        self.with(|manifest| manifest.predecessor = Some(predecessor))
    }

    pub(crate) fn statement(&self) -> ReleaseStatement {
        let files = self.files.iter().map(|(path, bytes)| ReleaseFile {
            path: path.clone(),
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
        });
        ReleaseStatement::new(self.manifest.clone(), files.collect()).unwrap()
    }

    pub(crate) fn sign(&self, seeds: &[u8]) -> Signed {
        let payload = self.statement().to_payload();
        self.sign_payload(payload, seeds)
    }

    /// Signs the statement after changing its text, so that it says what no honest publisher's
    /// program would write.
    pub(crate) fn sign_changed(&self, from: &str, to: &str, seeds: &[u8]) -> Signed {
        let text = String::from_utf8(self.statement().to_payload()).unwrap();
        assert!(text.contains(from), "{from} must occur in {text}");
        self.sign_payload(text.replace(from, to).into_bytes(), seeds)
    }

    fn sign_payload(&self, payload: Vec<u8>, seeds: &[u8]) -> Signed {
        let keys: Vec<_> = seeds.iter().map(|&seed| key(seed)).collect();
        Signed {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            statement: Digest::of(&payload),
            content: self.statement().content_digest(),
            envelope: Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).to_bytes(),
            files: self.files.clone(),
        }
    }
}

impl Signed {
    /// A signed yank or unyank of this release.
    pub(crate) fn yank(&self, action: YankAction, sequence: u64, seeds: &[u8]) -> Vec<u8> {
        let statement = YankStatement {
            name: self.name.clone(),
            version: self.version.clone(),
            content: self.content,
            action,
            reason: "wrong colours".into(),
            replacement: Some(Version::new(9, 0, 0)),
            sequence,
        };
        let keys: Vec<_> = seeds.iter().map(|&seed| key(seed)).collect();
        Envelope::sign(statement.to_payload(), &keys.iter().collect::<Vec<_>>()).to_bytes()
    }
}

/// The bytes of an extractor: flatten `[batch, 3, 8, 8]`, multiply to `[batch, dimension]`.
pub(crate) fn graph(dimension: u64) -> Vec<u8> {
    graph_with(dimension, &[])
}

/// The same with further nodes.
pub(crate) fn graph_with(dimension: u64, nodes: &[Message]) -> Vec<u8> {
    let weights = (0..192 * dimension).map(|_| 0.01);
    let batch = Dimension::Named("batch".into());
    let input = [
        batch.clone(),
        Dimension::Fixed(3),
        Dimension::Fixed(8),
        Dimension::Fixed(8),
    ];
    let mut graph = Message::new()
        .message(1, &node("Flatten", &["input"], &["flat"], &[]))
        .message(1, &node("MatMul", &["flat", "weights"], &["features"], &[]));
    for node in nodes {
        graph = graph.message(1, node);
    }
    let graph = graph
        .text(2, "squares")
        .message(5, &float_tensor("weights", &[192, dimension], weights))
        .message(11, &value_info("input", ElementType::Float32, &input))
        .message(
            12,
            &value_info(
                "features",
                ElementType::Float32,
                &[batch, Dimension::Fixed(dimension)],
            ),
        );
    let header = ModelHeader {
        ir_version: 8,
        opset: 17,
        producer: "test",
        metadata: &[],
    };
    header.with_graph(&graph).into_bytes()
}
