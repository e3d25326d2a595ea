//! What becomes of a head: its history, going back, two versions compared, newer releases, explanations.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hub_client::head::{ExtractorRelease, HeadStore};
use registry_schema::digest::Digest;
use serde_json::Value;

use super::missing;
use super::world::{Run, World, picture};

/// Dark and bright pictures between red and blue: the darker ones are called red, the brighter blue, so
/// that an extractor that sees brightness does better than one that sees hue alone.
fn pictures(world: &World, member: &str) -> PathBuf {
    let folder = world.project(member).join("pictures");
    for index in 0..12_u8 {
        for (class, colour) in [
            ("blue", [60 + 8 * index, 60, 230 - 6 * index]),
            ("red", [200 - 7 * index, 40, 50 + 7 * index]),
        ] {
            std::fs::create_dir_all(folder.join(class)).unwrap();
            let path = folder.join(class).join(format!("{index:03}.png"));
            picture(16, colour, u32::from(index)).save(path).unwrap();
        }
    }
    folder
}

/// A release whose dimensions have names.
fn publish_named(world: &World, version: &str, graph: &str, names: &[&str]) {
    let dimension = u32::try_from(names.len()).unwrap();
    let folder = world.draft("dots", version, graph, dimension);
    let manifest = folder.join("extractor.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{text}names = {names:?}\n")).unwrap();
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    world.publish(&folder);
}

const NAMES: [&str; 4] = ["red", "green", "blue", "contrast"];

/// A member with a head of one version on `dots@2.0.0`.
fn start() -> Option<(World, PathBuf)> {
    let world = World::start()?;
    publish_named(&world, "2.0.0", "three_features", &NAMES[..3]);
    world.hub("beta", &["pull", "dots@2"]).ok();
    let pictures = pictures(&world, "beta");
    train(&world, "colours", "dots@2", &pictures).ok();
    Some((world, pictures))
}

fn train(world: &World, head: &str, extractor: &str, pictures: &Path) -> Run {
    let pictures = pictures.to_str().unwrap();
    let line = [
        "train",
        head,
        "--extractor",
        extractor,
        "--images",
        pictures,
    ];
    world.hub("beta", &line)
}

fn head(world: &World, line: &[&str]) -> Run {
    world.hub("beta", &[&["head"], line].concat())
}

fn json(world: &World, line: &[&str]) -> Value {
    head(world, &[line, &["--json"]].concat()).json()
}

fn file(world: &World, version: u32) -> PathBuf {
    let name = format!("heads/colours/v{version:04}.head");
    world.home("beta").join(name)
}

/// Text without what differs from run to run: times, and where the world is.
fn steady(world: &World, text: &str) -> String {
    let place = world.folder.path().to_str().unwrap();
    let steady = |line: &str| match line.split_once("2") {
        Some((before, _)) if line.starts_with("made ") => format!("{before}<time>"),
        _ => line.replace(place, "<world>"),
    };
    text.lines().map(steady).collect::<Vec<_>>().join("\n")
}

