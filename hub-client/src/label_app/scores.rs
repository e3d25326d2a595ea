//! What a head says of all images at once, in little more time than it takes to read their features.
//!
//! After centring and dividing by the length, a score is `(w·x − w·μ) / ‖x − μ‖ + b`, and the length follows
//! from `x·x`, `μ·x` and `μ·μ`: so one pass over the features as they were computed gives the products with
//! the weights and the mean, and nothing is copied. The distance from a labelled image r needs `x·r` besides,
//! which no later label changes: it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::num::NonZeroUsize;

use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};

use super::rows::{Rows, SharedRows};
use crate::explore::{over_blocks, products};
use crate::head::{Head, HeadError, LENGTH_FLOOR, NEIGHBOURS, Predictions, Transform};

/// Rows that a thread scores at a time.
const BLOCK: usize = 512;

/// Labelled images whose products are taken in one pass.
const TOGETHER: usize = 32;

/// What a head says of n images; of images without features, nothing of meaning.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scores {
    /// n×K.
    pub(super) probabilities: Array2<f32>,
    /// The most probable class of each.
    pub(super) best: Vec<usize>,
    /// The probability of the best class less that of the second, 0 to 1.
    pub(super) margins: Vec<f32>,
    /// Whether several classes are plausible, or none.
    pub(super) unsure: Vec<bool>,
    /// Whether it is unlike the labelled images.
    pub(super) unlike: Vec<bool>,
    /// Whether there were features when it was scored: others may have come since.
    about: Vec<bool>,
}

/// Scores images, and keeps what the next head needs as well.
#[derive(Debug, Default)]
pub(super) struct Scorer {
    /// For labelled images, their products with all images.
    known: BTreeMap<usize, Vec<f32>>,
    /// Images with features when these were taken.
    ready: usize,
}

impl Scorer {
    /// What a head says of all images.
    pub(super) fn score(
        &mut self,
        head: &Head,
        rows: &SharedRows,
        threads: NonZeroUsize,
    ) -> Result<Scores, HeadError> {
        // Features that come from now on are scored the next time.
        let about: Vec<bool> = {
            let rows = rows.read();
            (0..rows.len()).map(|image| rows.is_ready(image)).collect()
        };
        let none = Array1::zeros(head.dimension());
        let scores = match head.transform() {
            Transform::CentredL2 { mean } => self.by_products(head, mean, true, rows, threads),
            Transform::L2 => self.by_products(head, &none, true, rows, threads),
            Transform::None => self.by_products(head, &none, false, rows, threads),
            Transform::Standardise { .. } => one_by_one(head, rows, threads),
        };
        Ok(Scores { about, ..scores? })
    }

    fn by_products(
        &mut self,
        head: &Head,
        mean: &Array1<f32>,
        divides: bool,
        rows: &SharedRows,
        threads: NonZeroUsize,
    ) -> Result<Scores, HeadError> {
        let references = references(head, &rows.read());
        self.compare(&references, rows, threads);
        let classes = head.classes().len();
        let mut queries = Array2::zeros((classes + 1, head.dimension()));
        let weights = Slice::from(..classes);
        queries
            .slice_axis_mut(Axis(0), weights)
            .assign(&head.weights());
        queries.row_mut(classes).assign(mean);
        let mut found = products_of_all(rows, &queries, threads);
        let along_mean = found.pop().unwrap_or_default();
        let centre = Centre::new(mean.view(), along_mean, &rows.read());
        let offsets: Vec<f64> = head
            .weights()
            .rows()
            .into_iter()
            .map(|weights| dot(weights, mean.view()))
            .collect();
        let products: Vec<(usize, &[f32])> = references
            .iter()
            .map(|&image| (image, self.known[&image].as_slice()))
            .collect();
        let block_scores = |range: std::ops::Range<usize>| {
            let scores = Array2::from_shape_fn((range.len(), classes), |(row, class)| {
                let image = range.start + row;
                let divisor = if divides {
                    centre.lengths[image].max(f64::from(LENGTH_FLOOR))
                } else {
                    1.0
                };
                let along = f64::from(found[class][image]) - offsets[class];
                along / divisor + f64::from(head.bias()[class])
            });
            let distances = centre.distances(range, &products);
            Ok(Scores::of(&head.predictions(scores.view(), distances)))
        };
        gather(head, centre.along.len(), threads, block_scores)
    }

    /// Takes the products of labelled images that are not known yet.
    fn compare(&mut self, references: &[usize], rows: &SharedRows, threads: NonZeroUsize) {
        let ready = rows.read().ready();
        if self.ready != ready {
            self.known.clear();
            self.ready = ready;
        }
        let wanted: BTreeSet<usize> = references.iter().copied().collect();
        self.known.retain(|image, _| wanted.contains(image));
        let missing: Vec<usize> = wanted
            .into_iter()
            .filter(|image| !self.known.contains_key(image))
            .collect();
        for missing in missing.chunks(TOGETHER) {
            let queries = rows.read().select(missing);
            let found = products_of_all(rows, &queries, threads);
            self.known.extend(missing.iter().copied().zip(found));
        }
    }
}

