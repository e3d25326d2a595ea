//! An extractor for who has none yet: colours, edges and their spread in parts of a picture, computed by a graph without
//! weights that is written here.
//!
//! It is run by the same confined process as any other. But nobody has signed it and no hub has it, and it sees far less
//! than one that has learnt from pictures: so a head on it is no one's to keep ([`super::LabelError::DemoHead`]), and its
//! features belong to no release.

use std::path::Path;

use registry_schema::digest::Digest;
use registry_schema::manifest::{Distance, HeadTransform, Output};
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, ModelHeader, attribute, value_info,
};
use registry_schema::preprocess::{
    Background, Color, Input, Layout, Normalize, Resize, ResizeMode,
};
use registry_schema::reference::Reference;
use semver::Version;

use super::{LabelError, Rival, SessionExtractor};
use crate::features::Origin;
use crate::files;
use crate::head::ExtractorRelease;
use crate::head::export::{Constants, Parts};
use crate::runtime::{ExtractorFiles, ExtractorSpec};

/// What it is called.
const NAME: &str = "hub-label-demo";

/// What the graph reads and gives.
const PICTURES: &str = "pictures";
const FEATURES: &str = "features";

/// Pixels of a side.
const SIDE: u32 = 64;

/// 48 colours, 64 fine and 16 coarse edges, 12 spreads.
const DIMENSION: u32 = 140;

/// Directions in which edges are looked for.
const DIRECTIONS: usize = 4;

/// Makes it below a folder, unless it is there.
///
/// # Errors
/// [`LabelError::File`] when it cannot be written.
pub fn demo_extractor(data: &Path) -> Result<Rival, LabelError> {
    let path = data.join("demo").join("extractor.onnx");
    let graph = graph();
    let is_there = files::digest_of_file(&path).is_ok_and(|found| found == Digest::of(&graph));
    if !is_there {
        files::write_remade(&path, &graph)?;
    }
    let release = ExtractorRelease {
        name: NAME.parse().expect("it is well-formed"),
        version: Version::new(1, 0, 0),
        // Of no statement: nobody has made one.
        digest: Digest::of(&graph),
    };
    let spec = spec();
    Ok(Rival {
        size_bytes: graph.len() as u64,
        licence: env!("CARGO_PKG_LICENSE").to_owned(),
        domain: None,
        extractor: SessionExtractor {
            origin: Origin {
                release: Reference::exact(release.name.clone(), release.version.clone()),
                statement: release.digest,
                space: release.space(),
                dimension: spec.output.dimension as usize,
            },
            files: ExtractorFiles { graph: path, spec },
            release,
            is_demo: true,
        },
    })
}

/// What it promises.
fn spec() -> ExtractorSpec {
    ExtractorSpec {
        input: Input {
            tensor: PICTURES.to_owned(),
            width: SIDE,
            height: SIDE,
            layout: Layout::Nchw,
            color: Color::Rgb,
            exif_orientation: true,
            alpha: Background::default(),
            // All of the picture: what lies at its edges tells papers apart.
            resize: Resize {
                mode: ResizeMode::Exact,
                ..Resize::default()
            },
            normalize: Normalize {
                scale: 1.0 / 255.0,
                mean: vec![0.0; 3],
                std: vec![1.0; 3],
            },
        },
        output: Output {
            tensor: FEATURES.to_owned(),
            dimension: DIMENSION,
            names: None,
            normalized: false,
            distance: Distance::Cosine,
            head_transform: HeadTransform::Standardize,
        },
    }
}

/// The ONNX file.
fn graph() -> Vec<u8> {
    let mut parts = Parts::new("demo");
    // 1. mean colours of 4×4 parts
    let colours = pooled(PICTURES, 16, &mut parts);
    // 2. edges in 4×4 parts, and of a picture of a quarter of the size in 2×2 parts
    let small = pooled(PICTURES, 4, &mut parts);
    let filters = filters(&mut parts);
    let fine = edges(PICTURES, &filters, 15, &mut parts);
    let coarse = edges(&small, &filters, 7, &mut parts);
    // 3. the variance of each colour in 2×2 parts
    let mean = pooled(PICTURES, 32, &mut parts);
    let square_of_mean = parts.step("Mul", &[&mean, &mean]);
    let squares = parts.step("Mul", &[PICTURES, PICTURES]);
    let mean_of_squares = pooled(&squares, 32, &mut parts);
    let spread = parts.step("Sub", &[&mean_of_squares, &square_of_mean]);
    // 4. one after the other
    let all = [colours, fine, coarse, spread].map(|part| parts.step("Flatten", &[&part]));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let axis = attribute("axis", AttributeValue::Integer(1));
    parts.output(FEATURES, "Concat", &all, &[axis]);

    let batch = Dimension::Named("batch".to_owned());
    let fixed = |sides: &[u32]| -> Vec<Dimension> {
        let sides = sides.iter().map(|&side| Dimension::Fixed(side.into()));
        std::iter::once(batch.clone()).chain(sides).collect()
    };
    let pictures = value_info(PICTURES, ElementType::Float32, &fixed(&[3, SIDE, SIDE]));
    let features = value_info(FEATURES, ElementType::Float32, &fixed(&[DIMENSION]));
    let graph: Message = parts
        .into_graph_fields(Constants::Initializers)
        .text(2, NAME)
        .message(11, &pictures)
        .message(12, &features);
    let header = ModelHeader {
        ir_version: 8,
        opset: 13,
        producer: "hub label --demo",
        metadata: &[],
    };
    header.with_graph(&graph).into_bytes()
}

