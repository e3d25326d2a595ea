#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;

use super::super::images::tests::{PNG, folder};
use super::*;

/// The labels of `a.png`, `b.png`, `c/d, e.png` and `c/ü 🐟.png` by a file beside them.
fn from_csv(text: impl AsRef<[u8]>) -> Result<LabelledImages, DatasetError> {
    let folder = folder(&[
        ("a.png", PNG),
        ("b.png", PNG),
        ("c/d, e.png", PNG),
        ("c/ü 🐟.png", PNG),
        ("notes.txt", b"x"),
    ]);
    let file = folder.path().join("labels.csv");
    fs::write(&file, text).unwrap();
    LabelledImages::from_file(ImageSet::walk(folder.path()).unwrap(), &file)
}

fn message(text: impl AsRef<[u8]>) -> String {
    let message = from_csv(text).unwrap_err().to_string();
    let (start, rest) = message.split_once('`').unwrap();
    let (_, end) = rest.split_once("labels.csv`").unwrap();
    format!("{start}FILE{end}")
}

fn labels(labelled: &LabelledImages) -> Vec<(&str, &str)> {
    labelled
        .images
        .iter()
        .map(|image| {
            (
                image.image.name.as_str(),
                labelled.classes[image.class].as_str(),
            )
        })
        .collect()
}

#[test]
fn folders_are_classes() {
    let folder = folder(&[
        ("dogs/1.png", PNG),
        ("dogs/2.png", PNG),
        ("big cats 🐈/old/3.png", PNG),
        ("stray.png", PNG),
        ("birds/notes.txt", b"none yet"),
    ]);
    let labelled = LabelledImages::from_folders(ImageSet::walk(folder.path()).unwrap()).unwrap();
    let expected = [
        ("big cats 🐈/old/3.png", "big cats 🐈"),
        ("dogs/1.png", "dogs"),
        ("dogs/2.png", "dogs"),
    ];
    assert_eq!(labels(&labelled), expected);
    assert_eq!(labelled.unlabelled[0].name, "stray.png");
    let expected = [
        LabelWarning::OneImage {
            class: "big cats 🐈".to_owned(),
        },
        LabelWarning::EmptyFolder {
            class: "birds".to_owned(),
        },
        LabelWarning::OutsideFolders {
            count: 1,
            example: "stray.png".to_owned(),
        },
    ];
    assert_eq!(labelled.warnings, expected);
    let sentence = labelled.warnings[2].to_string();
    assert_eq!(
        sentence,
        "1 image outside the folders of the classes left out, such as `stray.png`"
    );
}

#[test]
fn folders_without_two_classes_are_refused() {
    let walk = |files: &[(&str, &[u8])]| {
        let folder = folder(files);
        LabelledImages::from_folders(ImageSet::walk(folder.path()).unwrap()).unwrap_err()
    };
    assert!(matches!(
        walk(&[]),
        DatasetError::NoImages { skipped: 0, .. }
    ));
    assert!(matches!(
        walk(&[("1.png", PNG), ("2.png", PNG)]),
        DatasetError::NoClassFolders { .. }
    ));
    let error = walk(&[
        ("cats/1.png", PNG),
        ("cats/2.png", PNG),
        ("dogs/none.txt", b"x"),
    ]);
    assert_eq!(
        error.to_string(),
        "all images are labelled `cats`: at least two classes are needed to tell apart"
    );
}

