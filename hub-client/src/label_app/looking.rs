//! Looking at all images at once, in the background: groups, odd ones, copies, and a map. Groups have a thread
//! of their own, as another number of them may be wished at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use ndarray::{Array2, Axis};
use registry_schema::digest::Digest;
use registry_schema::manifest::Distance;

use super::LabelError;
use super::errand::let_others_go_first;
use super::progress::Work;
use super::rows::Rows;
use super::session::Session;
use crate::explore::outliers::{Outlier, far_from_middle, unlike_others};
use crate::explore::{Clusters, ExploreError, Projection, default_count, duplicates, map};
use crate::head::Transform;

/// Up to so many images every pair is compared in all dimensions; of more, along [`AXES`] principal axes.
const EXACT_IMAGES: usize = 10_000;

/// Images on which these axes are found.
const FITTED_ON: usize = 2_500;

/// Principal axes that are kept of more images.
const AXES: usize = 64;

/// Cosine distance up to which two images are nearly the same.
const COPY_DISTANCE: f32 = 0.01;

/// Images that may be copies and are compared in all dimensions together.
const COPY_CANDIDATES: usize = 2_000;

/// Seed of groups and map.
const SEED: u64 = 0;

/// What is known of all images together; each part comes when it is done.
#[derive(Clone, Default)]
pub(super) struct Looks {
    pub(super) groups: Option<Arc<Groups>>,
    pub(super) unlike: Option<Arc<Ranking>>,
    pub(super) far: Option<Arc<Ranking>>,
    /// Images that are the same or nearly, in groups of at least two.
    pub(super) copies: Option<Arc<Vec<Vec<usize>>>>,
    /// The place of each image, from −1 to 1; not a number for images without features.
    pub(super) places: Option<Arc<Vec<[f32; 2]>>>,
    /// What groups are found in.
    basis: Option<Arc<Basis>>,
}

/// Groups of images, the largest first.
pub(super) struct Groups {
    /// The images of each, the most typical first.
    pub(super) members: Vec<Vec<usize>>,
    /// The group of each image; none for those without features.
    pub(super) of_image: Vec<Option<usize>>,
}

/// How odd each image is.
pub(super) struct Ranking {
    /// The oddest first.
    pub(super) images: Vec<usize>,
    /// For each image; not a number for those without features.
    pub(super) distances: Vec<f32>,
}

/// The images with features, and their vectors as heads see them, or what is left of these along principal
/// axes.
struct Basis {
    images: Vec<usize>,
    vectors: Array2<f32>,
    transform: Transform,
    is_exact: bool,
}

/// Looks when it is asked to and all features are there, once.
pub(super) fn look(session: &Session) {
    let_others_go_first();
    session.looking.run(
        || session.is_stopping(),
        || {
            let looked = look_once(session).map_err(LabelError::from);
            session.tell(Work::Looking, looked.as_ref().err());
        },
    );
}

/// Finds groups whenever it is asked to, until the session stops.
pub(super) fn group(session: &Session) {
    let_others_go_first();
    session.grouping.run(
        || session.is_stopping(),
        || {
            let looks = session.looks();
            let grouped = match &looks.basis {
                Some(basis) => put_groups(session, basis),
                None => Ok(()),
            };
            session.tell(
                Work::Grouping,
                grouped.map_err(LabelError::from).as_ref().err(),
            );
        },
    );
}

/// One thread is left to whoever labels meanwhile.
fn threads(session: &Session) -> NonZeroUsize {
    let all = session.setup.threads.get();
    NonZeroUsize::new(all - 1).unwrap_or(NonZeroUsize::MIN)
}

fn look_once(session: &Session) -> Result<(), ExploreError> {
    if session.looks().basis.is_some() {
        return Ok(());
    }
    let is_complete = {
        let rows = session.rows();
        rows.is_complete() && rows.ready() > 0
    };
    if !is_complete {
        return Ok(());
    }
    let basis = Arc::new(Basis::of(session)?);
    session.update_looks(|looks| looks.basis = Some(basis.clone()));
    session.grouping.ask();
    for step in [put_outliers, put_copies, put_map] {
        if session.is_stopping() {
            return Ok(());
        }
        step(session, &basis)?;
    }
    Ok(())
}

