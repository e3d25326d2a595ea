//! Whether images are like those an extractor was made for: its publisher's [`Statistics`], how they are
//! made, and how images are held against them.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::manifest::{Distance, Distances, Statistics};
use registry_schema::preprocess::Input;

use crate::explore::ExploreError;
use crate::explore::moments::Moments;
use crate::explore::neighbours::{check_finite, narrow};
use crate::explore::outliers::{AXES, IMAGES_PER_AXIS};
use crate::explore::projection::Projection;

/// Share of an extractor's own images that are expected to be called unlike them.
pub const EXPECTED_SHARE: f64 = 0.01;

/// One image in so many is kept to measure on.
const HELD_OUT: usize = 5;

/// So many images are kept to measure on when there are twice as many: some may turn out to be broken or
/// copies, and 100 must be left.
const ENOUGH_HELD_OUT: usize = 150;

/// Most images that are kept to measure on: they are held in memory.
const MOST_HELD_OUT: usize = 10_000;

/// A variance below this part of the mean variance is rounding, or nothing to build on.
const FLOOR: f64 = 1e-4;

/// Rows that are looked at at a time.
const BLOCK_ROWS: usize = 1024;

/// A publisher's images as they pass by: memory grows with the square of the dimension and with the
/// images that are held out, not with the number of images.
#[derive(Debug)]
pub struct StatisticsBuilder {
    images: usize,
    kept_apart: usize,
    distance: Distance,
    moments: Moments,
    dimension: usize,
    held_out: Vec<f32>,
}

impl StatisticsBuilder {
    /// For so many images, with features of so many dimensions that are compared by `distance`. One
    /// in five images is held out, of fewer than 750 up to half, of many 10,000.
    ///
    /// # Errors
    /// [`ExploreError::TooFew`] for fewer than 200 images, [`ExploreError::TooLong`] for features longer
    /// than [`limits::STATISTICS_DIMENSIONS`].
    pub fn new(images: usize, dimension: usize, distance: Distance) -> Result<Self, ExploreError> {
        let most = limits::STATISTICS_DIMENSIONS as usize;
        if dimension > most {
            return Err(ExploreError::TooLong { dimension, most });
        }
        enough(images, 2 * minimum())?;
        Ok(Self {
            images,
            kept_apart: (images / HELD_OUT)
                .max(ENOUGH_HELD_OUT.min(images / 2))
                .min(MOST_HELD_OUT),
            distance,
            moments: Moments::new(dimension),
            dimension,
            held_out: Vec::new(),
        })
    }

    /// Adds the features of the image at a place (of 0 to `images` − 1). Evenly spaced ones are held out.
    ///
    /// # Errors
    /// [`ExploreError::Dimension`], [`ExploreError::NotFinite`].
    pub fn push(&mut self, place: usize, features: &[f32]) -> Result<(), ExploreError> {
        if features.len() != self.dimension {
            return Err(ExploreError::Dimension {
                expected: self.dimension,
                found: features.len(),
            });
        }
        if !features.iter().all(|value| value.is_finite()) {
            return Err(ExploreError::NotFinite { row: place });
        }
        let compared = compared(features, self.distance);
        let share = |place: usize| place * self.kept_apart / self.images;
        if share(place + 1) > share(place) {
            self.held_out.extend_from_slice(&compared);
        } else {
            self.moments.push(&compared);
        }
        Ok(())
    }

    /// The statistics, which say that they were made with that graph and preprocessing.
    ///
    /// # Errors
    /// [`ExploreError::TooFew`] when too many images were left out, [`ExploreError::NoVariation`].
    pub fn finish(self, graph: Digest, input: Input) -> Result<Statistics, ExploreError> {
        let held_out = self.held_out.len() / self.dimension.max(1);
        let covariance = self.moments.finish()?;
        let made_from = covariance.count;
        enough(
            made_from.min(minimum()) + held_out.min(minimum()),
            2 * minimum(),
        )?;
        let typical = covariance.matrix.diag().sum() / self.dimension as f64;
        let floor = FLOOR * typical;
        if floor < f64::from(f32::MIN_POSITIVE) {
            return Err(ExploreError::NoVariation);
        }
        let axes = (made_from / IMAGES_PER_AXIS).clamp(1, AXES);
        let projection = Projection::of_covariance(&covariance, axes);
        let variances = projection.variances.iter();
        let mut statistics = Statistics {
            v: 1,
            graph,
            input,
            distance: self.distance,
            images: made_from as u64,
            held_out: held_out as u64,
            mean: projection.mean.to_vec(),
            axes: projection
                .axes
                .rows()
                .into_iter()
                .map(|axis| axis.to_vec())
                .collect(),
            variances: variances
                .map(|variance| short(variance.max(floor)))
                .collect(),
            rest: short(projection.rest.max(floor)),
            distances: Distances {
                half: 0.0,
                most: 0.0,
                nearly_all: 0.0,
            },
        };
        let rows = ArrayView2::from_shape((held_out, self.dimension), &self.held_out);
        let rows = rows.map_err(|_| ExploreError::Dimension {
            expected: self.dimension,
            found: self.held_out.len(),
        })?;
        let mut distances = Domain::new(&statistics).distances_as_compared(rows);
        distances.sort_by(f64::total_cmp);
        statistics.distances = Distances {
            half: short(all_but(0.5, &distances)),
            most: short(all_but(0.1, &distances)),
            nearly_all: short(all_but(EXPECTED_SHARE, &distances)),
        };
        Ok(statistics)
    }
}

