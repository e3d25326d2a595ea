//! The rows a fit works on: centred features, or the same rows in an orthonormal basis of their span.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};

use super::super::transform::{column_means, narrow};
use super::super::transformed::Transformed;
use super::cholesky::{Cholesky, PivotedCholesky};
use super::outer::{add_outer, mirror};

/// Columns turned to double precision at a time: bounds the working memory for long vectors.
pub(super) const COLUMN_BLOCK: usize = 1024;

/// A direction shorter than this part (squared) of the longest row is rounding of the f32 input.
const RANK_TOLERANCE: f64 = 1e-12;

/// `X Xᵀ` of n×D rows in double precision, n×n.
pub(crate) fn gram(rows: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut gram = Array2::zeros((rows.nrows(), rows.nrows()));
    for start in (0..rows.ncols()).step_by(COLUMN_BLOCK) {
        let columns = Slice::from(start..rows.ncols().min(start + COLUMN_BLOCK));
        let block = rows.slice_axis(Axis(1), columns).mapv(f64::from);
        general_mat_mul(1.0, &block, &block.t(), 1.0, &mut gram);
    }
    gram
}

/// Where rows come from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// A table of them.
    Table(Array2<f32>),
    /// They are made when they are read.
    Made(Transformed<'a>),
}

/// Centred rows.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    source: Source<'a>,
    mean: Array1<f64>,
    /// The mean in single precision, for work in single precision.
    centre: Array1<f32>,
    reduced: Option<Reduced>,
}

/// `X = L Qᵀ` with orthonormal Q. With P the pivot rows, `X_P = L_P Qᵀ`, so Q never needs to exist:
/// coordinates v of a direction stand for `v Qᵀ = v L_P⁻¹ X_P`.
#[derive(Debug)]
struct Reduced {
    coordinates: Array2<f64>,
    pivots: Vec<usize>,
    pivot_factor: Cholesky,
}

impl Source<'_> {
    /// n
    pub(super) fn nrows(&self) -> usize {
        match self {
            Self::Table(rows) => rows.nrows(),
            Self::Made(rows) => rows.len(),
        }
    }

    /// D
    pub(super) fn ncols(&self) -> usize {
        match self {
            Self::Table(rows) => rows.ncols(),
            Self::Made(rows) => rows.dimension(),
        }
    }

    /// Shows a row, which is put into `scratch` (D numbers) when it lies nowhere.
    #[inline(always)]
    pub(super) fn row<'r>(&'r self, row: usize, scratch: &'r mut [f32]) -> ArrayView1<'r, f32> {
        match self {
            Self::Table(rows) => rows.row(row),
            Self::Made(rows) => {
                rows.write(row, scratch);
                ArrayView1::from(&*scratch)
            }
        }
    }

    fn scratch(&self) -> Vec<f32> {
        match self {
            Self::Table(_) => Vec::new(),
            Self::Made(rows) => vec![0.0; rows.dimension()],
        }
    }

    fn column_means(&self) -> Array1<f64> {
        match self {
            Self::Table(rows) => column_means(rows.ncols(), rows.rows().into_iter()),
            Self::Made(rows) => {
                let mut sum = Array1::<f64>::zeros(rows.dimension());
                rows.each(|_, row| {
                    for (sum, &value) in sum.iter_mut().zip(row) {
                        *sum += f64::from(value);
                    }
                });
                sum / rows.len().max(1) as f64
            }
        }
    }
}

impl<'a> Rows<'a> {
    /// Centres n×D features, and reduces them when n < D.
    pub(super) fn new(source: Source<'a>, threads: usize) -> Self {
        let mean = source.column_means();
        let mut rows = Self {
            source,
            centre: mean.mapv(narrow),
            mean,
            reduced: None,
        };
        if rows.source.nrows() < rows.source.ncols() {
            rows.reduced = Some(rows.reduce(threads));
        }
        rows
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.source.nrows()
    }

    /// The dimension fits work in: D, or the rank of the rows when they are fewer than D.
    pub(super) fn dimensions(&self) -> usize {
        self.reduced
            .as_ref()
            .map_or(self.source.ncols(), |reduced| reduced.coordinates.ncols())
    }

