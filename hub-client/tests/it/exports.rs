//! Exported heads say what was seen, and a file that does not is not written.

use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use serde_json::Value;

use super::judges::{python, script};
use super::world::{World, files_below, picture, read};

const CLASSES: [(&str, [u8; 3]); 3] = [
    ("red", [220, 40, 50]),
    ("blue", [40, 60, 210]),
    ("green", [30, 190, 60]),
];

/// Landscape, portrait, tiny, long, and the tensor's own size.
const SIZES: [(u32, u32); 8] = [
    (40, 20),
    (21, 60),
    (3, 2),
    (90, 5),
    (8, 8),
    (5, 64),
    (100, 75),
    (17, 16),
];

/// A world in which beta has pictures of many sizes.
struct Gallery {
    world: World,
    pictures: PathBuf,
}

impl Gallery {
    fn start() -> Option<Self> {
        let world = World::start()?;
        let pictures = world.project("beta").join("pictures");
        for (class, colour) in CLASSES {
            std::fs::create_dir_all(pictures.join(class)).unwrap();
            for (index, (width, height)) in (0..).zip(SIZES) {
                let large = picture(100, colour, index);
                image::imageops::crop_imm(&large, 0, 0, width, height)
                    .to_image()
                    .save(pictures.join(class).join(format!("{index}.png")))
                    .unwrap();
            }
        }
        Some(Self { world, pictures })
    }

    /// Has beta train `colours` on a release of `dots` that alpha has made of a graph and lines for its manifest.
    fn train(&self, version: &str, graph: &str, input: &str) {
        let folder = self.world.draft("dots", version, graph, 4);
        let manifest = folder.join("extractor.toml");
        let text = read(&manifest).replace("height = 8\n", &format!("height = 8\n{input}\n"));
        std::fs::write(&manifest, text).unwrap();
        let folder = folder.to_str().unwrap();
        self.world.hub("alpha", &["check", folder]).ok();
        self.world.hub("alpha", &["publish", folder]).ok();
        let reference = format!("dots@{version}");
        self.world.hub("beta", &["pull", &reference]).ok();
        let images = self.pictures.to_str().unwrap();
        let train = [
            "train",
            "colours",
            "--extractor",
            &reference,
            "--images",
            images,
        ];
        self.world.hub("beta", &train).ok();
    }

