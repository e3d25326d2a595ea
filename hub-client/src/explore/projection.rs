//! Principal axes: the few directions in which images differ most.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use crate::explore::ExploreError;
use crate::explore::eigen::symmetric;
use crate::explore::moments::Covariance;
use crate::explore::neighbours::{check_finite, narrow, whole};
use crate::explore::random::SplitMix64;

/// More directions than asked for are followed, so that the last ones wanted are found well.
const SPARE: usize = 16;

/// Rounds at most.
const ROUNDS: usize = 40;

/// It is enough when a round finds no greater a share of variance more.
const ENOUGH: f64 = 1e-7;

/// An axis with a smaller part of the largest variance is rounding.
const FLOOR: f64 = 1e-10;

/// The principal axes of vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The mean, D.
    pub mean: Array1<f32>,
    /// Directions of length 1, at right angles to one another, k×D.
    pub axes: Array2<f32>,
    /// The variance along each, k, the largest first.
    pub variances: Vec<f64>,
    /// The mean variance along all other directions in which the vectors could differ.
    pub rest: f64,
}

impl Projection {
    /// Finds up to `count` axes of n×D vectors, n ≥ 2; fewer when the vectors differ in fewer
    /// directions. Block power iteration from a fixed start with a Rayleigh–Ritz step (Halko,
    /// Martinsson and Tropp, SIAM Review 53, 2011).
    ///
    /// # Errors
    /// [`ExploreError::TooFew`], [`ExploreError::NotFinite`].
    pub fn fit(rows: ArrayView2<'_, f32>, count: usize) -> Result<Self, ExploreError> {
        check_finite(rows)?;
        let (images, dimension) = rows.dim();
        if images < 2 {
            return Err(ExploreError::TooFew {
                what: "finding principal axes",
                needed: 2,
                found: images,
            });
        }
        let rows = whole(rows);
        let centred = Centred::new(rows.view());
        let width = (count + SPARE).min(images - 1).min(dimension);
        let basis = followed(
            start(dimension, width),
            |basis| centred.times(basis),
            |_, along| along.iter().map(|&value| f64::from(value).powi(2)).sum(),
            |along| centred.transposed_times(along).mapv(f64::from),
        );
        let along = centred.times(&basis).mapv(f64::from);
        let freedom = (images - 1) as f64;
        Ok(Subspace {
            within: along.t().dot(&along) / freedom,
            basis,
            variance: centred.squares / freedom,
            directions: (images - 1).min(dimension),
        }
        .projection(centred.mean, count))
    }

    /// The same from what was summed up of the vectors.
    pub(super) fn of_covariance(covariance: &Covariance, count: usize) -> Self {
        let matrix = &covariance.matrix;
        let directions = (covariance.count - 1).min(matrix.nrows());
        let basis = followed(
            start(matrix.nrows(), (count + SPARE).min(directions)),
            |basis| matrix.dot(basis),
            |basis, product| (basis * product).sum(),
            Array2::clone,
        );
        Subspace {
            within: basis.t().dot(&matrix.dot(&basis)),
            basis,
            variance: matrix.diag().sum(),
            directions,
        }
        .projection(covariance.mean.mapv(narrow), count)
    }

    /// Where vectors (n×D) lie along the axes, n×k.
    pub fn apply(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        let offset = self.axes.dot(&self.mean);
        rows.dot(&self.axes.t()) - offset
    }
}

fn start(dimension: usize, width: usize) -> Array2<f64> {
    let mut random = SplitMix64::new(1);
    let entry = || random.share() - 0.5;
    orthonormal(Array2::from_shape_simple_fn((dimension, width), entry))
}

/// Block power iteration on S, of which `half` takes the first step and `rest` the other one; `captured`
/// is the trace of BᵀSB.
fn followed<H>(
    mut basis: Array2<f64>,
    half: impl Fn(&Array2<f64>) -> H,
    captured: impl Fn(&Array2<f64>, &H) -> f64,
    rest: impl Fn(&H) -> Array2<f64>,
) -> Array2<f64> {
    let mut before = 0.0;
    for _ in 0..ROUNDS {
        let step = half(&basis);
        let now = captured(&basis, &step);
        if now - before <= ENOUGH * now {
            break;
        }
        before = now;
        basis = orthonormal(rest(&step));
    }
    basis
}

/// A few directions that hold the principal axes.
struct Subspace {
    /// D×l, orthonormal.
    basis: Array2<f64>,
    /// The covariance within, l×l.
    within: Array2<f64>,
    /// The sum of the variances along all directions.
    variance: f64,
    /// In how many directions the vectors could differ.
    directions: usize,
}

impl Subspace {
    /// Within the subspace, the axes are those of a small matrix.
    fn projection(self, mean: Array1<f32>, count: usize) -> Projection {
        let (values, turn) = symmetric(self.within.view());
        let largest = values.first().copied().unwrap_or(0.0);
        let kept = values
            .iter()
            .take(count)
            .take_while(|&&value| value > largest * FLOOR)
            .count();
        let turn = turn.slice_axis(Axis(1), Slice::from(..kept));
        let variances: Vec<f64> = values.iter().take(kept).copied().collect();
        let others = self.directions - kept;
        let left = (self.variance - variances.iter().sum::<f64>()).max(0.0);
        let axes = self.basis.dot(&turn).t().mapv(narrow);
        Projection {
            mean,
            axes: axes.as_standard_layout().into_owned(),
            variances,
            rest: if others > 0 {
                left / others as f64
            } else {
                0.0
            },
        }
    }
}

/// Vectors as if their mean had been subtracted, without a copy of them.
struct Centred<'a> {
    rows: ArrayView2<'a, f32>,
    mean: Array1<f32>,
    /// Sum of the squares of all centred numbers.
    squares: f64,
}

