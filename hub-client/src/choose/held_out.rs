//! How good a head on some features is, on images that were held out.
//!
//! One-against-rest ridge regression, whose held-out scores are exact for all blocks and all λ (see
//! [`Ridge`]). Each block holds an image of each class: holding out a single one shifts the balance of
//! what is left against its class (Austin et al., *Distributional bias compromises leave-one-out
//! cross-validation*, Science Advances 2025).

use ndarray::{Array2, ArrayView2};

use super::ChooseError;
use super::answered::Said;
use crate::head::Plan;
use crate::head::metrics::{Interval, wilson};
use crate::head::solver::{Ridge, RidgeRequest, codes};

/// λ from 10⁻⁴ to 10², in 25 steps.
const LAMBDAS: usize = 25;

/// What was seen on held-out images.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// Share of the predictions that were right, 0 to 1.
    pub accuracy: f64,
    /// Where the accuracy on new images lies, 9 times in 10 (Wilson); approximate.
    pub interval: Interval,
    /// Mean over images and classes of the squared error against codes of +1 and −1.
    pub mean_square_error: f64,
    /// The same of each image, n.
    pub squared_errors: Vec<f64>,
    /// The penalty, with the smallest error.
    pub lambda: f64,
    /// Into how many blocks the images were divided.
    pub blocks: usize,
    /// How often.
    pub repeats: usize,
}

/// Measures n×D rows with the class (of 0..K) of each; with what was said of each image, every repeat. The same
/// rows, classes and seed give the same figures.
pub(super) fn held_out(
    rows: ArrayView2<'_, f32>,
    targets: &[usize],
    classes: usize,
    seed: u64,
) -> Result<(HeldOut, Vec<Said>), ChooseError> {
    let plan = Plan::one_of_each(targets, classes, seed).ok_or_else(|| ChooseError::TooFew {
        images: smallest_class(targets, classes),
    })?;
    let request = RidgeRequest {
        targets,
        classes,
        row_weights: None,
        towards: None,
    };
    let ridge = Ridge::new(rows, &request)?;
    let codes = codes(targets, classes);
    let mut best: Option<(HeldOut, Vec<Said>)> = None;
    for step in 0..LAMBDAS {
        let lambda = 10.0_f64.powf(-4.0 + 6.0 * step as f64 / (LAMBDAS - 1) as f64);
        let found = measure(&ridge, &codes, targets, &plan, lambda);
        let error = found.0.mean_square_error;
        if best
            .as_ref()
            .is_none_or(|(best, _)| error < best.mean_square_error)
        {
            best = Some(found);
        }
    }
    best.ok_or(ChooseError::TooFew { images: 0 })
}

pub(super) fn measure(
    ridge: &Ridge<'_>,
    codes: &Array2<f64>,
    targets: &[usize],
    plan: &Plan,
    lambda: f64,
) -> (HeldOut, Vec<Said>) {
    let mut errors = vec![0.0; targets.len()];
    let mut said = Vec::with_capacity(targets.len() * plan.repeats.len());
    for blocks in &plan.repeats {
        let scores = ridge.held_out(lambda, blocks);
        for (row, scores) in scores.rows().into_iter().enumerate() {
            let difference = &scores - &codes.row(row);
            let squared = difference.dot(&difference) / codes.ncols() as f64;
            errors[row] += squared / plan.repeats.len() as f64;
            let (mut best, mut second) = ((0, f64::NEG_INFINITY), f64::NEG_INFINITY);
            for (class, &score) in scores.iter().enumerate() {
                if score > best.1 {
                    second = best.1;
                    best = (class, score);
                } else {
                    second = second.max(score);
                }
            }
            said.push(Said {
                image: row,
                margin: best.1 - second,
                is_right: best.0 == targets[row],
            });
        }
    }
    let hits = said.iter().filter(|one| one.is_right).count();
    let accuracy = hits as f64 / said.len() as f64;
    let seen = HeldOut {
        accuracy,
        interval: wilson(accuracy, targets.len()),
        mean_square_error: errors.iter().sum::<f64>() / targets.len() as f64,
        squared_errors: errors,
        lambda,
        blocks: plan.blocks,
        repeats: plan.repeats.len(),
    };
    (seen, said)
}

fn smallest_class(targets: &[usize], classes: usize) -> usize {
    let count = |class| targets.iter().filter(|&&target| target == class).count();
    (0..classes).map(count).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::choose::AnsweredAt;
    use crate::choose::sample::{labelled, noise};

    #[test]
    fn clear_classes_are_told_apart_and_noise_is_not() {
        let (rows, targets) = labelled(&[8, 8], 6, 5);
        let (clear, said) = held_out(rows.view(), &targets, 2, 0).unwrap();
        let answered = AnsweredAt::new(said, 16);
        assert_eq!((answered.share, answered.accuracy), (1.0, Some(1.0)));
        assert_eq!((clear.accuracy, clear.blocks, clear.repeats), (1.0, 8, 10));
        assert!(clear.mean_square_error < 0.3);
        let noise = noise(40, 6, 2);
        let targets: Vec<usize> = (0..40).map(|row| row % 2).collect();
        let (nothing, said) = held_out(noise.view(), &targets, 2, 0).unwrap();
        let answered = AnsweredAt::new(said, 40);
        assert!(answered.share < 0.3, "{answered:?}");
        assert!(
            (0.2..0.8).contains(&nothing.accuracy),
            "{}",
            nothing.accuracy
        );
        assert!(nothing.mean_square_error > 0.9);
    }

    #[test]
    fn a_class_of_one_image_cannot_be_held_out() {
        let (rows, targets) = labelled(&[2, 1], 3, 1);
        let refused = held_out(rows.view(), &targets, 2, 0);
        assert!(matches!(refused, Err(ChooseError::TooFew { images: 1 })));
    }
}
