#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests"
)]

use std::path::PathBuf;

use image::{DynamicImage, RgbImage};

use super::*;

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

fn sample() -> DynamicImage {
    let pixel = |x: u32, y: u32| image::Rgb([(x * 9) as u8, (y * 7) as u8, (x * y) as u8]);
    RgbImage::from_fn(60, 50, pixel).into()
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    sample().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Tiff,
    ImageFormat::Bmp,
];

#[test]
fn the_content_decides_not_the_name() {
    for format in FORMATS {
        let picture = Picture::decode(&encoded(format), "wrong.txt", &limits()).unwrap();
        assert_eq!((picture.width, picture.height), (60, 50), "{format:?}");
        let count = picture.channels.count();
        assert_eq!(picture.samples.len(), 60 * 50 * count, "{format:?}");
        let at = (10 * 60 + 20) * count;
        let difference = picture.samples[at].abs_diff(180);
        assert!(
            difference < 40,
            "{format:?}: {:?}",
            &picture.samples[at..at + count]
        );
    }
}

#[test]
fn truncated_files_are_refused_whatever_the_format() {
    for format in FORMATS {
        let whole = encoded(format);
        for kept in [20, whole.len() / 4, whole.len() / 2, whole.len() * 9 / 10] {
            let result = Picture::decode(&whole[..kept], "cut", &limits());
            let Err(error) = result else {
                panic!("{format:?} with {kept} bytes was accepted")
            };
            assert!(error.to_string().contains("cut"), "{error}");
        }
        let result = Picture::decode(&whole[..whole.len() / 2], "cut", &limits());
        assert!(
            matches!(result, Err(DecodeError::Truncated { .. })),
            "{format:?}: {result:?}"
        );
    }
}

#[test]
fn damaged_files_never_panic() {
    for format in FORMATS {
        let whole = encoded(format);
        for at in (0..whole.len()).step_by(whole.len() / 97 + 1) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x5a;
            if let Ok(picture) = Picture::decode(&damaged, "damaged", &limits()) {
                let pixels = (picture.width * picture.height) as usize;
                assert_eq!(picture.samples.len(), pixels * picture.channels.count());
            }
        }
    }
}

#[test]
fn what_is_no_picture_is_told_apart() {
    let is_not_an_image = |bytes: &[u8]| {
        matches!(
            Picture::decode(bytes, "x", &limits()),
            Err(DecodeError::NotAnImage { .. })
        )
    };
    assert!(is_not_an_image(b"hello"));
    assert!(is_not_an_image(b"<html><body>"));
    assert!(is_not_an_image(&[0; 4096]));
    let empty = Picture::decode(b"", "nothing.png", &limits());
    assert!(matches!(empty, Err(DecodeError::Empty { .. })), "{empty:?}");
    let foreign: [(&[u8], &str); 8] = [
        (b"\0\0\0\x1cftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x1cftypisom\0\0\0\0", "video"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'>", "SVG"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"\0\0\x01\0\x01\0", "icon"),
        (b"P6 2 2 255\n", "PNM"),
    ];
    for (bytes, word) in foreign {
        let error = Picture::decode(bytes, "x", &limits()).unwrap_err();
        assert!(
            matches!(error, DecodeError::Unsupported { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_side_that_is_too_long_is_refused_whatever_the_number_of_pixels() {
    let encoded = |width| {
        let mut png = Cursor::new(Vec::new());
        let line = image::GrayImage::new(width, 1);
        line.write_to(&mut png, ImageFormat::Png).unwrap();
        png.into_inner()
    };
    let longest = limits::IMAGE_SIDE;
    assert!(Picture::decode(&encoded(longest), "line", &limits()).is_ok());
    let result = Picture::decode(&encoded(longest + 1), "line", &limits());
    assert!(
        matches!(result, Err(DecodeError::TooLong { .. })),
        "{result:?}"
    );
}

#[test]
fn too_many_pixels_are_refused_before_anything_is_allocated() {
    let limits = DecodeLimits {
        pixels: 60 * 50 - 1,
        ..limits()
    };
    for format in FORMATS {
        let result = Picture::decode(&encoded(format), "bomb", &limits);
        assert!(
            matches!(result, Err(DecodeError::TooManyPixels { .. })),
            "{format:?}: {result:?}"
        );
    }
    // A header of 100,000 × 100,000 pixels, 30 GB, in a file of 57 bytes.
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    header.extend([
        0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0, 8, 2, 0, 0, 0, 0xae, 0x72, 0xc5, 0x8d,
    ]);
    header.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    let result = Picture::decode(&header, "bomb.png", &DecodeLimits::default());
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn files_past_the_limit_of_bytes_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    std::fs::write(&path, encoded(ImageFormat::Png)).unwrap();
    let small = DecodeLimits {
        file_bytes: 100,
        ..limits()
    };
    let large = Picture::open(&path, &small);
    assert!(
        matches!(large, Err(DecodeError::FileTooLarge { .. })),
        "{large:?}"
    );
    assert!(Picture::open(&path, &limits()).is_ok());
    for absent in [
        folder.path().to_owned(),
        PathBuf::from("/absent/picture.png"),
    ] {
        let result = Picture::open(&absent, &limits());
        assert!(
            matches!(result, Err(DecodeError::Read { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn a_picture_is_reusable_after_an_error() {
    let mut picture = Picture::decode(&encoded(ImageFormat::Png), "a", &limits()).unwrap();
    assert!(picture.decode_into(b"nothing", "b", &limits()).is_err());
    assert!(
        picture
            .decode_into(&encoded(ImageFormat::Png)[..200], "c", &limits())
            .is_err()
    );
    assert!(picture.samples.is_empty());
    picture
        .decode_into(&encoded(ImageFormat::Bmp), "d", &limits())
        .unwrap();
    assert_eq!(picture.samples, sample().into_bytes());
}

#[test]
fn sixteen_bits_become_eight_by_rounding() {
    let values: [u16; 6] = [0, 128, 129, 32_767, 65_406, 65_535];
    let mut samples: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    narrow(&mut samples);
    let expected = values.map(|value| (f64::from(value) / 257.0).round() as u8);
    assert_eq!(samples, expected);
}

/// Made by Pillow from the same gray ramp: CMYK as Adobe writes it (inverted) with a 4-component
/// JPEG, and what Pillow decodes it to.
#[test]
fn cmyk_jpegs_decode_as_pillow_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pillow/jpeg");
    for name in ["cmyk", "ycck"] {
        let found = Picture::open(&folder.join(format!("{name}.jpg")), &limits()).unwrap();
        let expected = Picture::open(&folder.join(format!("{name}.png")), &limits()).unwrap();
        assert_eq!(
            (found.width, found.height),
            (expected.width, expected.height)
        );
        assert_eq!(found.channels, Channels::Rgb);
        let pairs = found.samples.iter().zip(&expected.samples);
        let largest = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        // Different inverse cosine transforms and rounding; swapped or inverted channels give 100.
        assert!(largest <= 6, "{name}: {largest}");
    }
}
