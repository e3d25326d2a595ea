#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use registry_schema::digest::Digest;
use serde_json::json;

use super::pipeline::{FeatureRow, Pictures};
use super::*;
use crate::runtime::conformance::probe_vectors;
use crate::runtime::library::PATH_VARIABLE;

/// Whether the tests that run graphs can run. They may be skipped on a desk without the library,
/// never where `CI` or `HUB_REQUIRE_RUNTIME` is set.
pub(crate) fn has_runtime() -> bool {
    if std::env::var_os(PATH_VARIABLE).is_some() {
        return true;
    }
    let required = ["CI", "HUB_REQUIRE_RUNTIME"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    assert!(
        !required,
        "{PATH_VARIABLE} must name the ONNX Runtime library here"
    );
    eprintln!("skipped: {PATH_VARIABLE} is not set");
    false
}

pub(crate) fn graph(name: &str) -> ExtractorFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    let input = json!({
        "tensor": "input", "width": 8, "height": 8,
        "normalize": {"mean": [0, 0, 0], "std": [1, 1, 1]},
    });
    let output = json!({"tensor": "features", "dimension": 4});
    let spec = ExtractorSpec {
        input: serde_json::from_value(input).unwrap(),
        output: serde_json::from_value(output).unwrap(),
    };
    ExtractorFiles {
        graph: folder.join(format!("{name}.onnx")),
        spec,
    }
}

fn options(threads: usize, batch: usize) -> RuntimeOptions {
    RuntimeOptions {
        threads: NonZeroUsize::new(threads),
        batch: NonZeroUsize::new(batch),
        ..RuntimeOptions::default()
    }
}

fn open(name: &str) -> Result<Extractor, RuntimeError> {
    Extractor::open(graph(name), options(2, 4))
}

fn plain(value: u8) -> Picture {
    Picture {
        width: 8,
        height: 8,
        samples: vec![value; 192],
        ..Picture::default()
    }
}

#[test]
fn features_are_those_of_each_picture_in_order() {
    if !has_runtime() {
        return;
    }
    let mut extractor = open("means").unwrap();
    let pictures: Vec<Picture> = (0..23).map(|i| plain(i * 11)).collect();
    let features = extractor.embed(&pictures).unwrap();
    assert_eq!(features.dim(), (23, 4));
    for (i, row) in features.rows().into_iter().enumerate() {
        let mean = i as f32 * 11.0 / 255.0;
        let expected = [mean, mean, mean, mean * mean];
        for (found, expected) in row.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "picture {i}: {row}");
        }
    }
    assert_eq!(extractor.embed(&[]).unwrap().dim(), (0, 4));
}

#[test]
fn graphs_for_one_picture_and_for_channels_last_run_as_well() {
    if !has_runtime() {
        return;
    }
    let pictures: Vec<Picture> = (0..9).map(|i| plain(i * 20)).collect();
    let expected = open("means").unwrap().embed(&pictures).unwrap();
    assert_eq!(
        open("one_picture").unwrap().embed(&pictures).unwrap(),
        expected
    );
    let mut files = graph("channels_last");
    files.spec.input.layout = Layout::Nhwc;
    let mut extractor = Extractor::open(files, options(1, 5)).unwrap();
    let found = extractor.embed(&pictures).unwrap();
    assert!(
        found
            .iter()
            .zip(&expected)
            .all(|(a, b)| (a - b).abs() < 1e-6)
    );
}

#[test]
fn a_graph_that_is_not_what_the_manifest_says_is_refused_naming_both() {
    if !has_runtime() {
        return;
    }
    let cases = [
        (
            "other_names",
            "`pixels` f32[?, 3, 8, 8]",
            "`input` f32[batch, 3, 8, 8]",
        ),
        ("other_size", "f32[?, 3, 9, 8]", "f32[batch, 3, 8, 8]"),
        ("batch_of_two", "f32[2, 3, 8, 8]", "f32[batch, 3, 8, 8]"),
        ("two_inputs", "`second`", "one input, `input`"),
        ("whole_numbers", "i64", "f32[batch, 3, 8, 8]"),
        (
            "three_features",
            "`features` f32[?, 3]",
            "`features` f32[batch, 4]",
        ),
        ("channels_last", "f32[?, 8, 8, 3]", "f32[batch, 3, 8, 8]"),
    ];
    for (name, found, promised) in cases {
        let Err(error) = open(name) else {
            panic!("{name} was accepted")
        };
        let message = error.to_string();
        let says_both = message.contains(found) && message.contains(promised);
        assert!(says_both, "{name}: {message}");
    }
}