impl<'a> Centred<'a> {
    fn new(rows: ArrayView2<'a, f32>) -> Self {
        let mut sum = Array1::<f64>::zeros(rows.ncols());
        for row in rows.rows() {
            sum.zip_mut_with(&row, |sum, &value| *sum += f64::from(value));
        }
        let mean = (sum / rows.nrows() as f64).mapv(narrow);
        let squared = |row: ndarray::ArrayView1<'_, f32>| {
            let pairs = row.iter().zip(&mean);
            pairs
                .map(|(&value, &mean)| (f64::from(value) - f64::from(mean)).powi(2))
                .sum::<f64>()
        };
        let squares = rows.rows().into_iter().map(squared).sum();
        Self {
            rows,
            mean,
            squares,
        }
    }

    /// (X − 1 mᵀ) B, n×l.
    fn times(&self, basis: &Array2<f64>) -> Array2<f32> {
        let basis = basis.mapv(narrow);
        self.rows.dot(&basis) - self.mean.dot(&basis)
    }

    /// (X − 1 mᵀ)ᵀ Y, D×l.
    fn transposed_times(&self, along: &Array2<f32>) -> Array2<f32> {
        let sums = along.sum_axis(Axis(0));
        let mut product = self.rows.t().dot(along);
        for (mut row, &mean) in product.rows_mut().into_iter().zip(&self.mean) {
            row.zip_mut_with(&sums, |value, &sum| *value -= mean * sum);
        }
        product
    }
}

/// The columns made orthonormal (Gram and Schmidt, twice); one that depends on those before it is 0.
fn orthonormal(mut columns: Array2<f64>) -> Array2<f64> {
    for index in 0..columns.ncols() {
        let (before, mut rest) = columns.view_mut().split_at(Axis(1), index);
        let mut column = rest.column_mut(0);
        let length = column.dot(&column).sqrt();
        for _ in 0..2 {
            let shares = before.t().dot(&column);
            column -= &before.dot(&shares);
        }
        let left = column.dot(&column).sqrt();
        if left > length * 1e-6 && left > 0.0 {
            column /= left;
        } else {
            column.fill(0.0);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::moments::Moments;
    use crate::explore::sample::points;
    use ndarray::array;

    /// Axes from the whole covariance matrix.
    fn exact(rows: &Array2<f32>) -> (Array1<f64>, Array2<f64>) {
        let rows = rows.mapv(f64::from);
        let centred = &rows - &rows.mean_axis(Axis(0)).unwrap();
        let covariance = centred.t().dot(&centred) / (rows.nrows() - 1) as f64;
        symmetric(covariance.view())
    }

    fn stretched(rows: usize, dimension: usize) -> Array2<f32> {
        let scales = Array1::from_shape_fn(dimension, |column| narrow(0.8_f64.powf(column as f64)));
        points(rows, dimension, 11) * &scales + 3.0
    }

    #[test]
    fn the_axes_are_those_of_the_covariance() {
        for (images, dimension) in [(200, 30), (12, 40)] {
            let rows = stretched(images, dimension);
            let found = Projection::fit(rows.view(), 5).unwrap();
            let (values, vectors) = exact(&rows);
            for axis in 0..5 {
                let relative = found.variances[axis] / values[axis] - 1.0;
                assert!(relative.abs() < 1e-4, "{axis}: {relative}");
                let cosine: f64 = found
                    .axes
                    .row(axis)
                    .iter()
                    .zip(vectors.column(axis))
                    .map(|(&a, &b)| f64::from(a) * b)
                    .sum();
                assert!(cosine.abs() > 0.999, "{axis}: {cosine}");
            }
            let others = (images - 1).min(dimension) - 5;
            let rest: f64 = values.iter().skip(5).sum::<f64>() / others as f64;
            assert!((found.rest / rest - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn from_the_covariance_they_are_the_same() {
        for (images, dimension) in [(200, 30), (12, 40)] {
            let rows = stretched(images, dimension);
            let mut moments = Moments::new(dimension);
            for row in rows.rows() {
                moments.push(row.as_slice().unwrap());
            }
            let found = Projection::of_covariance(&moments.finish().unwrap(), 5);
            let (values, vectors) = exact(&rows);
            for (axis, row) in found.axes.rows().into_iter().enumerate() {
                assert!((found.variances[axis] / values[axis] - 1.0).abs() < 1e-4);
                let cosine = row.mapv(f64::from).dot(&vectors.column(axis));
                assert!(cosine.abs() > 0.999, "{axis}: {cosine}");
            }
            let fitted = Projection::fit(rows.view(), 5).unwrap();
            assert!((found.rest / fitted.rest - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn projected_vectors_have_the_variances_and_no_mean() {
        let rows = stretched(150, 20);
        let projection = Projection::fit(rows.view(), 4).unwrap();
        let along = projection.apply(rows.view()).mapv(f64::from);
        for (column, variance) in along.columns().into_iter().zip(&projection.variances) {
            assert!(column.mean().unwrap().abs() < 1e-5);
            assert!((column.var(1.0) / variance - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn few_directions_give_few_axes() {
        let line = array![
            [1.0_f32, 2.0, 3.0],
            [2.0, 4.0, 6.0],
            [5.0, 10.0, 15.0],
            [0.0, 0.0, 0.0]
        ];
        let projection = Projection::fit(line.view(), 3).unwrap();
        assert_eq!(projection.axes.nrows(), 1);
        assert!(projection.rest < 1e-5 * projection.variances[0]);
        let same = Array2::from_elem((5, 3), 2.0_f32);
        assert_eq!(Projection::fit(same.view(), 3).unwrap().axes.dim(), (0, 3));
        assert!(Projection::fit(array![[1.0_f32]].view(), 1).is_err());
    }
}
