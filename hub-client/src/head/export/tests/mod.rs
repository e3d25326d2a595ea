#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod alone;
mod fused;
mod numbers;
mod python;

use std::io::Cursor;

use ndarray::{Array1, Array2};
use registry_schema::onnx::{
    AttributeValue, ControlFlow, Inspection, InspectionPolicy, attribute, float_tensor, inspect,
    node,
};

use super::*;

const IMAGE: &str = "image";

/// A head of D dimensions and K classes, with numbers that follow from a seed.
struct Example {
    weights: Array2<f32>,
    bias: Array1<f32>,
    mean: Array1<f32>,
    scale: Array1<f32>,
    references: Array2<f32>,
    classes: Vec<String>,
    limits: Vec<f64>,
}

impl Example {
    fn new(classes: usize, dimension: usize) -> Self {
        let mut state = 12345_u32;
        let mut next = |scale: f32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f32::from(u16::try_from(state >> 16).unwrap()) / 65536.0 - 0.5) * scale
        };
        Self {
            weights: Array2::from_shape_fn((classes, dimension), |_| next(2.0)),
            bias: Array1::from_shape_fn(classes, |_| next(1.0)),
            mean: Array1::from_shape_fn(dimension, |_| next(0.5)),
            scale: Array1::from_shape_fn(dimension, |_| 1.0 + next(1.0)),
            references: Array2::from_shape_fn((7, dimension), |_| next(1.0)),
            classes: (0..classes)
                .map(|index| format!("class \"{index}\""))
                .collect(),
            limits: (0..classes)
                .map(|class| if class == 0 { 0.5 } else { 0.25 })
                .collect(),
        }
    }

    fn transform(&self, name: &str) -> ExportTransform<'_> {
        let (mean, scale) = (self.mean.view(), self.scale.view());
        match name {
            "standardise" => ExportTransform::Standardise { mean, scale },
            "centred-l2" => ExportTransform::CentredL2 { mean },
            "l2" => ExportTransform::L2,
            _ => ExportTransform::None,
        }
    }

    fn head(&self, transform: &str) -> LinearHead<'_> {
        LinearHead {
            weights: self.weights.view(),
            bias: self.bias.view(),
            transform: self.transform(transform),
            temperature: 0.75,
            classes: &self.classes,
            abstention: ExportAbstention {
                coverage: 0.9,
                plausible_from: Some(&self.limits),
                unlike: Some(Unlike {
                    references: self.references.view(),
                    above: 0.25,
                }),
            },
        }
    }
}

const TRANSFORMS: [&str; 4] = ["standardise", "centred-l2", "l2", "none"];

fn metadata(feature_dimension: usize) -> ExportMetadata<'static> {
    ExportMetadata {
        head: "border",
        head_version: Some(3),
        extractor: "passport-extractor@2.1.0",
        extractor_digest: "sha256:00",
        feature_space: "passport-extractor@2",
        feature_dimension,
        extra: &[],
    }
}

fn inspected(bytes: &[u8]) -> Inspection {
    // Images branch by the order of the passes.
    let policy = InspectionPolicy {
        control_flow: ControlFlow::Allowed,
        ..InspectionPolicy::default()
    };
    inspect(Cursor::new(bytes), bytes.len() as u64, &policy).unwrap()
}

/// The outputs in words, of a head of so many classes, for a batch.
fn outputs(classes: usize, batch: &str) -> Vec<String> {
    vec![
        format!("\"probabilities\" float32 [{batch}, {classes}]"),
        format!("\"plausible\" bool [{batch}, {classes}]"),
        format!("\"distance\" float32 [{batch}]"),
        format!("\"unlike\" bool [{batch}]"),
    ]
}

fn words(inspection: &Inspection) -> Vec<String> {
    inspection.outputs.iter().map(ToString::to_string).collect()
}

/// A graph from `[batch, 3, 4, 4]` to three features that are called `output`.
fn extractor(output: &str, hidden: &str, ir_version: i64, opset: i64) -> Vec<u8> {
    let batch = |sizes: &[u64]| {
        let name = Dimension::Named("n".to_owned());
        std::iter::once(name)
            .chain(sizes.iter().map(|&size| Dimension::Fixed(size)))
            .collect::<Vec<_>>()
    };
    let image = value_info(IMAGE, ElementType::Float32, &batch(&[3, 4, 4]));
    let features = value_info(output, ElementType::Float32, &batch(&[3]));
    let axis = [attribute("axis", AttributeValue::Integer(1))];
    let graph = Message::new()
        .message(12, &features)
        .message(1, &node("GlobalAveragePool", &[IMAGE], &[hidden], &[]))
        .message(1, &node("Flatten", &[hidden], &[output], &axis))
        .message(
            5,
            &float_tensor("spare", &[1000], std::iter::repeat_n(1.5, 1000)),
        )
        .message(
            12,
            &value_info(hidden, ElementType::Float32, &batch(&[3, 1, 1])),
        )
        .message(11, &image);
    let own = [
        ("hub.classes".to_owned(), "[\"cat\"]".to_owned()),
        ("hub.unlike_above".to_owned(), "7".to_owned()),
        ("license".to_owned(), "MIT".to_owned()),
    ];
    ModelHeader {
        ir_version,
        opset,
        producer: "tests",
        metadata: &own,
    }
    .with_graph(&graph)
    .into_bytes()
}

fn fuse(
    model: &[u8],
    features: &str,
    head: &LinearHead<'_>,
) -> Result<(Vec<u8>, Fused), ExportError> {
    let mut bytes = Vec::new();
    let fused = write_fused_onnx(
        extractor_graph(model, features),
        None,
        head,
        &metadata(3),
        &mut bytes,
    )?;
    assert_eq!(fused.size_bytes, bytes.len() as u64);
    Ok((bytes, fused))
}

fn extractor_graph<'a>(model: &'a [u8], features: &'a str) -> ExtractorGraph<'a, Cursor<&'a [u8]>> {
    ExtractorGraph {
        file: Cursor::new(model),
        size_bytes: model.len() as u64,
        features,
    }
}
