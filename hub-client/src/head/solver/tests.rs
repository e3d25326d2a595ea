#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Made by `tests/fixtures/sklearn/make.py`.
const REFERENCE: &str = include_str!("../../../tests/fixtures/sklearn/reference.json");

#[derive(Deserialize)]
struct Reference {
    solver: Vec<Case>,
    ridge: Vec<RidgeCase>,
}

#[derive(Deserialize)]
struct RidgeCase {
    name: String,
    seed: u64,
    rows: usize,
    dimensions: usize,
    classes: usize,
    alpha: f64,
    weighted: bool,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    held_out: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    seed: u64,
    rows: usize,
    dimensions: usize,
    classes: usize,
    c: f64,
    balanced: bool,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    objective: f64,
}

/// A request for the minimum itself.
fn exact(targets: &[usize], classes: usize, c: f64) -> Request<'_> {
    Request {
        tolerance: 1e-7,
        ..Request::new(targets, classes, c)
    }
}

#[test]
fn agrees_with_scikit_learn() {
    let reference: Reference = serde_json::from_str(REFERENCE).unwrap();
    assert!(reference.solver.len() >= 8);
    for case in reference.solver {
        let (features, targets) = features_and_targets(&case);
        let weights = case.balanced.then(|| balanced(&targets, case.classes));
        let request = Request {
            class_weights: weights.as_deref(),
            ..exact(&targets, case.classes, case.c)
        };
        let mut design = Design::new(features);
        let fit = design.fit(&request);
        assert!(
            fit.converged && fit.iterations < 100,
            "{}: {} iterations",
            case.name,
            fit.iterations
        );
        let excess = (fit.objective - case.objective) / case.objective;
        assert!(
            excess < 1e-9 && excess > -1e-6,
            "{}: objective {excess:e} above",
            case.name
        );

        let (coefficients, bias) = comparable(&design, &fit);
        let expected = Array2::from_shape_fn(coefficients.dim(), |(k, j)| case.coefficients[k][j]);
        let difference = (coefficients - expected)
            .mapv(f64::abs)
            .fold(0.0, |a: f64, &b| a.max(b));
        assert!(
            difference < 1e-4,
            "{}: coefficients differ by {difference:e}",
            case.name
        );
        let shift = case.intercepts.iter().sum::<f64>() / case.intercepts.len() as f64;
        let shift = if case.classes == 2 { 0.0 } else { shift };
        for (found, expected) in bias.iter().zip(&case.intercepts) {
            assert!(
                (found - (expected - shift)).abs() < 1e-4,
                "{}: {found} {expected}",
                case.name
            );
        }
    }
}

#[test]
fn ridge_agrees_with_scikit_learn() {
    let reference: Reference = serde_json::from_str(REFERENCE).unwrap();
    assert!(reference.ridge.len() >= 3);
    for known in reference.ridge {
        let sizes = case(known.rows, known.dimensions, known.classes);
        let (features, targets) = features_and_targets(&Case {
            seed: known.seed,
            ..sizes
        });
        let weights: Vec<f64> = (0..known.rows).map(|row| 0.5 + (row % 5) as f64).collect();
        let request = RidgeRequest {
            targets: &targets,
            classes: known.classes,
            row_weights: known.weighted.then_some(weights.as_slice()),
            towards: None,
        };
        let ridge = Ridge::new(features.view(), &request).unwrap();
        let (weights, bias) = ridge.coefficients(known.alpha);
        let expected = Array2::from_shape_fn(weights.dim(), |(k, j)| known.coefficients[k][j]);
        let apart = difference(&weights, &expected);
        assert!(apart < 1e-9, "{}: coefficients {apart:e}", known.name);
        let apart = difference(
            &bias.insert_axis(Axis(0)),
            &Array2::from_shape_fn((1, known.classes), |(_, k)| known.intercepts[k]),
        );
        assert!(apart < 1e-9, "{}: intercepts {apart:e}", known.name);
        let blocks: Vec<usize> = (0..known.rows).collect();
        let expected =
            Array2::from_shape_fn((known.rows, known.classes), |(i, k)| known.held_out[i][k]);
        let apart = difference(&ridge.held_out(known.alpha, &blocks), &expected);
        assert!(apart < 1e-9, "{}: held-out scores {apart:e}", known.name);
    }
}

/// Enough products for single precision.
fn large(classes: usize) -> (Array2<f32>, Vec<usize>) {
    features_and_targets(&case(LARGE / 48 / classes + 7, 48, classes))
}