#[test]
fn graphs_that_cannot_run_say_so() {
    if !has_runtime() {
        return;
    }
    for name in ["unknown_opset", "absent"] {
        let Err(error) = open(name) else {
            panic!("{name} was accepted")
        };
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = open("three_features_undeclared")
        .unwrap()
        .embed(&[plain(1)])
        .unwrap_err();
    assert!(matches!(error, RuntimeError::Session(_)), "{error:?}");
    assert!(error.to_string().contains("[1, 3]"), "{error}");
}

#[test]
fn features_that_are_not_numbers_name_the_picture() {
    if !has_runtime() {
        return;
    }
    let mut extractor = open("nan_when_dark").unwrap();
    assert!(extractor.embed(&[plain(250), plain(251)]).is_ok());
    let error = extractor
        .embed(&[plain(250), plain(251), plain(3)])
        .unwrap_err();
    assert!(
        matches!(error, RuntimeError::Picture { index: 2, .. }),
        "{error:?}"
    );
}

#[test]
fn the_promise_of_length_one_is_checked() {
    if !has_runtime() {
        return;
    }
    for (name, is_kept) in [("normalized", true), ("means", false)] {
        let mut files = graph(name);
        files.spec.output.normalized = true;
        let mut extractor = Extractor::open(files, options(1, 4)).unwrap();
        assert_eq!(extractor.embed(&[plain(90)]).is_ok(), is_kept, "{name}");
    }
}

/// Files of plain pictures (as PNG) and, at some places, of other things.
struct Files {
    folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

fn files(count: usize, other: &[(usize, &[u8])]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..count)
        .map(|i| folder.path().join(format!("{i:04}.png")))
        .collect();
    for (i, path) in paths.iter().enumerate() {
        let value = (i % 256) as u8;
        image::RgbImage::from_pixel(8, 8, image::Rgb([value; 3]))
            .save(path)
            .unwrap();
    }
    for &(i, bytes) in other {
        std::fs::write(&paths[i], bytes).unwrap();
    }
    Files { folder, paths }
}

type Row = Result<FeatureRow, ImageError>;

fn run_all(threads: usize, batch: usize, paths: &[PathBuf]) -> Vec<Row> {
    run_on(threads, batch, Pictures::Files(paths))
}

fn run_on(threads: usize, batch: usize, pictures: Pictures<'_>) -> Vec<Row> {
    let mut extractor = Extractor::open(graph("means"), options(threads, batch)).unwrap();
    let mut rows = Vec::new();
    let keep = |index: usize, row| {
        assert_eq!(index, rows.len(), "in order");
        rows.push(row);
        Ok::<(), RuntimeError>(())
    };
    pipeline::run(
        &mut extractor,
        pictures,
        None,
        &AtomicBool::new(false),
        keep,
    )
    .unwrap();
    rows
}

#[test]
fn encoded_pictures_are_what_files_of_them_would_be() {
    if !has_runtime() {
        return;
    }
    let files = files(6, &[(2, b""), (4, b"text")]);
    let bytes: Vec<Vec<u8>> = files
        .paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let encoded: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    let of_files = run_all(2, 1, &files.paths);
    let of_bytes = run_on(2, 1, Pictures::Encoded(&encoded));
    for (index, (file, bytes)) in of_files.into_iter().zip(of_bytes).enumerate() {
        match (file, bytes) {
            (Ok(file), Ok(bytes)) => assert_eq!(file, bytes),
            (Err(_), Err(error)) => {
                assert!(
                    [2, 4].contains(&index) && error.to_string().starts_with("the picture is ")
                );
            }
            (file, bytes) => panic!("{index}: {file:?} {bytes:?}"),
        }
    }
}

#[test]
fn the_pipeline_delivers_in_order_and_skips_only_what_is_bad() {
    if !has_runtime() {
        return;
    }
    let bad: [(usize, &[u8]); 3] = [(0, b""), (41, b"no picture"), (99, b"\x89PNG\r\n\x1a\n")];
    let files = files(100, &bad);
    for (threads, batch) in [(1, 1), (1, 8), (2, 3), (3, 8), (8, 64)] {
        let rows = run_all(threads, batch, &files.paths);
        assert_eq!(rows.len(), 100);
        for (i, row) in rows.iter().enumerate() {
            let Ok(row) = row else {
                assert!(bad.iter().any(|&(at, _)| at == i), "{i}: {row:?}");
                continue;
            };
            assert!(
                (row.features[0] - i as f32 / 255.0).abs() < 1e-5,
                "{i}: {row:?}"
            );
            assert_eq!(
                row.sha256,
                Digest::of(&std::fs::read(&files.paths[i]).unwrap())
            );
        }
        assert_eq!(rows.iter().filter(|row| row.is_err()).count(), 3);
    }
    assert!(run_all(2, 8, &[]).is_empty());
}

#[test]
fn what_is_known_is_not_computed() {
    if !has_runtime() {
        return;
    }
    let files = files(40, &[]);
    let known: BTreeMap<Digest, Vec<f32>> = files
        .paths
        .iter()
        .enumerate()
        .filter(|(i, _)| i % 3 != 1)
        .map(|(i, path)| (Digest::of(&std::fs::read(path).unwrap()), vec![i as f32; 4]))
        .collect();
    let lookup = |digest: &Digest| known.get(digest).cloned();
    let mut extractor = open("means").unwrap();
    let mut seen = 0;
    let check = |i: usize, row: Row| {
        let row = row.unwrap();
        assert_eq!(row.is_cached, i % 3 != 1);
        let expected = if row.is_cached {
            i as f32
        } else {
            i as f32 / 255.0
        };
        assert!((row.features[0] - expected).abs() < 1e-5, "{i}: {row:?}");
        seen += 1;
        Ok::<(), RuntimeError>(())
    };
    let cancel = AtomicBool::new(false);
    pipeline::run(
        &mut extractor,
        Pictures::Files(&files.paths),
        Some(&lookup),
        &cancel,
        check,
    )
    .unwrap();
    assert_eq!(seen, 40);
}

#[test]
fn the_sink_and_the_cancel_flag_stop_the_run() {
    if !has_runtime() {
        return;
    }
    let files = files(200, &[]);
    let mut extractor = open("means").unwrap();
    let cancel = AtomicBool::new(false);
    let stop_at_5 = |index, _: Row| {
        if index == 5 {
            Err(RuntimeError::ThreadStopped)
        } else {
            Ok(())
        }
    };
    let stopped = pipeline::run(
        &mut extractor,
        Pictures::Files(&files.paths),
        None,
        &cancel,
        stop_at_5,
    );
    assert!(
        matches!(stopped, Err(RuntimeError::ThreadStopped)),
        "{stopped:?}"
    );
    let mut seen = 0;
    let interrupt = |index, _: Row| {
        seen += 1;
        cancel.store(index >= 7, Ordering::Relaxed);
        Ok(())
    };
    let stopped = pipeline::run(
        &mut extractor,
        Pictures::Files(&files.paths),
        None,
        &cancel,
        interrupt,
    );
    assert!(
        matches!(stopped, Err(RuntimeError::Cancelled)),
        "{stopped:?}"
    );
    assert!((8..200).contains(&seen), "{seen}");
    drop(files.folder);
}

#[test]
fn a_graph_that_fails_ends_the_run() {
    if !has_runtime() {
        return;
    }
    let files = files(50, &[]);
    let mut extractor = open("three_features_undeclared").unwrap();
    let ignore = |_, _: Row| Ok::<(), RuntimeError>(());
    let cancel = AtomicBool::new(false);
    let failed = pipeline::run(
        &mut extractor,
        Pictures::Files(&files.paths),
        None,
        &cancel,
        ignore,
    );
    assert!(
        matches!(failed, Err(RuntimeError::Session(_))),
        "{failed:?}"
    );
}

#[test]
fn probes_are_reproduced_and_chance_is_refused() {
    if !has_runtime() {
        return;
    }
    let files = files(5, &[]);
    let probes: BTreeMap<String, PathBuf> = files
        .paths
        .iter()
        .enumerate()
        .map(|(i, path)| (format!("probes/{i}.png"), path.clone()))
        .collect();
    let vectors = probe_vectors(&mut open("means").unwrap(), &probes)
        .unwrap()
        .vectors;
    assert_eq!(vectors.len(), 5);
    assert!((vectors["probes/3.png"][0] - 3.0 / 255.0).abs() < 1e-6);
    let refused = probe_vectors(&mut open("random").unwrap(), &probes);
    assert!(
        matches!(refused, Err(RuntimeError::NotDeterministic { .. })),
        "{refused:?}"
    );
}
