//! The messages of an ONNX file and the fields that each of them has: what stands in none of these lists is refused.
//! Everybody who walks through a file, here or elsewhere, knows the messages from here.
//!
//! Source: `onnx.proto` of ONNX.

use super::wire::MessageKind;

/// The whole file. Device configurations (field 26) are refused: they address hardware, not mathematics.
pub static MODEL: MessageKind = MessageKind {
    name: "ModelProto",
    single: &[1, 2, 3, 4, 5, 6, 7],
    repeated: &[8, 14, 20, 25],
};
/// Nodes, weights, inputs and outputs.
pub static GRAPH: MessageKind = MessageKind {
    name: "GraphProto",
    single: &[2, 10],
    repeated: &[1, 5, 11, 12, 13, 14, 15, 16],
};
/// An operator with its inputs and outputs.
pub static NODE: MessageKind = MessageKind {
    name: "NodeProto",
    single: &[3, 4, 6, 7, 8],
    repeated: &[1, 2, 5, 9],
};
/// An operator set with its version.
pub static OPERATOR_SET: MessageKind = MessageKind {
    name: "OperatorSetIdProto",
    single: &[1, 2],
    repeated: &[],
};
/// A key with its text.
pub static TEXT_ENTRY: MessageKind = MessageKind {
    name: "StringStringEntryProto",
    single: &[1, 2],
    repeated: &[],
};
/// An operator that is made of others.
pub static FUNCTION: MessageKind = MessageKind {
    name: "FunctionProto",
    single: &[1, 8, 10, 13],
    repeated: &[4, 5, 6, 7, 9, 11, 12, 14],
};
/// A setting of a node.
pub static ATTRIBUTE: MessageKind = MessageKind {
    name: "AttributeProto",
    single: &[1, 2, 3, 4, 5, 6, 13, 14, 20, 21, 22],
    repeated: &[7, 8, 9, 10, 11, 15, 23],
};
/// Stored numbers.
pub static TENSOR: MessageKind = MessageKind {
    name: "TensorProto",
    single: &[2, 3, 8, 9, 12, 14],
    repeated: &[1, 4, 5, 6, 7, 10, 11, 13, 16],
};
/// Stored numbers, most of which are zero.
pub static SPARSE_TENSOR: MessageKind = MessageKind {
    name: "SparseTensorProto",
    single: &[1, 2],
    repeated: &[3],
};
/// A value with its type.
pub static VALUE_INFO: MessageKind = MessageKind {
    name: "ValueInfoProto",
    single: &[1, 2, 3],
    repeated: &[4],
};
/// The type of a value.
pub static TYPE: MessageKind = MessageKind {
    name: "TypeProto",
    single: &[1, 4, 5, 6, 7, 8, 9],
    repeated: &[],
};
/// Element type and shape.
pub static TENSOR_TYPE: MessageKind = MessageKind {
    name: "TypeProto.Tensor",
    single: &[1, 2],
    repeated: &[],
};
/// The dimensions of a value.
pub static SHAPE: MessageKind = MessageKind {
    name: "TensorShapeProto",
    single: &[],
    repeated: &[1],
};
/// A dimension, fixed or named.
pub static DIMENSION: MessageKind = MessageKind {
    name: "TensorShapeProto.Dimension",
    single: &[1, 2, 3],
    repeated: &[],
};
