//! Which image to label next.
//!
//! With few labels, typical images teach most: the centres of groups in which nothing is labelled.
//! With more, doubtful ones do: the smallest margin between the two most probable classes, no two of
//! them alike. (Hacohen, Dekel and Weinshall, *Active learning on a budget*, arXiv 2202.02794.) One in
//! five is drawn at random throughout: only those say, without flattery, how good a head is.

use std::num::NonZeroUsize;

use ndarray::{ArrayView2, Axis};
use registry_schema::manifest::Distance;

use crate::explore::ExploreError;
use crate::explore::clusters::Clusters;
use crate::explore::neighbours::Neighbours;
use crate::explore::random::SplitMix64;

/// Every how manyth image is drawn at random.
pub const RANDOM_EVERY: usize = 5;

/// Nearest others by which it is decided which of equally large groups is denser.
const TYPICAL_NEAREST: usize = 20;

/// A doubtful image is left out when one of those suggested has a cosine above this.
const ALIKE: f32 = 0.95;

/// What is known, and what is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Features, n×D, best of length 1.
    pub rows: ArrayView2<'a, f32>,
    /// The class of each labelled image, n.
    pub labels: &'a [Option<usize>],
    /// How many classes there are.
    pub classes: usize,
    /// The probability of each class for each image, n×K, when a head could be trained.
    pub probabilities: Option<ArrayView2<'a, f32>>,
    /// How many images are wanted.
    pub count: usize,
    /// Of the groups and of what is drawn.
    pub seed: u64,
}

/// An image that should be labelled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suggestion {
    /// Its row.
    pub row: usize,
    /// Why.
    pub reason: Reason,
}

/// Why an image should be labelled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// It is the most typical of so many images of which none has a label.
    Typical {
        /// The size of the group.
        group: usize,
    },
    /// It is one of the most typical without a label in a group that has some already.
    NextTypical {
        /// The size of the group.
        group: usize,
    },
    /// Two classes are nearly equally probable.
    Torn {
        /// The more probable class and its probability.
        first: (usize, f32),
        /// The other one.
        second: (usize, f32),
    },
    /// It was drawn at random.
    Random,
}

/// With how many labels typical images give way to doubtful ones: `max(20, 4 K)`.
pub fn typical_until(classes: usize) -> usize {
    (4 * classes).max(20)
}

/// Up to `count` images without a label, in the order in which to label them. The same situation gives
/// the same images, whatever the number of threads.
///
/// # Errors
/// [`ExploreError::Lengths`], [`ExploreError::NotFinite`].
pub fn suggest(
    situation: &Situation<'_>,
    threads: NonZeroUsize,
) -> Result<Vec<Suggestion>, ExploreError> {
    let (rows, labels) = (situation.rows, situation.labels);
    let lengths = |what, found| ExploreError::Lengths {
        rows: rows.nrows(),
        what,
        found,
    };
    if labels.len() != rows.nrows() {
        return Err(lengths("labels", labels.len()));
    }
    if let Some(probabilities) = situation.probabilities
        && probabilities.nrows() != rows.nrows()
    {
        return Err(lengths("probabilities", probabilities.nrows()));
    }
    let labelled = labels.iter().flatten().count();
    let mut free = Free::new(labels);
    let wanted = situation.count.min(free.left);
    let mut planned = match situation.probabilities {
        Some(probabilities) if labelled >= typical_until(situation.classes) => {
            doubtful(situation, probabilities, threads)?
        }
        _ => typical(situation, labelled, threads)?,
    }
    .into_iter();
    let mut random = SplitMix64::new(situation.seed ^ (labelled as u64).rotate_left(32));
    let mut chosen = Vec::with_capacity(wanted);
    while chosen.len() < wanted {
        // Counted with the labels there are, so that one in five holds for one at a time as well.
        let is_random = (labelled + chosen.len()) % RANDOM_EVERY == RANDOM_EVERY - 1;
        let planned = match is_random {
            true => None,
            false => planned.find(|one| free.is_free(one.row)),
        };
        let next = planned.unwrap_or_else(|| Suggestion {
            row: free.draw(&mut random),
            reason: Reason::Random,
        });
        free.take(next.row);
        chosen.push(next);
    }
    Ok(chosen)
}

/// Images without a label that were not suggested yet.
struct Free {
    is_free: Vec<bool>,
    left: usize,
}

impl Free {
    fn new(labels: &[Option<usize>]) -> Self {
        let is_free: Vec<bool> = labels.iter().map(Option::is_none).collect();
        let left = is_free.iter().filter(|&&free| free).count();
        Self { is_free, left }
    }

