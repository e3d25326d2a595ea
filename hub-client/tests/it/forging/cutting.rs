//! `hub extractor cut`

use registry_schema::onnx::{AttributeValue, ElementType, attribute};

use super::network::{Network, classifier, sides, transformer, value};
use super::{assert_near, embedded, files, forge, manifest, pictures};
use crate::world::World;

#[test]
fn a_network_is_cut_published_pulled_and_gives_its_own_values_pooled() {
    let Some(world) = World::start() else { return };
    let project = world.project("alpha");
    let network = classifier(13).write(&project.join("network.onnx"), &["logits"]);
    // What there is, best first.
    let listed = forge(&world, "alpha", &["cut", "network.onnx", "--json"]).json();
    let found: Vec<(&str, &str, u64)> = listed["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (
                text("tensor"),
                text("role"),
                one["dimension"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("pooled", "before-last-layer", 24),
            ("stage3", "last-map", 24),
            ("stage2", "stage", 16),
            ("stage1", "stage", 8),
            ("logits", "output", 9),
        ]
    );
    let text = forge(&world, "alpha", &["cut", "network.onnx"]).ok().stdout;
    assert!(
        text.contains("16×8×8") && text.contains("the usual choice"),
        "{text}"
    );

    // Two maps by the generalised mean, side by side.
    let line = [
        "cut",
        "network.onnx",
        "--at",
        "stage2",
        "--at",
        "stage3",
        "--pool",
        "gem",
        "--normalize",
        "half",
        "--name",
        "dots",
        "--license",
        "MIT",
        "--json",
    ];
    let made = forge(&world, "alpha", &line).json();
    assert_eq!(
        (made["dimension"].as_u64(), made["folder"].as_str()),
        (Some(40), Some("dots"))
    );
    assert!(made["nodes_kept"].as_u64() < made["nodes_before"].as_u64());
    let manifest = manifest(&project.join("dots"));
    assert_eq!(
        (manifest.input.tensor.as_str(), manifest.input.width),
        ("image", 32)
    );
    assert!(
        manifest
            .provenance
            .base
            .as_ref()
            .unwrap()
            .contains("network.onnx")
    );
    world.hub("alpha", &["publish", "dots"]).ok();
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = pictures(&world, 3);
    let whole = classifier(13).write(&project.join("whole.onnx"), &["stage2", "stage3"]);
    for (features, file) in embedded(&world, "dots@1", &pictures)
        .iter()
        .zip(files(&pictures))
    {
        let pooled = |output: &str, (channels, places): (usize, usize)| {
            let map = value(&whole, (output, channels * places), &manifest, &file);
            map.chunks(places)
                .map(generalised_mean)
                .collect::<Vec<f32>>()
        };
        let expected = [pooled("stage2", (16, 64)), pooled("stage3", (24, 16))].concat();
        assert_near(features, &expected, 1e-5);
    }
    drop(network);
}

fn generalised_mean(places: &[f32]) -> f32 {
    let cubes = places
        .iter()
        .map(|&value| f64::from(value.max(0.0)).powi(3));
    (cubes.sum::<f64>() / places.len() as f64).cbrt() as f32
}

