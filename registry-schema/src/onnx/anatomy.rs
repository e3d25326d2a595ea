//! Where everything is in a graph file, for whoever takes parts out of it, adds some, or changes them.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};
use std::ops::Range;

use super::OnnxError;
use super::attribute::AttributeValue;
use super::element::ElementType;
use super::graph::{Function, Graph, Model, Node, read_function, read_graph, read_operator_set};
use super::inspection::Dimension;
use super::messages::MODEL;
use super::operators::check_header;
use super::scope::check_graph;
use super::shapes::{known_values, standard_opset};
use super::tensor::Tensor;
use super::value::ValueInfo;
use super::wire::WireReader;

/// The parts of a graph file. Names are unique, and nodes come after those they read from. Unlike an inspection it
/// says nothing of whether the file may be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Anatomy {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of the standard operators; 0 when none is stated.
    pub opset: i64,
    /// Fields of the file beside the graph, in order.
    pub model: Vec<ModelPart>,
    /// Name of the graph.
    pub name: String,
    /// Nodes, in order.
    pub nodes: Vec<NodePart>,
    /// Stored tensors.
    pub tensors: Vec<TensorPart>,
    /// Declared inputs, those with a stored default included.
    pub inputs: Vec<InfoPart>,
    /// Declared outputs.
    pub outputs: Vec<InfoPart>,
    /// Shapes that the file states of values in between.
    pub values: Vec<InfoPart>,
    /// What follows of values without running anything, by name.
    pub known: HashMap<String, KnownValue>,
}

/// A field of a file beside its graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPart {
    /// Its number in `ModelProto`.
    pub field: u32,
    /// Its bytes in the file, tag included.
    pub at: Range<u64>,
    /// What it is.
    pub kind: ModelPartKind,
}

/// What a field of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPartKind {
    /// A version of operators of a domain, empty for the standard one.
    OperatorSet {
        /// The domain.
        domain: String,
        /// Its version.
        version: i64,
    },
    /// A function that nodes may call.
    Function {
        /// Domain of the call.
        domain: String,
        /// Operator of the call.
        name: String,
    },
    /// Anything else.
    Other,
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePart {
    /// Its bytes in the file, tag included.
    pub at: Range<u64>,
    /// For error texts, quoted: its name, or the first output where it has none.
    pub shown: String,
    /// Operator.
    pub operator: String,
    /// Domain of the operator, empty for the standard one.
    pub domain: String,
    /// Values it reads; an empty name is an input that is not given. What its inner graphs read of the outer one comes last.
    pub reads: Vec<String>,
    /// Values it makes; an empty name is an output nobody wants.
    pub outputs: Vec<String>,
    /// The tensor it holds, under the name of its output, when that is all it does: an operator `Constant`.
    pub constant: Option<TensorPart>,
    /// Whether it holds graphs of its own.
    pub has_graphs: bool,
}

/// A stored tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorPart {
    /// Its bytes in the file, tag included.
    pub at: Range<u64>,
    /// Its name.
    pub name: String,
    /// Type of its numbers.
    pub element: ElementType,
    /// Its sides.
    pub dimensions: Vec<u64>,
    /// Where its numbers are, when they lie in one piece, little-endian.
    pub data: Option<Range<u64>>,
    /// Whether only what is not zero is stored.
    pub is_sparse: bool,
}

/// A declared input, output or value in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfoPart {
    /// Its bytes in the file, tag included.
    pub at: Range<u64>,
    /// Its name.
    pub name: String,
    /// Type of its elements; none when it is not a tensor, or not stated.
    pub element: Option<ElementType>,
    /// Its sides; none when not even their number is stated.
    pub shape: Option<Vec<Dimension>>,
}

/// What follows of a value without running anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownValue {
    /// Sizes of its dimensions, where they are known.
    pub shape: Vec<Option<u64>>,
    /// Bits of an element, at least; 0 when nothing is known.
    pub bits: u64,
}

