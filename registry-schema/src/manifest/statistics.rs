//! What images an extractor was made for, as figures: so that its users can be told which of theirs are
//! unlike these.
//!
//! Features are modelled as a normal distribution with a variance of its own along each of a few
//! principal axes and one variance along all other directions (M. Tipping and C. Bishop, *Probabilistic
//! principal component analysis*, 1999). The squared distance of a vector x from the mean is
//!
//! ```text
//! d = x − mean      tⱼ = axisⱼ · d      distance = Σⱼ tⱼ² / variancesⱼ + (‖d‖² − Σⱼ tⱼ²) / rest
//! ```
//!
//! What distance is large is not read from a table, since features are not normal: the publisher's own
//! images that the figures were not made from say it ([`Distances`]).

use serde::{Deserialize, Serialize};

use super::{Distance, Manifest};
use crate::digest::Digest;
use crate::limits;
use crate::preprocess::Input;

/// Where the statistics of a release are, when it has any.
pub const STATISTICS_FILE: &str = "statistics.json";

/// How far an axis may be from length 1 and from right angles to the others.
const ORTHONORMAL_WITHIN: f64 = 1e-3;

/// The content of [`STATISTICS_FILE`]: figures of the features of the publisher's images. With the
/// cosine distance each vector is scaled to length 1 first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Format version, 1.
    pub v: u32,
    /// SHA-256 of the graph that computed the features.
    pub graph: Digest,
    /// The preprocessing before it.
    pub input: Input,
    /// How vectors are compared.
    pub distance: Distance,
    /// Images that mean, axes and variances are made from.
    pub images: u64,
    /// Other images of the same kind, that the distances are measured on.
    pub held_out: u64,
    /// The mean, `dimension` values.
    pub mean: Vec<f32>,
    /// Principal axes, up to 64 of `dimension` values, of length 1 and at right angles.
    pub axes: Vec<Vec<f32>>,
    /// The variance along each axis, the largest first.
    pub variances: Vec<f64>,
    /// The mean variance along all other directions.
    pub rest: f64,
    /// How far the images are that were held out.
    pub distances: Distances,
}

/// How far from the mean images are that belong to an extractor's domain: squared distances on images
/// that were held out. At most so many of 100 new ones are expected to be farther.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distances {
    /// 50 are.
    pub half: f64,
    /// 10 are.
    pub most: f64,
    /// 1 is: what is farther is called unlike them.
    pub nearly_all: f64,
}

