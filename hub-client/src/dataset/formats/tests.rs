#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::dataset::images::tests::{PNG, folder};
use crate::dataset::{ImageSet, LabelSource, known_labels};
use crate::files::{Destination, Existing};

const FORMATS: [LabelFormat; 5] = [
    LabelFormat::Csv,
    LabelFormat::Jsonl,
    LabelFormat::Coco,
    LabelFormat::FiftyOne,
    LabelFormat::LabelStudio,
];

/// The labels of `a.png`, `b, 1.png` and `c/ü 🐟.png` by a text.
fn labels_by(text: &str) -> Result<Vec<Option<String>>, DatasetError> {
    let folder = folder(&[("a.png", PNG), ("b, 1.png", PNG), ("c/ü 🐟.png", PNG)]);
    let file = folder.path().join("labels");
    fs::write(&file, text).unwrap();
    let images = ImageSet::walk(folder.path()).unwrap();
    known_labels(&images, &LabelSource::File(file))
}

fn words(text: &str) -> Vec<String> {
    let labels = labels_by(text).unwrap();
    labels
        .into_iter()
        .map(|label| label.unwrap_or("-".into()))
        .collect()
}

#[test]
fn what_other_programs_write_is_read() {
    for text in [
        "path,label\na.png,x\nc/ü 🐟.png,y\n",
        "{\"file_name\": \"a.png\", \"label\": \"x\"}\n\n{\"path\": \"c/ü 🐟.png\", \"label\": \"y\"}",
        r#"{"info": {}, "images": [{"id": 7, "file_name": "a.png"}, {"id": 3, "file_name": "c/ü 🐟.png"}],
            "annotations": [{"id": 1, "image_id": 3, "category_id": 20, "bbox": [1, 2, 3, 4]},
                            {"id": 2, "image_id": 7, "category_id": 10}, {"id": 4, "image_id": 7, "category_id": 10}],
            "categories": [{"id": 10, "name": "x"}, {"id": 20, "name": "y"}]}"#,
        r#"{"classes": ["y", "x"], "labels": {"a": 1, "b, 1": null, "c/ü 🐟": 0}}"#,
        r#"{"classes": null, "labels": {"a": "x", "c/ü 🐟": "y"}}"#,
        r#"{"samples": [{"filepath": "a.png", "ground_truth": {"_cls": "Classification", "label": "x"}},
                        {"filepath": "b, 1.png", "tags": []},
                        {"filepath": "c/ü 🐟.png", "truth": {"_cls": "Classification", "label": "y"}}]}"#,
        r#"[{"id": 1, "data": {"image": "/data/upload/1/12ab34cd-a.png"}, "annotations": [
                {"was_cancelled": true, "result": [{"type": "choices", "value": {"choices": ["z"]}}]},
                {"result": [{"type": "choices", "value": {"choices": ["x"]}}]}]},
            {"id": 2, "data": {"photo": "/data/local-files/?d=c/%C3%BC%20%F0%9F%90%9F.png"},
             "annotations": [{"result": [{"type": "choices", "value": {"choices": ["y"]}}]}]},
            {"id": 3, "data": {"image": "b, 1.png"}, "annotations": []}]"#,
        r#"[{"image": "a.png", "choice": "x", "id": 1}, {"image": "c/ü 🐟.png", "choice": "y", "id": 2}]"#,
    ] {
        assert_eq!(words(text), ["x", "-", "y"], "{text}");
        let marked = format!("\u{feff}{text}");
        assert_eq!(words(&marked), ["x", "-", "y"], "{marked}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn labels_may_come_through_a_pipe() {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    for text in [
        "path,label\na.png,x\n",
        r#"{"path": "a.png", "label": "x"}"#,
    ] {
        let images = folder(&[("a.png", PNG)]);
        let images = ImageSet::walk(images.path()).unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        let file = format!("/proc/self/fd/{}", reader.as_raw_fd()).into();
        let labels = known_labels(&images, &LabelSource::File(file)).unwrap();
        assert_eq!(labels, [Some("x".to_owned())], "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let cases = [
        (
            "{\"path\": \"a.png\", \"label\": \"x\"}\n{\"path\": 3}",
            "line 2 of",
        ),
        (
            "{\"path\": \"a.png\", \"label\": \"x\"}\nnonsense",
            "no valid JSON",
        ),
        ("{\"images\": [", "no valid JSON"),
        ("{\"strange\": 1}", "no format of labels that is known"),
        ("[]", "no labels"),
        (
            r#"{"labels": {"a": 4}, "classes": ["x"]}"#,
            "has no class that is listed",
        ),
        (r#"{"labels": {"zebra": "x"}}"#, "`zebra` (entry 1)"),
        (
            r#"[{"image": "a.png", "choice": "x"}, {"image": "a.png", "choice": "y"}]"#,
            "entry 2",
        ),
        (
            r#"[{"image": "a.png", "annotations": [{"result": [{"type": "choices", "value": {"choices": ["x", "y"]}}]}]}]"#,
            "several choices",
        ),
        (
            r#"{"images": [{"id": 1, "file_name": "a.png"}], "categories": [], "annotations": [{"image_id": 1, "category_id": 5}]}"#,
            "`category_id`",
        ),
    ];
    for (text, expected) in cases {
        let found = labels_by(text).unwrap_err().to_string();
        assert!(found.contains(expected), "`{found}` for {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_format_gives_back_what_it_was_given(labels in prop::collection::vec("[a-zü🐟,\"/ ]{0,8}[a-z]", 3)) {
        let folder = folder(&[("a.png", PNG), ("b, 1.png", PNG), ("c/ü 🐟.png", PNG)]);
        let images = ImageSet::walk(folder.path()).unwrap();
        let labels: Vec<String> = labels.iter().map(|label| label.trim().to_owned()).collect();
        let labelled: Vec<Labelled> = images.images.iter().zip(&labels).map(|(image, label)| Labelled {
            name: image.name.clone(),
            path: image.path.clone(),
            label: label.clone(),
        }).collect();
        for format in FORMATS {
            let file = folder.path().join("labels.out");
            let destination = Destination::new(&file, Existing::Replace).unwrap();
            write_labels(&labelled, format, &destination).unwrap();
            let found = known_labels(&images, &LabelSource::File(file)).unwrap();
            let found: Vec<String> = found.into_iter().flatten().collect();
            prop_assert_eq!(&found, &labels, "{:?}", format);
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "[\\[{][ -~\n]{0,80}") {
        let folder = folder(&[("a.png", PNG)]);
        let file = folder.path().join("labels");
        fs::write(&file, text).unwrap();
        let _ = read(&file);
    }
}

#[test]
fn folders_hold_each_image_once_and_labels_that_name_one() {
    let folder = folder(&[("one/a.png", PNG), ("two/a.png", PNG), ("b.png", PNG)]);
    let images = ImageSet::walk(folder.path()).unwrap();
    let with = |label: &str| -> Vec<Labelled> {
        let labelled = images.images.iter().map(|image| Labelled {
            name: image.name.clone(),
            path: image.path.clone(),
            label: label.to_owned(),
        });
        labelled.collect()
    };
    let out = folder.path().join("out");
    assert!(matches!(
        write_folders(&with("../up"), &out),
        Err(DatasetError::NoFolderName { .. })
    ));
    assert!(!out.exists());
    write_folders(&with("big cats 🐈"), &out).unwrap();
    let found = ImageSet::walk(&out).unwrap().images;
    let names: Vec<&str> = found.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "big cats 🐈/2-a.png",
            "big cats 🐈/a.png",
            "big cats 🐈/b.png"
        ]
    );
    assert!(
        write_folders(&with("x"), &out).is_err(),
        "nothing is written over"
    );
}
