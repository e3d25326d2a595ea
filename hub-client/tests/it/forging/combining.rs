//! `hub extractor combine`

use super::network::classifier;
use super::{assert_near, embedded, forge, manifest, pictures};
use crate::world::World;

/// Two releases that beta has pulled: `dots`, cut from a network of operator set 13, and `alpha/other` from one of 17.
fn two_releases(world: &World, more: &[&str], license: &str) {
    let project = world.project("alpha");
    for (opset, file, at, name, license, more) in [
        (
            13,
            "one.onnx",
            "stage2",
            "dots",
            "Apache-2.0",
            [].as_slice(),
        ),
        (17, "two.onnx", "pooled", "alpha/other", license, more),
    ] {
        classifier(opset).write(&project.join(file), &["logits"]);
        let line = [
            "cut",
            file,
            "--at",
            at,
            "--name",
            name,
            "--license",
            license,
            "--normalize",
            "half",
        ];
        forge(world, "alpha", &[&line[..], more].concat()).ok();
        let folder = name.rsplit('/').next().unwrap();
        world.hub("alpha", &["publish", folder]).ok();
        world.hub("beta", &["pull", name]).ok();
    }
}

#[test]
fn features_of_both_are_side_by_side() {
    let Some(world) = World::start() else { return };
    two_releases(&world, &["--channels", "bgr"], "MIT");
    let line = [
        "combine",
        "dots@1",
        "alpha/other@1",
        "--name",
        "beta/both",
        "--json",
    ];
    let combined = forge(&world, "beta", &line).json();
    assert_eq!(
        (combined["dimension"].as_u64(), combined["license"].as_str()),
        (Some(40), Some("Apache-2.0 AND MIT"))
    );
    assert_eq!(combined["parts"][1]["first_dimension"], 16);
    assert!(combined["parts"][1]["worst_cosine"].as_f64().unwrap() > 0.999_999);
    let said = manifest(&world.project("beta").join("both"));
    let from: Vec<String> = said
        .derived_from
        .iter()
        .map(|one| one.release.to_string())
        .collect();
    assert_eq!(from, ["dots@1.0.0", "alpha/other@1.0.0"]);
    assert_eq!(said.derived_from[1].how, "combined: dimensions 16 to 39");
    assert!(said.derived_from.iter().all(|one| one.statement.is_some()));
    world.hub("beta", &["publish", "both"]).ok();
    world.hub("beta", &["pull", "beta/both@1"]).ok();
    let pictures = pictures(&world, 3);
    let (one, other) = (
        embedded(&world, "dots@1", &pictures),
        embedded(&world, "alpha/other@1", &pictures),
    );
    for (both, (one, other)) in embedded(&world, "beta/both@1", &pictures)
        .iter()
        .zip(one.iter().zip(&other))
    {
        assert_near(both, &[one.as_slice(), other].concat(), 1e-5);
    }

    // Scaled to length 1, each counts alike.
    let line = [
        "combine",
        "dots@1",
        "alpha/other@1",
        "--balanced",
        "--name",
        "beta/even",
    ];
    forge(&world, "beta", &line).ok();
    world.hub("beta", &["publish", "even"]).ok();
    world.hub("beta", &["pull", "beta/even@1"]).ok();
    for row in embedded(&world, "beta/even@1", &pictures) {
        for part in [&row[..16], &row[16..]] {
            let length = part.iter().map(|value| value * value).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 1e-4, "{length}");
        }
    }
    // A release that was made of others can become a part itself.
    let line = [
        "combine",
        "beta/both@1",
        "dots@1",
        "--name",
        "beta/three",
        "--json",
    ];
    assert_eq!(forge(&world, "beta", &line).json()["dimension"], 56);
}

#[test]
fn other_sizes_and_normalisations_are_made_in_the_graph() {
    let Some(world) = World::start() else { return };
    // 32 pixels, −1 to 1; and 8 pixels from 0 to 1 by the fixture's manifest.
    two_releases(&world, &[], "MIT");
    let folder = world.draft("alpha/tiny", "1.0.0", "means", 4);
    let text = std::fs::read_to_string(folder.join("extractor.toml")).unwrap();
    let text = text.replace(
        "mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]",
        "mean = [0, 0, 0], std = [1, 1, 1]",
    );
    std::fs::write(folder.join("extractor.toml"), text).unwrap();
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    world.publish(&folder);
    world.hub("beta", &["pull", "alpha/tiny@1"]).ok();
    let line = [
        "combine",
        "alpha/tiny@1",
        "dots@1",
        "--name",
        "beta/sizes",
        "--json",
    ];
    let combined = forge(&world, "beta", &line).json();
    let said = manifest(&world.project("beta").join("sizes"));
    assert_eq!(
        (said.input.width, said.input.tensor.as_str()),
        (32, "pictures")
    );
    // The one that decides the size sees what it saw alone; the other nearly so.
    assert!(
        combined["parts"][1]["worst_cosine"].as_f64().unwrap() > 0.999_999,
        "{combined}"
    );
    assert!(
        combined["parts"][0]["worst_cosine"].as_f64().unwrap() > 0.999,
        "{combined}"
    );
    let strict = [
        "combine",
        "alpha/tiny@1",
        "dots@1",
        "--name",
        "beta/xx",
        "--agreement",
        "1",
    ];
    forge(&world, "beta", &strict).fails(4, "other features than alone");
    assert!(!world.project("beta").join("xx").exists());
}

#[test]
fn what_does_not_go_together_is_said() {
    let Some(world) = World::start() else { return };
    two_releases(&world, &["--resize", "letterbox"], "LicenseRef-alpha-terms");
    let combine = |more: &[&str]| {
        forge(
            &world,
            "beta",
            &[&["combine"], more, &["--name", "beta/xx"]].concat(),
        )
    };
    combine(&["dots@1", "dots@1.0.0"]).fails(2, "two different releases");
    combine(&["dots@1", "alpha/other@1"]).fails(1, "resize.mode");
    combine(&["dots@1", "alpha/none@1"]).fails(3, "alpha/none");
    combine(&["dots@1"]).fails(2, "REF");
    assert!(!world.project("beta").join("xx").exists());
}

#[test]
fn the_licence_of_the_whole_must_be_sayable() {
    let Some(world) = World::start() else { return };
    two_releases(&world, &[], "LicenseRef-alpha-terms");
    let line = ["combine", "dots@1", "alpha/other@1", "--name", "beta/both"];
    forge(&world, "beta", &line).fails(1, "LicenseRef-alpha-terms");
    let said = [
        "--license",
        "Apache-2.0 AND LicenseRef-alpha-terms",
        "--json",
    ];
    let combined = forge(&world, "beta", &[&line[..], &said].concat()).json();
    assert_eq!(combined["license"], "Apache-2.0 AND LicenseRef-alpha-terms");
}
