#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::explore::SplitMix64;
use ndarray::array;
use serde::Deserialize;

/// Made by `tests/fixtures/sklearn/make.py`.
const REFERENCE: &str = include_str!("../../tests/fixtures/sklearn/reference.json");

#[derive(Deserialize)]
struct Reference {
    choice: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    seed: u64,
    rows: usize,
    dimensions: usize,
    classes: usize,
    shrinkage: f64,
    h_score: f64,
    log_evidence: f64,
}

#[test]
fn the_scores_agree_with_scikit_learn() {
    let reference: Reference = serde_json::from_str(REFERENCE).unwrap();
    assert!(reference.choice.len() >= 3);
    for case in reference.choice {
        let (rows, targets) = features_and_targets(&case);
        assert!(
            0.0 < case.shrinkage && case.shrinkage < 1.0,
            "{}",
            case.name
        );
        let found = h_score::h_score(rows.view(), &targets, case.classes);
        let apart = found / case.h_score - 1.0;
        assert!(apart.abs() < 1e-9, "{}: H-score {apart:e}", case.name);
        let spectrum = Spectrum::of(gram(rows.view()).view());
        let found = log_evidence::log_evidence(&spectrum, rows.ncols(), &targets, case.classes);
        // α and β are kept finite, and the fixed point is reached slowly where all is explained.
        let below = case.log_evidence - found;
        assert!(
            (-1e-9..1e-5).contains(&below),
            "{}: LogME {below:e}",
            case.name
        );
    }
}

/// The generator of `make.py`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn features_and_targets(case: &Case) -> (Array2<f32>, Vec<usize>) {
    let (mut noise, mut kinds) = (SplitMix64::new(case.seed), SplitMix64::new(case.seed + 1));
    let kind = |row: usize| {
        let drawn = (kinds.share() * case.classes as f64) as usize;
        if row < case.classes { row } else { drawn }
    };
    let targets: Vec<usize> = (0..case.rows).map(kind).collect();
    let rows = Array2::from_shape_fn((case.rows, case.dimensions), |(i, j)| {
        let shift = f32::from(u8::from(j % case.classes == targets[i]));
        narrow(noise.share()) + 0.25 * shift
    });
    (rows, targets)
}

#[test]
fn what_cannot_be_measured_is_said() {
    let rows = array![[1.0_f32], [2.0], [3.0]];
    let error = |targets: &[usize], classes| measure(rows.view(), targets, classes, 0).unwrap_err();
    assert!(matches!(
        error(&[0, 1], 2),
        ChooseError::Lengths { rows: 3, labels: 2 }
    ));
    assert!(matches!(
        error(&[0, 0, 0], 1),
        ChooseError::TooFewClasses { classes: 1 }
    ));
    assert!(matches!(
        error(&[0, 0, 1], 2),
        ChooseError::TooFew { images: 1 }
    ));
    let bad = array![[1.0_f32], [f32::NAN], [1.0], [1.0]];
    let found = measure(bad.view(), &[0, 0, 1, 1], 2, 0);
    assert!(matches!(found, Err(ChooseError::NotFinite { row: 1 })));
}

#[test]
fn blocks_side_by_side_count_alike() {
    let both = side_by_side(&[array![[3.0_f32, 4.0]].view(), array![[200.0_f32]].view()]).unwrap();
    let squares: Vec<f32> = both.iter().map(|value| value * value).collect();
    assert!((squares[0] + squares[1] - 0.5).abs() < 1e-6 && (squares[2] - 0.5).abs() < 1e-6);
    assert_eq!(side_by_side(&[]), None);
}
