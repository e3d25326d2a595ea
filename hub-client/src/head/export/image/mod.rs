//! The preprocessing of an extractor as nodes of a graph: from a decoded picture of any size to the tensor.
//!
//! Step by step what [`registry_schema::preprocess`] says, and to the last bit: weights are computed in float64 and
//! rounded to 22 bits of fraction as Pillow does, so that all products and sums are whole numbers that float64 holds
//! exactly, in whatever order a runtime adds them.
//!
//! *Why not the operator `Resize`?* Its antialiasing came with operator set 18, newer than most extractors' graphs, and
//! whoever raises a graph's operator set has to convert all of it. It knows two of the kernels. And it is not exact: in
//! onnxruntime 1.32 a sample in 33 differs by one level for pictures of this size, and cubic ones by up to three.
//! Two products with matrices of weights do every kernel exactly, at the cost of more arithmetic: a tenth of a second for
//! a picture of a megapixel, one second for twelve.

mod axis;
mod kernel;
mod resample;

use registry_schema::onnx::write::Message;
use registry_schema::onnx::{Dimension, ElementType, value_info};
use registry_schema::preprocess::{
    Background, Color, Filter, Input, LUMA, Layout, ResizeMode, luma,
};

use self::axis::Sizes;
use super::parts::{Constants, Parts};

/// The first operator set with all operators that are used: `CumSum` and `Range` came with 11.
pub(super) const OPSET: i64 = 11;

/// The input: RGB, uint8 `[height, width, 3]`.
pub(super) fn image_info(name: &str) -> Message {
    let named = |name: &str| Dimension::Named(name.to_owned());
    let sides = [named("height"), named("width"), Dimension::Fixed(3)];
    value_info(name, ElementType::Uint8, &sides)
}

/// What the extractor reads, with a batch of one.
pub(super) fn tensor_info(input: &Input) -> Message {
    let sides = shape(input).map(Dimension::Fixed);
    value_info(&input.tensor, ElementType::Float32, &sides)
}

fn shape(input: &Input) -> [u64; 4] {
    let [channels, height, width] = [input.channels(), input.height, input.width].map(u64::from);
    match input.layout {
        Layout::Nchw => [1, channels, height, width],
        Layout::Nhwc => [1, height, width, channels],
    }
}

/// Computes `input.tensor` from the picture `image`; the numbers are those of the normative steps. `constants` says
/// where inner graphs keep theirs.
pub(super) fn image_nodes(input: &Input, image: &str, prefix: &str, constants: Constants) -> Parts {
    let mut parts = Parts::new(prefix);
    // 4. colour
    let (image, channels) = match input.color {
        Color::Gray => (gray(image, &mut parts), 1),
        Color::Rgb | Color::Bgr => (image.to_owned(), 3),
    };
    // 5. and 6. resize and crop
    let sizes = Sizes::new(input, &image, &mut parts);
    let fitted = if input.resize.filter == Filter::Nearest {
        resample::nearest(&image, &sizes, &mut parts)
    } else {
        let job = resample::Job {
            image: &image,
            channels,
            sizes: &sizes,
            filter: input.resize.filter,
        };
        resample::antialiased(&job, constants, &mut parts)
    };
    let fitted = match input.resize.mode {
        ResizeMode::Letterbox => framed(input, &fitted, &sizes, &mut parts),
        ResizeMode::Exact | ResizeMode::Shortest => fitted,
    };
    // 7. and 8. numbers and layout
    normalised(input, &fitted, &mut parts);
    parts
}

/// BT.601 luma, uint8 `[height, width, 1]`.
fn gray(image: &str, parts: &mut Parts) -> String {
    let samples = parts.cast(image, ElementType::Float64);
    let factors = parts.doubles(&[3, 1], &LUMA.map(f64::from));
    let sum = parts.step("MatMul", &[&samples, &factors]);
    let half = parts.number(32_768.0);
    let sum = parts.step("Add", &[&sum, &half]);
    let unit = parts.number(65_536.0);
    let quotient = parts.step("Div", &[&sum, &unit]);
    let floor = parts.step("Floor", &[&quotient]);
    parts.cast(&floor, ElementType::Uint8)
}

/// Bars around the picture, `[height, channels, width]`.
fn framed(input: &Input, fitted: &str, sizes: &Sizes, parts: &mut Parts) -> String {
    let rows = sizes.rows.is_inside(parts);
    let rows = parts.reshape(&rows, &[-1, 1, 1]);
    let columns = sizes.columns.is_inside(parts);
    let columns = parts.reshape(&columns, &[1, 1, -1]);
    let inside = parts.step("And", &[&rows, &columns]);
    let Background(colour) = input.resize.pad;
    let bars = match input.color {
        Color::Gray => vec![f64::from(luma(colour))],
        Color::Rgb | Color::Bgr => colour.map(f64::from).to_vec(),
    };
    let bars = parts.doubles(&[1, bars.len() as u64, 1], &bars);
    parts.step("Where", &[&inside, fitted, &bars])
}

/// Samples `[height, channels, width]` become numbers, by tables, in the tensor's layout.
fn normalised(input: &Input, fitted: &str, parts: &mut Parts) {
    let fitted = match input.color {
        Color::Bgr => {
            let order = parts.integers(&[3], &[2, 1, 0]);
            parts.gather(fitted, &order, 1)
        }
        Color::Rgb | Color::Gray => fitted.to_owned(),
    };
    let samples = parts.cast(&fitted, ElementType::Int64);
    let tables = input.normalize.tables();
    let starts: Vec<i64> = (0_i64..)
        .map(|channel| 256 * channel)
        .take(tables.len())
        .collect();
    let starts = parts.integers(&[starts.len() as u64, 1], &starts);
    let places = parts.step("Add", &[&samples, &starts]);
    let length = 256 * tables.len() as u64;
    let tables = parts.floats("tables", &[length], tables.into_iter().flatten());
    let numbers = parts.gather(&tables, &places, 0);
    let order: [i64; 3] = match input.layout {
        Layout::Nchw => [1, 0, 2],
        Layout::Nhwc => [0, 2, 1],
    };
    let numbers = parts.transpose(&numbers, &order);
    let sides = shape(input).map(u64::cast_signed);
    let sides = parts.integers(&[4], &sides);
    parts.output(&input.tensor, "Reshape", &[&numbers, &sides], &[]);
}
