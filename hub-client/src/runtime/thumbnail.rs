//! Small versions of pictures, for people.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::decode::{Channels, DecodeLimits, Picture};

/// Longest side on a sheet, in pixels.
pub(crate) const SIDE: u32 = 160;

/// JPEG qualities, of 100: the first with which it is no longer than [`JPEG_BYTES`].
const QUALITIES: [u8; 4] = [80, 60, 40, 15];

/// Longest JPEG: in base64 it must fit into one answer of a worker.
const JPEG_BYTES: usize = 700 << 10;

/// How a JPEG file begins.
const SIGNATURE: [u8; 3] = [0xff, 0xd8, 0xff];

/// A small JPEG, upright and on white, in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail(String);

impl Thumbnail {
    /// Of the picture file at `path`, at most `side` pixels a side; none when it cannot be read as a picture.
    pub(crate) fn of_file(path: &Path, side: u32, limits: &DecodeLimits) -> Option<Self> {
        let picture = Picture::open(path, limits).ok()?;
        let orientation = picture.orientation;
        let mut small = reduced(whole(picture)?, side);
        small.apply_orientation(orientation);
        let small = on_white(&small);
        let mut jpeg = Vec::new();
        for quality in QUALITIES {
            jpeg.clear();
            JpegEncoder::new_with_quality(&mut jpeg, quality)
                .encode_image(&small)
                .ok()?;
            if jpeg.len() <= JPEG_BYTES {
                return Some(Self(BASE64_STANDARD.encode(jpeg)));
            }
        }
        None
    }

    /// What a worker said, when it is base64 of what begins like a JPEG: nothing else may get into a page.
    pub(crate) fn parse(text: String) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(&text).ok()?;
        bytes.starts_with(&SIGNATURE).then_some(Self(text))
    }

    /// As it is said across a pipe.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// The JPEG.
    pub fn to_jpeg(&self) -> Vec<u8> {
        // It was made here, or decoded once to be parsed.
        BASE64_STANDARD.decode(&self.0).unwrap_or_default()
    }

    /// A URI that is the picture itself.
    pub fn data_uri(&self) -> String {
        format!("data:image/jpeg;base64,{}", self.0)
    }
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
fn reduced(image: DynamicImage, side: u32) -> DynamicImage {
    if image.width().max(image.height()) > side {
        image.thumbnail(side, side)
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

    fn decoded(path: &Path) -> RgbImage {
        let thumbnail = Thumbnail::of_file(path, SIDE, &DecodeLimits::default()).unwrap();
        let uri = thumbnail.data_uri();
        let text = uri.strip_prefix("data:image/jpeg;base64,").unwrap();
        assert_eq!(Thumbnail::parse(text.to_owned()), Some(thumbnail));
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
        let thumbnail = decoded(&path);
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
        assert_eq!(decoded(&path).dimensions(), (12, 9));
        let missing = folder.path().join("missing.png");
        assert_eq!(
            Thumbnail::of_file(&missing, SIDE, &DecodeLimits::default()),
            None
        );
    }

    #[test]
    fn what_is_no_picture_does_not_get_into_a_page() {
        for text in ["", "/9j", "\"><script>", "AAAA", "/9j/\n"] {
            assert_eq!(Thumbnail::parse(text.to_owned()), None, "{text:?}");
        }
        assert!(Thumbnail::parse("/9j/".to_owned()).is_some());
    }
}
