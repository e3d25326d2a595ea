//! What is read of ModelProto and everything below it. Names are the standard's
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>); what an inspection does not need (documentation
//! texts, quantisation remarks) is passed over.

use std::io::{Read, Seek};
use std::ops::Range;

use super::OnnxError;
use super::attribute::{Attribute, AttributeValue, read_attribute};
use super::error::quoted;
use super::messages::{FUNCTION, GRAPH, NODE, OPERATOR_SET, TEXT_ENTRY};
use super::tensor::{SparseTensor, Tensor, read_sparse_tensor, read_tensor};
use super::value::{ValueInfo, read_value_info};
use super::wire::{Field, WireReader};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) ir_version: i64,
    pub(super) opsets: Vec<OperatorSet>,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) graph: Option<Graph>,
    pub(super) functions: Vec<Function>,
    pub(super) has_training_info: bool,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) name: String,
    pub(super) nodes: Vec<Node>,
    pub(super) initializers: Vec<Tensor>,
    pub(super) sparse_initializers: Vec<SparseTensor>,
    pub(super) inputs: Vec<ValueInfo>,
    pub(super) outputs: Vec<ValueInfo>,
    pub(super) value_infos: Vec<ValueInfo>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) domain: String,
    pub(super) overload: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attributes: Vec<Attribute>,
    /// Where it is in the file.
    pub(super) at: Range<u64>,
}

#[derive(Debug)]
pub(super) struct OperatorSet {
    pub(super) domain: String,
    pub(super) version: i64,
}

#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) overload: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) opsets: Vec<OperatorSet>,
    pub(super) nodes: Vec<Node>,
    /// Defaults of the function's own attributes.
    pub(super) attributes: Vec<Attribute>,
}

impl Node {
    /// For error texts: the name, or the first output where there is none.
    pub(super) fn shown(&self) -> String {
        let name = if self.name.is_empty() {
            self.outputs.first().map_or("", String::as_str)
        } else {
            &self.name
        };
        quoted(name)
    }

    pub(super) fn subgraphs(&self) -> impl Iterator<Item = &Graph> {
        self.attributes
            .iter()
            .flat_map(|attribute| match &attribute.value {
                AttributeValue::Graphs(graphs) => graphs.as_slice(),
                _ => &[],
            })
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
            .map(|attribute| &attribute.value)
    }
}

/// Reads the outermost message to its end. Metadata values are cut to `metadata_bytes` bytes.
pub(super) fn read_model<R: Read + Seek>(
    reader: &mut WireReader<R>,
    metadata_bytes: u64,
) -> Result<Model, OnnxError> {
    let mut model = Model::default();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => model.ir_version = reader.int64(field)?,
            7 => model.graph = Some(read_graph(reader, field)?),
            8 => model.opsets.push(read_operator_set(reader, field)?),
            14 => model
                .metadata
                .push(read_text_entry(reader, field, metadata_bytes)?),
            20 => {
                model.has_training_info = true;
                reader.skip(field)?;
            }
            25 => model.functions.push(read_function(reader, field)?),
            _ => reader.skip(field)?,
        }
    }
    Ok(model)
}

pub(super) fn read_graph<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<Graph, OnnxError> {
    reader.keep(size_of::<Graph>() as u64)?;
    reader.enter(field, &GRAPH)?;
    let mut graph = Graph::default();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => graph.nodes.push(read_node(reader, field)?),
            2 => graph.name = reader.text(field)?,
            5 => graph.initializers.push(read_tensor(reader, field)?),
            11 => graph.inputs.push(read_value_info(reader, field)?),
            12 => graph.outputs.push(read_value_info(reader, field)?),
            13 => graph.value_infos.push(read_value_info(reader, field)?),
            15 => graph
                .sparse_initializers
                .push(read_sparse_tensor(reader, field)?),
            _ => reader.skip(field)?,
        }
    }
    Ok(graph)
}

fn read_node<R: Read + Seek>(reader: &mut WireReader<R>, field: Field) -> Result<Node, OnnxError> {
    let start = field.at;
    reader.keep(size_of::<Node>() as u64)?;
    reader.enter(field, &NODE)?;
    let mut node = Node::default();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => node.inputs.push(reader.text(field)?),
            2 => node.outputs.push(reader.text(field)?),
            3 => node.name = reader.text(field)?,
            4 => node.operator = reader.text(field)?,
            5 => node.attributes.push(read_attribute(reader, field)?),
            7 => node.domain = reader.text(field)?,
            8 => node.overload = reader.text(field)?,
            _ => reader.skip(field)?,
        }
    }
    if node.domain == "ai.onnx" {
        node.domain.clear();
    }
    node.at = start..reader.position();
    Ok(node)
}

pub(super) fn read_operator_set<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<OperatorSet, OnnxError> {
    reader.keep(size_of::<OperatorSet>() as u64)?;
    reader.enter(field, &OPERATOR_SET)?;
    let mut set = OperatorSet {
        domain: String::new(),
        version: 0,
    };
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => set.domain = reader.text(field)?,
            _ => set.version = reader.int64(field)?,
        }
    }
    if set.domain == "ai.onnx" {
        set.domain.clear();
    }
    Ok(set)
}

fn read_text_entry<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
    limit: u64,
) -> Result<(String, String), OnnxError> {
    reader.keep(size_of::<(String, String)>() as u64)?;
    reader.enter(field, &TEXT_ENTRY)?;
    let (mut key, mut value) = (String::new(), String::new());
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => key = reader.text(field)?,
            _ => {
                let (bytes, length) = reader.prefix(field, limit)?;
                value = String::from_utf8_lossy(&bytes).into_owned();
                if length > limit {
                    value.push('…');
                }
            }
        }
    }
    Ok((key, value))
}

pub(super) fn read_function<R: Read + Seek>(
    reader: &mut WireReader<R>,
    field: Field,
) -> Result<Function, OnnxError> {
    reader.keep(size_of::<Function>() as u64)?;
    reader.enter(field, &FUNCTION)?;
    let mut function = Function::default();
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => function.name = reader.text(field)?,
            4 => function.inputs.push(reader.text(field)?),
            5 => function.outputs.push(reader.text(field)?),
            7 => function.nodes.push(read_node(reader, field)?),
            9 => function.opsets.push(read_operator_set(reader, field)?),
            10 => function.domain = reader.text(field)?,
            11 => function.attributes.push(read_attribute(reader, field)?),
            13 => function.overload = reader.text(field)?,
            _ => reader.skip(field)?,
        }
    }
    if function.domain == "ai.onnx" {
        function.domain.clear();
    }
    Ok(function)
}
