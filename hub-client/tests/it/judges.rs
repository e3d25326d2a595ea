//! Programs nobody here wrote check what ours write: openssl and securesystemslib the signatures, python-tuf the trust
//! root, model_signing the exported folder, Python's onnxruntime the exported heads, pandas and polars the feature tables.

use std::path::Path;
use std::process::Command;

use super::missing;
use super::world::{Run, World, read};

/// The Python with the packages of `make test`, or `None` after saying so.
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("HUB_PYTHON").ok();
    if python.is_none() {
        missing::tool("HUB_PYTHON names no Python with the test packages; `make test` sets it");
    }
    python
}

pub(super) fn script(python: &str, name: &str, arguments: &[&Path]) -> Run {
    let mut command = Command::new(python);
    command
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/python")
                .join(name),
        )
        .args(arguments);
    Run::of(command)
}

#[test]
fn others_accept_our_envelopes_and_refuse_changed_ones() {
    let (Some(world), Some(python)) = (World::start(), python()) else {
        return;
    };
    let folder = world.author("joint", "1.0.0", "means", 4);
    let betas = world.home("beta").join("keys/default.pem");
    let keys = [
        "publish",
        folder.to_str().unwrap(),
        "--key",
        "default",
        "--key",
        betas.to_str().unwrap(),
    ];
    world.hub("alpha", &keys).ok();
    world.hub("gamma", &["pull", "joint@1"]).ok();
    let receipt = world
        .home("gamma")
        .join("store/releases/_/joint/1.0.0/receipt.json");
    let [alpha, beta] =
        ["alpha", "beta"].map(|member| world.home(member).join("keys/default.pub.pem"));
    script(&python, "check_envelope.py", &[&receipt, &alpha, &beta]).ok();
}