#[test]
fn a_file_gives_labels() {
    let text = "label,path,who\r\n the second ,a.png,me\r\nfirst 🐟,\"c/d, e.png\",\"me, too\"\r\n\"\"\"first\"\"\",./c/ü 🐟.png,\r\n";
    let labelled = from_csv(text).unwrap();
    assert_eq!(labelled.classes, ["\"first\"", "first 🐟", "the second"]);
    let expected = [
        ("a.png", "the second"),
        ("c/d, e.png", "first 🐟"),
        ("c/ü 🐟.png", "\"first\""),
    ];
    assert_eq!(labels(&labelled), expected);
    assert_eq!(labelled.unlabelled[0].name, "b.png");
    assert!(labelled.warnings.contains(&LabelWarning::NotMentioned {
        count: 1,
        example: "b.png".to_owned()
    }));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_header() {
    assert_eq!(
        from_csv("\u{feff}path,label\na.png,x\nb.png,y\n")
            .unwrap()
            .classes,
        ["x", "y"]
    );
}

#[test]
fn paths_are_relative_to_the_images_or_to_the_file() {
    let images = folder(&[("in/a.png", PNG), ("in/b.png", PNG)]);
    let file = images.path().join("lists/labels.csv");
    fs::create_dir(images.path().join("lists")).unwrap();
    let absolute = images.path().join("in/b.png").display().to_string();
    for text in [
        "a.png,x\nb.png,y\n",
        "../in/a.png,x\nb.png,y\n",
        &format!("a.png,x\n{absolute},y\n"),
    ] {
        fs::write(&file, format!("path,label\n{text}")).unwrap();
        let labelled =
            LabelledImages::from_file(ImageSet::walk(&images.path().join("in")).unwrap(), &file)
                .unwrap();
        assert_eq!(
            labels(&labelled),
            [("a.png", "x"), ("b.png", "y")],
            "{text}"
        );
    }
}

#[test]
fn headers_are_required() {
    let wanted = "the first line of FILE must name the columns `path` and `label`, separated by commas; it is ";
    assert_eq!(message("a.png,x\nb.png,y\n"), format!("{wanted}`a.png,x`"));
    assert_eq!(
        message("path;label\na.png;x\n"),
        format!("{wanted}`path;label`")
    );
    assert_eq!(message(""), format!("{wanted}``"));
    assert_eq!(message("path,label\n"), "FILE has a header and no labels");
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (text, expected) in [
        (
            "a.png,x\nb.png,\n",
            "line 3 of FILE has no label: leave it out if the image has none",
        ),
        (
            "a.png,x\nb.png,\" \"\n",
            "line 3 of FILE has no label: leave it out if the image has none",
        ),
        (",x\n", "line 2 of FILE has no path"),
        (
            "a.png,x\nc/d, e.png,y\n",
            "line 3 of FILE has 3 columns and the header 2: put a path with a comma in double quotes",
        ),
        (
            "a.png\n",
            "line 2 of FILE has 1 columns and the header 2: put a path with a comma in double quotes",
        ),
        (
            "a.png,\"x\ny\"\n",
            "line 2 of FILE has a label with a line break or control character",
        ),
    ] {
        assert_eq!(message(format!("path,label\n{text}")), expected);
    }
    assert_eq!(
        message(b"path,label\na.png,x\nb.png,\xe9t\xe9\n"),
        "line 3 of FILE is not UTF-8: save the file as UTF-8"
    );
    let long = format!("path,label\na.png,{}\n", "x".repeat(201));
    assert_eq!(
        message(long),
        "line 2 of FILE has a label longer than 200 bytes"
    );
}

#[test]
fn one_image_has_one_label() {
    let text = "path,label\na.png,x\nb.png,y\n./a.png,x\n";
    let warning = LabelWarning::Repeated {
        path: "./a.png".to_owned(),
        lines: [2, 4],
    };
    assert!(from_csv(text).unwrap().warnings.contains(&warning));
    let error = from_csv("path,label\na.png,x\nb.png,y\n./a.png,y\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("`./a.png` is labelled `x` on line 2 and `y` on line 4 of `"),
        "{error}"
    );
    let error = from_csv("path,label\na.png,x\nb.png,x\n").unwrap_err();
    assert!(matches!(error, DatasetError::OneClass { class } if class == "x"));
}

#[test]
fn unknown_paths_are_listed() {
    let expected = "FILE labels 1 file that is not among the images: `gone.png` (line 3)";
    assert_eq!(message("path,label\na.png,x\ngone.png,y\n"), expected);
    let many: String = (0..7).map(|i| format!("{i}.png,x\n")).collect();
    let message = message(format!("path,label\nnotes.txt,y\n{many}"));
    assert!(message.starts_with(
        "FILE labels 8 files that are not among the images: `notes.txt` (line 2), `0.png`"
    ));
    assert!(message.ends_with("`3.png` (line 6), …"), "{message}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder(&[("a.png", PNG)]);
    let error = LabelledImages::from_file(
        ImageSet::walk(folder.path()).unwrap(),
        &folder.path().join("gone.csv"),
    );
    assert!(error.unwrap_err().to_string().contains("gone.csv"));
}

#[test]
fn lines_are_counted_as_people_count_them() {
    let rows = ["path,label", "a.png,x", "", "b.png,\"y\"", "gone.png,x", ""];
    for end in ["\n", "\r\n"] {
        for start in ["", "\u{feff}"] {
            let found = message(format!("{start}{}", rows.join(end)));
            assert!(
                found.contains("`gone.png` (line 5)"),
                "{end:?} {start:?}: {found}"
            );
        }
    }
}
