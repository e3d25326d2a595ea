//! A line search for convex functions that ends at a point with the strong Wolfe conditions.
//!
//! Close to the minimum the value changes by less than its rounding; there the slope decides, by the
//! approximate Wolfe conditions (Hager and Zhang, SIAM J. Optim. 16, 2005, eq. 4.1).

use super::lbfgs::{Objective, dot};

/// Part of the promised decrease that must be seen.
const DECREASE: f64 = 1e-4;
/// Part of the slope that may be left.
const CURVATURE: f64 = 0.9;
/// Most evaluations.
const TRIALS: usize = 50;

/// A point with its value and gradient.
pub(super) struct Step {
    pub(super) point: Vec<f64>,
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
}

/// An end of the bracket: its distance along the direction and the slope there.
#[derive(Clone, Copy)]
struct End {
    distance: f64,
    slope: f64,
}

/// Goes from a point along a direction; `None` when nothing better is found.
pub(super) fn search(
    objective: &mut impl Objective,
    from: &Step,
    direction: &[f64],
) -> Option<Step> {
    let slope = dot(&from.gradient, direction);
    if slope.is_nan() || slope >= 0.0 {
        return None;
    }
    let start = Start {
        value: from.value,
        slope,
        rounding: objective.rounding(),
    };
    let mut low = End {
        distance: 0.0,
        slope,
    };
    let mut high: Option<End> = None;
    let mut distance = 1.0;
    let mut trial = Step {
        point: from.point.clone(),
        value: 0.0,
        gradient: vec![0.0; direction.len()],
    };
    for _ in 0..TRIALS {
        for ((point, start), direction) in trial.point.iter_mut().zip(&from.point).zip(direction) {
            *point = start + distance * direction;
        }
        trial.value = objective.evaluate(&trial.point, &mut trial.gradient);
        let here = End {
            distance,
            slope: dot(&trial.gradient, direction),
        };
        match judge(start, trial.value, here) {
            Verdict::Accept => return Some(trial),
            Verdict::TooShort => low = here,
            Verdict::TooLong => high = Some(here),
        }
        distance = match high {
            Some(high) => between(low, high),
            None => beyond(low),
        };
    }
    None
}

enum Verdict {
    Accept,
    TooShort,
    TooLong,
}

/// Where the search began.
#[derive(Clone, Copy)]
struct Start {
    value: f64,
    slope: f64,
    /// Relative rounding of values.
    rounding: f64,
}

fn judge(start: Start, value: f64, here: End) -> Verdict {
    if !value.is_finite() || !here.slope.is_finite() {
        return Verdict::TooLong;
    }
    let decreases = value <= start.value + DECREASE * here.distance * start.slope;
    let level = value <= start.value + start.rounding * start.value.abs()
        && here.slope <= (2.0 * DECREASE - 1.0) * start.slope;
    if !decreases && !level {
        Verdict::TooLong
    } else if here.slope < CURVATURE * start.slope {
        Verdict::TooShort
    } else if here.slope > -CURVATURE * start.slope {
        Verdict::TooLong
    } else {
        Verdict::Accept
    }
}

/// Where the slope would be zero by the secant, kept away from both ends; else the middle.
fn between(low: End, high: End) -> f64 {
    let width = high.distance - low.distance;
    let share = low.slope / (low.slope - high.slope);
    let share = if share.is_finite() && high.slope > 0.0 {
        share.clamp(0.1, 0.9)
    } else {
        0.5
    };
    low.distance + share * width
}

fn beyond(low: End) -> f64 {
    low.distance * 4.0
}
