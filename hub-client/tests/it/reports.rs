//! What a head is worth, as tables, JSON and pages, with the real `hub`.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use serde_json::Value;

use super::world::World;

const COLOURS: [(&str, [u8; 3]); 3] = [
    ("red", [200, 60, 60]),
    ("green", [60, 190, 70]),
    ("blue", [50, 70, 200]),
];

/// A picture of nearly one colour, another one for each number.
fn shade(colour: [u8; 3], number: u8) -> RgbImage {
    let [red, green, blue] = colour;
    let steps = [number * 3, (number * 5) % 41, (number * 7) % 37];
    RgbImage::from_pixel(
        16,
        16,
        Rgb([red + steps[0] % 50, green + steps[1], blue + steps[2]]),
    )
}

/// A folder of pictures, a folder for each class.
fn shades(world: &World, folder: &str, numbers: std::ops::Range<u8>) -> PathBuf {
    let folder = world.project("beta").join(folder);
    for (class, colour) in COLOURS {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for number in numbers.clone() {
            let path = folder.join(class).join(format!("{number:03}.png"));
            shade(colour, number).save(path).unwrap();
        }
    }
    folder
}

/// A member with a head on twelve pictures of each of three colours.
fn trained() -> Option<(World, PathBuf)> {
    let world = World::start()?;
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let labelled = shades(&world, "labelled", 0..12);
    train(&world, "colours", &labelled, &[]).json();
    Some((world, labelled))
}

fn train(world: &World, head: &str, images: &Path, more: &[&str]) -> super::world::Run {
    let images = images.to_str().unwrap();
    let line = [
        "train",
        head,
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--json",
    ];
    world.hub("beta", &[&line, more].concat())
}

fn eval(world: &World, images: &Path, more: &[&str]) -> super::world::Run {
    let line = ["eval", "colours", "--images", images.to_str().unwrap()];
    world.hub("beta", &[&line, more].concat())
}

fn page(world: &World, name: &str) -> String {
    let text = std::fs::read_to_string(world.project("beta").join(name)).unwrap();
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
    assert!(
        text.contains("default-src 'none'"),
        "the policy forbids all requests"
    );
    assert!(!text.contains("<script") && !text.contains("://"));
    text
}

fn pictures_of(page: &str) -> usize {
    page.matches("src=\"data:image/jpeg;base64,").count()
}

#[test]
fn an_evaluation_says_how_good_and_shows_the_pictures() {
    let Some((world, _)) = trained() else { return };
    let unseen = shades(&world, "unseen", 20..28);
    // One picture lies in the wrong folder.
    let (from, to) = (unseen.join("red/020.png"), unseen.join("blue/020-red.png"));
    std::fs::rename(from, to).unwrap();
    let found = eval(&world, &unseen, &["--json", "--html", "report.html"]).json();
    assert_eq!(found["images"], 24);
    let sum = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .sum::<u64>()
    };
    let confusion = found["confusion"].as_array().unwrap();
    assert_eq!(confusion.iter().map(sum).sum::<u64>(), 24);
    assert_eq!(found["plausible_from"].as_array().unwrap().len(), 3);
    assert_eq!(found["reliability"]["bins"].as_array().unwrap().len(), 10);
    assert_eq!(
        found["answered"]["coverage_per_class"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    for class in found["classes"].as_array().unwrap() {
        let (share, range) = (class["recall"].as_f64().unwrap(), &class["recall_interval"]);
        assert!(
            range["low"].as_f64().unwrap() <= share && share <= range["high"].as_f64().unwrap()
        );
    }
    let answers = found["answers"].as_array().unwrap();
    let wrong: Vec<&Value> = answers
        .iter()
        .filter(|one| one["class"] != one["label"])
        .collect();
    let paths: Vec<&str> = wrong
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"blue/020-red.png"), "{found}");

    let text = page(&world, "report.html");
    assert!(text.contains(&format!("Right on {} of 24 images", 24 - wrong.len())));
    assert!(text.contains("href=\"#cell-0-2\"") && text.contains("id=\"cell-0-2\""));
    assert!(
        text.contains("1 image of “blue”, taken for “red”") && text.contains("The worst mistakes")
    );
    assert!(text.contains("<svg class=\"curve\"") && !text.contains("no preview"));
    assert!(
        pictures_of(&text) >= 24 + wrong.len(),
        "each in its cell, mistakes once more"
    );

    let strict = ["--min-accuracy", "1", "--min-answered", "0", "--json"];
    let missed = eval(&world, &unseen, &strict);
    assert_eq!(missed.code, 7, "{}", missed.stderr);
    let said: Value = serde_json::from_str(&missed.stdout).unwrap();
    let conditions = &said["conditions"];
    assert_eq!(conditions[0]["holds"], false, "{conditions}");
    assert_eq!(conditions[0]["found"], found["accuracy"]);
    assert_eq!(conditions[1]["holds"], true, "{conditions}");
    eval(&world, &unseen, &["--min-accuracy", "0.5"]).ok();
    eval(&world, &unseen, &["--min-accuracy", "90"]).fails(2, "from 0 to 1");

    let told = eval(&world, &unseen, &[]).ok().stdout;
    for word in [
        "accuracy",
        "balanced",
        "log loss",
        "calibration",
        "answers",
        "PRECISION",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let nowhere = eval(&world, &unseen, &["--html", "/proc/none/report.html"]);
    assert!(nowhere.code != 0 && nowhere.stdout.is_empty(), "{nowhere}");
}