#[test]
fn tokens_are_cut_by_the_first_or_the_mean() {
    let Some(world) = World::start() else { return };
    let project = world.project("alpha");
    transformer().write(&project.join("vit.onnx"), &["logits"]);
    let listed = forge(&world, "alpha", &["cut", "vit.onnx", "--json"]).json();
    let tokens = listed["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["role"] == "tokens");
    let tokens = tokens.unwrap_or_else(|| panic!("{listed}"));
    assert_eq!(
        (tokens["tensor"].as_str(), tokens["pool"].as_str()),
        (Some("tokens"), Some("cls"))
    );
    let whole = transformer().write(&project.join("whole.onnx"), &["tokens"]);
    for pool in ["cls", "gap"] {
        let line = [
            "cut",
            "vit.onnx",
            "--at",
            "tokens",
            "--pool",
            pool,
            "--normalize",
            "unit",
            "--license",
            "MIT",
            "--name",
        ];
        let name = format!("alpha/{pool}");
        forge(&world, "alpha", &[&line[..], &[&name]].concat()).ok();
        let folder = project.join(pool);
        let vectors = std::fs::read_to_string(folder.join("probes/vectors.json")).unwrap();
        let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
        let found: Vec<f32> =
            serde_json::from_value(vectors["vectors"]["probes/rings.png"].clone()).unwrap();
        let tokens = value(
            &whole,
            ("tokens", 17 * 12),
            &manifest(&folder),
            &folder.join("probes/rings.png"),
        );
        let expected: Vec<f32> = match pool {
            "cls" => tokens[..12].to_vec(),
            _ => (0..12)
                .map(|one| tokens.iter().skip(one).step_by(12).sum::<f32>() / 17.0)
                .collect(),
        };
        assert_near(&found, &expected, 1e-5);
    }
}

#[test]
fn what_only_the_end_of_a_network_holds_is_no_obstacle() {
    let Some(world) = World::start() else { return };
    let project = world.project("alpha");
    // Somebody's own operator, and pictures of any size, as bytes, channels last.
    let open =
        ["height", "width"].map(|name| registry_schema::onnx::Dimension::Named(name.to_owned()));
    let [height, width] = open;
    let batch = registry_schema::onnx::Dimension::Fixed(1);
    let input = [
        batch,
        height,
        width,
        registry_schema::onnx::Dimension::Fixed(3),
    ];
    let mut network = Network::new(13, ("bytes", ElementType::Uint8, &input));
    let to = attribute("to", AttributeValue::Integer(ElementType::Float32.code()));
    network.node("Cast", &["bytes"], "floats", &[to]);
    let order = attribute("perm", AttributeValue::Integers(&[0, 3, 1, 2]));
    network.node("Transpose", &["floats"], "planes", &[order]);
    network.convolution("planes", "stage1", (3, 8));
    network.convolution("stage1", "stage2", (8, 16));
    network.custom_node(&["stage2"], "boxes");
    network.write(&project.join("detector.onnx"), &["boxes"]);
    forge(&world, "alpha", &["cut", "detector.onnx"]).fails(2, "size");
    let listed = forge(
        &world,
        "alpha",
        &["cut", "detector.onnx", "--size", "48x32", "--json"],
    )
    .json();
    let first = &listed["candidates"][0];
    assert_eq!(
        (first["tensor"].as_str(), &first["shape"]),
        (Some("stage2"), &serde_json::json!([16, 8, 12]))
    );
    let line = [
        "cut",
        "detector.onnx",
        "--size",
        "48x32",
        "--at",
        "stage2",
        "--name",
        "alpha/boxes",
        "--license",
        "MIT",
    ];
    forge(&world, "alpha", &line).ok();
    let manifest = manifest(&project.join("boxes"));
    assert_eq!(
        (manifest.input.normalize.scale, manifest.output.dimension),
        (1.0, 16)
    );
    // At the custom operator it is refused as a publish would.
    let line = [
        "cut",
        "detector.onnx",
        "--size",
        "48x32",
        "--at",
        "boxes",
        "--name",
        "alpha/bb",
        "--license",
        "MIT",
    ];
    forge(&world, "alpha", &line).fails(4, "com.example");
    assert!(!project.join("bb").exists());
}

#[test]
fn channels_that_come_last_are_found() {
    let Some(world) = World::start() else { return };
    let project = world.project("alpha");
    let mut network = Network::new(
        13,
        ("image", ElementType::Float32, &sides("n", [3, 32, 32])),
    );
    network.convolution("image", "first", (3, 12));
    network.convolution("first", "map", (12, 10));
    let order = attribute("perm", AttributeValue::Integers(&[0, 2, 3, 1]));
    network.node("Transpose", &["map"], "turned", &[order]);
    network.node("Relu", &["turned"], "last", &[]);
    network.write(&project.join("turned.onnx"), &["last"]);
    let whole = network.write(&project.join("whole.onnx"), &["map"]);
    let line = [
        "cut",
        "turned.onnx",
        "--at",
        "last",
        "--name",
        "alpha/turned",
        "--license",
        "MIT",
        "--normalize",
        "half",
    ];
    forge(&world, "alpha", &line).ok();
    let folder = project.join("turned");
    let manifest = manifest(&folder);
    assert_eq!(manifest.output.dimension, 10);
    let vectors = std::fs::read_to_string(folder.join("probes/vectors.json")).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
    let found: Vec<f32> =
        serde_json::from_value(vectors["vectors"]["probes/waves.png"].clone()).unwrap();
    let map = value(
        &whole,
        ("map", 10 * 64),
        &manifest,
        &folder.join("probes/waves.png"),
    );
    let expected: Vec<f32> = map
        .chunks(64)
        .map(|places| places.iter().sum::<f32>() / 64.0)
        .collect();
    assert_near(&found, &expected, 1e-5);
}

#[test]
fn what_cannot_be_cut_is_said_and_leaves_nothing() {
    let Some(world) = World::start() else { return };
    let project = world.project("alpha");
    classifier(13).write(&project.join("network.onnx"), &["logits"]);
    let cut = |more: &[&str]| {
        let line = [
            "cut",
            "network.onnx",
            "--name",
            "alpha/xx",
            "--license",
            "MIT",
            "--normalize",
            "half",
        ];
        forge(&world, "alpha", &[&line[..], more].concat())
    };
    cut(&["--at", "stage9"]).fails(3, "no value `stage9`");
    cut(&["--at", "stage"]).fails(3, "there are `stage1_before`");
    cut(&["--at", "pooled", "--pool", "gap"]).fails(2, "vector already");
    cut(&["--at", "stage1", "--pool", "cls"]).fails(2, "cls cannot make vectors");
    cut(&["--at", "stage1", "--size", "64x64"]).fails(2, "32×32 pixels");
    cut(&["--at", "stage1", "--channels", "gray"]).fails(2, "3 channels");
    cut(&["--at", "stage1", "--pool", "max"]).fails(2, "one of gap, gem, cls and none");
    assert!(!project.join("xx").exists());
    let unnamed = ["cut", "network.onnx", "--at", "pooled"];
    forge(&world, "alpha", &unnamed).fails(2, "--name");
    std::fs::write(project.join("text.onnx"), "this is no network").unwrap();
    forge(&world, "alpha", &["cut", "text.onnx"]).fails(4, "text.onnx");
    forge(&world, "alpha", &["cut", "missing.onnx"]).fails(3, "missing.onnx");
    let wrong = [
        "cut",
        "network.onnx",
        "--at",
        "pooled",
        "--name",
        "alpha/xx",
        "--license",
        "free for all",
    ];
    forge(&world, "alpha", &wrong).fails(1, "SPDX");
    // Nothing is written over.
    cut(&["--at", "pooled"]).ok();
    cut(&["--at", "pooled"]).fails(1, "-o");
    // Two pictures in: no extractor.
    let mut two = Network::new(13, ("one", ElementType::Float32, &sides("n", [3, 32, 32])));
    two.node("Add", &["one", "one"], "sum", &[]);
    two.write(&project.join("sum.onnx"), &["sum"]);
    forge(&world, "alpha", &["cut", "sum.onnx"]).fails(1, "features of pictures");
}

/// As ShuffleNet mixes channels, by views alone, and as deep as DenseNet is: the early sizes are listed, too.
#[test]
fn stages_are_found_behind_views_and_many_layers() {
    let Some(world) = World::start() else { return };
    let mut network = Network::new(
        13,
        ("image", ElementType::Float32, &sides("n", [3, 32, 32])),
    );
    network.convolution("image", "stage1", (3, 8));
    let integers = |name, values: &[i64]| attribute(name, AttributeValue::Integers(values));
    // Whose output shapes do not follow from the file.
    network.node_of(
        "Split",
        &["stage1"],
        &["left", "right"],
        &[attribute("axis", AttributeValue::Integer(1))],
    );
    network.node(
        "Concat",
        &["right", "left"],
        "crossed",
        &[attribute("axis", AttributeValue::Integer(1))],
    );
    network.integers("apart", &[0, 2, 4, 16, 16]);
    network.integers("together", &[0, 8, 16, 16]);
    network.node("Reshape", &["crossed", "apart"], "groups", &[]);
    network.node(
        "Transpose",
        &["groups"],
        "turned",
        &[integers("perm", &[0, 2, 1, 3, 4])],
    );
    network.node("Reshape", &["turned", "together"], "mixed", &[]);
    network.convolution("mixed", "stage2", (8, 16));
    let mut last = "stage2".to_owned();
    for layer in 0..300 {
        let next = format!("layer{layer}");
        network.node("Relu", &[&last], &next, &[]);
        last = next;
    }
    network.convolution(&last, "stage3", (16, 24));
    network.node("GlobalAveragePool", &["stage3"], "mean", &[]);
    network.node("Flatten", &["mean"], "pooled", &[]);
    network.weight("last_weight", &[24, 9]);
    network.node("MatMul", &["pooled", "last_weight"], "logits", &[]);
    network.write(&world.project("alpha").join("network.onnx"), &["logits"]);
    let listed = forge(&world, "alpha", &["cut", "network.onnx", "--json"]).json();
    let found: Vec<&str> = listed["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["tensor"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["pooled", "stage3", "layer299", "mixed", "logits"]);
}
