//! Transformed rows that are made when they are read, so that many features are in memory once: neither
//! their order, nor what is held out, nor the transform takes a copy.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2};

use super::transform::{LENGTH_FLOOR, Transform, narrow};

/// Up to so many bytes of features a copy costs nothing that matters, and is read a little faster.
const SMALL_BYTES: usize = 64 << 20;

/// Some rows of a table, in some order, through a transform.
#[derive(Debug)]
pub(super) struct Transformed<'a> {
    /// Row after row.
    features: Cow<'a, [f32]>,
    dimension: usize,
    places: Vec<usize>,
    transform: Transform,
    /// What each row is divided by, where the transform divides lengths out.
    divisors: Vec<f32>,
}

impl<'a> Transformed<'a> {
    /// The rows of n×D features at these places.
    pub(super) fn new(
        features: ArrayView2<'a, f32>,
        places: Vec<usize>,
        transform: Transform,
    ) -> Self {
        let mut rows = Self {
            dimension: features.ncols(),
            features: match features.to_slice() {
                Some(values) => values.into(),
                None => features.iter().copied().collect(),
            },
            places,
            transform,
            divisors: Vec::new(),
        };
        let divisor = |&place: &usize| narrow(rows.length(place)).max(LENGTH_FLOOR);
        rows.divisors = match rows.transform {
            Transform::CentredL2 { .. } | Transform::L2 => {
                rows.places.iter().map(divisor).collect()
            }
            Transform::Standardise { .. } | Transform::None => Vec::new(),
        };
        rows
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// D.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Whether a copy of all rows costs nothing that matters.
    pub(super) fn is_small(&self) -> bool {
        self.len() * self.dimension() * size_of::<f32>() <= SMALL_BYTES
    }

    /// Writes a row, to the bit what [`Transform::apply`] makes of it, into D numbers.
    #[inline(always)]
    pub(super) fn write(&self, row: usize, out: &mut [f32]) {
        let source = self.source(self.places[row]);
        match &self.transform {
            Transform::Standardise { mean, scale } => {
                let by = mean.iter().zip(scale);
                for ((out, &value), (mean, scale)) in out.iter_mut().zip(source).zip(by) {
                    *out = (value - mean) / scale;
                }
            }
            Transform::CentredL2 { mean } => {
                let (divisor, mean) = (self.divisors[row], mean.as_slice().unwrap_or_default());
                for ((out, &value), mean) in out.iter_mut().zip(source).zip(mean) {
                    *out = (value - mean) / divisor;
                }
            }
            Transform::L2 => {
                let divisor = self.divisors[row];
                for (out, &value) in out.iter_mut().zip(source) {
                    *out = value / divisor;
                }
            }
            Transform::None => out.copy_from_slice(source),
        }
    }

    /// Some of the rows, as a table.
    pub(super) fn select(&self, rows: impl ExactSizeIterator<Item = usize>) -> Array2<f32> {
        let mut table = Array2::zeros((rows.len(), self.dimension()));
        for (mut out, row) in table.rows_mut().into_iter().zip(rows) {
            if let Some(out) = out.as_slice_mut() {
                self.write(row, out);
            }
        }
        table
    }

    /// All rows, as a table.
    pub(super) fn to_array(&self) -> Array2<f32> {
        self.select(0..self.len())
    }

    /// Shows each row in turn.
    pub(super) fn each(&self, mut see: impl FnMut(usize, &[f32])) {
        let mut row = vec![0.0; self.dimension()];
        for place in 0..self.len() {
            self.write(place, &mut row);
            see(place, &row);
        }
    }

    #[inline(always)]
    fn source(&self, place: usize) -> &[f32] {
        &self.features[place * self.dimension..(place + 1) * self.dimension]
    }

    fn length(&self, place: usize) -> f64 {
        let squared = |value: f32| f64::from(value) * f64::from(value);
        let source = self.source(place).iter();
        let squares: f64 = match &self.transform {
            Transform::CentredL2 { mean } => source
                .zip(mean)
                .map(|(&value, mean)| squared(value - mean))
                .sum(),
            _ => source.map(|&value| squared(value)).sum(),
        };
        squares.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::super::solver::tests::noise;
    use super::super::transform::TransformKind;
    use super::*;
    use ndarray::Axis;

    #[test]
    fn rows_are_to_the_bit_those_of_the_transform() {
        let features = noise(3, 40, 13);
        let places = vec![7, 0, 39, 7, 12];
        let expected_rows = features.select(Axis(0), &places);
        for kind in [
            TransformKind::Standardise,
            TransformKind::CentredL2,
            TransformKind::L2,
            TransformKind::None,
        ] {
            let transform = Transform::fit(kind, features.view());
            let expected = transform.apply(expected_rows.view());
            let rows = Transformed::new(features.view(), places.clone(), transform.clone());
            assert_eq!(rows.to_array(), expected, "{kind:?}");
            assert_eq!(
                rows.select([4, 1].into_iter()),
                expected.select(Axis(0), &[4, 1])
            );
            // Columns that do not follow one another in memory.
            let turned = features.t().to_owned();
            let rows = Transformed::new(turned.t(), places.clone(), transform);
            assert_eq!(rows.to_array(), expected, "{kind:?}");
        }
        let zero = Array2::zeros((2, 3));
        let rows = Transformed::new(zero.view(), vec![1], Transform::L2);
        assert_eq!(rows.to_array(), Array2::<f32>::zeros((1, 3)));
    }
}
