//! Groups of images that are alike: k-means with careful seeding.

use std::num::NonZeroUsize;

use ndarray::{Array2, ArrayView2, Axis};
use pulp::Arch;

use crate::explore::ExploreError;
use crate::explore::kernel::{Sum, compare};
use crate::explore::neighbours::{check_finite, narrow, whole};
use crate::explore::parallel::over_blocks;
use crate::explore::random::SplitMix64;

/// Most groups when nobody says how many: more are not looked at.
pub const MOST_BY_DEFAULT: usize = 24;

/// Images shown for a group.
pub const MEDOIDS: usize = 3;

/// How often the seeding is tried; the tightest groups win.
const STARTS: usize = 4;

/// Rounds of reassignment at most.
const ROUNDS: usize = 100;

/// Rows a thread takes at a time.
const BLOCK_ROWS: usize = 256;

/// Groups of rows, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// Their centres, k×D.
    pub centres: Array2<f32>,
    /// The group of each row.
    pub assignment: Vec<usize>,
    /// The rows of each group, the nearest to its centre first.
    pub members: Vec<Vec<usize>>,
    /// Sum of the squared distances of all rows to their centres.
    pub spread: f64,
}

/// `⌈√(n/2)⌉`, at most [`MOST_BY_DEFAULT`]: a rule of thumb for n images.
pub fn default_count(images: usize) -> usize {
    let half = images.div_ceil(2);
    let root = half.isqrt();
    let rounded_up = root + usize::from(root * root < half);
    rounded_up.clamp(1, MOST_BY_DEFAULT)
}

impl Clusters {
    /// Divides n×D rows into `count` groups by Lloyd's algorithm with k-means++ seeding (Arthur and
    /// Vassilvitskii, SODA 2007); squared Euclidean distances, so give rows of length 1 for cosines.
    /// There are fewer groups when there are fewer different rows. The same rows, count and seed give
    /// the same groups, whatever the number of threads.
    ///
    /// # Errors
    /// [`ExploreError::TooFew`] without rows, [`ExploreError::NotFinite`].
    pub fn find(
        rows: ArrayView2<'_, f32>,
        count: NonZeroUsize,
        seed: u64,
        threads: NonZeroUsize,
    ) -> Result<Self, ExploreError> {
        check_finite(rows)?;
        if rows.nrows() == 0 {
            return Err(ExploreError::TooFew {
                what: "grouping",
                needed: 1,
                found: 0,
            });
        }
        let rows = whole(rows);
        let points = Points {
            rows: rows.view(),
            threads,
            arch: Arch::new(),
        };
        let mut best: Option<Fit> = None;
        for start in 0..STARTS {
            let mut random = SplitMix64::new(seed.wrapping_add(start as u64));
            let fit = points.fit(count.get(), &mut random);
            if best.as_ref().is_none_or(|best| fit.spread < best.spread) {
                best = Some(fit);
            }
        }
        best.map(|fit| fit.in_order(rows.view()))
            .ok_or(ExploreError::TooFew {
                what: "grouping",
                needed: 1,
                found: 0,
            })
    }

    /// How many groups.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none, which does not happen.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The rows that stand for a group: up to [`MEDOIDS`], nearest to its centre.
    pub fn medoids(&self, group: usize) -> &[usize] {
        let members = &self.members[group];
        &members[..members.len().min(MEDOIDS)]
    }

    /// The most frequent label in a group with its share of the labelled rows there, 0 to 1; of equally
    /// frequent ones the first. None when no row of the group has a label.
    pub fn name<'l>(&self, group: usize, labels: &'l [Option<String>]) -> Option<(&'l str, f64)> {
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for &row in &self.members[group] {
            if let Some(label) = labels.get(row).and_then(Option::as_deref) {
                *counts.entry(label).or_default() += 1;
            }
        }
        let total: usize = counts.values().sum();
        let most = counts.values().copied().max()?;
        let name = counts.into_iter().find(|&(_, count)| count == most)?.0;
        Some((name, most as f64 / total as f64))
    }
}

/// What one start ended in.
struct Fit {
    centres: Array2<f32>,
    nearest: Vec<(usize, f32)>,
    spread: f64,
}

struct Points<'a> {
    rows: ArrayView2<'a, f32>,
    threads: NonZeroUsize,
    arch: Arch,
}

