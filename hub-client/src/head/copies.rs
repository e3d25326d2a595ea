//! Labelled images that are nearly the same picture twice.
//!
//! *How, without comparing each with each?* Rows that are near are near along any axis, too. They are gone
//! through in their order along one axis, and of those within reach the ones that are near along some more
//! axes are compared. Nothing is missed by that: the length of a difference is never less than what is seen of
//! it along axes at right angles. Where more than [`LOOKS`] pairs are within reach, each row is compared with
//! the same number of those that are nearest along the axis, and the finding says that some may be missing.

use std::collections::BinaryHeap;

use ndarray::{Array1, Array2, Axis};
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use super::metrics::legible;
use super::suspects::FINDINGS;
use super::transform::narrow;
use super::transformed::Transformed;

/// Axes along which rows are compared first.
const AXES: usize = 16;

/// What the rounding of f32 may add to a difference between directions along an axis.
const ROUNDING: f32 = 1e-5;

/// Pairs that are looked at, about: all of 20,000 rows. Directions that spread evenly over hundreds of
/// dimensions are all near along any one, and all pairs of a million of them would take an hour.
pub(super) const LOOKS: usize = 200_000_000;

/// Rows that are laid along the axes at a time.
const BLOCK_ROWS: usize = 1024;

/// Numbers of two rows that are compared before it is asked whether they are still near.
const PIECE: usize = 64;

/// Two images with nearly the same features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NearCopies {
    /// SHA-256 of the images' bytes.
    pub images: [Digest; 2],
    /// Their classes, indices.
    pub classes: [usize; 2],
    /// One minus the cosine of the transformed features.
    pub distance: f64,
}

/// What was found among images.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The closest first, at most [`FINDINGS`].
    pub(super) pairs: Vec<NearCopies>,
    /// Whether pairs that may be near were not looked at.
    pub(super) is_cut: bool,
}

/// The pairs of transformed rows (n×D) whose directions are nearer than `below`, when about `looks` pairs are
/// looked at.
pub(super) fn near_copies(
    rows: &Transformed<'_>,
    labels: &[(Digest, usize)],
    below: f64,
    looks: usize,
) -> Found {
    // Few rows are read again and again: a copy of them is quicker.
    let table = rows.is_small().then(|| rows.to_array());
    let (mut left, mut right) = (vec![0.0; rows.dimension()], vec![0.0; rows.dimension()]);
    let sketches = sketches(rows);
    let mut closest = Closest::new(below);
    let each = looks_each(&sketches, closest.reach, looks);
    let mut is_cut = false;
    'all: for (place, one) in sketches.iter().enumerate() {
        for (looked, other) in sketches[place + 1..].iter().enumerate() {
            let reach = closest.reach;
            if other.along[0] - one.along[0] > reach {
                break;
            }
            if looked == each {
                is_cut = true;
                break;
            }
            if !one.may_reach(other, reach) {
                continue;
            }
            let limit = closest.limit();
            let found = match &table {
                Some(table) => {
                    let pair = [one, other].map(|sketch| table.row(sketch.row).to_slice());
                    let [left, right] = pair.map(Option::unwrap_or_default);
                    distance((one, left), (other, right), limit)
                }
                None => {
                    rows.write(one.row, &mut left);
                    rows.write(other.row, &mut right);
                    distance((one, &left), (other, &right), limit)
                }
            };
            if let Some(distance) = found {
                let rows = [one.row.min(other.row), one.row.max(other.row)];
                closest.add((distance.to_bits(), rows));
            }
            if closest.is_settled() {
                break 'all;
            }
        }
    }
    let pairs = closest.pairs.into_sorted_vec().into_iter();
    let pairs = pairs.map(|(distance, rows)| NearCopies {
        images: rows.map(|row| labels[row].0),
        classes: rows.map(|row| labels[row].1),
        distance: legible(f64::from_bits(distance)),
    });
    Found {
        pairs: pairs.collect(),
        is_cut,
    }
}

/// With how many of those that follow it each row is compared: with all within reach where these are no more
/// than `looks` pairs.
fn looks_each(sketches: &[Sketch], reach: f32, looks: usize) -> usize {
    let within = |(place, one): (usize, &Sketch)| {
        let following = &sketches[place + 1..];
        following.partition_point(|other| other.along[0] - one.along[0] <= reach)
    };
    let pairs: usize = sketches.iter().enumerate().map(within).sum();
    if pairs <= looks {
        usize::MAX
    } else {
        (looks / sketches.len()).max(1)
    }
}

/// The direction of a row along a few axes.
struct Sketch {
    row: usize,
    /// One over its length.
    scale: f64,
    along: [f32; AXES],
}

impl Sketch {
    fn may_reach(&self, other: &Self, reach: f32) -> bool {
        let pairs = self.along.iter().zip(&other.along);
        let squares: f32 = pairs.map(|(one, other)| (one - other).powi(2)).sum();
        squares <= reach * reach
    }
}

