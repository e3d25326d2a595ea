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

mod background;
mod error;
mod normalize;
mod resize;

pub use background::Background;
pub use error::PreprocessError;
pub use normalize::Normalize;
pub use resize::{Filter, Resize, ResizeMode, Rounding};

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
