//! Labelled images worth a second look: likely mislabelled.

use ndarray::ArrayView2;
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use super::metrics::legible;

/// Most findings of each kind that are kept.
pub const FINDINGS: usize = 100;

/// An image whose label the other labelled images speak against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suspect {
    /// SHA-256 of the image's bytes.
    pub image: Digest,
    /// Its class as labelled, an index.
    pub labelled: usize,
    /// The class that is more likely.
    pub likely: usize,
    /// Probability of the label, by heads that did not learn from the image.
    pub probability: f64,
    /// Probability of the other class.
    pub likely_probability: f64,
}

/// Confident learning (Northcutt, Jiang and Chuang, J. Artif. Intell. Res. 70, 2021): a class's
/// threshold is the mean held-out probability of that class over its own images; an image is a suspect
/// when another class reaches its threshold and is more probable than the label. The most contradicted
/// come first. `probabilities` are n×K, the mean over repeats.
pub(super) fn mislabelled(
    probabilities: ArrayView2<'_, f64>,
    labels: &[(Digest, usize)],
) -> Vec<Suspect> {
    let classes = probabilities.ncols();
    let mut sums = vec![(0.0, 0_u32); classes];
    for (row, &(_, class)) in probabilities.rows().into_iter().zip(labels) {
        sums[class].0 += row[class];
        sums[class].1 += 1;
    }
    let thresholds: Vec<f64> = sums
        .iter()
        .map(|&(sum, count)| sum / f64::from(count.max(1)))
        .collect();
    let mut suspects: Vec<Suspect> = Vec::new();
    for (row, &(image, labelled)) in probabilities.rows().into_iter().zip(labels) {
        let others = (0..classes).filter(|&class| {
            class != labelled && row[class] >= thresholds[class] && row[class] > row[labelled]
        });
        if let Some(likely) = others.max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))) {
            suspects.push(Suspect {
                image,
                labelled,
                likely,
                probability: legible(row[labelled]),
                likely_probability: legible(row[likely]),
            });
        }
    }
    let margin = |one: &Suspect| one.probability - one.likely_probability;
    suspects.sort_by(|a, b| margin(a).total_cmp(&margin(b)));
    suspects.truncate(FINDINGS);
    suspects
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn labels(classes: &[usize]) -> Vec<(Digest, usize)> {
        let digest = |row: usize| Digest::of(&row.to_le_bytes());
        classes
            .iter()
            .enumerate()
            .map(|(row, &class)| (digest(row), class))
            .collect()
    }

    #[test]
    fn the_label_that_all_others_speak_against_is_found() {
        let probabilities = array![
            [0.9, 0.1],
            [0.8, 0.2],
            [0.1, 0.9],
            [0.1, 0.9],
            [0.2, 0.8],
            [0.45, 0.55]
        ];
        let labels = labels(&[0, 0, 0, 1, 1, 0]);
        let suspects = mislabelled(probabilities.view(), &labels);
        assert_eq!(
            suspects.len(),
            1,
            "0.55 is less than class 1 usually has: {suspects:?}"
        );
        assert_eq!((suspects[0].image, suspects[0].likely), (labels[2].0, 1));
    }
}
