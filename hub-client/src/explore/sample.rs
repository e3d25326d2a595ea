//! Vectors for tests.

use ndarray::Array2;

use crate::explore::random::SplitMix64;

/// Evenly spread in the cube from −1 to 1.
pub(super) fn points(rows: usize, dimension: usize, seed: u64) -> Array2<f32> {
    let mut random = SplitMix64::new(seed);
    Array2::from_shape_simple_fn((rows, dimension), || {
        super::neighbours::narrow(random.share() * 2.0 - 1.0)
    })
}

/// Groups of so many points each, around centres far apart; with the group of each point.
pub(super) fn blobs(sizes: &[usize], dimension: usize, seed: u64) -> (Array2<f32>, Vec<usize>) {
    let truth: Vec<usize> = sizes
        .iter()
        .enumerate()
        .flat_map(|(group, &size)| std::iter::repeat_n(group, size))
        .collect();
    let mut rows = points(truth.len(), dimension, seed) * 0.5;
    for (mut row, &group) in rows.rows_mut().into_iter().zip(&truth) {
        row[group % dimension] += 6.0;
        row[(group / dimension + group + 1) % dimension] -= 3.0;
    }
    (rows, truth)
}
