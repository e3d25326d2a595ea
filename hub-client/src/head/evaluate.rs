//! Measuring a head on images whose classes are known.

use ndarray::ArrayView2;
use registry_schema::reference::FeatureSpace;

use super::answered::Answered;
use super::metrics::{Metrics, Reliability};
use super::{Head, HeadError, Predictions};

/// How good a head is on images whose classes are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation<'head> {
    /// Of the most probable class, whether or not it is an answer.
    pub metrics: Metrics,
    /// How far the probabilities are from what came true.
    pub reliability: Reliability,
    /// What comes of not always answering.
    pub answered: Answered,
    /// What the head says of each image.
    pub predictions: Predictions<'head>,
    /// The class of each image, an index.
    pub truth: Vec<usize>,
}

impl Head {
    /// Predicts features (n×D) of a feature space and compares with the classes' names, one per row.
    ///
    /// # Errors
    /// What [`Head::predict`] refuses; a number of labels other than n; a class the head does not know.
    pub fn evaluate(
        &self,
        features: ArrayView2<'_, f32>,
        space: &FeatureSpace,
        labels: &[impl AsRef<str>],
    ) -> Result<Evaluation<'_>, HeadError> {
        if features.nrows() != labels.len() {
            let rows = features.nrows();
            return Err(HeadError::Lengths {
                features: rows,
                images: rows,
                labels: labels.len(),
            });
        }
        let truth = labels
            .iter()
            .map(|label| self.class_index(label.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let predictions = self.predict(features, space)?;
        let probabilities = predictions.probabilities.view();
        Ok(Evaluation {
            metrics: Metrics::new(probabilities, &truth, self.classes()),
            reliability: Reliability::new(probabilities, &truth),
            answered: Answered::new(&self.abstention, probabilities, &truth, truth.len()),
            predictions,
            truth,
        })
    }

    fn class_index(&self, class: &str) -> Result<usize, HeadError> {
        let unknown = || HeadError::UnknownClass {
            head: self.name.to_string(),
            class: class.to_owned(),
            known: self.classes.clone(),
        };
        self.classes
            .iter()
            .position(|known| known == class)
            .ok_or_else(unknown)
    }
}
