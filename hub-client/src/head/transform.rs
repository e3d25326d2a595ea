//! What is done to features before the linear map.
//!
//! Centring and then dividing by the length is not an affine map, so it cannot be folded into the
//! weights: an exported head carries the subtraction, the norm and the product as three steps.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};
use registry_schema::manifest::HeadTransform;
use serde::{Deserialize, Serialize};

/// A vector shorter than this is left as it is when lengths are divided out: it has no direction.
pub const LENGTH_FLOOR: f32 = 1e-12;

/// How many images' worth of evidence the typical deviation counts.
const TYPICAL_IMAGES: f64 = 10.0;

/// How many images at zero the mean is held against. The whole mean of ten images costs up to 0.4 points
/// where classes are far apart (photographs of things) and wins 0.6 where they are close (photograph or
/// cartoon); a quarter of it costs nothing and wins 0.3. The mean of hundreds is good everywhere.
const MEAN_IMAGES: f64 = 30.0;

/// Which transform to fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransformKind {
    /// `(x − mean) / scale` per dimension; with few images the scales lean on the typical one.
    Standardise,
    /// `(x − mean) / ‖x − mean‖`: the default, for the cosine distance. With few images the mean leans on
    /// zero.
    #[default]
    CentredL2,
    /// `x / ‖x‖`.
    L2,
    /// Features as they are.
    None,
}

impl From<HeadTransform> for TransformKind {
    /// What an extractor's manifest asks for.
    fn from(named: HeadTransform) -> Self {
        match named {
            HeadTransform::L2 => Self::CentredL2,
            HeadTransform::Standardize => Self::Standardise,
            HeadTransform::None => Self::None,
        }
    }
}

