//! Multinomial logistic regression with an L2 penalty, solved to a gradient tolerance.
//!
//! ```
//! # use hub_client::head::solver::{Design, Request};
//! # use ndarray::array;
//! let mut design = Design::new(array![[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.2]]);
//! let fit = design.fit(&Request::new(&[0, 0, 1, 1], 2, 10.0));
//! let (weights, bias) = design.coefficients(&fit);
//! assert_eq!((weights.dim(), bias.len()), ((2, 2), 2));
//! assert!(fit.converged);
//! ```
//!
//! The objective is scikit-learn's, `C · Σᵢ wᵢ lossᵢ + ½‖W‖²` with a free intercept. Two classes use
//! one coefficient vector there; in the symmetric form used here (W₁ = −W₀ = w/2) that is the
//! same problem with C halved, so probabilities agree for any number of classes.
//!
//! *Why is it quick with few images?* With n < D rows, the solution lies in the span of the rows. The
//! rows are rewritten once in an orthonormal basis of that span (n×r, r ≤ n), every fit happens there,
//! exactly, and only coefficients are carried back to D dimensions.

mod cholesky;
mod lbfgs;
mod line_search;
mod objective;
mod outer;
mod pass;
mod preconditioner;
mod ridge;
mod rows;

use std::num::NonZeroUsize;
use std::thread;

use ndarray::{Array1, Array2};

use self::lbfgs::Stop;
use self::objective::{Loss, Precision};
use self::preconditioner::Preconditioner;
pub use self::ridge::{RIDGE_IMAGES, Ridge, RidgeError, RidgeRequest, Starter, codes};
pub(crate) use self::rows::gram;
use self::rows::{Rows, Source};
use super::transformed::Transformed;

/// Features prepared for several fits, with different strengths of the penalty.
#[derive(Debug)]
pub struct Design<'a> {
    rows: Rows<'a>,
    preconditioner: Preconditioner,
    threads: usize,
}

/// Products (rows × dimensions × classes) from which a pass in single precision by all threads pays.
const LARGE: usize = 1 << 21;

/// Most classes whose weights stay in the cache during such a pass.
const SINGLE_PASS_CLASSES: usize = 64;

/// The gradient tolerance when none is asked for. Where it ends the objective is below the one at which
/// scikit-learn's own default ends.
pub const TOLERANCE: f64 = 1e-4;

/// The gradient tolerance that single precision reaches.
const SINGLE_TOLERANCE: f64 = 1e-5;

/// One fit: the classes of the rows, and how strong the penalty.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The class of every row of the design, `0..classes`.
    pub targets: &'a [usize],
    /// How many classes, at least two.
    pub classes: usize,
    /// C: the inverse strength of the penalty, positive.
    pub c: f64,
    /// A positive weight for each class.
    pub class_weights: Option<&'a [f64]>,
    /// A positive weight for each row.
    pub row_weights: Option<&'a [f64]>,
    /// Weights K×D towards which the penalty pulls, instead of zero.
    pub towards: Option<&'a Array2<f64>>,
    /// Converged when the largest entry of the gradient is this small relative to the one at zero.
    pub tolerance: f64,
    /// Most iterations.
    pub iterations: usize,
    /// Where to start: a fit of the same design with the same classes.
    pub start: Option<&'a Fit>,
}

/// The minimum that was found.
#[derive(Clone, Debug)]
pub struct Fit {
    /// K×r, in the basis of the design.
    coordinates: Array2<f64>,
    /// K, for centred rows.
    bias: Array1<f64>,
    /// What the coordinates are added to, K×D.
    base: Option<Array2<f64>>,
    /// The value of scikit-learn's objective.
    pub objective: f64,
    /// Iterations of L-BFGS.
    pub iterations: usize,
    /// Whether the gradient tolerance was reached.
    pub converged: bool,
}

impl<'a> Design<'a> {
    /// Prepares finite features, n×D with n ≥ 1, for fits by all cores.
    pub fn new(features: Array2<f32>) -> Self {
        Self::with_threads(
            features,
            thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        )
    }

    /// The same for fits by so many threads, which changes nothing but the time.
    pub fn with_threads(features: Array2<f32>, threads: NonZeroUsize) -> Self {
        Self::of(Source::Table(features), threads.get())
    }

