#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::io::Cursor;

use ndarray::Array2;
use proptest::prelude::*;
use registry_schema::digest::Digest;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, ModelHeader, attribute, node, value_info,
};
use serde_json::{Value, json};

use super::*;
use crate::explore::SplitMix64;
use crate::head::export::{
    Agreement, ExportMetadata, ExtractorGraph, LinearHead, write_head_onnx,
    write_preprocessing_onnx,
};
use crate::head::{
    Examples, ExtractorRelease, Head, HeadIdentity, TrainingSettings, TransformKind,
};
use crate::runtime::tests::has_runtime;

const FILTERS: [&str; 6] = [
    "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos",
];

fn open(bytes: &[u8]) -> Session {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Session::open(&Library::load(None, None).unwrap(), file.path(), 1).unwrap()
}

fn picture(width: u32, height: u32, seed: u64) -> Picture {
    let mut random = SplitMix64::new(seed);
    // Hard edges make kernels overshoot, so that the order of the passes shows.
    let sample = |random: &mut SplitMix64| match random.below(3) {
        0 => 0,
        1 => 255,
        _ => random.below(256) as u8,
    };
    let count = 3 * width as usize * height as usize;
    Picture {
        width,
        height,
        samples: (0..count).map(|_| sample(&mut random)).collect(),
        ..Picture::default()
    }
}

/// The tensor by the graph and by ours.
fn both(session: &mut Session, input: &Input, picture: &Picture) -> (Vec<f32>, Vec<f32>) {
    let mut preprocessor = Preprocessor::new(input.clone());
    let mut ours = vec![0.0; preprocessor.sample_length()];
    preprocessor.prepare(picture, &mut ours).unwrap();
    let upright = preprocessor.upright(picture).unwrap();
    let shape = [upright.height, upright.width, 3];
    let samples = Samples::Bytes(&upright.samples);
    let found = session
        .evaluate(("image", &shape, samples), &[(&input.tensor, ours.len())])
        .unwrap();
    let [Values::Floats(theirs)] = found.as_slice() else {
        panic!("{found:?}");
    };
    (theirs.clone(), ours)
}

fn inputs() -> impl Strategy<Value = Value> {
    let sides = (1_u32..24, 1_u32..24);
    let rounding = prop_oneof![Just("floor"), Just("round")];
    let mode = (
        prop_oneof![Just("exact"), Just("shortest"), Just("letterbox")],
        0_u32..9,
    );
    let color = prop_oneof![Just("rgb"), Just("bgr"), Just("gray")];
    let layout = prop_oneof![Just("nchw"), Just("nhwc")];
    (sides, mode, rounding, color, layout).prop_map(
        |((width, height), (mode, more), rounding, color, layout)| {
            let channels = if color == "gray" { 1 } else { 3 };
            let mean = &[0.485, 0.456, 0.406][..channels];
            let std = &[0.229, 0.224, 0.225][..channels];
            let mut resize = json!({"mode": mode, "rounding": rounding, "pad": "#102030"});
            if mode == "shortest" {
                resize["size"] = json!(width.max(height) + more);
            }
            json!({
                "tensor": "pixels", "width": width, "height": height, "color": color,
                "layout": layout, "resize": resize,
                "normalize": { "mean": mean, "std": std },
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn preprocessing_in_a_graph_is_ours_to_the_bit(
        value in inputs(),
        sizes in proptest::collection::vec((1_u32..90, 1_u32..90), 4),
        seed in any::<u64>(),
    ) {
        if !has_runtime() {
            return Ok(());
        }
        for filter in FILTERS {
            let mut value = value.clone();
            value["resize"]["filter"] = json!(filter);
            let input: Input = serde_json::from_value(value).unwrap();
            input.validate().unwrap();
            let mut bytes = Vec::new();
            write_preprocessing_onnx(&input, &mut bytes).unwrap();
            let mut session = open(&bytes);
            // Besides the random ones: a dot, lines, and the tensor's own size.
            let own = (input.width, input.height);
            for &(width, height) in sizes.iter().chain(&[(1, 1), (70, 1), (1, 70), (90, 40), own]) {
                let picture = picture(width, height, seed);
                let (theirs, ours) = both(&mut session, &input, &picture);
                prop_assert_eq!(theirs, ours, "{}×{} {:?}", width, height, input);
            }
        }
    }
}

/// A graph from the tensor of `input` to the mean of each of its planes or rows, in an operator set and file version.
fn extractor(input: &Input, ir_version: i64, opset: i64) -> Vec<u8> {
    let named = || Dimension::Named("n".to_owned());
    let sides = [input.channels(), input.height, input.width].map(u64::from);
    let sides: Vec<Dimension> = std::iter::once(named())
        .chain(sides.map(Dimension::Fixed))
        .collect();
    let features = value_info(
        "features",
        ElementType::Float32,
        &[named(), Dimension::Fixed(3)],
    );
    let axis = [attribute("axis", AttributeValue::Integer(1))];
    let tensor = input.tensor.as_str();
    let graph = Message::new()
        .text(2, "means")
        .message(1, &node("GlobalAveragePool", &[tensor], &["pooled"], &[]))
        .message(1, &node("Flatten", &["pooled"], &["features"], &axis))
        .message(11, &value_info(tensor, ElementType::Float32, &sides))
        .message(12, &features);
    let header = ModelHeader {
        ir_version,
        opset,
        producer: "tests",
        metadata: &[],
    };
    header.with_graph(&graph).into_bytes()
}

/// A head on three features, of 30 images around three corners.
fn head(transform: TransformKind, seed: u64) -> Head {
    let mut random = SplitMix64::new(seed);
    let labels: Vec<usize> = (0..30).map(|row| row % 3).collect();
    let features = Array2::from_shape_fn((30, 3), |(row, column)| {
        let corner = if labels[row] == column { 1.0 } else { 0.2 };
        corner + (random.share() as f32 - 0.5) * 0.6
    });
    let images: Vec<Digest> = (0..30_u32)
        .map(|row| Digest::of(&row.to_le_bytes()))
        .collect();
    let classes = ["red", "green", "blue"].map(str::to_owned);
    let identity = HeadIdentity {
        name: "colours".parse().unwrap(),
        created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        extractor: ExtractorRelease {
            name: "dots".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            digest: Digest::of(b"the release"),
        },
    };
    let examples = Examples {
        features: features.view(),
        images: &images,
        labels: &labels,
        classes: &classes,
    };
    let settings = TrainingSettings {
        transform,
        ..TrainingSettings::default()
    };
    Head::train(identity, &examples, &settings.check().unwrap()).unwrap()
}

fn metadata() -> ExportMetadata<'static> {
    ExportMetadata {
        head: "colours",
        head_version: Some(1),
        extractor: "dots@1.0.0",
        extractor_digest: "sha256:00",
        feature_space: "dots@1",
        feature_dimension: 3,
        extra: &[],
    }
}

const TRANSFORMS: [TransformKind; 4] = [
    TransformKind::Standardise,
    TransformKind::CentredL2,
    TransformKind::L2,
    TransformKind::None,
];

fn scorer<'a>(bytes: &[u8], form: &'a ExportedForm) -> Scorer<'a> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Scorer::open(file.path(), form, &RuntimeOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn a_head_in_a_graph_says_what_it_says_itself(
        rows in proptest::collection::vec(proptest::collection::vec(-1.0_f32..2.0, 3), 60),
        seed in any::<u64>(),
    ) {
        if !has_runtime() {
            return Ok(());
        }
        for transform in TRANSFORMS {
            let head = head(transform, seed);
            let mut bytes = Vec::new();
            let outputs = write_head_onnx(&LinearHead::from(&head), &metadata(), &mut bytes).unwrap();
            prop_assert!(outputs.unlike.is_some());
            let form = ExportedForm {
                input: ExportedInput::Features { name: "features".to_owned() },
                outputs,
                classes: 3,
            };
            let mut scorer = scorer(&bytes, &form);
            let mut agreement = Agreement::new(head.abstention().limits.clone());
            let features = Array2::from_shape_fn((rows.len(), 3), |(row, column)| rows[row][column]);
            let predictions = head.predict(features.view(), &head.space()).unwrap();
            let (mut doubts, mut strange) = (0, 0);
            for (index, row) in rows.iter().enumerate() {
                let seen = Scores::predicted(&predictions, index);
                let found = scorer.features(row).unwrap();
                doubts += usize::from(predictions.plausible(index).len() != 1);
                strange += usize::from(predictions.is_unlike(index));
                agreement.compare(&index.to_string(), &seen, &found);
            }
            prop_assert!(doubts < rows.len() && strange < rows.len());
            let agreement = agreement.finish().unwrap();
            prop_assert!(agreement.largest_difference() < 1e-5);
        }
    }
}