/// Rows that have a direction, in their order along the axis in which they differ most.
fn sketches(rows: &Transformed<'_>) -> Vec<Sketch> {
    let mut scales = Vec::with_capacity(rows.len());
    rows.each(|_, row| scales.push(length(row).recip()));
    let kept: Vec<usize> = (0..rows.len())
        .filter(|&row| scales[row].is_finite())
        .collect();
    let axes = axes(rows, &kept, &scales);
    let mut along = Array2::zeros((rows.len(), axes.nrows()));
    for (number, mut along) in along.axis_chunks_iter_mut(Axis(0), BLOCK_ROWS).enumerate() {
        let start = number * BLOCK_ROWS;
        let block = rows.select(start..start + along.nrows());
        along.assign(&block.dot(&axes.t()));
    }
    let mut sketches: Vec<Sketch> = kept
        .iter()
        .map(|&row| {
            let mut sketch = Sketch {
                row,
                scale: scales[row],
                along: [0.0; AXES],
            };
            let values = sketch.along.iter_mut().zip(along.row(row));
            values.for_each(|(out, &value)| *out = narrow(f64::from(value) * scales[row]));
            sketch
        })
        .collect();
    let variance = |axis: usize| {
        let values = || sketches.iter().map(|one| f64::from(one.along[axis]));
        let mean = values().sum::<f64>() / kept.len().max(1) as f64;
        values().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let widest = (0..axes.nrows()).max_by(|&a, &b| variance(a).total_cmp(&variance(b)));
    let widest = widest.unwrap_or(0);
    sketches
        .iter_mut()
        .for_each(|one| one.along.swap(0, widest));
    sketches.sort_by(|a, b| a.along[0].total_cmp(&b.along[0]).then(a.row.cmp(&b.row)));
    sketches
}

/// Up to [`AXES`] axes of length 1 at right angles, from one row to others: those differ along them.
fn axes(rows: &Transformed<'_>, kept: &[usize], scales: &[f64]) -> Array2<f32> {
    let step = kept.len().div_ceil(AXES + 1).max(1);
    let direction = |&row: &usize| {
        let row_alone = rows.select([row].into_iter());
        row_alone.row(0).mapv(f64::from) * scales[row]
    };
    let mut chosen = kept.iter().step_by(step).map(direction);
    let mut axes: Vec<Array1<f64>> = Vec::new();
    if let Some(first) = chosen.next() {
        for other in chosen {
            let mut axis = other - &first;
            // Twice: after once, what was large and is nearly gone is rounding.
            for known in axes.iter().chain(&axes) {
                let part = axis.dot(known);
                axis.scaled_add(-part, known);
            }
            let length = axis.dot(&axis).sqrt();
            if length > f64::from(ROUNDING) && axes.len() < AXES {
                axes.push(axis / length);
            }
        }
    }
    let mut table = Array2::zeros((axes.len(), rows.dimension()));
    for (mut row, axis) in table.axis_iter_mut(Axis(0)).zip(&axes) {
        row.assign(&axis.mapv(narrow));
    }
    table
}

fn length(row: &[f32]) -> f64 {
    let squares = row.iter().map(|&value| f64::from(value).powi(2));
    squares.sum::<f64>().sqrt()
}

/// One minus the cosine, as half the square of the difference of directions: exactly 0 for equal rows. None
/// from `limit` on.
fn distance(
    (one, left): (&Sketch, &[f32]),
    (other, right): (&Sketch, &[f32]),
    limit: f64,
) -> Option<f64> {
    let pieces = left.chunks(PIECE).zip(right.chunks(PIECE));
    let mut sum = 0.0;
    for (left, right) in pieces {
        let pairs = left.iter().zip(right);
        sum += pairs
            .map(|(&a, &b)| (f64::from(a) * one.scale - f64::from(b) * other.scale).powi(2))
            .sum::<f64>();
        if sum > 2.0 * limit {
            return None;
        }
    }
    let distance = sum / 2.0;
    (distance < limit || distance == 0.0).then_some(distance)
}

/// The closest pairs so far, at most [`FINDINGS`].
struct Closest {
    below: f64,
    /// The farthest on top.
    pairs: BinaryHeap<Pair>,
    /// Directions that differ by more are not wanted.
    reach: f32,
}

impl Closest {
    fn new(below: f64) -> Self {
        Self {
            below,
            pairs: BinaryHeap::new(),
            reach: reach(below),
        }
    }

    /// From which distance on a pair is not wanted.
    fn limit(&self) -> f64 {
        match self.pairs.peek() {
            Some(farthest) if self.pairs.len() == FINDINGS => f64::from_bits(farthest.0),
            _ => self.below,
        }
    }

    fn add(&mut self, pair: Pair) {
        self.pairs.push(pair);
        if self.pairs.len() > FINDINGS {
            self.pairs.pop();
        }
        self.reach = reach(self.limit());
    }

    /// Whether none can be closer.
    fn is_settled(&self) -> bool {
        self.pairs.len() == FINDINGS && self.limit() == 0.0
    }
}

fn reach(distance: f64) -> f32 {
    narrow((2.0 * distance).sqrt()) + ROUNDING
}

/// A distance, not below zero, by its bits, which have the same order; and two rows, the lower first.
type Pair = (u64, [usize; 2]);

#[cfg(test)]
mod tests {
    use super::super::transform::Transform;
    use super::*;
    use crate::explore::SplitMix64;
    use ndarray::array;
    use proptest::prelude::*;

    fn as_they_are(rows: &Array2<f32>) -> Transformed<'_> {
        Transformed::new(rows.view(), (0..rows.nrows()).collect(), Transform::None)
    }

    fn labels(rows: usize) -> Vec<(Digest, usize)> {
        (0..rows)
            .map(|row| (Digest::of(&row.to_le_bytes()), row % 3))
            .collect()
    }

    fn points(rows: usize, dimension: usize, seed: u64) -> Array2<f32> {
        let mut random = SplitMix64::new(seed);
        Array2::from_shape_simple_fn((rows, dimension), || narrow(random.share() - 0.5))
    }

    /// All of them.
    fn copies(rows: &Array2<f32>, below: f64) -> Vec<NearCopies> {
        let found = near_copies(&as_they_are(rows), &labels(rows.nrows()), below, LOOKS);
        assert!(!found.is_cut);
        found.pairs
    }

    /// Pairs and distances, each with each.
    fn by_hand(rows: &Array2<f32>, below: f64) -> Vec<([usize; 2], f64)> {
        let mut found = Vec::new();
        for one in 0..rows.nrows() {
            for other in one + 1..rows.nrows() {
                let [a, b] = [one, other].map(|row| rows.row(row).mapv(f64::from));
                let distance = 1.0 - a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt();
                if distance < below {
                    found.push(([one, other], distance));
                }
            }
        }
        found.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        found
    }

    #[test]
    fn copies_are_pairs_in_the_order_of_their_distance() {
        let rows: Array2<f32> = array![[1.0, 0.0], [0.0, 1.0], [2.0, 0.01], [0.0, 3.0], [0.0, 0.0]];
        let pairs = copies(&rows, 1e-3);
        assert_eq!(pairs.len(), 2, "a row without a direction is no copy");
        assert_eq!((pairs[0].classes, pairs[0].distance), ([1, 0], 0.0));
        assert!((pairs[1].distance - 1.25e-5).abs() < 1e-7, "{pairs:?}");
    }

    #[test]
    fn among_many_images_copies_are_found_too() {
        let mut rows = points(12_000, 24, 5);
        let copy = rows.row(3).mapv(|value| value * 1.5 + 1e-4);
        rows.row_mut(11_500).assign(&copy);
        let pairs = copies(&rows, 1e-3);
        let expected = [3_usize, 11_500].map(|row| Digest::of(&row.to_le_bytes()));
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].images, expected);
    }

    #[test]
    fn where_not_all_can_be_compared_copies_are_looked_for_everywhere() {
        let mut rows = points(2_000, 24, 6);
        for row in 0..50 {
            let copy = rows.row(row).mapv(|value| value * 2.0);
            rows.row_mut(1_000 + row).assign(&copy);
        }
        let few = near_copies(&as_they_are(&rows), &labels(2_000), 1e-3, 10_000);
        assert!(few.is_cut);
        assert_eq!(few.pairs, copies(&rows, 1e-3));
        assert_eq!(few.pairs.len(), 50);
    }

    #[test]
    fn of_too_many_pairs_the_closest_are_kept() {
        let same = Array2::ones((5_000, 3));
        let pairs = copies(&same, 1e-6);
        assert_eq!(pairs.len(), FINDINGS);
        assert!(pairs.iter().all(|pair| pair.distance == 0.0));
        // All are near, in a row: the next neighbours are closest.
        let rows = Array2::from_shape_fn((200, 2), |(row, column)| match column {
            0 => 1.0,
            _ => narrow(row as f64 * row as f64 * 1e-7),
        });
        let pairs = copies(&rows, 1e-3);
        let expected = by_hand(&rows, 1e-3);
        assert_eq!(pairs.len(), FINDINGS);
        let farthest = pairs[FINDINGS - 1].distance;
        assert!((farthest - expected[FINDINGS - 1].1).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn none_is_missed(rows in 2_usize..60, dimension in 1_usize..40, seed: u64, below in 1e-4..0.3_f64) {
            let rows = points(rows, dimension, seed);
            let found = copies(&rows, below);
            let mut expected = by_hand(&rows, below);
            // What is that near to the limit may fall on either side of it.
            let unsure = expected.iter().filter(|(_, distance)| (distance - below).abs() < 1e-9).count();
            prop_assume!(unsure == 0);
            expected.truncate(FINDINGS);
            prop_assert_eq!(found.len(), expected.len());
            for (one, (_, distance)) in found.iter().zip(expected) {
                prop_assert!((one.distance - distance).abs() < 1e-9);
            }
        }
    }
}