/// An extractor's domain, ready to hold images against it.
#[derive(Debug)]
pub struct Domain {
    mean: Array1<f32>,
    /// D×k.
    axes: Array2<f64>,
    variances: Array1<f64>,
    rest: f64,
    distance: Distance,
    unlike_above: f64,
}

/// How images lie in an extractor's domain.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainFit {
    /// Images that were looked at.
    pub images: usize,
    /// The rows that are unlike those the extractor was made for, the farthest first.
    pub unlike: Vec<Unlike>,
}

/// An image that is unlike those the extractor was made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unlike {
    /// Its row.
    pub row: usize,
    /// How far it is, divided by how far is as far as 99 of 100 of the publisher's images are at most;
    /// above 1.
    pub times_limit: f64,
}

impl Domain {
    /// The domain that the statistics of a release tell of.
    pub fn new(statistics: &Statistics) -> Self {
        let (dimension, axes) = (statistics.mean.len(), &statistics.axes);
        Self {
            mean: Array1::from(statistics.mean.clone()),
            axes: Array2::from_shape_fn((dimension, axes.len()), |(j, k)| f64::from(axes[k][j])),
            variances: Array1::from(statistics.variances.clone()),
            rest: statistics.rest,
            distance: statistics.distance,
            unlike_above: statistics.distances.nearly_all,
        }
    }

    /// Which of these images (features as the extractor gives them, n×D) are unlike those it was made for.
    ///
    /// # Errors
    /// [`ExploreError::Dimension`], [`ExploreError::NotFinite`].
    pub fn fit(&self, features: ArrayView2<'_, f32>) -> Result<DomainFit, ExploreError> {
        let distances = self.distances(features)?;
        let unlike = distances.into_iter().enumerate();
        let unlike = unlike.filter(|&(_, distance)| distance > self.unlike_above);
        let mut unlike: Vec<Unlike> = unlike
            .map(|(row, distance)| Unlike {
                row,
                // Distances are squared.
                times_limit: (distance / self.unlike_above.max(f64::MIN_POSITIVE)).sqrt(),
            })
            .collect();
        unlike.sort_by(|one, other| {
            let order = other.times_limit.total_cmp(&one.times_limit);
            order.then(one.row.cmp(&other.row))
        });
        Ok(DomainFit {
            images: features.nrows(),
            unlike,
        })
    }

    /// The squared distance of each image from the mean, as [`Statistics`] defines it.
    ///
    /// # Errors
    /// [`ExploreError::Dimension`], [`ExploreError::NotFinite`].
    pub fn distances(&self, features: ArrayView2<'_, f32>) -> Result<Vec<f64>, ExploreError> {
        if features.ncols() != self.mean.len() {
            return Err(ExploreError::Dimension {
                expected: self.mean.len(),
                found: features.ncols(),
            });
        }
        check_finite(features)?;
        let mut all = Vec::with_capacity(features.nrows());
        for block in features.axis_chunks_iter(Axis(0), BLOCK_ROWS) {
            let mut rows = Array2::zeros(block.dim());
            for (mut to, from) in rows.rows_mut().into_iter().zip(block.rows()) {
                let from = compared(&from.to_vec(), self.distance);
                to.assign(&Array1::from(from));
            }
            all.extend(self.distances_as_compared(rows.view()));
        }
        Ok(all)
    }

