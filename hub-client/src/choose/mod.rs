//! Choosing between extractors by the labels one has.
//!
//! ```
//! use hub_client::choose::{Favourite, decide, measure};
//! use ndarray::array;
//! // The features of four images of two classes, by two extractors.
//! let one = array![[1.0_f32, 0.1], [0.9, 0.0], [0.1, 1.0], [0.0, 0.9]];
//! let other = array![[0.5_f32, 0.4], [0.4, 0.5], [0.5, 0.5], [0.4, 0.4]];
//! let classes = [0, 0, 1, 1];
//! let [one, other] = [measure(one.view(), &classes, 2, 0)?, measure(other.view(), &classes, 2, 0)?];
//! assert!(one.held_out.mean_square_error < other.held_out.mean_square_error);
//! let favourite = Favourite { place: 0, has_reason: false };
//! let decision = decide(favourite, &[&one.held_out, &other.held_out]);
//! assert_eq!(decision.take, 0);
//! # Ok::<(), hub_client::choose::ChooseError>(())
//! ```
//!
//! *Why not the highest score?* See [`decide`]. The scores are shown because people ask for them;
//! what decides is the error on images held out.

#![expect(
    clippy::needless_pass_by_value,
    reason = "array views are passed by value, as ndarray itself does"
)]

mod answered;
mod domain;
mod error;
mod h_score;
mod held_out;
mod log_evidence;
mod more;
mod rule;
#[cfg(test)]
pub(crate) mod sample;
mod spectrum;
mod spread;

use ndarray::{Array2, ArrayView2, Axis, concatenate};

pub use self::answered::{AnsweredAt, PRECISION};
pub use self::domain::is_strange;
pub use self::error::ChooseError;
pub use self::held_out::HeldOut;
pub use self::more::more_labels_help;
pub use self::rule::{Decision, Favourite, MORE_LABELS, Verdict, WRONG, decide};
pub use self::spread::spread;

use self::spectrum::{Spectrum, gram};

/// Labelled images that are measured at most ([`spread`]): the work grows with the cube of their number, and with
/// so many there is nothing left to guess.
pub const MOST_IMAGES: usize = 1000;

/// What was measured of one extractor.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What a head on its features does on images held out.
    pub held_out: HeldOut,
    /// What is left when nine answers of ten must be right.
    pub answered: AnsweredAt,
    /// LogME: the log evidence of the labels per image, higher is better.
    pub log_evidence: f64,
    /// The regularised H-score, from 0 to the number of classes − 1.
    pub h_score: f64,
}

/// Measures features (n×D, as heads see them, n up to [`MOST_IMAGES`]) with the class of each image.
/// The same input gives the same figures.
///
/// # Errors
/// [`ChooseError`]: fewer than two classes, or than two images of one; features that are not finite.
pub fn measure(
    rows: ArrayView2<'_, f32>,
    targets: &[usize],
    classes: usize,
    seed: u64,
) -> Result<Measured, ChooseError> {
    if rows.nrows() != targets.len() {
        return Err(ChooseError::Lengths {
            rows: rows.nrows(),
            labels: targets.len(),
        });
    }
    if classes < 2 {
        return Err(ChooseError::TooFewClasses { classes });
    }
    let is_finite = |row: ndarray::ArrayView1<'_, f32>| row.iter().all(|value| value.is_finite());
    if let Some(row) = rows.rows().into_iter().position(|row| !is_finite(row)) {
        return Err(ChooseError::NotFinite { row });
    }
    let (held_out, said) = held_out::held_out(rows, targets, classes, seed)?;
    let spectrum = Spectrum::of(gram(rows).view());
    Ok(Measured {
        held_out,
        answered: AnsweredAt::new(said, targets.len()),
        log_evidence: log_evidence::log_evidence(&spectrum, rows.ncols(), targets, classes),
        h_score: h_score::h_score(rows, targets, classes),
    })
}

/// The features of several extractors side by side: each block with rows of length 1, scaled by one
/// over the root of the number of blocks, so that all count alike. None for no blocks, or blocks of
/// different heights.
pub fn side_by_side(blocks: &[ArrayView2<'_, f32>]) -> Option<Array2<f32>> {
    let share = (blocks.len() as f64).sqrt();
    let scaled = blocks.iter().map(|block| {
        let mut block = block.to_owned();
        for mut row in block.rows_mut() {
            let length = row
                .iter()
                .map(|&value| f64::from(value).powi(2))
                .sum::<f64>()
                .sqrt();
            if length > 0.0 {
                row.mapv_inplace(|value| narrow(f64::from(value) / length / share));
            }
        }
        block
    });
    let scaled: Vec<_> = scaled.collect();
    let views: Vec<_> = scaled.iter().map(|block| block.view()).collect();
    concatenate(Axis(1), &views).ok()
}

/// The nearest f32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is wanted"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