/// For each query its product with the features of each image.
fn products_of_all(
    rows: &SharedRows,
    queries: &Array2<f32>,
    threads: NonZeroUsize,
) -> Vec<Vec<f32>> {
    let images = rows.read().len();
    let mut all: Vec<Vec<f32>> = (0..queries.nrows())
        .map(|_| Vec::with_capacity(images))
        .collect();
    let done = rows.in_parts(|_, part| {
        for (all, found) in all.iter_mut().zip(products(part, queries.view(), threads)) {
            all.extend(found);
        }
        Ok::<(), Infallible>(())
    });
    let Ok(()) = done;
    all
}

/// The images whose directions a head keeps.
fn references(head: &Head, rows: &Rows) -> Vec<usize> {
    let labels = &head.training().labels;
    let image = |place: usize| {
        rows.images_of(&labels[place].0)
            .iter()
            .copied()
            .find(|&image| rows.is_ready(image))
    };
    crate::head::reference_places(labels.len())
        .filter_map(image)
        .collect()
}

/// Where the images lie as seen from the mean.
struct Centre {
    /// `μ·x` of each image.
    along: Vec<f32>,
    /// `μ·μ`.
    squared: f64,
    /// `‖x − μ‖` of each image.
    lengths: Vec<f64>,
}

impl Centre {
    fn new(mean: ArrayView1<'_, f32>, along: Vec<f32>, rows: &Rows) -> Self {
        let squared = dot(mean, mean);
        let length =
            |(own, &along): (&f64, &f32)| (own - 2.0 * f64::from(along) + squared).max(0.0).sqrt();
        Self {
            lengths: rows.squares().iter().zip(&along).map(length).collect(),
            squared,
            along,
        }
    }

    /// The mean cosine distance of each image of a range from its nearest references.
    fn distances(
        &self,
        range: std::ops::Range<usize>,
        references: &[(usize, &[f32])],
    ) -> Vec<Option<f64>> {
        let mut nearest = vec![[f64::INFINITY; NEIGHBOURS]; range.len()];
        let mut count = 0;
        for &(reference, products) in references {
            let length = self.lengths[reference];
            // A picture without a direction is kept by no head.
            if length <= f64::from(LENGTH_FLOOR) {
                continue;
            }
            count += 1;
            let offset = self.squared - f64::from(self.along[reference]);
            for (nearest, image) in nearest.iter_mut().zip(range.clone()) {
                let product = f64::from(products[image]) - f64::from(self.along[image]) + offset;
                let own = self.lengths[image].max(f64::from(f32::MIN_POSITIVE));
                let distance = 1.0 - product / (own * length);
                if distance < nearest[NEIGHBOURS - 1] {
                    let place = nearest.partition_point(|&other| other <= distance);
                    nearest[place..].rotate_right(1);
                    nearest[place] = distance;
                }
            }
        }
        let kept = count.min(NEIGHBOURS);
        let mean = |nearest: &[f64; NEIGHBOURS]| {
            (kept > 0).then(|| nearest[..kept].iter().sum::<f64>() / kept as f64)
        };
        nearest.iter().map(mean).collect()
    }
}

fn dot(one: ArrayView1<'_, f32>, other: ArrayView1<'_, f32>) -> f64 {
    one.iter()
        .zip(other)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}

/// The same through the head itself, for transforms that are not a shift and a length.
fn one_by_one(head: &Head, rows: &SharedRows, threads: NonZeroUsize) -> Result<Scores, HeadError> {
    let space = head.space();
    let images = rows.read().len();
    gather(head, images, threads, |range| {
        let block = rows.read().part(range).to_owned();
        Ok(Scores::of(&head.predict(block.view(), &space)?))
    })
}

/// Scores block after block, on all threads.
fn gather(
    head: &Head,
    images: usize,
    threads: NonZeroUsize,
    score: impl Fn(std::ops::Range<usize>) -> Result<Scores, HeadError> + Sync,
) -> Result<Scores, HeadError> {
    let work = |done: &mut Vec<(usize, Result<Scores, HeadError>)>, block: usize| {
        let start = block * BLOCK;
        done.push((block, score(start..images.min(start + BLOCK))));
    };
    let done = over_blocks(images.div_ceil(BLOCK), threads, Vec::new, work);
    let mut done: Vec<_> = done.into_iter().flatten().collect();
    done.sort_unstable_by_key(|&(block, _)| block);
    let mut all = Scores {
        probabilities: Array2::zeros((images, head.classes().len())),
        ..Scores::default()
    };
    for (block, scores) in done {
        let scores = scores?;
        let start = block * BLOCK;
        let range = Slice::from(start..start + scores.best.len());
        all.probabilities
            .slice_axis_mut(Axis(0), range)
            .assign(&scores.probabilities);
        all.best.extend(scores.best);
        all.margins.extend(scores.margins);
        all.unsure.extend(scores.unsure);
        all.unlike.extend(scores.unlike);
    }
    Ok(all)
}

