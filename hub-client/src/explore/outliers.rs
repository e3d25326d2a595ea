//! Images that do not belong: two questions with two answers.
//!
//! *Unlike anything else here*: how far its nearest others are. A small group of odd images that are
//! alike is not found this way. *Far from the middle*: how far it is from the mean, in the directions
//! and by the measure in which these images vary. An image between two groups is not found that way.

use std::num::NonZeroUsize;

use ndarray::ArrayView2;
use registry_schema::manifest::Distance;

use crate::explore::ExploreError;
use crate::explore::neighbours::Neighbours;
use crate::explore::projection::Projection;

/// Nearest others whose mean distance counts.
pub const NEAREST: usize = 5;

/// Principal axes that are looked along at most.
pub const AXES: usize = 64;

/// Images for one axis: with fewer, an axis is made by single images, which then look near.
pub(super) const IMAGES_PER_AXIS: usize = 4;

/// An image with its place in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// Its row.
    pub row: usize,
    /// How far it is.
    pub distance: f64,
    /// The same, divided by the median of all images; none when that is 0.
    pub times_typical: Option<f64>,
}

/// The mean distance of each row (n×D, n ≥ 2) to its [`NEAREST`] nearest others, the farthest row
/// first. A product says nothing of how unlike two vectors are: for [`Distance::Dot`] it is the
/// Euclidean distance that counts.
///
/// # Errors
/// [`ExploreError::TooFew`], [`ExploreError::NotFinite`].
pub fn unlike_others(
    rows: ArrayView2<'_, f32>,
    distance: Distance,
    threads: NonZeroUsize,
) -> Result<Vec<Outlier>, ExploreError> {
    enough(rows, 2)?;
    let distance = match distance {
        Distance::Dot => Distance::Euclidean,
        other => other,
    };
    let nearest = Neighbours::new(rows, distance, threads)?.nearest_others(NEAREST)?;
    let mean = |others: &Vec<super::Neighbour>| {
        let sum: f64 = others.iter().map(|one| f64::from(one.distance)).sum();
        sum / others.len().max(1) as f64
    };
    Ok(ranked(nearest.iter().map(mean).collect()))
}

/// The distance of each row (n×D, n ≥ 3) from the mean after Mahalanobis, shrunk: along up to
/// [`AXES`] principal axes `√(Σ (vⱼ·(x − μ))² / (λⱼ + ε))`, with ε the mean variance along the others.
/// There are at most a quarter as many axes as images. The farthest row comes first.
///
/// # Errors
/// [`ExploreError::TooFew`], [`ExploreError::NotFinite`].
pub fn far_from_middle(rows: ArrayView2<'_, f32>) -> Result<Vec<Outlier>, ExploreError> {
    enough(rows, 3)?;
    let axes = (rows.nrows() / IMAGES_PER_AXIS).clamp(1, AXES);
    let projection = Projection::fit(rows, axes)?;
    let along = projection.apply(rows);
    let scales: Vec<f64> = projection
        .variances
        .iter()
        .map(|variance| variance + projection.rest)
        .collect();
    let far = |row: ndarray::ArrayView1<'_, f32>| {
        let terms = row.iter().zip(&scales);
        terms
            .map(|(&value, scale)| f64::from(value).powi(2) / scale)
            .sum::<f64>()
            .sqrt()
    };
    Ok(ranked(along.rows().into_iter().map(far).collect()))
}

fn enough(rows: ArrayView2<'_, f32>, needed: usize) -> Result<(), ExploreError> {
    if rows.nrows() >= needed {
        return Ok(());
    }
    Err(ExploreError::TooFew {
        what: "looking for outliers",
        needed,
        found: rows.nrows(),
    })
}

/// The farthest first, of equally far ones the lower row.
fn ranked(distances: Vec<f64>) -> Vec<Outlier> {
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let outlier = |(row, distance): (usize, f64)| Outlier {
        row,
        distance,
        times_typical: (median > 0.0).then(|| distance / median),
    };
    let mut ranking: Vec<_> = distances.into_iter().enumerate().map(outlier).collect();
    ranking.sort_by(|one, other| {
        let order = other.distance.total_cmp(&one.distance);
        order.then(one.row.cmp(&other.row))
    });
    ranking
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::{blobs, points};
    use ndarray::{Array2, Axis};

    const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    #[test]
    fn the_one_that_is_alone_comes_first() {
        let (mut rows, _) = blobs(&[30, 30], 8, 3);
        // Between the two groups: near the middle, far from everybody.
        let between = rows.mean_axis(Axis(0)).unwrap();
        rows.row_mut(17).assign(&between);
        let ranking = unlike_others(rows.view(), Distance::Euclidean, TWO).unwrap();
        assert_eq!(ranking[0].row, 17);
        assert!(ranking[0].times_typical.unwrap() > 2.0);
        let middle = far_from_middle(rows.view()).unwrap();
        assert_eq!(middle.last().unwrap().row, 17);
    }

    #[test]
    fn a_direction_nobody_else_takes_is_far_from_the_middle() {
        let mut rows = points(80, 6, 1);
        rows.column_mut(5).mapv_inplace(|value| value * 0.02);
        rows[[40, 5]] = 0.9;
        assert_eq!(far_from_middle(rows.view()).unwrap()[0].row, 40);
    }

    #[test]
    fn mahalanobis_by_hand() {
        // 24 axes would be asked for, 3 exist: nothing is left over, and it is the plain formula.
        let rows = points(96, 3, 5);
        let exact = rows.mapv(f64::from);
        let centred = &exact - &exact.mean_axis(Axis(0)).unwrap();
        let covariance = centred.t().dot(&centred) / 95.0;
        let (values, vectors) = super::super::eigen::symmetric(covariance.view());
        for outlier in far_from_middle(rows.view()).unwrap() {
            let along = vectors.t().dot(&centred.row(outlier.row));
            let expected = (&along * &along / &values).sum().sqrt();
            assert!((outlier.distance - expected).abs() < 1e-3);
        }
    }

    #[test]
    fn equal_images_are_all_typical() {
        let rows = Array2::from_elem((6, 3), 1.0_f32);
        for ranking in [
            unlike_others(rows.view(), Distance::Euclidean, TWO).unwrap(),
            far_from_middle(rows.view()).unwrap(),
        ] {
            assert_eq!(ranking.len(), 6);
            assert!(
                ranking
                    .iter()
                    .all(|one| one.distance == 0.0 && one.times_typical.is_none())
            );
        }
        let two = Array2::from_elem((2, 3), 1.0_f32);
        assert!(matches!(
            far_from_middle(two.view()),
            Err(ExploreError::TooFew {
                needed: 3,
                found: 2,
                ..
            })
        ));
    }
}
