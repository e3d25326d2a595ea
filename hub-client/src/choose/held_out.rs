//! How good a head on some features is, on images that were held out.
//!
//! One-against-rest ridge on the n×n side. For blocks b of held-out rows the scores without them come
//! from the fit with them: with `A = (X Xᵀ + λI)⁻¹ Y` they are `Ŷ_b = Y_b − ((X Xᵀ + λI)⁻¹)_bb⁻¹ A_b`,
//! so one eigendecomposition serves all blocks and all λ. Each block holds an image of each class:
//! holding out a single one shifts the balance of what is left against its class (Austin et al.,
//! *Distributional bias compromises leave-one-out cross-validation*, Science Advances 2025).

use ndarray::{Array2, ArrayView2, Axis};

use super::ChooseError;
use super::spectrum::{Spectrum, gram};
use crate::head::metrics::{Interval, wilson};

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

/// Measures n×D rows with the class (of 0..K) of each. The same rows, classes and seed give the same
/// figures.
pub(super) fn held_out(
    rows: ArrayView2<'_, f32>,
    targets: &[usize],
    classes: usize,
    seed: u64,
) -> Result<HeldOut, ChooseError> {
    let plan = Plan::new(targets, classes, seed)?;
    // The constant that the intercept multiplies is one more feature.
    let spectrum = Spectrum::of((gram(rows) + 1.0).view());
    let codes = Array2::from_shape_fn((targets.len(), classes), |(row, class)| {
        if targets[row] == class { 1.0 } else { -1.0 }
    });
    let rotated = spectrum.vectors.t().dot(&codes);
    let mut best: Option<HeldOut> = None;
    for step in 0..LAMBDAS {
        let lambda = 10.0_f64.powf(-4.0 + 6.0 * step as f64 / (LAMBDAS - 1) as f64);
        let found = measure(&spectrum, &rotated, &codes, targets, &plan, lambda);
        let is_better = |best: &HeldOut| found.mean_square_error < best.mean_square_error;
        if best.as_ref().is_none_or(is_better) {
            best = Some(found);
        }
    }
    best.ok_or(ChooseError::TooFew { images: 0 })
}

fn measure(
    spectrum: &Spectrum,
    rotated: &Array2<f64>,
    codes: &Array2<f64>,
    targets: &[usize],
    plan: &Plan,
    lambda: f64,
) -> HeldOut {
    let inverse = spectrum.values.mapv(|value| (value + lambda).recip());
    let weighted = rotated * &inverse.view().insert_axis(Axis(1));
    let fitted = spectrum.vectors.dot(&weighted);
    let mut errors = vec![0.0; targets.len()];
    let mut hits = 0_usize;
    for block in plan.repeats.iter().flatten() {
        let own = spectrum.vectors.select(Axis(0), block);
        let inner = (&own * &inverse).dot(&own.t());
        let correction = solve(inner, fitted.select(Axis(0), block));
        for (&row, correction) in block.iter().zip(correction.rows()) {
            // Ŷ − Y = −correction.
            let squared = correction.dot(&correction) / codes.ncols() as f64;
            errors[row] += squared / plan.repeats.len() as f64;
            let scores = &codes.row(row) - &correction;
            let best =
                scores
                    .iter()
                    .enumerate()
                    .fold((0, f64::NEG_INFINITY), |best, (class, &score)| {
                        if score > best.1 { (class, score) } else { best }
                    });
            hits += usize::from(best.0 == targets[row]);
        }
    }
    let accuracy = hits as f64 / (targets.len() * plan.repeats.len()) as f64;
    HeldOut {
        accuracy,
        interval: wilson(accuracy, targets.len()),
        mean_square_error: errors.iter().sum::<f64>() / targets.len() as f64,
        squared_errors: errors,
        lambda,
        blocks: plan.repeats.first().map_or(0, Vec::len),
        repeats: plan.repeats.len(),
    }
}

/// Solves for a small positive definite matrix, by elimination without pivots.
fn solve(mut matrix: Array2<f64>, mut right: Array2<f64>) -> Array2<f64> {
    let size = matrix.nrows();
    for pivot in 0..size {
        let scale = matrix[[pivot, pivot]].recip();
        let (pivot_row, pivot_right) = (matrix.row(pivot).to_owned(), right.row(pivot).to_owned());
        for below in pivot + 1..size {
            let factor = matrix[[below, pivot]] * scale;
            matrix.row_mut(below).scaled_add(-factor, &pivot_row);
            right.row_mut(below).scaled_add(-factor, &pivot_right);
        }
    }
    for pivot in (0..size).rev() {
        let mut sum = right.row(pivot).to_owned();
        for after in pivot + 1..size {
            sum.scaled_add(-matrix[[pivot, after]], &right.row(after));
        }
        right.row_mut(pivot).assign(&(sum / matrix[[pivot, pivot]]));
    }
    right
}

