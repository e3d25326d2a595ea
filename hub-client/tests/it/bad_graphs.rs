//! Graphs that must not become a release: refused by `hub check` before anybody runs or signs them.

use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    Dimension, ElementType, ModelHeader, float_tensor, int64_tensor, node, value_info,
};

use super::world::{World, fixture};

#[test]
fn graphs_are_refused_with_their_reason() {
    let Some(world) = World::start() else { return };
    let means = std::fs::read(fixture("means")).unwrap();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("truncated", means[..means.len() - 9].to_vec(), ""),
        ("trailing", [means.as_slice(), b"\x08"].concat(), ""),
        ("external", graph(&[], &[external_tensor()]), "another file"),
        ("long", graph(&[], &[raw_tensor(&[4], 20)]), "bytes"),
        ("short", graph(&[], &[raw_tensor(&[4], 12)]), "bytes"),
        (
            "negative",
            graph(&[], &[raw_tensor(&[-4], 16)]),
            "dimension",
        ),
        (
            "absurd",
            graph(&[], &[raw_tensor(&[1 << 40, 1 << 40], 16)]),
            "dimension",
        ),
        (
            "domain",
            graph(
                &[node("Evil", &["input"], &["x"], &[]).text(7, "com.evil")],
                &[],
            ),
            "com.evil",
        ),
        (
            "loop",
            graph(&[node("Loop", &["", "", "input"], &["x"], &[])], &[]),
            "Loop",
        ),
        ("memory", memory_bomb(), "bytes"),
    ];
    for (name, graph, words) in cases {
        refused(&world, name, &graph, words);
    }
    for (name, words) in [
        ("unknown_opset", "opset"),
        ("other_names", "input"),
        ("other_size", "input"),
        ("two_inputs", "input"),
        ("three_features", "features"),
        ("three_features_undeclared", ""),
        ("whole_numbers", "input"),
        ("nan_when_dark", "finite"),
        ("random", "run to run"),
    ] {
        refused(&world, name, &std::fs::read(fixture(name)).unwrap(), words);
    }
}

#[track_caller]
fn refused(world: &World, name: &str, graph: &[u8], words: &str) {
    let folder = world.draft(
        &format!("alpha/{}", name.replace('_', "-")),
        "1.0.0",
        "means",
        4,
    );
    std::fs::write(folder.join("model.onnx"), graph).unwrap();
    if name == "nan_when_dark" {
        super::world::picture(12, [0, 0, 0], 1)
            .save(folder.join("probes/dark.png"))
            .unwrap();
    }
    let run = world.hub("alpha", &["check", folder.to_str().unwrap()]);
    assert!(run.code == 4 || run.code == 1, "{name}: {run}");
    assert!(
        run.stderr.contains(words),
        "{name}: expected `{words}` in {run}"
    );
    assert!(!run.stderr.contains("panicked"), "{name}: {run}");
    assert!(
        !folder.join("probes/vectors.json").exists(),
        "{name}: nothing was written"
    );
}

/// A good graph, [batch, 3, 8, 8] to [batch, 4], with more nodes and initializers.
fn graph(nodes: &[Message], initializers: &[Message]) -> Vec<u8> {
    let batch_of = |sizes: &[u64]| {
        let batch = Dimension::Named("batch".to_owned());
        std::iter::once(batch)
            .chain(sizes.iter().map(|&size| Dimension::Fixed(size)))
            .collect::<Vec<_>>()
    };
    let good = [
        node("GlobalAveragePool", &["input"], &["pooled"], &[]),
        node("Flatten", &["pooled"], &["flat"], &[]),
        node("Gemm", &["flat", "weights"], &["features"], &[]),
    ];
    let weights = float_tensor("weights", &[3, 4], (0_u8..12).map(f32::from));
    let mut message = Message::new().text(2, "tiny");
    for one in nodes.iter().chain(&good) {
        message = message.message(1, one);
    }
    for one in initializers.iter().chain([&weights]) {
        message = message.message(5, one);
    }
    message = message
        .message(
            11,
            &value_info("input", ElementType::Float32, &batch_of(&[3, 8, 8])),
        )
        .message(
            12,
            &value_info("features", ElementType::Float32, &batch_of(&[4])),
        );
    let header = ModelHeader {
        ir_version: 8,
        opset: 13,
        producer: "tests",
        metadata: &[],
    };
    header.with_graph(&message).into_bytes()
}

/// A float32 tensor of `bytes` bytes, whatever its dimensions say.
fn raw_tensor(dimensions: &[i64], bytes: usize) -> Message {
    let message = dimensions
        .iter()
        .fold(Message::new(), |message, &size| message.integer(1, size));
    message
        .integer(2, 1)
        .text(8, "extra")
        .bytes(9, &vec![0; bytes])
}

/// A tensor whose data is in another file.
fn external_tensor() -> Message {
    let location = Message::new()
        .text(1, "location")
        .text(2, "../../etc/passwd");
    Message::new()
        .integer(1, 4)
        .integer(2, 1)
        .text(8, "extra")
        .message(13, &location)
        .integer(14, 1)
}

/// Eight bytes that ask for four terabytes.
fn memory_bomb() -> Vec<u8> {
    let shape = int64_tensor("shape", &[2], &[1 << 20, 1 << 20]);
    graph(
        &[node("ConstantOfShape", &["shape"], &["x"], &[])],
        &[shape],
    )
}
