//! How to train: settings as a person gives them, and options that were checked.

use serde::{Deserialize, Serialize};

use super::HeadError;
use super::metrics::legible;
use super::solver::TOLERANCE;
use super::transform::TransformKind;

/// Settings of a training run. Only [`TrainingOptions`], which [`TrainingSettings::check`] makes, train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainingSettings {
    /// Which regression.
    #[serde(default = "Method::of_the_first_format")]
    pub method: Method,
    /// Share of new images whose true class is to be among those that are called plausible, 0.5 to 0.999.
    #[serde(default = "default_coverage")]
    pub coverage: f64,
    /// What is done to features first.
    pub transform: TransformKind,
    /// Who chose that; none in heads that were made before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform_by: Option<TransformBy>,
    /// How strong the penalty is.
    pub penalty: Penalty,
    /// Whether rare classes count more.
    pub class_weights: ClassWeights,
    /// Seed of the random blocks of the cross-validation.
    pub seed: u64,
    /// Largest entry of the gradient, relative to the one at zero, that counts as converged; between
    /// 1e-12 and 1e-2.
    pub tolerance: f64,
    /// Most iterations of the final fit, at least 1.
    pub iterations: usize,
}

/// Who chose a transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransformBy {
    /// The release's manifest: another release may ask for another.
    Release,
    /// Whoever trained the head.
    User,
}

/// Which regression a head is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Ridge up to [`AUTOMATIC_RIDGE_IMAGES`] images when nothing about the penalty is asked for, else
    /// logistic.
    #[default]
    Automatic,
    /// Regression of codes, +1 and −1: the held-out scores are exact and cost nothing. At most
    /// [`RIDGE_IMAGES`](super::solver::RIDGE_IMAGES) images.
    Ridge,
    /// Multinomial logistic regression.
    Logistic,
}

impl Method {
    /// Heads of the first format do not say it.
    pub(super) fn of_the_first_format() -> Self {
        Self::Logistic
    }
}

/// Images up to which ridge regression is taken: the two are equally good there, and this one states
/// its accuracy exactly; with more images logistic regression's probabilities are better.
pub const AUTOMATIC_RIDGE_IMAGES: usize = 500;

/// Penalties λ of ridge regression that are tried, times the mean squared length of the transformed
/// features: four in each factor of ten from 1e-4 to 100.
pub fn ridge_choices() -> Vec<f64> {
    (0..25)
        .map(|step| legible(10_f64.powf(-4.0 + 0.25 * f64::from(step))))
        .collect()
}

/// The λ that is taken when a class has one image, so that nothing can be held out.
pub const DEFAULT_RIDGE_CHOICE: f64 = 0.1;

fn default_coverage() -> f64 {
    0.9
}

/// The strength of the L2 penalty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Penalty {
    /// By cross-validation over [`CHOICES`].
    Chosen,
    /// scikit-learn's C, positive: the larger, the weaker the penalty.
    Fixed(f64),
}

/// How much an image counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All images count alike: probabilities reflect how frequent the classes were.
    Uniform,
    /// All classes count alike: an image of a class with nₖ of n images counts n / (K nₖ).
    Balanced,
}

/// Values of C that are tried, times the mean squared length of the transformed features: the grid
/// means the same for vectors of length 1 and of length 36.
pub const CHOICES: [f64; 5] = [0.1, 1.0, 10.0, 100.0, 1000.0];

/// The entry of [`CHOICES`] that is taken when a class has one image, so that nothing can be held out.
pub const DEFAULT_CHOICE: f64 = 10.0;

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            method: Method::default(),
            coverage: default_coverage(),
            transform: TransformKind::default(),
            transform_by: None,
            penalty: Penalty::Chosen,
            class_weights: ClassWeights::Uniform,
            seed: 0,
            tolerance: TOLERANCE,
            iterations: 2_000,
        }
    }
}

impl TrainingSettings {
    /// Checks the ranges, and rounds numbers to twelve digits, so that what is written into a head is
    /// what was used.
    ///
    /// # Errors
    /// [`HeadError::Setting`] names the setting that is out of range.
    pub fn check(mut self) -> Result<TrainingOptions, HeadError> {
        let refuse = |setting, value: f64, range| {
            Err(HeadError::Setting {
                setting,
                value,
                range,
            })
        };
        if let Penalty::Fixed(c) = &mut self.penalty {
            if !(1e-9..=1e12).contains(c) {
                return refuse("C", *c, "between 1e-9 and 1e12");
            }
            *c = legible(*c);
        }
        self.coverage = legible(self.coverage);
        if !(0.5..=0.999).contains(&self.coverage) {
            return refuse("coverage", self.coverage, "between 0.5 and 0.999");
        }
        self.tolerance = legible(self.tolerance);
        if !(1e-12..=1e-2).contains(&self.tolerance) {
            return refuse("tolerance", self.tolerance, "between 1e-12 and 1e-2");
        }
        if self.iterations == 0 {
            return refuse("iterations", 0.0, "at least 1");
        }
        Ok(TrainingOptions(self))
    }
}

/// Settings that were checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingOptions(TrainingSettings);

impl TrainingOptions {
    /// The settings.
    pub fn settings(&self) -> &TrainingSettings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(
            TrainingSettings::default().check().ok(),
            Some(TrainingOptions::default())
        );
    }

    #[test]
    fn values_out_of_range_are_named() {
        let settings = TrainingSettings::default();
        for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = TrainingSettings {
                penalty: Penalty::Fixed(c),
                ..settings.clone()
            }
            .check();
            assert!(
                matches!(refused, Err(HeadError::Setting { setting: "C", .. })),
                "{c}"
            );
        }
        for coverage in [0.0, 0.4, 1.0, f64::NAN] {
            let refused = TrainingSettings {
                coverage,
                ..settings.clone()
            };
            assert!(refused.check().is_err(), "{coverage}");
        }
        for tolerance in [0.0, 1.0, f64::NAN] {
            assert!(
                TrainingSettings {
                    tolerance,
                    ..settings.clone()
                }
                .check()
                .is_err(),
                "{tolerance}"
            );
        }
        assert!(
            TrainingSettings {
                iterations: 0,
                ..settings
            }
            .check()
            .is_err()
        );
    }
}
