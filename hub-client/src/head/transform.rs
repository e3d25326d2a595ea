//! What is done to features before the linear map.
//!
//! Centring and then dividing by the length is not an affine map, so it cannot be folded into the
//! weights: an exported head carries the subtraction, the norm and the product as three steps.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

/// A vector shorter than this is left as it is when lengths are divided out: it has no direction.
pub const LENGTH_FLOOR: f32 = 1e-12;

/// Which transform to fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransformKind {
    /// `(x − mean) / scale` per dimension.
    Standardise,
    /// `(x − mean) / ‖x − mean‖`: the default, for the cosine distance.
    #[default]
    CentredL2,
    /// `x / ‖x‖`.
    L2,
    /// Features as they are.
    None,
}

/// A fitted transform; every vector has the dimension the head was trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// `(x − mean) / scale` per dimension.
    Standardise {
        /// Mean of the training features.
        mean: Array1<f32>,
        /// Standard deviation of the training features, positive; 1 for constant dimensions.
        scale: Array1<f32>,
    },
    /// `(x − mean) / max(‖x − mean‖, LENGTH_FLOOR)`.
    CentredL2 {
        /// Mean of the training features.
        mean: Array1<f32>,
    },
    /// `x / max(‖x‖, LENGTH_FLOOR)`.
    L2,
    /// `x`.
    None,
}

impl Transform {
    /// Fits a transform to finite features, n×D with n ≥ 1.
    pub fn fit(kind: TransformKind, features: ArrayView2<'_, f32>) -> Self {
        match kind {
            TransformKind::Standardise => {
                let mean = column_means(features);
                let scale = deviations(features, &mean);
                Self::Standardise {
                    mean: mean.mapv(narrow),
                    scale: scale.mapv(narrow),
                }
            }
            TransformKind::CentredL2 => Self::CentredL2 {
                mean: column_means(features).mapv(narrow),
            },
            TransformKind::L2 => Self::L2,
            TransformKind::None => Self::None,
        }
    }

    /// Which transform this is.
    pub fn kind(&self) -> TransformKind {
        match self {
            Self::Standardise { .. } => TransformKind::Standardise,
            Self::CentredL2 { .. } => TransformKind::CentredL2,
            Self::L2 => TransformKind::L2,
            Self::None => TransformKind::None,
        }
    }

    /// Transforms features, n×D, D as it was fitted.
    pub fn apply(&self, features: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut rows = match self {
            Self::Standardise { mean, scale } => return (&features - mean) / scale,
            Self::CentredL2 { mean } => &features - mean,
            Self::L2 => features.to_owned(),
            Self::None => return features.to_owned(),
        };
        for mut row in rows.axis_iter_mut(Axis(0)) {
            let length = row
                .iter()
                .map(|&value| f64::from(value) * f64::from(value))
                .sum::<f64>()
                .sqrt();
            row /= narrow(length).max(LENGTH_FLOOR);
        }
        rows
    }
}

fn column_means(features: ArrayView2<'_, f32>) -> Array1<f64> {
    let mut sum = Array1::<f64>::zeros(features.ncols());
    for row in features.rows() {
        Zip::from(&mut sum)
            .and(row)
            .for_each(|sum, &value| *sum += f64::from(value));
    }
    sum / features.nrows().max(1) as f64
}

/// Population standard deviations (divided by n). A dimension that does not vary, up to the rounding
/// of f32, gets 1: its centred values are zero and stay so.
fn deviations(features: ArrayView2<'_, f32>, mean: &Array1<f64>) -> Array1<f64> {
    let mut squares = Array1::<f64>::zeros(features.ncols());
    for row in features.rows() {
        Zip::from(&mut squares)
            .and(row)
            .and(mean)
            .for_each(|sum, &value, &mean| {
                *sum += (f64::from(value) - mean).powi(2);
            });
    }
    Zip::from(&squares)
        .and(mean)
        .map_collect(|&squares, &mean| {
            let deviation = (squares / features.nrows().max(1) as f64).sqrt();
            let rounding = f64::from(f32::EPSILON) * mean.abs();
            // A subnormal deviation would overflow when divided by.
            if deviation > rounding.max(f64::from(f32::MIN_POSITIVE)) {
                deviation
            } else {
                1.0
            }
        })
}

/// The nearest f32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is wanted"
)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn standardised_columns_have_mean_zero_and_deviation_one() {
        let features = array![[1.0, 5.0, -2.0], [3.0, 5.0, 4.0], [5.0, 5.0, 1.0]];
        let rows =
            Transform::fit(TransformKind::Standardise, features.view()).apply(features.view());
        for column in [0, 2] {
            assert!(rows.column(column).sum().abs() < 1e-6);
            assert!((rows.column(column).mapv(|v| v * v).sum() - 3.0).abs() < 1e-5);
        }
        assert!(
            rows.column(1).iter().all(|&value| value == 0.0),
            "a constant dimension says nothing"
        );
    }

    #[test]
    fn constant_dimensions_stay_finite_for_other_values() {
        let features = array![[0.1_f32], [0.1], [0.1]];
        let transform = Transform::fit(TransformKind::Standardise, features.view());
        let other = transform.apply(array![[0.4_f32]].view());
        assert!((other[[0, 0]] - 0.3).abs() < 1e-6, "{other}");
    }

    #[test]
    fn centred_rows_have_length_one_and_the_mean_itself_stays_zero() {
        let features = array![[3.0, 1.0], [1.0, 3.0]];
        let transform = Transform::fit(TransformKind::CentredL2, features.view());
        let rows = transform.apply(array![[3.0, 1.0], [2.0, 2.0]].view());
        assert!((rows.row(0).dot(&rows.row(0)) - 1.0).abs() < 1e-6);
        assert_eq!(rows.row(1), array![0.0, 0.0]);
    }

    #[test]
    fn lengths_of_long_vectors_do_not_overflow() {
        let rows = Transform::L2.apply(array![[3e30_f32, 4e30]].view());
        assert!((rows[[0, 0]] - 0.6).abs() < 1e-6 && (rows[[0, 1]] - 0.8).abs() < 1e-6);
    }
}