/// A fitted transform; every vector has the dimension the head was trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// `(x − mean) / scale` per dimension.
    Standardise {
        /// Mean of the training features.
        mean: Array1<f32>,
        /// Standard deviation of the training features, pulled towards the typical one; positive.
        scale: Array1<f32>,
    },
    /// `(x − mean) / max(‖x − mean‖, LENGTH_FLOOR)`.
    CentredL2 {
        /// Mean of the training features, pulled towards zero.
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
        Self::fit_to_rows(kind, features.ncols(), features.rows().into_iter())
    }

    /// The same to rows (D numbers each) wherever they lie, without a copy of them; at least one.
    pub(super) fn fit_to_rows<'r>(
        kind: TransformKind,
        dimension: usize,
        rows: impl Iterator<Item = ArrayView1<'r, f32>> + Clone,
    ) -> Self {
        match kind {
            TransformKind::Standardise => {
                let mean = column_means(dimension, rows.clone());
                let scale = deviations(rows, &mean);
                Self::Standardise {
                    mean: mean.mapv(narrow),
                    scale: scale.mapv(narrow),
                }
            }
            TransformKind::CentredL2 => {
                let images = rows.clone().count() as f64;
                let share = images / (images + MEAN_IMAGES);
                Self::CentredL2 {
                    mean: (column_means(dimension, rows) * share).mapv(narrow),
                }
            }
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
        self.apply_to(features.to_owned())
    }

    /// The same in place: of a hundred thousand images there is no second table.
    pub fn apply_to(&self, features: Array2<f32>) -> Array2<f32> {
        let mut rows = match self {
            Self::Standardise { mean, scale } => return (features - mean) / scale,
            Self::CentredL2 { mean } => features - mean,
            Self::L2 => features,
            Self::None => return features,
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

impl Transform {
    /// Features whose transform points where `rows` (n×D) do.
    pub fn inverse(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        match self {
            Self::Standardise { mean, scale } => &(&rows * scale) + mean,
            Self::CentredL2 { mean } => &rows + mean,
            Self::L2 | Self::None => rows.to_owned(),
        }
    }
}

/// The mean of each of D columns.
pub(super) fn column_means<'r>(
    dimension: usize,
    rows: impl Iterator<Item = ArrayView1<'r, f32>>,
) -> Array1<f64> {
    let mut sum = Array1::<f64>::zeros(dimension);
    let mut count = 0_usize;
    for row in rows {
        count += 1;
        Zip::from(&mut sum)
            .and(row)
            .for_each(|sum, &value| *sum += f64::from(value));
    }
    sum / count.max(1) as f64
}

/// Standard deviations, each pulled towards the typical one (in ratio, as dimensions may have
/// different units) as if [`TYPICAL_IMAGES`] more images had shown that. A dimension that barely
/// varies among ten images would otherwise be blown up, and rule on the first new image in which it
/// does vary; with many images nothing changes. On pairs of classes of photographs with five images
/// of each, this raised the accuracy on new images from 80 to 92 in 100.
fn deviations<'r>(
    rows: impl Iterator<Item = ArrayView1<'r, f32>> + Clone,
    mean: &Array1<f64>,
) -> Array1<f64> {
    let images = rows.clone().count().max(1) as f64;
    let mut variances = Array1::<f64>::zeros(mean.len());
    for row in rows {
        Zip::from(&mut variances)
            .and(row)
            .and(mean)
            .for_each(|sum, &value, &mean| {
                *sum += (f64::from(value) - mean).powi(2) / images;
            });
    }
    // What is left of a constant after the rounding of f32 is no variation.
    Zip::from(&mut variances)
        .and(mean)
        .for_each(|variance, &mean| {
            let rounding = (f64::from(f32::EPSILON) * mean).powi(2);
            if *variance <= rounding.max(f64::from(f32::MIN_POSITIVE)) {
                *variance = 0.0;
            }
        });
    let Some(typical) = median_of_positive(&variances) else {
        return Array1::ones(mean.len());
    };
    let trust = images / (images + TYPICAL_IMAGES);
    variances.mapv(|variance| {
        let ratio = if variance > 0.0 {
            variance / typical
        } else {
            1.0
        };
        (typical * ratio.powf(trust)).sqrt()
    })
}

/// The (upper) median of the entries above zero, if there are any.
fn median_of_positive(values: &Array1<f64>) -> Option<f64> {
    let mut positive: Vec<f64> = values
        .iter()
        .copied()
        .filter(|&value| value > 0.0)
        .collect();
    positive.sort_by(f64::total_cmp);
    positive.get(positive.len() / 2).copied()
}

/// The nearest f32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is wanted"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn with_many_images_standardised_columns_have_deviation_one() {
        let value = |i: usize, j: usize| {
            if j == 1 {
                5.0
            } else {
                f32::from(u8::try_from((i * (j + 3)) % 17).unwrap_or(0))
            }
        };
        let features = Array2::from_shape_fn((1700, 4), |(i, j)| {
            value(i, j) * [1.0, 1.0, 100.0, 1000.0][j]
        });
        let rows =
            Transform::fit(TransformKind::Standardise, features.view()).apply(features.view());
        for column in [0, 2, 3] {
            assert!(rows.column(column).sum().abs() < 0.1, "{column}");
            let deviation = (rows.column(column).mapv(|v| v * v).sum() / 1700.0).sqrt();
            assert!((0.9..1.1).contains(&deviation), "{column}: {deviation}");
        }
        assert!(
            rows.column(1).iter().all(|&value| value == 0.0),
            "a constant dimension says nothing"
        );
    }

    #[test]
    fn a_dimension_that_barely_varies_is_not_blown_up() {
        let features = array![[1.0, 0.0, 2.0], [3.0, 1e-3, 5.0], [2.0, 0.0, 1.0_f32]];
        let transform = Transform::fit(TransformKind::Standardise, features.view());
        let rows = transform.apply(array![[2.0, 1.0, 2.0_f32]].view());
        assert!(
            rows[[0, 1]].abs() < 10.0,
            "{rows}, and 2,000 without the pull"
        );
    }

    #[test]
    fn constant_features_stay_finite_for_other_values() {
        let features = array![[0.1_f32], [0.1], [0.1]];
        let transform = Transform::fit(TransformKind::Standardise, features.view());
        let other = transform.apply(array![[0.4_f32]].view());
        assert!((other[[0, 0]] - 0.3).abs() < 1e-6, "{other}");
    }

    #[test]
    fn centred_rows_have_length_one_and_the_centre_itself_stays_zero() {
        let features = array![[3.0, 1.0], [1.0, 3.0]];
        let transform = Transform::fit(TransformKind::CentredL2, features.view());
        let Transform::CentredL2 { mean } = &transform else {
            unreachable!("it was asked for");
        };
        assert_eq!(mean, array![0.125, 0.125], "two images of 32");
        let rows = transform.apply(array![[3.0, 1.0], [0.125, 0.125]].view());
        assert!((rows.row(0).dot(&rows.row(0)) - 1.0).abs() < 1e-6);
        assert_eq!(rows.row(1), array![0.0, 0.0]);
    }

    #[test]
    fn what_is_undone_and_done_again_points_the_same_way() {
        let features = array![[3.0, 1.0], [1.0, 3.0], [-1.0, 0.5_f32]];
        for kind in [
            TransformKind::Standardise,
            TransformKind::CentredL2,
            TransformKind::L2,
        ] {
            let transform = Transform::fit(kind, features.view());
            let rows = transform.apply(features.view());
            let again = transform.apply(transform.inverse(rows.view()).view());
            assert!(
                (&again - &rows).iter().all(|value| value.abs() < 1e-5),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn lengths_of_long_vectors_do_not_overflow() {
        let rows = Transform::L2.apply(array![[3e30_f32, 4e30]].view());
        assert!((rows[[0, 0]] - 0.6).abs() < 1e-6 && (rows[[0, 1]] - 0.8).abs() < 1e-6);
    }
}
