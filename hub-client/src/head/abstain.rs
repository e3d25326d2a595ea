//! When a head should not answer: two different reasons, kept apart.
//!
//! *Unsure*: several classes are plausible. By conformal prediction (Vovk, Gammerman and Shafer,
//! *Algorithmic Learning in a Random World*, 2005) with scores of held-out images: s = 1 − p(true
//! class), and q the ⌈(n+1)(1−α)⌉-th smallest of n. The classes with 1 − p ≤ q hold the true one for a
//! share 1−α of new images of the same kind; one class is an answer, several are a doubt. As the scores
//! come from heads trained on part of the images, what is proven is 1−2α (Barber et al., *Predictive
//! inference with the jackknife+*, 2021); what is usual is 1−α.
//!
//! *Unlike anything shown*: the image lies farther from the labelled images than they lie from each
//! other, whatever the probabilities say.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::metrics::legible;
use super::transform::narrow;

/// Labelled images whose directions are kept to compare with, at most.
pub const REFERENCES: usize = 500;

/// Nearest references whose distance counts.
pub(super) const NEIGHBOURS: usize = 5;

/// Share of the labelled images themselves that may count as unlike the others.
const STRANGE_SHARE: f64 = 0.01;

/// When not to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Abstention {
    /// What the head promises.
    pub limits: Limits,
    /// Directions of labelled images, m×D, each of length 1; none of heads of the first format.
    pub(super) references: Array2<f32>,
}

/// Limits past which there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Share of new images whose true class is to be among the plausible ones, 0 to 1.
    pub coverage: f64,
    /// A class is plausible when its probability is at least this; none when there are too few labelled
    /// images for the coverage: `⌈1/(1−coverage)⌉ − 1` are needed.
    pub plausible_from: Option<f64>,
    /// An image is unlike the labelled ones when its distance is larger; none when nothing is kept to
    /// compare with.
    pub unlike_above: Option<f64>,
}

impl Abstention {
    /// Of heads that were made before there was any: always answer.
    pub(super) fn never(dimension: usize) -> Self {
        let limits = Limits {
            coverage: 0.0,
            plausible_from: None,
            unlike_above: None,
        };
        Self {
            limits,
            references: Array2::zeros((0, dimension)),
        }
    }

    /// From transformed rows of all labelled images, and probabilities (n·repeats × K) of the true
    /// classes `truth` while they were held out.
    pub(super) fn new(
        rows: ArrayView2<'_, f32>,
        held_out: Option<(ArrayView2<'_, f32>, &[usize])>,
        coverage: f64,
    ) -> Self {
        let references = references(rows);
        let limits = Limits {
            coverage,
            plausible_from: held_out
                .and_then(|(probabilities, truth)| {
                    plausible_from(probabilities, truth, rows.nrows(), coverage)
                })
                .map(legible),
            unlike_above: unlike_above(&references).map(legible),
        };
        Self { limits, references }
    }

    /// Directions of labelled images, m×D, each of length 1; none of heads of the first format.
    pub fn references(&self) -> ArrayView2<'_, f32> {
        self.references.view()
    }

    /// The classes that are plausible for probabilities, most probable first; none when all or no class
    /// would be.
    pub fn plausible(&self, probabilities: ArrayView1<'_, f32>) -> Vec<usize> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        match self.limits.plausible_from {
            Some(floor) => order.retain(|&class| f64::from(probabilities[class]) >= floor),
            None => order.truncate(1),
        }
        if order.len() == probabilities.len() {
            order.clear();
        }
        order
    }

    /// The mean cosine distance (0 to 2) of a transformed row from its nearest references; none without
    /// references.
    pub fn distance(&self, row: ArrayView1<'_, f32>) -> Option<f64> {
        let length = row.dot(&row).sqrt().max(f32::MIN_POSITIVE);
        let cosines = self.references.dot(&row);
        let distances = cosines
            .iter()
            .map(|cosine| 1.0 - f64::from(cosine / length));
        mean_of_smallest(distances.collect())
    }

    /// Whether a distance is larger than those between labelled images.
    pub fn is_unlike(&self, distance: Option<f64>) -> bool {
        matches!((distance, self.limits.unlike_above), (Some(distance), Some(limit)) if distance > limit)
    }
}

/// One minus the quantile of the scores; every image has as many scores as there were repeats.
fn plausible_from(
    probabilities: ArrayView2<'_, f32>,
    truth: &[usize],
    images: usize,
    coverage: f64,
) -> Option<f64> {
    let mut scores: Vec<f64> = probabilities
        .rows()
        .into_iter()
        .zip(truth)
        .map(|(row, &class)| 1.0 - f64::from(row[class]))
        .collect();
    scores.sort_by(f64::total_cmp);
    let repeats = scores.len() / images.max(1);
    let wanted = (images as f64 + 1.0) * coverage;
    // The smallest whole number that is not below it; counted up, as there are few.
    let rank = (0..=images).find(|&rank| rank as f64 >= wanted - 1e-9)?;
    let last = (rank * repeats).checked_sub(1)?;
    scores.get(last).map(|score| 1.0 - score)
}