#[test]
fn near_copies_of_training_images_flatter_and_can_be_left_out() {
    let Some((world, labelled)) = trained() else {
        return;
    };
    let unseen = shades(&world, "unseen", 20..24);
    let clean = eval(&world, &unseen, &["--json"]).json();
    assert_eq!(clean["near_copies"], Value::Array(Vec::new()), "{clean}");
    // The same bytes, and the same pixels in another file format.
    std::fs::copy(labelled.join("red/003.png"), unseen.join("red/same.png")).unwrap();
    let saved_anew = image::open(labelled.join("green/004.png")).unwrap();
    saved_anew.save(unseen.join("green/anew.bmp")).unwrap();

    let told = eval(&world, &unseen, &[]).ok();
    assert!(
        told.stderr.contains(
            "1 of the images are among those the head was trained on, and 1 are near copies"
        ),
        "{told}"
    );
    let found = eval(&world, &unseen, &["--json"]).json();
    assert_eq!(
        (&found["trained_on"], &found["images"]),
        (&1.into(), &14.into())
    );
    assert_eq!(found["near_copies"][0]["path"], "green/anew.bmp", "{found}");
    assert_eq!(found["near_copies"][0]["trained_on_label"], "green");

    let left_out = eval(&world, &unseen, &["--unseen", "--json"]).json();
    assert_eq!(left_out["images"], 12);
    assert_eq!(left_out["trained_on"], 1);
    assert_eq!(left_out["near_copies"].as_array().unwrap().len(), 1);
    assert_eq!(left_out["accuracy"], clean["accuracy"]);
    eval(&world, &labelled, &["--unseen"]).fails(1, "trained on all of the 36 images");
}

#[test]
fn training_shows_what_was_held_out() {
    let Some((world, labelled)) = trained() else {
        return;
    };
    std::fs::copy(labelled.join("red/001.png"), labelled.join("red/twice.png")).unwrap();
    let swapped = labelled.join("blue/like-green.png");
    shade([60, 190, 70], 13).save(swapped).unwrap();
    let found = train(&world, "shown", &labelled, &["--html", "held-out.html"]).json();
    assert_eq!(
        (&found["head_version"], &found["duplicates"]),
        (&1.into(), &1.into())
    );
    assert_eq!(found["plausible_from"].as_array().unwrap().len(), 3);
    assert!(found["held_out"]["answered"]["share"].is_f64(), "{found}");
    assert!(
        found["classes"][0]["recall_interval"]["low"].is_f64(),
        "{found}"
    );
    let text = page(&world, "held-out.html");
    assert!(text.contains("while they were held out") && text.contains("blue/like-green.png"));
    assert!(
        text.contains("class=\"near\""),
        "the labelled images near a mistake are shown"
    );
    assert!(text.contains("nearest: green, green, green"), "{text}");

    // With a single image of a class nothing can be held out, and the head is made all the same.
    let few = shades(&world, "few", 0..1);
    let run = train(&world, "few", &few, &["--html", "few.html"]).ok();
    assert!(run.stdout.contains("no page is written"), "{run}");
    assert!(!world.project("beta").join("few.html").exists());
    let run = train(&world, "nowhere", &few, &["--html", "/proc/none/x.html"]).ok();
    assert!(run.stdout.contains("no page is written"), "{run}");
    let failed = train(
        &world,
        "nowhere",
        &labelled,
        &["--html", "/proc/none/x.html"],
    );
    assert!(failed.code != 0 && failed.stdout.is_empty(), "{failed}");
    let heads = world.hub("beta", &["head", "list", "--json"]).json();
    let versions = |name: &str| {
        let heads = heads["heads"].as_array().unwrap().iter();
        heads
            .filter(|head| head["head"] == name)
            .map(|head| head["versions"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        versions("nowhere"),
        [serde_json::json!([1])],
        "no page, no new version"
    );
}

#[test]
fn doubts_are_in_the_table_of_predictions_and_on_their_page() {
    let Some((world, labelled)) = trained() else {
        return;
    };
    let odd = world.project("beta").join("odd");
    std::fs::create_dir_all(&odd).unwrap();
    std::fs::copy(labelled.join("red/000.png"), odd.join("red.png")).unwrap();
    shade([120, 125, 90], 3)
        .save(odd.join("between.png"))
        .unwrap();
    shade([5, 5, 5], 0).save(odd.join("black.png")).unwrap();
    let odd = odd.to_str().unwrap();
    let json = world
        .hub("beta", &["predict", "colours", odd, "--json"])
        .json();
    let run = world.hub(
        "beta",
        &["predict", "colours", odd, "--csv", "--html", "answers.html"],
    );
    let text = run.ok().stdout;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let table: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let predictions = json["predictions"].as_array().unwrap();
    assert_eq!(table.len(), predictions.len());
    for (line, one) in table.iter().zip(predictions) {
        let plausible: Vec<&str> = one["plausible"]
            .as_array()
            .unwrap()
            .iter()
            .map(|class| class.as_str().unwrap())
            .collect();
        assert_eq!(line.get(0), one["path"].as_str());
        assert_eq!(line.get(1), one["class"].as_str());
        assert_eq!(line.get(3), Some(one["unsure"].to_string().as_str()));
        assert_eq!(line.get(4), Some(plausible.join(";").as_str()));
        assert_eq!(
            line.get(5),
            Some(one["unlike_anything_shown"].to_string().as_str())
        );
        assert_eq!(one["unsure"], plausible.len() != 1);
        let distance: f64 = line.get(6).unwrap().parse().unwrap();
        let apart = (distance - one["distance"].as_f64().unwrap()).abs();
        assert!(apart < 1e-12, "{apart}");
        assert_eq!(line.len(), 7 + 3);
    }
    let text = page(&world, "answers.html");
    assert!(
        text.contains("<h2>red: 1</h2>") && text.contains("Unlike anything shown in training: "),
        "{json}"
    );
    assert_eq!(pictures_of(&text), 3, "each image is in one section");
}
