//! Looking at images with the real `hub`: neighbours, groups, outliers, duplicates, a map, what to label next.

use std::path::Path;

use serde_json::Value;

use super::world::{COLOURS, World, picture};

fn look<'a>(command: &[&'a str], pictures: &'a Path) -> Vec<&'a str> {
    let images = pictures.to_str().unwrap();
    [command, &["--extractor", "dots@1", "--images", images]].concat()
}

fn json(world: &World, command: &[&str], pictures: &Path) -> Value {
    let arguments = [&look(command, pictures)[..], &["--json"]].concat();
    world.hub("beta", &arguments).json()
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item.as_str().unwrap()).collect()
}

fn paths(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["path"].as_str().unwrap()).collect()
}

#[test]
fn what_is_alike_is_found() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    let first = pictures.join("red/000.png");
    let first = first.to_str().unwrap();
    let found = json(
        &world,
        &["similar", first, "-n", "7", "--labels", "folders"],
        &pictures,
    );
    let similar = paths(&found["similar"]);
    assert_eq!(similar.len(), 7);
    assert!(
        similar.iter().all(|path| path.starts_with("red/")),
        "{similar:?}"
    );
    assert!(
        !similar.contains(&"red/000.png"),
        "an image is not like itself"
    );
    let others = paths(&found["of_another_class"]);
    assert!(
        others.iter().all(|path| !path.starts_with("red/")),
        "{others:?}"
    );

    // An image from elsewhere, without a label.
    let elsewhere = world.project("beta").join("query.png");
    picture(16, [35, 180, 70], 77).save(&elsewhere).unwrap();
    let found = json(
        &world,
        &["similar", elsewhere.to_str().unwrap(), "-n", "3"],
        &pictures,
    );
    assert!(
        paths(&found["similar"])
            .iter()
            .all(|path| path.starts_with("green/")),
        "{found}"
    );
    assert_eq!(found["of_another_class"], Value::Null);
    let missing = look(&["similar", "nowhere.png"], &pictures);
    world.hub("beta", &missing).fails(3, "nowhere.png");
    // One of the folder, however it is spelled; a folder is none.
    let spelled = pictures.join("../pictures/red/000.png");
    let found = json(&world, &["similar", spelled.to_str().unwrap()], &pictures);
    assert_eq!(found["image"], "red/000.png");
    assert!(!paths(&found["similar"]).contains(&"red/000.png"));
    let folder = pictures.join("red");
    let folder = look(&["similar", folder.to_str().unwrap()], &pictures);
    world.hub("beta", &folder).fails(2, "is not one image");
}

/// Files that have not changed are not read again by who only looks at them.
#[test]
fn what_is_known_is_not_read_again() {
    let Some((world, pictures)) = World::with_colours(4) else {
        return;
    };
    let run = || {
        let found = json(&world, &["outliers"], &pictures);
        let number = |key: &str| found["run"][key].as_u64().unwrap();
        (number("images"), number("cached"), number("threads") > 0)
    };
    let (images, _, is_run) = run();
    assert!(images > 4 && is_run);
    // Nothing is read, and no network is run.
    assert_eq!(run(), (images, images, false));
    // One is another now, and one has only been touched.
    let touched = std::fs::File::options()
        .append(true)
        .open(pictures.join("red/001.png"))
        .unwrap();
    touched
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    picture(16, [1, 2, 3], 99)
        .save(pictures.join("red/000.png"))
        .unwrap();
    assert_eq!(run(), (images, images - 1, true));
    assert_eq!(run(), (images, images, false));
    // Who learns from them reads every one.
    let eval = [
        "embed",
        "dots@1",
        pictures.to_str().unwrap(),
        "-o",
        "all.npy",
        "--json",
    ];
    let embedded = world.hub("beta", &eval).json();
    assert!(embedded["run"]["threads"].as_u64().unwrap() > 0);
}