    /// The same of vectors that have the length by which they are compared.
    fn distances_as_compared(&self, rows: ArrayView2<'_, f32>) -> Vec<f64> {
        let mut all = Vec::with_capacity(rows.nrows());
        for block in rows.axis_chunks_iter(Axis(0), BLOCK_ROWS) {
            let centred = block.mapv(f64::from) - self.mean.mapv(f64::from);
            let along = centred.dot(&self.axes);
            for (row, along) in centred.rows().into_iter().zip(along.rows()) {
                let squares = &along * &along;
                let inside = (&squares / &self.variances).sum();
                let outside = (row.dot(&row) - squares.sum()).max(0.0);
                all.push(inside + outside / self.rest);
            }
        }
        all
    }
}

impl DomainFit {
    /// The share of the images that are like those the extractor was made for, 0 to 1.
    pub fn share_inside(&self) -> f64 {
        1.0 - self.unlike.len() as f64 / self.images.max(1) as f64
    }
}

/// A vector with the length by which it is compared: for cosines 1.
fn compared(features: &[f32], distance: Distance) -> Vec<f32> {
    let length = match distance {
        Distance::Cosine => {
            let squares: f64 = features.iter().map(|&value| f64::from(value).powi(2)).sum();
            squares.sqrt()
        }
        Distance::Euclidean | Distance::Dot => 1.0,
    };
    let scale = if length > 0.0 { length.recip() } else { 1.0 };
    let scaled = features
        .iter()
        .map(|&value| narrow(f64::from(value) * scale));
    scaled.collect()
}

/// What a new one exceeds with this probability at most, by the sorted ones that there are (V. Vovk,
/// A. Gammerman and G. Shafer, *Algorithmic Learning in a Random World*, 2005).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn all_but(share: f64, sorted: &[f64]) -> f64 {
    let place = ((sorted.len() + 1) as f64 * (1.0 - share)).ceil() as usize;
    let place = place.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// Nine digits, which are the same for every reader of JSON.
