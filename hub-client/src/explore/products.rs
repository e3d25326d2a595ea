//! The products of many vectors with a few, without a copy of the many.

use std::num::NonZeroUsize;

use ndarray::ArrayView2;
use pulp::Arch;

use crate::explore::kernel::{Sum, compare};
use crate::explore::neighbours::whole;
use crate::explore::parallel::over_blocks;

/// Bytes of vectors that a thread takes at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// For each query (m×D) its product with each row (n×D). The sum of a pair is the same whatever stands
/// beside it, and whatever the number of threads.
///
/// # Panics
/// When rows and queries differ in length.
pub(crate) fn products(
    rows: ArrayView2<'_, f32>,
    queries: ArrayView2<'_, f32>,
    threads: NonZeroUsize,
) -> Vec<Vec<f32>> {
    let (count, dimension) = rows.dim();
    assert_eq!(dimension, queries.ncols(), "vectors of one length");
    let (rows, queries) = (whole(rows), whole(queries));
    let all = rows.as_slice().unwrap_or_default();
    let asked = queries.as_slice().unwrap_or_default();
    let block_rows = (BLOCK_BYTES / (4 * dimension.max(1))).clamp(4, 4096);
    let arch = Arch::new();
    let work = |done: &mut Vec<(usize, Vec<f32>)>, block: usize| {
        let start = block * block_rows;
        let width = block_rows.min(count - start);
        let mut sums = vec![0.0; width * queries.nrows()];
        let own = &all[start * dimension..(start + width) * dimension];
        compare(arch, Sum::Products, dimension, own, asked, &mut sums);
        done.push((start, sums));
    };
    let done = over_blocks(count.div_ceil(block_rows), threads, Vec::new, work);
    let mut found = vec![vec![0.0; count]; queries.nrows()];
    for (start, sums) in done.into_iter().flatten() {
        let width = block_rows.min(count - start);
        for (found, sums) in found.iter_mut().zip(sums.chunks_exact(width)) {
            found[start..start + width].copy_from_slice(sums);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::explore::sample::points;

    #[test]
    fn products_are_those_of_plain_loops() {
        let (rows, queries) = (points(7_000, 33, 1), points(5, 33, 2));
        let found = products(rows.view(), queries.view(), NonZeroUsize::new(3).unwrap());
        let expected = queries.dot(&rows.t());
        for (found, expected) in found.iter().zip(expected.rows()) {
            let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-4);
        }
        assert!(products(rows.view(), points(0, 33, 1).view(), NonZeroUsize::MIN).is_empty());
    }
}
