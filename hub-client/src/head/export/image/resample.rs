//! The two passes of a resize, in the order that the sizes ask for.

use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, attribute, graph_attribute, value_info,
};
use registry_schema::preprocess::Filter;

use super::super::parts::{Constants, Parts};
use super::axis::{Axis, Sizes};
use super::kernel;

/// What is resized, and how.
pub(super) struct Job<'a> {
    /// The picture, uint8 `[height, width, channels]`.
    pub(super) image: &'a str,
    pub(super) channels: u32,
    pub(super) sizes: &'a Sizes,
    pub(super) filter: Filter,
}

/// The kept part of the resized picture, whole numbers 0 to 255 in float64: `[height, channels, width]`.
pub(super) fn antialiased(job: &Job<'_>, constants: Constants, parts: &mut Parts) -> String {
    let down = kernel::weights(job.filter, &job.sizes.rows, parts);
    let across = kernel::weights(job.filter, &job.sizes.columns, parts);
    let across = parts.transpose(&across, &[1, 0]);
    let passes = Passes {
        job,
        down: &down,
        across: &across,
        constants,
    };
    let branches = [
        graph_attribute(
            "then_branch",
            &passes.vertical_first(&parts.child("down_first")),
        ),
        graph_attribute(
            "else_branch",
            &passes.horizontal_first(&parts.child("across_first")),
        ),
    ];
    parts.named("resized", "If", &[&job.sizes.is_vertical_first], &branches)
}

/// Both orders: the picture between the passes is rounded and clamped, too, so the order shows.
struct Passes<'a> {
    job: &'a Job<'a>,
    /// Weights, `[kept rows, height]`.
    down: &'a str,
    /// Weights, `[width, kept columns]`.
    across: &'a str,
    constants: Constants,
}

impl Passes<'_> {
    fn vertical_first(&self, prefix: &str) -> Message {
        let mut parts = Parts::new(prefix);
        let (channels, rows) = (i64::from(self.job.channels), i64::from(self.rows().length));
        let lines = parts.reshape(self.job.image, &[0, -1]);
        let lines = parts.cast(&lines, ElementType::Float64);
        let lines = parts.step("MatMul", &[self.down, &lines]);
        let lines = rounded(&lines, &mut parts);
        let lines = parts.reshape(&lines, &[rows, -1, channels]);
        let lines = parts.transpose(&lines, &[0, 2, 1]);
        let all = parts.step("MatMul", &[&lines, self.across]);
        let all = rounded(&all, &mut parts);
        self.branch(&all, parts)
    }

    fn horizontal_first(&self, prefix: &str) -> Message {
        let mut parts = Parts::new(prefix);
        let [rows, channels, columns] = self.sides().map(u64::cast_signed);
        let lines = parts.transpose(self.job.image, &[0, 2, 1]);
        let lines = parts.cast(&lines, ElementType::Float64);
        let lines = parts.step("MatMul", &[&lines, self.across]);
        let lines = rounded(&lines, &mut parts);
        let lines = parts.reshape(&lines, &[0, channels * columns]);
        let all = parts.step("MatMul", &[self.down, &lines]);
        let all = rounded(&all, &mut parts);
        let all = parts.reshape(&all, &[rows, channels, columns]);
        self.branch(&all, parts)
    }

    /// An inner graph: no inputs, it sees the values of the outer one.
    fn branch(&self, result: &str, parts: Parts) -> Message {
        let sides = self.sides().map(Dimension::Fixed);
        let info = value_info(result, ElementType::Float64, &sides);
        let name = parts.prefix().to_owned();
        parts
            .into_graph_fields(self.constants)
            .text(2, &name)
            .message(12, &info)
    }

    fn rows(&self) -> &Axis {
        &self.job.sizes.rows
    }

    fn sides(&self) -> [u64; 3] {
        let sizes = self.job.sizes;
        [sizes.rows.length, self.job.channels, sizes.columns.length].map(u64::from)
    }
}

/// Sums in units of 2⁻²² become samples: rounded to the nearest and clamped to 8 bits.
fn rounded(sums: &str, parts: &mut Parts) -> String {
    let half = parts.number(f64::from(1 << (kernel::PRECISION - 1)));
    let sums = parts.step("Add", &[sums, &half]);
    let unit = parts.number(f64::from(1 << kernel::PRECISION));
    let samples = parts.step("Div", &[&sums, &unit]);
    let samples = parts.step("Floor", &[&samples]);
    let (zero, most) = (parts.number(0.0), parts.number(255.0));
    let is_low = parts.step("Less", &[&samples, &zero]);
    let samples = parts.step("Where", &[&is_low, &zero, &samples]);
    let is_high = parts.step("Less", &[&most, &samples]);
    parts.step("Where", &[&is_high, &most, &samples])
}

/// The pixel under the centre of each target pixel, of the same form as [`antialiased`].
pub(super) fn nearest(image: &str, sizes: &Sizes, parts: &mut Parts) -> String {
    let rows = nearest_places(&sizes.rows, parts);
    let columns = nearest_places(&sizes.columns, parts);
    let picture = parts.gather(image, &rows, 0);
    let picture = parts.gather(&picture, &columns, 1);
    let picture = parts.transpose(&picture, &[0, 2, 1]);
    parts.cast(&picture, ElementType::Float64)
}

/// Source pixels of the kept target pixels, int64. Pillow adds the scale up from pixel to pixel; where a centre falls
/// between two pixels the rounding of that sum decides, so it is added up here, too.
fn nearest_places(axis: &Axis, parts: &mut Parts) -> String {
    let scale = kernel::scale(axis, parts);
    let half = parts.number(0.5);
    let first = parts.step("Mul", &[&half, &scale]);
    // Bars look up the first pixels and are painted over.
    let places = axis.places(parts);
    let zero = parts.integers(&[1], &[0]);
    let is_before = parts.step("Less", &[&places, &zero]);
    let places = parts.step("Where", &[&is_before, &zero, &places]);
    let length = parts.integers(&[1], &[i64::from(axis.length)]);
    let is_bar = parts.step("Less", &[&axis.start, &zero]);
    let start = parts.step("Where", &[&is_bar, &zero, &axis.start]);
    let others = parts.step("Add", &[&start, &length]);
    let steps = parts.step("Expand", &[&scale, &others]);
    let sum = parts.concat(&[&first, &steps]);
    let axis_zero = parts.integers(&[], &[0]);
    let centres = parts.step_with(
        "CumSum",
        &[&sum, &axis_zero],
        &[attribute("exclusive", AttributeValue::Integer(0))],
    );
    let centres = parts.gather(&centres, &places, 0);
    let centres = parts.step("Floor", &[&centres]);
    let found = parts.cast(&centres, ElementType::Int64);
    let one = parts.integers(&[1], &[1]);
    let last = parts.step("Sub", &[&axis.source, &one]);
    let is_past = parts.step("Less", &[&last, &found]);
    parts.step("Where", &[&is_past, &last, &found])
}