#[test]
fn versions_are_told_apart_and_an_earlier_one_comes_back() {
    let Some((world, pictures)) = start() else {
        return;
    };
    let one = head(&world, &["diff", "colours"]);
    one.fails(3, "has no version before 1 to compare with");
    // An image changes its class and its place, one goes, one comes.
    let moved = pictures.join("blue/was-red.png");
    std::fs::rename(pictures.join("red/000.png"), moved).unwrap();
    std::fs::remove_file(pictures.join("red/001.png")).unwrap();
    let new = pictures.join("red/new.png");
    picture(16, [128, 20, 20], 5).save(new).unwrap();
    train(&world, "colours", "dots@2", &pictures).ok();

    let images = pictures.to_str().unwrap();
    let compared = json(&world, &["diff", "colours", "--images", images]);
    let changed = &compared["labels_changed"][0];
    assert_eq!(changed["path"], "blue/was-red.png");
    assert_eq!(
        (&changed["from"], &changed["to"]),
        (&"red".into(), &"blue".into())
    );
    assert_eq!(compared["labels_added"][0]["path"], "red/new.png");
    assert_eq!(compared["labels_removed"].as_array().unwrap().len(), 1);
    assert_eq!(compared["decisions"]["images"], 24);
    // Without the folder the cache still knows the image that went.
    let known = json(&world, &["diff", "colours"]);
    assert_eq!(known["decisions"]["images"], 25);
    let told = head(&world, &["diff", "colours", "--images", images]).ok();
    insta::assert_snapshot!("head_diff", told.stdout);

    let back = json(&world, &["rollback", "colours"]);
    assert_eq!((&back["to"], &back["saved_as"]), (&1.into(), &3.into()));
    let again = head(&world, &["rollback", "colours", "--to", "3"]).ok();
    assert!(
        again.stdout.contains("version 1 is in use already"),
        "{again}"
    );
    let facts = |version: &str| {
        let shown = json(&world, &["show", "colours", "--head-version", version]);
        shown["training"].clone()
    };
    assert_eq!(facts("1"), facts("3"));
    assert_ne!(facts("1"), facts("2"));
    head(&world, &["rollback", "colours"]).fails(3, "no earlier version");

    // Damaged versions are shown, the others as they are; going back helps.
    for version in [2, 3] {
        std::fs::write(file(&world, version), b"hub-head/3\nbroken\n").unwrap();
    }
    let history = head(&world, &["history", "colours"]).ok();
    assert!(
        history.stderr.contains("hub head rollback colours"),
        "{history}"
    );
    insta::assert_snapshot!("head_history", steady(&world, &history.stdout));
    let predict = ["predict", "colours", images];
    let run = world
        .hub("beta", &predict)
        .fails(4, "damaged or was edited");
    assert!(run.stderr.contains("hub head rollback"), "{run}");
    head(&world, &["diff", "colours"]).fails(4, "damaged or was edited");
    let back = json(&world, &["rollback", "colours"]);
    assert_eq!((&back["to"], &back["saved_as"]), (&1.into(), &4.into()));
    world.hub("beta", &predict).ok();
    let versions = json(&world, &["history", "colours"])["versions"].clone();
    let states: Vec<&Value> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["whole", "damaged", "damaged", "whole"]);
    assert_eq!(versions[0]["origin"]["how"], "again");
    assert_eq!(versions[0]["in_use"], true);

    for command in ["history", "diff", "rollback", "explain"] {
        head(&world, &[command, "nobody"]).fails(3, "there is no head `nobody`");
    }
}

