//! `hub extractor variant`

use super::network::classifier_of_constants;
use super::{cut_dots, cut_dots_of, embedded, forge, manifest, pictures};
use crate::world::World;

#[test]
fn fewer_bits_are_a_patch_when_the_probes_agree() {
    let Some(world) = World::start() else { return };
    let project = cut_dots(&world, "MIT");
    world.hub("alpha", &["publish", "dots"]).ok();
    for member in ["alpha", "beta"] {
        world.hub(member, &["pull", "dots@1"]).ok();
    }
    let pictures = pictures(&world, 3);
    let before = embedded(&world, "dots@1.0.0", &pictures);

    let half = forge(&world, "alpha", &["variant", "dots@1", "--fp16", "--json"]).json();
    assert_eq!(
        (half["extractor"].as_str(), half["agrees"].as_bool()),
        (Some("dots@1.0.1"), Some(true))
    );
    assert!(
        half["graph_bytes"].as_u64().unwrap()
            < half["graph_bytes_before"].as_u64().unwrap() * 7 / 10,
        "{half}"
    );
    let said = manifest(&project.join("dots-fp16"));
    assert_eq!(said.derived_from[0].how, "weights stored as float16");
    world.hub("alpha", &["publish", "dots-fp16"]).ok();
    world.hub("beta", &["pull", "dots@1", "--update"]).ok();
    let after = embedded(&world, "dots@1.0.1", &pictures);
    for (before, after) in before.iter().zip(&after) {
        assert!(cosine(before, after) > 0.9999);
        assert!(before != after, "weights were rounded");
    }

    // In 8 bits, as an extractor of its own.
    let line = [
        "variant",
        "dots@1.0.0",
        "--int8",
        "--name",
        "beta/bytes",
        "--json",
    ];
    let bytes = forge(&world, "beta", &line).json();
    assert_eq!(bytes["extractor"], "beta/bytes@1.0.0");
    assert!(
        bytes["graph_bytes"].as_u64() < half["graph_bytes"].as_u64(),
        "{bytes}"
    );
    world.hub("beta", &["publish", "bytes"]).ok();
    world.hub("beta", &["pull", "beta/bytes@1"]).ok();
    for (before, after) in before
        .iter()
        .zip(embedded(&world, "beta/bytes@1", &pictures))
    {
        assert!(cosine(before, &after) > 0.99);
    }
}

#[test]
fn fewer_bits_are_a_major_when_the_probes_disagree() {
    let Some(world) = World::start() else { return };
    let project = cut_dots(&world, "MIT");
    // Its publisher promises more than 8 bits can keep.
    let toml = project.join("dots/extractor.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    let text = text.replace("cosine = 0.999", "cosine = 0.9999999");
    std::fs::write(&toml, text).unwrap();
    world.hub("alpha", &["publish", "dots"]).ok();
    world.hub("alpha", &["pull", "dots@1"]).ok();
    let bytes = forge(&world, "alpha", &["variant", "dots@1", "--int8", "--json"]).json();
    assert_eq!(
        (bytes["extractor"].as_str(), bytes["agrees"].as_bool()),
        (Some("dots@2.0.0"), Some(false))
    );
    let said = manifest(&project.join("dots-int8"));
    assert!(said.changes.unwrap().contains("heads must be retrained"));
    world.hub("alpha", &["publish", "dots-int8"]).ok();
    world.hub("alpha", &["pull", "dots@2"]).ok();
    // There is nothing large left.
    forge(&world, "alpha", &["variant", "dots@2", "--fp16"]).fails(1, "no large float32 weights");
}

#[test]
fn weights_in_nodes_of_their_own_get_fewer_bits_too() {
    let Some(world) = World::start() else { return };
    let project = cut_dots_of(&world, &classifier_of_constants(13), "MIT");
    world.hub("alpha", &["publish", "dots"]).ok();
    world.hub("alpha", &["pull", "dots@1"]).ok();
    for (kind, rest) in [("--fp16", 7), ("--int8", 5)] {
        let name = format!("alpha/dots{}", &kind[1..]);
        let line = ["variant", "dots@1", kind, "--name", &name, "--json"];
        let made = forge(&world, "alpha", &line).json();
        assert_eq!(made["agrees"], true, "{made}");
        let bytes = |key: &str| made[key].as_u64().unwrap();
        assert!(
            bytes("graph_bytes") < bytes("graph_bytes_before") * rest / 10,
            "{made}"
        );
        let folder = project.join(name.strip_prefix("alpha/").unwrap());
        world
            .hub("alpha", &["check", folder.to_str().unwrap()])
            .ok();
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}
