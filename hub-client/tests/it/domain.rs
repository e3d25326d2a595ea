//! What images an extractor was made for: `hub check --statistics`, and what its users are told.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::world::{World, fixture, picture, read};

const COLOURS: [(&str, [u8; 3]); 3] = [
    ("red", [220, 40, 50]),
    ("green", [30, 190, 60]),
    ("blue", [40, 60, 210]),
];

/// An author's folder, and 240 pictures it is meant for.
pub(crate) fn author(world: &World, version: &str) -> (PathBuf, PathBuf) {
    let folder = world.draft("dots", version, "means", 4);
    let pictures = world.project("alpha").join("pictures");
    for (class, colour) in COLOURS {
        std::fs::create_dir_all(pictures.join(class)).unwrap();
        for index in 0..80 {
            // There are 31 patterns: each comes in three shades.
            let shade = colour.map(|channel| channel.saturating_sub(index as u8 / 31 * 4));
            picture(16, shade, index)
                .save(pictures.join(class).join(format!("{index:03}.png")))
                .unwrap();
        }
    }
    (folder, pictures)
}

pub(crate) fn check<'a>(folder: &'a Path, pictures: &'a Path) -> [&'a str; 5] {
    let [folder, pictures] = [folder, pictures].map(|path| path.to_str().unwrap());
    ["check", folder, "--statistics", pictures, "--json"]
}

/// Beta's pictures: some like those, and five grey ones.
pub(crate) fn strange_pictures(world: &World) -> PathBuf {
    let pictures = world.pictures("beta", &COLOURS, 12);
    for index in 0..5 {
        picture(16, [120, 120, 120], index)
            .save(pictures.join(format!("red/grey-{index}.png")))
            .unwrap();
    }
    pictures
}

#[test]
fn users_are_told_which_images_are_unlike_those_it_was_made_for() {
    let Some(world) = World::start() else { return };
    let (folder, pictures) = author(&world, "1.0.0");
    let checked = world.hub("alpha", &check(&folder, &pictures)).json();
    let made = &checked["statistics"];
    let counts = (made["images"].as_u64(), made["held_out"].as_u64());
    assert_eq!(counts, (Some(120), Some(120)), "{made}");
    let told = world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    assert!(
        told.stdout.contains("of 240 images: a mean and 4 axes"),
        "{told}"
    );
    world.publish(&folder);

    world.hub("beta", &["pull", "dots@1"]).ok();
    let shown = world.hub("beta", &["show", "dots@1", "--json"]).json();
    assert_eq!(
        shown["manifest"]["files"]["statistics.json"].as_u64(),
        size_of(&folder)
    );
    let pictures = strange_pictures(&world);
    let images = pictures.to_str().unwrap();
    let look = ["--extractor", "dots@1", "--images", images];
    let hub = |command: &[&str], more: &[&str]| world.hub("beta", &[command, more].concat());

    let found = hub(&["outliers", "-n", "3", "--json"], &look).json();
    assert_eq!(found["domain_fit"]["images"], 41, "{found}");
    assert_eq!(found["domain_fit"]["unlike"], 5, "{found}");
    let strangers = found["unlike_the_domain"].as_array().unwrap();
    assert_eq!(strangers.len(), 3);
    for one in strangers {
        assert!(
            one["path"].as_str().unwrap().starts_with("red/grey-"),
            "{one}"
        );
        assert!(one["times_limit"].as_f64().unwrap() > 1.0);
    }
    let words = "5 of your 41 images are unlike those dots was made for";
    let page = world.project("beta").join("outliers.html");
    let command = ["outliers", "--html", page.to_str().unwrap()];
    let told = hub(&command, &look).ok();
    assert!(told.stdout.contains(words), "{told}");
    assert!(read(&page).contains("Unlike what dots was made for"));

    let told = hub(&["train", "colours"], &look).ok();
    assert!(
        told.stdout.contains(words) && told.stderr.contains(words),
        "{told}"
    );
    let trained = hub(&["train", "colours", "--json"], &look).json();
    assert_eq!(trained["domain_fit"]["unlike"], 5, "{trained}");
    assert!(
        trained["warnings"]
            .as_array()
            .unwrap()
            .contains(&words.into())
    );

    // A copy is no further image.
    for index in 0..4 {
        let copy = pictures.join(format!("red/copy-{index}.png"));
        std::fs::copy(pictures.join("red/grey-0.png"), copy).unwrap();
    }
    let trained = hub(&["train", "colours", "--json"], &look).json();
    assert_eq!(trained["domain_fit"]["images"], 41, "{trained}");
    assert_eq!(trained["domain_fit"]["unlike"], 5, "{trained}");
    let chosen = world
        .hub("beta", &["choose", "dots@1", "--images", images])
        .ok();
    assert!(
        chosen.stdout.contains("INSIDE") && chosen.stdout.contains("87.8 %"),
        "{chosen}"
    );
    assert!(chosen.stdout.contains(words), "{chosen}");
}

