//! Step 5 and 6: resampling as Pillow does it, computing only what the crop keeps.
//!
//! Horizontal pass first, each pass rounded to 8 bits and clamped. The order matters: a cubic
//! kernel overshoots at edges, and what the first pass clamps the second cannot bring back.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use registry_schema::preprocess::Filter;

use super::{PrepareError, release};

/// Resizes pictures, keeping its scratch memory from one to the next.
pub(super) struct Scaler {
    resizer: Resizer,
    filter: Filter,
    /// The picture between the two passes.
    between: Vec<u8>,
    /// Most pixels of that picture.
    pixel_limit: u64,
}

/// Samples of a picture: 1 or 3 a pixel.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) samples: &'a [u8],
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
}

/// One axis of the work: `source` pixels become `target`, of which `length` from `start` are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Axis {
    /// Source pixels for one target pixel.
    fn scale(self) -> f64 {
        self.source as f64 / self.target as f64
    }

    /// Source pixels that can have weight in the kept part, one more on each side for rounding.
    fn support(self, filter: Filter) -> (usize, usize) {
        let radius = support(filter) * self.scale().max(1.0) + 1.0;
        let first = (self.start as f64 + 0.5) * self.scale() - radius;
        let last = ((self.start + self.length) as f64 - 0.5) * self.scale() + radius;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=source"
        )]
        let clamp = |at: f64| at.clamp(0.0, self.source as f64) as usize;
        (clamp(first.floor()), clamp(last.ceil()))
    }

    /// Left (or top) edge and length of the kept part, in source pixels. Scaling by one third and
    /// back can pass the source's edge by the last bit, hence the clamp.
    fn window(self, offset: usize) -> (f64, f64) {
        let source = (self.source - offset) as f64;
        let left = (self.start as f64 * self.scale() - offset as f64).clamp(0.0, source);
        (left, (self.length as f64 * self.scale()).min(source - left))
    }
}

impl Scaler {
    pub(super) fn new(filter: Filter, pixel_limit: u64) -> Self {
        Self {
            resizer: Resizer::new(),
            filter,
            between: Vec::new(),
            pixel_limit,
        }
    }

    /// Writes the kept part of the resized picture to `out`, `x.length · y.length` pixels.
    pub(super) fn scale(
        &mut self,
        source: View<'_>,
        x: Axis,
        y: Axis,
        out: &mut [u8],
    ) -> Result<(), PrepareError> {
        let Some(filter) = convolution(self.filter) else {
            nearest(source, x, y, out);
            return Ok(());
        };
        // 1. Rows that the vertical pass will look at.
        let (first_row, last_row) = if y.source == y.target {
            (y.start, y.start + y.length)
        } else {
            y.support(self.filter)
        };
        let rows = last_row - first_row;
        let pixels = x.length as u64 * rows as u64;
        if pixels > self.pixel_limit {
            let (width, height) = (source.width, source.height);
            return Err(PrepareError::TooElongated {
                width,
                height,
                pixels,
            });
        }
        // 2. Horizontal pass over those rows.
        let stride = source.width * source.channels;
        let needed = &source.samples[first_row * stride..last_row * stride];
        self.between.resize(x.length * rows * source.channels, 0);
        let mut between = std::mem::take(&mut self.between);
        let (left, width) = x.window(0);
        let result = self
            .pass(
                (needed, source.width, rows),
                (left, 0.0, width, rows as f64),
                (&mut between, x.length, rows),
                source.channels,
                filter,
            )
            .and_then(|()| {
                // 3. Vertical pass. When no row changes, the window starts at 0: rows are cut.
                let (top, height) = if y.source == y.target {
                    (0.0, rows as f64)
                } else {
                    y.window(first_row)
                };
                self.pass(
                    (&between, x.length, rows),
                    (0.0, top, x.length as f64, height),
                    (out, x.length, y.length),
                    source.channels,
                    filter,
                )
            });
        self.between = between;
        release(&mut self.between);
        result
    }

    /// One resampling call; `window` is left, top, width, height in source pixels.
    fn pass(
        &mut self,
        (from, from_width, from_height): (&[u8], usize, usize),
        window: (f64, f64, f64, f64),
        (to, to_width, to_height): (&mut [u8], usize, usize),
        channels: usize,
        filter: FilterType,
    ) -> Result<(), PrepareError> {
        let kind = if channels == 1 {
            PixelType::U8
        } else {
            PixelType::U8x3
        };
        let source =
            ImageRef::new(side(from_width)?, side(from_height)?, from, kind).map_err(|error| {
                PrepareError::Resize {
                    reason: error.to_string(),
                }
            })?;
        let mut target = Image::from_slice_u8(side(to_width)?, side(to_height)?, to, kind)
            .map_err(|error| PrepareError::Resize {
                reason: error.to_string(),
            })?;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(filter))
            .crop(window.0, window.1, window.2, window.3)
            .use_alpha(false);
        self.resizer
            .resize(&source, &mut target, &options)
            .map_err(|error| PrepareError::Resize {
                reason: error.to_string(),
            })
    }
}

fn side(length: usize) -> Result<u32, PrepareError> {
    u32::try_from(length).map_err(|_| PrepareError::Resize {
        reason: format!("a side of {length} pixels"),
    })
}

/// The kernel's radius in target pixels, as in the normative list of filters.
fn support(filter: Filter) -> f64 {
    match filter {
        Filter::Nearest => 0.0,
        Filter::Box => 0.5,
        Filter::Bilinear | Filter::Hamming => 1.0,
        Filter::Bicubic => 2.0,
        Filter::Lanczos => 3.0,
    }
}

fn convolution(filter: Filter) -> Option<FilterType> {
    match filter {
        Filter::Nearest => None,
        Filter::Box => Some(FilterType::Box),
        Filter::Bilinear => Some(FilterType::Bilinear),
        Filter::Hamming => Some(FilterType::Hamming),
        Filter::Bicubic => Some(FilterType::CatmullRom),
        Filter::Lanczos => Some(FilterType::Lanczos3),
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
/// up here, too (multiplied only to get past the first 16 million, which no picture of Pillow's
/// tests reaches).
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
