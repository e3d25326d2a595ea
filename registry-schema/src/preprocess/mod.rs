//! The normative image input: what happens to a picture between the file and the tensor.
//!
//! The steps run in this order and nothing else happens:
//!
//! 1. decode (first frame of an animation); 16-bit samples become 8-bit by `round(v / 257)`
//! 2. EXIF orientation, when [`Input::exif_orientation`] says so
//! 3. alpha is composited over [`Input::alpha`], in 8 bits, `round((c·a + b·(255 − a)) / 255)`
//! 4. colour: [`Input::color`]; gray sources are repeated over the channels, colour sources become
//!    gray by ITU-R BT.601 luma, `(19595·R + 38470·G + 7471·B + 32768) >> 16`
//! 5. resize: [`Input::resize`], antialiased as Pillow does it (the filter's support grows with the
//!    reduction), each pass rounded to 8 bits and clamped; horizontal pass first, but vertical pass
//!    first where the height loses more than twice as many pixels as the width
//!    ([`Resize::is_vertical_first`], the rule of Pillow 13; earlier ones always began horizontally,
//!    which differs where a kernel overshoots at an edge)
//! 6. crop to `width` × `height` about the centre, offsets rounded down
//! 7. `x = (sample · scale − mean) / std`, channel by channel, in f32
//! 8. layout
//!
//! ```
//! use registry_schema::preprocess::{Input, Resize, ResizeMode};
//! let resize = Resize { mode: ResizeMode::Shortest, size: Some(256), ..Resize::default() };
//! assert_eq!(resize.target(640, 480, 224, 224), (341, 256));
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Preprocessing of one extractor: a picture in, a `[batch, channels, height, width]` (or NHWC)
/// f32 tensor out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the graph's input tensor.
    pub tensor: String,
    /// Width of the tensor in pixels.
    #[schemars(range(min = 1, max = 8192))]
    pub width: u32,
    /// Height of the tensor in pixels.
    #[schemars(range(min = 1, max = 8192))]
    pub height: u32,
    /// Order of the tensor's axes.
    #[serde(default)]
    pub layout: Layout,
    /// Order and number of channels.
    #[serde(default)]
    pub color: Color,
    /// Whether the EXIF orientation of a file is applied. Phones store photographs lying down and
    /// turn them by this tag, so the default is yes.
    #[serde(default = "yes")]
    pub exif_orientation: bool,
    /// The colour transparent pixels are laid over.
    #[serde(default)]
    pub alpha: Background,
    /// How the picture reaches the tensor's size.
    #[serde(default)]
    pub resize: Resize,
    /// How 8-bit samples become numbers.
    pub normalize: Normalize,
}

impl Input {
    /// Channels of the tensor: 1 for gray, else 3.
    pub fn channels(&self) -> u32 {
        match self.color {
            Color::Gray => 1,
            Color::Rgb | Color::Bgr => 3,
        }
    }

    /// Checks ranges and lengths that the types cannot hold.
    ///
    /// # Errors
    /// [`PreprocessError`] names the field and what it may be.
    pub fn validate(&self) -> Result<(), PreprocessError> {
        for (field, side) in [("input.width", self.width), ("input.height", self.height)] {
            if side == 0 || side > limits::INPUT_SIDE {
                return Err(PreprocessError::Side { field, value: side });
            }
        }
        let shortest = self.resize.mode == ResizeMode::Shortest;
        match self.resize.size {
            Some(size) if !shortest => {
                return Err(PreprocessError::SizeWithoutShortest { size });
            }
            Some(size) if size < self.width.max(self.height) || size > limits::INPUT_SIDE => {
                return Err(PreprocessError::ShortestTooSmall {
                    size,
                    width: self.width,
                    height: self.height,
                });
            }
            _ => {}
        }
        if self.tensor.is_empty() {
            return Err(PreprocessError::EmptyTensor);
        }
        self.normalize.validate(self.channels())
    }
}

fn yes() -> bool {
    true
}

/// Order of the tensor's axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channels, height, width.
    #[default]
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// Order and number of channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel of BT.601 luma.
    Gray,
}

/// How a picture reaches the tensor's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Which side decides.
    #[serde(default)]
    pub mode: ResizeMode,
    /// For `shortest`: the length the shorter side gets, in pixels, at least the tensor's longer
    /// side. Absent means the tensor's longer side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// The kernel; the names mean what Pillow means by them.
    #[serde(default)]
    pub filter: Filter,
    /// How the longer side of `shortest` and the sides of `letterbox` are rounded.
    #[serde(default)]
    pub rounding: Rounding,
    /// The colour of the bars of `letterbox`.
    #[serde(default)]
    pub pad: Background,
}

