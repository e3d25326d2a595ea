//! Small pictures that stand in the page itself.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use crate::runtime::decode::{Channels, DecodeLimits, Picture};

/// Longest side, in pixels.
const SIDE: u32 = 160;

/// JPEG quality, of 100.
const QUALITY: u8 = 80;

/// A JPEG of a picture file, at most 160 pixels a side, upright and on white, as a data URI; none when
/// the file cannot be read as a picture.
pub(super) fn data_uri(path: &Path) -> Option<String> {
    let picture = Picture::open(path, &DecodeLimits::default()).ok()?;
    let orientation = picture.orientation;
    let mut small = reduced(whole(picture)?);
    small.apply_orientation(orientation);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&on_white(&small))
        .ok()?;
    Some(format!(
        "data:image/jpeg;base64,{}",
        BASE64_STANDARD.encode(jpeg)
    ))
}

fn whole(picture: Picture) -> Option<DynamicImage> {
    let Picture {
        width,
        height,
        channels,
        samples,
        ..
    } = picture;
    Some(match channels {
        Channels::Gray => GrayImage::from_raw(width, height, samples)?.into(),
        Channels::GrayAlpha => {
            DynamicImage::ImageLumaA8(image::ImageBuffer::from_raw(width, height, samples)?)
        }
        Channels::Rgb => RgbImage::from_raw(width, height, samples)?.into(),
        Channels::Rgba => RgbaImage::from_raw(width, height, samples)?.into(),
    })
}

/// Never enlarged.
fn reduced(image: DynamicImage) -> DynamicImage {
    if image.width().max(image.height()) > SIDE {
        image.thumbnail(SIDE, SIDE)
    } else {
        image
    }
}

fn on_white(image: &DynamicImage) -> RgbImage {
    let mut flat = RgbImage::new(image.width(), image.height());
    for (target, source) in flat.pixels_mut().zip(image.to_rgba8().pixels()) {
        let [red, green, blue, alpha] = source.0.map(u16::from);
        let over = |value: u16| {
            let mixed = (value * alpha + 255 * (255 - alpha) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        target.0 = [over(red), over(green), over(blue)];
    }
    flat
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use image::Rgba;

    fn decoded(uri: &str) -> RgbImage {
        let text = uri.strip_prefix("data:image/jpeg;base64,").unwrap();
        let bytes = BASE64_STANDARD.decode(text).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgb8()
    }

    #[test]
    fn thumbnails_are_small_and_on_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide.png");
        RgbaImage::from_pixel(640, 320, Rgba([200, 0, 0, 0]))
            .save(&path)
            .unwrap();
        let thumbnail = decoded(&data_uri(&path).unwrap());
        assert_eq!(thumbnail.dimensions(), (160, 80));
        assert!(
            thumbnail
                .pixels()
                .all(|pixel| pixel.0.iter().all(|&value| value > 250))
        );
    }

    #[test]
    fn small_pictures_stay_and_others_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.png");
        RgbImage::from_pixel(12, 9, image::Rgb([10, 200, 30]))
            .save(&path)
            .unwrap();
        assert_eq!(decoded(&data_uri(&path).unwrap()).dimensions(), (12, 9));
        assert_eq!(data_uri(&folder.path().join("missing.png")), None);
    }
}