/// Reads where everything is in the ONNX file of `size_bytes` bytes that starts at the reader's position 0. Weights are
/// passed over.
///
/// # Errors
/// A file that does not parse, holds external data or no graph, or whose values are used before they are made.
pub fn anatomy<R: Read + Seek>(reader: R, size_bytes: u64) -> Result<Anatomy, OnnxError> {
    let mut wire = WireReader::new(reader, size_bytes, &MODEL);
    let mut model = Model::default();
    let mut parts = Vec::new();
    while let Some(field) = wire.next_field()? {
        let mut kind = ModelPartKind::Other;
        match field.number {
            1 => model.ir_version = wire.int64(field)?,
            7 => {
                model.graph = Some(read_graph(&mut wire, field)?);
                continue;
            }
            8 => {
                let set = read_operator_set(&mut wire, field)?;
                kind = ModelPartKind::OperatorSet {
                    domain: set.domain.clone(),
                    version: set.version,
                };
                model.opsets.push(set);
            }
            25 => {
                let function = read_function(&mut wire, field)?;
                kind = kind_of(&function);
                model.functions.push(function);
            }
            _ => wire.skip(field)?,
        }
        parts.push(ModelPart {
            field: field.number,
            at: field.at..wire.position(),
            kind,
        });
    }
    wire.finish()?;
    let graph = model.graph.take().ok_or(OnnxError::NoGraph)?;
    check_header(&model)?;
    check_graph(&graph)?;
    let known = known_values(&model, &graph)?;
    let known = known
        .into_iter()
        .map(|(name, (shape, bits))| (name, KnownValue { shape, bits }));
    Ok(Anatomy {
        ir_version: model.ir_version,
        opset: standard_opset(&model.opsets),
        model: parts,
        known: known.collect(),
        nodes: graph.nodes.iter().map(node_part).collect(),
        tensors: tensor_parts(&graph),
        inputs: graph.inputs.into_iter().map(info_part).collect(),
        outputs: graph.outputs.into_iter().map(info_part).collect(),
        values: graph.value_infos.into_iter().map(info_part).collect(),
        name: graph.name,
    })
}

impl Anatomy {
    /// Inputs that must be fed: those without a stored default.
    pub fn open_inputs(&self) -> impl Iterator<Item = &InfoPart> {
        let stored: HashSet<&str> = self.tensors.iter().map(|one| one.name.as_str()).collect();
        let inputs = self.inputs.iter();
        inputs.filter(move |input| !stored.contains(input.name.as_str()))
    }
}

fn kind_of(function: &Function) -> ModelPartKind {
    ModelPartKind::Function {
        domain: function.domain.clone(),
        name: function.name.clone(),
    }
}

fn node_part(node: &Node) -> NodePart {
    let mut reads = node.inputs.clone();
    for graph in node.subgraphs() {
        read_outside(graph, &HashSet::new(), &mut reads);
    }
    NodePart {
        at: node.at.clone(),
        shown: node.shown(),
        operator: node.operator.clone(),
        domain: node.domain.clone(),
        reads,
        outputs: node.outputs.clone(),
        constant: constant_of(node),
        has_graphs: node.subgraphs().next().is_some(),
    }
}

/// The tensor of a `Constant` that has one; those with a number or a text have too little to be of interest.
fn constant_of(node: &Node) -> Option<TensorPart> {
    let is_constant = node.operator == "Constant" && node.domain.is_empty();
    let Some(AttributeValue::Tensors(tensors)) = node.attribute("value").filter(|_| is_constant)
    else {
        return None;
    };
    Some(TensorPart {
        name: node.outputs.first()?.clone(),
        ..tensor_part(tensors.first()?)
    })
}

/// What an inner graph reads that is defined in none of the graphs from the node on.
fn read_outside<'a>(graph: &'a Graph, around: &HashSet<&'a str>, reads: &mut Vec<String>) {
    let mut defined = around.clone();
    let sparse = graph.sparse_initializers.iter().map(|one| &one.values);
    defined.extend(
        graph
            .initializers
            .iter()
            .chain(sparse)
            .map(|one| one.name.as_str()),
    );
    defined.extend(graph.inputs.iter().map(|input| input.name.as_str()));
    for node in &graph.nodes {
        let outside = node
            .inputs
            .iter()
            .filter(|value| !defined.contains(value.as_str()));
        reads.extend(outside.cloned());
        for inner in node.subgraphs() {
            read_outside(inner, &defined, reads);
        }
        defined.extend(node.outputs.iter().map(String::as_str));
    }
    let results = graph.outputs.iter().map(|output| &output.name);
    reads.extend(
        results
            .filter(|value| !defined.contains(value.as_str()))
            .cloned(),
    );
}

fn tensor_parts(graph: &Graph) -> Vec<TensorPart> {
    let dense = graph.initializers.iter().map(tensor_part);
    let sparse = graph.sparse_initializers.iter().map(|one| TensorPart {
        at: one.at.clone(),
        dimensions: one.dimensions.clone(),
        data: None,
        is_sparse: true,
        ..tensor_part(&one.values)
    });
    dense.chain(sparse).collect()
}

fn tensor_part(tensor: &Tensor) -> TensorPart {
    TensorPart {
        at: tensor.at.clone(),
        name: tensor.name.clone(),
        element: tensor.element,
        dimensions: tensor.dimensions.clone(),
        data: tensor.data.clone(),
        is_sparse: false,
    }
}

fn info_part(info: ValueInfo) -> InfoPart {
    InfoPart {
        at: info.at,
        name: info.name,
        element: info.element,
        shape: info.shape,
    }
}
