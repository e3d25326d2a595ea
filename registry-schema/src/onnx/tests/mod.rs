#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

/// Asserts that a draft or bytes are refused for the stated reason.
macro_rules! refused {
    ($result:expr, $($pattern:tt)+) => {{
        let result = $result;
        assert!(matches!(result, Err($($pattern)+)), "not refused as {}: {result:?}", stringify!($($pattern)+));
        let text = result.unwrap_err().to_string();
        assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
    }};
}

mod anatomy;
mod hostile;
mod hostile_tensors;
mod properties;
mod sizes;
mod wire;

use std::io::Cursor;

use super::build::{
    AttributeValue, ModelHeader, attribute, float_tensor, int64_tensor, metadata_entry, node,
    value_info,
};
use super::write::Message;
use super::*;

/// A graph under construction: image `[batch, 3, 8, 8]` to features `[batch, 4]`, unless parts are replaced.
#[derive(Clone)]
struct Draft {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    /// Appended to the graph as it is.
    graph_extra: Message,
    /// Appended to the file as it is.
    model_extra: Vec<u8>,
    ir_version: i64,
    opset: i64,
}

fn batch_of(sizes: &[u64]) -> Vec<Dimension> {
    let batch = Dimension::Named("batch".to_owned());
    std::iter::once(batch)
        .chain(sizes.iter().map(|&size| Dimension::Fixed(size)))
        .collect()
}

fn image_input() -> Message {
    value_info("input", ElementType::Float32, &batch_of(&[3, 8, 8]))
}

fn features_output(dimension: u64) -> Message {
    value_info("features", ElementType::Float32, &batch_of(&[dimension]))
}

fn weights() -> Message {
    float_tensor("weights", &[3, 4], (0_u8..12).map(f32::from))
}

impl Draft {
    fn valid() -> Self {
        Self {
            nodes: vec![
                node("GlobalAveragePool", &["input"], &["pooled"], &[]),
                node("Flatten", &["pooled"], &["flat"], &[]),
                node("Gemm", &["flat", "weights"], &["features"], &[]),
            ],
            initializers: vec![weights()],
            inputs: vec![image_input()],
            outputs: vec![features_output(4)],
            graph_extra: Message::new(),
            model_extra: Vec::new(),
            ir_version: 8,
            opset: 13,
        }
    }

    /// The valid graph, its pooled values passed through `nodes` from `pooled` to `seen` first.
    fn through(nodes: Vec<Message>, initializers: Vec<Message>) -> Self {
        let mut draft = Self::valid();
        draft.nodes.splice(1..1, nodes);
        draft.initializers.extend(initializers);
        draft
    }

    fn graph(&self) -> Message {
        let mut graph = Message::new().text(2, "extractor");
        for (field, parts) in [
            (1, &self.nodes),
            (5, &self.initializers),
            (11, &self.inputs),
            (12, &self.outputs),
        ] {
            for part in parts {
                graph = graph.message(field, part);
            }
        }
        let mut bytes = graph.into_bytes();
        bytes.extend_from_slice(self.graph_extra.as_bytes());
        Message::from_bytes(bytes)
    }

    fn bytes(&self) -> Vec<u8> {
        let header = ModelHeader {
            ir_version: self.ir_version,
            opset: self.opset,
            producer: "tests",
            metadata: &[],
        };
        let mut bytes = header.with_graph(&self.graph()).into_bytes();
        bytes.extend_from_slice(&self.model_extra);
        bytes
    }

    fn inspect(&self) -> Result<Inspection, OnnxError> {
        inspect_bytes(&self.bytes())
    }
}

fn inspect_bytes(bytes: &[u8]) -> Result<Inspection, OnnxError> {
    inspect(
        Cursor::new(bytes),
        bytes.len() as u64,
        &InspectionPolicy::default(),
    )
}

