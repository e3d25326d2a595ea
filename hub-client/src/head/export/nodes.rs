//! The head as nodes and constants of a graph.

use ndarray::ArrayView1;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{AttributeValue, attribute};

use super::parts::Parts;
use super::{ExportTransform, LinearHead, OutputNames, abstention};

/// Added to squared lengths, so that the zero vector is divided by 1e-12, the same floor as in training, and any
/// vector longer than that is unchanged: 1e-24 is below the rounding of its square.
const SQUARED_LENGTH_FLOOR: f32 = 1e-24;

/// What the nodes read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// Name of the features, `[batch, dimension]`.
    pub(super) features: &'a str,
    /// Length of a vector.
    pub(super) dimension: usize,
    /// Version of the standard operators.
    pub(super) opset: i64,
}

/// Computes `outputs` from features. Every value in between is named `prefix/…`.
pub(super) fn head_nodes(
    head: &LinearHead<'_>,
    source: Source<'_>,
    prefix: &str,
    outputs: &OutputNames,
) -> Parts {
    let mut builder = Builder {
        parts: Parts::new(prefix),
        current: source.features.to_owned(),
    };
    if source.dimension > head.dimension() {
        builder.first_dimensions(head.dimension());
    }
    match &head.transform {
        ExportTransform::Standardise { mean, scale } => {
            builder.with_vector("Sub", "centred", "mean", mean);
            builder.with_vector("Div", "standardised", "scale", scale);
        }
        ExportTransform::CentredL2 { mean } => {
            builder.with_vector("Sub", "centred", "mean", mean);
            builder.divide_by_length(head.dimension());
        }
        ExportTransform::L2 => builder.divide_by_length(head.dimension()),
        ExportTransform::None => {}
    }
    let rows = builder.current.clone();
    builder.scores(head);
    let axis = attribute("axis", AttributeValue::Integer(1));
    let Builder { mut parts, current } = builder;
    parts.output(&outputs.probabilities, "Softmax", &[&current], &[axis]);
    abstention::plausible(head, outputs, &mut parts);
    abstention::unlike(head, &rows, source.opset, outputs, &mut parts);
    parts
}

/// The length of each row of `rows`, `[batch, dimension]`, as `[batch, 1]`. The sum of squares is a product with a
/// column of ones: `ReduceSum` changed between operator sets.
pub(crate) fn lengths(rows: &str, dimension: usize, name: &str, parts: &mut Parts) -> String {
    let ones = std::iter::repeat_n(1.0, dimension);
    let ones = parts.floats(&format!("{name}_ones"), &[dimension as u64, 1], ones);
    let squares = parts.named(&format!("{name}_squares"), "Mul", &[rows, rows], &[]);
    let squared = parts.step("MatMul", &[&squares, &ones]);
    let floor = std::iter::once(SQUARED_LENGTH_FLOOR);
    let floor = parts.floats(&format!("{name}_floor"), &[1], floor);
    let squared = parts.step("Add", &[&squared, &floor]);
    parts.named(name, "Sqrt", &[&squared], &[])
}

/// Appends nodes that each work on the value of the one before.
struct Builder {
    parts: Parts,
    current: String,
}

impl Builder {
    /// Appends `operator` on the current value and `others`; its output becomes the current value.
    fn step(&mut self, operator: &str, others: &[&str], output: &str, attributes: &[Message]) {
        let inputs: Vec<&str> = std::iter::once(self.current.as_str())
            .chain(others.iter().copied())
            .collect();
        self.current = self.parts.named(output, operator, &inputs, attributes);
    }

    fn with_vector(
        &mut self,
        operator: &str,
        output: &str,
        name: &str,
        values: &ArrayView1<'_, f32>,
    ) {
        let sides = [values.len() as u64];
        let vector = self.parts.floats(name, &sides, values.iter().copied());
        self.step(operator, &[&vector], output, &[]);
    }

    fn first_dimensions(&mut self, count: usize) {
        let indices: Vec<i64> = (0_i64..).take(count).collect();
        let indices = self.parts.integers(&[count as u64], &indices);
        let axis = attribute("axis", AttributeValue::Integer(1));
        self.step("Gather", &[&indices], "first", &[axis]);
    }

    fn divide_by_length(&mut self, dimension: usize) {
        let length = lengths(&self.current, dimension, "length", &mut self.parts);
        self.step("Div", &[&length], "direction", &[]);
    }

    fn scores(&mut self, head: &LinearHead<'_>) {
        let (classes, dimension) = head.weights.dim();
        let sizes = [classes as u64, dimension as u64];
        let weights = head.weights.iter().copied();
        let weights = self.parts.floats("weights", &sizes, weights);
        let bias = head.bias.iter().copied();
        let bias = self.parts.floats("bias", &sizes[..1], bias);
        let transposed = attribute("transB", AttributeValue::Integer(1));
        self.step("Gemm", &[&weights, &bias], "scores", &[transposed]);
        let temperature = std::iter::once(head.temperature);
        let temperature = self.parts.floats("temperature", &[1], temperature);
        self.step("Div", &[&temperature], "calibrated_scores", &[]);
    }
}
