#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stderr,
    clippy::panic,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use registry_schema::preprocess::{Filter, Normalize, Resize};
use serde_json::{Value, json};

use super::*;
use crate::runtime::decode::DecodeLimits;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pillow")
}

/// Largest difference of any sample from Pillow's, of 255.
fn largest_difference(folder: &Path) -> Vec<(u8, Value)> {
    let limits = DecodeLimits::default();
    let sheet = Picture::open(&folder.join("expected.png"), &limits)
        .unwrap()
        .samples;
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 100, "only {} cases", cases.len());
    let compare = |case: Value| {
        let mut input = case.clone();
        let fields = input.as_object_mut().unwrap();
        let file = fields.remove("file").unwrap();
        let start = fields.remove("start").unwrap().as_u64().unwrap() as usize;
        let channels = if fields["color"] == "gray" { 1 } else { 3 };
        fields.insert("tensor".into(), json!("input"));
        let normalize = json!({"scale": 1.0, "mean": vec![0; channels], "std": vec![1; channels]});
        fields.insert("normalize".into(), normalize);
        let input: Input = serde_json::from_value(input).unwrap();
        input.validate().unwrap();
        let path = folder.join("inputs").join(file.as_str().unwrap());
        let picture = Picture::open(&path, &limits).unwrap();
        let (layout, pixels) = (input.layout, (input.width * input.height) as usize);
        let mut preprocessor = Preprocessor::new(input);
        let mut tensor = vec![f32::NAN; preprocessor.sample_length()];
        preprocessor.prepare(&picture, &mut tensor).unwrap();
        let expected = &sheet[start..start + tensor.len()];
        let differences = expected.iter().enumerate().map(|(at, &expected)| {
            let found = match layout {
                Layout::Nhwc => tensor[at],
                Layout::Nchw => tensor[at % channels * pixels + at / channels],
            };
            assert!(found.is_finite(), "{case}");
            (f32::from(expected) - found).abs() as u8
        });
        (differences.max().unwrap(), case)
    };
    cases.into_iter().map(compare).collect()
}

fn equal_to_pillow(folder: &Path) {
    let mut differences = largest_difference(folder);
    differences.sort_by_key(|(difference, _)| std::cmp::Reverse(*difference));
    let worst: Vec<String> = differences
        .iter()
        .filter(|(d, _)| *d > 0)
        .map(|(d, case)| format!("{d}: {case}"))
        .collect();
    assert!(
        worst.is_empty(),
        "{} of {}:\n{}",
        worst.len(),
        differences.len(),
        worst.join("\n")
    );
}

#[test]
fn every_filter_size_rule_crop_and_format_is_as_pillow_makes_it() {
    equal_to_pillow(&fixtures());
}

#[test]
fn random_sizes_are_as_pillow_makes_them() {
    // `make.py --random N DIR` writes such a folder; it is too large to commit.
    let Some(folder) = std::env::var_os("HUB_PILLOW_CASES") else {
        eprintln!("skipped: HUB_PILLOW_CASES names no folder of random cases");
        return;
    };
    equal_to_pillow(Path::new(&folder));
}

fn input(width: u32, height: u32, resize: Resize) -> Input {
    Input {
        tensor: "input".into(),
        width,
        height,
        layout: Layout::Nchw,
        color: Color::Rgb,
        exif_orientation: true,
        alpha: Background::default(),
        resize,
        normalize: Normalize {
            scale: 1.0 / 255.0,
            mean: vec![0.5; 3],
            std: vec![0.25; 3],
        },
    }
}

fn picture(width: u32, height: u32) -> Picture {
    let samples = (0..width * height * 3)
        .map(|i| (i * 7 % 256) as u8)
        .collect();
    Picture {
        width,
        height,
        samples,
        ..Picture::default()
    }
}

fn prepare(input: Input, picture: &Picture) -> Result<Vec<f32>, PrepareError> {
    let mut preprocessor = Preprocessor::new(input);
    let mut tensor = vec![0.0; preprocessor.sample_length()];
    preprocessor.prepare(picture, &mut tensor)?;
    Ok(tensor)
}

