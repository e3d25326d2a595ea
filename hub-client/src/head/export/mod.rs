//! Heads as files that run anywhere: ONNX from features, from the image tensor or from the decoded image to
//! probabilities and doubts; the numbers as safetensors; a Python file for scikit-learn.
//!
//! ```
//! use hub_client::head::export::{
//!     ExportAbstention, ExportMetadata, ExportTransform, LinearHead, write_head_onnx,
//! };
//! use ndarray::array;
//!
//! let (weights, bias) = (array![[1.0, 0.0], [0.0, 1.0]], array![0.0, 0.5]);
//! let classes = ["passport".to_owned(), "visa".to_owned()];
//! let head = LinearHead {
//!     weights: weights.view(),
//!     bias: bias.view(),
//!     transform: ExportTransform::L2,
//!     temperature: 1.0,
//!     classes: &classes,
//!     abstention: ExportAbstention::NEVER,
//! };
//! let metadata = ExportMetadata {
//!     head: "border",
//!     head_version: Some(1),
//!     extractor: "passport-extractor@2.0.0",
//!     extractor_digest: "sha256:…",
//!     feature_space: "passport-extractor@2",
//!     feature_dimension: 2,
//!     extra: &[],
//! };
//! let mut file = Vec::new();
//! let outputs = write_head_onnx(&head, &metadata, &mut file)?;
//! assert_eq!(outputs.probabilities, "probabilities");
//! # Ok::<(), hub_client::head::export::ExportError>(())
//! ```
//!
//! *Which operators?* Only those that mean the same in every operator set from 7 on (from 11 on for images), so that a
//! head fits behind any extractor without converting it: `Gather` takes the first dimensions, lengths are `Mul`,
//! `MatMul` with ones, `Sqrt`, and `Softmax` names its axis.
//!
//! *How does anybody know that a file computes what was seen?* It is run on pictures by a worker, and
//! [`Agreement`] compares.

mod abstention;
mod agreement;
mod error;
mod from_head;
mod fused;
mod image;
mod metadata;
mod nodes;
mod numbers;
mod parts;
mod safetensors;
mod sklearn;
#[cfg(test)]
mod tests;

use std::io::Write;

use ndarray::{ArrayView1, ArrayView2};
use registry_schema::onnx::{Dimension, ElementType, ModelHeader, value_info, write::Message};
use registry_schema::preprocess::Input;
use serde::{Deserialize, Serialize};

pub use self::agreement::{Agreement, Disagreement, Scores, TOLERANCE, UnlikeScore};
pub use self::error::ExportError;
pub(crate) use self::fused::free_prefix;
pub use self::fused::{ExtractorGraph, Fused, write_fused_onnx};
pub use self::metadata::{ExportMetadata, extractor_texts};
pub use self::numbers::HeadNumbers;
pub use self::safetensors::{read_safetensors, write_safetensors};
pub use self::sklearn::{read_sklearn, write_sklearn};

pub(crate) use self::nodes::lengths;
use self::nodes::{Source, head_nodes};
pub(crate) use self::parts::{Constants, Parts};

/// Name of the output of an exported graph: probabilities `[batch, K]`, each row sums to 1.
pub const PROBABILITIES: &str = "probabilities";
/// Name of the output that says which classes cannot be ruled out: bool `[batch, K]`.
pub const PLAUSIBLE: &str = "plausible";
/// Name of the output with the mean cosine distance from the nearest labelled images: float32 `[batch]`.
pub const DISTANCE: &str = "distance";
/// Name of the output that says whether an image is unlike all labelled ones: bool `[batch]`.
pub const UNLIKE: &str = "unlike";
/// Name of the input of a file written by [`write_head_onnx`]: features `[batch, D]`.
pub const FEATURES: &str = "features";
/// Name of the input of a file that takes a decoded image: RGB, uint8 `[height, width, 3]`.
pub const IMAGE: &str = "image";
/// Version of the standard operators a stand-alone file states; onnxruntime reads it since 1.8.
const OWN_OPSET: i64 = 13;
/// Version of the file format that goes with it.
const OWN_IR_VERSION: i64 = 8;
/// The writing program, for the file's own remarks.
const PRODUCER: &str = "hub";

