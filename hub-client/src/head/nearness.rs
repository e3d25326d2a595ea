//! How near an image is to the labelled ones, of which a head keeps the directions.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use registry_schema::digest::Digest;
use registry_schema::reference::FeatureSpace;

use super::abstain::Abstention;
use super::transform::narrow;
use super::{Head, HeadError};

/// Labelled images whose directions are kept to compare with, at most.
pub const REFERENCES: usize = 500;

/// Nearest references whose distance counts.
pub(crate) const NEIGHBOURS: usize = 5;

/// Share of the labelled images themselves that may count as unlike the others.
const STRANGE_SHARE: f64 = 0.01;

/// Images whose directions differ by less may be copies of each other.
const COPY_DISTANCE: f64 = 1e-3;

/// Of the usual distance between a labelled image and its nearest, a tenth of the angle: what is nearer
/// is a copy. Features with few dimensions are all near one another.
const USUAL_SHARE: f64 = 0.01;

/// What the rounding of f32 may make of the distance between a vector and itself.
const ROUNDING: f64 = 1e-6;

/// A labelled image that is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// SHA-256 of its bytes.
    pub image: Digest,
    /// Its class, an index.
    pub class: usize,
    /// One minus the cosine of the transformed features, 0 to 2.
    pub distance: f64,
}

impl Head {
    /// For each row of features (n×D) the labelled images nearest to it, nearest first, up to `count` of
    /// those whose directions the head keeps (at most [`REFERENCES`]); none for heads of the first format.
    ///
    /// # Errors
    /// As [`Head::predict`].
    pub fn nearest(
        &self,
        features: ArrayView2<'_, f32>,
        space: &FeatureSpace,
        count: usize,
    ) -> Result<Vec<Vec<Near>>, HeadError> {
        self.check_fit(features, space)?;
        let images = self.reference_images();
        let rows = self.transformed(features);
        let nearest = |row: ArrayView1<'_, f32>| {
            let distances = self.abstention.distances(row);
            let mut near: Vec<Near> = images
                .iter()
                .zip(distances)
                .map(|(&(image, class), distance)| Near {
                    image,
                    class,
                    distance,
                })
                .collect();
            near.sort_by(|a, b| a.distance.total_cmp(&b.distance));
            near.truncate(count);
            near
        };
        Ok(rows.rows().into_iter().map(nearest).collect())
    }

    /// A row is nearly a labelled image when it is nearer to one than this: a cosine distance of 0.001,
    /// or less where the labelled images are themselves nearer to one another. None without references.
    pub fn copies_below(&self) -> Option<f64> {
        copies_below(self.abstention.references())
    }

    /// The mean, over the labelled images whose directions the head keeps, of the mean cosine distance
    /// from the nearest others: what [`super::Predictions::distances`] are about, on average, for images like
    /// them. None without references.
    pub fn usual_distance(&self) -> Option<f64> {
        let distances = nearest_others(self.abstention.references.view(), NEIGHBOURS);
        let count = distances.len() as f64;
        (count > 0.0).then(|| distances.iter().sum::<f64>() / count)
    }

    /// The images of the references: rows without a direction would have none, then it is not known
    /// which is whose.
    fn reference_images(&self) -> Vec<(Digest, usize)> {
        let labels = &self.training.labels;
        let kept: Vec<(Digest, usize)> =
            labels.iter().step_by(step(labels.len())).copied().collect();
        if kept.len() == self.abstention.references.nrows() {
            kept
        } else {
            Vec::new()
        }
    }
}

impl Abstention {
    /// The mean cosine distance (0 to 2) of a transformed row from its nearest references; none without
    /// references.
    pub fn distance(&self, row: ArrayView1<'_, f32>) -> Option<f64> {
        mean_of_smallest(self.distances(row), NEIGHBOURS)
    }

    /// Whether a distance is larger than those between labelled images.
    pub fn is_unlike(&self, distance: Option<f64>) -> bool {
        matches!((distance, self.limits.unlike_above), (Some(distance), Some(limit)) if distance > limit)
    }

    /// The cosine distance of a transformed row from each reference.
    fn distances(&self, row: ArrayView1<'_, f32>) -> Vec<f64> {
        let length = row.dot(&row).sqrt().max(f32::MIN_POSITIVE);
        let cosines = self.references.dot(&row);
        cosines
            .iter()
            .map(|cosine| 1.0 - f64::from(cosine / length))
            .collect()
    }
}

/// Evenly spaced rows, scaled to length 1. Rows without a direction are left out.
pub(super) fn references(rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let chosen: Vec<usize> = reference_places(rows.nrows())
        .filter(|&row| rows.row(row).iter().any(|&value| value != 0.0))
        .collect();
    let mut references = rows.select(Axis(0), &chosen);
    for mut row in references.rows_mut() {
        let squares: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
        row /= narrow(squares.sqrt()).max(f32::MIN_POSITIVE);
    }
    references
}

