//! Turning a picture as its EXIF orientation says.

use image::metadata::Orientation;

/// Turns the `width` × `height` picture in `samples`, with `channels` samples a pixel, and writes it
/// to `turned`. Returns the new width and height.
pub(super) fn turn(
    samples: &[u8],
    (width, height): (usize, usize),
    channels: usize,
    orientation: Orientation,
    turned: &mut Vec<u8>,
) -> (usize, usize) {
    turned.clear();
    turned.resize(samples.len(), 0);
    match channels {
        1 => turn_pixels(
            pixels::<1>(samples),
            (width, height),
            orientation,
            pixels_mut(turned),
        ),
        2 => turn_pixels(
            pixels::<2>(samples),
            (width, height),
            orientation,
            pixels_mut(turned),
        ),
        3 => turn_pixels(
            pixels::<3>(samples),
            (width, height),
            orientation,
            pixels_mut(turned),
        ),
        _ => turn_pixels(
            pixels::<4>(samples),
            (width, height),
            orientation,
            pixels_mut(turned),
        ),
    }
    if swaps_sides(orientation) {
        (height, width)
    } else {
        (width, height)
    }
}

/// Whether width and height change places.
fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn pixels<const N: usize>(samples: &[u8]) -> &[[u8; N]] {
    samples.as_chunks().0
}

fn pixels_mut<const N: usize>(samples: &mut [u8]) -> &mut [[u8; N]] {
    samples.as_chunks_mut().0
}

fn turn_pixels<const N: usize>(
    from: &[[u8; N]],
    (width, height): (usize, usize),
    orientation: Orientation,
    to: &mut [[u8; N]],
) {
    // (x, y) of the source for the first pixel of the result, and the steps in the source, in
    // pixels, of one step right and one step down in the result.
    let (right, down, start): (isize, isize, usize) = {
        let row = isize::try_from(width).unwrap_or(isize::MAX);
        let (last_column, last_row) = (width - 1, (height - 1) * width);
        match orientation {
            Orientation::NoTransforms => (1, row, 0),
            Orientation::FlipHorizontal => (-1, row, last_column),
            Orientation::Rotate180 => (-1, -row, last_row + last_column),
            Orientation::FlipVertical => (1, -row, last_row),
            Orientation::Rotate90 => (-row, 1, last_row),
            Orientation::Rotate270 => (row, -1, last_column),
            Orientation::Rotate90FlipH => (row, 1, 0),
            Orientation::Rotate270FlipH => (-row, -1, last_row + last_column),
        }
    };
    let (new_width, new_height) = if swaps_sides(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    // Tiles, so that the source lines of a quarter turn stay in the cache.
    const TILE: usize = 64;
    for tile_y in (0..new_height).step_by(TILE) {
        for tile_x in (0..new_width).step_by(TILE) {
            let end_x = (tile_x + TILE).min(new_width);
            for y in tile_y..(tile_y + TILE).min(new_height) {
                let row_start = start.wrapping_add_signed(down * y as isize);
                let mut source = row_start.wrapping_add_signed(right * tile_x as isize);
                for pixel in &mut to[y * new_width + tile_x..y * new_width + end_x] {
                    *pixel = from[source];
                    source = source.wrapping_add_signed(right);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation, reason = "tests")]
    use super::*;

    /// The eight EXIF orientations of the same 3×2 picture, by the table of the EXIF standard (what
    /// row 0 and column 0 of the stored picture are to the viewer).
    #[test]
    fn every_orientation_is_turned_upright() {
        let stored = [1, 2, 3, 4, 5, 6];
        let cases: [(u8, (usize, usize), [u8; 6]); 8] = [
            (1, (3, 2), [1, 2, 3, 4, 5, 6]),
            (2, (3, 2), [3, 2, 1, 6, 5, 4]),
            (3, (3, 2), [6, 5, 4, 3, 2, 1]),
            (4, (3, 2), [4, 5, 6, 1, 2, 3]),
            (5, (2, 3), [1, 4, 2, 5, 3, 6]),
            (6, (2, 3), [4, 1, 5, 2, 6, 3]),
            (7, (2, 3), [6, 3, 5, 2, 4, 1]),
            (8, (2, 3), [3, 6, 2, 5, 1, 4]),
        ];
        for (exif, size, expected) in cases {
            let orientation = Orientation::from_exif(exif).unwrap_or(Orientation::NoTransforms);
            let mut turned = Vec::new();
            assert_eq!(
                turn(&stored, (3, 2), 1, orientation, &mut turned),
                size,
                "EXIF {exif}"
            );
            assert_eq!(turned, expected, "EXIF {exif}");
        }
    }

    #[test]
    fn pixels_stay_whole_across_tiles() {
        let (width, height) = (150_usize, 70_usize);
        let stored: Vec<u8> = (0..width * height * 3).map(|i| (i % 251) as u8).collect();
        let mut there = Vec::new();
        let mut back = Vec::new();
        let size = turn(
            &stored,
            (width, height),
            3,
            Orientation::Rotate90,
            &mut there,
        );
        turn(&there, size, 3, Orientation::Rotate270, &mut back);
        assert_eq!(back, stored);
    }
}