impl Basis {
    fn of(session: &Session) -> Result<Self, ExploreError> {
        // Nobody holds the rows for long: who waits to write makes all others wait.
        let images = session.rows().ready_images();
        let is_exact = images.len() <= EXACT_IMAGES;
        let kind = session.setup.extractor.transform();
        let step = if is_exact {
            1
        } else {
            images.len().div_ceil(FITTED_ON)
        };
        let (transform, some) = {
            let some: Vec<usize> = images.iter().copied().step_by(step).collect();
            let some = session.rows().select(&some);
            let transform = Transform::fit(kind, some.view());
            let seen = transform.apply(some.view());
            (transform, seen)
        };
        if is_exact {
            return Ok(Self {
                images,
                vectors: some,
                transform,
                is_exact,
            });
        }
        let projection = Projection::fit(some.view(), AXES)?;
        drop(some);
        let mut vectors = Array2::zeros((images.len(), projection.axes.nrows()));
        let blocks = vectors.axis_chunks_iter_mut(Axis(0), 1024);
        for (mut block, images) in blocks.zip(images.chunks(1024)) {
            let whole = session.rows().select(images);
            let whole = transform.apply(whole.view());
            block.assign(&projection.apply(whole.view()));
        }
        Ok(Self {
            images,
            vectors,
            transform,
            is_exact,
        })
    }
}

fn put_groups(session: &Session, basis: &Basis) -> Result<(), ExploreError> {
    let count = session.wishes().groups;
    let count = count.or_else(|| NonZeroUsize::new(default_count(basis.images.len())));
    let count = count.unwrap_or(NonZeroUsize::MIN);
    let clusters = Clusters::find(basis.vectors.view(), count, SEED, session.setup.threads)?;
    let mut of_image = vec![None; session.total()];
    for (&image, &group) in basis.images.iter().zip(&clusters.assignment) {
        of_image[image] = Some(group);
    }
    let image = |row: &usize| basis.images[*row];
    let groups = Groups {
        members: clusters
            .members
            .iter()
            .map(|members| members.iter().map(image).collect())
            .collect(),
        of_image,
    };
    session.update_looks(|looks| looks.groups = Some(Arc::new(groups)));
    Ok(())
}

fn put_outliers(session: &Session, basis: &Basis) -> Result<(), ExploreError> {
    let ranking = |outliers: Vec<Outlier>| {
        let mut distances = vec![f32::NAN; session.total()];
        for one in &outliers {
            distances[basis.images[one.row]] = crate::head::narrow(one.distance);
        }
        Arc::new(Ranking {
            images: outliers.iter().map(|one| basis.images[one.row]).collect(),
            distances,
        })
    };
    // A few images are odd by no measure.
    if basis.images.len() >= 2 {
        // Vectors of length 1: a Euclidean distance ranks as their angle does.
        let unlike = unlike_others(basis.vectors.view(), Distance::Euclidean, threads(session))?;
        session.update_looks(|looks| looks.unlike = Some(ranking(unlike)));
    }
    if basis.images.len() >= 3 {
        let far = far_from_middle(basis.vectors.view())?;
        session.update_looks(|looks| looks.far = Some(ranking(far)));
    }
    Ok(())
}