impl Points<'_> {
    fn fit(&self, count: usize, random: &mut SplitMix64) -> Fit {
        let mut centres = self.seed(count, random);
        let mut nearest = self.assign(centres.view());
        for _ in 0..ROUNDS {
            centres = self.centres(&nearest, centres.nrows());
            let next = self.assign(centres.view());
            let is_stable = next
                .iter()
                .zip(&nearest)
                .all(|((one, _), (other, _))| one == other);
            nearest = next;
            if is_stable {
                break;
            }
        }
        let spread = nearest.iter().map(|&(_, far)| f64::from(far)).sum();
        Fit {
            centres,
            nearest,
            spread,
        }
    }

    /// k-means++: each next centre is a row drawn with a probability that grows with the square of its
    /// distance to those that were drawn.
    fn seed(&self, count: usize, random: &mut SplitMix64) -> Array2<f32> {
        let mut chosen = vec![random.below(self.rows.nrows())];
        let mut far = vec![f32::INFINITY; self.rows.nrows()];
        while chosen.len() < count {
            let last = self.rows.select(Axis(0), &chosen[chosen.len() - 1..]);
            for (far, (_, new)) in far.iter_mut().zip(self.assign(last.view())) {
                *far = far.min(new);
            }
            let total: f64 = far.iter().copied().map(f64::from).sum();
            if total <= 0.0 {
                break;
            }
            let mut left = random.share() * total;
            let mut next = None;
            for (row, &weight) in far.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                next = Some(row);
                left -= f64::from(weight);
                if left < 0.0 {
                    break;
                }
            }
            chosen.extend(next);
        }
        self.rows.select(Axis(0), &chosen)
    }

    /// The nearest centre of each row, the first of equally near ones, and the squared distance.
    fn assign(&self, centres: ArrayView2<'_, f32>) -> Vec<(usize, f32)> {
        let (rows, dimension) = self.rows.dim();
        let all = self.rows.as_slice().unwrap_or_default();
        let centres = whole(centres);
        let centres = centres.as_slice().unwrap_or_default();
        let work = |(found, sums): &mut (Vec<Block>, Vec<f32>), block: usize| {
            let start = block * BLOCK_ROWS;
            let width = BLOCK_ROWS.min(rows - start);
            let own = &all[start * dimension..(start + width) * dimension];
            let mut nearest = vec![(0, f32::INFINITY); width];
            sums.resize(width * (centres.len() / dimension.max(1)), 0.0);
            let sum = Sum::SquaredDifferences;
            compare(self.arch, sum, dimension, own, centres, sums);
            for (centre, sums) in sums.chunks_exact(width).enumerate() {
                for (nearest, &sum) in nearest.iter_mut().zip(sums) {
                    if sum < nearest.1 {
                        *nearest = (centre, sum);
                    }
                }
            }
            found.push((block, nearest));
        };
        let blocks = rows.div_ceil(BLOCK_ROWS);
        let state = || (Vec::new(), Vec::new());
        let mut found: Vec<_> = over_blocks(blocks, self.threads, state, work)
            .into_iter()
            .flat_map(|(found, _)| found)
            .collect();
        found.sort_unstable_by_key(|&(block, _)| block);
        found.into_iter().flat_map(|(_, nearest)| nearest).collect()
    }

    /// The means of the groups. A group that lost all its rows starts again from the row that is
    /// farthest from its own centre.
    fn centres(&self, nearest: &[(usize, f32)], count: usize) -> Array2<f32> {
        let mut sums = Array2::<f64>::zeros((count, self.rows.ncols()));
        let mut sizes = vec![0_usize; count];
        for (row, &(group, _)) in self.rows.rows().into_iter().zip(nearest) {
            sizes[group] += 1;
            ndarray::Zip::from(sums.row_mut(group))
                .and(row)
                .for_each(|sum, &value| *sum += f64::from(value));
        }
        let mut far: Vec<usize> = (0..nearest.len()).collect();
        if sizes.contains(&0) {
            far.sort_by(|&one, &other| {
                let order = nearest[other].1.total_cmp(&nearest[one].1);
                order.then(one.cmp(&other))
            });
        }
        let mut far = far.into_iter();
        for (mut sum, &size) in sums.rows_mut().into_iter().zip(&sizes) {
            if size > 0 {
                sum /= size as f64;
            } else if let Some(row) = far.next() {
                sum.assign(&self.rows.row(row).mapv(f64::from));
            }
        }
        sums.mapv(narrow)
    }
}