    /// The rows as they came, not centred, n×D.
    pub(super) fn source(&self) -> &Source<'a> {
        &self.source
    }

    /// Whether fits work on the rows themselves.
    pub(super) fn is_whole(&self) -> bool {
        self.reduced.is_none()
    }

    /// The mean in single precision, D.
    pub(super) fn centre(&self) -> ArrayView1<'_, f32> {
        self.centre.view()
    }

    /// The scores of the centred rows by a map (K×D), n×K.
    pub(super) fn scores(&self, map: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut scores = Array2::zeros((self.len(), map.nrows()));
        for start in (0..self.source.ncols()).step_by(COLUMN_BLOCK) {
            for (row, mut scores) in scores.rows_mut().into_iter().enumerate() {
                let block = self.centred_columns(&[row], start);
                let end = start + block.ncols();
                let map = map.slice_axis(Axis(1), Slice::from(start..end));
                scores += &map.dot(&block.row(0));
            }
        }
        scores
    }

    /// Whether the rows vary enough around their mean for single precision to see it.
    pub(super) fn are_well_centred(&self) -> bool {
        let mean = self.mean.dot(&self.mean);
        let mut scratch = self.source.scratch();
        let sample = (0..self.len()).step_by((self.len() / 64).max(1));
        let squares = sample.map(|row| {
            let row = self.source.row(row, &mut scratch);
            let pairs = row.iter().zip(&self.mean);
            pairs
                .map(|(&value, mean)| (f64::from(value) - mean).powi(2))
                .sum::<f64>()
        });
        let (count, total) = squares.fold((0.0, 0.0), |(n, sum), square| (n + 1.0, sum + square));
        mean * f64::max(count, 1.0) <= 100.0 * total
    }

    /// The mean that was subtracted, D.
    pub(super) fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// Writes some rows in double precision into the top of a block with `dimensions()` columns.
    pub(super) fn fill(&self, rows: impl Iterator<Item = usize>, block: &mut Array2<f64>) {
        let mut scratch = self.source.scratch();
        for (row, mut target) in rows.zip(block.rows_mut()) {
            match &self.reduced {
                Some(reduced) => target.assign(&reduced.coordinates.row(row)),
                None => ndarray::Zip::from(&mut target)
                    .and(self.source.row(row, &mut scratch))
                    .and(&self.mean)
                    .for_each(|out, &value, &mean| *out = f64::from(value) - mean),
            }
        }
    }

    /// Carries directions from the basis of the fit (K×r) to the features' own (K×D).
    pub(super) fn expand(&self, directions: &Array2<f64>) -> Array2<f64> {
        let Some(reduced) = &self.reduced else {
            return directions.clone();
        };
        let mut representers = directions.clone();
        reduced
            .pivot_factor
            .solve_transposed(&mut representers.view_mut());
        let mut expanded = Array2::zeros((directions.nrows(), self.source.ncols()));
        for start in (0..self.source.ncols()).step_by(COLUMN_BLOCK) {
            let block = self.centred_columns(&reduced.pivots, start);
            let end = start + block.ncols();
            let mut target = expanded.slice_axis_mut(Axis(1), Slice::from(start..end));
            general_mat_mul(1.0, &representers, &block, 0.0, &mut target);
        }
        expanded
    }

    fn reduce(&self, threads: usize) -> Reduced {
        let everyone: Vec<usize> = (0..self.len()).collect();
        let mut gram = Array2::zeros((self.len(), self.len()));
        for start in (0..self.source.ncols()).step_by(COLUMN_BLOCK) {
            let block = self.centred_columns(&everyone, start);
            add_outer(1.0, block.t(), &mut gram, threads);
        }
        mirror(&mut gram);
        let PivotedCholesky { factor, pivots } = PivotedCholesky::factor(gram, RANK_TOLERANCE);
        let pivot_factor = Cholesky::from_lower(factor.select(Axis(0), &pivots));
        Reduced {
            coordinates: factor,
            pivots,
            pivot_factor,
        }
    }

    fn centred_columns(&self, rows: &[usize], start: usize) -> Array2<f64> {
        let end = self.source.ncols().min(start + COLUMN_BLOCK);
        let columns = Slice::from(start..end);
        let mut block = Array2::zeros((rows.len(), end - start));
        let mut scratch = self.source.scratch();
        for (&row, mut target) in rows.iter().zip(block.rows_mut()) {
            ndarray::Zip::from(&mut target)
                .and(
                    self.source
                        .row(row, &mut scratch)
                        .slice_axis(Axis(0), columns),
                )
                .and(self.mean.slice_axis(Axis(0), columns))
                .for_each(|out, &value, &mean| *out = f64::from(value) - mean);
        }
        block
    }
}
