//! What comes of not always answering.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::abstain::Abstention;
use super::metrics::{Interval, legible, share, wilson};

/// How often there is an answer, which is one plausible class, and how often it is right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Share of the images that get an answer, 0 to 1.
    pub share: f64,
    /// Share of the answers that are right; none without answers.
    pub accuracy: Option<f64>,
    /// Where that lies on many such images, 9 times in 10.
    pub accuracy_interval: Option<Interval>,
    /// Share of the images whose true class is plausible.
    pub coverage: f64,
    /// The same for the images of each class; none where there are no images.
    pub coverage_per_class: Vec<Option<f64>>,
}

impl Answered {
    /// Compares what is plausible by probabilities (n×K) with the true classes (n entries of `0..K`) of
    /// `images` different images.
    pub(super) fn new(
        abstention: &Abstention,
        probabilities: ArrayView2<'_, f32>,
        truth: &[usize],
        images: usize,
    ) -> Self {
        let (mut answers, mut right, mut covered) = (0, 0, 0);
        let mut per_class = vec![(0, 0); probabilities.ncols()];
        for (row, &class) in probabilities.rows().into_iter().zip(truth) {
            let plausible = abstention.limits.all_plausible(row);
            if let [answer] = plausible[..] {
                answers += 1;
                right += usize::from(answer == class);
            }
            let is_covered = usize::from(plausible.contains(&class));
            covered += is_covered;
            per_class[class].0 += is_covered;
            per_class[class].1 += 1;
        }
        let repeats = (truth.len() / images.max(1)).max(1);
        let accuracy = share(right, answers).map(legible);
        let legible_interval = |interval: Interval| Interval {
            low: legible(interval.low),
            high: legible(interval.high),
        };
        Self {
            share: legible(share(answers, truth.len()).unwrap_or_default()),
            accuracy,
            accuracy_interval: accuracy
                .map(|accuracy| legible_interval(wilson(accuracy, answers.div_ceil(repeats)))),
            coverage: legible(share(covered, truth.len()).unwrap_or_default()),
            coverage_per_class: per_class
                .into_iter()
                .map(|(covered, images)| share(covered, images).map(legible))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use ndarray::array;

    #[test]
    fn counts_by_hand() {
        let mut abstention = Abstention::never(2);
        abstention.limits.plausible_from = Some(vec![0.3, 0.3, 0.6]);
        let probabilities = array![
            [0.8, 0.1, 0.1],   // an answer, right
            [0.8, 0.1, 0.1],   // an answer, wrong: its class is not plausible
            [0.5, 0.4, 0.1],   // a doubt that holds the true class
            [0.25, 0.25, 0.5], // no idea
            [0.1, 0.2, 0.7_f32]
        ];
        let found = Answered::new(&abstention, probabilities.view(), &[0, 1, 1, 2, 2], 5);
        assert_eq!((found.share, found.coverage), (0.6, 0.6));
        assert_eq!(found.accuracy, Some(legible(2.0 / 3.0)));
        assert_eq!(found.coverage_per_class, [Some(1.0), Some(0.5), Some(0.5)]);
    }

    #[test]
    fn repeats_do_not_make_the_interval_narrower() {
        let abstention = Abstention::never(2);
        let once = array![[0.9, 0.1], [0.2, 0.8], [0.6, 0.4_f32]];
        let twice = ndarray::concatenate![ndarray::Axis(0), once, once];
        let first = Answered::new(&abstention, once.view(), &[0, 1, 1], 3);
        let second = Answered::new(&abstention, twice.view(), &[0, 1, 1, 0, 1, 1], 3);
        assert_eq!(first, second);
        assert_eq!(
            first.share, 1.0,
            "without limits every image gets an answer"
        );
    }

    #[test]
    fn nothing_answered_is_no_accuracy() {
        let mut abstention = Abstention::never(2);
        abstention.limits.plausible_from = Some(vec![0.9, 0.9]);
        let found = Answered::new(&abstention, array![[0.5, 0.5_f32]].view(), &[0], 1);
        assert_eq!((found.share, found.accuracy), (0.0, None));
        assert_eq!(found.coverage_per_class, [Some(0.0), None]);
    }
}
