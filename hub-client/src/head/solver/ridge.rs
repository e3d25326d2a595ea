//! Ridge regression of class codes on the side of the images, with exact held-out scores.
//!
//! Every class k has a code, +1 on its own images and −1 on all others, and a linear map that comes
//! close to it: `Σᵢ wᵢ ‖yᵢ − W x̃ᵢ‖² + λ‖W‖²`, x̃ the features with a one appended (the intercept is
//! penalised too). With X̂ = √w·X̃ and Ŷ = √w·Y the solution is `W = (G Ŷ)ᵀ X̂`, where
//! `G = (X̂X̂ᵀ + λ)⁻¹ = U diag(1/(s+λ)) Uᵀ`: one eigendecomposition of an n×n matrix serves every λ,
//! however long the features are.
//!
//! *How can a block be left out without fitting again?* The scores of the images of a block b by the
//! regression of all others are `Ŷ_b − (G_bb)⁻¹ (GŶ)_b`, exactly (block form of the identity for a
//! single image in Golub, Heath and Wahba, Technometrics 21, 1979; from the inverse of a partitioned
//! matrix). The weights of a block's images are divided out again afterwards.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use super::cholesky::Cholesky;
use super::rows::{COLUMN_BLOCK, gram};
use crate::explore::eigen::symmetric_within;

/// Most images: the n×n matrix has 8 MB then, and its decomposition takes some seconds.
pub const RIDGE_IMAGES: usize = 1_000;

/// Sweeps for each eigenvalue after which the decomposition gives up; two or three are usual.
const SWEEPS_PER_VALUE: usize = 100;

/// How often the diagonal of a block that is singular to rounding is raised, sixteen times more each
/// time: from the rounding of its entries past their size.
const RAISES: usize = 16;

/// What to regress.
#[derive(Clone, Copy, Debug)]
pub struct RidgeRequest<'a> {
    /// The class of every row, `0..classes`.
    pub targets: &'a [usize],
    /// How many classes.
    pub classes: usize,
    /// A positive weight for each row; all count alike when absent.
    pub row_weights: Option<&'a [f64]>,
    /// The map towards which the solution shrinks; zero when absent.
    pub towards: Option<Starter<'a>>,
}

/// A linear map to start from or to shrink towards.
#[derive(Clone, Copy, Debug)]
pub struct Starter<'a> {
    /// Weights, K×D.
    pub weights: &'a Array2<f64>,
    /// Intercepts, K.
    pub bias: &'a Array1<f64>,
}

/// A regression decomposed once, for every strength of the penalty and every division into blocks.
#[derive(Debug)]
pub struct Ridge<'a> {
    rows: ArrayView2<'a, f32>,
    towards: Option<Starter<'a>>,
    roots: Array1<f64>,
    /// s, n, at least 0.
    values: Array1<f64>,
    /// U, n×n, a column for each value.
    vectors: Array2<f64>,
    /// The starter's scores, n×K.
    starter_scores: Array2<f64>,
    /// What is left to explain, √w·(Y − starter's scores), n×K.
    rest: Array2<f64>,
    /// `Uᵀ rest`, n×K.
    projected: Array2<f64>,
}

/// Why a regression was not set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RidgeError {
    /// Too many rows.
    #[error(
        "ridge regression takes at most {RIDGE_IMAGES} images, and there are {images}: use logistic regression"
    )]
    TooManyImages {
        /// How many there are.
        images: usize,
    },
    /// The decomposition did not end.
    #[error(
        "the eigenvalues of the images' features could not be found: features that overflow f64 when multiplied?"
    )]
    NoConvergence,
}

impl<'a> Ridge<'a> {
    /// Decomposes rows, n×D, finite, n at least 1.
    ///
    /// # Errors
    /// [`RidgeError`].
    pub fn new(rows: ArrayView2<'a, f32>, request: &RidgeRequest<'a>) -> Result<Self, RidgeError> {
        let images = rows.nrows();
        if images > RIDGE_IMAGES {
            return Err(RidgeError::TooManyImages { images });
        }
        let roots = match request.row_weights {
            Some(weights) => weights.iter().map(|weight| weight.sqrt()).collect(),
            None => Array1::ones(images),
        };
        let (values, vectors) = decompose(&weighted_gram(rows, &roots))?;
        let starter_scores = match request.towards {
            Some(starter) => rows.mapv(f64::from).dot(&starter.weights.t()) + starter.bias,
            None => Array2::zeros((images, request.classes)),
        };
        let mut rest = codes(request.targets, request.classes) - &starter_scores;
        for (mut row, root) in rest.rows_mut().into_iter().zip(&roots) {
            row *= *root;
        }
        let projected = vectors.t().dot(&rest);
        Ok(Self {
            rows,
            towards: request.towards,
            roots,
            values,
            vectors,
            starter_scores,
            rest,
            projected,
        })
    }

