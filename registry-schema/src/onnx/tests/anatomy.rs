//! Where parts are said to be is where they are.

use super::*;
use crate::onnx::splice::{Pieces, numbers_at};
use crate::onnx::write::length_prefix;

#[test]
fn parts_are_where_the_anatomy_says() {
    let mut draft = Draft::valid();
    draft.graph_extra = Message::new().message(
        13,
        &value_info("flat", ElementType::Float32, &batch_of(&[3])),
    );
    let bytes = draft.bytes();
    let found = anatomy(Cursor::new(&bytes), bytes.len() as u64).unwrap();
    assert_eq!(
        (found.ir_version, found.opset, found.name.as_str()),
        (8, 13, "extractor")
    );
    let at = |range: &std::ops::Range<u64>| {
        let place = |at: u64| usize::try_from(at).unwrap();
        &bytes[place(range.start)..place(range.end)]
    };
    let field = |number: u32, message: &Message| {
        let length = message.as_bytes().len() as u64;
        [length_prefix(number, length), message.as_bytes().to_vec()].concat()
    };
    for (part, message) in found.nodes.iter().zip(&draft.nodes) {
        assert_eq!(at(&part.at), field(1, message));
    }
    assert_eq!(at(&found.tensors[0].at), field(5, &weights()));
    assert_eq!(at(&found.inputs[0].at), field(11, &image_input()));
    assert_eq!(at(&found.outputs[0].at), field(12, &features_output(4)));
    assert_eq!(found.values[0].name, "flat");
    // The numbers of a tensor.
    let mut numbers = Vec::new();
    let data = found.tensors[0].data.clone().unwrap();
    numbers_at(&mut Cursor::new(&bytes), &data, |block, first| {
        assert_eq!(first, 0);
        numbers.extend_from_slice(block);
    })
    .unwrap();
    assert_eq!(numbers, (0_u8..12).map(f32::from).collect::<Vec<_>>());
    // What follows of values without running them.
    assert_eq!(
        found.known["pooled"].shape,
        [None, Some(3), Some(1), Some(1)]
    );
    assert_eq!(found.known["features"].bits, 32);
    // All parts together are the file again, in another order.
    let mut graph = Pieces::new();
    let parts = found.nodes.iter().map(|node| &node.at);
    let parts = parts.chain(found.tensors.iter().map(|tensor| &tensor.at));
    let parts = parts.chain(
        found
            .inputs
            .iter()
            .chain(&found.outputs)
            .map(|info| &info.at),
    );
    for part in parts {
        graph.copy(0, part.clone());
    }
    let mut file = Pieces::new();
    for part in &found.model {
        file.copy(0, part.at.clone());
    }
    file.field(7, graph);
    let mut again = Vec::new();
    file.write(&mut [Cursor::new(&bytes)], &mut again).unwrap();
    assert_eq!(file.length(), again.len() as u64);
    let read = |bytes: &[u8]| {
        inspect(
            Cursor::new(bytes),
            bytes.len() as u64,
            &InspectionPolicy::default(),
        )
    };
    assert_eq!(read(&again).unwrap(), read(&bytes).unwrap());
}

#[test]
fn what_inner_graphs_read_belongs_to_their_node() {
    let inner = Message::new()
        .message(1, &node("Add", &["flat", "own"], &["sum"], &[]))
        .message(1, &node("Relu", &["sum"], &["result"], &[]))
        .message(5, &float_tensor("own", &[1], std::iter::once(1.0)))
        .message(
            12,
            &value_info("result", ElementType::Float32, &batch_of(&[3])),
        );
    let branch = |name| graph_attribute(name, &inner);
    let mut draft = Draft::valid();
    draft.nodes.push(node(
        "If",
        &["weights"],
        &["chosen"],
        &[branch("then_branch"), branch("else_branch")],
    ));
    let bytes = draft.bytes();
    let found = anatomy(Cursor::new(&bytes), bytes.len() as u64).unwrap();
    let node = found.nodes.last().unwrap();
    assert!(node.has_graphs);
    assert_eq!(node.reads, ["weights", "flat", "flat"]);
    assert_eq!(found.open_inputs().count(), 1);
}

#[test]
fn a_file_that_is_no_graph_has_no_parts() {
    let of = |bytes: &[u8]| anatomy(Cursor::new(bytes), bytes.len() as u64);
    refused!(of(b""), OnnxError::NoGraph);
    assert!(of(b"this is no graph").is_err());
    let bytes = Draft::valid().bytes();
    assert!(of(&bytes[..bytes.len() - 3]).is_err());
    let mut draft = Draft::valid();
    draft.nodes.reverse();
    refused!(of(&draft.bytes()), OnnxError::NotSorted { .. });
    let mut draft = Draft::valid();
    draft.opset = 99;
    refused!(of(&draft.bytes()), OnnxError::Opset { .. });
}
