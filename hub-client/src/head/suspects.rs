//! Labelled images worth a second look: likely mislabelled, and nearly the same picture twice.

use ndarray::{ArrayView2, Axis};
use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use super::metrics::legible;

/// Most findings of each kind that are kept.
pub const FINDINGS: usize = 100;

/// Images whose directions differ by less are taken for copies of each other.
pub(super) const COPY_DISTANCE: f64 = 1e-3;

/// Past so many images copies are not looked for: the comparison is of each with each.
const COMPARED_IMAGES: usize = 5_000;

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

/// Two images with nearly the same features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NearCopies {
    /// SHA-256 of the images' bytes.
    pub images: [Digest; 2],
    /// Their classes, indices.
    pub classes: [usize; 2],
    /// One minus the cosine of the transformed features.
    pub distance: f64,
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

/// Pairs of transformed rows that point the same way.
pub(super) fn near_copies(
    rows: ArrayView2<'_, f32>,
    labels: &[(Digest, usize)],
) -> Vec<NearCopies> {
    if rows.nrows() > COMPARED_IMAGES {
        return Vec::new();
    }
    let lengths: Vec<f64> = rows
        .rows()
        .into_iter()
        .map(|row| f64::from(row.dot(&row)).sqrt())
        .collect();
    let mut pairs = Vec::new();
    for (first, row) in rows.rows().into_iter().enumerate() {
        let later = rows.slice_axis(Axis(0), ndarray::Slice::from(first + 1..));
        for (after, product) in later.dot(&row).into_iter().enumerate() {
            let second = first + 1 + after;
            let length = lengths[first] * lengths[second];
            let distance = 1.0 - f64::from(product) / length;
            if length > 0.0 && distance < COPY_DISTANCE {
                pairs.push(NearCopies {
                    images: [labels[first].0, labels[second].0],
                    classes: [labels[first].1, labels[second].1],
                    distance: legible(distance.max(0.0)),
                });
            }
        }
    }
    pairs.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    pairs.truncate(FINDINGS);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

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

    #[test]
    fn copies_are_pairs_in_the_order_of_their_distance() {
        let rows: Array2<f32> = array![[1.0, 0.0], [0.0, 1.0], [2.0, 0.01], [0.0, 3.0], [0.0, 0.0]];
        let pairs = near_copies(rows.view(), &labels(&[0, 1, 0, 0, 1]));
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[0].classes, [1, 0]);
        assert!(pairs[0].distance <= pairs[1].distance);
    }
}
