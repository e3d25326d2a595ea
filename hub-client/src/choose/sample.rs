//! Labelled vectors, and what was seen of an extractor, for tests.

use ndarray::Array2;

use super::HeldOut;
use crate::explore::SplitMix64;
use crate::head::metrics::wilson;

/// Evenly spread from −1 to 1.
pub(super) fn noise(rows: usize, dimension: usize, seed: u64) -> Array2<f32> {
    let mut random = SplitMix64::new(seed);
    Array2::from_shape_simple_fn((rows, dimension), || {
        super::narrow(2.0 * random.share() - 1.0)
    })
}

/// Classes of so many rows each, a step apart along their own directions; with the class of each.
pub(super) fn labelled(sizes: &[usize], dimension: usize, seed: u64) -> (Array2<f32>, Vec<usize>) {
    let classes = sizes.iter().enumerate();
    let targets: Vec<usize> = classes
        .flat_map(|(class, &size)| std::iter::repeat_n(class, size))
        .collect();
    let mut rows = noise(targets.len(), dimension, seed);
    for (mut row, &class) in rows.rows_mut().into_iter().zip(&targets) {
        row[class % dimension] += 3.0;
    }
    (rows, targets)
}

/// An extractor with these errors, seen in ten blocks.
pub(crate) fn seen(squared_errors: &[f64]) -> HeldOut {
    HeldOut {
        accuracy: 0.5,
        interval: wilson(0.5, squared_errors.len()),
        mean_square_error: squared_errors.iter().sum::<f64>() / squared_errors.len() as f64,
        squared_errors: squared_errors.to_vec(),
        lambda: 1.0,
        blocks: 10,
        repeats: 10,
    }
}
