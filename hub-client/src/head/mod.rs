//! Heads: private linear classifiers on an extractor's features.
//!
//! ```
//! use hub_client::head::{Examples, ExtractorRelease, Head, HeadIdentity, TrainingOptions};
//! use ndarray::array;
//! use registry_schema::{digest::Digest, reference::FeatureSpace};
//!
//! let features = array![[0.9, 0.1, 0.0], [1.0, 0.2, 0.1], [0.1, 0.8, 0.9], [0.0, 1.0, 0.8]];
//! let images = ["a", "b", "c", "d"].map(|name| Digest::of(name.as_bytes()));
//! let classes = ["passport".to_owned(), "visa".to_owned()];
//! let extractor = ExtractorRelease {
//!     name: "passport-extractor".parse()?,
//!     version: "2.0.0".parse()?,
//!     digest: Digest::of(b"the release"),
//! };
//! let identity = HeadIdentity { name: "border".parse()?, created_at: "2026-01-02T03:04:05Z".parse()?, extractor };
//! let examples = Examples { features: features.view(), images: &images, labels: &[0, 0, 1, 1], classes: &classes };
//! let head = Head::train(identity, &examples, &TrainingOptions::default())?;
//!
//! let predictions = head.predict(array![[0.8, 0.0, 0.1]].view(), &head.space())?;
//! assert_eq!(predictions.best(0).class, "passport");
//! let other: FeatureSpace = "passport-extractor@3".parse()?;
//! assert!(head.predict(features.view(), &other).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *What does a head keep?* The linear map, the transform before it, which release it was trained
//! with, and how it was made: the digests of the labelled images and their classes, never the images.

#![expect(
    clippy::needless_pass_by_value,
    reason = "array views are passed by value, as ndarray itself does"
)]

mod abstain;
mod answered;
mod calibrate;
mod changes;
mod copies;
mod error;
mod evaluate;
mod explain;
pub mod export;
mod file;
mod fit;
pub mod metrics;
mod names;
mod nearness;
mod options;
mod origin;
mod paired;
mod predictions;
mod sample;
pub mod solver;
pub mod store;
mod suspects;
mod train;
mod transform;
mod transformed;
mod unlabelled;
mod validate;

use std::fmt;

use jiff::Timestamp;
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use registry_schema::reference::FeatureSpace;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use self::abstain::{Abstention, Limits};
pub use self::answered::Answered;
pub use self::changes::{Changes, Label, Relabelled, SettingChange};
pub use self::copies::NearCopies;
pub use self::error::HeadError;
pub use self::evaluate::Evaluation;
pub use self::explain::{Factor, Influence, Spread, Weighed};
pub use self::file::{FORMAT, HEAD_BYTES};
use self::names::check_names;
pub use self::names::{CLASS_NAME_BYTES, CLASSES, HeadName, check_classes};
pub(crate) use self::nearness::{NEIGHBOURS, reference_places};
pub use self::nearness::{Near, REFERENCES};
pub use self::options::{
    AUTOMATIC_RIDGE_IMAGES, CHOICES, ClassWeights, DEFAULT_CHOICE, DEFAULT_RIDGE_CHOICE, Method,
    Penalty, TrainingOptions, TrainingSettings, TransformBy, ridge_choices,
};
pub use self::origin::{Derivation, Origin, RolledBack};
pub use self::paired::{HeldOutAnswers, Paired, Standing};
pub use self::predictions::{Best, Predictions};
pub use self::store::HeadStore;
pub use self::suspects::{FINDINGS, Suspect};
pub use self::train::{Examples, HeadIdentity, HeldOut, Trained, TrainingFacts};
pub(crate) use self::transform::narrow;
pub use self::transform::{LENGTH_FLOOR, Transform, TransformKind};
pub use self::unlabelled::{UNLABELLED_IMAGES, unlabelled_sample};
pub(crate) use self::validate::Plan;

/// Rows that are transformed at a time.
const PREDICT_BLOCK: usize = 1024;

/// A trained head: `softmax((W · transform(x) + b) / temperature)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    name: HeadName,
    created_at: Timestamp,
    extractor: ExtractorRelease,
    origin: Option<Origin>,
    classes: Vec<String>,
    weights: Array2<f32>,
    bias: Array1<f32>,
    temperature: f32,
    transform: Transform,
    abstention: Abstention,
    training: TrainingFacts,
}

/// The release whose features a head was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractorRelease {
    /// The extractor.
    pub name: Name,
    /// The release.
    pub version: Version,
    /// The digest of the release.
    pub digest: Digest,
}

impl ExtractorRelease {
    /// The feature space of its vectors.
    pub fn space(&self) -> FeatureSpace {
        FeatureSpace::of(&self.name, &self.version)
    }
}

