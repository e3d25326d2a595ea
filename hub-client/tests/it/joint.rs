//! Names with several owners: statements go round as files, each owner signs on its own machine.

use std::path::{Path, PathBuf};

use crate::world::{World, read};

/// Copies a file from one member to another, as a mail would.
fn hand_over(file: &Path, world: &World, to: &str) -> PathBuf {
    let copy = world.project(to).join(file.file_name().unwrap());
    std::fs::copy(file, &copy).unwrap();
    copy
}

/// Alpha drafts `joint@1.0.0`: its folder, and the file with alpha's signature.
fn drafted(world: &World) -> (PathBuf, PathBuf) {
    let folder = world.author("joint", "1.0.0", "means", 4);
    let file = world.project("alpha").join("joint.json");
    let arguments = [
        "publish",
        folder.to_str().unwrap(),
        "--draft",
        file.to_str().unwrap(),
        "--json",
    ];
    let view = world.hub("alpha", &arguments).json();
    assert_eq!(view["draft"]["must_sign"], 2);
    assert_eq!(view["draft"]["open"], serde_json::json!(["beta"]));
    assert!(view["published"]["at"].is_null(), "only files were sent");
    assert!(view["published"]["sent_bytes"].as_u64().unwrap() > 0);
    (folder, file)
}

#[test]
fn a_release_goes_from_owner_to_owner() {
    let Some(world) = World::start() else { return };
    let (folder, file) = drafted(&world);
    let file_text = file.to_str().unwrap();

    // Half signed it is nothing yet, for anybody.
    world
        .hub("alpha", &["publish", "--signed", file_text])
        .fails(4, "signed by 1 of the 2 owners");
    world
        .hub("gamma", &["pull", "joint@1"])
        .fails(3, "there is no extractor");
    // A draft takes nothing's place, and nothing is signed for one that would.
    let journal = world.home("alpha").join("signed.jsonl");
    let signed = std::fs::read(&journal).unwrap();
    world
        .hub(
            "alpha",
            &["publish", folder.to_str().unwrap(), "--draft", file_text],
        )
        .fails(1, "exists");
    assert_eq!(std::fs::read(&journal).unwrap(), signed);
    // A member that owns nothing of it cannot join in.
    let copy = hand_over(&file, &world, "gamma");
    world
        .hub("gamma", &["cosign", copy.to_str().unwrap()])
        .fails(4, "no key of an owner");

    // Beta has no folder: it checks the files on the hub, sees what it signs, and signs.
    let copy = hand_over(&file, &world, "beta");
    let copy = copy.to_str().unwrap();
    let before = read(Path::new(copy));
    let view = world.hub("beta", &["cosign", copy, "--dry-run", "--json"]);
    let view = view.json();
    assert_eq!(view["is_signed"], false);
    assert_eq!(view["checked_against"], "the files on the hub");
    assert_eq!(view["release"], "joint@1.0.0");
    assert_eq!(read(Path::new(copy)), before, "nothing was written");
    let view = world.hub("beta", &["cosign", copy, "--json"]).json();
    assert_eq!(view["is_complete"], true);
    assert_eq!(view["signers"].as_array().unwrap().len(), 2);
    let signed = read(Path::new(copy));
    world.hub("beta", &["cosign", copy]).ok();
    assert_eq!(
        read(Path::new(copy)),
        signed,
        "signing twice changes nothing"
    );

    // Whoever of them publishes it needs no folder.
    let published = world.hub("beta", &["publish", "--signed", copy, "--json"]);
    assert_eq!(published.json()["statement"], view["statement"]);
    let pulled = world.hub("gamma", &["pull", "joint@1", "--json"]).json();
    assert_eq!(pulled["signers"].as_array().unwrap().len(), 2);
    assert_eq!(pulled["statement"], view["statement"]);
}

#[test]
fn an_owner_with_the_folder_signs_only_what_is_in_it() {
    let Some(world) = World::start() else { return };
    let (folder, file) = drafted(&world);
    let copy = hand_over(&file, &world, "beta");
    let copy = copy.to_str().unwrap();
    let folder_text = folder.to_str().unwrap();
    let card = folder.join("README.md");
    let text = read(&card);
    std::fs::write(&card, "# something else\n").unwrap();
    world
        .hub("beta", &["cosign", copy, "--folder", folder_text])
        .fails(4, "`README.md` differs");
    std::fs::write(&card, text).unwrap();
    let manifest = folder.join("extractor.toml");
    let text = read(&manifest);
    std::fs::write(&manifest, text.replace("MIT", "Apache-2.0")).unwrap();
    world
        .hub("beta", &["cosign", copy, "--folder", folder_text])
        .fails(4, "`extractor.toml` differs");
    std::fs::write(&manifest, text).unwrap();
    let arguments = ["cosign", copy, "--folder", folder_text, "--json"];
    let view = world.hub("beta", &arguments).json();
    assert_eq!(view["checked_against"], "the folder");
    world
        .hub("alpha", &["publish", folder_text, "--signed", copy])
        .ok();
}

#[test]
fn a_draft_that_was_changed_on_its_way_is_refused() {
    let Some(world) = World::start() else { return };
    let (_, file) = drafted(&world);
    let copy = hand_over(&file, &world, "beta");
    let text = read(&copy);
    let mut envelope: serde_json::Value = serde_json::from_str(&text).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    // Another base64 digit in the middle of the payload: other prose, or no JSON at all.
    let middle = payload.len() / 2;
    let digit = if &payload[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let changed = format!("{}{digit}{}", &payload[..middle], &payload[middle + 1..]);
    envelope["payload"] = changed.into();
    std::fs::write(&copy, envelope.to_string()).unwrap();
    world
        .hub("beta", &["cosign", copy.to_str().unwrap()])
        .fails(4, "draft cannot be signed");
    std::fs::write(&copy, "{}").unwrap();
    world
        .hub("beta", &["cosign", copy.to_str().unwrap()])
        .fails(4, "envelope");
}

#[test]
fn a_yank_goes_round_in_the_same_way() {
    let Some(world) = World::start() else { return };
    let (_, file) = drafted(&world);
    let copy = hand_over(&file, &world, "beta");
    let copy = copy.to_str().unwrap();
    world.hub("beta", &["cosign", copy]).ok();
    world.hub("beta", &["publish", "--signed", copy]).ok();

    let yank = world.project("alpha").join("yank.json");
    let arguments = [
        "yank",
        "joint@1.0.0",
        "--reason",
        "wrong colours",
        "--draft",
        yank.to_str().unwrap(),
        "--json",
    ];
    let view = world.hub("alpha", &arguments).json();
    assert_eq!(view["draft"]["open"], serde_json::json!(["beta"]));
    world
        .hub("alpha", &["publish", "--signed", yank.to_str().unwrap()])
        .fails(4, "signed by 1 of the 2 owners");
    let copy = hand_over(&yank, &world, "beta");
    let copy = copy.to_str().unwrap();
    let view = world.hub("beta", &["cosign", copy, "--json"]).json();
    assert_eq!(
        (&view["kind"], &view["reason"]),
        (&"yank".into(), &"wrong colours".into(),)
    );
    world.hub("beta", &["publish", "--signed", copy]).ok();
    world
        .hub("gamma", &["pull", "joint@1"])
        .fails(3, "no release");
    // What was recorded cannot be signed for again.
    world
        .hub("beta", &["cosign", copy])
        .fails(4, "expected number 2, found 1");
}
