//! What all scores begin with: the Gram matrix of the rows and its eigenvalues.

use ndarray::{Array1, Array2, ArrayView2};

use crate::explore::eigen;
pub(super) use crate::head::solver::gram;

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
