//! What is there of each image: its content's digest, its features, or why there are none.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use registry_schema::digest::Digest;

/// Images whose features are read together: longer than a few milliseconds, nobody holds them.
const PART: usize = 8_192;

/// The rows of a session, of which readers take a part at a time: the features that come are put in their
/// places meanwhile. Features that are there do not change any more.
#[derive(Debug)]
pub(super) struct SharedRows(RwLock<Rows>);

/// The features of a session's images, n×D, as they were computed, each once in memory.
#[derive(Debug)]
pub(super) struct Rows {
    values: Array2<f32>,
    presence: Vec<Presence>,
    digests: Vec<Option<Digest>>,
    by_digest: HashMap<Digest, Vec<usize>>,
    failures: BTreeMap<usize, String>,
    /// The squared length of each row.
    squares: Vec<f64>,
    ready: usize,
}

/// What is there of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has not been looked at yet.
    Waiting,
    /// It has features.
    Ready,
    /// It cannot be used.
    Failed,
}

impl SharedRows {
    pub(super) fn new(rows: Rows) -> Self {
        Self(RwLock::new(rows))
    }

    /// The rows, for a moment: who waits to write makes all others wait.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over the features of all images, consecutive ones together, with the number of the first.
    ///
    /// # Errors
    /// What `take` fails with.
    pub(super) fn in_parts<E>(
        &self,
        mut take: impl FnMut(usize, ArrayView2<'_, f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        let images = self.read().len();
        for start in (0..images).step_by(PART) {
            take(start, self.read().part(start..images.min(start + PART)))?;
        }
        Ok(())
    }
}

impl Rows {
    /// Room for so many images. Memory that is not written to is not taken yet.
    pub(super) fn new(images: usize, dimension: usize) -> Self {
        Self {
            values: Array2::zeros((images, dimension)),
            presence: vec![Presence::Waiting; images],
            digests: vec![None; images],
            by_digest: HashMap::new(),
            failures: BTreeMap::new(),
            squares: vec![0.0; images],
            ready: 0,
        }
    }

    /// The same images for features of another length: their contents are known as far as they were, and nothing else.
    pub(super) fn of_known(others: &Self, dimension: usize) -> Self {
        Self {
            digests: others.digests.clone(),
            by_digest: others.by_digest.clone(),
            ..Self::new(others.len(), dimension)
        }
    }

    /// The features of an image have come; of another length than was promised they are left out.
    pub(super) fn put(&mut self, image: usize, digest: Digest, features: &[f32]) {
        let mut row = self.values.row_mut(image);
        if self.presence[image] == Presence::Ready || row.len() != features.len() {
            return;
        }
        row.iter_mut()
            .zip(features)
            .for_each(|(to, &from)| *to = from);
        self.squares[image] = features.iter().map(|&value| f64::from(value).powi(2)).sum();
        self.name(image, digest);
        self.presence[image] = Presence::Ready;
        self.ready += 1;
    }

    /// An image cannot be used.
    pub(super) fn fail(&mut self, image: usize, reason: String) {
        if self.presence[image] == Presence::Waiting {
            self.presence[image] = Presence::Failed;
            self.failures.insert(image, reason);
        }
    }

    /// The content of an image is known, though its features may not be. A file that was changed has the content that
    /// was read last; one with features keeps that of its features.
    pub(super) fn name(&mut self, image: usize, digest: Digest) {
        if self.is_ready(image) || self.digests[image] == Some(digest) {
            return;
        }
        if let Some(before) = self.digests[image].replace(digest)
            && let Some(images) = self.by_digest.get_mut(&before)
        {
            images.retain(|&one| one != image);
        }
        self.by_digest.entry(digest).or_default().push(image);
    }

    /// How many images there are.
    pub(super) fn len(&self) -> usize {
        self.presence.len()
    }

    /// How many have features.
    pub(super) fn ready(&self) -> usize {
        self.ready
    }

    /// Whether nothing is waited for.
    pub(super) fn is_complete(&self) -> bool {
        self.ready + self.failures.len() == self.len()
    }

    /// The features of consecutive images; of images that have none, zeros.
    pub(super) fn part(&self, images: Range<usize>) -> ArrayView2<'_, f32> {
        self.values.slice_axis(Axis(0), images.into())
    }