#[test]
fn single_precision_reaches_the_same_minimum() {
    for classes in [2, 3] {
        let (features, targets) = large(classes);
        let request = Request {
            tolerance: 1e-5,
            ..exact(&targets, classes, 0.01)
        };
        let mut design = Design::new(features);
        assert!(design.is_large(&request));
        let single = design.fit(&request);
        let double = design.descend(
            &Request {
                tolerance: 1e-9,
                ..request
            },
            Precision::Double,
            None,
        );
        assert!(single.converged && double.converged);
        let excess = (single.objective - double.objective) / double.objective;
        assert!(excess.abs() < 1e-6, "{classes} classes: {excess:e}");
        let (weights, _) = design.coefficients(&single);
        let apart = difference(&weights, &design.coefficients(&double).0);
        assert!(apart < 1e-3, "{classes} classes: {apart:e}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (features, targets) = large(3);
    let request = Request {
        tolerance: 1e-3,
        ..exact(&targets, 3, 0.01)
    };
    let solve = |threads: usize| {
        let threads = NonZeroUsize::new(threads).unwrap();
        let mut design = Design::with_threads(features.clone(), threads);
        let fit = design.fit(&request);
        design.coefficients(&fit)
    };
    let alone = solve(1);
    assert_eq!(alone, solve(2));
    assert_eq!(alone, solve(5));
}

#[test]
fn a_row_of_weight_two_is_two_rows() {
    for (rows, dimensions) in [(12, 40), (30, 5)] {
        let (features, targets) = features_and_targets(&case(rows, dimensions, 3));
        let weights: Vec<f64> = (0..rows).map(|row| 1.0 + (row % 2) as f64).collect();
        let request = Request {
            row_weights: Some(&weights),
            ..exact(&targets, 3, 2.0)
        };
        let mut design = Design::new(features.clone());
        let fit = design.fit(&request);
        let weighted = design.coefficients(&fit).0;
        let twice: Vec<usize> = (0..rows).flat_map(|row| vec![row; 1 + row % 2]).collect();
        let repeated: Vec<usize> = twice.iter().map(|&row| targets[row]).collect();
        let mut design = Design::new(features.select(Axis(0), &twice));
        let fit = design.fit(&exact(&repeated, 3, 2.0));
        let apart = difference(&weighted, &design.coefficients(&fit).0);
        assert!(apart < 1e-4, "{rows}×{dimensions}: {apart:e}");
    }
}

#[test]
fn a_strong_penalty_stays_with_the_starter_and_a_weak_one_leaves_it() {
    for (rows, dimensions) in [(12, 40), (60, 5)] {
        let (features, targets) = features_and_targets(&case(rows, dimensions, 2));
        let start = noise(7, 2, dimensions).mapv(f64::from);
        let fit_with = |c: f64, towards: Option<&Array2<f64>>| {
            let mut design = Design::new(features.clone());
            let fit = design.fit(&Request {
                towards,
                ..exact(&targets, 2, c)
            });
            assert!(fit.converged);
            design.coefficients(&fit).0
        };
        assert!(difference(&fit_with(1e-6, Some(&start)), &start) < 1e-3);
        let zero = Array2::zeros((2, dimensions));
        assert_eq!(fit_with(1.0, Some(&zero)), fit_with(1.0, None));
        assert!(difference(&fit_with(100.0, Some(&start)), &start) > 0.1);
    }
}

#[test]
fn the_order_of_magnitude_of_features_does_not_matter() {
    for scale in [1e-4_f32, 1.0, 1e4] {
        let case = case(40, 9, 3);
        let (features, targets) = features_and_targets(&case);
        let c = 10.0 / f64::from(scale).powi(2);
        let mut design = Design::new(features * scale);
        let fit = design.fit(&exact(&targets, 3, c));
        assert!(
            fit.converged && fit.iterations < 60,
            "{scale}: {} iterations",
            fit.iterations
        );
    }
}

#[test]
fn far_away_features_are_solved_as_if_centred() {
    let case = case(30, 50, 2);
    let (features, targets) = features_and_targets(&case);
    let request = exact(&targets, 2, 1.0);
    let mut near = Design::new(features.clone());
    let fit = near.fit(&request);
    // 512 keeps 14 bits of the fraction.
    let mut far = Design::new(features.mapv(|value| value + 512.0));
    let other = far.fit(&request);
    assert!(other.converged);
    assert!((fit.objective - other.objective).abs() < 1e-3 * fit.objective);
}

#[test]
fn separable_classes_with_a_weak_penalty_converge() {
    let features = Array2::from_shape_fn(
        (20, 3),
        |(i, j)| if i % 2 == 0 { 1.0 } else { -1.0 } * (j + 1) as f32,
    );
    let targets: Vec<usize> = (0..20).map(|i| i % 2).collect();
    for c in [1e-6, 1.0, 1e6] {
        let fit = Design::new(features.clone()).fit(&exact(&targets, 2, c));
        assert!(fit.converged, "C = {c}: {} iterations", fit.iterations);
    }
}

#[test]
fn identical_rows_leave_only_the_intercept() {
    let mut design = Design::new(Array2::from_elem((5, 8), 3.5));
    let fit = design.fit(&exact(&[0, 0, 0, 0, 1], 2, 1.0));
    let (weights, bias) = design.coefficients(&fit);
    assert!(weights.iter().all(|&weight| weight == 0.0));
    assert!((bias[0] - bias[1] - 4_f64.ln()).abs() < 1e-6, "{bias}");
}

#[test]
fn the_same_request_gives_the_same_bits() {
    let case = case(25, 60, 3);
    let (features, targets) = features_and_targets(&case);
    let solve = || {
        let mut design = Design::new(features.clone());
        let fit = design.fit(&exact(&targets, 3, 3.0));
        design.coefficients(&fit)
    };
    assert_eq!(solve(), solve());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Newton's method with the full Hessian, written without any of the solver's parts.
    #[test]
    fn agrees_with_newton(
        seed in 0..1_000_u64, rows in 4..18_usize, dimensions in 1..14_usize, classes in 2..4_usize, log_c in -2..3_i32,
    ) {
        let case = Case { seed, c: 10_f64.powi(log_c), ..case(rows, dimensions, classes) };
        let (features, targets) = features_and_targets(&case);
        let expected = newton(&features, &targets, classes, case.c);
        let mut design = Design::new(features.clone());
        let fit = design.fit(&exact(&targets, classes, case.c));
        prop_assert!(fit.converged);
        let (weights, bias) = design.coefficients(&fit);
        let scores = features.mapv(f64::from).dot(&weights.t()) + &bias;
        let expected_scores = features.mapv(f64::from).dot(&expected.slice_axis(Axis(1), ndarray::Slice::from(..dimensions)).t())
            + expected.column(dimensions);
        for (found, expected) in scores.rows().into_iter().zip(expected_scores.rows()) {
            for class in 1..classes {
                let (found, expected) = (found[class] - found[0], expected[class] - expected[0]);
                prop_assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
            }
        }
    }
}

/// K×(D+1), the last column the intercepts. A trace of penalty on the intercepts makes the Hessian
/// regular without moving the solution visibly.
fn newton(features: &Array2<f32>, targets: &[usize], classes: usize, c: f64) -> Array2<f64> {
    let c = if classes == 2 { c / 2.0 } else { c };
    let (rows, dimensions) = features.dim();
    let width = dimensions + 1;
    let x = Array2::from_shape_fn((rows, width), |(i, j)| {
        if j < dimensions {
            f64::from(features[[i, j]])
        } else {
            1.0
        }
    });
    let penalty = |j: usize| if j < dimensions { 1.0 } else { 1e-9 };
    let value_and_probabilities = |weights: &Array2<f64>| {
        let mut scores = x.dot(&weights.t());
        let mut value: f64 = weights
            .indexed_iter()
            .map(|((_, j), w)| 0.5 * penalty(j) * w * w)
            .sum();
        for (mut row, &target) in scores.rows_mut().into_iter().zip(targets) {
            let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let sum: f64 = row.iter().map(|score| (score - largest).exp()).sum();
            value += c * (largest + sum.ln() - row[target]);
            row.mapv_inplace(|score| (score - largest).exp() / sum);
        }
        (value, scores)
    };
    let mut weights = Array2::<f64>::zeros((classes, width));
    for _ in 0..100 {
        let (value, probabilities) = value_and_probabilities(&weights);
        let mut gradient = Array1::zeros(classes * width);
        let mut hessian = Array2::zeros((classes * width, classes * width));
        for (k, j) in (0..classes).flat_map(|k| (0..width).map(move |j| (k, j))) {
            gradient[k * width + j] = penalty(j) * weights[[k, j]];
            hessian[[k * width + j, k * width + j]] = penalty(j);
            for i in 0..rows {
                let error = probabilities[[i, k]] - f64::from(targets[i] == k);
                gradient[k * width + j] += c * error * x[[i, j]];
                for (l, m) in (0..classes).flat_map(|l| (0..width).map(move |m| (l, m))) {
                    let share = probabilities[[i, k]] * (f64::from(k == l) - probabilities[[i, l]]);
                    hessian[[k * width + j, l * width + m]] += c * share * x[[i, j]] * x[[i, m]];
                }
            }
        }
        if gradient.iter().all(|g| g.abs() < 1e-11 * (1.0 + c)) {
            break;
        }
        let step = gauss(hessian, gradient);
        let mut length = 1.0;
        while length > 1e-6 {
            let candidate = &weights - &(length * &step.to_shape((classes, width)).unwrap());
            if value_and_probabilities(&candidate).0 <= value + 1e-12 * value.abs() {
                weights = candidate;
                break;
            }
            length /= 2.0;
        }
    }
    weights
}

/// Gaussian elimination with row exchange.
fn gauss(mut matrix: Array2<f64>, mut right: Array1<f64>) -> Array1<f64> {
    let count = right.len();
    for i in 0..count {
        let pivot = (i..count)
            .max_by(|&a, &b| matrix[[a, i]].abs().total_cmp(&matrix[[b, i]].abs()))
            .unwrap();
        for j in 0..count {
            matrix.swap([i, j], [pivot, j]);
        }
        right.swap(i, pivot);
        for row in i + 1..count {
            let factor = matrix[[row, i]] / matrix[[i, i]];
            for j in i..count {
                matrix[[row, j]] -= factor * matrix[[i, j]];
            }
            right[row] -= factor * right[i];
        }
    }
    for i in (0..count).rev() {
        let known: f64 = (i + 1..count).map(|j| matrix[[i, j]] * right[j]).sum();
        right[i] = (right[i] - known) / matrix[[i, i]];
    }
    right
}

fn case(rows: usize, dimensions: usize, classes: usize) -> Case {
    Case {
        name: String::new(),
        seed: 42,
        rows,
        dimensions,
        classes,
        c: 1.0,
        balanced: false,
        coefficients: Vec::new(),
        intercepts: Vec::new(),
        objective: 0.0,
    }
}

/// The generator of `make.py`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn features_and_targets(case: &Case) -> (Array2<f32>, Vec<usize>) {
    let noise = uniforms(case.seed, case.rows * case.dimensions);
    let mut targets: Vec<usize> = uniforms(case.seed + 1, case.rows)
        .iter()
        .map(|u| (u * case.classes as f64) as usize)
        .collect();
    (0..case.classes).for_each(|class| targets[class] = class);
    let features = Array2::from_shape_fn((case.rows, case.dimensions), |(i, j)| {
        let shift = f32::from(u8::from(j % case.classes == targets[i]));
        noise[i * case.dimensions + j] as f32 + 0.25 * shift
    });
    (features, targets)
}

fn uniforms(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 * 2_f64.powi(-53)
    };
    (0..count).map(|_| next()).collect()
}

