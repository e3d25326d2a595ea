//! Labelled features, checked and in an order of their own.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use registry_schema::digest::{Digest, Hasher};

use super::train::Examples;
use super::transform::{Transform, TransformKind};
use super::transformed::Transformed;
use super::{HeadError, check_classes};

/// Checked examples in the order of their digests, each content once.
pub(super) struct Sample<'a> {
    /// As they were given.
    features: ArrayView2<'a, f32>,
    /// Where its n rows are among them.
    places: Vec<usize>,
    /// The class of each row.
    pub(super) targets: Vec<usize>,
    /// The image and the class of each row.
    pub(super) labels: Vec<(Digest, usize)>,
    /// Rows of each class.
    pub(super) per_class: Vec<usize>,
    /// Features of images without a label, m×D.
    unlabelled: ArrayView2<'a, f32>,
}

impl<'a> Sample<'a> {
    /// Checks examples, and images without a label, which are counted after them.
    pub(super) fn new(
        examples: &'a Examples<'_>,
        unlabelled: ArrayView2<'a, f32>,
    ) -> Result<Self, HeadError> {
        let Examples {
            features,
            images,
            labels,
            classes,
        } = examples;
        let (images, labels, classes) = (*images, *labels, *classes);
        check_classes(classes)?;
        if features.nrows() != images.len() || images.len() != labels.len() {
            let lengths = (features.nrows(), images.len(), labels.len());
            return Err(HeadError::Lengths {
                features: lengths.0,
                images: lengths.1,
                labels: lengths.2,
            });
        }
        if features.ncols() == 0 {
            return Err(HeadError::NoDimensions);
        }
        for (row, (values, &label)) in features.rows().into_iter().zip(labels).enumerate() {
            if label >= classes.len() {
                return Err(HeadError::LabelOutOfRange {
                    row,
                    label,
                    classes: classes.len(),
                });
            }
            if !values.iter().all(|value| value.is_finite()) {
                return Err(HeadError::NotFinite { row });
            }
        }

        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&row| images[row]);
        let contradiction = order
            .windows(2)
            .find(|pair| images[pair[0]] == images[pair[1]] && labels[pair[0]] != labels[pair[1]]);
        if let Some(pair) = contradiction {
            let [first, second] = [pair[0], pair[1]].map(|row| classes[labels[row]].clone());
            return Err(HeadError::Contradiction {
                image: images[pair[0]],
                first,
                second,
            });
        }
        order.dedup_by_key(|row| images[*row]);

        let mut per_class = vec![0; classes.len()];
        order.iter().for_each(|&row| per_class[labels[row]] += 1);
        if let Some(class) = per_class.iter().position(|&count| count == 0) {
            return Err(HeadError::EmptyClass {
                class: classes[class].clone(),
            });
        }
        check_unlabelled(unlabelled, (order.len(), features.ncols()))?;
        Ok(Self {
            features: features.view(),
            labels: order
                .iter()
                .map(|&row| (images[row], labels[row]))
                .collect(),
            targets: order.iter().map(|&row| labels[row]).collect(),
            per_class,
            unlabelled,
            places: order,
        })
    }

    /// All of its rows.
    pub(super) fn everyone(&self) -> Vec<usize> {
        (0..self.places.len()).collect()
    }

    /// A transform for some of its rows among the unlabelled ones.
    pub(super) fn transform(&self, kind: TransformKind, rows: &[usize]) -> Transform {
        let own = rows.iter().map(|&row| self.row(row));
        let all = own.chain(self.unlabelled.rows());
        Transform::fit_to_rows(kind, self.features.ncols(), all)
    }

    /// Some of its rows through a transform.
    pub(super) fn transformed(&self, rows: &[usize], transform: Transform) -> Transformed<'a> {
        let places = rows.iter().map(|&row| self.places[row]).collect();
        Transformed::new(self.features, places, transform)
    }

    /// Some of its rows, as they were given.
    pub(super) fn select(&self, rows: &[usize]) -> Array2<f32> {
        let places: Vec<usize> = rows.iter().map(|&row| self.places[row]).collect();
        self.features.select(Axis(0), &places)
    }

    fn row(&self, row: usize) -> ArrayView1<'_, f32> {
        self.features.row(self.places[row])
    }

    pub(super) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        let mut bytes = Vec::new();
        for (row, (image, class)) in self.labels.iter().enumerate() {
            let features = self.row(row);
            bytes.clear();
            bytes.extend_from_slice(image.as_bytes());
            bytes.extend_from_slice(&u32::try_from(*class).unwrap_or(u32::MAX).to_le_bytes());
            features
                .iter()
                .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            hasher.update(&bytes);
        }
        hasher.finish()
    }
}

/// Refuses unlabelled rows that do not go with `labelled` ones, of which rows and columns are given.
fn check_unlabelled(
    unlabelled: ArrayView2<'_, f32>,
    (rows, columns): (usize, usize),
) -> Result<(), HeadError> {
    let is_broken = |row: ArrayView1<'_, f32>| !row.iter().all(|value| value.is_finite());
    if let Some(row) = unlabelled.rows().into_iter().position(is_broken) {
        return Err(HeadError::NotFinite { row: rows + row });
    }
    if unlabelled.ncols() != columns {
        return Err(HeadError::Widths {
            labelled: columns,
            unlabelled: unlabelled.ncols(),
        });
    }
    Ok(())
}