    /// The features of an image.
    pub(super) fn row(&self, image: usize) -> ArrayView1<'_, f32> {
        self.values.row(image)
    }

    /// The squared length of each image's features.
    pub(super) fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// Copies of some rows.
    pub(super) fn select(&self, images: &[usize]) -> Array2<f32> {
        self.values.select(Axis(0), images)
    }

    /// What is there of an image.
    pub(super) fn presence(&self, image: usize) -> Presence {
        self.presence[image]
    }

    /// Whether an image has features.
    pub(super) fn is_ready(&self, image: usize) -> bool {
        self.presence[image] == Presence::Ready
    }

    /// The images that have features, in order.
    pub(super) fn ready_images(&self) -> Vec<usize> {
        (0..self.len())
            .filter(|&image| self.is_ready(image))
            .collect()
    }

    /// The digest of an image's content, when it is known.
    pub(super) fn digest(&self, image: usize) -> Option<Digest> {
        self.digests[image]
    }

    /// The images with a content, the first in order first.
    pub(super) fn images_of(&self, digest: &Digest) -> &[usize] {
        self.by_digest.get(digest).map_or(&[], Vec::as_slice)
    }

    /// Of each content that has features, the first image.
    pub(super) fn firsts(&self) -> HashMap<Digest, usize> {
        let first = |(digest, images): (&Digest, &Vec<usize>)| {
            let ready = images.iter().filter(|&&image| self.is_ready(image));
            Some((*digest, *ready.min()?))
        };
        self.by_digest.iter().filter_map(first).collect()
    }

    /// The images that cannot be used, and why.
    pub(super) fn failures(&self) -> &BTreeMap<usize, String> {
        &self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_once_and_copies_are_known_by_their_content() {
        let mut rows = Rows::new(3, 2);
        let digest = Digest::of(b"a");
        rows.put(2, digest, &[1.0, 2.0]);
        rows.put(2, digest, &[9.0, 9.0]);
        rows.put(0, digest, &[1.0, 2.0]);
        rows.put(1, digest, &[1.0]);
        assert_eq!((rows.ready(), rows.is_complete()), (2, false));
        rows.fail(1, "broken".to_owned());
        assert!(rows.is_complete());
        assert_eq!(rows.row(2).to_vec(), [1.0, 2.0]);
        assert_eq!(rows.images_of(&digest), [2, 0]);
        assert_eq!(rows.ready_images(), [0, 2]);
        assert_eq!(rows.firsts().into_iter().collect::<Vec<_>>(), [(digest, 0)]);
    }

    #[test]
    fn contents_outlive_features_and_a_changed_file_has_its_new_one() {
        let mut rows = Rows::new(2, 2);
        let [before, after] = [b"before", b"now..."].map(|bytes| Digest::of(bytes));
        rows.put(0, before, &[1.0, 2.0]);
        rows.name(1, before);
        let mut others = Rows::of_known(&rows, 3);
        assert_eq!(
            (others.ready(), others.images_of(&before)),
            (0, &[0, 1][..])
        );
        // The second was changed meanwhile.
        others.put(1, after, &[1.0, 2.0, 3.0]);
        assert_eq!(others.images_of(&before), [0]);
        assert_eq!(others.images_of(&after), [1]);
        others.name(1, before);
        assert_eq!(others.digest(1), Some(after), "its features are of that");
    }

    #[test]
    fn parts_are_all_rows_in_their_order_and_new_ones_may_come_between() {
        let rows = SharedRows::new(Rows::new(PART + 3, 1));
        let mut met = Vec::new();
        let done = rows.in_parts(|start, part| {
            met.push((start, part.nrows()));
            Ok::<(), ()>(())
        });
        assert_eq!((done, met), (Ok(()), vec![(0, PART), (PART, 3)]));
        let stopped = rows.in_parts(|start, _| if start == 0 { Err(start) } else { Ok(()) });
        assert_eq!(stopped, Err(0));
        rows.write().put(PART, Digest::of(b"a"), &[4.0]);
        assert_eq!(rows.read().part(PART..PART + 1), ndarray::array![[4.0]]);
    }
}
