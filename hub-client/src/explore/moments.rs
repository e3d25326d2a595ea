//! Mean and covariance of vectors that pass by once.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Axis, Slice};

use crate::explore::ExploreError;

/// Vectors that are added at a time.
const BLOCK_ROWS: usize = 256;

/// What has been seen so far: D×D numbers, however many vectors there are.
#[derive(Debug)]
pub(super) struct Moments {
    count: usize,
    /// Subtracted before anything is summed, so that a large mean costs no digits: the mean of the first
    /// block.
    shift: Option<Array1<f64>>,
    sum: Array1<f64>,
    products: Array2<f64>,
    block: Array2<f64>,
    filled: usize,
}

/// Mean and covariance.
#[derive(Debug)]
pub(super) struct Covariance {
    /// Vectors they are of.
    pub(super) count: usize,
    /// D.
    pub(super) mean: Array1<f64>,
    /// D×D, divided by one less than the number of vectors.
    pub(super) matrix: Array2<f64>,
}

impl Moments {
    pub(super) fn new(dimension: usize) -> Self {
        Self {
            count: 0,
            shift: None,
            sum: Array1::zeros(dimension),
            products: Array2::zeros((dimension, dimension)),
            block: Array2::zeros((BLOCK_ROWS, dimension)),
            filled: 0,
        }
    }

    /// Adds a vector of D finite numbers.
    pub(super) fn push(&mut self, vector: &[f32]) {
        let row = self.block.row_mut(self.filled);
        for (to, &value) in row.into_iter().zip(vector) {
            *to = f64::from(value);
        }
        self.filled += 1;
        if self.filled == BLOCK_ROWS {
            self.absorb();
        }
    }

    /// # Errors
    /// [`ExploreError::TooFew`] when fewer than two vectors were added.
    pub(super) fn finish(mut self) -> Result<Covariance, ExploreError> {
        self.absorb();
        let (Some(shift), true) = (self.shift, self.count >= 2) else {
            return Err(ExploreError::TooFew {
                what: "a covariance",
                needed: 2,
                found: self.count,
            });
        };
        let count = self.count as f64;
        let offset = self.sum / count;
        let mut matrix = self.products;
        for (mut row, &own) in matrix.rows_mut().into_iter().zip(&offset) {
            row.scaled_add(-count * own, &offset);
        }
        matrix /= count - 1.0;
        Ok(Covariance {
            count: self.count,
            mean: shift + offset,
            matrix,
        })
    }

    fn absorb(&mut self) {
        let rows = Slice::from(..self.filled);
        let mut block = self.block.slice_axis_mut(Axis(0), rows);
        if block.is_empty() {
            return;
        }
        let shift = &*self
            .shift
            .get_or_insert_with(|| block.sum_axis(Axis(0)) / block.nrows() as f64);
        block -= shift;
        self.sum += &block.sum_axis(Axis(0));
        general_mat_mul(1.0, &block.t(), &block, 1.0, &mut self.products);
        self.count += self.filled;
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::points;

    #[test]
    fn passing_by_once_is_enough() {
        // A mean a thousand times the deviation, and a last block that is not full.
        let rows = points(700, 9, 3) + 1000.0;
        let mut moments = Moments::new(9);
        for row in rows.rows() {
            moments.push(row.as_slice().unwrap());
        }
        let found = moments.finish().unwrap();
        let exact = rows.mapv(f64::from);
        let mean = exact.mean_axis(Axis(0)).unwrap();
        let centred = &exact - &mean;
        let covariance = centred.t().dot(&centred) / 699.0;
        assert_eq!(found.count, 700);
        assert!((&found.mean - &mean).iter().all(|gap| gap.abs() < 1e-9));
        let apart = (&found.matrix - &covariance).mapv(f64::abs);
        assert!(apart.iter().all(|&gap| gap < 1e-12), "{apart}");
    }

    #[test]
    fn one_vector_has_no_covariance() {
        let mut moments = Moments::new(2);
        moments.push(&[1.0, 2.0]);
        let refused = moments.finish();
        assert!(matches!(
            refused,
            Err(ExploreError::TooFew { found: 1, .. })
        ));
    }
}
