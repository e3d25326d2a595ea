//! From a decoded picture to the numbers of a tensor, by the normative
//! [`Input`].
//!
//! ```
//! use hub_client::runtime::decode::Picture;
//! use hub_client::runtime::preprocess::Preprocessor;
//! use registry_schema::preprocess::Input;
//! let input: Input = serde_json::from_value(serde_json::json!({
//!     "tensor": "input", "width": 2, "height": 2,
//!     "normalize": { "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0] },
//! }))?;
//! let picture = Picture { width: 1, height: 1, samples: vec![255, 0, 51], ..Picture::default() };
//! let mut preprocessor = Preprocessor::new(input);
//! let mut tensor = vec![0.0; preprocessor.sample_length()];
//! preprocessor.prepare(&picture, &mut tensor)?;
//! assert_eq!(tensor[..8], [1., 1., 1., 1., 0., 0., 0., 0.]);
//! assert!((tensor[8] - 0.2).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod kernel;
mod lanes;
mod matrix;
mod orient;
mod passes;
mod resize;
mod upright;

use image::metadata::Orientation;
use registry_schema::preprocess::{Background, Color, Input, Layout, ResizeMode, luma};

use self::kernel::Axis;
pub(crate) use self::matrix::resize_matrix;
use self::resize::{Scaler, View};
pub use self::upright::Upright;
use super::decode::{Channels, Picture};

/// Prepares pictures for one extractor. Holds scratch memory, so one for each thread.
pub struct Preprocessor {
    input: Input,
    /// The normalised value of each 8-bit sample, for each channel of the tensor.
    tables: Vec<[f32; 256]>,
    scaler: Scaler,
    turned: Vec<u8>,
    flat: Vec<u8>,
    resized: Vec<u8>,
}

impl Preprocessor {
    /// For a validated `input` (see [`Input::validate`]).
    pub fn new(input: Input) -> Self {
        let tables = input.normalize.tables();
        let scaler = Scaler::new(input.resize.filter);
        Self {
            input,
            tables,
            scaler,
            turned: vec![],
            flat: vec![],
            resized: vec![],
        }
    }

    /// Numbers of one picture: channels · height · width.
    pub fn sample_length(&self) -> usize {
        let input = &self.input;
        input.channels() as usize * input.height as usize * input.width as usize
    }

    /// Writes the tensor of `picture` to `out`, `[channels, height, width]` or
    /// `[height, width, channels]` as the layout says.
    ///
    /// # Errors
    /// [`PrepareError`] when `out` or the picture's samples have the wrong length.
    pub fn prepare(&mut self, picture: &Picture, out: &mut [f32]) -> Result<(), PrepareError> {
        let (found, expected) = (out.len(), self.sample_length());
        if found != expected {
            return Err(PrepareError::OutputLength { found, expected });
        }
        let mut turned = std::mem::take(&mut self.turned);
        let mut flat = std::mem::take(&mut self.flat);
        let mut resized = std::mem::take(&mut self.resized);
        // The numbers are those of the normative steps.
        let result = self
            .orient(picture, &mut turned) // 2
            .map(|source| {
                let source = self.flatten(source, self.input.color, &mut flat); // 3, 4
                self.fit(source, &mut resized); // 5, 6
                self.write(&resized, source.channels, out); // 7, 8
            });
        release(&mut turned);
        release(&mut flat);
        (self.turned, self.flat, self.resized) = (turned, flat, resized);
        result
    }