    fn is_free(&self, row: usize) -> bool {
        self.is_free[row]
    }

    fn take(&mut self, row: usize) {
        self.is_free[row] = false;
        self.left -= 1;
    }

    fn draw(&self, random: &mut SplitMix64) -> usize {
        let place = random.below(self.left);
        let mut free = self.is_free.iter().enumerate().filter(|(_, free)| **free);
        free.nth(place).map_or(0, |(row, _)| row)
    }
}

/// The centres of the largest groups without a label, then what is nearest to the centres of the others.
fn typical(
    situation: &Situation<'_>,
    labelled: usize,
    threads: NonZeroUsize,
) -> Result<Vec<Suggestion>, ExploreError> {
    let rows = situation.rows;
    let count = NonZeroUsize::new(labelled + situation.count).unwrap_or(NonZeroUsize::MIN);
    let clusters = Clusters::find(rows, count, situation.seed, threads)?;
    let is_labelled = |row: usize| situation.labels[row].is_some();
    let (known, new): (Vec<usize>, Vec<usize>) = (0..clusters.len())
        .partition(|&group| clusters.members[group].iter().any(|&row| is_labelled(row)));
    // Of groups of one size, the densest first.
    let centres: Vec<usize> = new
        .iter()
        .map(|&group| clusters.members[group][0])
        .collect();
    let queries = rows.select(Axis(0), &centres);
    let nearest = Neighbours::new(rows, Distance::Euclidean, threads)?.nearest(
        queries.view(),
        TYPICAL_NEAREST,
        |query, row| centres[query] != row,
    )?;
    let density = nearest.iter().map(|others| {
        let sum: f64 = others.iter().map(|one| f64::from(one.distance)).sum();
        sum / others.len().max(1) as f64
    });
    let mut order: Vec<(usize, f64)> = new.into_iter().zip(density).collect();
    order.sort_by(|&(one, far), &(other, farther)| {
        let size = |group: usize| clusters.members[group].len();
        let by_size = size(other).cmp(&size(one));
        by_size.then(far.total_cmp(&farther)).then(one.cmp(&other))
    });
    let typical = order.iter().map(|&(group, _)| Suggestion {
        row: clusters.members[group][0],
        reason: Reason::Typical {
            group: clusters.members[group].len(),
        },
    });
    let mut planned: Vec<Suggestion> = typical.collect();
    // Groups take turns.
    let groups: Vec<usize> = order
        .into_iter()
        .map(|(group, _)| group)
        .chain(known)
        .collect();
    let most = clusters.members.iter().map(Vec::len).max().unwrap_or(0);
    for place in 0..most {
        for &group in &groups {
            let members = &clusters.members[group];
            planned.extend(members.get(place).map(|&row| Suggestion {
                row,
                reason: Reason::NextTypical {
                    group: members.len(),
                },
            }));
        }
    }
    Ok(planned)
}