impl Resize {
    /// Width and height after the resize step of a picture of `source_width` × `source_height`
    /// for a tensor of `width` × `height`; the crop (or, for `letterbox`, the bars) does the rest.
    /// No side becomes zero.
    pub fn target(
        &self,
        source_width: u32,
        source_height: u32,
        width: u32,
        height: u32,
    ) -> (u32, u32) {
        match self.mode {
            ResizeMode::Exact => (width, height),
            ResizeMode::Shortest => {
                let size = self.size.unwrap_or_else(|| width.max(height));
                if source_width <= source_height {
                    (size, self.rounding.scale(source_height, size, source_width))
                } else {
                    (self.rounding.scale(source_width, size, source_height), size)
                }
            }
            ResizeMode::Letterbox => {
                // The side that would overflow first decides: compare the cross products.
                let wide = u64::from(source_width) * u64::from(height)
                    >= u64::from(source_height) * u64::from(width);
                if wide {
                    let scaled = self.rounding.scale(source_height, width, source_width);
                    (width, scaled.min(height))
                } else {
                    let scaled = self.rounding.scale(source_width, height, source_height);
                    (scaled.min(width), height)
                }
            }
        }
    }
}

impl Resize {
    /// Whether the vertical pass comes first. The order shows where the kernel overshoots, because
    /// each pass is clamped to 8 bits.
    pub fn is_vertical_first(source: (u32, u32), target: (u32, u32)) -> bool {
        let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
        let (width, height) = (lost(source.0, target.0), lost(source.1, target.1));
        height > 0 && height > 2 * width
    }
}

/// Which side decides the size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResizeMode {
    /// Squash to the tensor's size, whatever the shape.
    #[default]
    Exact,
    /// The shorter side gets `size`, the longer follows, then the centre is cropped.
    Shortest,
    /// The whole picture fits inside, bars of colour `pad` fill the rest evenly; an odd pixel goes
    /// right or below.
    Letterbox,
}

/// A resampling kernel, by Pillow's definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// The pixel whose centre is nearest; no antialiasing.
    Nearest,
    /// Box, support 0.5.
    Box,
    /// Triangle, support 1.
    #[default]
    Bilinear,
    /// Hamming window, support 1.
    Hamming,
    /// Keys' cubic with a = −0.5 (Catmull–Rom), support 2.
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

/// How a fractional length becomes pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// Towards zero, as `int(size * long / short)` in the common image libraries.
    #[default]
    Floor,
    /// To the nearest, halves up.
    Round,
}

impl Rounding {
    /// `length · to / from`, rounded, at least 1.
    fn scale(self, length: u32, to: u32, from: u32) -> u32 {
        let numerator = u64::from(length) * u64::from(to);
        let from = u64::from(from.max(1));
        let scaled = match self {
            Self::Floor => numerator / from,
            Self::Round => (2 * numerator + from) / (2 * from),
        };
        u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
    }
}

/// An opaque colour, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background(pub [u8; 3]);

impl Default for Background {
    /// White, the paper under most transparent pictures.
    fn default() -> Self {
        Self([255; 3])
    }
}

impl std::fmt::Display for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl std::str::FromStr for Background {
    type Err = PreprocessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || PreprocessError::Color {
            text: text.chars().take(32).collect(),
        };
        let digits = text.strip_prefix('#').ok_or_else(error)?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let channel = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).map_err(|_| error());
        Ok(Self([channel(0)?, channel(2)?, channel(4)?]))
    }
}

crate::text::serde_as_text!(Background, "A colour, `#rrggbb`", r"^#[0-9a-fA-F]{6}$");

/// Factors of red, green and blue in BT.601 luma, in 16-bit fixed point; they add up to 65536.
pub const LUMA: [u16; 3] = [19_595, 38_470, 7_471];

/// ITU-R BT.601 luma, rounded to the nearest.
pub fn luma(pixel: [u8; 3]) -> u8 {
    let products = pixel.iter().zip(LUMA);
    let sum: u32 = products
        .map(|(&sample, factor)| u32::from(sample) * u32::from(factor))
        .sum();
    u8::try_from((sum + 32_768) >> 16).unwrap_or(u8::MAX)
}

/// `x = (sample · scale − mean) / std`, sample in 0..=255.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Factor of the 8-bit sample; `1/255` when absent.
    #[serde(default = "one_255th")]
    pub scale: f64,
    /// Mean of each channel after scaling, in the order of `color`.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel after scaling, in the order of `color`.
    pub std: Vec<f64>,
}

impl Normalize {
    /// `(sample · scale − mean) / std`, computed in f32, of each 8-bit sample for each channel.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the specification computes in f32"
    )]
    pub fn tables(&self) -> Vec<[f32; 256]> {
        let scale = self.scale as f32;
        let channels = self.mean.iter().zip(&self.std);
        channels
            .map(|(&mean, &std)| {
                std::array::from_fn(|sample| (sample as f32 * scale - mean as f32) / std as f32)
            })
            .collect()
    }

    fn validate(&self, channels: u32) -> Result<(), PreprocessError> {
        for (field, values) in [("mean", &self.mean), ("std", &self.std)] {
            if u32::try_from(values.len()) != Ok(channels) {
                let found = values.len();
                return Err(PreprocessError::Channels {
                    field,
                    found,
                    channels,
                });
            }
            if values.iter().any(|v| !v.is_finite()) {
                return Err(PreprocessError::NotFinite { field });
            }
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            return Err(PreprocessError::NotFinite { field: "scale" });
        }
        if self.std.iter().any(|&v| v <= 0.0) {
            return Err(PreprocessError::NotPositive);
        }
        Ok(())
    }
}

