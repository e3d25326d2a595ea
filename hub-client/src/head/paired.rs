//! Whether one head is better than another on the same images, each held out.

use ndarray::Array2;
use serde::Serialize;

use super::metrics::INTERVAL_QUANTILE;
use super::transform::narrow;
use super::validate::Choice;

/// What heads said of images while these were held out.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOutAnswers {
    /// n×K, the mean over the repeats; rows in the order of
    /// [`TrainingFacts::labels`](super::TrainingFacts::labels).
    pub probabilities: Array2<f32>,
    /// n×repeats: whether the most probable class was the right one.
    pub hits: Array2<bool>,
}

/// Two ways of learning, compared on the same images in the same blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// Images, n.
    pub images: usize,
    /// Images that only the first gets right; a mean over the repeats.
    pub only_first: f64,
    /// Images that only the second gets right.
    pub only_second: f64,
    /// Accuracy of the second less that of the first, −1 to 1.
    pub difference: f64,
    /// Where that difference lies on new images, 9 times in 10: lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How the second stands beside the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The whole interval is above zero.
    Better,
    /// The whole interval is below zero.
    Worse,
    /// Zero lies within.
    CannotTell,
}

impl HeldOutAnswers {
    /// `probabilities` are the means over the repeats.
    pub(super) fn new(choice: &Choice, probabilities: &Array2<f64>) -> Self {
        let images = probabilities.nrows();
        let hits = choice.hits();
        let repeats = hits.len() / images.max(1);
        // Rows come repeat by repeat.
        let hits = Array2::from_shape_fn((images, repeats), |(image, repeat)| {
            hits[repeat * images + image]
        });
        Self {
            probabilities: probabilities.mapv(narrow),
            hits,
        }
    }
}

impl Paired {
    /// Compares answers on the same images in the same order, divided alike; none when they were not.
    ///
    /// The interval is the adjusted Wald interval for paired shares (D. G. Bonett and R. M. Price,
    /// *J. Educ. Behav. Stat.* 37, 2012): with p₁ = (f₁+1)/(n+2) of the images that only one gets right
    /// and p₂ of those that only the other does, `p₂ − p₁ ± q √((p₁ + p₂ − (p₂ − p₁)²)/(n+2))`. It stays
    /// honest when few images differ, also when none does. Approximate: cross-validated answers depend
    /// on one another.
    pub fn new(first: &HeldOutAnswers, second: &HeldOutAnswers) -> Option<Self> {
        let (images, repeats) = first.hits.dim();
        if second.hits.dim() != (images, repeats) || images == 0 || repeats == 0 {
            return None;
        }
        let mut only = [0.0; 2];
        for (&one, &other) in first.hits.iter().zip(&second.hits) {
            if one != other {
                only[usize::from(other)] += 1.0 / repeats as f64;
            }
        }
        Some(Self::of_counts(images, only[0], only[1]))
    }

    fn of_counts(images: usize, only_first: f64, only_second: f64) -> Self {
        let n = images as f64;
        let (p1, p2) = (
            (only_first + 1.0) / (n + 2.0),
            (only_second + 1.0) / (n + 2.0),
        );
        let centre = p2 - p1;
        let half = INTERVAL_QUANTILE * ((p1 + p2 - centre * centre) / (n + 2.0)).sqrt();
        Self {
            images,
            only_first,
            only_second,
            difference: (only_second - only_first) / n,
            low: (centre - half).max(-1.0),
            high: (centre + half).min(1.0),
        }
    }

    /// How the second stands beside the first.
    pub fn standing(&self) -> Standing {
        if self.low > 0.0 {
            Standing::Better
        } else if self.high < 0.0 {
            Standing::Worse
        } else {
            Standing::CannotTell
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::SplitMix64;
    use ndarray::Array2;

    fn answers(hits: Array2<bool>) -> HeldOutAnswers {
        HeldOutAnswers {
            probabilities: Array2::zeros((hits.nrows(), 2)),
            hits,
        }
    }

    #[test]
    fn few_differences_decide_nothing_and_many_do() {
        let standing = |first, second| Paired::of_counts(24, first, second).standing();
        assert_eq!(standing(0.0, 0.0), Standing::CannotTell);
        assert_eq!(standing(0.0, 3.0), Standing::CannotTell);
        assert_eq!(standing(0.0, 5.0), Standing::Better);
        assert_eq!(standing(9.0, 2.0), Standing::Worse);
        let same = Paired::of_counts(24, 0.0, 0.0);
        assert!((same.low + same.high).abs() < 1e-12 && same.high > 0.05);
    }

    #[test]
    fn repeats_count_as_a_mean() {
        let first = answers(Array2::from_shape_fn((10, 4), |(image, _)| image < 5));
        let second = answers(Array2::from_shape_fn((10, 4), |(image, repeat)| {
            image < 4 || (image == 9 && repeat < 2)
        }));
        let paired = Paired::new(&first, &second).unwrap();
        assert_eq!((paired.only_first, paired.only_second), (1.0, 0.5));
        assert!((paired.difference + 0.05).abs() < 1e-12);
        let other = answers(Array2::from_elem((10, 3), true));
        assert_eq!(Paired::new(&first, &other), None);
    }

    #[test]
    fn the_interval_holds_the_true_difference_nine_times_in_ten() {
        let mut random = SplitMix64::new(3);
        for (only_first, only_second) in [(0.05, 0.05), (0.05, 0.2), (0.3, 0.1)] {
            let (rounds, mut held) = (2_000, 0);
            for _ in 0..rounds {
                let (mut first, mut second) = (0.0, 0.0);
                for _ in 0..30 {
                    let share = random.share();
                    if share < only_first {
                        first += 1.0;
                    } else if share < only_first + only_second {
                        second += 1.0;
                    }
                }
                let paired = Paired::of_counts(30, first, second);
                held += u32::from((paired.low..=paired.high).contains(&(only_second - only_first)));
            }
            let share = f64::from(held) / f64::from(rounds);
            assert!(
                (0.87..1.0).contains(&share),
                "{only_first} {only_second}: {share}"
            );
        }
    }
}