    /// Weights K×D and intercepts K for a penalty λ > 0.
    pub fn coefficients(&self, lambda: f64) -> (Array2<f64>, Array1<f64>) {
        let mut multipliers = self.multipliers(lambda);
        for (mut row, root) in multipliers.rows_mut().into_iter().zip(&self.roots) {
            row *= *root;
        }
        let dimensions = self.rows.ncols();
        let mut weights = Array2::zeros((multipliers.ncols(), dimensions));
        for start in (0..dimensions).step_by(COLUMN_BLOCK) {
            let columns = Slice::from(start..dimensions.min(start + COLUMN_BLOCK));
            let block = self.rows.slice_axis(Axis(1), columns).mapv(f64::from);
            let mut target = weights.slice_axis_mut(Axis(1), columns);
            general_mat_mul(1.0, &multipliers.t(), &block, 0.0, &mut target);
        }
        let mut bias = multipliers.sum_axis(Axis(0));
        if let Some(starter) = self.towards {
            weights += starter.weights;
            bias += starter.bias;
        }
        (weights, bias)
    }

    /// The value of the objective at the minimum for a penalty λ, `λ · Σ rest · (G rest)`; counted from
    /// the starter.
    pub fn objective(&self, lambda: f64) -> f64 {
        lambda * (&self.rest * &self.multipliers(lambda)).sum()
    }

    /// The scores (n×K) of every row by the regression of the rows of all other blocks; `blocks` names
    /// the block of each row.
    pub fn held_out(&self, lambda: f64, blocks: &[usize]) -> Array2<f64> {
        let multipliers = self.multipliers(lambda);
        let inverse = self.values.mapv(|value| 1.0 / (value + lambda));
        let mut scores = self.starter_scores.clone();
        for members in members(blocks) {
            let vectors = self.vectors.select(Axis(0), &members);
            let block = (&vectors * &inverse).dot(&vectors.t());
            let mut error = multipliers.select(Axis(0), &members);
            solve(block, &mut error);
            for (&row, error) in members.iter().zip(error.rows()) {
                let held_out = (&self.rest.row(row) - &error) / self.roots[row];
                scores.row_mut(row).scaled_add(1.0, &held_out);
            }
        }
        scores
    }

    /// `G · rest`, n×K.
    fn multipliers(&self, lambda: f64) -> Array2<f64> {
        let mut shrunk = self.projected.clone();
        for (mut row, value) in shrunk.rows_mut().into_iter().zip(&self.values) {
            row /= value + lambda;
        }
        self.vectors.dot(&shrunk)
    }
}

/// +1 for the class of a row, −1 for every other; n×K.
pub fn codes(targets: &[usize], classes: usize) -> Array2<f64> {
    Array2::from_shape_fn((targets.len(), classes), |(row, class)| {
        if targets[row] == class { 1.0 } else { -1.0 }
    })
}

/// The rows of each block.
fn members(blocks: &[usize]) -> Vec<Vec<usize>> {
    let count = blocks.iter().max().map_or(0, |largest| largest + 1);
    let mut members = vec![Vec::new(); count];
    for (row, &block) in blocks.iter().enumerate() {
        members[block].push(row);
    }
    members.retain(|rows| !rows.is_empty());
    members
}

/// `√w·(X Xᵀ + 1)·√wᵀ`.
fn weighted_gram(rows: ArrayView2<'_, f32>, roots: &Array1<f64>) -> Array2<f64> {
    let mut gram = gram(rows);
    for ((i, j), value) in gram.indexed_iter_mut() {
        *value = (*value + 1.0) * roots[i] * roots[j];
    }
    gram
}

