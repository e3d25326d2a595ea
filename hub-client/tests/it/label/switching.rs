//! Extractors beside one another, and another one taken while the page is open.

use std::path::{Path, PathBuf};
use std::process::Command;

use hub_client::head::HeadStore;
use serde_json::{Value, json};

use super::client::{Label, next_version};
use super::{command, is_loaded, label_ten, member};
use crate::domain::{author, check, strange_pictures};
use crate::world::World;

const DOTS: &str = "dots@1.0.0";
const THREE: &str = "alpha/three@1.0.0";

/// Beta's second extractor.
fn pull_three(world: &World) {
    world.publish(&world.author("alpha/three", "1.0.0", "three_features", 3));
    world.hub("beta", &["pull", "alpha/three@1"]).ok();
}

/// Two extractors, of which the first tells what it was made for, and pictures of which five are something else.
fn two_extractors() -> Option<(World, PathBuf)> {
    let world = World::start()?;
    let (folder, own) = author(&world, "1.0.0");
    world.hub("alpha", &check(&folder, &own)).ok();
    world.publish(&folder);
    world.hub("beta", &["pull", "dots@1"]).ok();
    pull_three(&world);
    let pictures = strange_pictures(&world);
    Some((world, pictures))
}

fn take(extractor: &str) -> Value {
    json!({ "extractor": extractor })
}

/// The row of an extractor.
#[track_caller]
fn row<'a>(comparison: &'a Value, extractor: &str) -> &'a Value {
    let mut rows = comparison["rows"].as_array().unwrap().iter();
    rows.find(|row| row["extractor"] == extractor)
        .unwrap_or_else(|| panic!("{extractor}: {comparison:#}"))
}