/// The smallest margins, without those that are like one before; these come last.
fn doubtful(
    situation: &Situation<'_>,
    probabilities: ArrayView2<'_, f32>,
    threads: NonZeroUsize,
) -> Result<Vec<Suggestion>, ExploreError> {
    let mut torn: Vec<(f32, Suggestion)> = Vec::new();
    for (row, probabilities) in probabilities.rows().into_iter().enumerate() {
        if situation.labels[row].is_some() {
            continue;
        }
        let mut classes: Vec<(usize, f32)> = probabilities.iter().copied().enumerate().collect();
        classes.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        if let [first, second, ..] = classes[..] {
            let reason = Reason::Torn { first, second };
            torn.push((first.1 - second.1, Suggestion { row, reason }));
        }
    }
    torn.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.row.cmp(&other.1.row)));
    let mut planned: Vec<Suggestion> = Vec::new();
    let mut alike = Vec::new();
    for (_, suggestion) in torn {
        if planned.len() >= situation.count {
            alike.push(suggestion);
            continue;
        }
        let chosen: Vec<usize> = planned.iter().map(|one| one.row).collect();
        let before = situation.rows.select(Axis(0), &chosen);
        let own = situation.rows.select(Axis(0), &[suggestion.row]);
        let nearest = Neighbours::new(before.view(), Distance::Cosine, threads)?.nearest(
            own.view(),
            1,
            |_, _| true,
        )?;
        let is_alike = nearest
            .first()
            .and_then(|nearest| nearest.first())
            .is_some_and(|one| 1.0 - one.distance > ALIKE);
        if is_alike {
            alike.push(suggestion);
        } else {
            planned.push(suggestion);
        }
    }
    planned.extend(alike);
    Ok(planned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::{blobs, points};
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    fn situation<'a>(rows: &'a Array2<f32>, labels: &'a [Option<usize>]) -> Situation<'a> {
        Situation {
            rows: rows.view(),
            labels,
            classes: 2,
            probabilities: None,
            count: 4,
            seed: 3,
        }
    }

    #[test]
    fn the_first_are_the_middles_of_the_largest_groups() {
        let (rows, truth) = blobs(&[30, 20, 10, 5], 6, 1);
        let labels = vec![None; 65];
        let suggested = suggest(&situation(&rows, &labels), threads(2)).unwrap();
        let groups: Vec<usize> = suggested.iter().map(|one| truth[one.row]).collect();
        assert_eq!(groups, [0, 1, 2, 3]);
        assert_eq!(suggested[0].reason, Reason::Typical { group: 30 });
    }

    #[test]
    fn groups_with_a_label_wait() {
        let (rows, truth) = blobs(&[30, 20], 6, 1);
        let mut labels = vec![None; 50];
        labels[3] = Some(0);
        let wanted = Situation {
            count: 1,
            ..situation(&rows, &labels)
        };
        let suggested = suggest(&wanted, threads(2)).unwrap();
        assert_eq!(truth[suggested[0].row], 1);
    }

    #[test]
    fn doubtful_ones_come_with_their_two_classes_and_are_not_alike() {
        let mut rows = points(30, 8, 6);
        let twin = rows.row(21).to_owned();
        rows.row_mut(22).assign(&twin);
        let labels: Vec<Option<usize>> = (0..30).map(|row| (row < 20).then_some(row % 2)).collect();
        let mut probabilities = Array2::from_shape_fn((30, 2), |(_, class)| [0.9, 0.1][class]);
        for (row, first) in [(21, 0.51), (22, 0.52), (25, 0.6), (27, 0.45)] {
            probabilities
                .row_mut(row)
                .assign(&array![first, 1.0 - first]);
        }
        let wanted = Situation {
            probabilities: Some(probabilities.view()),
            count: 3,
            ..situation(&rows, &labels)
        };
        let suggested = suggest(&wanted, threads(2)).unwrap();
        let found: Vec<usize> = suggested.iter().map(|one| one.row).collect();
        assert_eq!(found, [21, 27, 25]);
        let Reason::Torn { first, second } = suggested[1].reason else {
            panic!()
        };
        assert_eq!((first.0, second.0), (1, 0));
    }

    #[test]
    fn one_in_five_is_random_also_one_at_a_time() {
        let rows = points(60, 5, 2);
        let mut labels = vec![None; 60];
        let mut drawn = 0;
        for _ in 0..25 {
            let wanted = Situation {
                count: 1,
                ..situation(&rows, &labels)
            };
            let suggested = suggest(&wanted, threads(1)).unwrap();
            drawn += usize::from(suggested[0].reason == Reason::Random);
            labels[suggested[0].row] = Some(0);
        }
        assert_eq!(drawn, 5);
        let labels = vec![None; 60];
        let wanted = Situation {
            count: 10,
            ..situation(&rows, &labels)
        };
        let suggested = suggest(&wanted, threads(2)).unwrap();
        assert_eq!(
            suggested
                .iter()
                .filter(|one| one.reason == Reason::Random)
                .count(),
            2
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn only_images_without_a_label_and_each_once(
            images in 1_usize..40, known in 0_usize..40, count in 0_usize..50, seed: u64
        ) {
            let rows = points(images, 3, seed);
            let labels: Vec<_> = (0..images).map(|row| (row * 7 % images < known).then_some(row % 2)).collect();
            let wanted = Situation { count, seed, ..situation(&rows, &labels) };
            let suggested = suggest(&wanted, threads(1)).unwrap();
            let free = labels.iter().filter(|label| label.is_none()).count();
            prop_assert_eq!(suggested.len(), count.min(free));
            let mut found: Vec<usize> = suggested.iter().map(|one| one.row).collect();
            prop_assert!(found.iter().all(|&row| labels[row].is_none()));
            found.sort_unstable();
            found.dedup();
            prop_assert_eq!(found.len(), suggested.len());
            prop_assert_eq!(suggested, suggest(&wanted, threads(3)).unwrap());
        }
    }
}
