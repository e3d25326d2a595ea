//! What can go wrong between pictures and features.

use super::decode::DecodeError;
use super::library::LibraryError;
use super::preprocess::PrepareError;
use super::session::SessionError;

/// Why an extractor does not run.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No ONNX Runtime.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The graph does not load or fails.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Graph and manifest disagree.
    #[error("the graph's {what} is {graph}, but the manifest promises {spec}")]
    Mismatch {
        /// `input` or `output`.
        what: &'static str,
        /// What the graph declares.
        graph: String,
        /// What the manifest promises.
        spec: String,
    },
    /// One of the pictures handed in.
    #[error("picture {index}")]
    Picture {
        /// Its place, from 0.
        index: usize,
        /// What is wrong.
        source: ImageError,
    },
    /// Stopped from outside.
    #[error("interrupted")]
    Cancelled,
    /// A thread of ours ended by a panic.
    #[error("a worker thread stopped unexpectedly")]
    ThreadStopped,
    /// The same picture gave different features.
    #[error(
        "{probe} gave different features from run to run ({how}): an extractor must be \
         deterministic"
    )]
    NotDeterministic {
        /// The probe picture.
        probe: String,
        /// What was run and by how much it differed.
        how: String,
    },
}

/// Why one picture has no features. The others are not concerned.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Not a readable picture.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Readable, but of an impossible shape.
    #[error("{name} cannot be prepared")]
    Prepare {
        /// The file.
        name: String,
        /// Why.
        source: PrepareError,
    },
    /// The graph computed nonsense.
    #[error("the features of {name} are not finite: value {position} is {value}")]
    NotFinite {
        /// The file.
        name: String,
        /// Which of the values.
        position: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// The manifest promises length 1.
    #[error("the features of {name} have length {length}, but the manifest promises length 1")]
    NotNormalized {
        /// The file.
        name: String,
        /// Their Euclidean length.
        length: f64,
    },
}

/// Refuses features that are not finite, or not of length 1 where that is promised.
pub(super) fn check_features(
    name: &str,
    features: &[f32],
    is_normalized: bool,
) -> Result<(), ImageError> {
    let not_finite = features
        .iter()
        .enumerate()
        .find(|(_, value)| !value.is_finite());
    if let Some((position, &value)) = not_finite {
        return Err(ImageError::NotFinite {
            name: name.to_owned(),
            position,
            value,
        });
    }
    if is_normalized {
        let length = features
            .iter()
            .map(|&value| f64::from(value).powi(2))
            .sum::<f64>()
            .sqrt();
        // f32 graphs normalise to about 1e-6; half precision inside them to 1e-3.
        if (length - 1.0).abs() > 2e-3 {
            return Err(ImageError::NotNormalized {
                name: name.to_owned(),
                length,
            });
        }
    }
    Ok(())
}
