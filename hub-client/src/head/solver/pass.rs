//! One pass over many rows in single precision: scores, probabilities and gradient while a few rows
//! are in the cache.
//!
//! The rows are read from memory once for each evaluation, which is what the time goes into; plain
//! products would read them twice. Products are made in f32, everything that is summed over many rows
//! in f64. The rows are divided into the same shards whatever the number of threads, and the shards'
//! sums are added in their order, so that the result does not depend on who computed what.

use std::ops::Range;
use std::thread;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use pulp::{Simd, WithSimd};

use super::super::transform::narrow;
use super::objective::Weighing;
use super::rows::Source;

/// Parts the rows are divided into, at most.
const SHARDS: usize = 16;
/// Rows whose gradient is summed in f32 before it goes to f64.
const FLUSH: usize = 256;
/// Rows that share every load of a weight.
const TILE: usize = 4;
/// Padded lengths are multiples of this, so that every processor's vectors fit.
const LANES: usize = 16;

/// What a pass adds up.
#[derive(Debug)]
pub(super) struct Sums {
    /// `Σ wᵢ lossᵢ`
    pub(super) loss: f64,
    /// `Σ wᵢ pᵢₖ(1−pᵢₖ)` over all classes.
    pub(super) curvature: f64,
    /// K×D
    pub(super) weights: Array2<f64>,
    /// K
    pub(super) bias: Array1<f64>,
}

/// Rows and what is asked about them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    /// n×D
    pub(super) rows: &'a Source<'a>,
    /// What is subtracted from each row, D.
    pub(super) centre: ArrayView1<'a, f32>,
    pub(super) weighing: Weighing<'a>,
    /// Scores that are there already, n×K.
    pub(super) offset: Option<ArrayView2<'a, f64>>,
    pub(super) threads: usize,
}

impl Pass<'_> {
    /// The sums at the point W (K×D), b (K).
    pub(super) fn run(&self, weights: ArrayView2<'_, f64>, bias: ArrayView1<'_, f64>) -> Sums {
        let map = Map::new(weights, bias);
        let count = self.rows.nrows();
        let size = count.div_ceil(SHARDS).next_multiple_of(TILE).max(1);
        let shards: Vec<Range<usize>> = (0..count)
            .step_by(size)
            .map(|start| start..count.min(start + size))
            .collect();
        let arch = pulp::Arch::new();
        let work = |rows: &Range<usize>| {
            arch.dispatch(Shard {
                pass: self,
                map: &map,
                rows: rows.clone(),
            })
        };
        let threads = self.threads.clamp(1, shards.len().max(1));
        let mut done: Vec<(usize, Sums)> = thread::scope(|scope| {
            let (shards, work) = (&shards, &work);
            let workers: Vec<_> = (1..threads)
                .map(|first| scope.spawn(move || own(shards, first, threads, work)))
                .collect();
            let mut done = own(shards, 0, threads, work);
            for worker in workers {
                done.extend(
                    worker
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                );
            }
            done
        });
        done.sort_by_key(|(shard, _)| *shard);
        let start = Sums::zero(map.scores, weights.ncols());
        let total = done
            .into_iter()
            .fold(start, |total, (_, sums)| total.and(&sums));
        total.for_classes(weights.nrows())
    }
}

/// The shards of one thread.
fn own(
    shards: &[Range<usize>],
    first: usize,
    threads: usize,
    work: &impl Fn(&Range<usize>) -> Sums,
) -> Vec<(usize, Sums)> {
    let own = shards.iter().enumerate().skip(first).step_by(threads);
    own.map(|(index, rows)| (index, work(rows))).collect()
}

impl Sums {
    fn zero(scores: usize, dimensions: usize) -> Self {
        Self {
            loss: 0.0,
            curvature: 0.0,
            weights: Array2::zeros((scores, dimensions)),
            bias: Array1::zeros(scores),
        }
    }

    fn and(mut self, other: &Self) -> Self {
        self.loss += other.loss;
        self.curvature += other.curvature;
        self.weights += &other.weights;
        self.bias += &other.bias;
        self
    }

    /// Of two classes only the difference was worked with: the other class's part is its opposite.
    fn for_classes(self, classes: usize) -> Self {
        if self.bias.len() == classes {
            return self;
        }
        let sign = |k: usize| if k == 1 { 1.0 } else { -1.0 };
        Self {
            weights: Array2::from_shape_fn((classes, self.weights.ncols()), |(k, j)| {
                sign(k) * self.weights[[0, j]]
            }),
            bias: Array1::from_shape_fn(classes, |k| sign(k) * self.bias[0]),
            ..self
        }
    }
}

