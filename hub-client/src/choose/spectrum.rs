//! What all scores begin with: the Gram matrix of the rows and its eigenvalues.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use crate::explore::eigen;

/// Columns turned to double precision at a time: bounds the working memory for long vectors.
const COLUMN_BLOCK: usize = 1024;

/// `F Fᵀ = U diag(σ) Uᵀ` of n×D rows; n is small, D does not matter.
#[derive(Debug)]
pub(super) struct Spectrum {
    /// σ, n, the largest first, none below 0.
    pub(super) values: Array1<f64>,
    /// U, n×n, an eigenvector a column.
    pub(super) vectors: Array2<f64>,
}

impl Spectrum {
    pub(super) fn of(gram: ArrayView2<'_, f64>) -> Self {
        let (values, vectors) = eigen::symmetric(gram);
        Self {
            values: values.mapv(|value| value.max(0.0)),
            vectors,
        }
    }
}

/// `F Fᵀ` in double precision, n×n.
pub(super) fn gram(rows: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut gram = Array2::zeros((rows.nrows(), rows.nrows()));
    for start in (0..rows.ncols()).step_by(COLUMN_BLOCK) {
        let columns = Slice::from(start..rows.ncols().min(start + COLUMN_BLOCK));
        let block = rows.slice_axis(Axis(1), columns).mapv(f64::from);
        gram += &block.dot(&block.t());
    }
    gram
}
