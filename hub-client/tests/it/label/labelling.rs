//! From the first label to a head, through a kill, in two pages.

use std::path::Path;
use std::process::Command;

use hub_client::head::HeadStore;
use serde_json::{Value, json};

use super::client::{Label, next_version};
use super::{Columns, command, images, is_loaded, label_ten, member};
use crate::world::{Run, World};

#[test]
fn from_the_first_label_to_a_head() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let label = Label::start(command(&world, &pictures));
    assert!(label.get("/").body.starts_with(b"<!doctype html>"));
    let state = label
        .until(|state| is_loaded(state) && !state["suggestions"].as_array().unwrap().is_empty());

    // What is there, and what is not.
    assert_eq!(
        (&state["images"]["total"], &state["images"]["embedded"]),
        (&json!(37), &json!(36))
    );
    assert_eq!(state["images"]["failed_total"], 2, "{state:#}");
    let failed = state["images"]["failed"].to_string();
    assert!(
        failed.contains("cut.png") && failed.contains("the file is empty"),
        "{failed}"
    );
    assert_eq!(state["extractor"], "dots@1.0.0");
    assert_eq!(state["needs"], "name two things to tell apart");
    assert_eq!(state["accuracy"], Value::Null);
    let names = label.names();
    let cut = names.iter().position(|name| name == "cut.png").unwrap();
    let labels = |image: usize, class: &str| json!({"set": [{"image": image, "class": class}]});
    label
        .post("/api/labels", &labels(cut, "red"))
        .refused(400, "image");
    label
        .post("/api/labels", &labels(99, "red"))
        .refused(404, "not_found");
    label
        .post("/api/labels", &labels(1, " "))
        .refused(400, "labels");

    // Classes, then labels.
    label.post("/api/classes", &json!({"add": "green"})).json();
    let state = label.post("/api/classes", &json!({"add": "red"})).json();
    assert_eq!(state["needs"], "label two of green and two of red");
    let state = label.label(&[("green/000.png", "green"), ("red/000.png", "red")]);
    assert_eq!(
        (&state["needs"], &state["accuracy"]),
        (&json!("label one more of green"), &Value::Null)
    );
    let state = label_ten(&label);
    assert_eq!(
        state["classes"],
        json!([{"name": "green", "labels": 5}, {"name": "red", "labels": 5}])
    );
    let accuracy = &state["accuracy"];
    assert_eq!(
        (&accuracy["share"], &accuracy["coin"]),
        (&json!(1.0), &json!(0.5))
    );
    assert_eq!(accuracy["confusion"], json!([[5, 0], [0, 5]]));
    let sentence = accuracy["sentence"].as_str().unwrap();
    assert!(sentence.ends_with(" in 100, from 10 labels"), "{sentence}");
    assert_eq!(state["suspects"], json!([]));

    let columns = labelled_columns(&label, &names, cut);
    // A head that never saw blue finds it unlike what it was shown.
    let blue = names
        .iter()
        .position(|name| name == "blue/004.png")
        .unwrap();
    assert_eq!(columns.doubt[blue] & 2, 2);
    let first = images(&state["suggestions"])[0];
    assert_eq!(columns.order[first], 0);

    saved_as_trained(&world, &pictures, &label);
}

/// The columns say what the state says.
fn labelled_columns(label: &Label, names: &[String], cut: usize) -> Columns {
    let columns = Columns::of(label);
    assert_eq!(columns.label[cut], 255);
    assert_eq!(columns.doubt[cut] & 8, 8);
    for (image, name) in names.iter().enumerate().filter(|(image, _)| *image != cut) {
        let class = match &name[..3] {
            "gre" => 0,
            "red" => 1,
            _ => continue,
        };
        assert_eq!(columns.answer[image], class, "{name}");
        let is_labelled = name.as_bytes()[name.len() - 7..] < b"005.png"[..];
        assert_eq!(
            columns.label[image],
            if is_labelled { class } else { 255 },
            "{name}"
        );
    }
    columns
}