impl Statistics {
    /// Reads and checks the file of a release.
    ///
    /// # Errors
    /// [`StatisticsError`] when it is not of this form, or does not fit the manifest.
    pub fn parse(bytes: &[u8], manifest: &Manifest) -> Result<Self, StatisticsError> {
        if bytes.len() as u64 > limits::STATISTICS_BYTES {
            return Err(StatisticsError::TooLarge);
        }
        let parsed: Self = serde_json::from_slice(bytes)
            .map_err(|source| StatisticsError::Malformed { source })?;
        if parsed.v != 1 {
            return Err(StatisticsError::Version { found: parsed.v });
        }
        parsed.check_fit(manifest)?;
        parsed.check_numbers()?;
        Ok(parsed)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "numbers by name always serialise")]
        serde_json::to_vec(self).expect("numbers by name")
    }

    fn check_fit(&self, manifest: &Manifest) -> Result<(), StatisticsError> {
        let dimension = manifest.output.dimension;
        let lengths = self.axes.iter().chain([&self.mean]).map(Vec::len);
        for found in lengths {
            if u32::try_from(found) != Ok(dimension) {
                return Err(StatisticsError::Length { found, dimension });
            }
        }
        if self.input != manifest.input {
            return Err(StatisticsError::Other { what: "`input`" });
        }
        if self.distance != manifest.output.distance {
            return Err(StatisticsError::Other {
                what: "`output.distance`",
            });
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), StatisticsError> {
        let wrong = |what| Err(StatisticsError::Numbers { what });
        if !(1..=limits::STATISTICS_AXES).contains(&self.axes.len())
            || self.axes.len() != self.variances.len()
        {
            return wrong("it takes 1 to 64 axes, each with a variance");
        }
        if self.images < limits::STATISTICS_IMAGES_MINIMUM
            || self.held_out < limits::STATISTICS_IMAGES_MINIMUM
        {
            return wrong("it takes 100 images to make them from, and 100 to measure on");
        }
        let is_positive = |value: &f64| value.is_finite() && *value > 0.0;
        if !self.variances.iter().all(is_positive)
            || !self.variances.is_sorted_by(|one, next| one >= next)
            || !is_positive(&self.rest)
        {
            return wrong("variances are positive numbers, the largest first");
        }
        let Distances {
            half,
            most,
            nearly_all,
        } = self.distances;
        let distances = [half, most, nearly_all];
        if !distances.iter().all(|value| value.is_finite()) || half < 0.0 || !distances.is_sorted()
        {
            return wrong("distances are numbers, the smallest first");
        }
        let mut values = self.mean.iter().chain(self.axes.iter().flatten());
        if !values.all(|value| value.is_finite()) {
            return wrong("mean and axes are finite numbers");
        }
        if !self.is_orthonormal() {
            return wrong("axes have length 1 and are at right angles");
        }
        Ok(())
    }

    fn is_orthonormal(&self) -> bool {
        let product = |one: &[f32], other: &[f32]| -> f64 {
            let pairs = one.iter().zip(other);
            pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        self.axes.iter().enumerate().all(|(index, axis)| {
            (product(axis, axis) - 1.0).abs() < ORTHONORMAL_WITHIN
                && self.axes[..index]
                    .iter()
                    .all(|before| product(axis, before).abs() < ORTHONORMAL_WITHIN)
        })
    }
}

/// What is wrong with statistics.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    /// Past [`limits::STATISTICS_BYTES`].
    #[error(
        "`{STATISTICS_FILE}` is larger than {} bytes",
        limits::STATISTICS_BYTES
    )]
    TooLarge,
    /// Not the JSON of statistics.
    #[error(
        "`{STATISTICS_FILE}` cannot be read: make it anew with `hub check --statistics`, or remove it"
    )]
    Malformed {
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// A format from the future.
    #[error("`{STATISTICS_FILE}` has format version {found}, this program knows 1: update it")]
    Version {
        /// What it says.
        found: u32,
    },
    /// A vector of another length.
    #[error(
        "`{STATISTICS_FILE}` has a vector of {found} values, the manifest says {dimension}: make it anew with `hub check --statistics`"
    )]
    Length {
        /// Its length.
        found: usize,
        /// The manifest's dimension.
        dimension: u32,
    },
    /// Made with something else.
    #[error(
        "`{STATISTICS_FILE}` was made with another {what}: make it anew with `hub check --statistics`, or remove it"
    )]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// Numbers that make no sense.
    #[error("`{STATISTICS_FILE}` makes no sense: {what}")]
    Numbers {
        /// What would make sense.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::EXAMPLE;
    use super::*;

    fn statistics(manifest: &Manifest) -> Statistics {
        let dimension = manifest.output.dimension as usize;
        let axis = |place: usize| (0..dimension).map(move |j| if j == place { 1.0 } else { 0.0 });
        Statistics {
            v: 1,
            graph: Digest::of(b"graph"),
            input: manifest.input.clone(),
            distance: manifest.output.distance,
            images: 400,
            held_out: 100,
            mean: vec![0.5; dimension],
            axes: vec![axis(0).collect(), axis(1).collect()],
            variances: vec![2.0, 1.0],
            rest: 0.25,
            distances: Distances {
                half: 1.0,
                most: 2.0,
                nearly_all: 2.0,
            },
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let manifest = Manifest::from_toml(EXAMPLE).unwrap();
        let written = statistics(&manifest);
        let read = Statistics::parse(&written.to_bytes(), &manifest).unwrap();
        assert_eq!(read, written);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let manifest = Manifest::from_toml(EXAMPLE).unwrap();
        let refused = |change: &dyn Fn(&mut Statistics), word: &str| {
            let mut changed = statistics(&manifest);
            change(&mut changed);
            let error = Statistics::parse(&changed.to_bytes(), &manifest).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        };
        refused(&|one| one.v = 2, "version 2");
        refused(&|one| one.mean.truncate(1), "1 values");
        refused(&|one| one.axes[1].push(0.0), "values");
        refused(&|one| one.input.width += 1, "another `input`");
        refused(
            &|one| one.distance = Distance::Dot,
            "another `output.distance`",
        );
        refused(&|one| one.axes.clear(), "1 to 64");
        refused(&|one| one.variances.push(0.5), "1 to 64");
        refused(&|one| one.images = 99, "100 images");
        refused(&|one| one.held_out = 3, "100 images");
        refused(&|one| one.variances = vec![1.0, 2.0], "largest first");
        refused(&|one| one.variances[1] = 0.0, "positive");
        refused(&|one| one.rest = -1.0, "positive");
        refused(&|one| one.distances.most = 3.0, "smallest first");
        refused(&|one| one.distances.half = -1.0, "smallest first");
        refused(&|one| one.axes[0][0] = 0.9, "length 1");
        refused(&|one| one.axes[1] = one.axes[0].clone(), "right angles");
        let text = String::from_utf8(statistics(&manifest).to_bytes()).unwrap();
        let nan = text.replacen("0.5", "1e999", 1);
        assert!(Statistics::parse(nan.as_bytes(), &manifest).is_err());
        let more = text.replacen("{", "{\"more\":1,", 1);
        assert!(Statistics::parse(more.as_bytes(), &manifest).is_err());
        let large = vec![b' '; usize::try_from(limits::STATISTICS_BYTES).unwrap() + 1];
        let error = Statistics::parse(&large, &manifest).unwrap_err();
        assert!(matches!(error, StatisticsError::TooLarge));
    }
}