impl Head {
    /// Predicts features (n×D) of a feature space. Vectors may be longer than those the head was
    /// trained on: MINOR releases append dimensions, and the head reads the first.
    ///
    /// # Errors
    /// [`HeadError::OtherSpace`], [`HeadError::TooFewDimensions`], [`HeadError::NotFinite`].
    pub fn predict(
        &self,
        features: ArrayView2<'_, f32>,
        space: &FeatureSpace,
    ) -> Result<Predictions<'_>, HeadError> {
        self.check_fit(features, space)?;
        let mut probabilities = Array2::zeros((features.nrows(), self.classes.len()));
        let mut distances = Vec::with_capacity(features.nrows());
        for start in (0..features.nrows()).step_by(PREDICT_BLOCK) {
            let range = Slice::from(start..features.nrows().min(start + PREDICT_BLOCK));
            let rows = self.transformed(features.slice_axis(Axis(0), range));
            let scores = self.scores(rows.view());
            if let Some(row) = scores
                .rows()
                .into_iter()
                .position(|row| !row.iter().all(|score| score.is_finite()))
            {
                return Err(HeadError::NotFinite { row: start + row });
            }
            let block = calibrate::probabilities(scores.view(), f64::from(self.temperature));
            probabilities.slice_axis_mut(Axis(0), range).assign(&block);
            let rows = rows.rows().into_iter();
            distances.extend(rows.map(|row| self.abstention.distance(row)));
        }
        Ok(Predictions {
            classes: &self.classes,
            probabilities,
            distances,
            abstention: &self.abstention,
        })
    }

    /// Refuses features of another space, and too short ones.
    fn check_fit(
        &self,
        features: ArrayView2<'_, f32>,
        space: &FeatureSpace,
    ) -> Result<(), HeadError> {
        let expected = self.space();
        if *space != expected {
            return Err(HeadError::OtherSpace {
                head: self.name.to_string(),
                expected: Box::new(expected),
                found: Box::new(space.clone()),
            });
        }
        if features.ncols() < self.dimension() {
            return Err(HeadError::TooFewDimensions {
                head: self.name.to_string(),
                needed: self.dimension(),
                found: features.ncols(),
                extractor: self.extractor.to_string(),
            });
        }
        Ok(())
    }

    /// The first dimensions of features that fit, transformed.
    fn transformed(&self, features: ArrayView2<'_, f32>) -> Array2<f32> {
        let known = features.slice_axis_move(Axis(1), Slice::from(..self.dimension()));
        self.transform.apply(known)
    }

    /// What follows from scores (n×K) that were computed elsewhere, and the distances that go with them.
    pub(crate) fn predictions(
        &self,
        scores: ArrayView2<'_, f64>,
        distances: Vec<Option<f64>>,
    ) -> Predictions<'_> {
        Predictions {
            classes: &self.classes,
            probabilities: calibrate::probabilities(scores, f64::from(self.temperature)),
            distances,
            abstention: &self.abstention,
        }
    }

    fn scores(&self, rows: ArrayView2<'_, f32>) -> Array2<f64> {
        (rows.dot(&self.weights.t()) + &self.bias).mapv(f64::from)
    }

    /// Its name.
    pub fn name(&self) -> &HeadName {
        &self.name
    }

    /// When this version was made.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The release it is made for: the one whose features it was trained on, or a newer one it was moved
    /// to ([`Origin`]).
    pub fn extractor(&self) -> &ExtractorRelease {
        &self.extractor
    }

    /// The feature space it works in.
    pub fn space(&self) -> FeatureSpace {
        self.extractor.space()
    }

    /// The dimension of the vectors it reads.
    pub fn dimension(&self) -> usize {
        self.weights.ncols()
    }

    /// The names of its classes, K.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Weights, K×D.
    pub fn weights(&self) -> ArrayView2<'_, f32> {
        self.weights.view()
    }

    /// Intercepts, K.
    pub fn bias(&self) -> ndarray::ArrayView1<'_, f32> {
        self.bias.view()
    }

    /// What scores are divided by, positive.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// What is done to features first.
    pub fn transform(&self) -> &Transform {
        &self.transform
    }

    /// When it does not answer.
    pub fn abstention(&self) -> &Abstention {
        &self.abstention
    }

    /// How it was made.
    pub fn training(&self) -> &TrainingFacts {
        &self.training
    }
}

impl fmt::Display for ExtractorRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// The scores `W · transform(x) + b`, n×K.
fn linear_scores(
    features: ArrayView2<'_, f32>,
    transform: &Transform,
    weights: &Array2<f32>,
    bias: &Array1<f32>,
) -> Array2<f64> {
    (transform.apply(features).dot(&weights.t()) + bias).mapv(f64::from)
}

#[cfg(test)]
mod tests;
