//! Pictures that a new extractor is tried on, by its publisher and by everybody who pulls it.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use registry_schema::limits;

use super::ForgeError;
use crate::files::{self, FileError};

/// Where probe pictures come from. They are published with the extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probes {
    /// Drawn by this program: shapes, patterns and shades, the same on every machine.
    Drawn,
    /// The PNG files of a folder.
    Folder(PathBuf),
}

/// A file of probes: its name and its bytes.
pub(super) type Picture = (String, Vec<u8>);

impl Probes {
    pub(super) fn pictures(&self) -> Result<Vec<Picture>, ForgeError> {
        match self {
            Self::Drawn => Ok(drawn()),
            Self::Folder(folder) => of_folder(folder),
        }
    }
}

fn of_folder(folder: &Path) -> Result<Vec<Picture>, ForgeError> {
    let error = |source| FileError::new("cannot read", folder, source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "png") {
            paths.push(path);
        }
    }
    if !(limits::PROBES_MINIMUM..=limits::PROBES).contains(&paths.len()) {
        return Err(ForgeError::Probes {
            folder: folder.to_owned(),
            count: paths.len(),
        });
    }
    paths.sort();
    let read = |path: PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok((name, files::read_limited(&path, limits::PROBE_IMAGE_BYTES)?))
    };
    paths.into_iter().map(read).collect()
}

/// Pictures of different sizes, shapes and kinds of PNG, so that a machine which reproduces their vectors also reads
/// pictures as the publisher does.
fn drawn() -> Vec<Picture> {
    let pictures: [(&str, DynamicImage); 6] = [
        ("patches", patches().into()),
        ("rings", rings().into()),
        ("shaded", shaded().into()),
        ("stripes", stripes().into()),
        ("strokes", strokes().into()),
        ("waves", waves().into()),
    ];
    let encoded = |(name, picture): (&str, DynamicImage)| {
        let mut bytes = Cursor::new(Vec::new());
        // Writing a picture of these kinds into memory does not fail.
        let _written: Result<(), image::ImageError> =
            picture.write_to(&mut bytes, ImageFormat::Png);
        (format!("{name}.png"), bytes.into_inner())
    };
    pictures.into_iter().map(encoded).collect()
}

/// 0 to 255 as `value` goes from 0 to `most`.
fn shade(value: u32, most: u32) -> u8 {
    u8::try_from(255 * value.min(most) / most.max(1)).unwrap_or(u8::MAX)
}

/// Squares of four colours.
fn patches() -> RgbImage {
    let colours = [
        [44, 110, 73],
        [224, 160, 48],
        [200, 216, 232],
        [122, 32, 72],
    ];
    RgbImage::from_fn(120, 120, |x, y| {
        let square = (x / 30 * 3 + y / 24) % 4;
        Rgb(colours[square as usize])
    })
}

/// Rings on a ground that is transparent outside.
fn rings() -> RgbaImage {
    RgbaImage::from_fn(110, 96, |x, y| {
        let (dx, dy) = (x.abs_diff(55), y.abs_diff(48));
        let radius = (dx * dx + dy * dy).isqrt();
        match radius {
            45.. => Rgba([0, 0, 0, 0]),
            _ if radius / 7 % 2 == 0 => Rgba([32, 80, 106, 255]),
            _ => Rgba([228, 240, 244, 255]),
        }
    })
}

/// From dark to light, and from green to blue.
fn shaded() -> RgbImage {
    RgbImage::from_fn(140, 90, |x, y| Rgb([shade(x, 139), 120, shade(y, 89)]))
}

/// Slanted grey lines.
fn stripes() -> GrayImage {
    GrayImage::from_fn(96, 160, |x, y| {
        let phase = (3 * x + 2 * y) % 48;
        Luma([if phase < 16 { 40 } else { shade(phase, 48) }])
    })
}

/// Dark strokes in rows on light ground, as writing has them.
fn strokes() -> RgbImage {
    RgbImage::from_fn(200, 64, |x, y| {
        let (column, row) = (x % 10, y % 16);
        let letter = (x / 10 * 7 + y / 16 * 5) % 6;
        let is_stem = column == 2 + letter % 3 && (3..13).contains(&row);
        let is_bar = row == 3 + letter && (2..7).contains(&column);
        let is_gap = (x / 10 + 3 * (y / 16)) % 7 == 6;
        match (is_stem || is_bar) && !is_gap {
            true => Rgb([34, 36, 42]),
            false => Rgb([246, 241, 228]),
        }
    })
}

/// Round hills of colour.
fn waves() -> RgbImage {
    let hill = |value: u32, period: u32| {
        let place = value % period;
        shade(place.min(period - place) * 2, period)
    };
    RgbImage::from_fn(128, 128, |x, y| {
        Rgb([hill(x + y, 64), hill(x + 128 - y, 40), hill(y, 90)])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn drawn_probes_are_different_pictures_of_different_kinds() {
        let pictures = drawn();
        assert!(pictures.len() >= limits::PROBES_MINIMUM);
        let decoded: Vec<DynamicImage> = pictures
            .iter()
            .map(|(_, bytes)| image::load_from_memory(bytes).unwrap())
            .collect();
        let kinds: BTreeSet<String> = decoded
            .iter()
            .map(|one| format!("{:?}", one.color()))
            .collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        let sizes: BTreeSet<(u32, u32)> = decoded
            .iter()
            .map(|one| (one.width(), one.height()))
            .collect();
        assert_eq!(sizes.len(), pictures.len());
        assert_eq!(drawn(), pictures);
    }

    #[test]
    fn a_folder_without_pictures_has_no_probes() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Probes::Folder(folder.path().to_owned()).pictures();
        assert!(matches!(refused, Err(ForgeError::Probes { count: 0, .. })));
    }
}
