//! How good predictions are, with the uncertainty that few images leave.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Normal quantile of the interval: 1.645 leaves 5 in 100 on each side.
pub const INTERVAL_QUANTILE: f64 = 1.645;

/// Smallest probability the log loss sees, so that one sure mistake does not make it infinite: the
/// rounding of f32, as scikit-learn clips single-precision probabilities.
const PROBABILITY_FLOOR: f64 = f32::EPSILON as f64;

/// Figures of predictions on images with known classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// How many images.
    pub images: usize,
    /// Share of images whose most probable class is the true one, 0 to 1.
    pub accuracy: f64,
    /// Where the accuracy on many such images lies, 9 times in 10.
    pub accuracy_interval: Interval,
    /// Mean recall of the classes that occur.
    pub balanced_accuracy: f64,
    /// Mean of minus the natural logarithm of the true class's probability.
    pub log_loss: f64,
    /// Images of class i (row) that were taken for class j (column).
    pub confusion: Vec<Vec<usize>>,
    /// Figures of each class, in the head's order.
    pub classes: Vec<ClassMetrics>,
}

/// Bins of the reliability curve: probabilities of the class that was answered, in tenths.
pub const RELIABILITY_BINS: usize = 10;

/// One point of the reliability curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Predictions whose probability lies in it.
    pub predictions: usize,
    /// Mean probability of their classes.
    pub probability: f64,
    /// Share that was right.
    pub accuracy: f64,
}

/// How far stated probabilities are from what comes true.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Expected calibration error: the mean over all predictions of |probability − accuracy| of their bin
    /// (Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017). With few images it is above
    /// zero also for honest probabilities.
    pub calibration_error: f64,
    /// [`RELIABILITY_BINS`] bins; those without predictions are zero.
    pub bins: Vec<ReliabilityBin>,
}

impl Reliability {
    /// Compares the largest probability of each row (n×K) with how often it was right.
    pub fn new(probabilities: ArrayView2<'_, f32>, truth: &[usize]) -> Self {
        let mut bins = vec![ReliabilityBin::default(); RELIABILITY_BINS];
        for (row, &class) in probabilities.rows().into_iter().zip(truth) {
            let answer = most_probable(row.iter().copied());
            let probability = f64::from(row[answer]);
            let bin = (1..RELIABILITY_BINS)
                .take_while(|&edge| probability >= edge as f64 / RELIABILITY_BINS as f64)
                .count();
            bins[bin].predictions += 1;
            bins[bin].probability += probability;
            bins[bin].accuracy += if answer == class { 1.0 } else { 0.0 };
        }
        let mut error = 0.0;
        for bin in bins.iter_mut().filter(|bin| bin.predictions > 0) {
            error += (bin.probability - bin.accuracy).abs();
            bin.probability = legible(bin.probability / bin.predictions as f64);
            bin.accuracy = legible(bin.accuracy / bin.predictions as f64);
        }
        Self {
            calibration_error: legible(error / truth.len().max(1) as f64),
            bins,
        }
    }
}

/// Figures of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The class.
    pub class: String,
    /// How many images are of this class.
    pub images: usize,
    /// Share of its images that were found; none when there are none.
    pub recall: Option<f64>,
    /// Where the recall on many such images lies, 9 times in 10.
    #[serde(default)]
    pub recall_interval: Option<Interval>,
    /// Share of the images taken for this class that are of it; none when there are none.
    pub precision: Option<f64>,
    /// Where the precision on many such images lies, 9 times in 10.
    #[serde(default)]
    pub precision_interval: Option<Interval>,
}

