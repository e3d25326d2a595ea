//! One hostile file for each reason to refuse.

use super::super::wire::{MAX_DEPTH, MAX_FIELDS};
use super::super::write::length_prefix;
use super::*;

#[test]
fn truncated_files() {
    let bytes = Draft::valid().bytes();
    let mut truncated = 0;
    for length in 0..bytes.len() {
        // Cut between two top-level fields it is another, poorer file; that is refused for what it lacks.
        match inspect_bytes(&bytes[..length]) {
            Err(OnnxError::Truncated { .. }) => truncated += 1,
            Err(_) => {}
            Ok(inspection) => panic!("{length} of {} bytes passed: {inspection:?}", bytes.len()),
        }
    }
    assert!(truncated > bytes.len() - 20);
    // The caller states more bytes than there are.
    let longer = inspect(
        Cursor::new(&bytes),
        bytes.len() as u64 + 5,
        &InspectionPolicy::default(),
    );
    refused!(longer, OnnxError::Truncated { .. });
}

#[test]
fn appended_bytes() {
    let mut bytes = Draft::valid().bytes();
    let size_bytes = bytes.len() as u64;
    bytes.push(0);
    let policy = InspectionPolicy::default();
    refused!(
        inspect(Cursor::new(&bytes), size_bytes, &policy),
        OnnxError::TrailingBytes { .. }
    );
    refused!(
        inspect_bytes(&bytes),
        OnnxError::Truncated { .. } | OnnxError::UnknownField { field: 0, .. }
    );
    let mut bytes = Draft::valid().bytes();
    bytes.extend_from_slice(b"PK\x03\x04 and so on");
    assert!(inspect_bytes(&bytes).is_err());
    let mut draft = Draft::valid();
    draft.model_extra = Message::new().bytes(19, b"payload").into_bytes();
    refused!(
        draft.inspect(),
        OnnxError::UnknownField {
            message: "ModelProto",
            field: 19,
            ..
        }
    );
}

#[test]
fn malformed_wire_data() {
    let mut draft = Draft::valid();
    draft.graph_extra = Message::from_bytes(vec![0x0b]);
    refused!(
        draft.inspect(),
        OnnxError::Malformed {
            message: "GraphProto",
            ..
        }
    );
    let mut draft = Draft::valid();
    draft.nodes.push(Message::new().integer(4, 7));
    refused!(
        draft.inspect(),
        OnnxError::Malformed {
            message: "NodeProto",
            ..
        }
    );
    let mut draft = Draft::valid();
    draft.nodes.push(Message::new().bytes(4, &[0xff, 0xfe]));
    refused!(
        draft.inspect(),
        OnnxError::Malformed {
            message: "NodeProto",
            ..
        }
    );
    // A second graph: protobuf merges the two, other readers take one of them.
    let mut draft = Draft::valid();
    draft.model_extra = Message::new()
        .message(7, &Message::new().text(2, "more"))
        .into_bytes();
    refused!(draft.inspect(), OnnxError::RepeatedField { field: 7, .. });
    // An attribute that states one type and holds two.
    let two = attribute("axis", AttributeValue::Integer(1)).float(2, 1.0);
    let draft = Draft::through(
        vec![node("Flatten", &["pooled"], &["other"], &[two])],
        vec![],
    );
    refused!(
        draft.inspect(),
        OnnxError::Malformed {
            message: "AttributeProto",
            ..
        }
    );
}

#[test]
fn a_length_of_2_to_the_62_in_a_short_file() {
    for field in [5, 7] {
        let mut bytes = length_prefix(field, 1 << 62);
        bytes.extend_from_slice(b"short");
        refused!(inspect_bytes(&bytes), OnnxError::Truncated { .. });
    }
}

#[test]
fn nesting_without_end() {
    let mut graph = Message::new();
    for _ in 0..MAX_DEPTH {
        let attribute = Message::new()
            .text(1, "body")
            .message(6, &graph)
            .integer(20, 5);
        graph = Message::new().message(1, &Message::new().text(4, "If").message(5, &attribute));
    }
    let mut draft = Draft::valid();
    draft.graph_extra = graph;
    refused!(draft.inspect(), OnnxError::TooDeep { .. });
}