fn balanced(targets: &[usize], classes: usize) -> Vec<f64> {
    let count = |class| targets.iter().filter(|&&target| target == class).count();
    (0..classes)
        .map(|class| targets.len() as f64 / (classes * count(class)) as f64)
        .collect()
}

/// scikit-learn has one coefficient vector for two classes.
fn comparable(design: &Design, fit: &Fit) -> (Array2<f64>, Array1<f64>) {
    let (weights, bias) = design.coefficients(fit);
    if bias.len() > 2 {
        return (weights, bias);
    }
    let one = &weights.row(1) - &weights.row(0);
    (
        one.insert_axis(Axis(0)),
        Array1::from(vec![bias[1] - bias[0]]),
    )
}

/// Numbers between −1/2 and 1/2.
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is wanted"
)]
pub(in crate::head) fn noise(seed: u64, rows: usize, dimensions: usize) -> Array2<f32> {
    let numbers = uniforms(seed, rows * dimensions);
    Array2::from_shape_fn((rows, dimensions), |(i, j)| {
        (numbers[i * dimensions + j] - 0.5) as f32
    })
}

pub(in crate::head) fn difference(left: &Array2<f64>, right: &Array2<f64>) -> f64 {
    (left - right).fold(0.0, |most: f64, value| most.max(value.abs()))
}
