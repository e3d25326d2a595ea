//! Sums of outer products, by several threads.

use std::thread;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

/// Columns of the sum that a thread works on at a time.
const SLAB: usize = 64;

/// Adds `scale · BᵀB` to the lower half of a matrix. Each thread has columns of its own, and the sums are
/// the same whatever their number.
pub(super) fn add_outer(
    scale: f64,
    block: ArrayView2<'_, f64>,
    sum: &mut Array2<f64>,
    threads: usize,
) {
    let threads = threads.max(1);
    let mut shares: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
    // To and fro, because the first columns are the longest.
    let owners = (0..threads).chain((0..threads).rev()).cycle();
    let slabs = sum.axis_chunks_iter_mut(Axis(1), SLAB).enumerate();
    for ((index, slab), owner) in slabs.zip(owners) {
        shares[owner].push((index * SLAB, slab));
    }
    let work = |slabs: Vec<(usize, ArrayViewMut2<'_, f64>)>| {
        for (first, slab) in slabs {
            let columns = block.slice_axis(Axis(1), Slice::from(first..first + slab.ncols()));
            let below = block.slice_axis(Axis(1), Slice::from(first..));
            let mut target = slab.slice_axis_move(Axis(0), Slice::from(first..));
            general_mat_mul(scale, &below.t(), &columns, 1.0, &mut target);
        }
    };
    thread::scope(|scope| {
        let own = shares.swap_remove(0);
        for share in shares.into_iter().filter(|share| !share.is_empty()) {
            scope.spawn(|| work(share));
        }
        work(own);
    });
}

/// Copies the lower half of a square matrix to its upper half.
pub(super) fn mirror(matrix: &mut Array2<f64>) {
    for row in 0..matrix.nrows() {
        for column in row + 1..matrix.ncols() {
            matrix[[row, column]] = matrix[[column, row]];
        }
    }
}
