//! Whatever the bytes, an inspection ends, does not panic and stays within its memory.

use proptest::prelude::*;

use super::*;

/// A graph with something of everything: subgraph, function, constants, old and new style attributes.
fn rich() -> Vec<u8> {
    let constant = Message::new()
        .text(1, "value")
        .message(5, &int64_tensor("", &[2], &[0, -1]))
        .integer(20, 4);
    let body = Message::new()
        .message(1, &node("Relu", &["flat"], &["inner"], &[]))
        .message(12, &value_info("inner", ElementType::Float32, &[]));
    let branch = Message::new()
        .text(1, "then_branch")
        .message(6, &body)
        .integer(20, 5);
    let mut draft = Draft::through(
        vec![
            node("Constant", &[], &["shape"], &[constant]),
            node("Reshape", &["input", "shape"], &["flattened"], &[]),
            node("Slice", &["flattened", "c", "c"], &["cut"], &[]),
            node("ConstantOfShape", &["c"], &["zeros"], &[]),
            node("Pad", &["input", "pads"], &["padded"], &[]),
            node(
                "Conv",
                &["padded", "k"],
                &["seen"],
                &[attribute("pads", AttributeValue::Integers(&[1, 1, 1, 1]))],
            ),
            node("Resize", &["seen", "", "scales"], &["resized"], &[]),
        ],
        vec![
            int64_tensor("c", &[1], &[1]),
            int64_tensor("pads", &[8], &[0, 0, 1, 1, 0, 0, 1, 1]),
            float_tensor("k", &[1, 3, 1, 1], [1.0; 3].into_iter()),
            float_tensor("scales", &[4], [1.0, 1.0, 2.0, 2.0].into_iter()),
        ],
    );
    draft.nodes.push(node("If", &["c"], &["chosen"], &[branch]));
    let function = Message::new()
        .text(1, "F")
        .text(4, "x")
        .text(5, "y")
        .message(9, &Message::new().text(1, "").integer(2, 13))
        .message(7, &node("Relu", &["x"], &["y"], &[]));
    draft.model_extra = Message::new().message(25, &function).into_bytes();
    draft.bytes()
}

fn allowing() -> InspectionPolicy {
    InspectionPolicy {
        control_flow: ControlFlow::Allowed,
        ..InspectionPolicy::default()
    }
}

/// Inspects a file and looks where its parts are, all of which must be inside.
fn read(bytes: &[u8]) {
    let size = bytes.len() as u64;
    let inspected = inspect(Cursor::new(bytes), size, &allowing());
    let Ok(parts) = anatomy(Cursor::new(bytes), size) else {
        assert!(inspected.is_err(), "an inspection is stricter");
        return;
    };
    let nodes = parts.nodes.iter().map(|node| &node.at);
    let tensors = parts.tensors.iter();
    let tensors = tensors.flat_map(|tensor| {
        [Some(&tensor.at), tensor.data.as_ref()]
            .into_iter()
            .flatten()
    });
    let infos = parts
        .inputs
        .iter()
        .chain(&parts.outputs)
        .chain(&parts.values);
    let places = nodes.chain(tensors).chain(infos.map(|info| &info.at));
    for place in places.chain(parts.model.iter().map(|part| &part.at)) {
        assert!(
            place.start < place.end && place.end <= size,
            "{place:?} of {size}"
        );
    }
}

#[test]
fn the_rich_graph_passes() {
    let bytes = rich();
    inspect(Cursor::new(&bytes), bytes.len() as u64, &allowing()).unwrap();
    read(&bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn mutated_graphs_end(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = rich();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        read(&bytes);
    }

    #[test]
    fn spliced_graphs_end(
        (from, to, length) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..40),
    ) {
        let mut bytes = rich();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let part = bytes[from..bytes.len().min(from + length)].to_vec();
        bytes.splice(to..to, part);
        read(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Any values in the constants that shapes come from.
    #[test]
    fn arbitrary_shape_constants_end(values in proptest::collection::vec(any::<i64>(), 8), opset in 7_i64..=28) {
        let operators = [
            node("ConstantOfShape", &["v"], &["a"], &[]),
            node("Expand", &["pooled", "v"], &["b"], &[]),
            node("Tile", &["pooled", "v"], &["c"], &[]),
            node("Pad", &["pooled", "v"], &["d"], &[]),
            node("Reshape", &["pooled", "v"], &["e"], &[]),
            node("Slice", &["input", "v", "v", "v", "v"], &["f"], &[]),
            node("Conv", &["input", "k"], &["g"], &[
                attribute("pads", AttributeValue::Integers(&values)),
                attribute("strides", AttributeValue::Integers(&values)),
                attribute("dilations", AttributeValue::Integers(&values)),
            ]),
            node("ConvTranspose", &["input", "t"], &["h"], &[attribute("strides", AttributeValue::Integers(&values))]),
            node("Squeeze", &["input", "v"], &["i"], &[attribute("axes", AttributeValue::Integers(&values))]),
            node("Unsqueeze", &["input", "v"], &["j"], &[]),
            node("Resize", &["input", "", "", "v"], &["k2"], &[]),
            node("Range", &["v", "v", "v"], &["l"], &[]),
            node("OneHot", &["input", "v", "v"], &["m"], &[attribute("axis", AttributeValue::Integer(values[0]))]),
            node("Div", &["v", "v"], &["n"], &[]),
            node("Gather", &["v", "v"], &["o"], &[]),
            node("ReduceSum", &["input", "v"], &["p"], &[]),
            node("Concat", &["v", "v"], &["q"], &[attribute("axis", AttributeValue::Integer(values[1]))]),
        ];
        for operator in operators {
            let initializers = vec![
                int64_tensor("v", &[values.len() as u64], &values),
                float_tensor("k", &[1, 3, 2, 2], [1.0; 12].into_iter()),
                float_tensor("t", &[3, 1, 2, 2], [1.0; 12].into_iter()),
            ];
            let draft = Draft { opset, ..Draft::through(vec![operator], initializers) };
            let _ = draft.inspect();
        }
    }
}