#[test]
fn more_structure_than_memory_should_hold() {
    // Two bytes of file for each empty node.
    let mut draft = Draft::valid();
    draft.graph_extra = Message::from_bytes([0x0a, 0x00].repeat(1 << 20));
    refused!(draft.inspect(), OnnxError::StructureTooLarge { .. });
    let mut draft = Draft::valid();
    let fields = usize::try_from(MAX_FIELDS).unwrap();
    let dimensions = [0x08, 0x01].repeat(fields);
    draft.initializers.push(Message::from_bytes(dimensions));
    refused!(draft.inspect(), OnnxError::TooManyFields { .. });
}

#[test]
fn names_that_are_too_long() {
    let mut draft = Draft::valid();
    draft.nodes.push(node(&"x".repeat(5000), &[], &["y"], &[]));
    refused!(draft.inspect(), OnnxError::TextTooLong { length: 5000, .. });
}

#[test]
fn files_that_hold_no_graph_to_run() {
    refused!(inspect_bytes(&[]), OnnxError::NoGraph);
    refused!(
        inspect_bytes(&Message::new().integer(1, 8).into_bytes()),
        OnnxError::NoGraph
    );
    let draft = Draft {
        nodes: vec![],
        ..Draft::valid()
    };
    refused!(draft.inspect(), OnnxError::NoNodes { .. });
    let mut draft = Draft::valid();
    draft.model_extra = Message::new().message(20, &Message::new()).into_bytes();
    refused!(draft.inspect(), OnnxError::TrainingInfo);
}

#[test]
fn versions_the_runtime_does_not_know() {
    for ir_version in [0, 2, 15, -1] {
        let draft = Draft {
            ir_version,
            ..Draft::valid()
        };
        refused!(draft.inspect(), OnnxError::IrVersion { .. });
    }
    for opset in [0, 6, 29, 4000, -13] {
        let draft = Draft {
            opset,
            ..Draft::valid()
        };
        refused!(draft.inspect(), OnnxError::Opset { .. });
    }
    let mut draft = Draft::valid();
    draft.model_extra = Message::new()
        .message(8, &Message::new().text(1, "ai.onnx").integer(2, 12))
        .into_bytes();
    refused!(draft.inspect(), OnnxError::RepeatedOpsetImport { .. });
    let bytes = Message::new()
        .integer(1, 8)
        .message(7, &Draft::valid().graph())
        .into_bytes();
    refused!(inspect_bytes(&bytes), OnnxError::MissingOpsetImport { .. });
}

#[test]
fn operators_from_elsewhere() {
    let foreign = node("Evil", &["pooled"], &["other"], &[]).text(7, "com.example");
    let mut draft = Draft::through(vec![foreign], vec![]);
    draft.model_extra = Message::new()
        .message(8, &Message::new().text(1, "com.example").integer(2, 1))
        .into_bytes();
    refused!(draft.inspect(), OnnxError::UnknownDomain { .. });
    // Imported and not used, a domain is only remarked.
    let mut draft = Draft::valid();
    draft.model_extra = Message::new()
        .message(8, &Message::new().text(1, "com.example").integer(2, 1))
        .into_bytes();
    assert!(matches!(
        &draft.inspect().unwrap().findings[..],
        [Finding::UnusedDomain { .. }]
    ));
}

fn function(domain: &str, name: &str, nodes: &[Message]) -> Message {
    let function = Message::new()
        .text(1, name)
        .text(4, "x")
        .text(5, "y")
        .text(10, domain);
    let opset = Message::new().text(1, "").integer(2, 13);
    nodes
        .iter()
        .fold(function.message(9, &opset), |function, node| {
            function.message(7, node)
        })
}

fn with_functions(functions: &[Message]) -> Draft {
    let mut draft = Draft::valid();
    let extra = functions.iter().fold(Message::new(), |extra, function| {
        extra.message(25, function)
    });
    draft.model_extra = extra.into_bytes();
    draft
}