#[test]
fn groups_and_maps_show_what_belongs_together() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    let page = world.project("beta").join("groups.html");
    let command = [
        "clusters",
        "--count",
        "3",
        "--labels",
        "folders",
        "--html",
        page.to_str().unwrap(),
    ];
    let found = json(&world, &command, &pictures);
    for group in found["clusters"].as_array().unwrap() {
        assert_eq!(
            (&group["images"], &group["name"]["share"]),
            (&8.into(), &1.0.into()),
            "{found}"
        );
        let label = group["name"]["label"].as_str().unwrap();
        assert!(
            texts(&group["members"])
                .iter()
                .all(|path| path.starts_with(label))
        );
        assert_eq!(texts(&group["medoids"]).len(), 3);
    }
    let html = std::fs::read_to_string(&page).unwrap();
    assert_eq!(html.matches("data:image/jpeg;base64,").count(), 24);

    let one = json(&world, &["map", "--seed", "4", "--threads", "1"], &pictures);
    let other = json(&world, &["map", "--seed", "4", "--threads", "3"], &pictures);
    assert_eq!(one["images"], other["images"], "threads change nothing");
    assert_eq!(one["images"].as_array().unwrap().len(), 24);
    let text = world
        .hub(
            "beta",
            &look(
                &["map", "--html", page.to_str().unwrap(), "--force"],
                &pictures,
            ),
        )
        .ok();
    assert!(text.stdout.contains("GROUP"), "{text}");
    assert!(std::fs::read_to_string(&page).unwrap().contains("<svg"));
}

#[test]
fn the_odd_and_the_doubled_are_found() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    picture(16, [250, 250, 20], 1)
        .save(pictures.join("red/yellow.png"))
        .unwrap();
    std::fs::copy(
        pictures.join("blue/003.png"),
        pictures.join("green/copy.png"),
    )
    .unwrap();
    let found = json(&world, &["outliers", "-n", "3"], &pictures);
    assert_eq!(
        found["unlike_anything_else_here"][0]["path"], "red/yellow.png",
        "{found}"
    );
    assert_eq!(found["far_from_the_middle"].as_array().unwrap().len(), 3);
    let command = ["duplicates", "--within", "0", "--labels", "folders"];
    let found = json(&world, &command, &pictures);
    let exact: Vec<&Value> = found["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|group| group["is_exact"] == true)
        .collect();
    assert_eq!(exact.len(), 1, "{found}");
    assert_eq!(
        texts(&exact[0]["paths"]),
        ["blue/003.png", "green/copy.png"]
    );
    assert_eq!(texts(&exact[0]["labels"]), ["blue", "green"]);
    let told = world.hub("beta", &look(&command, &pictures)).ok();
    assert!(
        told.stdout.contains("LABELLED DIFFERENTLY: blue, green"),
        "{told}"
    );
}

#[test]
fn what_to_label_next_changes_with_what_is_known() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    let found = json(&world, &["next", "-n", "4"], &pictures);
    assert_eq!(
        (
            found["labelled"].as_u64(),
            paths(&found["suggestions"]).len()
        ),
        (Some(0), 4)
    );
    assert_eq!(found["suggestions"][0]["why"], "typical");

    // 21 of 24 have a label: now a head says what it can hardly tell apart.
    let mut labels = String::from("path,label\n");
    for (class, _) in COLOURS {
        for index in 0..7 {
            labels += &format!("{class}/{index:03}.png,{class}\n");
        }
    }
    let file = world.project("beta").join("labels.csv");
    std::fs::write(&file, labels).unwrap();
    let command = ["next", "--labels", file.to_str().unwrap()];
    let found = json(&world, &command, &pictures);
    let suggested = &found["suggestions"];
    let mut left = paths(suggested);
    left.sort_unstable();
    assert_eq!(left, ["blue/007.png", "green/007.png", "red/007.png"]);
    let why: Vec<&str> = suggested
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["why"].as_str().unwrap())
        .collect();
    assert!(
        why.iter().all(|why| matches!(*why, "torn" | "random")),
        "{found}"
    );
    let words = suggested[0]["because"].as_str().unwrap();
    assert!(words.starts_with("torn between "), "{words}");
    // Everything is labelled: nothing is left to suggest, and that is no failure.
    let all = json(&world, &["next", "--labels", "folders"], &pictures);
    assert_eq!(all["suggestions"], Value::Array(Vec::new()));
}

