//! The objective, its gradient and its curvature, in one pass over blocks of rows.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Slice};

use super::Request;
use super::lbfgs::Objective;
use super::pass::Pass;
use super::preconditioner::Preconditioner;
use super::rows::Rows;

/// Rows per block: the block, its scores and the weights stay in the processor's cache.
const BLOCK: usize = 128;

/// Relative rounding of the value, when products are made in double and in single precision.
const ROUNDING: [f64; 2] = [1e-13, 1e-8];

/// How much each row counts, and for which class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighing<'a> {
    pub(super) targets: &'a [usize],
    pub(super) class_weights: Option<&'a [f64]>,
    pub(super) row_weights: Option<&'a [f64]>,
}

impl Weighing<'_> {
    /// The class of a row, and how much the row counts.
    pub(super) fn of(&self, row: usize) -> (usize, f64) {
        let class = self.targets[row];
        let of_class = self.class_weights.map_or(1.0, |weights| weights[class]);
        let of_row = self.row_weights.map_or(1.0, |weights| weights[row]);
        (class, of_class * of_row)
    }
}

/// How products are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// In f64.
    Double,
    /// In f32, sums in f64, by so many threads.
    Single {
        /// Changes the time, not the result.
        threads: usize,
    },
}

/// `c · Σᵢ wᵢ (log Σₖ exp zᵢₖ − zᵢ,yᵢ) + ½‖W‖²` with `zᵢ = oᵢ + W xᵢ + b`, o the scores of the map
/// towards which the solution shrinks. A point is W (K×d, row by row) followed by b (K).
pub(super) struct Loss<'a, 'r> {
    rows: &'a Rows<'a>,
    preconditioner: &'a mut Preconditioner,
    request: &'a Request<'r>,
    weighing: Weighing<'r>,
    offset: Option<Array2<f64>>,
    precision: Precision,
    c: f64,
    /// `c · Σ wᵢ pᵢₖ(1−pᵢₖ)`, mean over classes, at the last point evaluated.
    curvature: f64,
    block: Array2<f64>,
    scores: Array2<f64>,
}

impl<'a, 'r> Loss<'a, 'r> {
    pub(super) fn new(
        rows: &'a Rows<'a>,
        preconditioner: &'a mut Preconditioner,
        request: &'a Request<'r>,
        c: f64,
        precision: Precision,
    ) -> Self {
        let block_rows = match precision {
            Precision::Double => BLOCK.min(request.targets.len()),
            Precision::Single { .. } => 0,
        };
        Self {
            rows,
            preconditioner,
            request,
            weighing: Weighing {
                targets: request.targets,
                class_weights: request.class_weights,
                row_weights: request.row_weights,
            },
            offset: request.towards.map(|map| rows.scores(map.view())),
            precision,
            c,
            curvature: 0.0,
            block: Array2::zeros((block_rows, rows.dimensions())),
            scores: Array2::zeros((block_rows, request.classes)),
        }
    }

    /// The point that knows only how frequent the classes are, and the largest entry of the gradient
    /// at zero, to measure convergence by.
    pub(super) fn origin(&mut self) -> (Vec<f64>, f64) {
        let size = self.request.classes * (self.rows.dimensions() + 1);
        let mut gradient = vec![0.0; size];
        let mut point = vec![0.0; size];
        self.evaluate(&point, &mut gradient);
        let scale = gradient
            .iter()
            .fold(0.0, |largest: f64, value| largest.max(value.abs()));

        let mut frequency = vec![0.0; self.request.classes];
        for row in 0..self.request.targets.len() {
            let (class, weight) = self.weighing.of(row);
            frequency[class] += weight;
        }
        let total: f64 = frequency.iter().sum();
        let bias = &mut point[self.request.classes * self.rows.dimensions()..];
        for (bias, frequency) in bias.iter_mut().zip(frequency) {
            // A class without rows in this fit gets a very small share, not minus infinity.
            *bias = (frequency / total).max(1e-6).ln();
        }
        (point, scale.max(f64::MIN_POSITIVE))
    }

    /// In single precision, each row read once.
    fn one_pass(&mut self, point: &[f64], gradient: &mut [f64], threads: usize) -> f64 {
        let (classes, dimensions) = (self.request.classes, self.rows.dimensions());
        let (weights, bias) = split(point, classes, dimensions);
        let sums = Pass {
            rows: self.rows.source(),
            centre: self.rows.centre(),
            weighing: self.weighing,
            offset: self.offset.as_ref().map(|offset| offset.view()),
            threads,
        }
        .run(weights, bias);
        let parts = sums.weights.iter().chain(&sums.bias);
        let penalty = weights
            .iter()
            .copied()
            .chain(std::iter::repeat_n(0.0, classes));
        for ((target, part), weight) in gradient.iter_mut().zip(parts).zip(penalty) {
            *target = self.c * part + weight;
        }
        self.curvature = self.c * sums.curvature / classes as f64;
        self.c * sums.loss + 0.5 * weights.iter().map(|weight| weight * weight).sum::<f64>()
    }

