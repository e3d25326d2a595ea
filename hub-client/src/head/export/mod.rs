//! Heads as ONNX files that run anywhere: features → probabilities, or image → probabilities.
//!
//! ```
//! use hub_client::head::export::{ExportMetadata, ExportTransform, LinearHead, write_head_onnx};
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
//! };
//! let metadata = ExportMetadata {
//!     head: "border",
//!     extractor: "passport-extractor@2.0.0",
//!     extractor_digest: "sha256:…",
//!     feature_space: "passport-extractor@2",
//!     feature_dimension: 2,
//!     extra: &[],
//! };
//! let mut file = Vec::new();
//! write_head_onnx(&head, &metadata, &mut file)?;
//! # Ok::<(), hub_client::head::export::ExportError>(())
//! ```
//!
//! *Which operators?* Only those that mean the same in every operator set from 7 on, so that a head fits behind any
//! extractor without converting it: `Gather` takes the first dimensions, lengths are `Mul`, `MatMul` with ones, `Sqrt`,
//! and `Softmax` names its axis.

mod from_head;
mod fused;
mod nodes;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use ndarray::{ArrayView1, ArrayView2};
use registry_schema::onnx::{
    Dimension, ElementType, ModelHeader, OnnxError, value_info, write::Message,
};

pub use self::fused::{Fused, write_fused_onnx};
use self::nodes::{Constants, head_nodes};

/// Name of the output of an exported file: probabilities `[batch, K]`, each row sums to 1.
pub const PROBABILITIES: &str = "probabilities";
/// Name of the input of a file written by [`write_head_onnx`]: features `[batch, D]`.
pub const FEATURES: &str = "features";
/// Version of the standard operators a stand-alone head states; onnxruntime reads it since 1.8.
const HEAD_OPSET: i64 = 13;
/// Version of the file format that goes with it.
const HEAD_IR_VERSION: i64 = 8;
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

/// What an exported file says about itself, as metadata any tool can show: keys `classes` (a JSON list), `head`,
/// `extractor`, `extractor_digest`, `feature_space`.
#[derive(Debug, Clone, Copy)]
pub struct ExportMetadata<'a> {
    /// Name of the head.
    pub head: &'a str,
    /// The release it was trained with, `name@version`.
    pub extractor: &'a str,
    /// Digest of that release.
    pub extractor_digest: &'a str,
    /// The feature space, `name@major`.
    pub feature_space: &'a str,
    /// Length of the extractor's vectors; at least the head's D, of longer ones the head reads the first D.
    pub feature_dimension: usize,
    /// More keys and values, such as the preprocessing the image input expects.
    pub extra: &'a [(String, String)],
}

/// Why a head was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Parts of the head that do not fit together.
    #[error(
        "the head's {what} has length {found} where {expected} is needed; train the head again"
    )]
    Shape {
        /// Which part.
        what: &'static str,
        /// Length the other parts ask for.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A head of fewer than two classes decides nothing.
    #[error("the head knows {count} classes and needs two at least; train it on more")]
    Classes {
        /// How many it has.
        count: usize,
    },
    /// Not-a-number, infinite, or zero where something is divided by it.
    #[error("the head's {what} holds a number that cannot be computed with; train the head again")]
    Number {
        /// Which part.
        what: &'static str,
    },
    /// The features are shorter than the head needs.
    #[error(
        "the head reads {needed} features but the extractor gives {found}; use the release it was trained with"
    )]
    TooFewFeatures {
        /// Dimension of the head.
        needed: usize,
        /// Dimension of the extractor.
        found: usize,
    },
    /// The extractor's graph lacks the output, or it is not a batch of float32 vectors.
    #[error(
        "the extractor's graph has no output {expected:?} of float32 vectors but {found}; check its manifest"
    )]
    Output {
        /// Name from the manifest.
        expected: String,
        /// What there is.
        found: String,
    },
    /// The extractor's graph file was refused.
    #[error("cannot read the extractor's graph")]
    Graph(#[from] OnnxError),
    /// The extractor's graph file could not be read, or the result not be written.
    #[error("cannot {action}; check the disk and try again")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Writes the head as an ONNX file: input [`FEATURES`] `[batch, feature_dimension]`, output [`PROBABILITIES`]
/// `[batch, K]`.
///
/// # Errors
/// [`ExportError`] when the head's parts do not fit together, or writing fails.
pub fn write_head_onnx(
    head: &LinearHead<'_>,
    metadata: &ExportMetadata<'_>,
    writer: &mut impl Write,
) -> Result<(), ExportError> {
    head.check(metadata.feature_dimension)?;
    let parts = head_nodes(
        head,
        FEATURES,
        metadata.feature_dimension,
        "head",
        PROBABILITIES,
    );
    let batch = Dimension::Named("batch".to_owned());
    let features = Dimension::Fixed(metadata.feature_dimension as u64);
    let input = value_info(FEATURES, ElementType::Float32, &[batch.clone(), features]);
    let graph = parts
        .into_graph_fields(Constants::Initializers)
        .text(2, "head")
        .message(11, &input)
        .message(12, &probabilities_info(head, PROBABILITIES, batch));
    let entries = metadata.entries(head);
    let header = ModelHeader {
        ir_version: HEAD_IR_VERSION,
        opset: HEAD_OPSET,
        producer: PRODUCER,
        metadata: &entries,
    };
    let file = header.with_graph(&graph);
    writer
        .write_all(file.as_bytes())
        .map_err(|source| ExportError::Io {
            action: "write the exported head",
            source,
        })
}

fn probabilities_info(head: &LinearHead<'_>, name: &str, batch: Dimension) -> Message {
    let classes = Dimension::Fixed(head.classes.len() as u64);
    value_info(name, ElementType::Float32, &[batch, classes])
}

impl LinearHead<'_> {
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
        Ok(())
    }
}

impl ExportMetadata<'_> {
    /// Keys and values as they are written.
    fn entries(&self, head: &LinearHead<'_>) -> Vec<(String, String)> {
        let classes = serde_json::Value::from(head.classes).to_string();
        let own = [
            ("classes", classes.as_str()),
            ("head", self.head),
            ("extractor", self.extractor),
            ("extractor_digest", self.extractor_digest),
            ("feature_space", self.feature_space),
        ];
        let extra = self
            .extra
            .iter()
            .filter(|(key, _)| own.iter().all(|(own, _)| own != key));
        own.iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .chain(extra.cloned())
            .collect()
    }
}
