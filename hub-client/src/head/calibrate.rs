//! Making probabilities honest: a temperature fitted on scores of images that were held out.

use ndarray::{Array2, ArrayView1, ArrayView2};

/// Temperatures tried: 81 logarithmic steps from 1/100 to 100.
const STEPS: i32 = 81;

/// A temperature, and the mean log loss on held-out scores with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Calibration {
    pub(super) temperature: f64,
    pub(super) loss: f64,
}

/// The temperature T that gives `softmax(scores / T)` the lowest log loss.
///
/// `images` is how many different images the scores come from. The targets are smoothed as in J.
/// Platt, *Probabilistic Outputs for Support Vector Machines* (1999): after n right answers in a row,
/// the next is right with probability (n+1)/(n+K), not 1. Without this, ten easy images would make a
/// head that is always perfectly sure.
pub(super) fn fit_temperature(
    scores: ArrayView2<'_, f64>,
    truth: &[usize],
    images: usize,
) -> Calibration {
    let classes = scores.ncols() as f64;
    let wrong = 1.0 / (images as f64 + classes);
    let loss = |temperature: f64| {
        let row_loss = |row: ArrayView1<'_, f64>, class: usize| {
            // Cross-entropy with `wrong` on every class and the rest, 1 − K·wrong, on the true one.
            let expected = (1.0 - classes * wrong) * row[class] + wrong * row.sum();
            log_sum_exp(row, temperature) - expected / temperature
        };
        let rows = scores.rows().into_iter().zip(truth);
        rows.map(|(row, &class)| row_loss(row, class)).sum::<f64>() / truth.len().max(1) as f64
    };
    let mut best = Calibration {
        temperature: 1.0,
        loss: loss(1.0),
    };
    for step in 0..STEPS {
        let temperature = 10_f64.powf(4.0 * f64::from(step) / f64::from(STEPS - 1) - 2.0);
        let loss = loss(temperature);
        if loss < best.loss {
            best = Calibration { temperature, loss };
        }
    }
    best
}

/// `softmax(scores / T)` of each row.
pub(super) fn probabilities(scores: ArrayView2<'_, f64>, temperature: f64) -> Array2<f32> {
    let mut probabilities = Array2::zeros(scores.dim());
    for (row, mut target) in scores.rows().into_iter().zip(probabilities.rows_mut()) {
        let total = log_sum_exp(row, temperature);
        target.zip_mut_with(&row, |target, score| {
            *target = super::transform::narrow((score / temperature - total).exp());
        });
    }
    probabilities
}

fn log_sum_exp(row: ArrayView1<'_, f64>, temperature: f64) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max) / temperature;
    largest
        + row
            .iter()
            .map(|score| (score / temperature - largest).exp())
            .sum::<f64>()
            .ln()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::metrics::Reliability;
    use super::*;
    use crate::explore::SplitMix64;
    use ndarray::array;
    use serde::Deserialize;

    /// Made by `tests/fixtures/sklearn/make.py`.
    const REFERENCE: &str = include_str!("../../tests/fixtures/sklearn/reference.json");

    #[derive(Deserialize)]
    struct Reference {
        calibration: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        seed: u64,
        rows: usize,
        classes: usize,
        images: usize,
        temperature: f64,
        loss: f64,
        calibration_error: f64,
    }

    #[test]
    fn calibration_agrees_with_scikit_learn() {
        let reference: Reference = serde_json::from_str(REFERENCE).unwrap();
        assert!(reference.calibration.len() >= 3);
        for case in reference.calibration {
            let (scores, truth) = scores_and_truth(&case);
            let found = fit_temperature(scores.view(), &truth, case.images);
            // Temperatures are tried in steps of 12 %: the nearest below or above the minimum is found.
            let steps = (found.temperature / case.temperature).log10() * 20.0;
            assert!(
                steps.abs() < 1.0,
                "{} {}",
                found.temperature,
                case.temperature
            );
            let above = found.loss - case.loss;
            assert!((-1e-12..2e-3).contains(&above), "{above:e}");
            let reliability = Reliability::new(probabilities(scores.view(), 1.0).view(), &truth);
            let apart = reliability.calibration_error - case.calibration_error;
            assert!(apart.abs() < 1e-6, "{apart:e}");
        }
    }

    /// The generator of `make.py`.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small numbers"
    )]
    fn scores_and_truth(case: &Case) -> (Array2<f64>, Vec<usize>) {
        let (mut noise, mut kinds) = (SplitMix64::new(case.seed), SplitMix64::new(case.seed + 1));
        let mut scores =
            Array2::from_shape_simple_fn((case.rows, case.classes), || 4.0 * noise.share());
        let kind = |_| (kinds.share() * case.classes as f64) as usize;
        let truth: Vec<usize> = (0..case.rows).map(kind).collect();
        for (mut row, &class) in scores.rows_mut().into_iter().zip(&truth) {
            row[class] += 1.5;
        }
        (scores, truth)
    }

    #[test]
    fn overconfident_scores_are_cooled() {
        // Right three times in four, but sure each time.
        let scores = array![[9.0, 0.0], [9.0, 0.0], [9.0, 0.0], [0.0, 9.0]];
        let truth = [0, 0, 0, 0];
        let Calibration { temperature, .. } = fit_temperature(scores.view(), &truth, 400);
        let sure = probabilities(scores.view(), temperature)[[0, 0]];
        assert!((sure - 0.75).abs() < 0.03, "{sure}");
    }

    #[test]
    fn ten_right_answers_are_not_certainty() {
        let scores = Array2::from_shape_fn(
            (10, 2),
            |(row, class)| if row % 2 == class { 1.0 } else { -1.0 },
        );
        let truth: Vec<usize> = (0..10).map(|row| row % 2).collect();
        let Calibration { temperature, .. } = fit_temperature(scores.view(), &truth, 10);
        let sure = probabilities(scores.view(), temperature)[[0, 0]];
        assert!((sure - 11.0 / 12.0).abs() < 0.02, "{sure}");
    }

    #[test]
    fn probabilities_of_huge_scores_are_finite() {
        let rows = probabilities(array![[1e300, -1e300], [0.0, 0.0]].view(), 0.01);
        assert_eq!(rows, array![[1.0, 0.0], [0.5, 0.5]]);
    }
}
