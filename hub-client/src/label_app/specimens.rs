//! Pictures to try the page with: drawings of three kinds of papers, the same on every machine.
//!
//! They are drawn, not photographed: they show what the page does, and say nothing of how good an extractor
//! is.

use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use crate::explore::SplitMix64;
use crate::files::{self, FileError};

/// Pictures of each kind.
const EACH: usize = 40;

/// JPEG quality, of 100.
const QUALITY: u8 = 88;

/// Size of a picture, in pixels.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 220;

/// Draws the pictures below a folder, unless they are there; the folder they are in.
///
/// # Errors
/// [`FileError`] when they cannot be written.
pub fn specimens(data: &Path) -> Result<PathBuf, FileError> {
    let folder = data.join("demo").join("specimens");
    let mut order: Vec<usize> = (0..3 * EACH).collect();
    SplitMix64::new(1).shuffle(&mut order);
    for (number, picture) in order.into_iter().enumerate() {
        // The name does not say what it shows.
        let path = folder.join(format!("specimen-{number:03}.jpg"));
        let is_there = path.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if !is_there {
            let bytes = jpeg(&draw(picture % 3, picture as u64)).map_err(|error| {
                FileError::new("cannot draw", &path, std::io::Error::other(error))
            })?;
            files::write_remade(&path, &bytes)?;
        }
    }
    Ok(folder)
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(picture)?;
    Ok(bytes)
}

/// A page of a passport, a visa or a boarding pass.
fn draw(kind: usize, seed: u64) -> RgbImage {
    let mut sheet = Sheet::new(seed);
    match kind {
        0 => passport(&mut sheet),
        1 => visa(&mut sheet),
        _ => boarding_pass(&mut sheet),
    }
    sheet.picture
}

fn passport(sheet: &mut Sheet) {
    sheet.paper([226, 222, 208]);
    sheet.portrait(22, 34);
    for line in 0..6 {
        sheet.words(124, 40 + 20 * line, 150, 7, [70, 70, 84]);
    }
    for line in 0..2 {
        sheet.words(16, 178 + 17 * line, 288, 9, [38, 38, 44]);
    }
}

fn visa(sheet: &mut Sheet) {
    sheet.paper([206, 224, 214]);
    for wave in 0..9 {
        sheet.wave(20 + 22 * wave, [150, 190, 176]);
    }
    sheet.bar(0, 10, WIDTH, 24, [52, 92, 128]);
    sheet.portrait(212, 52);
    for line in 0..5 {
        sheet.words(20, 54 + 19 * line, 140, 6, [60, 74, 70]);
    }
    sheet.words(16, 196, 288, 9, [38, 38, 44]);
}

fn boarding_pass(sheet: &mut Sheet) {
    sheet.paper([244, 244, 246]);
    sheet.bar(0, 0, WIDTH, 38, [168, 62, 60]);
    for line in 0..4 {
        sheet.words(18, 58 + 24 * line, 176, 9, [50, 52, 60]);
    }
    let mut x = 214;
    while x < 300 {
        let width = 1 + sheet.below(4);
        sheet.bar(x, 56, width, 132, [24, 24, 26]);
        x += width + 1 + sheet.below(5);
    }
}

/// A picture in the making; where things are and how bright they are differs from seed to seed.
struct Sheet {
    picture: RgbImage,
    random: SplitMix64,
    shift: [u32; 2],
    light: i32,
}

impl Sheet {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(7));
        let mut up_to = |most: usize| u32::try_from(random.below(most)).unwrap_or(0);
        let shift = [up_to(13), up_to(11)];
        let light = 24 - i32::try_from(up_to(48)).unwrap_or(0);
        Self {
            picture: RgbImage::new(WIDTH, HEIGHT),
            random,
            shift,
            light,
        }
    }

    fn below(&mut self, most: usize) -> u32 {
        u32::try_from(self.random.below(most)).unwrap_or(0)
    }

    fn lit(&self, colour: [u8; 3]) -> Rgb<u8> {
        let lit = |value: u8| u8::try_from((i32::from(value) + self.light).clamp(0, 255));
        Rgb(colour.map(|value| lit(value).unwrap_or(value)))
    }

    /// The ground, darker towards one side.
    fn paper(&mut self, colour: [u8; 3]) {
        let ground = self.lit(colour);
        for (x, y, pixel) in self.picture.enumerate_pixels_mut() {
            let shade = u8::try_from((x + 2 * y) / 40).unwrap_or(0);
            *pixel = Rgb(ground.0.map(|value| value.saturating_sub(shade)));
        }
    }

    fn bar(&mut self, left: u32, top: u32, width: u32, height: u32, colour: [u8; 3]) {
        let colour = self.lit(colour);
        let [right, down] = self.shift;
        for y in top + down..(top + down + height).min(HEIGHT) {
            for x in left + right..(left + right + width).min(WIDTH) {
                self.picture.put_pixel(x, y, colour);
            }
        }
    }

    /// A line of words of chance.
    fn words(&mut self, left: u32, top: u32, width: u32, height: u32, colour: [u8; 3]) {
        let mut x = left;
        while x < left + width {
            let word = 8 + self.below(26);
            self.bar(x, top, word.min(left + width - x), height, colour);
            x += word + 5;
        }
    }

    /// A wave across the sheet.
    fn wave(&mut self, top: u32, colour: [u8; 3]) {
        for x in 0..WIDTH {
            let bend = ((x * 7 + top * 3) % 40).abs_diff(20);
            self.bar(x, top + bend / 2, 1, 2, colour);
        }
    }

    /// Head and shoulders in a frame.
    fn portrait(&mut self, left: u32, top: u32) {
        self.bar(left, top, 82, 106, [188, 198, 208]);
        let skin = [[222, 186, 158], [176, 128, 96], [120, 84, 62]][self.random.below(3)];
        let coat = [[66, 72, 96], [98, 60, 60], [58, 88, 70]][self.random.below(3)];
        for y in 0..106_u32 {
            for x in 0..82_u32 {
                let from_head = x.abs_diff(41).pow(2) * 4 + y.abs_diff(42).pow(2) * 3;
                let is_coat = y > 74 && x.abs_diff(41) < (y - 74) + 12;
                if from_head < 2_600 {
                    self.bar(left + x, top + y, 1, 1, skin);
                } else if is_coat {
                    self.bar(left + x, top + y, 1, 1, coat);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn there_are_three_kinds_and_no_two_are_the_same() {
        let data = tempfile::tempdir().unwrap();
        let folder = specimens(data.path()).unwrap();
        let mut contents = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert_eq!(image::load_from_memory(&bytes).unwrap().width(), WIDTH);
            contents.insert(bytes);
        }
        assert_eq!(contents.len(), 3 * EACH);
        // A second time nothing is drawn; what was removed comes back as it was.
        let first = folder.join("specimen-000.jpg");
        let before = std::fs::read(&first).unwrap();
        files::remove(&first).unwrap();
        specimens(data.path()).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), before);
    }
}
