//! LogME: how probable the labels are under a Bayesian linear model on the features (You, Liu, Wang and
//! Long, *LogME: Practical assessment of pre-trained models for transfer learning*, ICML 2021).
//!
//! The implementation that was published with the paper leaves out the term `−(D − k)/2 · ln α` for the
//! D − k directions in which the features do not vary. With many features and few images its score
//! mostly ranks by D. Here the term is there: the score is the exact Gaussian evidence.

use ndarray::{Array1, ArrayView1};

use super::spectrum::Spectrum;

/// Rounds of the fixed point at most.
const ROUNDS: usize = 1000;

/// The fixed point is reached when α/β changes relatively by less. The published code stops at 10⁻³, which
/// can be a thousandth below the largest evidence: as much as lies between extractors.
const ENOUGH: f64 = 1e-8;

/// Keeps α and β finite when everything is explained.
const FLOOR: f64 = 1e-9;

/// The mean over classes of the log evidence of their 0/1 column, divided by the number of images n.
pub(super) fn log_evidence(
    spectrum: &Spectrum,
    dimension: usize,
    targets: &[usize],
    classes: usize,
) -> f64 {
    let of_class = |class: usize| {
        let column = targets
            .iter()
            .map(|&one| if one == class { 1.0 } else { 0.0 });
        let column: Array1<f64> = column.collect();
        let seen = Seen::new(spectrum, dimension, column.view());
        seen.evidence(seen.most_probable())
    };
    (0..classes).map(of_class).sum::<f64>() / classes.max(1) as f64
}

/// The precisions of the weights, α, and of the noise, β.
#[derive(Clone, Copy, Debug)]
struct Precisions {
    weights: f64,
    noise: f64,
}

/// A column of labels in the coordinates of the features.
struct Seen {
    images: f64,
    dimension: usize,
    /// For each direction in which the features vary: σ, and the square of the column along it.
    along: Vec<(f64, f64)>,
    /// The square of the rest of the column.
    outside: f64,
}

impl Seen {
    fn new(spectrum: &Spectrum, dimension: usize, column: ArrayView1<'_, f64>) -> Self {
        let rank = column.len().min(dimension);
        let turned = spectrum.vectors.t().dot(&column);
        let pairs = spectrum.values.iter().zip(&turned).take(rank);
        let along: Vec<(f64, f64)> = pairs.map(|(&value, x)| (value, x * x)).collect();
        let inside: f64 = along.iter().map(|(_, squared)| squared).sum();
        Self {
            images: column.len() as f64,
            dimension,
            along,
            outside: (column.dot(&column) - inside).max(0.0),
        }
    }

    /// ‖m‖²: the squared length of the weights.
    fn length(&self, ratio: f64) -> f64 {
        let terms = self
            .along
            .iter()
            .map(|(value, x)| value * x / (ratio + value).powi(2));
        terms.sum()
    }

    /// r²: what the weights leave unexplained.
    fn residue(&self, ratio: f64) -> f64 {
        let terms = self
            .along
            .iter()
            .map(|(value, x)| x / (1.0 + value / ratio).powi(2));
        terms.sum::<f64>() + self.outside
    }

    /// Where α and β come to rest.
    fn most_probable(&self) -> Precisions {
        let mut found = Precisions {
            weights: 1.0,
            noise: 1.0,
        };
        for _ in 0..ROUNDS {
            let ratio = found.weights / found.noise;
            let effective: f64 = self
                .along
                .iter()
                .map(|(value, _)| value / (value + ratio))
                .sum();
            found = Precisions {
                weights: effective / (self.length(ratio) + FLOOR),
                noise: (self.images - effective) / (self.residue(ratio) + FLOOR),
            };
            let change = (found.weights / found.noise - ratio).abs();
            if change / ratio < ENOUGH {
                break;
            }
        }
        found
    }

    /// `[D/2 ln α + n/2 ln β − ½ Σ ln(α + βσ) − (D−k)/2 ln α − β/2 r² − α/2 ‖m‖² − n/2 ln 2π] / n`
    fn evidence(&self, Precisions { weights, noise }: Precisions) -> f64 {
        let ratio = weights / noise;
        let determinant: f64 = self
            .along
            .iter()
            .map(|(value, _)| (weights + noise * value).ln())
            .sum();
        // D/2 − (D−k)/2 = k/2: what the published code forgets cancels all but the k directions.
        let unseen = self.dimension - self.along.len();
        let sum = self.dimension as f64 * weights.ln() - unseen as f64 * weights.ln()
            + self.images * noise.ln()
            - determinant
            - noise * self.residue(ratio)
            - weights * self.length(ratio)
            - self.images * std::f64::consts::TAU.ln();
        sum / 2.0 / self.images
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::sample::{labelled, noise};
    use crate::choose::spectrum::gram;
    use ndarray::Array2;

    /// ln N(t; 0, F Fᵀ/α + I/β) / n.
    fn density(rows: &Array2<f32>, column: &Array1<f64>, at: Precisions) -> f64 {
        let mut covariance = gram(rows.view()) / at.weights;
        covariance
            .diag_mut()
            .mapv_inplace(|value| value + 1.0 / at.noise);
        let spectrum = Spectrum::of(covariance.view());
        let along = spectrum.vectors.t().dot(column);
        let exponent: f64 = along
            .iter()
            .zip(&spectrum.values)
            .map(|(x, value)| x * x / value)
            .sum();
        let determinant: f64 = spectrum.values.iter().map(|value| value.ln()).sum();
        let images = column.len() as f64;
        -(exponent + determinant + images * std::f64::consts::TAU.ln()) / 2.0 / images
    }

    #[test]
    fn the_score_is_the_exact_gaussian_evidence() {
        // More features than images, as many, and fewer.
        for dimension in [60, 20, 5] {
            let rows = noise(20, dimension, 7);
            let column: Array1<f64> = (0..20).map(|row| f64::from(row % 2)).collect();
            let spectrum = Spectrum::of(gram(rows.view()).view());
            let seen = Seen::new(&spectrum, dimension, column.view());
            for precisions in [
                seen.most_probable(),
                Precisions {
                    weights: 0.3,
                    noise: 7.0,
                },
            ] {
                let found = seen.evidence(precisions);
                let expected = density(&rows, &column, precisions);
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{dimension}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn no_other_precisions_are_much_more_probable() {
        let (rows, targets) = labelled(&[12, 12], 8, 1);
        let column: Array1<f64> = targets.iter().map(|&one| one as f64).collect();
        let spectrum = Spectrum::of(gram(rows.view()).view());
        let seen = Seen::new(&spectrum, 8, column.view());
        let found = seen.most_probable();
        for (a, b) in [(0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0), (0.7, 1.4)] {
            let other = seen.evidence(Precisions {
                weights: a * found.weights,
                noise: b * found.noise,
            });
            assert!(other < seen.evidence(found) + 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn features_that_tell_classes_apart_score_higher() {
        let (rows, targets) = labelled(&[10, 10], 12, 2);
        let score = |rows: &Array2<f32>| {
            log_evidence(
                &Spectrum::of(gram(rows.view()).view()),
                rows.ncols(),
                &targets,
                2,
            )
        };
        assert!(score(&rows) > score(&noise(20, 12, 3)));
        assert!(
            score(&rows) > score(&noise(20, 1280, 3)),
            "more features alone do not count"
        );
    }
}