/// Which rows are held out together: for each repeat, blocks that cover all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    repeats: Vec<Vec<Vec<usize>>>,
}

impl Plan {
    /// As many blocks as the smallest class has images, each with one of them; larger classes are dealt
    /// to the blocks in turn.
    fn new(targets: &[usize], classes: usize, seed: u64) -> Result<Self, ChooseError> {
        let mut members = vec![Vec::new(); classes];
        for (row, &class) in targets.iter().enumerate() {
            members[class].push(row);
        }
        let smallest = members.iter().map(Vec::len).min().unwrap_or(0);
        if smallest < 2 {
            return Err(ChooseError::TooFew { images: smallest });
        }
        let repeats = match targets.len() {
            0..=60 => 10,
            61..=250 => 4,
            _ => 1,
        };
        let mut random = crate::explore::SplitMix64::new(seed);
        let repeats = (0..repeats).map(|_| {
            let mut blocks = vec![Vec::new(); smallest];
            let mut next = 0;
            for class in &mut members {
                random.shuffle(class);
                for &row in class.iter() {
                    blocks[next % smallest].push(row);
                    next += 1;
                }
            }
            blocks
        });
        Ok(Self {
            repeats: repeats.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::choose::sample::{labelled, noise};

    /// Ridge without the block, on the D×D side.
    fn refit(rows: &Array2<f32>, codes: &Array2<f64>, block: &[usize], lambda: f64) -> Array2<f64> {
        let mut with_one = Array2::ones((rows.nrows(), rows.ncols() + 1));
        with_one
            .slice_axis_mut(Axis(1), ndarray::Slice::from(..rows.ncols()))
            .assign(&rows.mapv(f64::from));
        let kept: Vec<usize> = (0..rows.nrows())
            .filter(|row| !block.contains(row))
            .collect();
        let (x, y) = (
            with_one.select(Axis(0), &kept),
            codes.select(Axis(0), &kept),
        );
        let mut normal = x.t().dot(&x);
        normal.diag_mut().mapv_inplace(|value| value + lambda);
        with_one
            .select(Axis(0), block)
            .dot(&solve(normal, x.t().dot(&y)))
    }

    #[test]
    fn scores_are_those_of_refits() {
        let (rows, targets) = labelled(&[5, 7, 6], 9, 3);
        let plan = Plan::new(&targets, 3, 1).unwrap();
        let codes = Array2::from_shape_fn(
            (18, 3),
            |(row, class)| {
                if targets[row] == class { 1.0 } else { -1.0 }
            },
        );
        let spectrum = Spectrum::of((gram(rows.view()) + 1.0).view());
        let rotated = spectrum.vectors.t().dot(&codes);
        for lambda in [1e-3, 0.5, 20.0] {
            let found = measure(&spectrum, &rotated, &codes, &targets, &plan, lambda);
            let mut errors = [0.0; 18];
            for block in plan.repeats.iter().flatten() {
                let scores = refit(&rows, &codes, block, lambda);
                for (&row, scores) in block.iter().zip(scores.rows()) {
                    let difference = &scores - &codes.row(row);
                    errors[row] += difference.dot(&difference) / 3.0 / plan.repeats.len() as f64;
                }
            }
            for (found, expected) in found.squared_errors.iter().zip(errors) {
                assert!(
                    (found - expected).abs() < 1e-9 * expected.max(1.0),
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn clear_classes_are_told_apart_and_noise_is_not() {
        let (rows, targets) = labelled(&[8, 8], 6, 5);
        let clear = held_out(rows.view(), &targets, 2, 0).unwrap();
        assert_eq!((clear.accuracy, clear.blocks, clear.repeats), (1.0, 8, 10));
        assert!(clear.mean_square_error < 0.3);
        let noise = noise(40, 6, 2);
        let targets: Vec<usize> = (0..40).map(|row| row % 2).collect();
        let nothing = held_out(noise.view(), &targets, 2, 0).unwrap();
        assert!(
            (0.2..0.8).contains(&nothing.accuracy),
            "{}",
            nothing.accuracy
        );
        assert!(nothing.mean_square_error > 0.9);
    }

    #[test]
    fn each_block_holds_each_class() {
        let targets = [vec![0; 3], vec![1; 7]].concat();
        for blocks in Plan::new(&targets, 2, 4).unwrap().repeats {
            assert_eq!(blocks.len(), 3);
            for block in blocks {
                assert_eq!(block.iter().filter(|&&row| row < 3).count(), 1);
            }
        }
        assert!(matches!(
            Plan::new(&[0, 0, 1], 2, 0),
            Err(ChooseError::TooFew { images: 1 })
        ));
    }
}
