//! Does a file compute what was seen?

use ndarray::ArrayView1;

use crate::head::metrics::most_probable;
use crate::head::transform::narrow;
use crate::head::{Abstention, Limits, Predictions};

/// Largest difference between probabilities (0 to 1), or distances (0 to 2), that is no disagreement. A runtime may join
/// nodes of one graph that it runs apart in another, and sum in another order: about 1e-6.
pub const TOLERANCE: f64 = 1e-4;

/// What a head says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Of each class; they sum to 1.
    pub probabilities: Vec<f32>,
    /// Which classes cannot be ruled out.
    pub plausible: Vec<bool>,
    /// Whether the image is unlike all labelled ones; none when nothing is kept to compare with.
    pub unlike: Option<UnlikeScore>,
}

/// Whether an image is unlike all labelled ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnlikeScore {
    /// Mean cosine distance from the nearest labelled images, 0 to 2.
    pub distance: f32,
    /// Whether that is too far.
    pub is_unlike: bool,
}

impl Scores {
    /// What was predicted for a row.
    ///
    /// # Panics
    /// When the row is out of range.
    pub fn predicted(predictions: &Predictions<'_>, row: usize) -> Self {
        let probabilities = predictions.probabilities.row(row).to_vec();
        let unlike = predictions.distances[row].map(|distance| UnlikeScore {
            distance: narrow(distance),
            is_unlike: predictions.is_unlike(row),
        });
        Self {
            plausible: mask(&predictions.plausible(row), probabilities.len()),
            probabilities,
            unlike,
        }
    }

    /// From probabilities and a transformed row.
    pub(super) fn of(
        abstention: &Abstention,
        probabilities: ArrayView1<'_, f32>,
        row: ArrayView1<'_, f32>,
    ) -> Self {
        let distance = abstention.distance(row);
        Self {
            probabilities: probabilities.to_vec(),
            plausible: mask(&abstention.plausible(probabilities), probabilities.len()),
            unlike: distance.map(|distance| UnlikeScore {
                distance: narrow(distance),
                is_unlike: abstention.is_unlike(Some(distance)),
            }),
        }
    }

    fn best(&self) -> usize {
        most_probable(self.probabilities.iter())
    }
}

fn mask(plausible: &[usize], classes: usize) -> Vec<bool> {
    (0..classes)
        .map(|class| plausible.contains(&class))
        .collect()
}

/// Images on which a file was held against what was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    limits: Limits,
    images: usize,
    largest_difference: f64,
    disagreements: usize,
    first: Option<String>,
}

/// A file computes something else than what was seen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "the exported file disagrees with what was seen on {count} of {images} images ({first}); nothing was written"
)]
pub struct Disagreement {
    /// Images on which it disagrees.
    pub count: usize,
    /// Images that were compared.
    pub images: usize,
    /// The first of them, and how.
    pub first: String,
    /// Largest difference of a probability.
    pub largest_difference: f64,
}

impl Agreement {
    /// Nothing compared yet, for a head of these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            images: 0,
            largest_difference: 0.0,
            disagreements: 0,
            first: None,
        }
    }

    /// Compares what was seen with what the file found for one image: the likeliest class, every probability, and
    /// where the file says it, the distance from the labelled images. Numbers may be [`TOLERANCE`] apart, and so on
    /// either side of a limit; what the file says of them must be what the head says of the same numbers.
    pub fn compare(&mut self, image: &str, seen: &Scores, found: &Scores) {
        let difference = largest_difference(seen, found);
        self.images += 1;
        self.largest_difference = self.largest_difference.max(difference);
        if let Some(problem) = self.problem(seen, found, difference) {
            self.disagreements += 1;
            self.first
                .get_or_insert_with(|| format!("`{image}`: {problem}"));
        }
    }

    /// Images that were compared.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Largest difference of a probability, 0 to 1.
    pub fn largest_difference(&self) -> f64 {
        self.largest_difference
    }

    /// Whether the file agreed on all images.
    ///
    /// # Errors
    /// [`Disagreement`].
    pub fn finish(self) -> Result<Self, Disagreement> {
        match self.first {
            None => Ok(self),
            Some(first) => Err(Disagreement {
                count: self.disagreements,
                images: self.images,
                first,
                largest_difference: self.largest_difference,
            }),
        }
    }

    fn problem(&self, seen: &Scores, found: &Scores, difference: f64) -> Option<String> {
        if seen.probabilities.len() != found.probabilities.len() {
            let counts = (found.probabilities.len(), seen.probabilities.len());
            return Some(format!("{} classes where {} were seen", counts.0, counts.1));
        }
        // Not-a-number is no small difference.
        if !matches!(difference.partial_cmp(&TOLERANCE), Some(order) if order.is_le()) {
            return Some(format!(
                "probabilities differ by {difference:.2e}, of which {TOLERANCE:.0e} is allowed"
            ));
        }
        let (seen_best, found_best) = (seen.best(), found.best());
        let lead = seen.probabilities[seen_best] - seen.probabilities[found_best];
        let is_tied = f64::from(lead) <= TOLERANCE;
        if seen_best != found_best && !is_tied {
            return Some(format!("class {found_best} where {seen_best} was seen"));
        }
        let follow = self
            .limits
            .plausible(ArrayView1::from(&found.probabilities));
        if found.plausible != mask(&follow, found.probabilities.len()) {
            return Some(
                "other classes are plausible than follow from its probabilities".to_owned(),
            );
        }
        let (Some(seen), Some(found)) = (seen.unlike, found.unlike) else {
            return None;
        };
        let difference = f64::from(seen.distance - found.distance).abs();
        if difference.is_nan() || difference > TOLERANCE {
            return Some(format!("distances differ by {difference:.2e}"));
        }
        let limit = self.limits.unlike_above.unwrap_or(f64::INFINITY);
        let distance = f64::from(found.distance);
        // The limit is rounded to f32 in a graph, the distance in what is handed on of it.
        let is_on_it = (distance - limit).abs() <= f64::from(f32::EPSILON);
        (found.is_unlike != (distance > limit) && !is_on_it).then(|| {
            "whether it is unlike all labelled images does not follow from its distance".to_owned()
        })
    }
}

