//! Folders and files of labels as they come: each flaw has a clear error or is named and skipped.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::world::{Run, World, files_below};

const COLOURS: [(&str, [u8; 3]); 2] = [("red", [220, 40, 50]), ("blue", [40, 60, 210])];

/// A member with an extractor, a head and four pictures of each of two colours.
fn member() -> Option<(World, PathBuf)> {
    let world = World::start()?;
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = world.pictures("beta", &COLOURS, 4);
    train(&world, &pictures, &[]).ok();
    Some((world, pictures))
}

fn train(world: &World, images: &Path, more: &[&str]) -> Run {
    let images = images.to_str().unwrap();
    let line = [
        "train",
        "colours",
        "--extractor",
        "dots@1",
        "--images",
        images,
    ];
    world.hub("beta", &[&line, more].concat())
}

fn eval(world: &World, images: &Path, more: &[&str]) -> Run {
    let line = ["eval", "colours", "--images", images.to_str().unwrap()];
    world.hub("beta", &[&line, more].concat())
}

fn predict(world: &World, images: &Path, more: &[&str]) -> Run {
    let line = ["predict", "colours", images.to_str().unwrap()];
    world.hub("beta", &[&line, more].concat())
}

/// The files of heads: what no failing command may change.
fn heads(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files_below(&world.home("beta").join("heads"));
    files.sort();
    files
}

/// Files that look like images and are none that can be used, each in its own way.
fn spoil(folder: &Path) -> Vec<&'static str> {
    let whole = std::fs::read(folder.join("000.png")).unwrap();
    std::fs::write(folder.join("empty.png"), b"").unwrap();
    std::fs::write(folder.join("half.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.join("words.jpg"), b"these are words").unwrap();
    // A header that promises 60,000 by 60,000 pixels.
    let side = 60_000_u32.to_le_bytes();
    let header = [
        &b"BM"[..],
        &54_u32.to_le_bytes(),
        &[0; 4],
        &54_u32.to_le_bytes(),
        &40_u32.to_le_bytes(),
        &side,
        &side,
        &[1, 0, 24, 0],
        &[0; 24],
    ];
    std::fs::write(folder.join("huge.bmp"), header.concat()).unwrap();
    let mut names = vec!["empty.png", "half.png", "words.jpg", "huge.bmp"];
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let strange = std::ffi::OsStr::from_bytes(b"caf\xe9.png");
        std::fs::write(folder.join(strange), &whole).unwrap();
        std::os::unix::fs::symlink(folder, folder.join("round")).unwrap();
        std::os::unix::fs::symlink("nowhere.png", folder.join("dangling.png")).unwrap();
        names.extend(["caf", "round", "dangling.png"]);
    }
    names
}

#[test]
fn what_cannot_be_used_is_named_and_the_rest_is_used() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let names = spoil(&pictures.join("red"));
    let folder = pictures.as_path();
    type Command = fn(&World, &Path, &[&str]) -> Run;
    let commands: [(&str, Command); 3] = [("train", train), ("eval", eval), ("predict", predict)];
    for (command, run) in commands {
        let done = run(&world, folder, &[]).fails(6, "were skipped");
        for name in &names {
            assert!(done.stderr.contains(name), "{command} {name}: {done}");
        }
        let done = run(&world, folder, &["--json"]);
        assert_eq!(done.code, 6, "{done}");
        let found: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(found["run"]["images"], 8, "{command}: {done}");
        assert_eq!(
            found["run"]["skipped"].as_array().unwrap().len(),
            names.len(),
            "{done}"
        );
    }
    let before = heads(&world);
    for (command, run) in commands {
        let strict = run(&world, folder, &["--strict"]);
        assert!(
            ![0, 6].contains(&strict.code) && strict.stdout.is_empty(),
            "{command}: {strict}"
        );
        assert!(
            strict.stderr.contains("cannot be used"),
            "{command}: {strict}"
        );
    }
    assert_eq!(heads(&world), before);
}

