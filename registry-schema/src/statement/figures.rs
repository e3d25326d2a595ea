//! Figures of an evaluation: counts of each class, and what follows from them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::StatementError;
use super::wire;
use crate::interval::wilson;
use crate::limits;

/// Normal quantile of the accuracy's interval: 19 times in 20.
const QUANTILE: f64 = 1.959_964;

/// Largest log loss: a probability of 10⁻⁴³ for the true class of every image.
pub(super) const LOG_LOSS: f64 = 100.0;

/// Counts of each class and what follows from them. Figures have six decimals.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    classes: Vec<ClassFigures>,
    log_loss: f64,
}

/// How many images of a class there were, and how many were recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFigures {
    /// The class as the member calls it.
    pub class: String,
    /// How many images are of this class, at least 1.
    pub images: u32,
    /// How many of them were taken for it.
    pub correct: u32,
}

/// A range of a share, both ends from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Figures {
    /// Figures of these classes.
    ///
    /// # Errors
    /// [`StatementError`] when there are too few or too many classes, one of them without images,
    /// twice, or with more right answers than images, or the log loss is no figure.
    pub fn new(classes: Vec<ClassFigures>, log_loss: f64) -> Result<Self, StatementError> {
        if !(2..=limits::EVALUATION_CLASSES).contains(&classes.len()) {
            return Err(StatementError::Classes {
                count: classes.len(),
            });
        }
        let mut seen = BTreeSet::new();
        for one in &classes {
            wire::check_line("name of a class", &one.class, limits::CLASS_CHARACTERS)?;
            let problem = match one {
                _ if !seen.insert(one.class.as_str()) => "it is there twice",
                _ if one.images == 0 => "it has no images",
                _ if one.correct > one.images => "more were right than there are images",
                _ => continue,
            };
            return Err(StatementError::Class {
                class: one.class.clone(),
                problem,
            });
        }
        check_range("log loss", log_loss, LOG_LOSS)?;
        let log_loss = rounded(log_loss);
        Ok(Self { classes, log_loss })
    }

    /// Figures of each class.
    pub fn classes(&self) -> &[ClassFigures] {
        &self.classes
    }

    /// How many images.
    pub fn images(&self) -> u64 {
        self.classes.iter().map(|one| u64::from(one.images)).sum()
    }

    /// Share of the images that were recognised, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        rounded(self.share())
    }

    /// Where the accuracy on many such images lies, 19 times in 20 (Wilson).
    pub fn accuracy_interval(&self) -> Interval {
        let (low, high) = wilson(self.share(), as_float(self.images()), QUANTILE);
        Interval {
            low: rounded(low),
            high: rounded(high),
        }
    }

    /// Mean of the classes' shares.
    pub fn balanced_accuracy(&self) -> f64 {
        let shares = self.classes.iter().map(|one| {
            let (correct, images) = (f64::from(one.correct), f64::from(one.images));
            correct / images
        });
        rounded(shares.sum::<f64>() / as_float(self.classes.len() as u64))
    }

    /// Mean of minus the natural logarithm of the true class's probability.
    pub fn log_loss(&self) -> f64 {
        self.log_loss
    }

    /// The accuracy before it is rounded.
    fn share(&self) -> f64 {
        let correct: u64 = self.classes.iter().map(|one| u64::from(one.correct)).sum();
        as_float(correct) / as_float(self.images())
    }
}

/// Whether a figure is from 0 to `most`.
pub(super) fn check_range(
    figure: &'static str,
    found: f64,
    most: f64,
) -> Result<(), StatementError> {
    // Also refuses what is no number.
    if (0.0..=most).contains(&found) {
        return Ok(());
    }
    Err(StatementError::Figure {
        figure,
        found: found.to_string(),
        expected: format!("0 to {most}"),
    })
}

/// Six decimals: enough for a million images, and every reader of JSON gives back exactly this
/// number.
fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most 200 classes of 2^32 images: below 2^53"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}
