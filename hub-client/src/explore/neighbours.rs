//! The nearest images, exactly: every pair is compared.

use std::collections::BinaryHeap;
use std::num::NonZeroUsize;

use ndarray::{ArrayView2, CowArray, Ix2};
use pulp::Arch;
use registry_schema::manifest::Distance;

use crate::explore::ExploreError;
use crate::explore::kernel::{Sum, compare};
use crate::explore::parallel::over_blocks;

/// Bytes of vectors that are compared with all queries before the next ones are read.
const BLOCK_BYTES: usize = 256 << 10;

/// Queries that are compared at a time: bounds the working memory.
const QUERY_BLOCK: usize = 128;

/// An image that is near another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its row.
    pub row: usize,
    /// How far it is: for cosine 1 − cos, from 0 to 2; for Euclidean the length of the difference;
    /// for dot minus the product. Smaller is nearer in each.
    pub distance: f32,
}

/// Vectors that can be asked for the nearest of other vectors.
///
/// Nothing is approximated: each answer compares with every row. The order is by distance, then by
/// row, so that answers do not depend on the number of threads.
#[derive(Debug)]
pub struct Neighbours<'a> {
    rows: CowArray<'a, f32, Ix2>,
    lengths: Lengths,
    distance: Distance,
    threads: NonZeroUsize,
    arch: Arch,
}

/// One over the length of each row, for cosines.
#[derive(Debug)]
struct Lengths(Vec<f32>);

impl<'a> Neighbours<'a> {
    /// Takes n×D vectors, and how they are compared.
    ///
    /// # Errors
    /// [`ExploreError::NotFinite`].
    pub fn new(
        rows: ArrayView2<'a, f32>,
        distance: Distance,
        threads: NonZeroUsize,
    ) -> Result<Self, ExploreError> {
        let rows = whole(rows);
        check_finite(rows.view())?;
        Ok(Self {
            lengths: Lengths::of(rows.view(), distance),
            rows,
            distance,
            threads,
            arch: Arch::new(),
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.nrows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.nrows() == 0
    }

    /// The `count` nearest rows of each query (m×D), among those that `may(query, row)` allows;
    /// fewer when there are not so many.
    ///
    /// # Errors
    /// [`ExploreError::Dimension`], [`ExploreError::NotFinite`].
    pub fn nearest(
        &self,
        queries: ArrayView2<'_, f32>,
        count: usize,
        may: impl Fn(usize, usize) -> bool + Sync,
    ) -> Result<Vec<Vec<Neighbour>>, ExploreError> {
        let mut all = Vec::with_capacity(queries.nrows());
        self.scan(
            queries,
            |queries| {
                (0..queries)
                    .map(|_| Nearest::new(count))
                    .collect::<Vec<_>>()
            },
            |nearest, query, first, row, distance| {
                if nearest[query - first].wants(row, distance) && may(query, row) {
                    nearest[query - first].add(row, distance);
                }
            },
            |found| all.extend(merged(found, count)),
        )?;
        Ok(all)
    }

    /// The `count` nearest other rows of each row.
    ///
    /// # Errors
    /// Does not fail on rows that [`Self::new`] took.
    pub fn nearest_others(&self, count: usize) -> Result<Vec<Vec<Neighbour>>, ExploreError> {
        self.nearest(self.rows.view(), count, |query, row| query != row)
    }

    /// Hands each pair of rows that are no farther apart than `radius` to `take`, the lower row first,
    /// in order.
    ///
    /// # Errors
    /// Does not fail on rows that [`Self::new`] took.
    pub fn within(
        &self,
        radius: f32,
        mut take: impl FnMut(usize, Neighbour),
    ) -> Result<(), ExploreError> {
        self.scan(
            self.rows.view(),
            |_| Vec::new(),
            |pairs: &mut Vec<(usize, usize, f32)>, query, _, row, distance| {
                if row > query && distance <= radius {
                    pairs.push((query, row, distance));
                }
            },
            |found| {
                let mut pairs = found.concat();
                pairs.sort_unstable_by_key(|&(query, row, _)| (query, row));
                for (query, row, distance) in pairs {
                    take(query, Neighbour { row, distance });
                }
            },
        )
    }

    /// Compares queries with rows, a block of queries after the other: `state` makes what a thread
    /// gathers in for so many queries, `see` is shown (query, first query of the block, row, distance),
    /// `done` gets what all threads have gathered.
    fn scan<T: Send>(
        &self,
        queries: ArrayView2<'_, f32>,
        state: impl Fn(usize) -> T + Sync,
        see: impl Fn(&mut T, usize, usize, usize, f32) + Sync,
        mut done: impl FnMut(Vec<T>),
    ) -> Result<(), ExploreError> {
        let dimension = self.rows.ncols();
        if queries.ncols() != dimension {
            return Err(ExploreError::Dimension {
                expected: dimension,
                found: queries.ncols(),
            });
        }
        let queries = whole(queries);
        check_finite(queries.view())?;
        let lengths = Lengths::of(queries.view(), self.distance);
        let block_rows = (BLOCK_BYTES / (4 * dimension.max(1))).clamp(4, 4096);
        let blocks = self.len().div_ceil(block_rows);
        let rows = self.rows.as_slice().unwrap_or_default();
        let all_queries = queries.as_slice().unwrap_or_default();
        for first in (0..queries.nrows()).step_by(QUERY_BLOCK) {
            let count = QUERY_BLOCK.min(queries.nrows() - first);
            let block_queries = &all_queries[first * dimension..(first + count) * dimension];
            let work = |(gathered, sums): &mut (T, Vec<f32>), block: usize| {
                let start = block * block_rows;
                let width = block_rows.min(self.len() - start);
                sums.resize(width * count, 0.0);
                let rows = &rows[start * dimension..(start + width) * dimension];
                compare(self.arch, self.sum(), dimension, rows, block_queries, sums);
                for (index, sums) in sums.chunks_exact_mut(width).enumerate() {
                    let query = first + index;
                    self.distances(sums, start, lengths.get(query));
                    for (offset, &distance) in sums.iter().enumerate() {
                        see(gathered, query, first, start + offset, distance);
                    }
                }
            };
            let states = over_blocks(blocks, self.threads, || (state(count), Vec::new()), work);
            done(states.into_iter().map(|(gathered, _)| gathered).collect());
        }
        Ok(())
    }

    fn sum(&self) -> Sum {
        match self.distance {
            Distance::Cosine | Distance::Dot => Sum::Products,
            Distance::Euclidean => Sum::SquaredDifferences,
        }
    }

    /// Turns the sums of one query with rows from `start` on into distances.
    fn distances(&self, sums: &mut [f32], start: usize, inverse_length: f32) {
        match self.distance {
            Distance::Cosine => {
                for (sum, &row) in sums.iter_mut().zip(&self.lengths.0[start..]) {
                    *sum = (1.0 - *sum * row * inverse_length).clamp(0.0, 2.0);
                }
            }
            Distance::Euclidean => sums.iter_mut().for_each(|sum| *sum = sum.sqrt()),
            Distance::Dot => sums.iter_mut().for_each(|sum| *sum = -*sum),
        }
    }
}

impl Lengths {
    fn of(rows: ArrayView2<'_, f32>, distance: Distance) -> Self {
        if distance != Distance::Cosine {
            return Self(Vec::new());
        }
        let inverse = |row: ndarray::ArrayView1<'_, f32>| {
            let squared: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
            // A vector without a direction is equally far from all others.
            if squared > 0.0 {
                narrow(squared.sqrt().recip())
            } else {
                0.0
            }
        };
        Self(rows.rows().into_iter().map(inverse).collect())
    }

    fn get(&self, row: usize) -> f32 {
        self.0.get(row).copied().unwrap_or(1.0)
    }
}

/// The nearest rows so far, the farthest of them on top.
#[derive(Debug)]
struct Nearest {
    count: usize,
    heap: BinaryHeap<ByDistance>,
    /// No row farther than this is wanted.
    bound: f32,
}

impl Nearest {
    fn new(count: usize) -> Self {
        let bound = if count == 0 {
            f32::NEG_INFINITY
        } else {
            f32::INFINITY
        };
        Self {
            count,
            heap: BinaryHeap::new(),
            bound,
        }
    }