    /// Turns the picture upright, when the extractor wants that.
    fn orient<'a>(
        &self,
        picture: &'a Picture,
        turned: &'a mut Vec<u8>,
    ) -> Result<Source<'a>, PrepareError> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let (found, count) = (picture.samples.len(), picture.channels.count());
        let expected = width
            .checked_mul(height)
            .and_then(|pixels| pixels.checked_mul(count));
        if found == 0 || Some(found) != expected {
            return Err(PrepareError::PictureLength {
                found,
                width,
                height,
                channels: count,
            });
        }
        let channels = picture.channels;
        if !self.input.exif_orientation || picture.orientation == Orientation::NoTransforms {
            return Ok(Source {
                samples: &picture.samples,
                width,
                height,
                channels,
            });
        }
        let (width, height) = orient::turn(
            &picture.samples,
            (width, height),
            count,
            picture.orientation,
            turned,
        );
        Ok(Source {
            samples: turned,
            width,
            height,
            channels,
        })
    }

    /// Lays transparent pixels over the background and converts to gray when the tensor is gray.
    /// What comes out has 1 or 3 channels; a gray picture for a colour tensor stays gray until the
    /// end, which saves two thirds of the work and changes nothing.
    fn flatten<'a>(&self, source: Source<'a>, color: Color, flat: &'a mut Vec<u8>) -> Flat<'a> {
        let Source {
            samples,
            width,
            height,
            channels,
        } = source;
        let of = |samples, channels| Flat {
            samples,
            width,
            height,
            channels,
        };
        let wants_gray = color == Color::Gray;
        match channels {
            Channels::Gray => return of(samples, 1),
            Channels::Rgb if !wants_gray => return of(samples, 3),
            _ => {}
        }
        let Background(background) = self.input.alpha;
        let is_gray = channels == Channels::GrayAlpha && is_neutral(background);
        let flat_channels = if wants_gray || is_gray { 1 } else { 3 };
        flat.clear();
        flat.resize(width * height * flat_channels, 0);
        let over = |pixel: [u8; 3], alpha: u8| -> [u8; 3] {
            std::array::from_fn(|c| composite(pixel[c], background[c], alpha))
        };
        let pixels = samples
            .chunks_exact(channels.count())
            .map(|pixel| match *pixel {
                [gray, alpha] => over([gray; 3], alpha),
                [r, g, b, alpha] => over([r, g, b], alpha),
                [r, g, b] => [r, g, b],
                // `chunks_exact` of the channel counts 2, 3 and 4 gives nothing else.
                _ => background,
            });
        match flat_channels {
            1 => flat
                .iter_mut()
                .zip(pixels)
                .for_each(|(out, pixel)| *out = luma(pixel)),
            _ => flat
                .as_chunks_mut::<3>()
                .0
                .iter_mut()
                .zip(pixels)
                .for_each(|(out, pixel)| *out = pixel),
        }
        of(flat, flat_channels)
    }

    /// Resizes and crops (or pads) to the tensor's width and height.
    fn fit(&mut self, source: Flat<'_>, resized: &mut Vec<u8>) {
        let (width, height) = (self.input.width, self.input.height);
        let (target_width, target_height) = self.input.resize.target(
            u32::try_from(source.width).unwrap_or(u32::MAX),
            u32::try_from(source.height).unwrap_or(u32::MAX),
            width,
            height,
        );
        let (width, height) = (width as usize, height as usize);
        let (target_width, target_height) = (target_width as usize, target_height as usize);
        if self.input.resize.mode == ResizeMode::Letterbox {
            return self.letterbox(source, (target_width, target_height), resized);
        }
        let crop = |source, target: usize, length| Axis {
            source,
            target,
            start: (target - length) / 2,
            length,
        };
        resized.resize(width * height * source.channels, 0);
        let x = crop(source.width, target_width, width);
        let y = crop(source.height, target_height, height);
        self.scaler.scale(source.view(), x, y, resized);
    }

    /// Resizes to `inner` and lays the result over the bars' colour, an odd pixel right or below.
    fn letterbox(
        &mut self,
        source: Flat<'_>,
        (inner_width, inner_height): (usize, usize),
        resized: &mut Vec<u8>,
    ) {
        let (width, height) = (self.input.width as usize, self.input.height as usize);
        let whole = |source, target| Axis {
            source,
            target,
            start: 0,
            length: target,
        };
        let mut inner = vec![0; inner_width * inner_height * source.channels];
        let (x, y) = (
            whole(source.width, inner_width),
            whole(source.height, inner_height),
        );
        self.scaler.scale(source.view(), x, y, &mut inner);
        let Background(bars) = self.input.resize.pad;
        let channels = self.fit_channels(source.channels);
        resized.clear();
        match channels {
            1 => resized.resize(width * height, luma(bars)),
            _ => resized.extend(bars.iter().cycle().take(width * height * 3)),
        }
        let (left, top) = ((width - inner_width) / 2, (height - inner_height) / 2);
        for (y, line) in inner
            .chunks_exact(inner_width * source.channels)
            .enumerate()
        {
            let start = ((top + y) * width + left) * channels;
            let row = &mut resized[start..start + inner_width * channels];
            if channels == source.channels {
                row.copy_from_slice(line);
            } else {
                row.chunks_exact_mut(3)
                    .zip(line)
                    .for_each(|(pixel, &gray)| pixel.fill(gray));
            }
        }
    }

    /// Channels after [`Self::fit`] of a picture of `channels`: a gray picture between coloured bars
    /// is a colour picture.
    fn fit_channels(&self, channels: usize) -> usize {
        let has_bars = self.input.resize.mode == ResizeMode::Letterbox;
        let Background(bars) = self.input.resize.pad;
        if has_bars && self.input.color != Color::Gray && !is_neutral(bars) {
            3
        } else {
            channels
        }
    }

    /// Normalises and lays out.
    fn write(&self, resized: &[u8], source_channels: usize, out: &mut [f32]) {
        let source_channels = self.fit_channels(source_channels);
        let channels = self.tables.len();
        let pixels = self.input.width as usize * self.input.height as usize;
        for (channel, table) in self.tables.iter().enumerate() {
            let at = match (source_channels, self.input.color) {
                (1, _) => 0,
                (_, Color::Bgr) => 2 - channel,
                _ => channel,
            };
            let samples = resized.iter().skip(at).step_by(source_channels);
            let normalised = samples.map(|&sample| table[usize::from(sample)]);
            match self.input.layout {
                Layout::Nchw => out[channel * pixels..(channel + 1) * pixels]
                    .iter_mut()
                    .zip(normalised)
                    .for_each(|(out, value)| *out = value),
                Layout::Nhwc => out
                    .iter_mut()
                    .skip(channel)
                    .step_by(channels)
                    .zip(normalised)
                    .for_each(|(out, value)| *out = value),
            }
        }
    }
}

