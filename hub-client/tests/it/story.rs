//! Publish → pull → verify → embed → train → predict → export, as a newcomer would.

use super::world::{World, files_below};

const RED_AND_BLUE: [(&str, [u8; 3]); 2] = [("red", [220, 40, 50]), ("blue", [40, 60, 210])];

#[test]
fn publish_pull_train_predict_export() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));

    let found = world.hub("beta", &["search", "tiny", "--json"]).json();
    assert_eq!(found["extractors"][0]["name"], "dots");

    let pulled = world.hub("beta", &["pull", "dots@2", "--json"]).json();
    assert_eq!(pulled["version"], "2.0.0");
    assert!(world.project("beta").join("hub.lock").is_file());
    world.hub("beta", &["verify", "dots@2"]).ok();

    let pictures = world.pictures("beta", &RED_AND_BLUE, 12);
    let pictures = pictures.to_str().unwrap();
    world
        .hub(
            "beta",
            &["embed", "dots@2", pictures, "-o", "features.parquet"],
        )
        .ok();
    world
        .hub("beta", &["embed", "dots@2", pictures, "-o", "features.npy"])
        .ok();
    assert!(world.project("beta").join("features.parquet").is_file());
    // What is there is replaced only when that is asked for, and nothing is computed before that is known.
    let again = ["embed", "dots@2", "nowhere", "-o", "features.npy"];
    world.hub("beta", &again).fails(1, "--force replaces it");
    let again = ["embed", "dots@2", pictures, "-o", "features.npy", "--force"];
    world.hub("beta", &again).ok();

    world
        .hub(
            "beta",
            &[
                "train",
                "colours",
                "--extractor",
                "dots@2",
                "--images",
                pictures,
            ],
        )
        .ok();
    let evaluated = world
        .hub("beta", &["eval", "colours", "--images", pictures, "--json"])
        .json();
    assert_eq!(
        evaluated["accuracy"]["value"]
            .as_f64()
            .or(evaluated["accuracy"].as_f64()),
        Some(1.0),
        "{evaluated}"
    );
    let predicted = world
        .hub(
            "beta",
            &[
                "predict",
                "colours",
                &format!("{pictures}/red/000.png"),
                "--json",
            ],
        )
        .json();
    assert_eq!(predicted["predictions"][0]["class"], "red", "{predicted}");

    for format in ["onnx", "fused-onnx"] {
        let file = format!("{format}.onnx");
        world
            .hub(
                "beta",
                &["head", "export", "colours", "--format", format, "-o", &file],
            )
            .ok();
        assert!(world.project("beta").join(file).is_file());
    }

    // The head of 2.0.0 goes on working with 2.1.0, which appends a dimension.
    world.publish(&world.author("dots", "2.1.0", "means", 4));
    let updated = world
        .hub("beta", &["pull", "dots@2", "--update", "--json"])
        .json();
    assert_eq!(updated["version"], "2.1.0");
    for format in ["onnx", "image-onnx"] {
        let line = [
            "head",
            "export",
            "colours",
            "--format",
            format,
            "-o",
            "longer.onnx",
        ];
        let more = ["--extractor", "dots@2.1", "--json", "--force"];
        let said = world.hub("beta", &[&line[..], &more].concat()).json();
        let basis = &said["checked"][0]["basis"];
        assert!(basis == "kept_directions" || format != "onnx", "{said}");
    }
    let again = world
        .hub(
            "beta",
            &[
                "eval",
                "colours",
                "--images",
                pictures,
                "--extractor",
                "dots@2.1",
                "--json",
            ],
        )
        .json();
    assert_eq!(again["accuracy"], evaluated["accuracy"]);
}

#[test]
fn a_lock_needs_no_hub_and_never_floats() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    world.hub("beta", &["pull", "dots@2"]).ok();
    world.publish(&world.author("dots", "2.1.0", "means", 4));
    assert_eq!(
        world.hub("beta", &["pull", "dots@2", "--json"]).json()["version"],
        "2.0.0"
    );
    world.server.kill();
    assert_eq!(
        world
            .hub("beta", &["pull", "dots@2", "--locked", "--json"])
            .json()["version"],
        "2.0.0"
    );
    world
        .hub("beta", &["pull", "dots@1", "--locked"])
        .fails(1, "lock");
    world
        .hub("gamma", &["pull", "dots@2"])
        .fails(5, "cannot be reached");
}

#[test]
fn yanked_releases_are_hidden_but_stay_for_those_who_locked_them() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    world.publish(&world.author("dots", "2.1.0", "means", 4));
    world.hub("beta", &["pull", "dots@2"]).ok();
    world
        .hub(
            "alpha",
            &[
                "yank",
                "dots@2.1.0",
                "--reason",
                "colours swapped",
                "--replacement",
                "2.0.0",
            ],
        )
        .ok();
    assert_eq!(
        world.hub("gamma", &["pull", "dots@2", "--json"]).json()["version"],
        "2.0.0"
    );
    world.hub("beta", &["pull", "dots@2", "--locked"]).ok();
    let shown = world.hub("gamma", &["show", "dots@2.1.0"]).ok();
    assert!(shown.stdout.contains("colours swapped"), "{shown}");
    world
        .hub(
            "alpha",
            &[
                "yank",
                "dots@2.1.0",
                "--reason",
                "they were right",
                "--undo",
            ],
        )
        .ok();
    assert_eq!(
        world
            .hub("gamma", &["pull", "dots@2", "--update", "--json"])
            .json()["version"],
        "2.1.0"
    );
}

#[test]
fn nothing_private_reaches_the_hub() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = world.pictures("beta", &RED_AND_BLUE, 6);
    world
        .hub(
            "beta",
            &[
                "train",
                "secret-head",
                "--extractor",
                "dots@1",
                "--images",
                pictures.to_str().unwrap(),
            ],
        )
        .ok();
    let private: Vec<Vec<u8>> = files_below(&pictures)
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    for (path, bytes) in files_below(&world.folder.path().join("hub")) {
        assert!(
            !private.contains(&bytes),
            "{} is one of beta's pictures",
            path.display()
        );
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("secret-head"),
            "{} names beta's head",
            path.display()
        );
    }
}

#[test]
fn two_owners_sign_a_joint_name_together() {
    let Some(world) = World::start() else { return };
    let folder = world.author("joint", "1.0.0", "means", 4);
    let folder = folder.to_str().unwrap();
    let betas = world.home("beta").join("keys/default.pem");
    world
        .hub("alpha", &["publish", folder])
        .fails(4, "1 of the 2 owners");
    world
        .hub(
            "alpha",
            &[
                "publish",
                folder,
                "--key",
                "default",
                "--key",
                betas.to_str().unwrap(),
            ],
        )
        .ok();
    let shown = world
        .hub("gamma", &["show", "joint@1", "--json"])
        .json()
        .to_string();
    assert!(shown.contains("alpha") && shown.contains("beta"), "{shown}");
}
