//! Operators that mean the same in a newer operator set, so that a graph may be read by it as it stands.

use registry_schema::onnx::{Anatomy, ModelPartKind};

use super::super::assembly::Needed;

/// Operators and the versions of the standard set at which their meaning, inputs or attributes changed. What came
/// in between only allowed more: types, defaults, axes counted from the end. From the standard's changelog
/// (<https://github.com/onnx/onnx/blob/main/docs/Changelog.md>), sets 7 to 22; an operator that is not listed is not known.
const CHANGES: &[(&str, &[i64])] = &[
    ("Abs", &[]),
    ("Add", &[]),
    ("And", &[]),
    ("ArgMax", &[]),
    ("ArgMin", &[]),
    ("AveragePool", &[19]),
    ("BatchNormalization", &[9]),
    ("Cast", &[19]),
    ("Ceil", &[]),
    ("Clip", &[11]),
    ("Concat", &[]),
    ("Constant", &[]),
    ("ConstantOfShape", &[]),
    ("Conv", &[]),
    ("ConvTranspose", &[]),
    ("Cos", &[]),
    ("CumSum", &[]),
    ("DepthToSpace", &[11]),
    ("Div", &[]),
    ("Dropout", &[12]),
    ("Einsum", &[]),
    ("Elu", &[]),
    ("Equal", &[]),
    ("Erf", &[]),
    ("Exp", &[]),
    ("Expand", &[]),
    ("Flatten", &[]),
    ("Floor", &[]),
    ("Gather", &[]),
    ("GatherElements", &[]),
    ("Gelu", &[]),
    ("Gemm", &[]),
    ("GlobalAveragePool", &[]),
    ("GlobalMaxPool", &[]),
    ("Greater", &[]),
    ("GroupNormalization", &[21]),
    ("HardSigmoid", &[]),
    ("HardSwish", &[]),
    ("Identity", &[]),
    ("InstanceNormalization", &[]),
    ("LRN", &[]),
    ("LayerNormalization", &[]),
    ("LeakyRelu", &[]),
    ("Less", &[]),
    ("Log", &[]),
    ("LogSoftmax", &[13]),
    ("LpNormalization", &[]),
    ("MatMul", &[]),
    ("Max", &[]),
    ("MaxPool", &[]),
    ("Mean", &[]),
    ("Min", &[]),
    ("Mish", &[]),
    ("Mul", &[]),
    ("Neg", &[]),
    ("Not", &[]),
    ("Or", &[]),
    ("PRelu", &[]),
    ("Pad", &[11]),
    ("Pow", &[]),
    ("Range", &[]),
    ("Reciprocal", &[]),
    ("ReduceL1", &[18]),
    ("ReduceL2", &[18]),
    ("ReduceMax", &[18]),
    ("ReduceMean", &[18]),
    ("ReduceMin", &[18]),
    ("ReduceProd", &[18]),
    ("ReduceSum", &[13]),
    ("ReduceSumSquare", &[18]),
    ("Relu", &[]),
    ("Reshape", &[]),
    ("Resize", &[11, 13, 18, 19]),
    ("Round", &[]),
    ("Selu", &[]),
    ("Shape", &[]),
    ("Sigmoid", &[]),
    ("Sign", &[]),
    ("Sin", &[]),
    ("Slice", &[10]),
    ("Softmax", &[13]),
    ("Softplus", &[]),
    ("SpaceToDepth", &[]),
    ("Split", &[13, 18]),
    ("Sqrt", &[]),
    ("Squeeze", &[13]),
    ("Sub", &[]),
    ("Sum", &[]),
    ("Tanh", &[]),
    ("Tile", &[]),
    ("Transpose", &[]),
    ("Unsqueeze", &[13]),
    ("Where", &[]),
];

/// The newest set that was looked at: past it nothing is known.
const NEWEST: i64 = 22;

/// The first operator of a graph whose meaning is another one, or not known, in set `to`.
pub(super) fn first_changed<'a>(
    anatomy: &Anatomy,
    needed: &Needed<'a>,
    to: i64,
) -> Option<&'a str> {
    let from = anatomy.opset;
    if from == to {
        return None;
    }
    let keeps = |operator: &str| {
        let changes = CHANGES.iter().find(|(name, _)| *name == operator);
        let is_same = |changes: &[i64]| changes.iter().all(|&at| at <= from || at > to);
        to <= NEWEST && changes.is_some_and(|(_, changes)| is_same(changes))
    };
    // What inner graphs call is not looked at.
    let changed = |node: &&&registry_schema::onnx::NodePart| {
        node.has_graphs || (node.domain.is_empty() && !keeps(&node.operator))
    };
    needed
        .nodes
        .iter()
        .find(changed)
        .map(|node| node.operator.as_str())
}

/// Version of the operators for machine learning (`ai.onnx.ml`), where a node needs them.
pub(super) fn learning_set(anatomy: &Anatomy, needed: &Needed<'_>) -> Option<i64> {
    let is_used = needed.nodes.iter().any(|node| node.domain == LEARNING);
    let version = anatomy.model.iter().find_map(|part| match &part.kind {
        ModelPartKind::OperatorSet { domain, version } if domain == LEARNING => Some(*version),
        _ => None,
    });
    version.filter(|_| is_used)
}

/// The other domain that releases may use.
pub(super) const LEARNING: &str = "ai.onnx.ml";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_table_is_in_order_and_within_the_sets_it_is_of() {
        assert!(CHANGES.is_sorted_by(|one, other| one.0 < other.0));
        let mut versions = CHANGES.iter().flat_map(|(_, changes)| changes.iter());
        assert!(versions.all(|version| (8..=NEWEST).contains(version)));
    }
}
