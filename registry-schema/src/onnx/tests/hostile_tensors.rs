//! Hostile tensors, and names and orders that do not hold together.

use super::*;

fn with_tensor(tensor: Message) -> Result<Inspection, OnnxError> {
    let mut draft = Draft::valid();
    draft.initializers.push(tensor);
    draft.inspect()
}

/// A tensor's dimensions, type code and name, without data.
fn bare(dimensions: &[i64], code: i64) -> Message {
    let tensor = dimensions
        .iter()
        .fold(Message::new(), |tensor, &size| tensor.integer(1, size));
    tensor.integer(2, code).text(8, "extra")
}

#[test]
fn tensors_outside_the_file() {
    let location = metadata_entry("location", "../../etc/passwd");
    refused!(
        with_tensor(bare(&[4], 1).message(13, &location).integer(14, 1)),
        OnnxError::ExternalData { .. }
    );
    refused!(
        with_tensor(bare(&[4], 1).message(13, &location)),
        OnnxError::ExternalData { .. }
    );
    refused!(
        with_tensor(bare(&[4], 1).integer(14, 1)),
        OnnxError::ExternalData { .. }
    );
    refused!(
        with_tensor(bare(&[4], 1).bytes(9, &[0; 16]).integer(14, 1)),
        OnnxError::ExternalData { .. }
    );
    // In an attribute, and as the values of a sparse tensor.
    let outside = bare(&[4], 1).integer(14, 1);
    let value = Message::new()
        .text(1, "value")
        .message(5, &outside)
        .integer(20, 4);
    let draft = Draft::through(vec![node("Constant", &[], &["other"], &[value])], vec![]);
    refused!(draft.inspect(), OnnxError::ExternalData { .. });
    let mut draft = Draft::valid();
    draft.graph_extra = Message::new().message(15, &Message::new().message(1, &outside));
    refused!(draft.inspect(), OnnxError::ExternalData { .. });
    refused!(
        with_tensor(bare(&[4], 1).message(3, &Message::new())),
        OnnxError::SegmentedTensor { .. }
    );
}

#[test]
fn tensors_longer_or_shorter_than_they_say() {
    with_tensor(bare(&[4], 1).bytes(9, &[0; 16])).unwrap();
    with_tensor(bare(&[4], 1).bytes(4, &[0; 16])).unwrap();
    with_tensor(bare(&[2], 1).float(4, 1.0).float(4, 2.0)).unwrap();
    with_tensor(bare(&[0], 1)).unwrap();
    with_tensor(bare(&[3], 22).bytes(9, &[0; 2])).unwrap();
    with_tensor(bare(&[2], 8).text(6, "a").text(6, "b")).unwrap();
    with_tensor(bare(&[2], 7).bytes(7, &[1, 0x80, 1])).unwrap();
    for (tensor, what) in [
        (bare(&[4], 1).bytes(9, &[0; 15]), "raw, one byte short"),
        (bare(&[4], 1).bytes(9, &[0; 17]), "raw, one byte long"),
        (bare(&[4], 1), "no data at all"),
        (bare(&[0], 1).bytes(9, &[0; 4]), "data for no elements"),
        (bare(&[4], 1).bytes(4, &[0; 12]), "packed floats, one short"),
        (bare(&[4], 1).bytes(4, &[0; 20]), "packed floats, one long"),
        (bare(&[2], 1).float(4, 1.0), "single floats, one short"),
        (
            bare(&[1], 1).float(4, 1.0).bytes(4, &[0; 4]),
            "a single and a packed one",
        ),
        (
            bare(&[3], 7).bytes(7, &[1, 1]),
            "packed integers, one short",
        ),
        (
            bare(&[3], 6).integer(5, 1).integer(5, 1),
            "single integers, one short",
        ),
        (bare(&[2], 8).text(6, "a"), "texts, one short"),
        (bare(&[2], 11).bytes(10, &[0; 8]), "doubles, one short"),
        (bare(&[2], 13).bytes(11, &[1, 1, 1]), "unsigned, one long"),
        (
            bare(&[1 << 20, 1 << 20], 1).bytes(9, &[0; 16]),
            "a trillion elements in 16 bytes",
        ),
    ] {
        let result = with_tensor(tensor);
        assert!(
            matches!(result, Err(OnnxError::TensorData { .. })),
            "{what}: {result:?}"
        );
    }
    refused!(
        with_tensor(bare(&[1], 1).bytes(7, &[1])),
        OnnxError::TensorField { .. }
    );
    refused!(
        with_tensor(bare(&[1], 1).float(4, 1.0).bytes(9, &[0; 4])),
        OnnxError::TensorField { .. }
    );
    refused!(
        with_tensor(bare(&[1], 8).bytes(9, &[0; 4])),
        OnnxError::TensorField { .. }
    );
    refused!(
        with_tensor(bare(&[1], 1).bytes(4, &[0; 3])),
        OnnxError::Malformed { .. }
    );
    refused!(
        with_tensor(bare(&[1], 0).bytes(9, &[0; 4])),
        OnnxError::ElementType { .. }
    );
    refused!(
        with_tensor(bare(&[1], 99).bytes(9, &[0; 4])),
        OnnxError::ElementType { .. }
    );
}