#[test]
fn graphs_of_every_age_take_images() {
    if !has_runtime() {
        return;
    }
    let input: Input = serde_json::from_value(json!({
        "tensor": "pixels", "width": 8, "height": 6, "resize": {"mode": "letterbox", "filter": "lanczos"},
        "normalize": {"mean": [0, 0, 0], "std": [1, 1, 1]},
    }))
    .unwrap();
    let head = head(TransformKind::CentredL2, 1);
    for (ir_version, opset) in [
        (3, 8),
        (3, 11),
        (4, 11),
        (7, 12),
        (8, 13),
        (8, 18),
        (10, 21),
    ] {
        let model = extractor(&input, ir_version, opset);
        for takes_image in [false, true] {
            let graph = ExtractorGraph {
                file: Cursor::new(&model),
                size_bytes: model.len() as u64,
                features: "features",
            };
            let mut bytes = Vec::new();
            let linear = LinearHead::from(&head);
            let front = (&input, takes_image);
            let form = ExportedForm::write_fused(graph, front, &linear, &metadata(), &mut bytes);
            if takes_image && opset < 11 {
                form.unwrap_err();
                continue;
            }
            let form = form.unwrap();
            let mut scorer = scorer(&bytes, &form);
            let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
            for (width, height) in [(40, 20), (7, 90)] {
                let picture = picture(width, height, 3);
                let image = image::RgbImage::from_raw(width, height, picture.samples.clone());
                image.unwrap().save(file.path()).unwrap();
                let found = scorer.picture(0, file.path()).unwrap();
                let mut preprocessor = Preprocessor::new(input.clone());
                let mut tensor = vec![0.0; preprocessor.sample_length()];
                preprocessor.prepare(&picture, &mut tensor).unwrap();
                let means = tensor
                    .chunks(48)
                    .map(|plane| plane.iter().sum::<f32>() / 48.0);
                let row = Array2::from_shape_vec((1, 3), means.collect()).unwrap();
                let predictions = head.predict(row.view(), &head.space()).unwrap();
                let mut agreement = Agreement::new(head.abstention().limits.clone());
                agreement.compare("it", &Scores::predicted(&predictions, 0), &found);
                agreement.finish().unwrap();
            }
        }
    }
}