/// Eigenvalues, none below zero, and eigenvectors as columns.
fn decompose(matrix: &Array2<f64>) -> Result<(Array1<f64>, Array2<f64>), RidgeError> {
    let size = matrix.nrows();
    if !matrix.iter().all(|value| value.is_finite()) {
        return Err(RidgeError::NoConvergence);
    }
    let sweeps = SWEEPS_PER_VALUE * size;
    let (values, vectors) =
        symmetric_within(matrix.view(), sweeps).ok_or(RidgeError::NoConvergence)?;
    // The matrix is positive semidefinite; what lies below zero is rounding.
    Ok((values.mapv(|value| value.max(0.0)), vectors))
}

/// Replaces the columns of `right` by `matrix⁻¹ right`. The matrix is a diagonal block of a positive
/// definite inverse, hence positive definite itself; not in f64 when the penalty is below the rounding
/// of the features. Then its diagonal is raised by as little as makes it so.
fn solve(matrix: Array2<f64>, right: &mut Array2<f64>) {
    let largest = matrix.diag().iter().copied().fold(0.0, f64::max);
    let mut raise = largest * f64::EPSILON * matrix.nrows() as f64;
    let raised = || {
        let mut more = matrix.clone();
        more.diag_mut().mapv_inplace(|value| value + raise);
        raise *= 16.0;
        Cholesky::factor(more)
    };
    let factor = Cholesky::factor(matrix.clone())
        .or_else(|| std::iter::repeat_with(raised).take(RAISES).flatten().next());
    let Some(factor) = factor else {
        // Not finite, and neither are the scores.
        return right.fill(f64::NAN);
    };
    factor.solve(&mut right.view_mut().reversed_axes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::{difference, noise};
    use super::*;
    use proptest::prelude::*;

    /// Solves the normal equations in D+1 dimensions, as one would by hand.
    fn by_hand(
        rows: ArrayView2<'_, f32>,
        request: &RidgeRequest<'_>,
        lambda: f64,
        kept: &[usize],
    ) -> Array2<f64> {
        let extended = |row: usize| -> Array1<f64> {
            rows.row(row)
                .iter()
                .map(|&value| f64::from(value))
                .chain([1.0])
                .collect()
        };
        let size = rows.ncols() + 1;
        let codes = codes(request.targets, request.classes);
        let start = starter_matrix(request, size);
        let mut left = Array2::<f64>::eye(size) * lambda;
        let mut right = start.t().to_owned() * lambda;
        for &row in kept {
            let (x, weight) = (extended(row), request.row_weights.map_or(1.0, |w| w[row]));
            for i in 0..size {
                left.row_mut(i).scaled_add(weight * x[i], &x);
                right.row_mut(i).scaled_add(weight * x[i], &codes.row(row));
            }
        }
        solve(left, &mut right);
        right.reversed_axes()
    }

    fn objective_by_hand(
        rows: ArrayView2<'_, f32>,
        request: &RidgeRequest<'_>,
        lambda: f64,
        map: &Array2<f64>,
    ) -> f64 {
        let step = map - &starter_matrix(request, map.ncols());
        let mut value = lambda * step.iter().map(|v| v * v).sum::<f64>();
        for (i, row) in rows.rows().into_iter().enumerate() {
            let x: Array1<f64> = row.iter().map(|&v| f64::from(v)).chain([1.0]).collect();
            let error = &codes(request.targets, request.classes).row(i) - &map.dot(&x);
            value += request.row_weights.map_or(1.0, |w| w[i]) * error.dot(&error);
        }
        value
    }

    fn starter_matrix(request: &RidgeRequest<'_>, size: usize) -> Array2<f64> {
        request.towards.map_or_else(
            || Array2::zeros((request.classes, size)),
            |starter| {
                Array2::from_shape_fn((request.classes, size), |(k, j)| {
                    if j + 1 == size {
                        starter.bias[k]
                    } else {
                        starter.weights[[k, j]]
                    }
                })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Scores of every block equal those of a refit without it.
        #[test]
        fn held_out_scores_are_those_of_refits(
            images in 4_usize..24,
            dimensions in 1_usize..40,
            classes in 2_usize..4,
            seed in any::<u64>(),
            exponent in -3_i32..3,
            (weighted, started) in any::<(bool, bool)>(),
        ) {
            let rows = noise(seed, images, dimensions);
            let targets: Vec<usize> = (0..images).map(|row| row % classes).collect();
            let weights: Vec<f64> = (0..images).map(|row| 0.5 + (row % 5) as f64).collect();
            let (start, offset) = (noise(seed ^ 1, classes, dimensions).mapv(f64::from), Array1::from_elem(classes, 0.25));
            let request = RidgeRequest {
                targets: &targets,
                classes,
                row_weights: weighted.then_some(weights.as_slice()),
                towards: started.then_some(Starter { weights: &start, bias: &offset }),
            };
            let lambda = 10_f64.powi(exponent);
            let ridge = Ridge::new(rows.view(), &request).unwrap();
            let everyone: Vec<usize> = (0..images).collect();
            let (weights, bias) = ridge.coefficients(lambda);
            let expected = by_hand(rows.view(), &request, lambda, &everyone);
            for (k, row) in expected.rows().into_iter().enumerate() {
                let found: Array1<f64> = weights.row(k).iter().copied().chain([bias[k]]).collect();
                prop_assert!(found.iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-9));
            }
            let value = objective_by_hand(rows.view(), &request, lambda, &expected);
            prop_assert!((ridge.objective(lambda) - value).abs() < 1e-8 * (1.0 + value));

            let blocks: Vec<usize> = (0..images).map(|row| (row / classes) % 3).collect();
            let scores = ridge.held_out(lambda, &blocks);
            for block in 0..3 {
                let kept: Vec<usize> = everyone.iter().copied().filter(|&row| blocks[row] != block).collect();
                let refit = by_hand(rows.view(), &request, lambda, &kept);
                for row in everyone.iter().copied().filter(|&row| blocks[row] == block) {
                    let x: Array1<f64> = rows.row(row).iter().map(|&value| f64::from(value)).chain([1.0]).collect();
                    let expected = refit.dot(&x);
                    let apart = (&scores.row(row) - &expected).fold(0.0_f64, |most, value| most.max(value.abs()));
                    prop_assert!(apart < 1e-9, "{apart:e}");
                }
            }
        }
    }

    #[test]
    fn identical_images_and_constant_dimensions_are_solved() {
        let rows = Array2::from_elem((6, 3), 0.5_f32);
        let request = RidgeRequest {
            targets: &[0, 1, 0, 1, 0, 1],
            classes: 2,
            row_weights: None,
            towards: None,
        };
        let ridge = Ridge::new(rows.view(), &request).unwrap();
        let (weights, bias) = ridge.coefficients(1e-4);
        assert!(weights.iter().chain(&bias).all(|value| value.abs() < 1e-9));
        let scores = ridge.held_out(1e-4, &[0, 0, 1, 1, 2, 2]);
        assert!(difference(&scores, &Array2::zeros((6, 2))) < 1e-9);
    }

    #[test]
    fn a_penalty_below_the_rounding_of_the_features_still_gives_scores() {
        let rows = noise(3, 12, 4).mapv(|value| value * 1e6);
        let targets: Vec<usize> = (0..12).map(|row| row % 2).collect();
        let request = RidgeRequest {
            targets: &targets,
            classes: 2,
            row_weights: None,
            towards: None,
        };
        let ridge = Ridge::new(rows.view(), &request).unwrap();
        let blocks: Vec<usize> = (0..12).map(|row| row / 6).collect();
        for lambda in [1e-4, 1e-9, 1e-18, 1e-30] {
            let scores = ridge.held_out(lambda, &blocks);
            assert!(scores.iter().all(|score| score.is_finite()), "{lambda}");
        }
    }

    #[test]
    fn more_images_than_the_matrix_may_have_are_refused() {
        let rows = Array2::zeros((RIDGE_IMAGES + 1, 1));
        let targets = vec![0; RIDGE_IMAGES + 1];
        let request = RidgeRequest {
            targets: &targets,
            classes: 2,
            row_weights: None,
            towards: None,
        };
        assert_eq!(
            Ridge::new(rows.view(), &request).unwrap_err(),
            RidgeError::TooManyImages {
                images: RIDGE_IMAGES + 1
            }
        );
    }
}