fn short(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

fn minimum() -> usize {
    usize::try_from(limits::STATISTICS_IMAGES_MINIMUM).unwrap_or(usize::MAX)
}

fn enough(found: usize, needed: usize) -> Result<(), ExploreError> {
    if found >= needed {
        return Ok(());
    }
    Err(ExploreError::TooFew {
        what: "making statistics",
        needed,
        found,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::random::SplitMix64;
    use crate::explore::sample::points;
    use registry_schema::manifest::Manifest;

    /// Points whose spread falls from dimension to dimension, around a place of their own.
    fn images(count: usize, dimension: usize, centre: f32, seed: u64) -> Array2<f32> {
        let scales = Array1::from_shape_fn(dimension, |j| narrow(0.9_f64.powf(j as f64)));
        let mut rows = points(count, dimension, seed) * &scales;
        rows.column_mut(dimension - 1)
            .mapv_inplace(|value| value + centre);
        rows
    }

    fn statistics(rows: &Array2<f32>, distance: Distance) -> Result<Statistics, ExploreError> {
        let mut builder = StatisticsBuilder::new(rows.nrows(), rows.ncols(), distance)?;
        for (place, row) in rows.rows().into_iter().enumerate() {
            builder.push(place, row.as_slice().unwrap())?;
        }
        builder.finish(Digest::of(b"graph"), manifest(2, distance).input)
    }

    fn manifest(dimension: u32, distance: Distance) -> Manifest {
        let mut manifest = Manifest::from_toml(
            "name = 'acme/dots'\nversion = '1.0.0'\nsummary = 'Dots'\nlicense = 'MIT'\ndomain = 'dots'\n\
             [input]\ntensor = 'image'\nwidth = 8\nheight = 8\nnormalize = { mean = [0, 0, 0], std = [1, 1, 1] }\n\
             [output]\ntensor = 'features'\ndimension = 2\n",
        )
        .unwrap();
        manifest.output.dimension = dimension;
        manifest.output.distance = distance;
        manifest
    }

    #[test]
    fn what_is_made_can_be_published() {
        for (count, dimension, distance) in [
            (200, 70, Distance::Cosine),
            (600, 3, Distance::Euclidean),
            (1_500, 100, Distance::Dot),
        ] {
            let found = statistics(&images(count, dimension, 3.0, 1), distance).unwrap();
            let manifest = manifest(u32::try_from(dimension).unwrap(), distance);
            assert_eq!(
                Statistics::parse(&found.to_bytes(), &manifest).unwrap(),
                found
            );
            assert_eq!(found.images + found.held_out, count as u64);
        }
    }

    #[test]
    fn one_in_a_hundred_of_the_same_kind_is_called_unlike_and_nearly_all_of_another() {
        for distance in [Distance::Cosine, Distance::Euclidean] {
            let found = statistics(&images(5_000, 80, 3.0, 1), distance).unwrap();
            let domain = Domain::new(&found);
            let same = domain.fit(images(4_000, 80, 3.0, 2).view()).unwrap();
            let share = 1.0 - same.share_inside();
            assert!((0.004..0.02).contains(&share), "{distance:?}: {share}");
            // The same, but for the direction in which the first hardly vary.
            let other = domain.fit(images(400, 80, 2.0, 3).view()).unwrap();
            assert!(
                other.share_inside() < 0.1,
                "{distance:?}: {}",
                other.share_inside()
            );
            assert!(
                other
                    .unlike
                    .is_sorted_by(|one, next| one.times_limit >= next.times_limit)
            );
            assert!(other.unlike.iter().all(|one| one.times_limit > 1.0));
        }
    }

    #[test]
    fn the_distance_is_that_of_the_definition() {
        let rows = images(800, 6, 1.0, 4);
        let found = statistics(&rows, Distance::Euclidean).unwrap();
        let distances = Domain::new(&found).distances(rows.view()).unwrap();
        for (row, distance) in rows.rows().into_iter().zip(distances).step_by(97) {
            let d: Vec<f64> = row
                .iter()
                .zip(&found.mean)
                .map(|(&a, &b)| f64::from(a) - f64::from(b))
                .collect();
            let (mut expected, mut left) = (0.0, d.iter().map(|v| v * v).sum::<f64>());
            for (axis, variance) in found.axes.iter().zip(&found.variances) {
                let t: f64 = axis.iter().zip(&d).map(|(&a, b)| f64::from(a) * b).sum();
                expected += t * t / variance;
                left -= t * t;
            }
            expected += left.max(0.0) / found.rest;
            assert!(
                (distance - expected).abs() < 1e-6 * (1.0 + expected),
                "{distance} {expected}"
            );
        }
        // All six axes are there: nothing is left over, and it is the Mahalanobis distance.
        let mean: f64 = Domain::new(&found)
            .distances(rows.view())
            .unwrap()
            .iter()
            .sum::<f64>()
            / 800.0;
        assert!((mean - 6.0).abs() < 0.3, "{mean}");
    }

    #[test]
    fn the_limit_keeps_its_promise_however_features_are_distributed() {
        // Heavy tails: a normal table would call far more than one in a hundred unlike.
        let heavy = |seed: u64| {
            let mut random = SplitMix64::new(seed);
            let mut rows = points(3_000, 20, seed);
            for mut row in rows.rows_mut() {
                row *= narrow(1.0 / (0.02 + random.share()));
            }
            rows
        };
        let domain = Domain::new(&statistics(&heavy(1), Distance::Euclidean).unwrap());
        let share = 1.0 - domain.fit(heavy(2).view()).unwrap().share_inside();
        assert!((0.003..0.02).contains(&share), "{share}");
    }

    #[test]
    fn what_cannot_be_made_is_said() {
        let few = statistics(&images(199, 4, 1.0, 1), Distance::Cosine);
        assert!(matches!(
            few,
            Err(ExploreError::TooFew {
                needed: 200,
                found: 199,
                ..
            })
        ));
        let same = Array2::from_elem((300, 4), 0.5_f32);
        let same = statistics(&same, Distance::Cosine);
        assert!(matches!(same, Err(ExploreError::NoVariation)));
        let long = StatisticsBuilder::new(1_000, 4_097, Distance::Cosine);
        assert!(matches!(long, Err(ExploreError::TooLong { .. })));
        let mut builder = StatisticsBuilder::new(200, 2, Distance::Cosine).unwrap();
        assert!(builder.push(0, &[1.0]).is_err());
        assert!(builder.push(0, &[1.0, f32::NAN]).is_err());
        // Most files could not be read.
        (0..150).for_each(|place| builder.push(place, &[1.0, place as f32]).unwrap());
        let refused = builder.finish(Digest::of(b""), manifest(2, Distance::Cosine).input);
        assert!(matches!(refused, Err(ExploreError::TooFew { .. })));
        let found = statistics(&images(300, 4, 1.0, 1), Distance::Cosine).unwrap();
        let domain = Domain::new(&found);
        assert!(domain.fit(images(3, 5, 1.0, 1).view()).is_err());
        assert_eq!(
            domain
                .fit(Array2::zeros((0, 4)).view())
                .unwrap()
                .share_inside(),
            1.0
        );
    }
}
