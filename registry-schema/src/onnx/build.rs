//! Messages of a graph file, built in memory: nodes, tensors, values. Field numbers are the standard's.

use super::Dimension;
use super::element::ElementType;
use super::write::Message;

/// The value of an operator's attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AttributeValue<'a> {
    /// A number.
    Float(f32),
    /// An integer.
    Integer(i64),
    /// A list of integers.
    Integers(&'a [i64]),
}

/// AttributeProto (field 5 of a node).
pub fn attribute(name: &str, value: AttributeValue<'_>) -> Message {
    let message = Message::new().text(1, name);
    match value {
        AttributeValue::Float(value) => message.float(2, value).integer(20, 1),
        AttributeValue::Integer(value) => message.integer(3, value).integer(20, 2),
        AttributeValue::Integers(values) => values
            .iter()
            .fold(message, |message, &value| message.integer(8, value))
            .integer(20, 7),
    }
}

/// AttributeProto that holds a tensor, such as the `value` of a `Constant`.
pub fn tensor_attribute(name: &str, tensor: &Message) -> Message {
    Message::new()
        .text(1, name)
        .message(5, tensor)
        .integer(20, 4)
}

/// AttributeProto that holds a graph, such as a branch of an `If`.
pub fn graph_attribute(name: &str, graph: &Message) -> Message {
    Message::new()
        .text(1, name)
        .message(6, graph)
        .integer(20, 5)
}

/// NodeProto (field 1 of a graph) of a standard operator, named after its first output.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Message]) -> Message {
    let mut message = Message::new();
    for input in inputs {
        message = message.text(1, input);
    }
    for output in outputs {
        message = message.text(2, output);
    }
    message = message
        .text(3, outputs.first().copied().unwrap_or_default())
        .text(4, operator);
    attributes
        .iter()
        .fold(message, |message, attribute| message.message(5, attribute))
}

/// TensorProto of float32 values in row-major order (field 5 of a graph as an initializer).
pub fn float_tensor(name: &str, dimensions: &[u64], values: impl Iterator<Item = f32>) -> Message {
    let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    tensor(name, dimensions, 1, &bytes)
}

/// TensorProto of float64 values in row-major order.
pub fn double_tensor(name: &str, dimensions: &[u64], values: &[f64]) -> Message {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    tensor(name, dimensions, 11, &bytes)
}

/// TensorProto of int64 values in row-major order.
pub fn int64_tensor(name: &str, dimensions: &[u64], values: &[i64]) -> Message {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    tensor(name, dimensions, 7, &bytes)
}

fn tensor(name: &str, dimensions: &[u64], code: i64, bytes: &[u8]) -> Message {
    let message = dimensions.iter().fold(Message::new(), |message, &size| {
        message.integer(1, size.cast_signed())
    });
    message.integer(2, code).text(8, name).bytes(9, bytes)
}

/// ValueInfoProto of a tensor (fields 11, 12 and 13 of a graph).
pub fn value_info(name: &str, element: ElementType, shape: &[Dimension]) -> Message {
    let shape = shape.iter().fold(Message::new(), |message, dimension| {
        let dimension = match dimension {
            Dimension::Fixed(size) => Message::new().integer(1, size.cast_signed()),
            Dimension::Named(name) => Message::new().text(2, name),
            Dimension::Unknown => Message::new(),
        };
        message.message(1, &dimension)
    });
    let tensor = Message::new().integer(1, element.code()).message(2, &shape);
    Message::new()
        .text(1, name)
        .message(2, &Message::new().message(1, &tensor))
}

/// The parts of a ModelProto beside its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelHeader<'a> {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of the standard operators.
    pub opset: i64,
    /// Name of the writing program.
    pub producer: &'a str,
    /// Remarks, key and value.
    pub metadata: &'a [(String, String)],
}

impl ModelHeader<'_> {
    /// ModelProto with `graph`, a GraphProto.
    pub fn with_graph(&self, graph: &Message) -> Message {
        let opset = Message::new().text(1, "").integer(2, self.opset);
        let message = Message::new()
            .integer(1, self.ir_version)
            .text(2, self.producer)
            .message(7, graph)
            .message(8, &opset);
        self.metadata.iter().fold(message, |message, (key, value)| {
            message.message(14, &metadata_entry(key, value))
        })
    }
}

/// StringStringEntryProto (field 14 of a ModelProto).
pub fn metadata_entry(key: &str, value: &str) -> Message {
    Message::new().text(1, key).text(2, value)
}
