//! New graph files out of what is needed of another.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use registry_schema::onnx::splice::Pieces;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    Anatomy, ControlFlow, InfoPart, InspectionPolicy, ModelPart, ModelPartKind, NodePart,
    TensorPart, inspect,
};

use super::ForgeError;
use crate::files::{AtomicFile, FileError};

/// Fields of `ModelProto` that are kept: versions, who made it, remarks.
const KEPT_MODEL_FIELDS: [u32; 4] = [1, 2, 3, 14];

/// Files of earlier versions had to list every stored tensor as an input.
pub(super) const FREE_TENSORS: i64 = 4;

/// What is needed of a graph to compute some of its values.
#[derive(Debug)]
pub(super) struct Needed<'a> {
    pub(super) nodes: Vec<&'a NodePart>,
    pub(super) tensors: Vec<&'a TensorPart>,
    /// Inputs that must be fed.
    pub(super) inputs: Vec<&'a InfoPart>,
    /// Inputs with a stored default.
    defaults: Vec<&'a InfoPart>,
    /// Names of all values on the way.
    values: HashSet<&'a str>,
}

impl<'a> Needed<'a> {
    pub(super) fn new(anatomy: &'a Anatomy, targets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values: HashSet<&str> = targets.into_iter().collect();
        // Nodes come after those they read from.
        let mut nodes: Vec<&NodePart> = Vec::new();
        for node in anatomy.nodes.iter().rev() {
            if node
                .outputs
                .iter()
                .any(|output| values.contains(output.as_str()))
            {
                values.extend(node.reads.iter().map(String::as_str));
                nodes.push(node);
            }
        }
        nodes.reverse();
        values.remove("");
        let tensors: Vec<&TensorPart> = anatomy
            .tensors
            .iter()
            .filter(|tensor| values.contains(tensor.name.as_str()))
            .collect();
        let stored: HashSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let read = anatomy
            .inputs
            .iter()
            .filter(|input| values.contains(input.name.as_str()));
        let (defaults, inputs) = read.partition(|input| stored.contains(input.name.as_str()));
        Self {
            nodes,
            tensors,
            inputs,
            defaults,
            values,
        }
    }

    /// Everything that is stored, in the graph or in nodes of its own.
    pub(super) fn stored(&self) -> impl Iterator<Item = &'a TensorPart> {
        let constants = self.nodes.iter().filter_map(|node| node.constant.as_ref());
        self.tensors.iter().copied().chain(constants)
    }
}

/// What a new file has beside what is kept of the old one.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// ValueInfoProto of the inputs.
    pub(super) inputs: Vec<Message>,
    /// Whether the inputs that must be fed are copied.
    pub(super) inputs_as_they_are: bool,
    /// ValueInfoProto of the outputs.
    pub(super) outputs: Vec<Message>,
    /// Where an output is that stays.
    pub(super) output_as_it_is: Option<Range<u64>>,
    /// Fields of the graph before the kept nodes.
    pub(super) front: Message,
    /// Fields of the graph after them.
    pub(super) tail: Message,
    /// Whether the shapes that the file states of values in between still hold.
    pub(super) states_values: bool,
    /// Stored tensors that come in the place of others.
    pub(super) replaced: Replaced,
}

/// Stored tensors in another form.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    /// Names of those that go.
    pub(super) names: HashSet<String>,
    /// Fields of the graph: those that come.
    pub(super) fields: Pieces,
}

impl Replaced {
    /// Only files of newer versions may store tensors that are no inputs.
    fn raises_version(&self, anatomy: &Anatomy) -> bool {
        anatomy.ir_version < FREE_TENSORS && !self.names.is_empty()
    }
}