#[test]
fn negative_and_absurd_dimensions() {
    refused!(
        with_tensor(bare(&[-4], 1)),
        OnnxError::NegativeDimension { dimension: -4, .. }
    );
    refused!(
        with_tensor(bare(&[1 << 40], 1)),
        OnnxError::AbsurdDimensions { .. }
    );
    refused!(
        with_tensor(bare(&[0, 1 << 40], 1)),
        OnnxError::AbsurdDimensions { .. }
    );
    refused!(
        with_tensor(bare(&[1 << 31, 1 << 31, 1 << 31], 1)),
        OnnxError::AbsurdDimensions { .. }
    );
    refused!(
        with_tensor(bare(&[1; 100], 1)),
        OnnxError::AbsurdDimensions { .. }
    );
    for size in [1 << 40, (-1_i64).cast_unsigned()] {
        let mut draft = Draft::valid();
        draft.inputs = vec![value_info(
            "input",
            ElementType::Float32,
            &batch_of(&[3, 8, size]),
        )];
        let refusal = draft.inspect();
        assert!(
            matches!(
                refusal,
                Err(OnnxError::AbsurdDimensions { .. } | OnnxError::NegativeDimension { .. })
            ),
            "{refusal:?}"
        );
    }
}

#[test]
fn sparse_tensors_that_do_not_add_up() {
    let values = float_tensor("sparse", &[2], [1.0, 2.0].into_iter());
    let sparse = |indices: &Message, size: i64| {
        let sparse = Message::new()
            .message(1, &values)
            .message(2, indices)
            .integer(3, size);
        Draft {
            graph_extra: Message::new().message(15, &sparse),
            ..Draft::valid()
        }
        .inspect()
    };
    sparse(&int64_tensor("i", &[2], &[0, 5]), 10).unwrap();
    refused!(
        sparse(&int64_tensor("i", &[3], &[0, 5, 6]), 10),
        OnnxError::Malformed { .. }
    );
    // A few bytes that stand for eight gigabytes.
    refused!(
        sparse(&int64_tensor("i", &[2], &[0, 5]), 1 << 31),
        OnnxError::IntermediateTooLarge { .. }
    );
}

#[test]
fn values_with_two_producers() {
    let mut draft = Draft::valid();
    draft.nodes.push(node("Relu", &["flat"], &["pooled"], &[]));
    refused!(draft.inspect(), OnnxError::DuplicateOutput { .. });
    let mut draft = Draft::valid();
    draft.nodes.push(node("Relu", &["flat"], &["input"], &[]));
    refused!(draft.inspect(), OnnxError::DuplicateOutput { .. });
}

#[test]
fn names_stated_twice() {
    let mut draft = Draft::valid();
    draft.initializers.push(weights());
    refused!(
        draft.inspect(),
        OnnxError::DuplicateName {
            kind: "initializer",
            ..
        }
    );
    let mut draft = Draft::valid();
    draft.inputs.push(image_input());
    refused!(
        draft.inspect(),
        OnnxError::DuplicateName {
            kind: "graph input",
            ..
        }
    );
    let mut draft = Draft::valid();
    draft.outputs.push(features_output(4));
    refused!(
        draft.inspect(),
        OnnxError::DuplicateName {
            kind: "graph output",
            ..
        }
    );
    let twice = [
        attribute("axis", AttributeValue::Integer(1)),
        attribute("axis", AttributeValue::Integer(0)),
    ];
    let draft = Draft::through(
        vec![node("Flatten", &["pooled"], &["other"], &twice)],
        vec![],
    );
    refused!(
        draft.inspect(),
        OnnxError::DuplicateName {
            kind: "attribute",
            ..
        }
    );
}

#[test]
fn values_nobody_produces_in_time() {
    let draft = Draft::through(vec![node("Relu", &["nothing"], &["other"], &[])], vec![]);
    refused!(draft.inspect(), OnnxError::UndefinedValue { .. });
    let mut draft = Draft::valid();
    draft
        .outputs
        .push(value_info("logits", ElementType::Float32, &batch_of(&[4])));
    refused!(draft.inspect(), OnnxError::UndefinedValue { .. });
    let mut draft = Draft::valid();
    draft.nodes.reverse();
    refused!(draft.inspect(), OnnxError::NotSorted { .. });
    let cycle = vec![
        node("Add", &["pooled", "b"], &["a"], &[]),
        node("Relu", &["a"], &["b"], &[]),
    ];
    refused!(
        Draft::through(cycle, vec![]).inspect(),
        OnnxError::NotSorted { .. }
    );
    // An initializer may be the default of an input of the same name, as old files list all of them.
    let mut draft = Draft::valid();
    draft.inputs.push(value_info(
        "weights",
        ElementType::Float32,
        &[3, 4].map(Dimension::Fixed),
    ));
    assert_eq!(draft.inspect().unwrap().inputs.len(), 1);
}

#[test]
fn names_from_the_file_cannot_write_to_a_terminal() {
    let draft = Draft::through(
        vec![node("Relu", &["\u{1b}[2J\nroot#"], &["other"], &[])],
        vec![],
    );
    let text = draft.inspect().unwrap_err().to_string();
    assert!(!text.contains('\u{1b}') && !text.contains('\n'), "{text}");
}
