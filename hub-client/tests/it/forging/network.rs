//! Small networks to make extractors of, and what their values are when they are run by themselves.

use std::path::{Path, PathBuf};

use hub_client::runtime::decode::{DecodeLimits, Picture};
use hub_client::runtime::library::Library;
use hub_client::runtime::preprocess::Preprocessor;
use hub_client::runtime::session::{Samples, Session, Values};
use registry_schema::manifest::Manifest;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, ModelHeader, attribute, float_tensor, int64_tensor,
    node, tensor_attribute, value_info,
};

use crate::world::runtime_library;

/// A graph in the making.
pub(crate) struct Network {
    graph: Message,
    opset: i64,
    random: u64,
    /// Whether weights are held by nodes of their own.
    has_constants: bool,
}

impl Network {
    pub(crate) fn new(opset: i64, input: (&str, ElementType, &[Dimension])) -> Self {
        let info = value_info(input.0, input.1, input.2);
        Self {
            graph: Message::new().text(2, "network").message(11, &info),
            opset,
            random: 7,
            has_constants: false,
        }
    }

    pub(crate) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[Message],
    ) {
        self.node_of(operator, inputs, &[output], attributes);
    }

    /// A node of several outputs.
    pub(crate) fn node_of(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Message],
    ) {
        let node = node(operator, inputs, outputs, attributes);
        self.graph = std::mem::take(&mut self.graph).message(1, &node);
    }

    /// A node of somebody's own operators.
    pub(crate) fn custom_node(&mut self, inputs: &[&str], output: &str) {
        let node = node("Custom", inputs, &[output], &[]).text(7, "com.example");
        self.graph = std::mem::take(&mut self.graph).message(1, &node);
    }

    /// A weight of numbers that look random and are the same each time, around zero.
    pub(crate) fn weight(&mut self, name: &str, sides: &[u64]) {
        let count = sides.iter().product::<u64>();
        let inputs: u64 = sides.iter().skip(1).product();
        let size = 2.0 / (inputs.max(1) as f32).sqrt();
        let mut next = || {
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((self.random >> 40) as f32 / 16_777_216.0 - 0.5) * size
        };
        let values: Vec<f32> = (0..count).map(|_| next()).collect();
        let tensor = float_tensor(name, sides, values.into_iter());
        if self.has_constants {
            self.node("Constant", &[], name, &[tensor_attribute("value", &tensor)]);
        } else {
            self.graph = std::mem::take(&mut self.graph).message(5, &tensor);
        }
    }

    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) {
        let tensor = int64_tensor(name, &[values.len() as u64], values);
        self.graph = std::mem::take(&mut self.graph).message(5, &tensor);
    }

    pub(crate) fn convolution(&mut self, input: &str, output: &str, (from, to): (u64, u64)) {
        let weight = format!("{output}_weight");
        self.weight(&weight, &[to, from, 3, 3]);
        let integers = |name, values: &[i64]| attribute(name, AttributeValue::Integers(values));
        let attributes = [
            integers("strides", &[2, 2]),
            integers("pads", &[1, 1, 1, 1]),
        ];
        let before = format!("{output}_before");
        self.node("Conv", &[input, &weight], &before, &attributes);
        self.node("Relu", &[&before], output, &[]);
    }

    /// Writes the file with these outputs, whose types are left open.
    pub(crate) fn write(&self, path: &Path, outputs: &[&str]) -> PathBuf {
        let outputs = outputs.iter().fold(self.graph.clone(), |graph, output| {
            graph.message(12, &Message::new().text(1, output))
        });
        let header = ModelHeader {
            ir_version: 8,
            opset: self.opset,
            producer: "tests",
            metadata: &[],
        };
        let file = header.with_graph(&outputs);
        std::fs::write(path, file.as_bytes()).unwrap();
        path.to_owned()
    }
}

pub(crate) fn sides(batch: &str, rest: [u64; 3]) -> Vec<Dimension> {
    let batch = Dimension::Named(batch.to_owned());
    std::iter::once(batch)
        .chain(rest.map(Dimension::Fixed))
        .collect()
}

