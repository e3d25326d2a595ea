//! Which rule gives the outputs of which operator.

use super::super::ElementType;
use super::super::attribute::AttributeValue;
use super::super::graph::Node;
use super::{Known, Shape, Values, constant, layout, window};

/// A node with what is known of its inputs.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    pub(super) inputs: &'a [Option<&'a Known>],
    /// Version of the standard operators.
    pub(super) opset: i64,
}

impl Call<'_> {
    pub(super) fn input(&self, index: usize) -> Option<&Known> {
        self.inputs.get(index).copied().flatten()
    }

    pub(super) fn shape(&self, index: usize) -> Option<&Shape> {
        self.input(index)?.shape.as_ref()
    }

    /// True when the input is not given at all, which means its default.
    pub(super) fn is_absent(&self, index: usize) -> bool {
        self.node.inputs.get(index).is_none_or(String::is_empty)
    }

    /// The values of an integer input that is a small constant.
    pub(super) fn integers(&self, index: usize) -> Option<&[i64]> {
        self.input(index)?.constant_integers()
    }

    pub(super) fn bits(&self, index: usize) -> u64 {
        self.input(index).map_or(0, |known| known.bits)
    }

    pub(super) fn integer_attribute(&self, name: &str, default: i64) -> i64 {
        match self.node.attribute(name) {
            Some(AttributeValue::Integer(value)) => *value,
            _ => default,
        }
    }

    pub(super) fn integers_attribute(&self, name: &str) -> Option<&[i64]> {
        match self.node.attribute(name) {
            Some(AttributeValue::Integers(values)) => Some(values),
            _ => None,
        }
    }

    pub(super) fn text_attribute<'b>(&'b self, name: &str, default: &'b str) -> &'b str {
        match self.node.attribute(name) {
            Some(AttributeValue::Text(text)) => std::str::from_utf8(text).unwrap_or(default),
            _ => default,
        }
    }

    /// From the input where newer operator sets have it, from the attribute in older ones; `Some(None)` is absent.
    pub(super) fn axes(&self, index: usize) -> Option<Option<&[i64]>> {
        if let Some(axes) = self.integers_attribute("axes") {
            Some(Some(axes))
        } else if self.is_absent(index) {
            Some(None)
        } else {
            self.integers(index).map(Some)
        }
    }
}

/// What is known of the outputs of `node`; shorter than its outputs, or empty, where nothing is.
pub(super) fn outputs(node: &Node, inputs: &[Option<&Known>], opset: i64) -> Vec<Known> {
    let has_references = node
        .attributes
        .iter()
        .any(|attribute| matches!(attribute.value, AttributeValue::Reference));
    if has_references || !node.domain.is_empty() {
        return Vec::new();
    }
    let call = Call {
        node,
        inputs,
        opset,
    };
    first_output(&call).into_iter().collect()
}

/// The first output is the one that counts: others are masks and statistics of the same size or smaller.
fn first_output(call: &Call<'_>) -> Option<Known> {
    match call.node.operator.as_str() {
        "Identity" => call.input(0).cloned(),
        "Relu"
        | "LeakyRelu"
        | "PRelu"
        | "Sigmoid"
        | "Tanh"
        | "Clip"
        | "HardSigmoid"
        | "HardSwish"
        | "Elu"
        | "Selu"
        | "Celu"
        | "Gelu"
        | "Mish"
        | "Softplus"
        | "Softsign"
        | "ThresholdedRelu"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Abs"
        | "Neg"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Reciprocal"
        | "Sign"
        | "Erf"
        | "Sin"
        | "Cos"
        | "Dropout"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "LRN"
        | "Softmax"
        | "LogSoftmax"
        | "Hardmax"
        | "CumSum"
        | "Trilu" => same_shape(call, call.bits(0)),
        "Not" | "IsNaN" | "IsInf" => same_shape(call, ElementType::Bool.bits()),
        "QuantizeLinear" => same_shape(call, 2),
        "DequantizeLinear" => same_shape(call, 16),
        "Cast" => cast(call),
        "Add" | "Sub" | "Mul" | "Div" => layout::arithmetic(call),
        "Pow" | "Mod" | "Min" | "Max" | "Mean" | "Sum" => layout::broadcast(call, 0, call.bits(0)),
        "And" | "Or" | "Xor" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => {
            layout::broadcast(call, 0, ElementType::Bool.bits())
        }
        "Where" => layout::broadcast(call, 0, call.bits(1)),
        "MatMul" => layout::matrix_product(call),
        "Gemm" => layout::gemm(call),
        "Concat" => layout::concat(call),
        "Flatten" => layout::flatten(call),
        "Reshape" => layout::reshape(call),
        "Transpose" => layout::transpose(call),
        "Squeeze" => layout::squeeze(call),
        "Unsqueeze" => layout::unsqueeze(call),
        "Gather" => layout::gather(call),
        "Slice" => layout::slice(call),
        "Shape" => layout::shape(call),
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1"
        | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => {
            layout::reduce(call)
        }
        "Conv" => window::convolution(call),
        "ConvTranspose" => window::transposed_convolution(call),
        "MaxPool" | "AveragePool" | "LpPool" => window::pool(call),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => window::global_pool(call),
        "Constant" => constant::constant(call),
        "ConstantOfShape" => constant::constant_of_shape(call),
        "Expand" => constant::expand(call),
        "Tile" => constant::tile(call),
        "Range" => constant::range(call),
        "Resize" | "Upsample" => constant::resize(call),
        "Pad" => constant::pad(call),
        "OneHot" => constant::one_hot(call),
        "RandomNormal" | "RandomUniform" => constant::random(call),
        _ => None,
    }
}

fn same_shape(call: &Call<'_>, bits: u64) -> Option<Known> {
    Some(Known::shaped(call.shape(0)?.clone(), bits))
}

fn cast(call: &Call<'_>) -> Option<Known> {
    let code = i32::try_from(call.integer_attribute("to", 0)).ok()?;
    let element = ElementType::from_code(code)?;
    let values = call.integers(0).filter(|_| element == ElementType::Int64);
    let values = values.map(|values| Values::Integers(values.to_vec()));
    Some(Known {
        bits: element.bits(),
        values,
        ..call.input(0)?.clone()
    })
}
