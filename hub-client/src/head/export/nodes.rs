//! The head as nodes and constants of a graph.

use ndarray::ArrayView1;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, attribute, float_tensor, int64_tensor, node, tensor_attribute,
};

use super::{ExportTransform, LinearHead};

/// Added to squared lengths, so that the zero vector is divided by 1e-12, the same floor as in training, and any
/// vector longer than that is unchanged: 1e-24 is below the rounding of its square.
const SQUARED_LENGTH_FLOOR: f32 = 1e-24;

/// Where the numbers of a head are kept in a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constants {
    /// As initializers.
    Initializers,
    /// As `Constant` nodes: files before `ir_version` 4 had to list every initializer as an input.
    Nodes,
}

/// Nodes in order, and the tensors they read.
#[derive(Debug, Default)]
pub(super) struct HeadNodes {
    nodes: Vec<Message>,
    tensors: Vec<(String, Message)>,
}

/// Computes `output` (probabilities, `[batch, K]`) from `features` (`[batch, available]`). Every value in between is
/// named `prefix/…`.
pub(super) fn head_nodes(
    head: &LinearHead<'_>,
    features: &str,
    available: usize,
    prefix: &str,
    output: &str,
) -> HeadNodes {
    let mut builder = Builder {
        prefix,
        parts: HeadNodes::default(),
        current: features.to_owned(),
    };
    if available > head.dimension() {
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
    builder.scores(head);
    let axis = attribute("axis", AttributeValue::Integer(1));
    builder
        .parts
        .nodes
        .push(node("Softmax", &[&builder.current], &[output], &[axis]));
    builder.parts
}

/// Appends nodes that each work on the value of the one before.
struct Builder<'a> {
    prefix: &'a str,
    parts: HeadNodes,
    current: String,
}

impl Builder<'_> {
    fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Appends `operator` on the current value and `others`; its output becomes the current value.
    fn step(&mut self, operator: &str, others: &[&str], output: &str, attributes: &[Message]) {
        let output = self.named(output);
        let inputs: Vec<&str> = std::iter::once(self.current.as_str())
            .chain(others.iter().copied())
            .collect();
        self.parts
            .nodes
            .push(node(operator, &inputs, &[&output], attributes));
        self.current = output;
    }

    fn tensor(&mut self, name: &str, build: impl FnOnce(&str) -> Message) -> String {
        let name = self.named(name);
        let tensor = build(&name);
        self.parts.tensors.push((name.clone(), tensor));
        name
    }

    fn with_vector(
        &mut self,
        operator: &str,
        output: &str,
        name: &str,
        values: &ArrayView1<'_, f32>,
    ) {
        let vector = self.tensor(name, |name| {
            float_tensor(name, &[values.len() as u64], values.iter().copied())
        });
        self.step(operator, &[&vector], output, &[]);
    }

    fn with_scalar(&mut self, operator: &str, output: &str, name: &str, value: f32) {
        let scalar = self.tensor(name, |name| {
            float_tensor(name, &[1], std::iter::once(value))
        });
        self.step(operator, &[&scalar], output, &[]);
    }

    fn first_dimensions(&mut self, count: usize) {
        let indices: Vec<i64> = (0_i64..).take(count).collect();
        let indices = self.tensor("first_dimensions", |name| {
            int64_tensor(name, &[count as u64], &indices)
        });
        let axis = attribute("axis", AttributeValue::Integer(1));
        self.step("Gather", &[&indices], "first", &[axis]);
    }

    /// The sum of squares is a product with a column of ones: `ReduceSum` changed between operator sets.
    fn divide_by_length(&mut self, dimension: usize) {
        let rows = self.current.clone();
        let ones = std::iter::repeat_n(1.0, dimension);
        let ones = self.tensor("ones", |name| {
            float_tensor(name, &[dimension as u64, 1], ones)
        });
        self.step("Mul", &[&rows], "squares", &[]);
        self.step("MatMul", &[&ones], "squared_length", &[]);
        self.with_scalar(
            "Add",
            "squared_length_above_zero",
            "floor",
            SQUARED_LENGTH_FLOOR,
        );
        self.step("Sqrt", &[], "length", &[]);
        let length = std::mem::replace(&mut self.current, rows);
        self.step("Div", &[&length], "direction", &[]);
    }

    fn scores(&mut self, head: &LinearHead<'_>) {
        let (classes, dimension) = head.weights.dim();
        let sizes = [classes as u64, dimension as u64];
        let weights = self.tensor("weights", |name| {
            float_tensor(name, &sizes, head.weights.iter().copied())
        });
        let bias = self.tensor("bias", |name| {
            float_tensor(name, &sizes[..1], head.bias.iter().copied())
        });
        let transposed = attribute("transB", AttributeValue::Integer(1));
        self.step("Gemm", &[&weights, &bias], "scores", &[transposed]);
        self.with_scalar("Div", "calibrated_scores", "temperature", head.temperature);
    }
}

impl HeadNodes {
    /// Fields of a GraphProto: the nodes, and the constants where `constants` says.
    pub(super) fn into_graph_fields(self, constants: Constants) -> Message {
        let mut fields = Message::new();
        for (name, tensor) in &self.tensors {
            fields = match constants {
                Constants::Initializers => fields.message(5, tensor),
                Constants::Nodes => fields.message(
                    1,
                    &node(
                        "Constant",
                        &[],
                        &[name],
                        &[tensor_attribute("value", tensor)],
                    ),
                ),
            };
        }
        self.nodes
            .iter()
            .fold(fields, |fields, node| fields.message(1, node))
    }
}