/// `softmax((W · transform(x) + b) / temperature)`, borrowed from a head.
#[derive(Debug, Clone, Copy)]
pub struct LinearHead<'a> {
    /// Weights, K×D, finite.
    pub weights: ArrayView2<'a, f32>,
    /// Intercepts, K, finite.
    pub bias: ArrayView1<'a, f32>,
    /// What is done to features first.
    pub transform: ExportTransform<'a>,
    /// What scores are divided by, positive.
    pub temperature: f32,
    /// Names of the K classes, K ≥ 2.
    pub classes: &'a [String],
    /// When not to answer.
    pub abstention: ExportAbstention<'a>,
}

/// What is done to features before the linear map; vectors have dimension D.
#[derive(Debug, Clone, Copy)]
pub enum ExportTransform<'a> {
    /// `(x − mean) / scale` per dimension.
    Standardise {
        /// Finite.
        mean: ArrayView1<'a, f32>,
        /// Finite and not zero.
        scale: ArrayView1<'a, f32>,
    },
    /// `x / ‖x‖`; the zero vector stays zero.
    L2,
    /// `(x − mean) / ‖x − mean‖`; the zero vector stays zero.
    CentredL2 {
        /// Finite.
        mean: ArrayView1<'a, f32>,
    },
    /// `x`.
    None,
}

/// When a head does not answer; see [`crate::head::Abstention`].
#[derive(Debug, Clone, Copy)]
pub struct ExportAbstention<'a> {
    /// Share of new images whose true class is to be among the plausible ones, 0 to 1.
    pub coverage: f64,
    /// A class is plausible when its probability is at least this, K; none when the likeliest class is the answer.
    pub plausible_from: Option<&'a [f64]>,
    /// What images are compared with; none when nothing is kept.
    pub unlike: Option<Unlike<'a>>,
}

impl ExportAbstention<'_> {
    /// Always answer.
    pub const NEVER: Self = Self {
        coverage: 0.0,
        plausible_from: None,
        unlike: None,
    };
}

/// How images are told that are unlike all labelled ones.
#[derive(Debug, Clone, Copy)]
pub struct Unlike<'a> {
    /// Directions of labelled images, m×D with m ≥ 1, each of length 1: as private as the images.
    pub references: ArrayView2<'a, f32>,
    /// Unlike is whose mean cosine distance from the nearest references is larger, 0 to 2.
    pub above: f64,
}

/// Names of the outputs of an exported graph: the constants of this module, or `head/…` where the extractor uses a name
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputNames {
    /// See [`PROBABILITIES`].
    pub probabilities: String,
    /// See [`PLAUSIBLE`].
    pub plausible: String,
    /// Of heads that keep something to compare with.
    pub unlike: Option<UnlikeNames>,
}

/// Names of the outputs that tell images that are unlike all labelled ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlikeNames {
    /// See [`DISTANCE`].
    pub distance: String,
    /// See [`UNLIKE`].
    pub unlike: String,
}

/// Writes the head as an ONNX file: input [`FEATURES`] `[batch, feature_dimension]`, outputs [`PROBABILITIES`],
/// [`PLAUSIBLE`] and, where the head keeps something to compare with, [`DISTANCE`] and [`UNLIKE`].
///
/// # Errors
/// [`ExportError`] when the head's parts do not fit together, or writing fails.
pub fn write_head_onnx(
    head: &LinearHead<'_>,
    metadata: &ExportMetadata<'_>,
    writer: &mut impl Write,
) -> Result<OutputNames, ExportError> {
    head.check(metadata.feature_dimension)?;
    let outputs = OutputNames::of(head, str::to_owned);
    let source = Source {
        features: FEATURES,
        dimension: metadata.feature_dimension,
        opset: OWN_OPSET,
    };
    let batch = Dimension::Named("batch".to_owned());
    let features = Dimension::Fixed(metadata.feature_dimension as u64);
    let input = value_info(FEATURES, ElementType::Float32, &[batch.clone(), features]);
    let graph = head_nodes(head, source, "head", &outputs)
        .into_graph_fields(Constants::Initializers)
        .text(2, "head")
        .message(11, &input);
    let graph = outputs.declared(graph, head, &batch);
    write_own(&graph, &metadata.entries(head), writer)?;
    Ok(outputs)
}

/// Writes the preprocessing of an extractor alone: input [`IMAGE`], the upright picture over its background as RGB
/// uint8 `[height, width, 3]`; output `input.tensor`, what the extractor reads, float32 with a batch of one.
///
/// # Errors
/// [`ExportError::Io`] when writing fails.
pub fn write_preprocessing_onnx(input: &Input, writer: &mut impl Write) -> Result<(), ExportError> {
    let constants = Constants::Initializers;
    let graph = image::image_nodes(input, IMAGE, "image", constants)
        .into_graph_fields(constants)
        .text(2, "preprocessing")
        .message(11, &image::image_info(IMAGE))
        .message(12, &image::tensor_info(input));
    write_own(&graph, &[], writer)
}

