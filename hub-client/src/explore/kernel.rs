//! Comparing many vectors with many others: the one loop in which exploring spends its time.
//!
//! A tile of rows and queries is compared at once, so that each number that is loaded is used several
//! times. The sum of each pair is taken in one order, whatever the tile, the block or the number of
//! threads: results differ between processors with other vector lengths, and by nothing else.

use std::array::from_fn;

use pulp::{Arch, Simd, WithSimd};

/// Rows of a tile.
const TILE_ROWS: usize = 4;

/// What is summed over the dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// Products.
    Products,
    /// Squared differences.
    SquaredDifferences,
}

/// Compares each row with each query; both lie one after the other in slices of whole vectors.
/// `out[query · rows + row]` becomes the sum of the pair.
pub(super) fn compare(
    arch: Arch,
    sum: Sum,
    dimension: usize,
    rows: &[f32],
    queries: &[f32],
    out: &mut [f32],
) {
    if rows.is_empty() || queries.is_empty() {
        return;
    }
    arch.dispatch(Compare {
        sum,
        dimension,
        rows,
        queries,
        out,
    });
}

struct Compare<'a> {
    sum: Sum,
    dimension: usize,
    rows: &'a [f32],
    queries: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Compare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums stay in registers: 16 of them with 8 lanes, 32 with 16.
        match (self.sum, S::F32_LANES >= 16) {
            (Sum::Products, true) => self.tiles::<S, 6, false>(simd),
            (Sum::Products, false) => self.tiles::<S, 3, false>(simd),
            (Sum::SquaredDifferences, true) => self.tiles::<S, 6, true>(simd),
            (Sum::SquaredDifferences, false) => self.tiles::<S, 2, true>(simd),
        }
    }
}

impl Compare<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const QUERIES: usize, const SQUARED: bool>(self, simd: S) {
        let dimension = self.dimension;
        let row_count = self.rows.len() / dimension;
        let query_count = self.queries.len() / dimension;
        let row = |index: usize| {
            let start = index.min(row_count - 1) * dimension;
            &self.rows[start..start + dimension]
        };
        let query = |index: usize| {
            let start = index.min(query_count - 1) * dimension;
            &self.queries[start..start + dimension]
        };
        for first_query in (0..query_count).step_by(QUERIES) {
            let queries: [&[f32]; QUERIES] = from_fn(|i| query(first_query + i));
            for first_row in (0..row_count).step_by(TILE_ROWS) {
                let rows: [&[f32]; TILE_ROWS] = from_fn(|i| row(first_row + i));
                let sums = tile::<S, QUERIES, SQUARED>(simd, rows, queries);
                // A tile at the edge has compared its last vectors several times.
                let width = TILE_ROWS.min(row_count - first_row);
                for (index, sums) in sums.iter().enumerate().take(query_count - first_query) {
                    let start = (first_query + index) * row_count + first_row;
                    self.out[start..start + width].copy_from_slice(&sums[..width]);
                }
            }
        }
    }
}

#[inline(always)]
fn tile<S: Simd, const QUERIES: usize, const SQUARED: bool>(
    simd: S,
    rows: [&[f32]; TILE_ROWS],
    queries: [&[f32]; QUERIES],
) -> [[f32; TILE_ROWS]; QUERIES] {
    let steps = rows[0].len() / S::F32_LANES;
    let row_steps = rows.map(|row| &S::as_simd_f32s(row).0[..steps]);
    let query_steps = queries.map(|query| &S::as_simd_f32s(query).0[..steps]);
    let mut sums = [[simd.splat_f32s(0.0); TILE_ROWS]; QUERIES];
    for step in 0..steps {
        let row_values: [S::f32s; TILE_ROWS] = from_fn(|i| row_steps[i][step]);
        for (sums, query) in sums.iter_mut().zip(query_steps) {
            let query_value = query[step];
            for (sum, row_value) in sums.iter_mut().zip(row_values) {
                *sum = if SQUARED {
                    let difference = simd.sub_f32s(row_value, query_value);
                    simd.mul_add_e_f32s(difference, difference, *sum)
                } else {
                    simd.mul_add_e_f32s(row_value, query_value, *sum)
                };
            }
        }
    }
    let rest = steps * S::F32_LANES;
    from_fn(|j| {
        from_fn(|i| {
            let mut sum = simd.reduce_sum_f32s(sums[j][i]);
            for (&row, &query) in rows[i][rest..].iter().zip(&queries[j][rest..]) {
                sum += if SQUARED {
                    (row - query) * (row - query)
                } else {
                    row * query
                };
            }
            sum
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::random::SplitMix64;
    use proptest::prelude::*;

    fn vectors(count: usize, dimension: usize, seed: u64) -> Vec<f32> {
        let mut random = SplitMix64::new(seed);
        (0..count * dimension)
            .map(|_| f32::from(u8::try_from(random.below(200)).unwrap()) / 100.0 - 1.0)
            .collect()
    }

    proptest! {
        #[test]
        fn sums_are_those_of_plain_loops(
            rows in 1_usize..11, queries in 1_usize..9, dimension in 1_usize..70, seed: u64
        ) {
            let left = vectors(rows, dimension, seed);
            let right = vectors(queries, dimension, !seed);
            for sum in [Sum::Products, Sum::SquaredDifferences] {
                let mut out = vec![f32::NAN; rows * queries];
                compare(Arch::new(), sum, dimension, &left, &right, &mut out);
                let mut scalar = vec![f32::NAN; rows * queries];
                compare(Arch::Scalar, sum, dimension, &left, &right, &mut scalar);
                for query in 0..queries {
                    for row in 0..rows {
                        let pairs = left[row * dimension..][..dimension].iter()
                            .zip(&right[query * dimension..][..dimension]);
                        let expected: f64 = pairs.map(|(&a, &b)| (f64::from(a), f64::from(b)))
                            .map(|(a, b)| if sum == Sum::Products { a * b } else { (a - b) * (a - b) })
                            .sum();
                        for found in [out[query * rows + row], scalar[query * rows + row]] {
                            prop_assert!((f64::from(found) - expected).abs() < 1e-4, "{found} {expected}");
                        }
                    }
                }
            }
        }

        #[test]
        fn a_pair_has_one_sum_whatever_stands_beside_it(dimension in 1_usize..70, seed: u64) {
            let left = vectors(9, dimension, seed);
            let right = vectors(7, dimension, !seed);
            let mut all = vec![0.0; 63];
            compare(Arch::new(), Sum::Products, dimension, &left, &right, &mut all);
            let mut one = [0.0];
            for row in 0..9 {
                let alone = &left[row * dimension..][..dimension];
                compare(Arch::new(), Sum::Products, dimension, alone, &right[..dimension], &mut one);
                prop_assert_eq!(one[0].to_bits(), all[row].to_bits());
            }
        }
    }
}
