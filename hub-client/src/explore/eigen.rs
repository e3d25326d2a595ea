//! Eigenvalues of symmetric matrices: the only door to the library that computes them.

use nalgebra::{DMatrix, Dyn, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2};

/// The eigenvalues of a symmetric n×n matrix, the largest first, and the eigenvectors as columns in
/// that order. The largest entry of each vector is positive, so that the signs are no accident.
pub(crate) fn symmetric(matrix: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    in_order(&SymmetricEigen::new(copy(matrix)))
}

/// The same, or `None` when it takes more sweeps.
pub(crate) fn symmetric_within(
    matrix: ArrayView2<'_, f64>,
    sweeps: usize,
) -> Option<(Array1<f64>, Array2<f64>)> {
    let found = SymmetricEigen::try_new(copy(matrix), f64::EPSILON, sweeps)?;
    Some(in_order(&found))
}

fn copy(matrix: ArrayView2<'_, f64>) -> DMatrix<f64> {
    let size = matrix.nrows();
    DMatrix::from_fn(size, size, |row, column| matrix[[row, column]])
}

fn in_order(eigen: &SymmetricEigen<f64, Dyn>) -> (Array1<f64>, Array2<f64>) {
    let size = eigen.eigenvalues.len();
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&one, &other| eigen.eigenvalues[other].total_cmp(&eigen.eigenvalues[one]));
    let values = order
        .iter()
        .map(|&index| eigen.eigenvalues[index])
        .collect();
    let mut vectors = Array2::zeros((size, size));
    for (mut column, &index) in vectors.columns_mut().into_iter().zip(&order) {
        let found = eigen.eigenvectors.column(index);
        let largest = found.iter().copied().fold(0.0_f64, |largest, value| {
            if value.abs() > largest.abs() {
                value
            } else {
                largest
            }
        });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        for (entry, &value) in column.iter_mut().zip(found.iter()) {
            *entry = sign * value;
        }
    }
    (values, vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::sample::points;

    #[test]
    fn the_product_is_the_matrix_again() {
        let rows = points(7, 7, 4).mapv(f64::from);
        let matrix = &rows + &rows.t();
        let (values, vectors) = symmetric(matrix.view());
        let again = (&vectors * &values).dot(&vectors.t());
        assert!(
            (again - matrix)
                .iter()
                .all(|difference| difference.abs() < 1e-9)
        );
        assert!(values.windows(2).into_iter().all(|pair| pair[0] >= pair[1]));
    }
}