    fn export(&self, format: &str, file: &str, more: &[&str]) -> Vec<String> {
        let line = [
            "head", "export", "colours", "--json", "--format", format, "-o", file, "--force",
        ];
        [&line[..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    fn exported(&self, format: &str, file: &str, more: &[&str]) -> Value {
        let line = self.export(format, file, more);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.world.hub("beta", &line).json()
    }

    #[track_caller]
    fn refused(&self, (format, file): (&str, &str), more: &[&str], code: i32, words: &str) {
        let line = self.export(format, file, more);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.world.hub("beta", &line).fails(code, words);
    }

    /// What `hub predict` says of all files under a folder, and their features, as files.
    fn seen(&self, images: &Path) -> [PathBuf; 2] {
        let project = self.world.project("beta");
        let images = images.to_str().unwrap();
        let said = self
            .world
            .hub("beta", &["predict", "colours", images, "--json"]);
        let predictions = project.join("predictions.json");
        std::fs::write(&predictions, said.ok().stdout).unwrap();
        let release =
            serde_json::from_str::<Value>(&read(&predictions)).unwrap()["extractor"].clone();
        let embed = [
            "embed",
            release.as_str().unwrap(),
            images,
            "-o",
            "features.parquet",
            "--force",
        ];
        self.world.hub("beta", &embed).ok();
        [predictions, project.join("features.parquet")]
    }
}

fn check(python: &str, name: &str, files: &[&Path]) {
    script(python, name, files).ok();
}

#[test]
fn every_format_says_what_was_seen() {
    let (Some(gallery), Some(python)) = (Gallery::start(), python()) else {
        return;
    };
    gallery.train("1.0.0", "means", "");
    let project = gallery.world.project("beta");
    let images = gallery.pictures.to_str().unwrap();
    let [predictions, features] = gallery.seen(&gallery.pictures);

    // From features: on those that the training left in the cache, without any image.
    for (format, file) in [
        ("safetensors", "head.safetensors"),
        ("sklearn", "colours.py"),
        ("onnx", "head.onnx"),
    ] {
        let said = gallery.exported(format, file, &[]);
        let checked = &said["checked"][0];
        assert_eq!(checked["basis"], "labelled_features", "{said}");
        assert_eq!(
            (&checked["images"], &checked["of"]),
            (&24.into(), &24.into())
        );
        assert_eq!(said["references"], 24, "{said}");
    }
    // From images: on the probes, and on the labelled ones where they are.
    for (format, file) in [("fused-onnx", "fused.onnx"), ("image-onnx", "image.onnx")] {
        let said = gallery.exported(format, file, &["--images", images]);
        let bases: Vec<&Value> = (0..2).map(|at| &said["checked"][at]["basis"]).collect();
        assert_eq!(bases, ["probe_images", "labelled_images"], "{said}");
        assert_eq!(said["checked"][1]["images"], 24);
        let difference = said["checked"][1]["largest_difference"].as_f64().unwrap();
        assert!(difference < 1e-5, "{said}");
    }
    let text = [
        "head",
        "export",
        "colours",
        "--format",
        "image-onnx",
        "-o",
        "again.onnx",
    ];
    let run = gallery.world.hub("beta", &text).ok();
    assert!(
        run.stdout.contains("identical on 4 of 4 probe images"),
        "{run}"
    );
    assert!(run.stderr.contains("--images DIR"), "{run}");
    assert_eq!(
        std::fs::read(project.join("again.onnx")).unwrap(),
        std::fs::read(project.join("image.onnx")).unwrap(),
    );
    // The images may have moved.
    let moved = project.join("moved/elsewhere");
    std::fs::create_dir_all(moved.parent().unwrap()).unwrap();
    std::fs::rename(gallery.pictures.join("red"), &moved).unwrap();
    std::fs::remove_file(moved.join("0.png")).unwrap();
    let run = gallery.world.hub(
        "beta",
        &[
            &text[..],
            &[
                "--force",
                "--images",
                moved.parent().unwrap().to_str().unwrap(),
            ],
        ]
        .concat(),
    );
    let words = "identical to what you saw: 7 of 24 labelled images, ";
    assert!(run.stdout.contains(words), "{run}");

    let files = ["head.safetensors", "colours.py"].map(|file| project.join(file));
    check(
        &python,
        "check_numbers.py",
        &[&files[0], &files[1], &features, &predictions],
    );
    let graph = project.join("image.onnx");
    let images = [&gallery.pictures, &moved];
    check(
        &python,
        "check_image_graph.py",
        &[&graph, &predictions, images[0], images[1]],
    );
}

#[test]
fn decoded_images_are_prepared_as_the_manifest_says() {
    let (Some(gallery), Some(python)) = (Gallery::start(), python()) else {
        return;
    };
    // Beside the pictures: some that lie on their side, that are transparent, gray or very tall.
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pillow/inputs");
    for name in [
        "turned_6.png",
        "turned_3.png",
        "rgba.png",
        "gray.png",
        "gray_alpha.png",
        "tall.png",
        "dot.png",
    ] {
        std::fs::copy(fixtures.join(name), gallery.pictures.join(name)).unwrap();
    }
    let variants = [
        (
            "means",
            r#"resize = { mode = "shortest", size = 11, filter = "bicubic" }"#,
        ),
        (
            "means",
            "color = \"bgr\"\nresize = { mode = \"letterbox\", filter = \"lanczos\", rounding = \"round\", pad = \"#204060\" }",
        ),
        (
            "channels_last",
            "layout = \"nhwc\"\nresize = { mode = \"shortest\", filter = \"hamming\", rounding = \"round\" }",
        ),
        (
            "means",
            r#"resize = { mode = "exact", filter = "nearest" }"#,
        ),
        (
            "one_picture",
            r#"resize = { mode = "letterbox", filter = "box" }"#,
        ),
    ];
    for (major, (graph, input)) in (1..).zip(variants) {
        gallery.train(&format!("{major}.0.0"), graph, input);
        let [predictions, _] = gallery.seen(&gallery.pictures);
        let images = gallery.pictures.to_str().unwrap();
        let said = gallery.exported("image-onnx", "image.onnx", &["--images", images]);
        assert_eq!(said["checked"][1]["images"], 24, "{said}");
        let graph = gallery.world.project("beta").join("image.onnx");
        check(
            &python,
            "check_image_graph.py",
            &[&graph, &predictions, &gallery.pictures],
        );
    }
}

#[test]
fn a_file_that_disagrees_is_not_written() {
    let Some(gallery) = Gallery::start() else {
        return;
    };
    gallery.train("1.0.0", "means", "");
    let project = gallery.world.project("beta");
    let images = gallery.pictures.to_str().unwrap();

    // None of the images is one it was trained on.
    let others = project.join("others");
    std::fs::create_dir_all(&others).unwrap();
    picture(30, [1, 2, 3], 9)
        .save(others.join("a.png"))
        .unwrap();
    let other = ["--images", others.to_str().unwrap()];
    gallery.refused(("onnx", "a.onnx"), &other, 1, "was trained on");

    // What was seen is not what the extractor computes: as if another one had been run.
    let home = gallery.world.home("beta");
    let caches = || {
        let mut files = files_below(&home);
        files.retain(|(path, _)| path.extension().is_some_and(|end| end == "features"));
        files
    };
    for (path, bytes) in caches() {
        let swapped: Vec<u8> = bytes
            .chunks_exact(32 + 4 * 4 + 8)
            .flat_map(swapped)
            .collect();
        std::fs::write(path, swapped).unwrap();
    }
    std::fs::write(project.join("image.onnx"), "mine").unwrap();
    for written in [("fused-onnx", "fused.onnx"), ("image-onnx", "image.onnx")] {
        let words = "disagrees with what was seen on";
        gallery.refused(written, &["--images", images], 4, words);
    }
    assert_eq!(read(&project.join("image.onnx")), "mine");
    assert!(!project.join("fused.onnx").exists());
    let left: Vec<_> = files_below(&project)
        .into_iter()
        .filter(|(path, _)| path.to_string_lossy().contains(".hub-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // Without any features of labelled images there are still their directions, unless they are left out.
    for (path, _) in caches() {
        std::fs::remove_file(path).unwrap();
    }
    let said = gallery.exported("onnx", "head.onnx", &[]);
    assert_eq!(said["checked"][0]["basis"], "kept_directions", "{said}");
    let outputs = ["probabilities", "plausible", "distance", "unlike"];
    assert_eq!(said["outputs"], serde_json::json!(outputs));
    let said = gallery.exported("onnx", "head.onnx", &["--without-references"]);
    assert_eq!(said["outputs"], serde_json::json!(outputs[..2]));
    assert_eq!(said["references"], 0);
    // Images are read again where they are.
    let said = gallery.exported("image-onnx", "image.onnx", &["--images", images]);
    assert_eq!(said["checked"][1]["images"], 24, "{said}");
}

/// A record of the cache with the first two features exchanged, and whole.
fn swapped(record: &[u8]) -> Vec<u8> {
    let (image, features) = record[..48].split_at(32);
    let body = [image, &features[4..8], &features[..4], &features[8..]].concat();
    let check = Digest::of(&body);
    [&body, &check.as_bytes()[..8]].concat()
}