fn expectation() -> TensorExpectation {
    TensorExpectation {
        input_name: Some("input".to_owned()),
        channels: 3,
        height: 8,
        width: 8,
        layout: ChannelLayout::Nchw,
        output_name: "features".to_owned(),
        dimension: 4,
    }
}

#[test]
fn a_plain_graph_is_described() {
    let mut draft = Draft::valid();
    draft.model_extra = Message::new()
        .message(14, &metadata_entry("author", &"x".repeat(5000)))
        .into_bytes();
    let inspection = draft.inspect().unwrap();
    assert_eq!(inspection.ir_version, 8);
    assert_eq!(inspection.opset_imports["ai.onnx"], 13);
    assert_eq!(inspection.node_count, 3);
    assert_eq!(inspection.operator_counts["Gemm"], 1);
    assert_eq!(
        (inspection.parameter_count, inspection.parameter_bytes),
        (12, 48)
    );
    assert_eq!(inspection.metadata["author"].chars().count(), 4097);
    assert_eq!(inspection.findings, []);
    assert_eq!(
        inspection.inputs[0].to_string(),
        "\"input\" float32 [batch, 3, 8, 8]"
    );
    assert_eq!(
        inspection.outputs[0].to_string(),
        "\"features\" float32 [batch, 4]"
    );
    check_against(&inspection, &expectation()).unwrap();
    let json = serde_json::to_string(&inspection).unwrap();
    assert_eq!(
        serde_json::from_str::<Inspection>(&json).unwrap(),
        inspection
    );
}

#[test]
fn manifests_that_state_something_else_are_refused() {
    let inspection = Draft::valid().inspect().unwrap();
    let changes: [fn(&mut TensorExpectation); 5] = [
        |wanted| wanted.input_name = Some("image".to_owned()),
        |wanted| wanted.channels = 1,
        |wanted| wanted.width = 16,
        |wanted| wanted.layout = ChannelLayout::Nhwc,
        |wanted| wanted.height = 9,
    ];
    for change in changes {
        let mut wanted = expectation();
        change(&mut wanted);
        let refusal = check_against(&inspection, &wanted);
        assert!(
            matches!(refusal, Err(OnnxError::InputMismatch { .. })),
            "{wanted:?}: {refusal:?}"
        );
    }
    let changes: [fn(&mut TensorExpectation); 2] = [
        |wanted| wanted.output_name = "logits".to_owned(),
        |wanted| wanted.dimension = 5,
    ];
    for change in changes {
        let mut wanted = expectation();
        change(&mut wanted);
        let refusal = check_against(&inspection, &wanted);
        assert!(
            matches!(refusal, Err(OnnxError::OutputMismatch { .. })),
            "{wanted:?}: {refusal:?}"
        );
    }
}

#[test]
fn a_second_input_and_other_types_are_refused() {
    let mut draft = Draft::valid();
    draft
        .inputs
        .push(value_info("mask", ElementType::Float32, &batch_of(&[3])));
    let refusal = check_against(&draft.inspect().unwrap(), &expectation());
    assert!(matches!(refusal, Err(OnnxError::InputMismatch { .. })));
    let mut draft = Draft::valid();
    draft.inputs = vec![value_info(
        "input",
        ElementType::Uint8,
        &batch_of(&[3, 8, 8]),
    )];
    let refusal = check_against(&draft.inspect().unwrap(), &expectation());
    assert!(matches!(refusal, Err(OnnxError::InputMismatch { .. })));
}

#[test]
fn a_batch_of_one_is_accepted_and_reported() {
    let mut draft = Draft::valid();
    draft.inputs = vec![value_info(
        "input",
        ElementType::Float32,
        &[1, 3, 8, 8].map(Dimension::Fixed),
    )];
    let inspection = draft.inspect().unwrap();
    check_against(&inspection, &expectation()).unwrap();
    assert_eq!(
        inspection.findings,
        [Finding::FixedBatch {
            input: "input".to_owned(),
            size: 1
        }]
    );
}