impl Scores {
    /// Whether what is said of an image means something.
    pub(super) fn is_about(&self, image: usize) -> bool {
        self.about.get(image).is_some_and(|&is| is)
    }

    fn of(predictions: &Predictions<'_>) -> Self {
        let probabilities = predictions.probabilities.clone();
        let rows = probabilities.nrows();
        let margin = |row: usize| {
            let (mut first, mut second) = (0.0_f32, 0.0_f32);
            for &value in probabilities.row(row) {
                if value > first {
                    (first, second) = (value, first);
                } else if value > second {
                    second = value;
                }
            }
            first - second
        };
        Self {
            best: (0..rows).map(|row| predictions.best(row).index).collect(),
            margins: (0..rows).map(margin).collect(),
            unsure: (0..rows)
                .map(|row| predictions.plausible(row).len() != 1)
                .collect(),
            unlike: (0..rows).map(|row| predictions.is_unlike(row)).collect(),
            about: vec![true; rows],
            probabilities,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::SplitMix64;
    use crate::head::{
        Examples, ExtractorRelease, HeadIdentity, TrainingSettings, TransformKind, narrow,
    };
    use registry_schema::digest::Digest;

    const IMAGES: usize = 700;

    /// Features far from zero, as those of networks are, in two overlapping heaps.
    fn rows() -> SharedRows {
        let mut random = SplitMix64::new(4);
        let mut rows = Rows::new(IMAGES, 24);
        for image in 0..IMAGES - 1 {
            let shift = if image % 2 == 0 { 0.2 } else { -0.2 };
            let value = |place: usize, share: f64| {
                narrow(1.0 + share + if place < 3 { shift } else { 0.0 })
            };
            let features: Vec<f32> = (0..24).map(|place| value(place, random.share())).collect();
            rows.put(image, Digest::of(&image.to_le_bytes()), &features);
        }
        SharedRows::new(rows)
    }

    fn head(rows: &Rows, labelled: &[usize], transform: TransformKind) -> Head {
        let identity = HeadIdentity {
            name: "x".parse().unwrap(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            extractor: ExtractorRelease {
                name: "dots".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
                digest: Digest::of(b"dots"),
            },
        };
        let features = rows.select(labelled);
        let digests: Vec<Digest> = labelled
            .iter()
            .map(|&image| rows.digest(image).unwrap())
            .collect();
        let examples = Examples {
            features: features.view(),
            images: &digests,
            labels: &labelled.iter().map(|image| image % 2).collect::<Vec<_>>(),
            classes: &["a".to_owned(), "b".to_owned()],
        };
        let settings = TrainingSettings {
            transform,
            ..TrainingSettings::default()
        };
        Head::train(identity, &examples, &settings.check().unwrap()).unwrap()
    }

    /// One pass over the features says what the head itself says, label after label.
    #[test]
    fn products_say_what_the_head_says() {
        let rows = rows();
        let threads = NonZeroUsize::new(2).unwrap();
        let mut any_unlike = false;
        for transform in [
            TransformKind::CentredL2,
            TransformKind::L2,
            TransformKind::None,
            TransformKind::Standardise,
        ] {
            let mut scorer = Scorer::default();
            for labels in [6, 7, 30, 12] {
                let labelled: Vec<usize> = (0..labels).map(|image| image * 3).collect();
                let head = head(&rows.read(), &labelled, transform);
                let found = scorer.score(&head, &rows, threads).unwrap();
                let expected = one_by_one(&head, &rows, threads).unwrap();
                let ready = rows.read().ready_images();
                for image in ready {
                    let apart = (&found.probabilities.row(image)
                        - &expected.probabilities.row(image))
                        .mapv(f32::abs);
                    assert!(
                        apart.iter().all(|&apart| apart < 2e-4),
                        "{transform:?} {apart}"
                    );
                }
                let same = |one: &[bool], other: &[bool]| {
                    one.iter()
                        .zip(other)
                        .take(IMAGES - 1)
                        .filter(|(a, b)| a != b)
                        .count()
                };
                // What lies on a limit may fall to either side by rounding.
                assert!(same(&found.unlike, &expected.unlike) <= 1);
                assert!(same(&found.unsure, &expected.unsure) <= 1);
                any_unlike |= found.unlike.iter().any(|&unlike| unlike);
            }
        }
        assert!(any_unlike, "there is something to agree on");
    }
}