fn size_of(folder: &Path) -> Option<u64> {
    let file = folder.join("statistics.json").metadata().ok()?;
    Some(file.len())
}

#[test]
fn a_release_without_statistics_tells_nothing_of_its_domain() {
    let Some(world) = World::start() else { return };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = strange_pictures(&world);
    let images = pictures.to_str().unwrap();
    let look = ["--extractor", "dots@1", "--images", images, "--json"];
    let found = world
        .hub("beta", &[&["outliers"], &look[..]].concat())
        .json();
    assert_eq!(found["domain_fit"], Value::Null);
    assert_eq!(found["unlike_the_domain"], Value::Null);
    let trained = world
        .hub("beta", &[&["train", "colours"], &look[..]].concat())
        .json();
    assert_eq!(trained["domain_fit"], Value::Null);
    let chosen = ["choose", "dots@1", "--images", images, "--json"];
    let chosen = world.hub("beta", &chosen).json();
    assert_eq!(chosen["extractors"][0]["domain_fit"], Value::Null);
}

#[test]
fn statistics_of_something_else_are_not_published() {
    let Some(world) = World::start() else { return };
    let (folder, pictures) = author(&world, "1.0.0");
    world.hub("alpha", &check(&folder, &pictures)).ok();
    let file = folder.join("statistics.json");
    let good = read(&file);
    let refused = |words: &str| {
        for command in ["check", "publish"] {
            let run = world.hub("alpha", &[command, folder.to_str().unwrap()]);
            run.fails(4, words);
        }
    };
    // Another graph, another preprocessing, numbers that make no sense.
    std::fs::copy(fixture("three_features"), folder.join("model.onnx")).unwrap();
    let three = read(&folder.join("extractor.toml")).replace("dimension = 4", "dimension = 3");
    let manifest = read(&folder.join("extractor.toml"));
    std::fs::write(folder.join("extractor.toml"), three).unwrap();
    refused("the manifest says 3");
    std::fs::write(folder.join("extractor.toml"), &manifest).unwrap();
    std::fs::copy(fixture("means"), folder.join("model.onnx")).unwrap();
    let mut graph = std::fs::read(folder.join("model.onnx")).unwrap();
    // A second producer_name (field 2): the same network, other bytes.
    graph.extend_from_slice(b"\x12\x01x");
    std::fs::write(folder.join("model.onnx"), graph).unwrap();
    refused("made with another `model.onnx`");
    std::fs::copy(fixture("means"), folder.join("model.onnx")).unwrap();
    std::fs::write(&file, good.replacen("\"v\":1", "\"v\":2", 1)).unwrap();
    refused("format version 2");
    std::fs::write(&file, "{}").unwrap();
    refused("make it anew with `hub check --statistics`");
    // Made anew, whatever is there.
    world.hub("alpha", &check(&folder, &pictures)).ok();
    assert_eq!(read(&file), good, "the same images give the same bytes");
    world.publish(&folder);
}

#[test]
fn too_few_images_make_no_statistics_and_broken_ones_do_not_count() {
    let Some(world) = World::start() else { return };
    let (folder, pictures) = author(&world, "1.0.0");
    let few = world.project("alpha").join("few");
    std::fs::create_dir_all(&few).unwrap();
    picture(16, [9, 9, 9], 1).save(few.join("one.png")).unwrap();
    world
        .hub("alpha", &check(&folder, &few))
        .fails(1, "at least 200 images, and there are 1");
    assert_eq!(size_of(&folder), None);
    // The same picture under another name says nothing new, and one that cannot be read nothing at all.
    std::fs::copy(pictures.join("red/000.png"), pictures.join("red/again.png")).unwrap();
    let png = std::fs::read(pictures.join("red/000.png")).unwrap();
    std::fs::write(pictures.join("red/cut.png"), &png[..60]).unwrap();
    let run = world.hub("alpha", &check(&folder, &pictures));
    assert_eq!(run.code, 6, "one was skipped: {run}");
    let checked: Value = serde_json::from_str(&run.stdout).unwrap();
    let made = &checked["statistics"];
    let counted = made["images"].as_u64().unwrap() + made["held_out"].as_u64().unwrap();
    assert_eq!(counted, 240, "{made}");
    assert_eq!(made["run"]["skipped"].as_array().unwrap().len(), 1);
}
