//! Why a head is not exported.

use std::io;

use registry_schema::onnx::OnnxError;

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
    /// The operators that prepare an image are newer than those of the extractor's graph.
    #[error(
        "the extractor's graph uses version {found} of the standard operators, and an image input needs {needed} at least; use `fused-onnx`, whose input is the prepared tensor"
    )]
    Opset {
        /// The version needed.
        needed: i64,
        /// The graph's version.
        found: i64,
    },
    /// The graph does not take what the manifest says.
    #[error("the extractor's graph has no input {expected:?} but {found}; check its manifest")]
    Input {
        /// Name from the manifest.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A file that was just written cannot be read back.
    #[error("the exported file cannot be read back: {problem}; nothing was written")]
    ReadBack {
        /// What is wrong with it.
        problem: String,
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