    fn wants(&self, row: usize, distance: f32) -> bool {
        if self.heap.len() < self.count {
            return true;
        }
        // Nearly always the end of the matter.
        if distance > self.bound {
            return false;
        }
        let candidate = ByDistance(Neighbour { row, distance });
        self.heap
            .peek()
            .is_some_and(|farthest| candidate < *farthest)
    }

    fn add(&mut self, row: usize, distance: f32) {
        self.heap.push(ByDistance(Neighbour { row, distance }));
        if self.heap.len() > self.count {
            self.heap.pop();
        }
        if self.heap.len() == self.count
            && let Some(farthest) = self.heap.peek()
        {
            self.bound = farthest.0.distance;
        }
    }
}

/// For each query what the threads have found together.
fn merged(found: Vec<Vec<Nearest>>, count: usize) -> Vec<Vec<Neighbour>> {
    let mut threads = found.into_iter();
    let mut all = threads.next().unwrap_or_default();
    for other in threads {
        for (nearest, more) in all.iter_mut().zip(other) {
            nearest.heap.extend(more.heap);
        }
    }
    let sorted = |nearest: Nearest| {
        let sorted = nearest.heap.into_sorted_vec().into_iter();
        sorted.take(count).map(|one| one.0).collect()
    };
    all.into_iter().map(sorted).collect()
}

/// By distance, then by row.
#[derive(Clone, Copy, Debug)]
struct ByDistance(Neighbour);

impl Ord for ByDistance {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (one, other) = (&self.0, &other.0);
        let by_distance = one.distance.total_cmp(&other.distance);
        by_distance.then(one.row.cmp(&other.row))
    }
}