/// The linear map in f32, each class's weights padded with zeros.
struct Map {
    /// Scores for each row: K, or 1 (the second class's minus the first's) of two classes.
    scores: usize,
    width: usize,
    weights: Vec<f32>,
    bias: Vec<f64>,
}

impl Map {
    fn new(weights: ArrayView2<'_, f64>, bias: ArrayView1<'_, f64>) -> Self {
        let (classes, dimensions) = weights.dim();
        let width = dimensions.next_multiple_of(LANES);
        let mut map = Self {
            scores: classes,
            width,
            weights: Vec::new(),
            bias: bias.to_vec(),
        };
        if classes == 2 {
            map.scores = 1;
            map.bias = vec![bias[1] - bias[0]];
        }
        map.weights = vec![0.0; map.scores * width];
        for (k, row) in map.weights.chunks_exact_mut(width).enumerate() {
            for (j, weight) in row.iter_mut().take(dimensions).enumerate() {
                *weight = narrow(if classes == 2 {
                    weights[[1, j]] - weights[[0, j]]
                } else {
                    weights[[k, j]]
                });
            }
        }
        map
    }
}

/// The work on some rows.
struct Shard<'s, 'a> {
    pass: &'s Pass<'a>,
    map: &'s Map,
    rows: Range<usize>,
}

impl WithSimd for Shard<'_, '_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let Self { pass, map, rows } = self;
        let (width, scores) = (map.width, map.scores);
        let mut sums = Sums::zero(scores, pass.rows.ncols());
        let mut tile = vec![0.0_f32; TILE * width];
        let mut gradient = vec![0.0_f32; scores * width];
        let mut errors = vec![[0.0_f32; TILE]; scores];
        let mut row = vec![0.0_f64; scores.max(2)];
        let mut since_flush = 0;
        let mut start = rows.start;
        while start < rows.end {
            let count = TILE.min(rows.end - start);
            fill(pass, start, count, &mut tile, width);
            products(simd, &tile, map, &mut errors);
            for at in 0..count {
                for (k, errors) in errors.iter().enumerate() {
                    row[k] = f64::from(errors[at]) + map.bias[k];
                }
                pass.judge(start + at, &mut row, scores, &mut sums);
                for (k, errors) in errors.iter_mut().enumerate() {
                    errors[at] = narrow(row[k]);
                }
            }
            for errors in &mut errors {
                errors[count..].fill(0.0);
            }
            add_gradient(simd, &tile, &errors, &mut gradient, width);
            start += count;
            since_flush += count;
            if since_flush >= FLUSH || start >= rows.end {
                since_flush = 0;
                flush(&mut gradient, &mut sums.weights, width);
            }
        }
        sums
    }
}

/// Centred rows, padded with zeros; rows that are not there are zero.
#[inline(always)]
fn fill(pass: &Pass<'_>, start: usize, count: usize, tile: &mut [f32], width: usize) {
    for (at, target) in tile.chunks_exact_mut(width).enumerate() {
        if at >= count {
            target.fill(0.0);
            continue;
        }
        let table = match pass.rows {
            Source::Table(table) => table,
            Source::Made(rows) => {
                let target = &mut target[..rows.dimension()];
                rows.write(start + at, target);
                for (target, centre) in target.iter_mut().zip(pass.centre) {
                    *target -= centre;
                }
                continue;
            }
        };
        let source = table.row(start + at);
        match (source.as_slice(), pass.centre.as_slice()) {
            (Some(source), Some(centre)) => {
                for ((target, value), centre) in target.iter_mut().zip(source).zip(centre) {
                    *target = value - centre;
                }
            }
            _ => {
                for ((target, value), centre) in target.iter_mut().zip(source).zip(pass.centre) {
                    *target = value - centre;
                }
            }
        }
    }
}

/// The tile's rows times each class's weights.
#[inline(always)]
fn products<S: Simd>(simd: S, tile: &[f32], map: &Map, out: &mut [[f32; TILE]]) {
    let width = map.width;
    let row = |at: usize| S::as_simd_f32s(&tile[at * width..(at + 1) * width]).0;
    let rows: [&[S::f32s]; TILE] = [row(0), row(1), row(2), row(3)];
    let class = |k: usize| S::as_simd_f32s(&map.weights[k * width..(k + 1) * width]).0;
    let mut k = 0;
    while k + 1 < map.scores {
        let found = dots(simd, rows, [class(k), class(k + 1)]);
        [out[k], out[k + 1]] = found;
        k += 2;
    }
    if k < map.scores {
        [out[k]] = dots(simd, rows, [class(k)]);
    }
}

