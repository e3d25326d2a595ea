//! Measuring a head on images whose classes are known.

use ndarray::ArrayView2;
use registry_schema::reference::FeatureSpace;

use super::metrics::Metrics;
use super::{Head, HeadError};

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
    ) -> Result<Metrics, HeadError> {
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
        Ok(Metrics::new(
            predictions.probabilities.view(),
            &truth,
            self.classes(),
        ))
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