/// A classifier of 32×32 pictures: `stage1` [8, 16, 16], `stage2` [16, 8, 8], `stage3` [24, 4, 4], `pooled` [24],
/// `logits` [9].
pub(crate) fn classifier(opset: i64) -> Network {
    classifier_of(Network::new(
        opset,
        ("image", ElementType::Float32, &sides("n", [3, 32, 32])),
    ))
}

/// The same with its weights in nodes of their own.
pub(crate) fn classifier_of_constants(opset: i64) -> Network {
    classifier_of(Network {
        has_constants: true,
        ..Network::new(
            opset,
            ("image", ElementType::Float32, &sides("n", [3, 32, 32])),
        )
    })
}

fn classifier_of(mut network: Network) -> Network {
    network.convolution("image", "stage1", (3, 8));
    network.convolution("stage1", "stage2", (8, 16));
    network.convolution("stage2", "stage3", (16, 24));
    network.node("GlobalAveragePool", &["stage3"], "mean", &[]);
    network.node("Flatten", &["mean"], "pooled", &[]);
    network.weight("last_weight", &[24, 9]);
    network.node("MatMul", &["pooled", "last_weight"], "logits", &[]);
    network
}

/// A small transformer of 32×32 pictures: `tokens` [17, 12], of which the first is the class token, `logits` [9].
pub(crate) fn transformer() -> Network {
    let mut network = Network::new(
        17,
        ("pixels", ElementType::Float32, &sides("n", [3, 32, 32])),
    );
    network.weight("patch_weight", &[12, 3, 8, 8]);
    let strides = attribute("strides", AttributeValue::Integers(&[8, 8]));
    network.node("Conv", &["pixels", "patch_weight"], "patches", &[strides]);
    network.integers("flat", &[0, 12, 16]);
    network.node("Reshape", &["patches", "flat"], "rows", &[]);
    let order = attribute("perm", AttributeValue::Integers(&[0, 2, 1]));
    network.node("Transpose", &["rows"], "patch_tokens", &[order]);
    // The class token: the mean of all, through a weight of its own.
    let axes = attribute("axes", AttributeValue::Integers(&[1]));
    network.node("ReduceMean", &["patch_tokens"], "mean_token", &[axes]);
    network.weight("class_weight", &[12, 12]);
    network.node(
        "MatMul",
        &["mean_token", "class_weight"],
        "class_token",
        &[],
    );
    let axis = |axis| attribute("axis", AttributeValue::Integer(axis));
    network.node(
        "Concat",
        &["class_token", "patch_tokens"],
        "all_tokens",
        &[axis(1)],
    );
    network.weight("scale", &[12]);
    network.weight("shift", &[12]);
    network.node(
        "LayerNormalization",
        &["all_tokens", "scale", "shift"],
        "tokens",
        &[axis(-1)],
    );
    network.integers("first", &[0]);
    network.node("Gather", &["tokens", "first"], "class_row", &[axis(1)]);
    network.node("Flatten", &["class_row"], "class", &[axis(1)]);
    network.weight("last_weight", &[12, 9]);
    network.node("MatMul", &["class", "last_weight"], "logits", &[]);
    network
}

/// The values of `output` for a picture, as the network computes them: `count` numbers.
pub(crate) fn value(
    network: &Path,
    (output, count): (&str, usize),
    manifest: &Manifest,
    picture: &Path,
) -> Vec<f32> {
    let library = Library::load(runtime_library().as_deref(), None).unwrap();
    let mut session = Session::open(&library, network, 1).unwrap();
    let picture = Picture::open(picture, &DecodeLimits::default()).unwrap();
    let mut preprocessor = Preprocessor::new(manifest.input.clone());
    let mut samples = vec![0.0; preprocessor.sample_length()];
    preprocessor.prepare(&picture, &mut samples).unwrap();
    let input = session.inputs()[0].name.clone();
    let (width, height) = (
        manifest.input.width as usize,
        manifest.input.height as usize,
    );
    let shape = [1, 3, height, width];
    let fed = (input.as_str(), shape.as_slice(), Samples::Floats(&samples));
    match session.evaluate(fed, &[(output, count)]).unwrap().remove(0) {
        Values::Floats(values) => values,
        Values::Booleans(_) => panic!("{output} is no number"),
    }
}
