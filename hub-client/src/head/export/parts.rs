//! Nodes and constants in the making, to be appended to a graph.

use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, ElementType, attribute, double_tensor, float_tensor, int64_tensor, node,
    tensor_attribute,
};

/// Where constants are kept in a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constants {
    /// As initializers.
    Initializers,
    /// As `Constant` nodes: files before `ir_version` 4 had to list every initializer as an input.
    Nodes,
}

impl Constants {
    /// What a file of that version allows.
    pub(crate) fn of(ir_version: i64) -> Self {
        if ir_version < 4 {
            Self::Nodes
        } else {
            Self::Initializers
        }
    }
}

/// Nodes in order, and the constants they read. Every value is named `prefix/…`.
#[derive(Debug)]
pub(crate) struct Parts {
    prefix: String,
    nodes: Vec<Message>,
    tensors: Vec<(String, Message)>,
}

impl Parts {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            nodes: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// What begins every name.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The prefix of an inner graph.
    pub(crate) fn child(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Appends `operator` on `inputs`, with a result called `prefix/name`, which is returned.
    pub(crate) fn named(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) -> String {
        let output = format!("{}/{name}", self.prefix);
        self.output(&output, operator, inputs, attributes);
        output
    }

    /// Appends `operator` on `inputs`; the name of the result, which is returned, is a number and the operator.
    pub(crate) fn step(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.step_with(operator, inputs, &[])
    }

    /// The same with attributes.
    pub(crate) fn step_with(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) -> String {
        let name = format!("{}_{operator}", self.nodes.len());
        self.named(&name, operator, inputs, attributes)
    }

    /// Appends `operator` on `inputs` with a result of a name from outside.
    pub(crate) fn output(
        &mut self,
        output: &str,
        operator: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) {
        self.nodes
            .push(node(operator, inputs, &[output], attributes));
    }

    /// Appends a finished node.
    pub(crate) fn push(&mut self, node: Message) {
        self.nodes.push(node);
    }

    pub(crate) fn cast(&mut self, value: &str, to: ElementType) -> String {
        let to = attribute("to", AttributeValue::Integer(to.code()));
        self.step_with("Cast", &[value], &[to])
    }

    pub(crate) fn transpose(&mut self, value: &str, order: &[i64]) -> String {
        let order = attribute("perm", AttributeValue::Integers(order));
        self.step_with("Transpose", &[value], &[order])
    }

    pub(crate) fn reshape(&mut self, value: &str, sides: &[i64]) -> String {
        let sides = self.integers(&[sides.len() as u64], sides);
        self.step("Reshape", &[value, &sides])
    }

    pub(crate) fn concat(&mut self, values: &[&str]) -> String {
        let axis = attribute("axis", AttributeValue::Integer(0));
        self.step_with("Concat", values, &[axis])
    }

    pub(crate) fn gather(&mut self, values: &str, indices: &str, axis: i64) -> String {
        let axis = attribute("axis", AttributeValue::Integer(axis));
        self.step_with("Gather", &[values, indices], &[axis])
    }

    /// A constant of float32 called `prefix/name`.
    pub(crate) fn floats(
        &mut self,
        name: &str,
        sides: &[u64],
        values: impl Iterator<Item = f32>,
    ) -> String {
        self.tensor(name, |name| float_tensor(name, sides, values))
    }

    /// A constant of float64 without sides.
    pub(crate) fn number(&mut self, value: f64) -> String {
        self.doubles(&[], &[value])
    }

    pub(crate) fn doubles(&mut self, sides: &[u64], values: &[f64]) -> String {
        let name = self.next_constant();
        self.tensor(&name, |name| double_tensor(name, sides, values))
    }

    pub(crate) fn integers(&mut self, sides: &[u64], values: &[i64]) -> String {
        let name = self.next_constant();
        self.tensor(&name, |name| int64_tensor(name, sides, values))
    }

    fn next_constant(&self) -> String {
        format!("c{}", self.tensors.len())
    }

    fn tensor(&mut self, name: &str, build: impl FnOnce(&str) -> Message) -> String {
        let name = format!("{}/{name}", self.prefix);
        let tensor = build(&name);
        self.tensors.push((name.clone(), tensor));
        name
    }

    /// Fields of a GraphProto: the nodes, and the constants where `constants` says.
    pub(crate) fn into_graph_fields(self, constants: Constants) -> Message {
        let mut fields = Message::new();
        for (name, tensor) in &self.tensors {
            fields = match constants {
                Constants::Initializers => fields.message(5, tensor),
                Constants::Nodes => {
                    let value = tensor_attribute("value", tensor);
                    fields.message(1, &node("Constant", &[], &[name], &[value]))
                }
            };
        }
        self.nodes
            .iter()
            .fold(fields, |fields, node| fields.message(1, node))
    }
}