#[test]
fn folders_that_teach_nothing_are_refused() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let before = heads(&world);
    let project = world.project("beta");
    let nothing = project.join("nothing");
    std::fs::create_dir_all(nothing.join("red")).unwrap();
    train(&world, &nothing, &[]).fails(1, "no images in");
    eval(&world, &nothing, &[]).fails(1, "no images in");
    predict(&world, &nothing, &[]).fails(1, "no images in");
    let file = pictures.join("red/000.png");
    train(&world, &file, &[]).fails(2, "is no folder");
    eval(&world, &file, &[]).fails(2, "is no folder");
    predict(&world, &project.join("gone"), &[]).fails(3, "no file matches");
    train(&world, &pictures.join("red"), &[]).fails(1, "folder named after it");

    // All of a class, then all there is, cannot be used.
    let spoilt = project.join("spoilt");
    for class in ["red", "blue"] {
        std::fs::create_dir_all(spoilt.join(class)).unwrap();
    }
    std::fs::copy(&file, spoilt.join("red/000.png")).unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(spoilt.join("blue/half.png"), &whole[..40]).unwrap();
    let run = train(&world, &spoilt, &[]).fails(1, "`blue` has no image");
    assert!(run.stderr.contains("blue/half.png"), "{run}");
    std::fs::write(spoilt.join("red/000.png"), &whole[..40]).unwrap();
    train(&world, &spoilt, &[]).fails(1, "none of the 2 images");
    eval(&world, &spoilt, &[]).fails(1, "none of the 2 images");
    predict(&world, &spoilt, &[]).fails(1, "none of the 2 images");
    assert_eq!(heads(&world), before);
}