/// A range of a share, both ends from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Metrics {
    /// Compares probabilities (n×K) with the true classes (n entries of `0..K`).
    pub fn new(probabilities: ArrayView2<'_, f32>, truth: &[usize], classes: &[String]) -> Self {
        let mut confusion = vec![vec![0; classes.len()]; classes.len()];
        let mut log_loss = 0.0;
        for (row, &class) in probabilities.rows().into_iter().zip(truth) {
            confusion[class][most_probable(row.iter().copied())] += 1;
            log_loss -= f64::from(row[class]).max(PROBABILITY_FLOOR).ln();
        }
        let hits: usize = (0..classes.len())
            .map(|class| confusion[class][class])
            .sum();
        let classes = per_class(&confusion, classes, 1);
        let recalls: Vec<f64> = classes.iter().filter_map(|class| class.recall).collect();
        let images = truth.len();
        Self {
            images,
            accuracy: share(hits, images).unwrap_or_default(),
            accuracy_interval: wilson(share(hits, images).unwrap_or_default(), images),
            balanced_accuracy: recalls.iter().sum::<f64>() / recalls.len().max(1) as f64,
            log_loss: log_loss / images.max(1) as f64,
            confusion,
            classes,
        }
    }
}

/// Wilson's score interval of a share that was seen on n images. Without images it is everything.
///
/// `centre = (p + q²/2n) / (1 + q²/n)`, `half = q √(p(1−p)/n + q²/4n²) / (1 + q²/n)`
/// (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927).
pub fn wilson(share: f64, images: usize) -> Interval {
    if images == 0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let (n, q) = (images as f64, INTERVAL_QUANTILE);
    let stretch = 1.0 + q * q / n;
    let centre = (share + q * q / (2.0 * n)) / stretch;
    let half = q * (share * (1.0 - share) / n + q * q / (4.0 * n * n)).sqrt() / stretch;
    Interval {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    }
}

/// A figure with twelve digits: enough for people, and few enough that every reader of JSON gives back
/// exactly this number.
pub(super) fn legible(figure: f64) -> f64 {
    format!("{figure:.11e}").parse().unwrap_or(figure)
}

/// The index of the largest entry; of several, the first.
pub fn most_probable<T: PartialOrd + Copy>(row: impl Iterator<Item = T>) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (index, value) in row.enumerate() {
        if best.is_none_or(|(_, largest)| value > largest) {
            best = Some((index, value));
        }
    }
    best.map_or(0, |(index, _)| index)
}

/// Figures of each class from a confusion matrix in which each image counts `repeats` times.
pub(super) fn per_class(
    confusion: &[Vec<usize>],
    classes: &[String],
    repeats: usize,
) -> Vec<ClassMetrics> {
    let repeats = repeats.max(1);
    let figures = |(index, class): (usize, &String)| {
        let of_it: usize = confusion[index].iter().sum();
        let taken_for_it: usize = confusion.iter().map(|row| row[index]).sum();
        let hits = confusion[index][index];
        let (recall, precision) = (share(hits, of_it), share(hits, taken_for_it));
        ClassMetrics {
            class: class.clone(),
            images: of_it / repeats,
            recall,
            recall_interval: recall.map(|recall| wilson(recall, of_it / repeats)),
            precision,
            // Repeats see the same images again: rounded up, a class that was taken once counts as one.
            precision_interval: precision
                .map(|precision| wilson(precision, taken_for_it.div_ceil(repeats))),
        }
    };
    classes.iter().enumerate().map(figures).collect()
}