impl PartialOrd for ByDistance {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByDistance {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByDistance {}

/// The same vectors, one after the other in memory.
pub(super) fn whole(rows: ArrayView2<'_, f32>) -> CowArray<'_, f32, Ix2> {
    if rows.is_standard_layout() {
        CowArray::from(rows)
    } else {
        CowArray::from(rows.as_standard_layout().into_owned())
    }
}

/// Refuses numbers that are none.
pub(super) fn check_finite(rows: ArrayView2<'_, f32>) -> Result<(), ExploreError> {
    let bad = rows
        .rows()
        .into_iter()
        .position(|row| !row.iter().all(|value| value.is_finite()));
    bad.map_or(Ok(()), |row| Err(ExploreError::NotFinite { row }))
}

/// The nearest f32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is wanted"
)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::points;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    const DISTANCES: [Distance; 3] = [Distance::Cosine, Distance::Euclidean, Distance::Dot];

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    fn by_hand(distance: Distance, left: &[f32], right: &[f32]) -> f64 {
        let pairs = || {
            left.iter()
                .zip(right)
                .map(|(&a, &b)| (f64::from(a), f64::from(b)))
        };
        let dot: f64 = pairs().map(|(a, b)| a * b).sum();
        let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        match distance {
            Distance::Cosine => 1.0 - dot / (length(left) * length(right)),
            Distance::Euclidean => pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
            Distance::Dot => -dot,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_nearest_are_those_of_all_pairs(rows in 1_usize..60, dimension in 1_usize..20, seed: u64) {
            let vectors = points(rows, dimension, seed);
            for distance in DISTANCES {
                let index = Neighbours::new(vectors.view(), distance, threads(2)).unwrap();
                let found = index.nearest_others(5).unwrap();
                for (query, found) in found.iter().enumerate() {
                    prop_assert_eq!(found.len(), 5.min(rows - 1));
                    let far = |row: usize| by_hand(distance, vectors.row(query).as_slice().unwrap(),
                        vectors.row(row).as_slice().unwrap());
                    let mut all: Vec<f64> = (0..rows).filter(|&row| row != query).map(far).collect();
                    all.sort_by(f64::total_cmp);
                    for (one, expected) in found.iter().zip(all) {
                        prop_assert!((f64::from(one.distance) - expected).abs() < 1e-4);
                        prop_assert!((far(one.row) - expected).abs() < 1e-4);
                    }
                }
            }
        }
    }

    #[test]
    fn threads_change_nothing() {
        let vectors = points(3000, 64, 3);
        let [one, many] = [1, 7].map(|count| {
            let index = Neighbours::new(vectors.view(), Distance::Cosine, threads(count)).unwrap();
            index.nearest_others(9).unwrap()
        });
        assert_eq!(one, many);
    }

    #[test]
    fn equal_distances_come_in_the_order_of_rows() {
        let vectors = Array2::from_elem((9, 3), 1.0_f32);
        let index = Neighbours::new(vectors.view(), Distance::Euclidean, threads(3)).unwrap();
        let rows: Vec<usize> = index.nearest_others(4).unwrap()[2]
            .iter()
            .map(|one| one.row)
            .collect();
        assert_eq!(rows, [0, 1, 3, 4]);
    }

    #[test]
    fn what_may_not_be_is_not_found() {
        let vectors = points(30, 4, 1);
        let index = Neighbours::new(vectors.view(), Distance::Cosine, threads(2)).unwrap();
        let found = index
            .nearest(vectors.view(), 30, |_, row| row % 2 == 1)
            .unwrap();
        assert!(found.iter().all(|found| found.len() == 15));
        assert!(found.iter().flatten().all(|one| one.row % 2 == 1));
        assert!(index.nearest(vectors.view(), 0, |_, _| true).unwrap()[0].is_empty());
    }

    #[test]
    fn pairs_within_a_radius() {
        let vectors = array![[0.0_f32], [1.0], [1.5], [9.0], [9.25]];
        let index = Neighbours::new(vectors.view(), Distance::Euclidean, threads(2)).unwrap();
        let mut pairs = Vec::new();
        index
            .within(0.5, |row, other| {
                pairs.push((row, other.row, other.distance));
            })
            .unwrap();
        assert_eq!(pairs, [(1, 2, 0.5), (3, 4, 0.25)]);
    }

    #[test]
    fn a_vector_without_a_direction_is_far_from_all() {
        let vectors = array![[0.0_f32, 0.0], [1.0, 0.0]];
        let index = Neighbours::new(vectors.view(), Distance::Cosine, threads(1)).unwrap();
        assert_eq!(index.nearest_others(1).unwrap()[0][0].distance, 1.0);
    }

    #[test]
    fn bad_numbers_and_lengths_are_named() {
        let bad = array![[1.0_f32, 2.0], [f32::NAN, 0.0]];
        assert!(matches!(
            Neighbours::new(bad.view(), Distance::Cosine, threads(1)),
            Err(ExploreError::NotFinite { row: 1 })
        ));
        let good = array![[1.0_f32, 2.0]];
        let index = Neighbours::new(good.view(), Distance::Cosine, threads(1)).unwrap();
        assert!(matches!(
            index.nearest(array![[1.0_f32]].view(), 1, |_, _| true),
            Err(ExploreError::Dimension {
                expected: 2,
                found: 1
            })
        ));
    }
}