#[test]
fn python_tuf_follows_our_trust_root_and_refuses_what_it_must() {
    let (Some(mut world), Some(python)) = (World::start(), python()) else {
        return;
    };
    world.restart_without_tls();
    let url = world.server.url.clone();
    let state = world.folder.path().join("python-tuf");
    let save = |path: &str, name: &str| {
        let text = world.served(path);
        let file = world.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let first = save("metadata/1.root.json", "1.root.json");
    let old = save("metadata/timestamp.json", "old-timestamp.json");
    let follow = |root: &str| {
        let arguments = ["follow", &url].map(Path::new);
        let more = [first.as_path(), state.as_path(), Path::new(root)];
        script(
            &python,
            "check_trust_root.py",
            &[&arguments[..], &more].concat(),
        )
        .ok();
    };
    follow("1");
    // Two rotations: another threshold, then another member.
    world.rotate(&["propose", "--threshold", "1"], &[], &["alpha", "beta"]);
    follow("2");
    let remove = ["remove-member", "gamma", "--from", "5"];
    world.rotate(&["propose"], &remove, &["beta"]);
    follow("3");
    let arguments = ["refuse", &url].map(Path::new);
    let more = [first.as_path(), state.as_path(), old.as_path()];
    script(
        &python,
        "check_trust_root.py",
        &[&arguments[..], &more].concat(),
    )
    .ok();
}

#[test]
fn model_signing_accepts_the_exported_folder_and_nothing_else() {
    let (Some(world), Some(python)) = (World::start(), python()) else {
        return;
    };
    world.hub("alpha", &["keygen", "--model-signing"]).ok();
    let folder = world.author("dots", "1.0.0", "means", 4);
    let folder_text = folder.to_str().unwrap();
    let publish = ["publish", folder_text, "--oms-key", "model-signing"];
    world.hub("alpha", &publish).ok();
    let signature = read(&folder.join("model.sig"));
    // Published again it is the same signature, and it is no file of the release.
    world.hub("alpha", &["check", folder_text]).ok();
    world.hub("alpha", &publish).ok();
    assert_eq!(read(&folder.join("model.sig")), signature);

    world.hub("beta", &["pull", "dots@1"]).ok();
    let project = world.project("beta");
    world
        .hub("beta", &["export", "dots@1", "--folder", "flat"])
        .ok();
    world
        .hub("beta", &["export", "dots@1", "--folder", "flat"])
        .fails(1, "not empty");
    world
        .hub("beta", &["export", "dots@1", "--bundle", "whole"])
        .ok();
    let (flat, whole) = (project.join("flat"), project.join("whole"));
    assert_eq!(read(&flat.join("model.sig")), signature);
    assert_eq!(read(&whole.join("model.sig")), signature);
    assert!(whole.join("statement.dsse.json").is_file());
    // The trust root in it is one to follow from the fingerprint, without the hub.
    let trust_root = whole.join("tuf");
    let metadata = ["--metadata", trust_root.to_str().unwrap()];
    let trust = ["trust", &world.first_root, "--offline"];
    world.hub("gamma", &[&trust[..], &metadata].concat()).ok();

    let key = world.home("alpha").join("keys/model-signing.pub.pem");
    let verify = |files: &Path, signature: &Path, key: &Path| {
        let mut command = Command::new(&python);
        command
            .args(["-m", "model_signing", "verify", "key"])
            .arg(files)
            .arg("--signature")
            .arg(signature)
            .arg("--public_key")
            .arg(key);
        Run::of(command)
    };
    let of_flat = flat.join("model.sig");
    verify(&flat, &of_flat, &key).ok();
    verify(&whole.join("release"), &whole.join("model.sig"), &key).ok();
    // Another key of the same kind.
    world.hub("gamma", &["keygen", "--model-signing"]).ok();
    let other = world.home("gamma").join("keys/model-signing.pub.pem");
    assert_ne!(verify(&flat, &of_flat, &other).code, 0);
    // One more file, then one changed byte.
    std::fs::write(flat.join("more.txt"), "more").unwrap();
    assert_ne!(verify(&flat, &of_flat, &key).code, 0);
    std::fs::remove_file(flat.join("more.txt")).unwrap();
    verify(&flat, &of_flat, &key).ok();
    let graph = flat.join("model.onnx");
    let mut bytes = std::fs::read(&graph).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&graph, bytes).unwrap();
    assert_ne!(verify(&flat, &of_flat, &key).code, 0);
}

#[test]
fn exported_heads_give_pythons_onnxruntime_the_same_probabilities() {
    let (Some(world), Some(python)) = (World::start(), python()) else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let classes = [
        ("red", [220, 40, 50]),
        ("blue", [40, 60, 210]),
        ("green", [30, 190, 60]),
    ];
    let pictures = world.pictures("beta", &classes, 8);
    let images = pictures.to_str().unwrap();
    world
        .hub(
            "beta",
            &[
                "train",
                "colours",
                "--extractor",
                "dots@1",
                "--images",
                images,
            ],
        )
        .ok();
    world
        .hub(
            "beta",
            &["embed", "dots@1", images, "-o", "features.parquet"],
        )
        .ok();
    let predictions = world
        .hub("beta", &["predict", "colours", images, "--json"])
        .ok()
        .stdout;
    let project = world.project("beta");
    std::fs::write(project.join("predictions.json"), predictions).unwrap();
    for format in ["onnx", "fused-onnx"] {
        let file = format!("{format}.onnx");
        world
            .hub(
                "beta",
                &["head", "export", "colours", "--format", format, "-o", &file],
            )
            .ok();
    }
    let files = [
        "features.parquet",
        "predictions.json",
        "onnx.onnx",
        "fused-onnx.onnx",
    ]
    .map(|file| project.join(file));
    let arguments: Vec<&Path> = files
        .iter()
        .map(std::path::PathBuf::as_path)
        .chain([pictures.as_path()])
        .collect();
    script(&python, "check_predictions.py", &arguments).ok();
}