pub(super) fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use ndarray::{Array2, array};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    #[test]
    fn counts_by_hand() {
        let probabilities = array![
            [0.7, 0.2, 0.1],
            [0.4, 0.5, 0.1],
            [0.2, 0.6, 0.2],
            [0.3, 0.3, 0.4_f32]
        ];
        let metrics = Metrics::new(probabilities.view(), &[0, 0, 1, 1], &names(3));
        assert_eq!(metrics.confusion, [[1, 1, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!((metrics.accuracy, metrics.balanced_accuracy), (0.5, 0.5));
        let expected = -(0.7_f64.ln() + 0.4_f64.ln() + 0.6_f64.ln() + 0.3_f64.ln()) / 4.0;
        assert!((metrics.log_loss - expected).abs() < 1e-7);
        assert_eq!(
            metrics.classes[2].recall, None,
            "no image of the third class"
        );
        assert_eq!(metrics.classes[2].precision, Some(0.0));
    }

    #[test]
    fn calibration_error_by_hand() {
        let probabilities = array![[0.95, 0.05], [0.95, 0.05], [0.4, 0.6], [0.0, 1.0_f32]];
        let reliability = Reliability::new(probabilities.view(), &[0, 1, 1, 1]);
        // The bin of 0.95 holds three, with mean 0.9667 and two of three right; that of 0.6 one.
        let expected = ((0.95 + 0.95 + 1.0 - 2.0) + (1.0 - 0.6)) / 4.0;
        assert!((reliability.calibration_error - expected).abs() < 1e-7);
        assert_eq!(reliability.bins[9].predictions, 3);
        assert_eq!(reliability.bins[6].predictions, 1);
    }

    #[test]
    fn the_interval_of_18_in_20() {
        let interval = wilson(0.9, 20);
        assert!(
            (interval.low - 0.7389).abs() < 1e-3 && (interval.high - 0.9661).abs() < 1e-3,
            "{interval:?}"
        );
        assert_eq!(wilson(1.0, 5).high, 1.0);
        assert_eq!(
            wilson(0.5, 0),
            Interval {
                low: 0.0,
                high: 1.0
            }
        );
    }

    #[test]
    fn a_sure_mistake_costs_much_but_not_everything() {
        let metrics = Metrics::new(array![[0.0, 1.0_f32]].view(), &[0], &names(2));
        assert!(metrics.log_loss > 15.0 && metrics.log_loss.is_finite());
    }

    #[test]
    fn no_images_give_finite_figures() {
        let metrics = Metrics::new(Array2::zeros((0, 2)).view(), &[], &names(2));
        assert_eq!(
            (metrics.images, metrics.accuracy, metrics.log_loss),
            (0, 0.0, 0.0)
        );
    }

    /// Made by `tests/fixtures/sklearn/make.py`.
    #[derive(Deserialize)]
    struct Reference {
        metrics: ReferenceMetrics,
    }

    #[derive(Deserialize)]
    struct ReferenceMetrics {
        probabilities: Vec<Vec<f32>>,
        truth: Vec<usize>,
        accuracy: f64,
        balanced_accuracy: f64,
        log_loss: f64,
        confusion: Vec<Vec<usize>>,
        recall: Vec<f64>,
        precision: Vec<f64>,
    }

    #[test]
    fn metrics_agree_with_scikit_learn() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../tests/fixtures/sklearn/reference.json"))
                .unwrap();
        let expected = reference.metrics;
        let classes: Vec<String> = (0..expected.confusion.len())
            .map(|class| class.to_string())
            .collect();
        let probabilities =
            Array2::from_shape_fn((expected.truth.len(), classes.len()), |(i, k)| {
                expected.probabilities[i][k]
            });
        let found = Metrics::new(probabilities.view(), &expected.truth, &classes);
        assert_eq!(found.confusion, expected.confusion);
        let close = |a: f64, b: f64, tolerance: f64| assert!((a - b).abs() < tolerance, "{a} {b}");
        close(found.accuracy, expected.accuracy, 1e-12);
        close(found.balanced_accuracy, expected.balanced_accuracy, 1e-12);
        // scikit-learn divides each row by its sum, which differs from 1 by the rounding of f32.
        close(found.log_loss, expected.log_loss, 1e-6);
        for (class, figures) in found.classes.iter().enumerate() {
            close(figures.recall.unwrap_or(0.0), expected.recall[class], 1e-12);
            close(
                figures.precision.unwrap_or(0.0),
                expected.precision[class],
                1e-12,
            );
        }
    }
}
