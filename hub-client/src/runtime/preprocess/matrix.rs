//! One pass of a resize as a matrix, for graphs that resize numbers.

use ndarray::Array2;
use registry_schema::preprocess::Filter;

use super::kernel::{Axis, Kernel, PRECISION};

/// The weights of `source` pixels in each of `target` pixels along one axis, `[target, source]`. Rows sum to 1 up to the
/// rounding of weights to 22 bits of fraction.
pub(crate) fn resize_matrix(filter: Filter, source: u32, target: u32) -> Array2<f32> {
    let (source, target) = (source.max(1) as usize, target.max(1) as usize);
    let axis = Axis {
        source,
        target,
        start: 0,
        length: target,
    };
    let mut matrix = Array2::zeros((target, source));
    let Some(kernel) = Kernel::new(filter, axis) else {
        // The pixel under the centre of each.
        for (row, mut weights) in matrix.rows_mut().into_iter().enumerate() {
            weights[(2 * row + 1) * source / (2 * target)] = 1.0;
        }
        return matrix;
    };
    let unit = f64::from(1_u32 << PRECISION);
    for ((first, weights), mut row) in kernel.windows().zip(matrix.rows_mut()) {
        for (column, &weight) in (first..).zip(weights) {
            #[expect(clippy::cast_possible_truncation, reason = "graphs hold float32")]
            let weight = (f64::from(weight) / unit) as f32;
            row[column] = weight;
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_means() {
        for filter in [
            Filter::Nearest,
            Filter::Box,
            Filter::Bilinear,
            Filter::Bicubic,
            Filter::Lanczos,
        ] {
            for (source, target) in [(8, 3), (5, 5), (3, 7)] {
                let matrix = resize_matrix(filter, source, target);
                assert_eq!(matrix.dim(), (target as usize, source as usize));
                for row in matrix.rows() {
                    assert!(
                        (row.sum() - 1.0).abs() < 1e-5,
                        "{filter:?} {source} {target}: {row}"
                    );
                }
            }
        }
        assert_eq!(
            resize_matrix(Filter::Box, 4, 2).row(1).to_vec(),
            [0.0, 0.0, 0.5, 0.5]
        );
    }
}