/// Gives back what one unusually large picture needed.
pub(super) fn release(buffer: &mut Vec<u8>) {
    const KEPT_BYTES: usize = 64 << 20;
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}

/// A picture turned upright, still with its alpha.
struct Source<'a> {
    samples: &'a [u8],
    width: usize,
    height: usize,
    channels: Channels,
}

/// A picture of 1 or 3 channels without alpha.
#[derive(Clone, Copy)]
struct Flat<'a> {
    samples: &'a [u8],
    width: usize,
    height: usize,
    channels: usize,
}

impl<'a> Flat<'a> {
    fn view(&self) -> View<'a> {
        View {
            samples: self.samples,
            width: self.width,
            channels: self.channels,
        }
    }
}

/// `round((c·a + b·(255 − a)) / 255)`
fn composite(color: u8, background: u8, alpha: u8) -> u8 {
    let alpha = u32::from(alpha);
    let sum = u32::from(color) * alpha + u32::from(background) * (255 - alpha);
    // At most 255 · 255, so the quotient fits.
    u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
}

fn is_neutral([r, g, b]: [u8; 3]) -> bool {
    r == g && g == b
}

/// Why a picture could not be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The caller's slice does not fit the tensor.
    #[error("the tensor of one picture has {expected} numbers, the slice given has {found}")]
    OutputLength {
        /// Numbers in the slice.
        found: usize,
        /// Numbers of the tensor.
        expected: usize,
    },
    /// The picture contradicts itself.
    #[error(
        "a picture of {width}×{height} pixels and {channels} channels cannot have {found} samples"
    )]
    PictureLength {
        /// Samples there are.
        found: usize,
        /// Its width.
        width: usize,
        /// Its height.
        height: usize,
        /// Its channels.
        channels: usize,
    },
}

#[cfg(test)]
mod tests;