/// Evenly spaced rows, scaled to length 1. Rows without a direction are left out.
fn references(rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let step = rows.nrows().div_ceil(REFERENCES).max(1);
    let chosen: Vec<usize> = (0..rows.nrows())
        .step_by(step)
        .filter(|&row| rows.row(row).iter().any(|&value| value != 0.0))
        .collect();
    let mut references = rows.select(Axis(0), &chosen);
    for mut row in references.rows_mut() {
        let squares: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
        row /= narrow(squares.sqrt()).max(f32::MIN_POSITIVE);
    }
    references
}

/// The distance that all but a hundredth of the references keep from the others.
fn unlike_above(references: &Array2<f32>) -> Option<f64> {
    let cosines = references.dot(&references.t());
    let mut distances: Vec<f64> = (0..references.nrows())
        .filter_map(|row| {
            let others = cosines.row(row).into_iter().enumerate();
            let others = others.filter(|&(other, _)| other != row);
            mean_of_smallest(others.map(|(_, cosine)| 1.0 - f64::from(*cosine)).collect())
        })
        .collect();
    distances.sort_by(|a, b| b.total_cmp(a));
    let allowed = (0..distances.len())
        .take_while(|&count| (count + 1) as f64 <= STRANGE_SHARE * distances.len() as f64)
        .count();
    distances.get(allowed).copied()
}

fn mean_of_smallest(mut distances: Vec<f64>) -> Option<f64> {
    distances.sort_by(f64::total_cmp);
    distances.truncate(NEIGHBOURS);
    (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::SplitMix64;
    use ndarray::array;

    /// Between 0 and 1.
    /// Probabilities of a class that is right as often as they say.
    fn honest(uniform: &mut SplitMix64, images: usize) -> (Array2<f32>, Vec<usize>) {
        let mut truth = Vec::new();
        let rows = Array2::from_shape_fn((images, 3), |_| 0.0);
        let mut rows = rows;
        for mut row in rows.rows_mut() {
            let (a, b) = (uniform.share(), uniform.share());
            let (low, high) = (a.min(b), a.max(b));
            let shares = [low, high - low, 1.0 - high];
            let pick = uniform.share();
            truth.push(if pick < low {
                0
            } else {
                usize::from(pick >= high) + 1
            });
            row.iter_mut()
                .zip(shares)
                .for_each(|(value, share)| *value = narrow(share));
        }
        (rows, truth)
    }

    #[test]
    fn plausible_classes_hold_the_true_one_as_often_as_asked() {
        let mut uniform = SplitMix64::new(5);
        for coverage in [0.8, 0.9] {
            let (mut hits, mut count) = (0, 0);
            for _ in 0..200 {
                let (known, truth) = honest(&mut uniform, 25);
                let rows = Array2::from_elem((25, 2), 1.0_f32);
                let abstention =
                    Abstention::new(rows.view(), Some((known.view(), &truth)), coverage);
                let floor = abstention.limits.plausible_from.unwrap();
                let (fresh, truth) = honest(&mut uniform, 40);
                for (row, &class) in fresh.rows().into_iter().zip(&truth) {
                    hits += usize::from(f64::from(row[class]) >= floor);
                    count += 1;
                }
            }
            let share =
                f64::from(u32::try_from(hits).unwrap()) / f64::from(u32::try_from(count).unwrap());
            // Exactly 1−α to 1−α+1/26; three standard errors of 200 calibrations are 0.015.
            assert!(
                (coverage - 0.015..coverage + 0.055).contains(&share),
                "{coverage}: {share}"
            );
        }
    }

    #[test]
    fn too_few_images_promise_nothing() {
        let rows = array![[1.0_f32, 0.0], [0.0, 1.0]];
        let held_out = array![[0.9_f32, 0.1], [0.2, 0.8]];
        let abstention = Abstention::new(rows.view(), Some((held_out.view(), &[0, 1])), 0.9);
        assert_eq!(abstention.limits.plausible_from, None);
        assert_eq!(abstention.plausible(array![0.4_f32, 0.6].view()), [1]);
    }

    #[test]
    fn one_several_and_all_classes() {
        let mut abstention = Abstention::never(2);
        abstention.limits.plausible_from = Some(0.3);
        assert_eq!(abstention.plausible(array![0.1_f32, 0.8, 0.1].view()), [1]);
        assert_eq!(
            abstention.plausible(array![0.31_f32, 0.49, 0.2].view()),
            [1, 0]
        );
        assert!(
            abstention
                .plausible(array![0.34_f32, 0.33, 0.33].view())
                .is_empty()
        );
        abstention.limits.plausible_from = Some(0.9);
        assert!(
            abstention
                .plausible(array![0.6_f32, 0.3, 0.1].view())
                .is_empty()
        );
    }

    #[test]
    fn what_points_elsewhere_is_unlike() {
        let rows = Array2::from_shape_fn((12, 3), |(i, j)| match j {
            0 => 1.0,
            1 => f32::from(u8::try_from(i).unwrap()) * 0.01,
            _ => 0.0,
        });
        let abstention = Abstention::new(rows.view(), None, 0.9);
        let unlike =
            |row: ndarray::Array1<f32>| abstention.is_unlike(abstention.distance(row.view()));
        assert!(!unlike(array![2.0, 0.1, 0.0]), "the length does not matter");
        assert!(unlike(array![0.0, 0.0, 1.0]));
        assert!(unlike(array![-1.0, 0.0, 0.0]));
        assert_eq!(
            Abstention::never(3).distance(array![1.0_f32, 0.0, 0.0].view()),
            None
        );
    }
}