fn one_255th() -> f64 {
    1.0 / 255.0
}

/// What is wrong with a preprocessing section.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PreprocessError {
    /// A side of zero or past the limit.
    #[error(
        "`{field}` is {value}: it must be between 1 and {}",
        limits::INPUT_SIDE
    )]
    Side {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: u32,
    },
    /// `size` belongs to `shortest` alone.
    #[error(
        "`input.resize.size` is {size} but the mode is not `shortest`: remove it or change the mode"
    )]
    SizeWithoutShortest {
        /// What it holds.
        size: u32,
    },
    /// The crop would reach outside the resized picture.
    #[error(
        "`input.resize.size` is {size}: it must be at least the tensor's longer side ({width}×{height}) and at most {}",
        limits::INPUT_SIDE
    )]
    ShortestTooSmall {
        /// What it holds.
        size: u32,
        /// Tensor width.
        width: u32,
        /// Tensor height.
        height: u32,
    },
    /// The graph's input must be named.
    #[error("`input.tensor` is empty: name the graph's input")]
    EmptyTensor,
    /// A list of the wrong length.
    #[error("`input.normalize.{field}` has {found} values for {channels} channels")]
    Channels {
        /// Which list.
        field: &'static str,
        /// Its length.
        found: usize,
        /// Channels of the tensor.
        channels: u32,
    },
    /// Zero, infinite or not a number.
    #[error("`input.normalize.{field}` must be finite (and `scale` not zero)")]
    NotFinite {
        /// Which field.
        field: &'static str,
    },
    /// A deviation of zero or below.
    #[error("`input.normalize.std` must be above zero")]
    NotPositive,
    /// Not `#rrggbb`.
    #[error("`{text}` is not a colour: write `#rrggbb`, such as `#ffffff`")]
    Color {
        /// What was read.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::type_complexity, reason = "tests")]
    use super::*;

    fn input() -> Input {
        Input {
            tensor: "input".into(),
            width: 224,
            height: 224,
            layout: Layout::Nchw,
            color: Color::Rgb,
            exif_orientation: true,
            alpha: Background::default(),
            resize: Resize::default(),
            normalize: Normalize {
                scale: 1.0 / 255.0,
                mean: vec![0.5; 3],
                std: vec![0.5; 3],
            },
        }
    }

    #[test]
    fn shortest_rounds_as_told_and_never_reaches_zero() {
        let mut resize = Resize {
            mode: ResizeMode::Shortest,
            size: Some(256),
            ..Resize::default()
        };
        assert_eq!(resize.target(500, 375, 224, 224), (341, 256));
        resize.rounding = Rounding::Round;
        assert_eq!(resize.target(503, 375, 224, 224), (343, 256));
        assert_eq!(resize.target(375, 503, 224, 224), (256, 343));
        assert_eq!(resize.target(1, 100_000, 224, 224), (256, 25_600_000));
    }

    #[test]
    fn letterbox_fits_inside() {
        let resize = Resize {
            mode: ResizeMode::Letterbox,
            ..Resize::default()
        };
        assert_eq!(resize.target(100, 50, 224, 224), (224, 112));
        assert_eq!(resize.target(50, 100, 224, 224), (112, 224));
        assert_eq!(resize.target(100_000, 1, 224, 224), (224, 1));
        assert_eq!(resize.target(640, 480, 320, 48), (64, 48));
    }

    #[test]
    fn colours_round_trip_and_bad_ones_are_refused() {
        let colour: Background = "#0a0BfF".parse().unwrap();
        assert_eq!(colour.to_string(), "#0a0bff");
        for bad in ["", "#fff", "ffffff", "#gggggg", "#ffffff0", "#é1234"] {
            assert!(bad.parse::<Background>().is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_fields_are_named() {
        let cases: [(fn(&mut Input), &str); 6] = [
            (|i| i.width = 0, "input.width"),
            (|i| i.resize.size = Some(300), "size"),
            (
                |i| {
                    i.resize = Resize {
                        mode: ResizeMode::Shortest,
                        size: Some(100),
                        ..i.resize
                    }
                },
                "at least",
            ),
            (|i| i.normalize.mean = vec![0.5], "mean"),
            (|i| i.normalize.std = vec![0.0; 3], "std"),
            (|i| i.normalize.scale = f64::NAN, "scale"),
        ];
        assert_eq!(input().validate(), Ok(()));
        for (change, word) in cases {
            let mut changed = input();
            change(&mut changed);
            let message = changed.validate().unwrap_err().to_string();
            assert!(message.contains(word), "{message} should name {word}");
        }
    }
}