/// The nearest centres of a block of rows.
type Block = (usize, Vec<(usize, f32)>);

impl Fit {
    /// The groups that have rows, the largest first; of equally large ones that with the lowest row.
    fn in_order(self, rows: ArrayView2<'_, f32>) -> Clusters {
        let mut members = vec![Vec::new(); self.centres.nrows()];
        for (row, &(group, _)) in self.nearest.iter().enumerate() {
            members[group].push(row);
        }
        let mut order: Vec<usize> = (0..members.len())
            .filter(|&group| !members[group].is_empty())
            .collect();
        order.sort_by_key(|&group| (std::cmp::Reverse(members[group].len()), members[group][0]));
        let mut assignment = vec![0; rows.nrows()];
        let mut sorted = Vec::with_capacity(order.len());
        for (place, &group) in order.iter().enumerate() {
            let mut own = std::mem::take(&mut members[group]);
            own.iter().for_each(|&row| assignment[row] = place);
            own.sort_by(|&one, &other| {
                let by_distance = self.nearest[one].1.total_cmp(&self.nearest[other].1);
                by_distance.then(one.cmp(&other))
            });
            sorted.push(own);
        }
        Clusters {
            centres: self.centres.select(Axis(0), &order),
            assignment,
            members: sorted,
            spread: self.spread,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::{blobs, points};
    use proptest::prelude::*;

    fn find(rows: ArrayView2<'_, f32>, count: usize, threads: usize) -> Clusters {
        let [count, threads] = [count, threads].map(|one| NonZeroUsize::new(one).unwrap());
        Clusters::find(rows, count, 5, threads).unwrap()
    }

    #[test]
    fn groups_that_lie_apart_are_found() {
        let (rows, truth) = blobs(&[40, 25, 10], 6, 2);
        let clusters = find(rows.view(), 3, 2);
        assert_eq!(
            clusters.members.iter().map(Vec::len).collect::<Vec<_>>(),
            [40, 25, 10]
        );
        assert_eq!(clusters.assignment, truth);
        assert_eq!(clusters.medoids(1).len(), 3);
        let labels: Vec<Option<String>> = truth
            .iter()
            .enumerate()
            .map(|(row, group)| (row % 2 == 0).then(|| format!("class {group}")))
            .collect();
        assert_eq!(clusters.name(2, &labels), Some(("class 2", 1.0)));
        assert_eq!(clusters.name(2, &vec![None; 75]), None);
    }

    #[test]
    fn threads_change_nothing() {
        let rows = points(1500, 16, 9);
        assert_eq!(find(rows.view(), 12, 1), find(rows.view(), 12, 5));
    }

    #[test]
    fn equal_rows_make_fewer_groups() {
        let rows = Array2::from_shape_fn((12, 2), |(row, _)| if row < 7 { 1.0 } else { 2.0 });
        let clusters = find(rows.view(), 5, 2);
        assert_eq!(
            clusters.members,
            [(0..7).collect::<Vec<_>>(), (7..12).collect()]
        );
        assert!(clusters.spread.abs() < 1e-12);
    }

    #[test]
    fn the_rule_of_thumb() {
        assert_eq!(
            [1, 2, 8, 50, 51, 5000].map(default_count),
            [1, 1, 2, 5, 6, 24]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn every_row_is_in_the_group_of_its_nearest_centre(rows in 1_usize..80, count in 1_usize..9, seed: u64) {
            let points = points(rows, 3, seed);
            let clusters = find(points.view(), count, 2);
            prop_assert_eq!(clusters.members.iter().map(Vec::len).sum::<usize>(), rows);
            for (row, &group) in points.rows().into_iter().zip(&clusters.assignment) {
                let far = |centre: usize| (&row - &clusters.centres.row(centre)).mapv(|x| x * x).sum();
                let own: f32 = far(group);
                for centre in 0..clusters.len() {
                    prop_assert!(own <= far(centre) + 1e-4);
                }
            }
        }
    }
}
