//! The regularised H-score: how much of the features' variance lies between classes (Ibrahim,
//! Ponomareva and Mazumder, *Newer is not always better*, arXiv 2110.06893).
//!
//! `H = tr(Σ̂⁻¹ Σ_c)·(1−α)` with the covariance shrunk after Ledoit and Wolf, computed on the n×n side.

use ndarray::{Array2, ArrayView2, Axis};

use super::spectrum::{Spectrum, gram};

/// Of n×D rows and the class (of 0..K) of each; 0 when the features do not vary.
pub(super) fn h_score(rows: ArrayView2<'_, f32>, targets: &[usize], classes: usize) -> f64 {
    let images = rows.nrows() as f64;
    let centred = centred_gram(rows);
    let Some(Shrunk { shrinkage, typical }) = Shrunk::after(&centred, rows.ncols()) else {
        return 0.0;
    };
    // With A = αμ: (A I + (1−α)/n FᵀF)⁻¹ = (I − Fᵀ (nA/(1−α) I + G)⁻¹ F)/A.
    let (scale, kept) = (shrinkage * typical, 1.0 - shrinkage);
    if scale <= 0.0 || kept <= 0.0 {
        return 0.0;
    }
    let spectrum = Spectrum::of(centred.view());
    let inverse = spectrum
        .values
        .mapv(|value| (images * scale / kept + value).recip());
    let mut sum = 0.0;
    for class in 0..classes {
        // The mean of a class is Fᵀ e with these e.
        let own: Vec<usize> = (0..targets.len())
            .filter(|&row| targets[row] == class)
            .collect();
        if own.is_empty() {
            continue;
        }
        let products = centred.select(Axis(1), &own).sum_axis(Axis(1)) / own.len() as f64;
        let length = own.iter().map(|&row| products[row]).sum::<f64>() / own.len() as f64;
        let along = spectrum.vectors.t().dot(&products);
        let explained = (&along * &along * &inverse).sum();
        sum += own.len() as f64 * (length - explained) / scale;
    }
    kept / images * sum
}

/// How the covariance is shrunk towards a multiple of the identity (Ledoit and Wolf, *A well-conditioned
/// estimator for large-dimensional covariance matrices*, 2004).
#[derive(Clone, Copy, Debug)]
struct Shrunk {
    /// α, from 0, not at all, to 1.
    shrinkage: f64,
    /// μ, the mean variance of a dimension.
    typical: f64,
}

impl Shrunk {
    /// From the Gram matrix of centred rows; none when they do not vary.
    fn after(centred: &Array2<f64>, dimension: usize) -> Option<Self> {
        let images = centred.nrows() as f64;
        let typical = centred.diag().sum() / images / dimension as f64;
        let squared = centred.iter().map(|value| value * value).sum::<f64>() / (images * images);
        let away = squared - dimension as f64 * typical * typical;
        let fourth = centred
            .diag()
            .iter()
            .map(|value| value * value)
            .sum::<f64>()
            / images;
        let noise = ((fourth - squared) / images).min(away);
        (away > 0.0 && typical > 0.0).then(|| Self {
            shrinkage: (noise / away).clamp(0.0, 1.0),
            typical,
        })
    }
}

/// `F Fᵀ` of rows from which the mean was subtracted.
fn centred_gram(rows: ArrayView2<'_, f32>) -> Array2<f64> {
    let gram = gram(rows);
    let images = rows.nrows().max(1) as f64;
    let of_rows = gram.sum_axis(Axis(1)) / images;
    let of_all = of_rows.sum() / images;
    Array2::from_shape_fn(gram.dim(), |(row, column)| {
        gram[[row, column]] - of_rows[row] - of_rows[column] + of_all
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::choose::sample::{labelled, noise};

    /// The definition on the D×D side.
    fn by_definition(rows: &Array2<f32>, targets: &[usize], classes: usize, shrinkage: f64) -> f64 {
        let rows = rows.mapv(f64::from);
        let (images, dimension) = (rows.nrows() as f64, rows.ncols());
        let centred = &rows - &rows.mean_axis(Axis(0)).unwrap();
        let covariance = centred.t().dot(&centred) / images;
        let typical = covariance.diag().sum() / dimension as f64;
        let shrunk =
            covariance * (1.0 - shrinkage) + Array2::<f64>::eye(dimension) * shrinkage * typical;
        let mut between = Array2::<f64>::zeros((dimension, dimension));
        for class in 0..classes {
            let own: Vec<usize> = (0..targets.len())
                .filter(|&row| targets[row] == class)
                .collect();
            let mean = centred
                .select(Axis(0), &own)
                .mean_axis(Axis(0))
                .unwrap()
                .insert_axis(Axis(1));
            between = between + mean.dot(&mean.t()) * (own.len() as f64 / images);
        }
        let spectrum = Spectrum::of(shrunk.view());
        let inverse = (&spectrum.vectors / &spectrum.values).dot(&spectrum.vectors.t());
        (1.0 - shrinkage) * inverse.dot(&between).diag().sum()
    }

    #[test]
    fn the_score_is_that_of_the_definition() {
        for (sizes, dimension) in [([6, 8, 7], 40), ([20, 30, 25], 10)] {
            let (rows, targets) = labelled(&sizes, dimension, 9);
            let shrunk = Shrunk::after(&centred_gram(rows.view()), dimension).unwrap();
            assert!(shrunk.shrinkage > 0.0 && shrunk.shrinkage < 1.0);
            let found = h_score(rows.view(), &targets, 3);
            let expected = by_definition(&rows, &targets, 3, shrunk.shrinkage);
            assert!((found / expected - 1.0).abs() < 1e-8, "{found} {expected}");
        }
    }

    #[test]
    fn classes_that_lie_apart_score_higher_and_equal_rows_nothing() {
        let (rows, targets) = labelled(&[10, 10], 12, 2);
        let apart = h_score(rows.view(), &targets, 2);
        assert!(apart > 2.0 * h_score(noise(20, 12, 3).view(), &targets, 2));
        let equal = Array2::from_elem((20, 12), 0.5_f32);
        assert_eq!(h_score(equal.view(), &targets, 2), 0.0);
    }
}
