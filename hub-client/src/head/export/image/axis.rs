//! Sizes of a picture that are known when the graph runs, as int64 of shape `[1]`.

use registry_schema::preprocess::{Input, Resize, ResizeMode, Rounding};

use super::super::parts::Parts;

/// The two axes of a resize, and the order of their passes.
pub(super) struct Sizes {
    pub(super) rows: Axis,
    pub(super) columns: Axis,
    /// Bool: [`Resize::is_vertical_first`].
    pub(super) is_vertical_first: String,
}

/// `source` pixels become `target`, of which `length` from `start` are kept; with bars around the picture `start` is
/// negative and `length` larger than `target`.
pub(super) struct Axis {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) start: String,
    pub(super) length: u32,
}

impl Sizes {
    /// Of the picture `image`, uint8 `[height, width, channels]`.
    pub(super) fn new(input: &Input, image: &str, parts: &mut Parts) -> Self {
        let shape = parts.step("Shape", &[image]);
        let side = |at: i64, parts: &mut Parts| {
            let at = parts.integers(&[1], &[at]);
            parts.gather(&shape, &at, 0)
        };
        let (height, width) = (side(0, parts), side(1, parts));
        let (target_width, target_height) = target(input, (&width, &height), parts);
        let is_vertical_first =
            is_vertical_first((&width, &height), (&target_width, &target_height), parts);
        Self {
            rows: Axis::new(height, target_height, input.height, parts),
            columns: Axis::new(width, target_width, input.width, parts),
            is_vertical_first,
        }
    }
}

impl Axis {
    fn new(source: String, target: String, length: u32, parts: &mut Parts) -> Self {
        // Rounded towards zero: a crop begins at the lower, bars leave the odd pixel below.
        let kept = integer(length, parts);
        let rest = parts.step("Sub", &[&target, &kept]);
        let two = integer(2, parts);
        let start = parts.step("Div", &[&rest, &two]);
        Self {
            source,
            target,
            start,
            length,
        }
    }

    /// Places in the whole target of the kept pixels, int64 `[length]`.
    pub(super) fn places(&self, parts: &mut Parts) -> String {
        let places: Vec<i64> = (0..i64::from(self.length)).collect();
        let places = parts.integers(&[places.len() as u64], &places);
        parts.step("Add", &[&places, &self.start])
    }

    /// Whether the kept pixels are of the picture, not of bars: bool `[length]`.
    pub(super) fn is_inside(&self, parts: &mut Parts) -> String {
        let places = self.places(parts);
        let zero = integer(0, parts);
        let before = parts.step("Less", &[&places, &zero]);
        let not_before = parts.step("Not", &[&before]);
        let not_after = parts.step("Less", &[&places, &self.target]);
        parts.step("And", &[&not_before, &not_after])
    }
}

/// Width and height by [`Resize::target`].
fn target(input: &Input, (width, height): (&str, &str), parts: &mut Parts) -> (String, String) {
    let (full_width, full_height) = (integer(input.width, parts), integer(input.height, parts));
    match input.resize.mode {
        ResizeMode::Exact => (full_width, full_height),
        ResizeMode::Shortest => {
            let size = input.resize.size.unwrap_or(input.width.max(input.height));
            let size = integer(size, parts);
            let lies = parts.step("Less", &[height, width]);
            let wide = scaled(&input.resize, (width, &size, height), parts);
            let tall = scaled(&input.resize, (height, &size, width), parts);
            (
                parts.step("Where", &[&lies, &wide, &size]),
                parts.step("Where", &[&lies, &size, &tall]),
            )
        }
        ResizeMode::Letterbox => {
            let across = parts.step("Mul", &[width, &full_height]);
            let down = parts.step("Mul", &[height, &full_width]);
            let is_narrow = parts.step("Less", &[&across, &down]);
            let scaled_height = scaled(&input.resize, (height, &full_width, width), parts);
            let scaled_height = smaller(&scaled_height, &full_height, parts);
            let scaled_width = scaled(&input.resize, (width, &full_height, height), parts);
            let scaled_width = smaller(&scaled_width, &full_width, parts);
            (
                parts.step("Where", &[&is_narrow, &scaled_width, &full_width]),
                parts.step("Where", &[&is_narrow, &full_height, &scaled_height]),
            )
        }
    }
}

/// `length · to / from`, rounded, at least 1.
fn scaled(resize: &Resize, (length, to, from): (&str, &str, &str), parts: &mut Parts) -> String {
    let product = parts.step("Mul", &[length, to]);
    let quotient = match resize.rounding {
        Rounding::Floor => parts.step("Div", &[&product, from]),
        Rounding::Round => {
            let twice = parts.step("Add", &[&product, &product]);
            let sum = parts.step("Add", &[&twice, from]);
            let divisor = parts.step("Add", &[from, from]);
            parts.step("Div", &[&sum, &divisor])
        }
    };
    let one = integer(1, parts);
    let is_zero = parts.step("Less", &[&quotient, &one]);
    parts.step("Where", &[&is_zero, &one, &quotient])
}

fn smaller(value: &str, other: &str, parts: &mut Parts) -> String {
    let is_smaller = parts.step("Less", &[value, other]);
    parts.step("Where", &[&is_smaller, value, other])
}

fn is_vertical_first(source: (&str, &str), target: (&str, &str), parts: &mut Parts) -> String {
    let columns = parts.step("Sub", &[source.0, target.0]);
    let rows = parts.step("Sub", &[source.1, target.1]);
    let zero = integer(0, parts);
    let loses_rows = parts.step("Less", &[&zero, &rows]);
    let twice = parts.step("Add", &[&columns, &columns]);
    let loses_more = parts.step("Less", &[&twice, &rows]);
    parts.step("And", &[&loses_rows, &loses_more])
}

fn integer(value: u32, parts: &mut Parts) -> String {
    parts.integers(&[1], &[i64::from(value)])
}