#[test]
fn a_newer_release_of_the_space_keeps_the_weights() {
    let Some((world, pictures)) = start() else {
        return;
    };
    let images = pictures.to_str().unwrap();
    let upgrade = ["upgrade", "colours", "--images", images];
    let dry = [&upgrade[..], &["--dry-run"]].concat();
    head(&world, &dry).fails(3, "no release of the extractor of `colours` that is newer");
    let same = [&dry[..], &["--extractor", "dots@2.0.0"]].concat();
    head(&world, &same).fails(1, "dots@2.0.0 is not newer");
    publish_named(&world, "2.1.0", "means", &NAMES);
    world.hub("beta", &["pull", "dots@2.1.0"]).ok();

    head(&world, &upgrade).fails(2, "no terminal to ask on");
    let nothing = ["upgrade", "colours", "--dry-run"];
    head(&world, &nothing).fails(1, "none of the labelled images");
    let seen = json(&world, &dry);
    assert_eq!(
        (&seen["kind"], &seen["saved_as"]),
        (&"moved".into(), &Value::Null)
    );
    assert_eq!(
        (&seen["from"]["dimension"], &seen["to"]["dimension"]),
        (&3.into(), &4.into())
    );
    assert_eq!(seen["from"]["held_out"], seen["to"]["held_out"]);
    let decisions = &seen["decisions"];
    assert_eq!(
        (&decisions["images"], &decisions["changed"]),
        (&24.into(), &0.into())
    );
    assert!(decisions["largest_difference"].as_f64().unwrap() < 1e-3);
    assert!(!file(&world, 2).exists());

    // The images lie elsewhere now, and one is gone, also from the cache.
    let elsewhere = world.project("beta").join("moved");
    std::fs::rename(&pictures, &elsewhere).unwrap();
    std::fs::remove_file(elsewhere.join("red/002.png")).unwrap();
    std::fs::remove_dir_all(world.home("beta").join("cache")).unwrap();
    let folder = elsewhere.to_str().unwrap();
    let line = ["upgrade", "colours", "--images", folder, "--yes", "--json"];
    let run = head(&world, &line);
    assert_eq!(run.code, 6, "{run}");
    let saved: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&saved["saved_as"], &saved["images"]),
        (&2.into(), &23.into())
    );
    assert_eq!(saved["missing"][0]["label"], "red");
    let shown = json(&world, &["show", "colours"]);
    assert_eq!(shown["extractor"], "dots@2.1.0");
    assert_eq!(
        (&shown["origin"]["how"], &shown["origin"]["version"]),
        (&"moved".into(), &1.into())
    );
    assert_eq!(shown["origin"]["trained-on"]["version"], "2.0.0");
    let before = json(&world, &["show", "colours", "--head-version", "1"]);
    assert_eq!(shown["training"], before["training"]);
    let predicted = world
        .hub("beta", &["predict", "colours", folder, "--json"])
        .json();
    assert_eq!(predicted["extractor"], "dots@2.1.0");

    // Learning anew uses what was appended.
    let anew = ["upgrade", "colours", "--images", folder];
    let anew = [&anew[..], &["--retrain", "--yes", "--json"]].concat();
    let run = head(&world, &anew);
    assert_eq!(run.code, 6, "{run}");
    let shown = json(&world, &["show", "colours"]);
    assert_eq!(
        (&shown["dimension"], &shown["origin"]["how"]),
        (&4.into(), &"retrained".into())
    );
}