#[test]
fn one_image_of_a_class_teaches_but_is_not_measured() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let green = pictures.join("green");
    std::fs::create_dir_all(&green).unwrap();
    super::world::picture(16, [30, 200, 40], 1)
        .save(green.join("only.png"))
        .unwrap();
    let found = train(&world, &pictures, &["--json"]).json();
    let warning = found["warnings"][0].as_str().unwrap();
    assert!(warning.contains("`green` has one image"), "{found}");
    assert_eq!(
        (&found["held_out"], &found["plausible_from"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(found["classes"][1]["recall"], Value::Null);
    let answers = predict(&world, &pictures, &["--json"]).json();
    let all = answers["predictions"].as_array().unwrap();
    assert!(
        all.iter().all(|one| one["unsure"] == false),
        "without limits it always answers"
    );
    let found = eval(&world, &pictures, &["--json"]).json();
    assert_eq!(found["answered"]["share"], 1.0);
}

#[test]
fn one_picture_with_two_labels_is_refused_by_its_names() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let before = heads(&world);
    std::fs::copy(
        pictures.join("red/001.png"),
        pictures.join("blue/again.png"),
    )
    .unwrap();
    let run = train(&world, &pictures, &[]).fails(1, "are the same image");
    let told = eval(&world, &pictures, &[]).fails(1, "are the same image");
    for name in ["red/001.png", "blue/again.png"] {
        assert!(run.stderr.contains(name), "{run}");
        assert!(told.stderr.contains(name), "{told}");
    }
    assert_eq!(heads(&world), before);
    // With the same label it is taken, and counts once.
    let again = pictures.join("red/again.png");
    std::fs::rename(pictures.join("blue/again.png"), again).unwrap();
    let found = eval(&world, &pictures, &["--json"]).json();
    assert_eq!(
        (&found["images"], &found["duplicates"]),
        (&8.into(), &1.into())
    );
    let told = eval(&world, &pictures, &[]).ok();
    assert!(
        told.stderr.contains("1 of the files are there twice"),
        "{told}"
    );
}

#[test]
fn files_of_labels_as_spreadsheets_write_them() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let file = world.project("beta").join("labels.csv");
    let with = |text: &[u8]| {
        std::fs::write(&file, text).unwrap();
        let labels = ["--labels", file.to_str().unwrap(), "--json"];
        (
            train(&world, &pictures, &labels),
            eval(&world, &pictures, &labels),
        )
    };
    let good = "\u{feff}label,path,note\r\nrot,red/000.png,x\r\nrot,red/001.png,\"a, b\"\r\n\
                blau,blue/000.png,\r\nblau,blue/001.png,\r\nblau,blue/001.png,again\r\n";
    let (trained, evaluated) = with(good.as_bytes());
    let (found, evaluated) = (trained.json(), evaluated.json());
    for said in [&found, &evaluated] {
        let warning = said["warnings"][0].as_str().unwrap();
        assert!(
            warning.contains("there twice with the same label, on lines 5 and 6"),
            "{said}"
        );
    }
    let labels = ["--labels", file.to_str().unwrap()];
    let told = eval(&world, &pictures, &labels).ok();
    assert!(told.stderr.contains("on lines 5 and 6"), "{told}");
    assert_eq!(found["classes"][0]["class"], "blau", "{found}");
    assert_eq!(
        (&found["classes"][0]["images"], &found["unlabelled"]),
        (&2.into(), &4.into())
    );

    let before = heads(&world);
    let two = "path,label\nred/000.png,rot\nblue/000.png,blau\n";
    let cases: [(Vec<u8>, &str); 10] = [
        (
            format!("{two}red/000.png,blau\n").into(),
            "`rot` on line 2 and `blau` on line 4",
        ),
        (
            format!("{two}red/999.png,rot\n").into(),
            "`red/999.png` (line 4)",
        ),
        (format!("{two}red/001.png,\n").into(), "line 4 of"),
        (
            format!("{two}red/001.png\n").into(),
            "has 1 columns and the header 2",
        ),
        (
            [two.as_bytes(), b"red/001.png,\xfcbrig\n"].concat(),
            "is not UTF-8",
        ),
        (
            b"\xff\xfep\0a\0t\0h\0,\0l\0a\0b\0e\0l\0\n\0".to_vec(),
            "utf-8",
        ),
        (
            b"image;class\nred/000.png;rot\n".to_vec(),
            "must name the columns",
        ),
        (b"path,label\n".to_vec(), "has a header and no labels"),
        (b"".to_vec(), "must name the columns"),
        (
            b"path,label\nred/000.png,rot\nred/001.png,rot\n".to_vec(),
            "at least two classes",
        ),
    ];
    for (text, words) in cases {
        let (trained, evaluated) = with(&text);
        trained.fails(1, words);
        evaluated.fails(1, words);
    }
    // Classes that the head does not know are found before any image is read.
    std::fs::write(&file, "path,label\nred/000.png,rot\nblue/000.png,violett\n").unwrap();
    let labels = ["--labels", file.to_str().unwrap()];
    eval(&world, &pictures, &labels).fails(1, "does not know the class `violett`");
    for (missing, code) in [("gone.csv", 3), (".", 1)] {
        let labels = ["--labels", missing];
        train(&world, &pictures, &labels).fails(code, missing);
        eval(&world, &pictures, &labels).fails(code, missing);
    }
    assert_eq!(heads(&world), before);
}

#[test]
fn classes_may_be_called_anything_that_fits_on_a_line() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let names = ["a red / one", "blå 🦊\\..\\up"];
    let file = world.project("beta").join("labels.csv");
    let mut text = "path,label\n".to_owned();
    for (colour, name) in ["red", "blue"].iter().zip(names) {
        (0..4).for_each(|index| {
            text.push_str(&format!("{colour}/{index:03}.png,{name}\n"));
        });
    }
    std::fs::write(&file, text).unwrap();
    let labels = ["--labels", file.to_str().unwrap()];
    let train = |more: &[&str]| train(&world, &pictures, &[&labels, more].concat());
    let found = train(&["--html", "trained.html", "--json"]).json();
    let classes = [0, 1].map(|index| found["classes"][index]["class"].clone());
    assert_eq!(classes.to_vec(), names);
    let answers = predict(&world, &pictures, &["--json"]).json();
    let path = |one: &Value| one["path"].as_str().unwrap().contains("red/");
    for one in answers["predictions"].as_array().unwrap() {
        assert_eq!(one["class"], names[usize::from(!path(one))], "{one}");
    }
    let measured = eval(&world, &pictures, &labels).ok();
    assert!(
        names.iter().all(|name| measured.stdout.contains(name)),
        "{measured}"
    );
    let export = [
        "head",
        "export",
        "colours",
        "--format",
        "safetensors",
        "-o",
        "head.safetensors",
    ];
    world.hub("beta", &export).ok();
    // Names that are no line, or empty, teach nothing.
    let before = heads(&world);
    for (label, words) in [("\"two\nlines\"", "line break"), ("\" \"", "line 3")] {
        let text = format!("path,label\nred/000.png,red\nblue/000.png,{label}\n");
        std::fs::write(&file, text).unwrap();
        train(&[]).fails(1, words);
    }
    assert_eq!(heads(&world), before);
}