    /// The same of rows that are made when they are read: no second table of many is held.
    pub(super) fn over(rows: Transformed<'a>) -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let source = match rows.is_small() {
            true => Source::Table(rows.to_array()),
            false => Source::Made(rows),
        };
        Self::of(source, threads.get())
    }

    fn of(source: Source<'a>, threads: usize) -> Self {
        let rows = Rows::new(source, threads);
        let preconditioner = Preconditioner::new(&rows, threads);
        Self {
            rows,
            preconditioner,
            threads,
        }
    }

    /// Minimises the objective. The same request gives the same bits, whatever the number of threads.
    ///
    /// Large problems are brought to a tolerance of 1e-5 in single precision, and on from there in
    /// double precision when a smaller one is asked for.
    pub fn fit(&mut self, request: &Request<'_>) -> Fit {
        let start = request.start;
        let mut used = 0;
        let mut first = None;
        if self.is_large(request) {
            let precision = Precision::Single {
                threads: self.threads,
            };
            let tolerance = request.tolerance.max(SINGLE_TOLERANCE);
            let fit = self.descend(
                &Request {
                    tolerance,
                    ..*request
                },
                precision,
                start,
            );
            if fit.converged && tolerance <= request.tolerance {
                return fit;
            }
            used = fit.iterations;
            first = Some(fit);
        }
        let left = Request {
            iterations: request.iterations.saturating_sub(used).max(1),
            ..*request
        };
        let mut fit = self.descend(&left, Precision::Double, first.as_ref().or(start));
        fit.iterations += used;
        fit
    }

    fn is_large(&self, request: &Request<'_>) -> bool {
        let (rows, dimensions) = (self.rows.len(), self.rows.dimensions());
        self.rows.is_whole()
            && request.classes <= SINGLE_PASS_CLASSES
            && rows
                .saturating_mul(dimensions)
                .saturating_mul(request.classes)
                >= LARGE
            && self.rows.are_well_centred()
    }

    fn descend(&mut self, request: &Request<'_>, precision: Precision, start: Option<&Fit>) -> Fit {
        let symmetric_c = if request.classes == 2 {
            request.c / 2.0
        } else {
            request.c
        };
        let dimensions = self.rows.dimensions();
        let (rows, preconditioner) = (&self.rows, &mut self.preconditioner);
        let mut loss = Loss::new(rows, preconditioner, request, symmetric_c, precision);
        let (origin, gradient_at_zero) = loss.origin();
        let start = match start {
            Some(fit) => fit.coordinates.iter().chain(&fit.bias).copied().collect(),
            None => origin,
        };
        let stop = Stop {
            gradient: request.tolerance * gradient_at_zero,
            iterations: request.iterations,
        };
        let minimum = lbfgs::minimise(&mut loss, start, &stop);

        let (coordinates, bias) = minimum.point.split_at(request.classes * dimensions);
        let coordinates =
            Array2::from_shape_vec((request.classes, dimensions), coordinates.to_vec());
        Fit {
            coordinates: coordinates.unwrap_or_default(),
            bias: Array1::from(bias.to_vec()),
            base: request.towards.cloned(),
            objective: minimum.value * (request.c / symmetric_c),
            iterations: minimum.iterations,
            converged: minimum.converged,
        }
    }

    /// The coefficients K×D and intercepts K for features as they were given. The intercepts are
    /// shifted to sum to zero, which softmax does not see.
    pub fn coefficients(&self, fit: &Fit) -> (Array2<f64>, Array1<f64>) {
        let mut weights = self.rows.expand(&fit.coordinates);
        if let Some(base) = &fit.base {
            weights += base;
        }
        let mut bias = &fit.bias - &weights.dot(self.rows.mean());
        let shift = bias.mean().unwrap_or_default();
        bias -= shift;
        (weights, bias)
    }
}

impl<'a> Request<'a> {
    /// A request with the usual [`TOLERANCE`] and at most 1,000 iterations, unweighted.
    pub fn new(targets: &'a [usize], classes: usize, c: f64) -> Self {
        Self {
            targets,
            classes,
            c,
            class_weights: None,
            row_weights: None,
            towards: None,
            tolerance: TOLERANCE,
            iterations: 1_000,
            start: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