#[test]
fn another_space_is_learnt_from_the_recorded_labels() {
    let Some((world, pictures)) = start() else {
        return;
    };
    let images = pictures.to_str().unwrap();
    // Images without a label are centred on, too.
    for index in 0..3 {
        let path = pictures.join(format!("{index}.png"));
        picture(16, [120, 90, 120], index).save(path).unwrap();
    }
    train(&world, "colours", "dots@2", &pictures).ok();
    // A release that sees red alone, and wants other arithmetic of heads.
    let folder = world.draft("dots", "3.0.0", "three_features", 3);
    let manifest = folder.join("extractor.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("std = [0.5, 0.5, 0.5]", "std = [0.5, 500.0, 500.0]");
    std::fs::write(&manifest, format!("{text}head_transform = \"none\"\n")).unwrap();
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    world.publish(&folder);
    world.hub("beta", &["pull", "dots@3.0.0"]).ok();

    let upgrade = ["upgrade", "colours", "--images", images];
    let dry = [&upgrade[..], &["--dry-run"]].concat();
    let seen = json(&world, &dry);
    assert_eq!(seen["kind"], "retrained");
    assert_eq!(seen["unlabelled"], serde_json::json!([3, 3]));
    assert_eq!(
        (&seen["answers_held_out"], &seen["standing"]),
        (&true.into(), &"worse".into())
    );
    assert!(seen["paired"]["high"].as_f64().unwrap() < 0.0);
    assert_eq!(seen["decisions"]["all"].as_array().unwrap().len(), 24);
    let told = head(&world, &dry).ok();
    insta::assert_snapshot!("head_upgrade", told.stdout);
    assert!(!file(&world, 3).exists());

    // Nothing is saved unless somebody agrees.
    if let Some(run) = at_a_terminal(&world, &upgrade, "n\n") {
        assert!(run.stdout.contains("nothing was saved"), "{run}");
        assert!(!file(&world, 3).exists());
        let run = at_a_terminal(&world, &upgrade, "yes\n").unwrap();
        assert!(run.stdout.contains("saved as version 3"), "{run}");
        head(&world, &["rollback", "colours"]).ok();
    }
    let saved = json(&world, &[&upgrade[..], &["--yes"]].concat());
    let version = saved["saved_as"].as_u64().unwrap().to_string();
    // It is what training on the same images gives.
    train(&world, "fresh", "dots@3.0.0", &pictures).ok();
    let shown = json(&world, &["show", "colours", "--head-version", &version]);
    let fresh = json(&world, &["show", "fresh"]);
    for what in [
        "classes",
        "temperature",
        "training",
        "extractor",
        "dimension",
    ] {
        assert_eq!(shown[what], fresh[what], "{what}");
    }
    let compared = json(&world, &["diff", "colours"]);
    assert_eq!(compared["to"]["extractor"], "dots@3.0.0");
    assert!(compared["decisions"]["changed"].as_u64().unwrap() > 0);
    let back = [
        "upgrade",
        "colours",
        "--images",
        images,
        "--dry-run",
        "--extractor",
        "dots@2.0.0",
    ];
    head(&world, &back).fails(1, "dots@2.0.0 is not newer");

    // Without the old release there is nothing to compare with, which is said.
    head(&world, &["rollback", "colours", "--to", "1"]).ok();
    world.hub("beta", &["rm", "dots@2.0.0"]).ok();
    let alone = json(&world, &dry);
    assert_eq!(alone["paired"], Value::Null);
    assert_eq!(alone["from"]["recorded"], true);
    let words = alone["verdict"].as_str().unwrap();
    assert!(words.contains("dots@2.0.0 is not installed"), "{words}");
    // Whose transform it was is known without it.
    assert_eq!(alone["transform_of_release"], "none");
    // Heads of before that was kept: it is not known any more, and kept.
    let store = HeadStore::new(&world.home("beta"));
    let newest = store.versions(&"colours".parse().unwrap()).unwrap();
    forget_whose_transform(&file(&world, *newest.last().unwrap()));
    let told = head(&world, &dry).ok();
    let words = "the transform centred-l2 is kept, and dots@3.0.0 asks for none";
    assert!(told.stderr.contains(words), "{told}");
    let compared = json(
        &world,
        &["diff", "colours", "--from", "2", "--images", images],
    );
    assert_eq!(compared["decisions"], Value::Null);
    assert!(compared["not_compared"].is_string(), "{compared}");
}

/// Makes the file of a head what it was before heads kept who chose their transform.
fn forget_whose_transform(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
    let (format, body) = (lines.next().unwrap(), lines.nth(1).unwrap());
    let kept = br#""transform-by":"release","#;
    let place = body
        .windows(kept.len())
        .position(|text| text == kept)
        .unwrap();
    let body = [&body[..place], &body[place + kept.len()..]].concat();
    let digest = Digest::of(&body).to_string();
    let file = [format, b"\n", digest.as_bytes(), b"\n", &body].concat();
    std::fs::write(path, file).unwrap();
}

#[test]
fn another_release_of_the_same_version_is_not_taken_for_it() {
    let Some((world, pictures)) = start() else {
        return;
    };
    for (version, graph) in [("2.1.0", "means"), ("3.0.0", "means")] {
        publish_named(&world, version, graph, &NAMES);
        let release = format!("dots@{version}");
        world.hub("beta", &["pull", &release]).ok();
    }
    // A head that is made for a dots@2.1.0 of elsewhere.
    let store = HeadStore::new(&world.home("beta"));
    let own = store.load(&"colours".parse().unwrap(), None).unwrap();
    let elsewhere = ExtractorRelease {
        version: "2.1.0".parse().unwrap(),
        digest: Digest::of(b"elsewhere"),
        ..own.extractor().clone()
    };
    let now = "2026-05-06T07:08:09Z".parse().unwrap();
    store
        .save(&own.moved_to(1, elsewhere, now).unwrap())
        .unwrap();

    let images = pictures.to_str().unwrap();
    let predict = ["predict", "colours", images];
    world.hub("beta", &predict).fails(
        3,
        "is another release than the dots@2.1.0 that the head `colours` is made for",
    );
    let upgrade = ["upgrade", "colours", "--images", images, "--dry-run"];
    let verdict = json(&world, &upgrade)["verdict"].clone();
    let words = "the installed dots@2.1.0 is another release than the one the head is made for";
    assert!(verdict.as_str().unwrap().contains(words), "{verdict}");
    let compared = json(&world, &["diff", "colours", "--images", images]);
    let why = compared["not_compared"].as_str().unwrap();
    assert!(why.contains("is another release"), "{compared}");
}

/// Runs `hub head` on a terminal of its own and types; none when there is no `script` to make one.
fn at_a_terminal(world: &World, line: &[&str], typed: &str) -> Option<Run> {
    let inner = world.command("beta", &[&["head"], line].concat());
    let words = std::iter::once(inner.get_program()).chain(inner.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let mut command = Command::new("script");
    command.args(["-qec", &words.join(" "), "/dev/null"]);
    command.env_clear().envs(
        inner
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    command.current_dir(inner.get_current_dir().unwrap());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        missing::tool("there is no `script` to make a terminal (Debian package: bsdutils)");
        return None;
    };
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keys);
    Some(Run::with_output(words.join(" "), &output).ok())
}

#[test]
fn what_a_head_looks_at_is_said_in_words() {
    let Some((world, pictures)) = start() else {
        return;
    };
    let images = pictures.to_str().unwrap();
    let image = "pictures/red/005.png";
    let line = ["explain", "colours", "--image", image, "--images", images];
    let told = head(&world, &line).ok();
    insta::assert_snapshot!("head_explain", told.stdout);
    let seen = json(&world, &line);
    // Few images, not centred in full: red is weighted against its course, and no reason for blue.
    let takes_back = &seen["classes"][0]["takes_back"];
    assert_eq!(takes_back[0]["name"], "red", "{seen}");
    let blue = &seen["classes"][0];
    assert_eq!(
        (&blue["class"], &blue["speaks_for"][0]["name"]),
        (&"blue".into(), &"blue".into())
    );
    let image = &seen["image"];
    let number = |value: &Value| value.as_f64().unwrap();
    let factors = image["factors"].as_array().unwrap().iter();
    let product: f64 = factors.map(|one| number(&one["times"])).product();
    let odds = number(&image["probability"]) / number(&image["runner_up_probability"]);
    assert!(
        (product * number(&image["odds_of_mean"]) / odds - 1.0).abs() < 1e-3,
        "{image}"
    );
    assert_eq!(image["nearest"][0]["path"], "red/005.png");

    // Neither folder nor cache: what the head itself keeps is enough for words.
    std::fs::remove_dir_all(world.home("beta").join("cache")).unwrap();
    let kept = json(&world, &["explain", "colours"]);
    assert_eq!(kept["images"], 24);
    let share = |one: &Value| number(&one["classes"][0]["speaks_for"][0]["share"]);
    assert!((share(&kept) - share(&seen)).abs() < 1e-4);

    // An extractor whose dimensions have no names.
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1.0.0"]).ok();
    train(&world, "nameless", "dots@1.0.0", &pictures).ok();
    let told = head(&world, &["explain", "nameless", "--images", images]).ok();
    insta::assert_snapshot!("head_explain_nameless", told.stdout);
    let broken = world.project("beta").join("broken.png");
    std::fs::write(&broken, b"\x89PNG\r\n\x1a\nno more").unwrap();
    let line = ["explain", "nameless", "--image", broken.to_str().unwrap()];
    head(&world, &line).fails(1, "none of the 1 images can be used");
}