#[inline(always)]
fn dots<S: Simd, const CLASSES: usize>(
    simd: S,
    rows: [&[S::f32s]; TILE],
    weights: [&[S::f32s]; CLASSES],
) -> [[f32; TILE]; CLASSES] {
    let mut sums = [[simd.splat_f32s(0.0); TILE]; CLASSES];
    let length = rows[0].len();
    let rows = rows.map(|row| &row[..length]);
    let weights = weights.map(|weights| &weights[..length]);
    for at in 0..length {
        for (sums, weights) in sums.iter_mut().zip(weights) {
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = simd.mul_add_f32s(row[at], weights[at], *sum);
            }
        }
    }
    sums.map(|sums| sums.map(|sum| simd.reduce_sum_f32s(sum)))
}

/// Adds each class's errors times the rows of the tile.
#[inline(always)]
fn add_gradient<S: Simd>(
    simd: S,
    tile: &[f32],
    errors: &[[f32; TILE]],
    gradient: &mut [f32],
    width: usize,
) {
    let row = |at: usize| S::as_simd_f32s(&tile[at * width..(at + 1) * width]).0;
    let rows: [&[S::f32s]; TILE] = [row(0), row(1), row(2), row(3)];
    for (pair, errors) in gradient.chunks_mut(2 * width).zip(errors.chunks(2)) {
        let (first, second) = pair.split_at_mut(width);
        match errors {
            [one, other] => {
                let targets = [S::as_mut_simd_f32s(first).0, S::as_mut_simd_f32s(second).0];
                add(simd, rows, [*one, *other], targets);
            }
            [one] => add(simd, rows, [*one], [S::as_mut_simd_f32s(first).0]),
            _ => {}
        }
    }
}

#[inline(always)]
fn add<S: Simd, const CLASSES: usize>(
    simd: S,
    rows: [&[S::f32s]; TILE],
    errors: [[f32; TILE]; CLASSES],
    mut targets: [&mut [S::f32s]; CLASSES],
) {
    let errors = errors.map(|errors| errors.map(|error| simd.splat_f32s(error)));
    let length = rows[0].len();
    let rows = rows.map(|row| &row[..length]);
    for at in 0..length {
        for (target, errors) in targets.iter_mut().zip(errors) {
            let mut sum = target[at];
            for (row, error) in rows.iter().zip(errors) {
                sum = simd.mul_add_f32s(row[at], error, sum);
            }
            target[at] = sum;
        }
    }
}

#[inline(always)]
fn flush(gradient: &mut [f32], sums: &mut Array2<f64>, width: usize) {
    for (part, mut sum) in gradient.chunks_exact_mut(width).zip(sums.rows_mut()) {
        for (sum, part) in sum.iter_mut().zip(part.iter()) {
            *sum += f64::from(*part);
        }
        part.fill(0.0);
    }
}

impl Pass<'_> {
    /// Replaces a row's scores by its share of the gradient, and adds up the rest.
    #[inline(always)]
    fn judge(&self, row: usize, values: &mut [f64], scores: usize, sums: &mut Sums) {
        let (target, weight) = self.weighing.of(row);
        if scores == 1 {
            // Class 0 has the score 0: nothing is known but the difference.
            let offset = self
                .offset
                .map_or(0.0, |offset| offset[[row, 1]] - offset[[row, 0]]);
            let score = values[0] + offset;
            let share = 1.0 / (1.0 + (-score).exp());
            let towards = if target == 1 { -score } else { score };
            sums.loss += weight * (towards.max(0.0) + (-towards.abs()).exp().ln_1p());
            sums.curvature += 2.0 * weight * share * (1.0 - share);
            values[0] = weight * (share - if target == 1 { 1.0 } else { 0.0 });
        } else {
            let values = &mut values[..scores];
            if let Some(offset) = self.offset {
                values
                    .iter_mut()
                    .zip(offset.row(row))
                    .for_each(|(value, offset)| *value += offset);
            }
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let score = values[target];
            values
                .iter_mut()
                .for_each(|value| *value = (*value - largest).exp());
            let total: f64 = values.iter().sum();
            sums.loss += weight * (largest + total.ln() - score);
            for (k, value) in values.iter_mut().enumerate() {
                let share = *value / total;
                sums.curvature += weight * share * (1.0 - share);
                *value = weight * (share - if k == target { 1.0 } else { 0.0 });
            }
        }
        for (sum, value) in sums.bias.iter_mut().zip(values.iter()) {
            *sum += value;
        }
    }
}