/// Of a probability; not-a-number where one is none.
fn largest_difference(seen: &Scores, found: &Scores) -> f64 {
    let pairs = seen.probabilities.iter().zip(&found.probabilities);
    pairs.fold(0.0, |largest, (&seen, &found)| {
        let difference = (f64::from(seen) - f64::from(found)).abs();
        if difference.is_nan() || difference > largest {
            difference
        } else {
            largest
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn limits() -> Limits {
        Limits {
            coverage: 0.9,
            plausible_from: Some(vec![0.3; 3]),
            unlike_above: Some(0.5),
        }
    }

    fn scores(probabilities: [f32; 3], distance: f32) -> Scores {
        let plausible = limits().plausible(ArrayView1::from(&probabilities));
        let plausible = mask(&plausible, 3);
        Scores {
            probabilities: probabilities.to_vec(),
            plausible,
            unlike: Some(UnlikeScore {
                distance,
                is_unlike: distance > 0.5,
            }),
        }
    }

    /// What is said when `found` stands where `seen` was seen.
    fn compared(seen: &Scores, found: &Scores) -> Result<f64, String> {
        let mut agreement = Agreement::new(limits());
        agreement.compare("a.png", seen, found);
        let outcome = agreement.finish();
        outcome
            .map(|agreement| agreement.largest_difference())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn rounding_is_no_disagreement() {
        let seen = scores([0.7, 0.2, 0.1], 0.2);
        let difference = compared(&seen, &scores([0.699_95, 0.200_05, 0.1], 0.200_01)).unwrap();
        assert!((4e-5..6e-5).contains(&difference), "{difference}");
        // On either side of a limit, but close to it.
        let seen = scores([0.69, 0.299_99, 0.010_01], 0.499_99);
        assert!(compared(&seen, &scores([0.69, 0.300_01, 0.009_99], 0.500_01)).is_ok());
        let tied = scores([0.400_01, 0.399_99, 0.2], 0.2);
        assert!(compared(&tied, &scores([0.399_99, 0.400_01, 0.2], 0.2)).is_ok());
    }

    #[test]
    fn what_differs_is_named() {
        let seen = scores([0.7, 0.2, 0.1], 0.2);
        let refused = |found: &Scores, words: &str| {
            let error = compared(&seen, found).unwrap_err();
            assert!(
                error.contains(words) && error.contains("`a.png`"),
                "{error}"
            );
        };
        refused(
            &scores([0.69, 0.21, 0.1], 0.2),
            "probabilities differ by 1.00e-2",
        );
        refused(&scores([0.2, 0.7, 0.1], 0.2), "5.00e-1");
        refused(&scores([f32::NAN, 0.2, 0.1], 0.2), "NaN");
        refused(&scores([0.7, 0.2, 0.1], 0.3), "distances differ");
        refused(&scores([0.7, 0.2, 0.1], f32::NAN), "distances differ");
        let mut found = seen.clone();
        found.plausible[1] = true;
        refused(&found, "plausible");
        // Close to a limit, too, it is its own probabilities that count.
        let close = scores([0.69, 0.300_01, 0.009_99], 0.499_99);
        let seen = scores([0.69, 0.299_99, 0.010_01], 0.499_99);
        compared(&seen, &close).unwrap();
        for wrong in [
            [true, false, false],
            [true, true, true],
            [false, true, false],
        ] {
            let mut found = close.clone();
            found.plausible = wrong.to_vec();
            let error = compared(&seen, &found).unwrap_err();
            assert!(error.contains("plausible"), "{error}");
        }
        let mut found = close.clone();
        found.unlike.as_mut().unwrap().is_unlike = true;
        let error = compared(&seen, &found).unwrap_err();
        assert!(error.contains("unlike"), "{error}");
        let seen = scores([0.7, 0.2, 0.1], 0.2);
        let mut found = seen.clone();
        found.unlike.as_mut().unwrap().is_unlike = true;
        refused(&found, "unlike");
        let mut found = seen.clone();
        found.probabilities.pop();
        refused(&found, "2 classes where 3");
    }

    #[test]
    fn disagreements_are_counted_and_the_first_is_told() {
        let mut agreement = Agreement::new(limits());
        let seen = scores([0.7, 0.2, 0.1], 0.2);
        let other = scores([0.1, 0.2, 0.7], 0.2);
        for (name, found) in [("a", &seen), ("b", &other), ("c", &other)] {
            agreement.compare(name, &seen, found);
        }
        let error = agreement.finish().unwrap_err();
        assert_eq!((error.count, error.images), (2, 3));
        assert!(error.first.starts_with("`b`"), "{error}");
    }

    #[test]
    fn a_file_without_references_is_not_asked_about_them() {
        let seen = scores([0.7, 0.2, 0.1], 0.9);
        let mut found = seen.clone();
        found.unlike = None;
        assert!(compared(&seen, &found).is_ok());
    }
}