/// How near two images are that are nearly the same, from the references (m×D): see
/// [`Head::copies_below`]; none without references. What is usual is the mean of the two nearest, so that
/// images that are all there twice do not hide one another; of two images it is not known.
pub(super) fn copies_below(references: ArrayView2<'_, f32>) -> Option<f64> {
    let mut nearest = nearest_others(references, 2);
    nearest.sort_by(f64::total_cmp);
    let usual = *nearest.get(nearest.len() / 2)?;
    Some(match nearest.len() {
        2 => COPY_DISTANCE,
        _ => COPY_DISTANCE.min(USUAL_SHARE * usual).max(ROUNDING),
    })
}

/// The distance that all but a hundredth of the references keep from the others.
pub(super) fn unlike_above(references: &Array2<f32>) -> Option<f64> {
    let mut distances = nearest_others(references.view(), NEIGHBOURS);
    distances.sort_by(|a, b| b.total_cmp(a));
    let allowed = (0..distances.len())
        .take_while(|&count| (count + 1) as f64 <= STRANGE_SHARE * distances.len() as f64)
        .count();
    distances.get(allowed).copied()
}

/// Which of so many labelled images are kept to compare with, as far as they have a direction.
pub(crate) fn reference_places(images: usize) -> impl Iterator<Item = usize> {
    (0..images).step_by(step(images))
}

/// Which rows are kept: every how many-th.
fn step(rows: usize) -> usize {
    rows.div_ceil(REFERENCES).max(1)
}

/// The mean distance of each reference from its `count` nearest others; none where there are no others.
fn nearest_others(references: ArrayView2<'_, f32>, count: usize) -> Vec<f64> {
    let cosines = references.dot(&references.t());
    (0..references.nrows())
        .filter_map(|row| {
            let others = cosines.row(row).into_iter().enumerate();
            let others = others.filter(|&(other, _)| other != row);
            let distances = others.map(|(_, cosine)| 1.0 - f64::from(*cosine)).collect();
            mean_of_smallest(distances, count)
        })
        .collect()
}

fn mean_of_smallest(mut distances: Vec<f64>, count: usize) -> Option<f64> {
    distances.sort_by(f64::total_cmp);
    distances.truncate(count);
    (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::{small_head, space};
    use super::*;
    use ndarray::array;

    #[test]
    fn what_points_elsewhere_is_unlike() {
        let rows = Array2::from_shape_fn((12, 3), |(i, j)| match j {
            0 => 1.0,
            1 => f32::from(u8::try_from(i).unwrap()) * 0.01,
            _ => 0.0,
        });
        let abstention = Abstention::new(rows.view(), None, &[12], 0.9);
        let unlike =
            |row: ndarray::Array1<f32>| abstention.is_unlike(abstention.distance(row.view()));
        assert!(!unlike(array![2.0, 0.1, 0.0]), "the length does not matter");
        assert!(unlike(array![0.0, 0.0, 1.0]));
        assert!(unlike(array![-1.0, 0.0, 0.0]));
        assert_eq!(
            Abstention::never(3).distance(array![1.0_f32, 0.0, 0.0].view()),
            None
        );
    }

    #[test]
    fn the_nearest_labelled_image_of_one_is_itself() {
        let head = small_head();
        let features = array![[0.9_f32, 0.2, 0.3], [0.11, 1.0, 0.2]];
        let near = head.nearest(features.view(), &space(), 2).unwrap();
        let digest = |index: usize| Digest::of(&index.to_le_bytes());
        assert_eq!((near[0][0].image, near[0][0].class), (digest(1), 0));
        assert_eq!((near[1][0].image, near[1][0].class), (digest(2), 1));
        let limit = head.copies_below().unwrap();
        assert!(
            near[0][0].distance < limit && near[0][1].distance > limit,
            "{near:?} {limit}"
        );
    }

    #[test]
    fn what_is_usual_lies_between_the_labelled_images() {
        let mut head = small_head();
        head.abstention.references = array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]];
        let usual = head.usual_distance().unwrap();
        assert!((usual - 2.0 / 3.0).abs() < 1e-6, "{usual}");
        head.abstention.references = Array2::zeros((0, 2));
        assert_eq!(head.usual_distance(), None);
    }

    #[test]
    fn where_all_are_near_a_copy_is_nearer() {
        let mut head = small_head();
        let limit = |references: Array2<f32>, head: &mut Head| {
            head.abstention.references = self::references(references.view());
            head.copies_below()
        };
        assert_eq!(
            limit(array![[1.0, 0.0], [0.0, 1.0]], &mut head),
            Some(COPY_DISTANCE)
        );
        let near = array![[1.0, 0.0], [1.0, 0.1], [1.0, 0.1]];
        let near = limit(near, &mut head).unwrap();
        assert!((near - 0.5 * 4.963e-5).abs() < 1e-7, "{near}");
        let same = limit(Array2::ones((3, 2)), &mut head).unwrap();
        assert_eq!(same, ROUNDING);
        // Each image twice, and the pairs far apart.
        let twice = array![[1.0, 0.0], [1.0, 0.001], [0.0, 1.0], [0.001, 1.0]];
        assert_eq!(limit(twice, &mut head), Some(COPY_DISTANCE));
        let two = array![[1.0, 0.0], [1.0, 0.01]];
        assert_eq!(limit(two, &mut head), Some(COPY_DISTANCE));
        assert_eq!(limit(array![[1.0, 0.0]], &mut head), None);
    }
}