/// The head is the one of `hub train`, to the last bit.
fn saved_as_trained(world: &World, pictures: &Path, label: &Label) {
    let saved = label.post("/api/save", &json!({"name": "colours"})).json();
    assert_eq!(
        (&saved["head"], &saved["version"]),
        (&json!("colours"), &json!(1))
    );
    label
        .post("/api/save", &json!({"name": "No Name"}))
        .refused(400, "usage");
    let journal = pictures.join("labels.jsonl");
    let (images, journal) = (pictures.to_str().unwrap(), journal.to_str().unwrap());
    let train = [
        "train",
        "colours",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--labels",
        journal,
    ];
    let trained = world.hub("beta", &train);
    assert_eq!(trained.code, 6, "two files cannot be used: {trained}");
    let heads = HeadStore::new(&world.home("beta"));
    let name = "colours".parse().unwrap();
    let [page, train] = [1, 2].map(|version| heads.load(&name, Some(version)).unwrap());
    assert_eq!(
        (page.weights(), page.bias()),
        (train.weights(), train.bias())
    );
    assert_eq!(
        (page.transform(), page.abstention()),
        (train.transform(), train.abstention())
    );
    assert_eq!(
        (page.training(), page.temperature()),
        (train.training(), train.temperature())
    );
    let unseen = pictures.join("green/011.png");
    let predicted = world.hub(
        "beta",
        &["predict", "colours", unseen.to_str().unwrap(), "--json"],
    );
    assert_eq!(predicted.json()["predictions"][0]["class"], "green");
    let next = [
        "next",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--labels",
        journal,
        "--json",
    ];
    let next = world.hub("beta", &next);
    assert!(next.stdout.contains("\"labelled\": 10"), "{next}");
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_can_be_undone() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    // Nobody else may write into the journal meanwhile.
    Run::of({
        let mut second = command(&world, &pictures);
        second.arg("--no-open");
        second
    })
    .fails(1, "in use by another program");
    label_ten(&label);
    let skip = json!({"set": [{"image": 0, "mark": "skip"}, {"image": 1, "mark": "exclude"}]});
    let before = label.post("/api/labels", &skip).json();
    assert_eq!(
        (&before["skipped"], &before["excluded"]),
        (&json!(1), &json!(1))
    );
    label.kill();

    let label = Label::start(command(&world, &pictures));
    let after = label.until(|state| is_loaded(state) && state["accuracy"] != Value::Null);
    for same in [
        "classes", "skipped", "excluded", "labels", "accuracy", "undo",
    ] {
        assert_eq!(before[same], after[same], "{same}");
    }
    // Undo goes back past the restart, redo as far as this session has undone.
    assert_eq!(after["redo"], false);
    let state = label.change("/api/undo", &json!({}));
    assert_eq!(
        (&state["skipped"], &state["redo"]),
        (&json!(0), &json!(true))
    );
    let state = label.change("/api/undo", &json!({}));
    assert_eq!(
        (&state["labels"], &state["undo"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(state["accuracy"], Value::Null);
    label.change("/api/redo", &json!({}));
    let state = label.change("/api/redo", &json!({}));
    for same in ["classes", "skipped", "excluded", "labels", "accuracy"] {
        assert_eq!(before[same], state[same], "{same}");
    }

    // Labels of a file; what is not here is told.
    let csv = "path,label\nblue/000.png,blue\nblue/001.png,blue\nelsewhere.png,blue\n";
    let taken = label
        .send("/api/labels/import", "text/csv", csv.as_bytes())
        .json();
    assert_eq!((&taken["taken"], &taken["labels"]), (&json!(2), &json!(12)));
    assert!(
        taken["unknown"][0]
            .as_str()
            .unwrap()
            .contains("elsewhere.png"),
        "{taken:#}"
    );
    let renamed = label
        .post("/api/classes", &json!({"rename": ["blue", "navy"]}))
        .json();
    assert_eq!(renamed["classes"][2], json!({"name": "navy", "labels": 2}));
    let exported = label.get("/api/download/labels.csv");
    let text = String::from_utf8(exported.body).unwrap();
    assert!(
        text.contains("blue/001.png,navy\n") && text.lines().count() == 13,
        "{text}"
    );

    // Gone is gone.
    label
        .post("/api/forget", &json!({"really": "yes"}))
        .refused(400, "usage");
    let state = label
        .post("/api/forget", &json!({"really": "delete all labels"}))
        .json();
    assert_eq!(
        (&state["labels"], &state["undo"]),
        (&json!(0), &json!(false))
    );
    let journal = std::fs::read_to_string(pictures.join("labels.jsonl")).unwrap();
    assert!(!journal.contains("navy"), "{journal}");
}

#[test]
fn two_pages_see_the_same_and_ctrl_c_ends_both() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let mut label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    let mut events = label.events();
    let first = next_version(&mut events);
    let version = label_ten(&label)["version"].as_u64().unwrap();
    assert!(version > first);
    while next_version(&mut events) < version {}
    // The address again, in the browser that has its cookie: a reload.
    let again = label.get(&label.path());
    assert_eq!((again.status, again.header("location")), (303, Some("/")));
    let interrupt = Command::new("kill")
        .args(["-INT", &label.child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert!(
        label.child.wait().unwrap().success(),
        "Ctrl-C is the way to end it"
    );
}

#[test]
fn the_demo_needs_no_pictures() {
    let Some((world, _)) = member() else { return };
    let label = Label::start(world.command("beta", &["label", "--demo"]));
    let state = label.until(is_loaded);
    assert_eq!(
        (&state["images"]["embedded"], &state["extractor"]),
        (&json!(120), &json!("dots@1.0.0"))
    );
    world
        .hub("beta", &["label", "--images", "nowhere"])
        .fails(2, "--extractor");
}

/// Who has no key, no hub and no extractor sees the whole page, and keeps nothing that could be mistaken.
#[test]
fn the_demo_needs_no_extractor_and_keeps_no_head() {
    let Some((world, _)) = member() else { return };
    std::fs::create_dir_all(world.project("newcomer")).unwrap();
    let label = Label::start(world.command("newcomer", &["label", "--demo"]));
    let state = label.until(|state| is_loaded(state) && state["done"]["map"] == true);
    assert_eq!(state["images"]["embedded"], 120);
    assert_eq!(
        (&state["extractor"], &state["demo"]),
        (&json!("hub-label-demo@1.0.0"), &json!(true))
    );
    // It tells the three kinds apart; groups are what a person sees.
    let groups = state["groups"].as_array().unwrap();
    let names = label.names();
    let mut labels: Vec<(&str, &str)> = Vec::new();
    for (group, class) in groups.iter().zip(["one", "other"]) {
        let typical = group["medoids"].as_array().unwrap().iter();
        for image in typical.take(3) {
            let image = usize::try_from(image.as_u64().unwrap()).unwrap();
            labels.push((&names[image], class));
        }
    }
    assert_eq!(label.label(&labels)["accuracy"]["share"], 1.0);
    label
        .post("/api/save", &json!({"name": "demo"}))
        .refused(400, "usage");
    label.get("/api/download/head.onnx").refused(400, "usage");
    let whole = label.get("/api/download/image.onnx");
    assert!(
        whole.header("x-hub-checked").unwrap().contains("identical"),
        "{whole:?}"
    );
    label.post("/api/compare", &json!({})).json();
    let compared = loop {
        let compared = label.get("/api/compare").json();
        if compared["running"] == false {
            break compared;
        }
    };
    let advice = compared["advice"].as_str().unwrap();
    assert!(advice.contains("no other extractor"), "{compared:#}");
    let heads = HeadStore::new(&world.home("newcomer"));
    assert!(heads.load(&"demo".parse().unwrap(), None).is_err());
}