/// The means of squares of so many pixels a side.
fn pooled(value: &str, side: i64, parts: &mut Parts) -> String {
    let sides = [side, side];
    let sides =
        ["kernel_shape", "strides"].map(|name| attribute(name, AttributeValue::Integers(&sides)));
    parts.step_with("AveragePool", &[value], &sides)
}

/// How strong edges of each direction are, in parts of so many pixels a side.
fn edges(value: &str, filters: &str, side: i64, parts: &mut Parts) -> String {
    let found = parts.step("Conv", &[value, filters]);
    let strength = parts.step("Abs", &[&found]);
    pooled(&strength, side, parts)
}

/// Differences of brightness (BT.601) along four directions (Sobel's, whose weights sum up to 1 on either side).
fn filters(parts: &mut Parts) -> String {
    const ALONG: [[[f32; 3]; 3]; DIRECTIONS] = [
        [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]],
        [[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]],
        [[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]],
        [[0.0, -1.0, -2.0], [1.0, 0.0, -1.0], [2.0, 1.0, 0.0]],
    ];
    const BRIGHTNESS: [f32; 3] = [0.299, 0.587, 0.114];
    let of_channel = |filter: [[f32; 3]; 3], channel: f32| {
        let values = filter.into_iter().flatten();
        values.map(move |value| value / 4.0 * channel)
    };
    let weights = ALONG.into_iter().flat_map(|filter| {
        let channels = BRIGHTNESS.into_iter();
        channels.flat_map(move |channel| of_channel(filter, channel))
    });
    parts.floats("edges", &[DIRECTIONS as u64, 3, 3, 3], weights)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::io::Cursor;

    use registry_schema::onnx::{InspectionPolicy, inspect};

    use crate::runtime::decode::Picture;
    use crate::runtime::tests::has_runtime;
    use crate::runtime::{Extractor, RuntimeOptions};

    /// A picture whose samples follow from their place.
    fn picture(sample: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let places = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
        Picture {
            width: SIDE,
            height: SIDE,
            samples: places.flat_map(|(x, y)| sample(x, y)).collect(),
            ..Picture::default()
        }
    }

    #[test]
    fn it_is_made_once_and_is_as_sound_as_any_that_is_published() {
        let data = tempfile::tempdir().unwrap();
        let made = demo_extractor(data.path()).unwrap();
        assert_eq!(made.extractor.release.to_string(), "hub-label-demo@1.0.0");
        let path = &made.extractor.files.graph;
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(made.size_bytes, bytes.len() as u64);
        assert!(bytes.len() < 8_192, "{}", bytes.len());
        let found = inspect(
            Cursor::new(&bytes),
            bytes.len() as u64,
            &InspectionPolicy::default(),
        );
        assert_eq!(found.unwrap().outputs[0].name, FEATURES);
        // What somebody has put in its place is not run.
        std::fs::write(path, b"another").unwrap();
        demo_extractor(data.path()).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), bytes);
    }

    #[test]
    fn colours_edges_and_spreads_are_where_they_are_said_to_be() {
        if !has_runtime() {
            return;
        }
        let data = tempfile::tempdir().unwrap();
        let files = demo_extractor(data.path()).unwrap().extractor.files;
        let mut extractor = Extractor::open(files, RuntimeOptions::default()).unwrap();
        let plain = picture(|_, _| [255, 51, 0]);
        // Upright stripes in the left half.
        let striped = picture(|x, _| [if x < 32 && x % 4 < 2 { 255 } else { 0 }; 3]);
        let found = extractor.embed(&[plain, striped]).unwrap();
        let near = |one: f32, other: f32| (one - other).abs() < 1e-5;
        let plain = found.row(0);
        for (channel, value) in [1.0, 0.2, 0.0].into_iter().enumerate() {
            for part in 0..16 {
                assert!(near(plain[16 * channel + part], value));
            }
        }
        assert!((48..140).all(|place| near(plain[place], 0.0)));
        let striped = found.row(1);
        assert!(near(striped[0], 0.5) && near(striped[3], 0.0));
        let (across, along) = (striped[48], striped[48 + 16]);
        assert!(
            across > 0.2 && near(along, 0.0),
            "{across} across, {along} along"
        );
        assert!(near(striped[48 + 3], 0.0), "nothing in the right half");
        assert!(near(striped[128], 0.25) && near(striped[129], 0.0));
    }
}