/// Images with the same bytes, and such whose features nearly are.
fn put_copies(session: &Session, basis: &Basis) -> Result<(), ExploreError> {
    // Along some axes distances are shorter, never longer: what is near in all dimensions is among these.
    let radius = (2.0 * COPY_DISTANCE).sqrt();
    let (distance, threads) = (Distance::Euclidean, threads(session));
    let digests = digests(&session.rows(), &basis.images);
    let found = duplicates(basis.vectors.view(), &digests, distance, radius, threads)?;
    let mut groups = Vec::new();
    for group in found {
        let images: Vec<usize> = group.rows.iter().map(|&row| basis.images[row]).collect();
        if basis.is_exact || group.is_exact {
            groups.push(images);
            continue;
        }
        // What is near is near along the first axis too: neighbours along it are compared, so that the time
        // does not grow with the square of a large candidate.
        let mut along = group.rows.clone();
        along.sort_by(|&one, &other| {
            let place = |row: usize| basis.vectors[[row, 0]];
            place(one).total_cmp(&place(other))
        });
        let mut near = Vec::new();
        for window in overlapping(&along) {
            let images: Vec<usize> = window.iter().map(|&row| basis.images[row]).collect();
            let (whole, digests) = {
                let rows = session.rows();
                (rows.select(&images), self::digests(&rows, &images))
            };
            let whole = basis.transform.apply(whole.view());
            let found = duplicates(whole.view(), &digests, distance, radius, threads)?;
            let image = |row: &usize| images[*row];
            near.extend(found.iter().map(|one| one.rows.iter().map(image).collect()));
        }
        groups.extend(joined(near));
    }
    session.update_looks(|looks| looks.copies = Some(Arc::new(groups)));
    Ok(())
}

/// Rows in windows of [`COPY_CANDIDATES`], each half of which is in the next one too.
fn overlapping(rows: &[usize]) -> impl Iterator<Item = &[usize]> {
    let step = COPY_CANDIDATES / 2;
    let last = rows.len().saturating_sub(step).max(1);
    (0..last)
        .step_by(step)
        .map(move |start| &rows[start..rows.len().min(start + COPY_CANDIDATES)])
}

/// Groups that share an image become one.
fn joined(groups: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let mut of_image: BTreeMap<usize, usize> = BTreeMap::new();
    let mut whole: Vec<BTreeSet<usize>> = Vec::new();
    for group in groups {
        let met: BTreeSet<usize> = group
            .iter()
            .filter_map(|image| of_image.get(image).copied())
            .collect();
        let mut images: BTreeSet<usize> = group.into_iter().collect();
        for place in met {
            images.append(&mut whole[place]);
        }
        of_image.extend(images.iter().map(|&image| (image, whole.len())));
        whole.push(images);
    }
    whole.retain(|images| !images.is_empty());
    whole
        .into_iter()
        .map(|images| images.into_iter().collect())
        .collect()
}

fn digests(rows: &Rows, images: &[usize]) -> Vec<Option<Digest>> {
    images.iter().map(|&image| rows.digest(image)).collect()
}

fn put_map(session: &Session, basis: &Basis) -> Result<(), ExploreError> {
    let sheet = map(basis.vectors.view(), SEED, threads(session))?;
    let mut places = vec![[f32::NAN; 2]; session.total()];
    for (&image, place) in basis.images.iter().zip(sheet.rows()) {
        places[image] = [place[0] * 2.0 - 1.0, place[1] * 2.0 - 1.0];
    }
    session.update_looks(|looks| looks.places = Some(Arc::new(places)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_candidates_are_compared_in_windows_that_overlap() {
        for count in [
            2,
            COPY_CANDIDATES,
            COPY_CANDIDATES + 1,
            5 * COPY_CANDIDATES - 7,
        ] {
            let rows: Vec<usize> = (0..count).collect();
            let windows: Vec<&[usize]> = overlapping(&rows).collect();
            assert!(windows.iter().all(|one| one.len() <= COPY_CANDIDATES));
            assert_eq!(windows.last().and_then(|last| last.last()), rows.last());
            for pair in windows.windows(2) {
                assert!(pair[0][COPY_CANDIDATES - 1] >= pair[1][COPY_CANDIDATES / 2 - 1]);
            }
        }
    }

    #[test]
    fn groups_that_share_an_image_are_one() {
        let groups = vec![vec![1, 2], vec![5, 6], vec![2, 3], vec![3, 6], vec![8, 9]];
        assert_eq!(joined(groups), [vec![1, 2, 3, 5, 6], vec![8, 9]]);
    }
}