#[test]
fn normalisation_is_the_formula() {
    let source = Picture {
        width: 1,
        height: 1,
        samples: vec![0, 128, 255],
        ..Picture::default()
    };
    let found = prepare(input(1, 1, Resize::default()), &source).unwrap();
    let expected = [0.0_f32, 128.0, 255.0].map(|sample| (sample * (1.0 / 255.0) - 0.5) / 0.25);
    assert_eq!(found, expected);
}

#[test]
fn the_orientation_is_applied_only_when_asked_for() {
    let mut turned = picture(5, 3);
    turned.orientation = Orientation::Rotate90;
    let mut flat = input(5, 3, Resize::default());
    flat.exif_orientation = false;
    assert_eq!(
        prepare(flat.clone(), &turned),
        prepare(flat.clone(), &picture(5, 3))
    );
    flat.exif_orientation = true;
    assert_ne!(
        prepare(flat.clone(), &turned),
        prepare(flat, &picture(5, 3))
    );
}

#[test]
fn one_preprocessor_gives_the_same_whatever_came_before() {
    for filter in [Filter::Nearest, Filter::Bicubic] {
        for mode in [
            ResizeMode::Exact,
            ResizeMode::Shortest,
            ResizeMode::Letterbox,
        ] {
            let resize = Resize {
                mode,
                filter,
                ..Resize::default()
            };
            let mut preprocessor = Preprocessor::new(input(13, 11, resize));
            let mut first = vec![0.0; preprocessor.sample_length()];
            let mut again = vec![0.0; preprocessor.sample_length()];
            preprocessor.prepare(&picture(40, 17), &mut first).unwrap();
            preprocessor
                .prepare(&picture(200, 300), &mut again)
                .unwrap();
            preprocessor.prepare(&picture(40, 17), &mut again).unwrap();
            assert_eq!(first, again, "{filter:?} {mode:?}");
        }
    }
}

#[test]
fn extremely_long_and_thin_pictures_take_no_extreme_memory() {
    let shortest = Resize {
        mode: ResizeMode::Shortest,
        size: Some(256),
        ..Resize::default()
    };
    let filters = [
        Filter::Nearest,
        Filter::Box,
        Filter::Bilinear,
        Filter::Lanczos,
    ];
    for filter in filters {
        let resize = Resize { filter, ..shortest };
        // Resized in full, this would be a picture of 256 × 12,800,000 pixels.
        assert!(prepare(input(224, 224, resize), &picture(1, 50_000)).is_ok());
        assert!(prepare(input(224, 224, resize), &picture(50_000, 1)).is_ok());
        // With the passes in the wrong order, 8192 × 1,000,000 pixels would lie between them.
        let exact = Resize {
            filter,
            ..Resize::default()
        };
        assert!(prepare(input(8192, 1, exact), &picture(1, 100_000)).is_ok());
        assert!(prepare(input(1, 8192, exact), &picture(100_000, 1)).is_ok());
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let mut preprocessor = Preprocessor::new(input(2, 2, Resize::default()));
    let short = preprocessor.prepare(&picture(2, 2), &mut [0.0; 5]);
    assert_eq!(
        short,
        Err(PrepareError::OutputLength {
            found: 5,
            expected: 12
        })
    );
    for (width, height) in [(0, 0), (2, 3), (u32::MAX, u32::MAX)] {
        let wrong = Picture {
            width,
            height,
            ..picture(2, 2)
        };
        let refused = preprocessor.prepare(&wrong, &mut [0.0; 12]);
        assert!(
            matches!(refused, Err(PrepareError::PictureLength { .. })),
            "{refused:?}"
        );
    }
    let empty = preprocessor.prepare(&Picture::default(), &mut [0.0; 12]);
    assert!(
        matches!(empty, Err(PrepareError::PictureLength { .. })),
        "{empty:?}"
    );
}