#[test]
fn heads_that_cannot_be_read_are_left_as_they_are() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let files = || {
        let mut files = heads(&world);
        files.retain(|(path, _)| path.extension().is_some_and(|end| end == "head"));
        files
    };
    let (path, whole) = files().remove(0);
    let images = pictures.to_str().unwrap();
    let edited = {
        let mut edited = whole.clone();
        let place = edited.windows(3).position(|text| text == b"red").unwrap();
        edited[place..place + 3].copy_from_slice(b"rot");
        edited
    };
    let newer = [b"hub-head/9\n", &whole[11..]].concat();
    for (bytes, words) in [
        (whole[..whole.len() / 2].to_vec(), "damaged or was edited"),
        (whole[..5].to_vec(), "no head file"),
        (edited, "damaged or was edited"),
        (newer, "written by a newer hub"),
        (b"".to_vec(), "no head file"),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        let lines: [&[&str]; 6] = [
            &["predict", "colours", images],
            &["eval", "colours", "--images", images],
            &["head", "show", "colours"],
            &["head", "explain", "colours"],
            &[
                "head",
                "export",
                "colours",
                "--format",
                "onnx",
                "-o",
                "head.onnx",
            ],
            &["head", "upgrade", "colours", "--dry-run"],
        ];
        for line in lines {
            let run = world.hub("beta", line);
            let code = run.code;
            let run = run.fails(code, words);
            assert!(code != 0 && run.stderr.contains("v0001.head"), "{run}");
        }
        assert_eq!(files(), [(path.clone(), bytes)]);
        assert!(!world.project("beta").join("head.onnx").exists());
    }
}

#[test]
fn pictures_that_an_extractor_fails_on_are_named() {
    let Some(world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    let folder = world.draft("dots", "2.0.0", "nan_when_dark", 4);
    let light = [("pink", [255, 232, 235]), ("sky", [232, 235, 255])];
    for index in 0..4 {
        let probe = super::world::picture(12, light[index % 2].1, index as u32);
        let path = folder.join(format!("probes/p{index}.png"));
        probe.save(path).unwrap();
    }
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    world.publish(&folder);
    world.hub("beta", &["pull", "dots@1"]).ok();
    world.hub("beta", &["pull", "dots@2"]).ok();
    let pictures = world.pictures("beta", &light, 4);
    let dark = pictures.join("pink/dark.png");
    super::world::picture(16, [0, 0, 0], 1).save(&dark).unwrap();
    let train = |extractor: &str| {
        let images = pictures.to_str().unwrap();
        let line = [
            "train",
            "colours",
            "--extractor",
            extractor,
            "--images",
            images,
        ];
        world.hub("beta", &[&line[..], &["--json"]].concat())
    };
    train("dots@1").json();
    let run = train("dots@2");
    assert_eq!(run.code, 6, "{run}");
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    let skipped = &found["run"]["skipped"][0];
    assert_eq!(skipped["path"], "pink/dark.png");
    assert!(
        skipped["reason"].as_str().unwrap().contains("finite"),
        "{found}"
    );

    // Two versions on two releases: what either could not use is told.
    let diff = |from: &str, to: &str| {
        let images = pictures.to_str().unwrap();
        let line = ["head", "diff", "colours", "--images", images, "--json"];
        let run = world.hub("beta", &[&line[..], &["--from", from, "--to", to]].concat());
        assert_eq!(run.code, 6, "{run}");
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        found["skipped"].clone()
    };
    let one = diff("1", "2");
    assert_eq!(one[0]["path"], "pink/dark.png");
    assert_eq!((one.as_array().unwrap().len(), &one), (1, &diff("2", "1")));
}