/// Writes a file of our own around a graph.
fn write_own(
    graph: &Message,
    metadata: &[(String, String)],
    writer: &mut impl Write,
) -> Result<(), ExportError> {
    let header = ModelHeader {
        ir_version: OWN_IR_VERSION,
        opset: OWN_OPSET,
        producer: PRODUCER,
        metadata,
    };
    write_bytes(header.with_graph(graph).as_bytes(), writer)
}

fn write_bytes(bytes: &[u8], writer: &mut impl Write) -> Result<(), ExportError> {
    writer.write_all(bytes).map_err(|source| ExportError::Io {
        action: "write the exported head",
        source,
    })
}

impl OutputNames {
    /// The outputs a head has, under the names that `free` gives them.
    fn of(head: &LinearHead<'_>, free: impl Fn(&str) -> String) -> Self {
        Self {
            probabilities: free(PROBABILITIES),
            plausible: free(PLAUSIBLE),
            unlike: head.abstention.unlike.map(|_| UnlikeNames {
                distance: free(DISTANCE),
                unlike: free(UNLIKE),
            }),
        }
    }

    /// A graph with these outputs declared.
    fn declared(&self, graph: Message, head: &LinearHead<'_>, batch: &Dimension) -> Message {
        let classes = Dimension::Fixed(head.classes.len() as u64);
        let rows = [batch.clone(), classes];
        let graph = graph
            .message(
                12,
                &value_info(&self.probabilities, ElementType::Float32, &rows),
            )
            .message(12, &value_info(&self.plausible, ElementType::Bool, &rows));
        let Some(names) = &self.unlike else {
            return graph;
        };
        graph
            .message(
                12,
                &value_info(&names.distance, ElementType::Float32, &rows[..1]),
            )
            .message(
                12,
                &value_info(&names.unlike, ElementType::Bool, &rows[..1]),
            )
    }
}

impl LinearHead<'_> {
    /// The same without the directions of labelled images, so that nothing is said about images unlike them.
    #[must_use]
    pub fn without_references(mut self) -> Self {
        self.abstention.unlike = None;
        self
    }

    /// D, the length of the vectors it reads.
    fn dimension(&self) -> usize {
        self.weights.ncols()
    }

    /// Checks that all parts fit together and to features of `available` dimensions.
    fn check(&self, available: usize) -> Result<(), ExportError> {
        let count = self.classes.len();
        if count < 2 {
            return Err(ExportError::Classes { count });
        }
        let needed = self.dimension();
        if needed == 0 || needed > available {
            return Err(ExportError::TooFewFeatures {
                needed,
                found: available,
            });
        }
        let expect = |what, found: usize, expected: usize| {
            if found == expected {
                Ok(())
            } else {
                Err(ExportError::Shape {
                    what,
                    expected,
                    found,
                })
            }
        };
        let usable = |what, is_usable: bool| {
            if is_usable {
                Ok(())
            } else {
                Err(ExportError::Number { what })
            }
        };
        let finite = |values: &ArrayView1<'_, f32>| values.iter().all(|value| value.is_finite());
        expect("weights", self.weights.nrows(), count)?;
        expect("bias", self.bias.len(), count)?;
        usable(
            "weights",
            self.weights.iter().all(|value| value.is_finite()),
        )?;
        usable("bias", finite(&self.bias))?;
        usable(
            "temperature",
            self.temperature.is_finite() && self.temperature > 0.0,
        )?;
        if let ExportTransform::Standardise { mean, .. } | ExportTransform::CentredL2 { mean } =
            &self.transform
        {
            expect("mean", mean.len(), needed)?;
            usable("mean", finite(mean))?;
        }
        if let ExportTransform::Standardise { scale, .. } = &self.transform {
            expect("scale", scale.len(), needed)?;
            usable(
                "scale",
                scale.iter().all(|&value| value.is_finite() && value != 0.0),
            )?;
        }
        if let Some(Unlike { references, above }) = &self.abstention.unlike {
            expect("references", references.ncols(), needed)?;
            expect("references", references.nrows().min(1), 1)?;
            usable(
                "references",
                references.iter().all(|value| value.is_finite()),
            )?;
            usable("limit of distances", above.is_finite())?;
        }
        Ok(())
    }
}