#[test]
fn what_cannot_be_answered_is_said() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    let alone = world.project("beta").join("alone");
    std::fs::create_dir_all(&alone).unwrap();
    picture(16, [1, 2, 3], 1)
        .save(alone.join("one.png"))
        .unwrap();
    world
        .hub("beta", &look(&["outliers"], &alone))
        .fails(1, "at least 2 images");
    let groups = json(&world, &["clusters"], &alone);
    assert_eq!(groups["clusters"][0]["images"], 1);
    json(&world, &["map"], &alone);
    assert_eq!(
        json(&world, &["duplicates"], &alone)["groups"],
        Value::Array(Vec::new())
    );
    let found = json(
        &world,
        &["similar", alone.join("one.png").to_str().unwrap()],
        &alone,
    );
    assert_eq!(found["similar"], Value::Array(Vec::new()));
    world
        .hub("beta", &look(&["next", "--labels", "gone.csv"], &pictures))
        .fails(3, "gone.csv");
    let negative = look(&["duplicates", "--within=-1"], &pictures);
    world.hub("beta", &negative).fails(2, "within");
    let to_nowhere = look(&["clusters", "--html", "/proc/none/x.html"], &pictures);
    let failed = world.hub("beta", &to_nowhere);
    assert_ne!(failed.code, 0, "{failed}");
    assert!(failed.stdout.is_empty(), "nothing is claimed: {failed}");
}

#[test]
fn labels_come_and_go_and_can_be_undone() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    let images = pictures.to_str().unwrap();
    let hub = |arguments: &[&str]| world.hub("beta", arguments);
    let import = |from: &str| {
        hub(&[
            "labels",
            "import",
            from,
            "--images",
            images,
            "--to",
            "labels.jsonl",
            "--json",
        ])
        .json()
    };
    let imported = import("folders");
    assert_eq!(
        (
            imported["added"].as_u64(),
            imported["classes"]["red"].as_u64()
        ),
        (Some(24), Some(8))
    );
    assert_eq!(import("folders")["unchanged"], 24);

    // Out to each format and back in, nothing changes.
    for format in ["csv", "jsonl", "coco", "fiftyone", "label-studio"] {
        let file = format!("exported.{format}");
        hub(&[
            "labels",
            "export",
            "labels.jsonl",
            "--images",
            images,
            "--format",
            format,
            "-o",
            &file,
        ])
        .ok();
        let again = import(&file);
        assert_eq!(
            (again["unchanged"].as_u64(), again["changed"].as_u64()),
            (Some(24), Some(0)),
            "{format}"
        );
    }
    hub(&[
        "labels",
        "export",
        "labels.jsonl",
        "--images",
        images,
        "--format",
        "folders",
        "-o",
        "sorted",
    ])
    .ok();
    assert!(world.project("beta").join("sorted/red/000.png").is_file());

    let over = [
        "labels",
        "export",
        "labels.jsonl",
        "--images",
        images,
        "--format",
        "csv",
        "--force",
        "-o",
        "labels.jsonl",
    ];
    hub(&over).fails(1, "is not written over");

    // A correction, taken back.
    std::fs::write(
        world.project("beta").join("one.csv"),
        "path,label\nred/000.png,pink\n",
    )
    .unwrap();
    assert_eq!(import("one.csv")["changed"], 1);
    let undone = hub(&["labels", "undo", "labels.jsonl", "--json"]).json();
    assert_eq!(
        (undone["images"].as_u64(), undone["classes"]["red"].as_u64()),
        (Some(1), Some(8))
    );

    // Files may move: the journal knows them by their content.
    std::fs::rename(pictures.join("red"), pictures.join("moved")).unwrap();
    let trained = hub(&[
        "train",
        "colours",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--labels",
        "labels.jsonl",
        "--json",
    ])
    .json();
    assert_eq!(trained["classes"].as_array().unwrap().len(), 3);
    hub(&["labels", "undo", "nowhere.jsonl"]).fails(3, "nowhere.jsonl");
    hub(&["labels", "undo", "one.csv"]).fails(1, "no journal of labels");
}