impl Assembly {
    /// The file: kept parts are copied from the one that `anatomy` is of.
    pub(super) fn file(&self, anatomy: &Anatomy, needed: &Needed<'_>) -> Pieces {
        let mut file = Pieces::new();
        let raises_version = self.replaced.raises_version(anatomy);
        if raises_version {
            file.push(Message::new().integer(1, FREE_TENSORS).as_bytes());
        }
        for part in kept_of_model(anatomy, needed) {
            if !(raises_version && part.field == 1) {
                file.copy(0, part.at.clone());
            }
        }
        file.field(7, self.graph(anatomy, needed));
        file
    }

    fn graph(&self, anatomy: &Anatomy, needed: &Needed<'_>) -> Pieces {
        let mut graph = Pieces::new();
        graph.push(Message::new().text(2, &anatomy.name).as_bytes());
        for input in &self.inputs {
            graph.message(11, input);
        }
        if self.inputs_as_they_are {
            for input in &needed.inputs {
                graph.copy(0, input.at.clone());
            }
        }
        if anatomy.ir_version < FREE_TENSORS && !self.replaced.raises_version(anatomy) {
            for input in &needed.defaults {
                graph.copy(0, input.at.clone());
            }
        }
        graph.push(self.front.as_bytes());
        let stays = |tensor: &TensorPart| !self.replaced.names.contains(&tensor.name);
        for node in &needed.nodes {
            if node.constant.as_ref().is_none_or(stays) {
                graph.copy(0, node.at.clone());
            }
        }
        for tensor in needed.tensors.iter().filter(|tensor| stays(tensor)) {
            graph.copy(0, tensor.at.clone());
        }
        graph.append(self.replaced.fields.clone());
        if self.states_values {
            let stated = anatomy.values.iter();
            for info in stated.filter(|info| needed.values.contains(info.name.as_str())) {
                graph.copy(0, info.at.clone());
            }
        }
        graph.push(self.tail.as_bytes());
        if let Some(output) = &self.output_as_it_is {
            graph.copy(0, output.clone());
        }
        for output in &self.outputs {
            graph.message(12, output);
        }
        graph
    }
}

fn kept_of_model<'a>(
    anatomy: &'a Anatomy,
    needed: &Needed<'_>,
) -> impl Iterator<Item = &'a ModelPart> {
    let calls: HashSet<(String, String)> = needed
        .nodes
        .iter()
        .map(|node| (node.domain.clone(), node.operator.clone()))
        .collect();
    let is_called = |part: &ModelPart| match &part.kind {
        ModelPartKind::Function { domain, name } => calls.contains(&(domain.clone(), name.clone())),
        _ => false,
    };
    // A function may call others.
    let has_functions = anatomy.model.iter().any(is_called);
    anatomy.model.iter().filter(move |part| match &part.kind {
        ModelPartKind::OperatorSet { domain, .. } => {
            has_functions || domain.is_empty() || calls.iter().any(|call| call.0 == *domain)
        }
        ModelPartKind::Function { .. } => has_functions,
        ModelPartKind::Other => KEPT_MODEL_FIELDS.contains(&part.field),
    })
}

/// Whether a release may hold the graph at `path`, as far as that can be told without its manifest.
pub(super) fn check(path: &Path, allows_control_flow: bool) -> Result<(), ForgeError> {
    let error = |source| FileError::new("cannot read", path, source);
    let file = File::open(path).map_err(error)?;
    let size_bytes = file.metadata().map_err(error)?.len();
    let policy = InspectionPolicy {
        control_flow: match allows_control_flow {
            true => ControlFlow::Allowed,
            false => ControlFlow::Refused,
        },
        ..InspectionPolicy::default()
    };
    inspect(BufReader::new(file), size_bytes, &policy).map_err(ForgeError::Refused)?;
    Ok(())
}

/// Writes pieces of files to a file in the making.
pub(super) fn write(
    pieces: &Pieces,
    from: &mut [BufReader<File>],
    to: &mut AtomicFile,
) -> Result<(), ForgeError> {
    let written = pieces.write(from, to);
    Ok(written.map_err(|source| FileError::new("cannot write", "model.onnx", source))?)
}