fn compared(label: &Label) -> Value {
    label.post("/api/compare", &json!({})).json();
    loop {
        let comparison = label.get("/api/compare").json();
        if comparison["running"] == false {
            return comparison;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn another_extractor_is_compared_and_taken_and_everything_said_stays() {
    let Some((world, pictures)) = two_extractors() else {
        return;
    };
    let label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    label_ten(&label);
    let grey: Vec<String> = (0..5).map(|one| format!("red/grey-{one}.png")).collect();
    let grey: Vec<(&str, &str)> = grey.iter().map(|name| (name.as_str(), "grey")).collect();
    label.label(&grey);

    let comparison = compared(&label);
    assert_eq!(comparison["labels"], 15, "{comparison:#}");
    let (dots, three) = (row(&comparison, DOTS), row(&comparison, THREE));
    assert_eq!(
        (&dots["domain"]["images"], &dots["domain"]["unlike"]),
        (&json!(15), &json!(5)),
        "{dots:#}"
    );
    assert_eq!(dots["domain"]["is_strange"], true);
    assert_eq!(three["domain"], Value::Null, "its release does not tell");
    for one in [dots, three] {
        // Whoever is right enough answers everything.
        let is_right = one["share"].as_f64().unwrap() >= 0.95;
        let answered = one["answered"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&answered), "{one:#}");
        assert!(!is_right || answered > 0.9, "{one:#}");
    }
    assert_eq!(
        (&dots["verdict"], &three["verdict"] == "in use"),
        (&json!("in use"), false)
    );

    // What is not installed cannot be taken, and nothing changes.
    for absent in ["nowhere@1.0.0", "dots@1", "dots@1.0.1"] {
        label
            .post("/api/extractor", &take(absent))
            .refused(404, "not_found");
    }
    let marks = json!({"set": [{"image": 0, "mark": "exclude"}]});
    label.post("/api/labels", &marks).json();
    let before = label.change("/api/undo", &json!({}));
    let mut events = label.events();
    next_version(&mut events);
    let taken = label.post("/api/extractor", &take(THREE)).json();
    assert_eq!(taken["extractor"], THREE);
    for same in [
        "session", "classes", "skipped", "excluded", "labels", "undo", "redo",
    ] {
        assert_eq!(before[same], taken[same], "{same}");
    }
    let version = taken["version"].as_u64().unwrap();
    assert!(version > before["version"].as_u64().unwrap());
    while next_version(&mut events) < version {}
    label.until(|state| is_loaded(state) && state["accuracy"] != Value::Null);
    let state =
        label.until(|state| state["done"]["map"] == true && state["done"]["groups"] == true);
    assert_eq!(state["images"]["embedded"], before["images"]["embedded"]);
    assert_eq!(state["images"]["seconds_left"], Value::Null);
    assert_eq!(state["accuracy"]["audit"]["checked"], 0);
    let told = label.get("/api/compare").json();
    assert_eq!(row(&told, THREE)["verdict"], "in use", "{told:#}");
    assert_ne!(row(&told, DOTS)["verdict"], "in use");

    // What was undone can be done again, and what was written down is in the journal.
    let redone = label.change("/api/redo", &json!({}));
    assert_eq!(
        (&redone["excluded"], &redone["redo"]),
        (&json!(1), &json!(false))
    );
    saved_with(&world, &label, THREE);
    // And back, which is as quick as a press; twice is once.
    for _ in 0..2 {
        let back = label.post("/api/extractor", &take(DOTS)).json();
        assert_eq!(back["extractor"], DOTS);
    }
    let state = label.until(|state| is_loaded(state) && state["accuracy"] != Value::Null);
    assert_eq!(state["labels"], 15);
}

/// The head that is saved names its release, and other commands find it.
fn saved_with(world: &World, label: &Label, extractor: &str) {
    let saved = label.post("/api/save", &json!({"name": "colours"})).json();
    let train = saved["commands"].to_string();
    assert!(
        train.contains(&format!("--extractor {extractor}")),
        "{train}"
    );
    let heads = HeadStore::new(&world.home("beta"));
    let head = heads.load(&"colours".parse().unwrap(), None).unwrap();
    assert_eq!(head.extractor().to_string(), extractor);
    assert_eq!(head.dimension(), 3);
}

#[test]
fn a_kill_amid_a_change_of_extractor_loses_nothing_that_was_acknowledged() {
    let Some((world, pictures)) = member() else {
        return;
    };
    pull_three(&world);
    let label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    let names = label.names();
    let usable: Vec<usize> = (0..names.len())
        .filter(|&image| names[image].ends_with(".png") && names[image].contains('/'))
        .collect();
    let acknowledged = std::thread::scope(|scope| {
        let labels = scope.spawn(|| labelled_until_killed(&label, &usable));
        for extractor in [THREE, DOTS, THREE, DOTS, THREE] {
            assert!(label.is_taken("/api/extractor", &take(extractor)));
        }
        // In the middle of what the last one has to look at.
        let killed = Command::new("kill")
            .args(["-KILL", &label.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        labels.join().unwrap()
    });
    drop(label);
    assert!(!acknowledged.is_empty());

    let label = Label::start(command(&world, &pictures));
    let state = label.until(is_loaded);
    assert_eq!(state["extractor"], DOTS, "as the command says");
    let known = labels_of(&label);
    for (image, class) in acknowledged {
        let line = format!("{},{class}", names[image]);
        assert!(
            known.lines().any(|one| one == line),
            "{line} is missing: {known}"
        );
    }
}

/// Labels one picture after the other; the last that was acknowledged of each.
fn labelled_until_killed(label: &Label, images: &[usize]) -> Vec<(usize, &'static str)> {
    let mut acknowledged: Vec<(usize, &'static str)> = Vec::new();
    for &image in images {
        let class = ["even", "odd"][image % 2];
        let set = json!({"set": [{"image": image, "class": class}]});
        if !label.is_taken("/api/labels", &set) {
            break;
        }
        acknowledged.push((image, class));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    acknowledged
}

fn labels_of(label: &Label) -> String {
    String::from_utf8(label.get("/api/download/labels.csv").body).unwrap()
}

#[test]
fn labels_that_come_while_the_extractor_changes_are_learnt_from() {
    let Some((world, pictures)) = member() else {
        return;
    };
    pull_three(&world);
    let label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    label_ten(&label);
    std::thread::scope(|scope| {
        scope.spawn(|| label.post("/api/extractor", &take(THREE)).json());
        let place = |name: &str| label.names().iter().position(|one| one == name);
        for name in ["blue/000.png", "blue/001.png", "blue/002.png"] {
            let set = json!({"set": [{"image": place(name), "class": "blue"}]});
            label.post("/api/labels", &set).json();
        }
    });
    let state = label.until(|state| state["extractor"] == THREE && is_loaded(state));
    assert_eq!(state["labels"], 13, "{state:#}");
    let state = label.until(|state| state["accuracy"]["labels"] == 13);
    assert_eq!(state["classes"].as_array().unwrap().len(), 3);
    assert!(Path::new(state["journal"].as_str().unwrap()).exists());
}
