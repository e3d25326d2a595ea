//! Telling picture formats apart by their first bytes.

use image::ImageFormat;

use super::DecodeError;

/// The format of `bytes`, or in words why it is none of ours.
pub(super) fn recognise(bytes: &[u8], name: &str) -> Result<ImageFormat, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty {
            name: name.to_owned(),
        });
    }
    let supported = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
    ];
    let guess = image::guess_format(bytes).ok();
    if let Some(format) = guess.filter(|format| supported.contains(format)) {
        return Ok(format);
    }
    let name = name.to_owned();
    match foreign(bytes).or(guess.map(words)) {
        Some(what) => Err(DecodeError::Unsupported {
            name,
            what: what.to_owned(),
        }),
        None => Err(DecodeError::NotAnImage { name }),
    }
}

/// Formats that people hand in and that are not decoded, by their first bytes.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(match bytes.get(8..12)? {
            b"avif" | b"avis" => "an AVIF picture",
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => "a HEIC picture",
            _ => "a video",
        });
    }
    if starts(b"%PDF") {
        return Some("a PDF document");
    }
    if starts(b"8BPS") {
        return Some("a Photoshop document");
    }
    if starts(b"\0\0\0\x0cJXL \r\n") || starts(b"\xff\x0a") {
        return Some("a JPEG XL picture");
    }
    if starts(b"\0\0\0\x0cjP  ") || starts(b"\xff\x4f\xff\x51") {
        return Some("a JPEG 2000 picture");
    }
    if starts(b"II\x2b\0") || starts(b"MM\0\x2b") {
        return Some("a BigTIFF picture");
    }
    let head = bytes.get(..bytes.len().min(1024))?;
    let is_markup = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    let has_svg = head
        .windows(4)
        .any(|window| window.eq_ignore_ascii_case(b"<svg"));
    (is_markup && has_svg).then_some("an SVG drawing")
}

pub(super) fn words(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Avif => "an AVIF picture",
        ImageFormat::Ico => "an icon",
        ImageFormat::Hdr => "a Radiance HDR picture",
        ImageFormat::OpenExr => "an OpenEXR picture",
        ImageFormat::Pnm => "a PNM picture",
        ImageFormat::Dds => "a DDS texture",
        ImageFormat::Qoi => "a QOI picture",
        ImageFormat::Farbfeld => "a farbfeld picture",
        _ => "a picture format of another kind",
    }
}

/// Whether the file is as long as its header says.
pub(super) fn webp_ends(bytes: &[u8]) -> bool {
    // `RIFF`, the length of what follows, `WEBP`.
    match bytes.get(4..8).and_then(|length| length.try_into().ok()) {
        Some(length) => bytes.len() as u64 >= u64::from(u32::from_le_bytes(length)) + 8,
        None => false,
    }
}

/// Whether an end-of-image marker follows the last start of scan. The decoder fills what is missing
/// of a truncated file with gray; features of that would be noise.
pub(super) fn jpeg_ends(bytes: &[u8]) -> bool {
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    if bytes.ends_with(&END_OF_IMAGE) {
        return true;
    }
    // Thumbnails inside the header have markers of their own, so count from the last scan only.
    let scan = bytes
        .windows(2)
        .rposition(|pair| pair == START_OF_SCAN)
        .unwrap_or(0);
    bytes[scan..].windows(2).any(|pair| pair == END_OF_IMAGE)
}
