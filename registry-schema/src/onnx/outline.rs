//! The names in a graph file, for whoever adds to it.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::OnnxError;
use super::graph::{Graph, Node, read_model};
use super::messages::MODEL;
use super::wire::WireReader;

/// Every name of a value or node in the file of `size_bytes` bytes that starts at the reader's position, those in
/// subgraphs included.
///
/// # Errors
/// A file that does not parse, or holds no graph.
pub fn names_in<R: Read + Seek>(reader: R, size_bytes: u64) -> Result<HashSet<String>, OnnxError> {
    let mut wire = WireReader::new(reader, size_bytes, &MODEL);
    let model = read_model(&mut wire, 0)?;
    wire.finish()?;
    let mut names = HashSet::new();
    collect_graph(&model.graph.ok_or(OnnxError::NoGraph)?, &mut names);
    Ok(names)
}

fn collect_graph(graph: &Graph, names: &mut HashSet<String>) {
    let sparse = graph
        .sparse_initializers
        .iter()
        .map(|sparse| &sparse.values);
    names.extend(
        graph
            .initializers
            .iter()
            .chain(sparse)
            .map(|tensor| tensor.name.clone()),
    );
    let infos = graph
        .inputs
        .iter()
        .chain(&graph.outputs)
        .chain(&graph.value_infos);
    names.extend(infos.map(|info| info.name.clone()));
    for node in &graph.nodes {
        collect_node(node, names);
    }
}

fn collect_node(node: &Node, names: &mut HashSet<String>) {
    names.insert(node.name.clone());
    names.extend(node.inputs.iter().chain(&node.outputs).cloned());
    for graph in node.subgraphs() {
        collect_graph(graph, names);
    }
}
