//! From the size of a picture to that of the tensor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Background;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
