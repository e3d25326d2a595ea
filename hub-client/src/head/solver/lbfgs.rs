//! Limited-memory BFGS (Nocedal and Wright, *Numerical Optimization*, algorithms 7.4 and 7.5).

use std::collections::VecDeque;

use super::line_search::{self, Step};

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 10;

/// A smooth convex function of a flat vector.
pub(super) trait Objective {
    /// The value at a point; writes the gradient.
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64;

    /// Relative rounding of the value.
    fn rounding(&self) -> f64 {
        1e-13
    }

    /// Multiplies a vector by a guess of the inverse Hessian: symmetric and positive definite.
    fn precondition(&mut self, vector: &mut [f64]);
}

/// When to stop.
pub(super) struct Stop {
    /// Largest absolute entry of the gradient that counts as zero.
    pub(super) gradient: f64,
    /// Most iterations.
    pub(super) iterations: usize,
}

/// Where it ended.
pub(super) struct Minimum {
    pub(super) point: Vec<f64>,
    pub(super) value: f64,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// Minimises the objective from a starting point.
pub(super) fn minimise(objective: &mut impl Objective, start: Vec<f64>, stop: &Stop) -> Minimum {
    let mut at = Step {
        gradient: vec![0.0; start.len()],
        value: 0.0,
        point: start,
    };
    at.value = objective.evaluate(&at.point, &mut at.gradient);
    let mut history = History::default();
    let mut iterations = 0;
    while largest(&at.gradient) > stop.gradient && iterations < stop.iterations {
        iterations += 1;
        let direction = history.direction(objective, &at.gradient);
        let next = match line_search::search(objective, &at, &direction) {
            Some(next) => next,
            None if history.pairs.is_empty() => break,
            None => {
                // The remembered curvature misleads: start again from the preconditioner alone.
                history.pairs.clear();
                continue;
            }
        };
        history.remember(&at, &next);
        at = next;
    }
    // At the floor of double precision no step can be told from none; that is as good as it gets.
    let converged = largest(&at.gradient) <= stop.gradient;
    Minimum {
        point: at.point,
        value: at.value,
        iterations,
        converged,
    }
}

#[derive(Default)]
struct History {
    pairs: VecDeque<Pair>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change)
    inverse: f64,
}

impl History {
    fn remember(&mut self, before: &Step, after: &Step) {
        let step = difference(&after.point, &before.point);
        let change = difference(&after.gradient, &before.gradient);
        let product = dot(&step, &change);
        // Convexity makes the product positive; rounding may not, and such a pair says nothing.
        if product > f64::EPSILON * (dot(&step, &step) * dot(&change, &change)).sqrt() {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair {
                step,
                change,
                inverse: 1.0 / product,
            });
        }
    }

    /// The two-loop recursion: minus the approximate inverse Hessian times the gradient.
    fn direction(&self, objective: &mut impl Objective, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = pair.inverse * dot(&pair.step, &direction);
            add(&mut direction, -share, &pair.change);
            shares.push(share);
        }
        objective.precondition(&mut direction);
        if let Some(pair) = self.pairs.back() {
            // Scale the guess so that it has the curvature seen in the last step.
            let mut preconditioned = pair.change.clone();
            objective.precondition(&mut preconditioned);
            let scale = 1.0 / (pair.inverse * dot(&pair.change, &preconditioned));
            direction.iter_mut().for_each(|value| *value *= scale);
        }
        for (pair, share) in self.pairs.iter().zip(shares.iter().rev()) {
            let correction = pair.inverse * dot(&pair.change, &direction);
            add(&mut direction, share - correction, &pair.step);
        }
        direction
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    ndarray::ArrayView1::from(a).dot(&ndarray::ArrayView1::from(b))
}

fn add(target: &mut [f64], factor: f64, source: &[f64]) {
    target
        .iter_mut()
        .zip(source)
        .for_each(|(target, source)| *target += factor * source);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| value.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `log cosh` of each coordinate around a target, with scales a million apart: convex, with
    /// curvature that vanishes far from the minimum.
    struct Valley;

    impl Objective for Valley {
        fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
            let mut value = 0.0;
            for (i, (x, g)) in point.iter().zip(gradient).enumerate() {
                let scale = 10_f64.powi(i32::try_from(i).unwrap_or(0) - 3);
                let distance = x - i as f64;
                *g = scale * distance.tanh();
                value += scale * (distance.abs() + (-2.0 * distance.abs()).exp().ln_1p());
            }
            value
        }

        fn precondition(&mut self, _: &mut [f64]) {}
    }

    #[test]
    fn finds_the_bottom_of_a_badly_scaled_valley() {
        let stop = Stop {
            gradient: 1e-10,
            iterations: 500,
        };
        let minimum = minimise(&mut Valley, vec![50.0; 7], &stop);
        assert!(minimum.converged, "{} iterations", minimum.iterations);
        for (i, x) in minimum.point.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-6, "{i}: {x}");
        }
    }

    #[test]
    fn the_limit_of_iterations_is_told() {
        let minimum = minimise(
            &mut Valley,
            vec![50.0; 7],
            &Stop {
                gradient: 1e-10,
                iterations: 3,
            },
        );
        assert!(!minimum.converged);
        assert_eq!(minimum.iterations, 3);
    }
}
