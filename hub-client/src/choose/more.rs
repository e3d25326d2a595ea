//! Whether more labels would make a head better.

use ndarray::ArrayView2;

use super::MOST_IMAGES;
use super::held_out::{held_out, measure};
use crate::head::Plan;
use crate::head::solver::{Ridge, RidgeRequest, codes};

/// With fewer labelled images than this, of all or of one class, nothing is said.
const LEAST_IMAGES: usize = 20;
const LEAST_OF_A_CLASS: usize = 4;

/// Twice as many labels help when they lower the error by at least this share of it.
const WORTH_IT: f64 = 0.05;

/// And by this much of the error of who knows nothing: what is nearly right already needs no more.
const NOTICEABLE: f64 = 0.01;

/// Compares heads from half of the labelled images (n×D, as heads see them, with the class of each) with
/// heads from nearly all: when twice as many labels have helped by less than a twentieth of the error, or
/// by what nobody would notice, by more than a standard error of the difference, more of them are no help.
/// None when that cannot be told yet.
pub fn more_labels_help(
    rows: ArrayView2<'_, f32>,
    targets: &[usize],
    classes: usize,
) -> Option<bool> {
    let of = |class| targets.iter().filter(|&&target| target == class).count();
    let smallest = (0..classes).map(of).min()?;
    let images = targets.len();
    if !(LEAST_IMAGES..=MOST_IMAGES).contains(&images) || smallest < LEAST_OF_A_CLASS {
        return None;
    }
    let (all, _) = held_out(rows, targets, classes, 0).ok()?;
    let request = RidgeRequest {
        targets,
        classes,
        row_weights: None,
        towards: None,
    };
    let ridge = Ridge::new(rows, &request).ok()?;
    let plan = Plan::halves(targets, classes, 0)?;
    let (half, _) = measure(&ridge, &codes(targets, classes), targets, &plan, all.lambda);
    let gains = half.squared_errors.iter().zip(&all.squared_errors);
    let gains: Vec<f64> = gains.map(|(half, all)| half - all).collect();
    let mean = gains.iter().sum::<f64>() / images as f64;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>();
    let standard_error = (variance / (images * (images - 1)) as f64).sqrt();
    let wanted = (WORTH_IT * all.mean_square_error).max(NOTICEABLE);
    if mean >= wanted {
        Some(true)
    } else if mean + standard_error < wanted {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::choose::sample::{labelled, noise};
    use ndarray::Array2;

    #[test]
    fn few_labels_say_nothing() {
        let (rows, targets) = labelled(&[9, 9], 6, 5);
        assert_eq!(more_labels_help(rows.view(), &targets, 2), None);
        let (rows, targets) = labelled(&[30, 3], 6, 5);
        assert_eq!(more_labels_help(rows.view(), &targets, 2), None);
    }

    #[test]
    fn what_is_learnt_from_one_image_needs_no_more_and_what_hides_in_many_directions_does() {
        let targets: Vec<usize> = (0..60).map(|row| row % 2).collect();
        let plain = Array2::from_shape_fn(
            (60, 2),
            |(row, column)| {
                if targets[row] == column { 1.0 } else { 0.0 }
            },
        );
        assert_eq!(more_labels_help(plain.view(), &targets, 2), Some(false));
        let mut hidden = noise(60, 60, 3);
        for (mut row, &target) in hidden.rows_mut().into_iter().zip(&targets) {
            row[0] += if target == 0 { 2.0 } else { -2.0 };
        }
        assert_eq!(more_labels_help(hidden.view(), &targets, 2), Some(true));
    }
}
