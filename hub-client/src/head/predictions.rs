//! What a head says of images.

use ndarray::Array2;

use super::Abstention;
use super::metrics;

/// Probabilities of classes for images.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions<'head> {
    /// The classes, K.
    pub classes: &'head [String],
    /// n×K, each row sums to 1.
    pub probabilities: Array2<f32>,
    /// For each row the mean cosine distance (0 to 2) from the nearest labelled images; none when the
    /// head keeps nothing to compare with.
    pub distances: Vec<Option<f64>>,
    pub(super) abstention: &'head Abstention,
}

/// The most probable class of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best<'head> {
    /// Index of the class.
    pub index: usize,
    /// Its name.
    pub class: &'head str,
    /// Its probability.
    pub probability: f32,
}

impl<'head> Predictions<'head> {
    /// The most probable class of a row; of several, the first.
    ///
    /// # Panics
    /// When the row is out of range.
    pub fn best(&self, row: usize) -> Best<'head> {
        let probabilities = self.probabilities.row(row);
        let index = metrics::most_probable(probabilities.iter());
        Best {
            index,
            class: &self.classes[index],
            probability: probabilities[index],
        }
    }

    /// The classes that are plausible for a row, most probable first: one is an answer, several are a
    /// doubt between them, none is no idea.
    ///
    /// # Panics
    /// When the row is out of range.
    pub fn plausible(&self, row: usize) -> Vec<usize> {
        self.abstention.plausible(self.probabilities.row(row))
    }

    /// The answer for a row: the most probable class when it alone is plausible.
    ///
    /// # Panics
    /// When the row is out of range.
    pub fn answer(&self, row: usize) -> Option<usize> {
        match self.plausible(row)[..] {
            [answer] => Some(answer),
            _ => None,
        }
    }

    /// Whether a row is unlike the labelled images.
    ///
    /// # Panics
    /// When the row is out of range.
    pub fn is_unlike(&self, row: usize) -> bool {
        self.abstention.is_unlike(self.distances[row])
    }
}
