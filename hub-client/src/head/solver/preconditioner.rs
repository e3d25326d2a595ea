//! An approximate inverse of the Hessian, so that L-BFGS needs tens of iterations instead of hundreds.
//!
//! The Hessian of the objective for one class is `Σᵢ aᵢ xᵢxᵢᵀ + I` with `aᵢ = C wᵢ pᵢ(1−pᵢ)`. With ā the
//! mean of aᵢ over the rows, `(ā XᵀX + I)⁻¹` is close to its inverse wherever the probabilities do
//! not differ too much. The factor for a given ā is kept, with ā rounded to a power of two: a better
//! guess would not save an iteration, and cross-validation reuses few factors for many fits.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayViewMut2, Axis, Slice};

use super::cholesky::Cholesky;
use super::outer::add_outer;
use super::rows::Rows;

/// Up to this dimension the full matrix is factored (8 bytes × 4096² = 128 MiB); past it only its
/// diagonal is used.
const FULL_DIMENSIONS: usize = 4096;

/// Rows that go into the matrix: an evenly spaced sample of so many times the dimension is enough for
/// a guess.
const ROWS_PER_DIMENSION: usize = 2;

/// Rows turned to double precision at a time.
const ROW_BLOCK: usize = 256;

/// The mean outer product of the rows, and its factors.
#[derive(Debug)]
pub(super) struct Preconditioner {
    moments: Moments,
    /// By the exponent of the rounded curvature.
    factors: BTreeMap<i32, Cholesky>,
}

#[derive(Debug)]
enum Moments {
    Full(Array2<f64>),
    Diagonal(Array1<f64>),
}

impl Preconditioner {
    /// Sums up the rows.
    pub(super) fn new(rows: &Rows<'_>, threads: usize) -> Self {
        let dimensions = rows.dimensions();
        let wanted = (ROWS_PER_DIMENSION * dimensions).max(ROW_BLOCK);
        let sample: Vec<usize> = (0..rows.len())
            .step_by(rows.len().div_ceil(wanted).max(1))
            .collect();
        let scale = 1.0 / sample.len().max(1) as f64;
        let mut block = Array2::zeros((ROW_BLOCK.min(sample.len()), dimensions));
        let mut moments = if dimensions <= FULL_DIMENSIONS {
            Moments::Full(Array2::zeros((dimensions, dimensions)))
        } else {
            Moments::Diagonal(Array1::zeros(dimensions))
        };
        for chunk in sample.chunks(ROW_BLOCK) {
            rows.fill(chunk.iter().copied(), &mut block);
            let block = block.slice_axis(Axis(0), Slice::from(..chunk.len()));
            match &mut moments {
                Moments::Full(sum) => add_outer(scale, block, sum, threads),
                Moments::Diagonal(sum) => {
                    for row in block.rows() {
                        sum.zip_mut_with(&row, |sum, &value| *sum += scale * value * value);
                    }
                }
            }
        }
        Self {
            moments,
            factors: BTreeMap::new(),
        }
    }

    /// Multiplies each row by `(2^exponent · M + I)⁻¹`, M the mean outer product of the design's rows.
    pub(super) fn apply(&mut self, exponent: i32, vectors: &mut ArrayViewMut2<'_, f64>) {
        let curvature = f64::from(exponent).exp2();
        match &self.moments {
            Moments::Diagonal(moments) => {
                for mut vector in vectors.rows_mut() {
                    vector.zip_mut_with(moments, |value, &moment| {
                        *value /= curvature.mul_add(moment, 1.0);
                    });
                }
            }
            Moments::Full(moments) => {
                let factor = self
                    .factors
                    .entry(exponent)
                    .or_insert_with(|| factor(moments, curvature));
                factor.solve(vectors);
            }
        }
    }
}

fn factor(moments: &Array2<f64>, curvature: f64) -> Cholesky {
    // The identity makes it positive definite; only where the curvature drowns it in rounding does
    // more have to be added.
    let mut ridge = 1.0;
    for _ in 0..64 {
        let mut matrix = moments * curvature;
        matrix.diag_mut().map_inplace(|value| *value += ridge);
        if let Some(factor) = Cholesky::factor(matrix) {
            return factor;
        }
        ridge *= 16.0;
    }
    Cholesky::from_lower(Array2::eye(moments.nrows()))
}