#[test]
fn functions() {
    let relu = node("Relu", &["x"], &["y"], &[]);
    let plain = with_functions(&[function("", "Twice", std::slice::from_ref(&relu))]);
    assert!(matches!(
        &plain.inspect().unwrap().findings[..],
        [Finding::LocalFunctions { count: 1, .. }]
    ));
    let foreign = with_functions(&[function("local", "Twice", &[relu])]);
    refused!(foreign.inspect(), OnnxError::FunctionDomain { .. });
    let hidden = with_functions(&[function("", "Twice", &[node("Loop", &["x"], &["y"], &[])])]);
    refused!(hidden.inspect(), OnnxError::ControlFlow { .. });
    let undefined = with_functions(&[function(
        "",
        "Twice",
        &[node("Relu", &["input"], &["y"], &[])],
    )]);
    refused!(undefined.inspect(), OnnxError::UndefinedValue { .. });
    let itself = with_functions(&[function("", "Twice", &[node("Twice", &["x"], &["y"], &[])])]);
    refused!(itself.inspect(), OnnxError::FunctionExpansion { .. });
    // Each calls the next one twice: 2^30 nodes from thirty functions.
    let doubling: Vec<Message> = (0..30)
        .map(|index| {
            let next = if index == 29 {
                "Relu".to_owned()
            } else {
                format!("F{}", index + 1)
            };
            let calls = [
                node(&next, &["x"], &["z"], &[]),
                node(&next, &["z"], &["y"], &[]),
            ];
            function("", &format!("F{index}"), &calls)
        })
        .collect();
    refused!(
        with_functions(&doubling).inspect(),
        OnnxError::FunctionExpansion { .. }
    );
}

fn branch(nodes: &[Message], output: &str) -> Message {
    let graph = nodes
        .iter()
        .fold(Message::new().text(2, "branch"), |graph, node| {
            graph.message(1, node)
        });
    graph.message(
        12,
        &value_info(output, ElementType::Float32, &batch_of(&[3])),
    )
}

fn choice(nodes: &[Message]) -> Draft {
    let body = |name: &str, output: &str| {
        let nodes = if name == "then_branch" {
            nodes.to_vec()
        } else {
            vec![node("Relu", &["pooled"], &["other"], &[])]
        };
        Message::new()
            .text(1, name)
            .message(6, &branch(&nodes, output))
            .integer(20, 5)
    };
    let attributes = [body("then_branch", "one"), body("else_branch", "other")];
    let nodes = vec![
        node(
            "ReduceSum",
            &["pooled"],
            &["sum"],
            &[attribute("keepdims", AttributeValue::Integer(0))],
        ),
        node(
            "Cast",
            &["sum"],
            &["condition"],
            &[attribute("to", AttributeValue::Integer(9))],
        ),
        node("If", &["condition"], &["chosen"], &attributes),
    ];
    Draft::through(nodes, vec![])
}

#[test]
fn control_flow() {
    let plain = choice(&[node("Neg", &["pooled"], &["one"], &[])]);
    refused!(plain.inspect(), OnnxError::ControlFlow { .. });
    for operator in [
        "Loop",
        "Scan",
        "SequenceMap",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
    ] {
        let draft = Draft::through(vec![node(operator, &["pooled"], &["other"], &[])], vec![]);
        refused!(draft.inspect(), OnnxError::ControlFlow { .. });
    }
    let allowed = InspectionPolicy {
        control_flow: ControlFlow::Allowed,
        ..InspectionPolicy::default()
    };
    let allow = |draft: &Draft| {
        let bytes = draft.bytes();
        inspect(Cursor::new(&bytes), bytes.len() as u64, &allowed)
    };
    let inspection = allow(&plain).unwrap();
    assert_eq!(inspection.node_count, 8);
    assert!(
        inspection
            .findings
            .iter()
            .any(|finding| matches!(finding, Finding::ControlFlow { count: 1, .. }))
    );
    // What is refused outside is refused inside.
    let foreign = node("Evil", &["pooled"], &["one"], &[]).text(7, "com.example");
    refused!(allow(&choice(&[foreign])), OnnxError::UnknownDomain { .. });
    refused!(
        allow(&choice(&[node("Neg", &["nothing"], &["one"], &[])])),
        OnnxError::UndefinedValue { .. }
    );
    refused!(
        allow(&choice(&[node("Neg", &["pooled"], &["input"], &[])])),
        OnnxError::DuplicateOutput { .. }
    );
    let huge = [
        node(
            "Constant",
            &[],
            &["shape"],
            &[attribute(
                "value_ints",
                AttributeValue::Integers(&[1 << 30, 4]),
            )],
        ),
        node("ConstantOfShape", &["shape"], &["one"], &[]),
    ];
    refused!(allow(&choice(&huge)), OnnxError::ConstantTooLarge { .. });
    // A subgraph where no operator has one.
    let hidden = Message::new()
        .text(1, "body")
        .message(6, &branch(&[], "pooled"))
        .integer(20, 5);
    let draft = Draft::through(
        vec![node("Relu", &["pooled"], &["other"], &[hidden])],
        vec![],
    );
    refused!(draft.inspect(), OnnxError::UnexpectedSubgraph { .. });
}