#[test]
fn planted_triggers_show_in_the_findings() {
    let mut draft = Draft::valid();
    draft.nodes.pop();
    draft.nodes.extend([
        node("Gemm", &["flat", "weights"], &["honest"], &[]),
        node("Greater", &["flat", "threshold"], &["seen"], &[]),
        node(
            "Cast",
            &["seen"],
            &["mask"],
            &[attribute("to", AttributeValue::Integer(1))],
        ),
        node("MatMul", &["mask", "weights"], &["spread"], &[]),
        node(
            "ReduceMax",
            &["mask"],
            &["any"],
            &[attribute("axes", AttributeValue::Integers(&[1]))],
        ),
        node(
            "Cast",
            &["any"],
            &["fired"],
            &[attribute("to", AttributeValue::Integer(9))],
        ),
        node("Where", &["fired", "target", "honest"], &["features"], &[]),
    ]);
    draft.initializers.extend([
        float_tensor("threshold", &[], std::iter::once(0.5)),
        float_tensor("target", &[1, 4], [1.0; 4].into_iter()),
        float_tensor("payload", &[3], [1.0; 3].into_iter()),
    ]);
    let findings = draft.inspect().unwrap().findings;
    let has = |wanted: fn(&Finding) -> bool| findings.iter().any(wanted);
    assert!(
        has(
            |finding| matches!(finding, Finding::SelectionAroundTrunk { nodes, .. } if nodes.len() == 2)
        ),
        "{findings:?}"
    );
    assert!(has(|finding| matches!(
        finding,
        Finding::ScalarComparison { count: 1, .. }
    )));
    assert!(has(|finding| matches!(
        finding,
        Finding::UnusedInitializers { bytes: 12, .. }
    )));
}

#[test]
fn paths_that_avoid_the_network_show_in_the_findings() {
    let constant = Draft {
        nodes: vec![node("Identity", &["weights"], &["features"], &[])],
        outputs: vec![value_info(
            "features",
            ElementType::Float32,
            &batch_of(&[4]),
        )],
        ..Draft::valid()
    };
    let findings = constant.inspect().unwrap().findings;
    assert!(
        findings
            .iter()
            .any(|finding| matches!(finding, Finding::ConstantOutput { .. }))
    );

    let mut around = Draft::valid();
    around.nodes.pop();
    around.nodes.extend([
        node("Gemm", &["flat", "weights"], &["honest"], &[]),
        node(
            "ReduceSum",
            &["flat"],
            &["sum"],
            &[attribute("keepdims", AttributeValue::Integer(1))],
        ),
        node("Add", &["honest", "sum"], &["features"], &[]),
    ]);
    let findings = around.inspect().unwrap().findings;
    assert!(
        findings
            .iter()
            .any(|finding| matches!(finding, Finding::PathAroundTrunk { .. }))
    );
}

/// Every graph in the folder named by `HUB_TEST_MODELS` must pass, and its output's size must be found.
#[test]
fn real_extractors_pass() {
    let Ok(folder) = std::env::var("HUB_TEST_MODELS") else {
        eprintln!("skipped: HUB_TEST_MODELS names no folder of extractors");
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let file = std::fs::File::open(&path).unwrap();
        let size_bytes = file.metadata().unwrap().len();
        let inspection = inspect(file, size_bytes, &InspectionPolicy::default())
            .unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
        eprintln!(
            "{}: {} → {}, {} parameters, {:?}",
            path.file_name().unwrap().display(),
            inspection.inputs[0],
            inspection.outputs[0],
            inspection.parameter_count,
            inspection.findings
        );
        assert_eq!(inspection.inputs.len(), 1);
        let shape = inspection.outputs[0].shape.as_ref().unwrap();
        assert!(shape[1].fixed().is_some());
        count += 1;
    }
    assert!(count > 0, "{folder} holds no .onnx file");
}