#[test]
fn the_extractor_that_tells_the_classes_apart_is_chosen() {
    let Some((world, pictures)) = World::with_colours(8) else {
        return;
    };
    world.publish(&world.author("alpha/three", "1.0.0", "three_features", 3));
    world.hub("beta", &["pull", "alpha/three@1"]).ok();
    let images = pictures.to_str().unwrap();
    let command = ["choose", "--all", "--images", images, "--combine", "--json"];
    let found = world.hub("beta", &command).json();
    let extractors = found["extractors"].as_array().unwrap();
    assert_eq!(
        (extractors.len(), found["images"].as_u64()),
        (2, Some(24)),
        "{found}"
    );
    for one in extractors {
        assert_eq!(one["accuracy"], 1.0, "{one}");
        let (low, high) = (
            &one["accuracy_interval"]["low"],
            &one["accuracy_interval"]["high"],
        );
        assert!(
            low.as_f64().unwrap() > 0.8 && high.as_f64() == Some(1.0),
            "{one}"
        );
        assert!(one["milliseconds_per_image"].as_f64().unwrap() > 0.0);
        assert!(one["mean_square_error"].as_f64().unwrap() < 0.5);
    }
    assert_eq!(found["combined"]["accuracy"], 1.0);
    let command = ["choose", "dots@1", "alpha/three@1", "--images", images];
    let told = world.hub("beta", &command).ok();
    assert!(
        told.stdout.contains("favourite") && told.stdout.contains("dots@1.0.0, named first"),
        "{told}"
    );
    let alone = world
        .hub("beta", &["choose", "dots@1", "--images", images, "--json"])
        .json();
    assert_eq!(
        (&alone["is_settled"], &alone["take"]),
        (&true.into(), &"dots@1.0.0".into())
    );

    let of_a_domain = |domain: &str| {
        let mut command = vec!["choose", "--all", "--images", images, "--json", "--domain"];
        command.push(domain);
        world.hub("beta", &command)
    };
    let domain = extractors[0]["domain"].as_str().unwrap();
    let because = of_a_domain(domain).json()["favourite_because"].clone();
    assert_eq!(because, format!("the largest made for {domain}"));
    of_a_domain("music").fails(2, domain);

    let strange = [
        "choose",
        "dots@1",
        "--favourite",
        "alpha/three@1",
        "--images",
        images,
    ];
    world.hub("beta", &strange).fails(2, "favourite");
    // What is no picture is named, as by `hub train`.
    std::fs::write(pictures.join("red/empty.png"), b"").unwrap();
    let choose = ["choose", "dots@1", "--images", images];
    world.hub("beta", &choose).fails(6, "red/empty.png");
    let counted = [&choose[..], &["--json"]].concat();
    let told = world.hub("beta", &counted);
    assert_eq!(told.code, 6, "{told}");
    let found: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        (&found["skipped"], &found["images"]),
        (&1.into(), &24.into())
    );
    assert_eq!(found["warnings"], Value::Array(Vec::new()));
    let strict = [&choose[..], &["--strict"]].concat();
    world.hub("beta", &strict).fails(1, "red/empty.png");
    std::fs::remove_file(pictures.join("red/empty.png")).unwrap();
    // One image of a class: nothing can be held out.
    for (class, _) in COLOURS {
        for index in 1..8 {
            std::fs::remove_file(pictures.join(format!("{class}/{index:03}.png"))).unwrap();
        }
    }
    world
        .hub("beta", &["choose", "dots@1", "--images", images])
        .fails(1, "two of each");
    std::fs::copy(pictures.join("red/000.png"), pictures.join("blue/001.png")).unwrap();
    world
        .hub("beta", &["choose", "dots@1", "--images", images])
        .fails(1, "different labels");
}