    /// In double precision, block by block.
    fn blocks(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let (classes, dimensions) = (self.request.classes, self.rows.dimensions());
        let (weights, bias) = split(point, classes, dimensions);
        let (weights_gradient, bias_gradient) = gradient.split_at_mut(classes * dimensions);
        weights_gradient.copy_from_slice(&point[..classes * dimensions]);
        bias_gradient.fill(0.0);
        let (mut loss, mut curvature) = (0.0, 0.0);
        for (index, chunk) in self.request.targets.chunks(BLOCK).enumerate() {
            let start = index * BLOCK;
            self.rows.fill(start..start + chunk.len(), &mut self.block);
            let block = self.block.slice_axis(Axis(0), Slice::from(..chunk.len()));
            let mut scores = self
                .scores
                .slice_axis_mut(Axis(0), Slice::from(..chunk.len()));
            add_scores(block, weights, bias, &mut scores);
            for (row, mut scores) in scores.rows_mut().into_iter().enumerate() {
                let (target, weight) = self.weighing.of(start + row);
                let weight = self.c * weight;
                if let Some(offset) = &self.offset {
                    scores += &offset.row(start + row);
                }
                let score = scores[target];
                loss += weight * (softmax(&mut scores) - score);
                curvature += weight * scores.iter().map(|p| p * (1.0 - p)).sum::<f64>();
                scores[target] -= 1.0;
                scores *= weight;
            }
            if let Ok(mut sum) =
                ArrayViewMut2::from_shape((classes, dimensions), &mut *weights_gradient)
            {
                general_mat_mul(1.0, &scores.t(), &block, 1.0, &mut sum);
            }
            ArrayViewMut1::from(&mut *bias_gradient).scaled_add(1.0, &scores.sum_axis(Axis(0)));
        }
        self.curvature = curvature / classes as f64;
        loss + 0.5 * weights.iter().map(|weight| weight * weight).sum::<f64>()
    }
}

impl Objective for Loss<'_, '_> {
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
        match self.precision {
            Precision::Double => self.blocks(point, gradient),
            Precision::Single { threads } => self.one_pass(point, gradient, threads),
        }
    }

    fn rounding(&self) -> f64 {
        match self.precision {
            Precision::Double => ROUNDING[0],
            Precision::Single { .. } => ROUNDING[1],
        }
    }

    fn precondition(&mut self, vector: &mut [f64]) {
        // Rounded to a power of two (see `preconditioner`); f64 exponents fit an i32 many times over.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "log2 of a clamped positive number is small"
        )]
        let exponent = self.curvature.clamp(1e-9, 1e12).log2().round() as i32;
        let (classes, dimensions) = (self.request.classes, self.rows.dimensions());
        let (weights, bias) = vector.split_at_mut(classes * dimensions);
        if let Ok(mut weights) = ArrayViewMut2::from_shape((classes, dimensions), weights) {
            self.preconditioner.apply(exponent, &mut weights);
        }
        let scale = 1.0 / f64::from(exponent).exp2();
        bias.iter_mut().for_each(|value| *value *= scale);
    }
}

fn add_scores(
    block: ArrayView2<'_, f64>,
    weights: ArrayView2<'_, f64>,
    bias: ArrayView1<'_, f64>,
    scores: &mut ArrayViewMut2<'_, f64>,
) {
    scores.assign(&bias);
    general_mat_mul(1.0, &block, &weights.t(), 1.0, scores);
}

/// Turns scores into probabilities and returns `log Σ exp`.
fn softmax(scores: &mut ArrayViewMut1<'_, f64>) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.mapv_inplace(|score| (score - largest).exp());
    let sum = scores.sum();
    *scores /= sum;
    largest + sum.ln()
}

fn split(
    point: &[f64],
    classes: usize,
    dimensions: usize,
) -> (ArrayView2<'_, f64>, ArrayView1<'_, f64>) {
    let (weights, bias) = point.split_at(classes * dimensions);
    let weights = ArrayView2::from_shape((classes, dimensions), weights);
    (
        weights.expect("the slice was cut to classes × dimensions"),
        ArrayView1::from(bias),
    )
}
