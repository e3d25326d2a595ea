//! Cholesky factors of symmetric matrices, in double precision.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut2, Axis, Slice};

/// Columns that are factored together.
const PANEL: usize = 64;

/// A lower triangular factor: `A = L Lᵀ`.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factors a symmetric matrix, reading its lower half; `None` when it is not positive definite.
    pub(super) fn factor(mut matrix: Array2<f64>) -> Option<Self> {
        let size = matrix.nrows();
        for start in (0..size).step_by(PANEL) {
            let end = size.min(start + PANEL);
            factor_panel(&mut matrix, start, end)?;
            // What lies to the right loses the panel's part, the lower half in slabs.
            for slab in (end..size).step_by(PANEL) {
                let slab_end = size.min(slab + PANEL);
                let (panel, mut right) = matrix
                    .slice_axis_mut(Axis(0), Slice::from(slab..))
                    .split_at(Axis(1), end);
                let panel = panel.slice_axis_move(Axis(1), Slice::from(start..));
                let top = panel.slice_axis(Axis(0), Slice::from(..slab_end - slab));
                let mut target =
                    right.slice_axis_mut(Axis(1), Slice::from(slab - end..slab_end - end));
                general_mat_mul(-1.0, &panel, &top.t(), 1.0, &mut target);
            }
        }
        Some(Self { lower: matrix })
    }

    /// Takes a matrix that already is lower triangular with a positive diagonal.
    pub(super) fn from_lower(lower: Array2<f64>) -> Self {
        Self { lower }
    }

    /// Replaces each row x by `(L Lᵀ)⁻¹ x`.
    pub(super) fn solve(&self, vectors: &mut ArrayViewMut2<'_, f64>) {
        for (i, lower) in self.lower.rows().into_iter().enumerate() {
            // Each row of the factor is read once for all vectors.
            let before = first(lower, i);
            for mut vector in vectors.rows_mut() {
                let known = before.dot(&first(vector.view(), i));
                vector[i] = (vector[i] - known) / lower[i];
            }
        }
        self.solve_transposed(vectors);
    }

    /// Replaces each row x by `L⁻ᵀ x`.
    pub(super) fn solve_transposed(&self, vectors: &mut ArrayViewMut2<'_, f64>) {
        for (i, lower) in self.lower.rows().into_iter().enumerate().rev() {
            let before = first(lower, i);
            for mut vector in vectors.rows_mut() {
                vector[i] /= lower[i];
                let value = vector[i];
                let mut earlier = vector.slice_axis_mut(Axis(0), Slice::from(..i));
                earlier.scaled_add(-value, &before);
            }
        }
    }
}

/// `A ≈ L Lᵀ` for a positive semidefinite A (n×n): L is n×rank with its rows in the order of A. The
/// rows named by `pivots`, in their order, form a lower triangle.
#[derive(Debug)]
pub(super) struct PivotedCholesky {
    pub(super) factor: Array2<f64>,
    pub(super) pivots: Vec<usize>,
}

impl PivotedCholesky {
    /// Factors until what remains on the diagonal is at most `tolerance` times the largest entry.
    /// (Higham, *Accuracy and Stability of Numerical Algorithms*, §10.3.)
    pub(super) fn factor(matrix: Array2<f64>, tolerance: f64) -> Self {
        let count = matrix.nrows();
        let mut rest = matrix.diag().to_owned();
        let floor = tolerance * rest.iter().copied().fold(0.0, f64::max);
        let mut factor = Array2::<f64>::zeros((count, count));
        let mut pivots = Vec::new();
        while let Some(pivot) = largest_above(&rest, floor) {
            let step = pivots.len();
            let known = factor
                .slice_axis(Axis(1), Slice::from(..step))
                .dot(&first(factor.row(pivot), step));
            let mut column = (&matrix.column(pivot) - &known) / rest[pivot].sqrt();
            for &earlier in &pivots {
                column[earlier] = 0.0;
            }
            rest.zip_mut_with(&column, |rest, &value| *rest -= value * value);
            rest[pivot] = 0.0;
            factor.column_mut(step).assign(&column);
            pivots.push(pivot);
        }
        let factor = factor
            .slice_axis(Axis(1), Slice::from(..pivots.len()))
            .to_owned();
        Self { factor, pivots }
    }
}

/// Factors the columns `start..end`, from which everything to their left has been subtracted.
fn factor_panel(matrix: &mut Array2<f64>, start: usize, end: usize) -> Option<()> {
    for i in start..matrix.nrows() {
        for j in start..end.min(i + 1) {
            let known = Slice::from(start..j);
            let left = matrix.row(i).slice_axis_move(Axis(0), known);
            let product = left.dot(&matrix.row(j).slice_axis_move(Axis(0), known));
            let rest = matrix[[i, j]] - product;
            if i != j {
                matrix[[i, j]] = rest / matrix[[j, j]];
            } else if rest > 0.0 {
                matrix[[i, i]] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(())
}

fn first(vector: ArrayView1<'_, f64>, length: usize) -> ArrayView1<'_, f64> {
    vector.slice_axis_move(Axis(0), Slice::from(..length))
}

/// The first of the largest entries, when it lies above the floor.
fn largest_above(values: &Array1<f64>, floor: f64) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (index, &value) in values.iter().enumerate() {
        if value > floor && best.is_none_or(|best| value > values[best]) {
            best = Some(index);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use ndarray::array;

    #[test]
    fn solves_a_system() {
        let matrix = array![[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let expected = array![1.0, -2.0, 0.5];
        let mut rows = ndarray::stack![Axis(0), matrix.dot(&expected), Array1::zeros(3)];
        Cholesky::factor(matrix)
            .unwrap()
            .solve(&mut rows.view_mut());
        assert!((&rows.row(0) - &expected).iter().all(|d| d.abs() < 1e-14));
        assert_eq!(rows.row(1), array![0.0, 0.0, 0.0]);
    }

    #[test]
    fn an_indefinite_matrix_has_no_factor() {
        assert!(Cholesky::factor(array![[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(Cholesky::factor(array![[f64::NAN]]).is_none());
    }

    #[test]
    fn duplicates_lower_the_rank() {
        let rows = array![
            [1.0, 2.0, 3.0, 0.5],
            [1.0, 2.0, 3.0, 0.5],
            [0.0, 1.0, -1.0, 2.0]
        ];
        let gram = rows.dot(&rows.t());
        let PivotedCholesky { factor, pivots } = PivotedCholesky::factor(gram.clone(), 1e-12);
        assert_eq!(pivots, [0, 2]);
        assert!(
            (factor.dot(&factor.t()) - gram)
                .iter()
                .all(|d| d.abs() < 1e-12)
        );
        assert_eq!(
            factor.select(Axis(0), &pivots)[[0, 1]],
            0.0,
            "lower triangular"
        );
    }

    #[test]
    fn nothing_has_rank_zero() {
        let PivotedCholesky { factor, pivots } =
            PivotedCholesky::factor(Array2::zeros((3, 3)), 1e-12);
        assert_eq!((factor.dim(), pivots.len()), ((3, 0), 0));
    }
}
