//! Steps 5 and 6: resampling to the bit as Pillow does it, computing only what the crop keeps.
//!
//! All sums are over integers, so the result does not depend on the machine.

use registry_schema::preprocess::{Filter, Resize};

use super::kernel::{Axis, Kernel};
use super::lanes;
use super::passes::{Across, Down, Scratch};
use super::release;

/// Resizes pictures, keeping its scratch memory from one to the next.
pub(super) struct Scaler {
    filter: Filter,
    arch: pulp::Arch,
    /// The picture between the two passes.
    between: Vec<u8>,
    scratch: Scratch,
}

/// Samples of a picture: 1 or 3 a pixel.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) samples: &'a [u8],
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Scaler {
    pub(super) fn new(filter: Filter) -> Self {
        let (between, scratch) = (Vec::new(), Scratch::default());
        Self {
            filter,
            arch: pulp::Arch::new(),
            between,
            scratch,
        }
    }

    /// Writes the kept part of the resized picture to `out`, `x.length · y.length` pixels.
    ///
    /// The picture between the passes is never larger than the larger of source and target: the
    /// order of the passes sees to it, also for pictures that are very long and thin.
    pub(super) fn scale(&mut self, source: View<'_>, x: Axis, y: Axis, out: &mut [u8]) {
        let kernels = Kernel::new(self.filter, x).zip(Kernel::new(self.filter, y));
        let Some((mut across, mut down)) = kernels else {
            return nearest(source, x, y, out);
        };
        let mut between = std::mem::take(&mut self.between);
        match (x.source != x.target, y.source != y.target) {
            (false, false) => cut(source, y.kept(), x.kept(), out),
            (true, false) => self.across(source, y.kept(), &across, out),
            (false, true) => self.down(source, x.kept(), &down, out),
            (true, true) if is_vertical_first(x, y) => {
                let columns = across.range();
                across.shift(columns.start);
                let width = columns.len();
                between.resize(width * y.length * source.channels, 0);
                self.down(source, columns, &down, &mut between);
                let half = View {
                    samples: &between,
                    width,
                    ..source
                };
                self.across(half, 0..y.length, &across, out);
            }
            (true, true) => {
                let rows = down.range();
                down.shift(rows.start);
                between.resize(x.length * rows.len() * source.channels, 0);
                self.across(source, rows, &across, &mut between);
                let half = View {
                    samples: &between,
                    width: x.length,
                    ..source
                };
                self.down(half, 0..x.length, &down, out);
            }
        }
        self.between = between;
        release(&mut self.between);
    }

    /// The horizontal pass over `rows` of `source`.
    fn across(
        &mut self,
        source: View<'_>,
        rows: std::ops::Range<usize>,
        kernel: &Kernel,
        out: &mut [u8],
    ) {
        match source.channels {
            1 => self.across_channels::<1>(source, rows, kernel, out),
            _ => self.across_channels::<3>(source, rows, kernel, out),
        }
    }

    fn across_channels<const C: usize>(
        &mut self,
        source: View<'_>,
        rows: std::ops::Range<usize>,
        kernel: &Kernel,
        out: &mut [u8],
    ) {
        let stride = source.width * C;
        let Some(out_stride) = out.len().checked_div(rows.len()) else {
            return;
        };
        let pass = Across::<C> {
            lines: &source.samples[rows.start * stride..rows.end * stride],
            stride,
            kernel,
            scratch: &mut self.scratch,
            out,
            out_stride,
        };
        lanes::run(self.arch, pass);
    }

    /// The vertical pass over `columns` of `source`.
    fn down(
        &self,
        source: View<'_>,
        columns: std::ops::Range<usize>,
        kernel: &Kernel,
        out: &mut [u8],
    ) {
        if columns.is_empty() {
            return;
        }
        let pass = Down {
            lines: source.samples,
            stride: source.width * source.channels,
            start: columns.start * source.channels,
            kernel,
            out,
            out_stride: columns.len() * source.channels,
        };
        lanes::run(self.arch, pass);
    }
}

fn is_vertical_first(x: Axis, y: Axis) -> bool {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    Resize::is_vertical_first(
        (side(x.source), side(y.source)),
        (side(x.target), side(y.target)),
    )
}

/// The kept part of a picture that has its size already.
fn cut(
    source: View<'_>,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    out: &mut [u8],
) {
    let n = source.channels;
    let lines = source
        .samples
        .chunks_exact(source.width * n)
        .skip(rows.start);
    for (line, out) in lines.zip(out.chunks_exact_mut(columns.len() * n)) {
        out.copy_from_slice(&line[columns.start * n..columns.end * n]);
    }
}

/// The pixel under the centre of each target pixel.
fn nearest(source: View<'_>, x: Axis, y: Axis, out: &mut [u8]) {
    let columns = positions(x);
    let n = source.channels;
    for (row, y) in out.chunks_exact_mut(x.length * n).zip(positions(y)) {
        let line = &source.samples[y * source.width * n..(y + 1) * source.width * n];
        for (pixel, &x) in row.chunks_exact_mut(n).zip(&columns) {
            pixel.copy_from_slice(&line[x * n..(x + 1) * n]);
        }
    }
}

/// Source pixel of each kept target pixel. Pillow adds the scale up from pixel to pixel; where a
/// centre falls on the border between two pixels, the rounding of that sum decides, so it is added
/// up here, too (and multiplied only to get past the first 16 million).
fn positions(axis: Axis) -> Vec<usize> {
    const ADDED: usize = 1 << 24;
    let scale = axis.scale();
    let skipped = if axis.start > ADDED { axis.start } else { 0 };
    let mut position = (skipped as f64 + 0.5) * scale;
    for _ in skipped..axis.start {
        position += scale;
    }
    let mut positions = Vec::with_capacity(axis.length);
    for _ in 0..axis.length {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and clamped to the source"
        )]
        positions.push((position as usize).min(axis.source - 1));
        position += scale;
    }
    positions
}
