//! Findings for a reviewer: shapes of graphs in which planted triggers and dead weight are known to hide.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Model, Node};
use super::inspection::{Finding, TensorInfo};
use super::operators::{Calls, is_known_domain};
use super::tensor::Tensor;

/// Names that are listed in a finding; its count says how many there are.
const MAX_LISTED: usize = 8;

/// Everything unusual about a graph that has passed all checks.
pub(super) fn findings(
    model: &Model,
    graph: &Graph,
    calls: &Calls,
    inputs: &[TensorInfo],
) -> Vec<Finding> {
    let mut findings = paths(graph);
    findings.extend(scalar_comparisons(graph));
    findings.extend(unused_initializers(graph));
    findings.extend(
        listed(&calls.control_flow).map(|(nodes, count)| Finding::ControlFlow { nodes, count }),
    );
    let functions: Vec<String> = model
        .functions
        .iter()
        .map(|function| function.name.clone())
        .collect();
    findings
        .extend(listed(&functions).map(|(names, count)| Finding::LocalFunctions { names, count }));
    let unused = model
        .opsets
        .iter()
        .filter(|set| !is_known_domain(&set.domain));
    findings.extend(unused.take(MAX_LISTED).map(|set| Finding::UnusedDomain {
        domain: set.domain.clone(),
    }));
    for input in inputs {
        if let Some(size) = input
            .shape
            .as_ref()
            .and_then(|shape| shape.first()?.fixed())
        {
            findings.push(Finding::FixedBatch {
                input: input.name.clone(),
                size,
            });
        }
    }
    findings
}

/// Operators whose weights make a network: what a trained function cannot do without.
fn is_trunk(node: &Node) -> bool {
    matches!(
        node.operator.as_str(),
        "Conv"
            | "ConvTranspose"
            | "ConvInteger"
            | "DeformConv"
            | "QLinearConv"
            | "MatMul"
            | "MatMulInteger"
            | "QLinearMatMul"
            | "Gemm"
            | "Einsum"
            | "Attention"
            | "LSTM"
            | "GRU"
            | "RNN"
    )
}

/// Operators that compare or choose.
fn is_selection(node: &Node) -> bool {
    is_comparison(node)
        || matches!(
            node.operator.as_str(),
            "Where" | "If" | "And" | "Or" | "Xor" | "Not"
        )
}

fn is_comparison(node: &Node) -> bool {
    matches!(
        node.operator.as_str(),
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual"
    )
}

/// How a value depends on the graph's inputs.
#[derive(Debug, Clone, Copy, Default)]
struct Path {
    /// At all.
    from_input: bool,
    /// On a way without trunk operators.
    around_trunk: bool,
    /// The first selecting node (by position) on such a way.
    selected_at: Option<usize>,
}

fn paths(graph: &Graph) -> Vec<Finding> {
    let mut known: HashMap<&str, Path> = HashMap::new();
    let given = Path {
        from_input: true,
        around_trunk: true,
        selected_at: None,
    };
    let stored: HashSet<&str> = graph
        .initializers
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    let inputs = graph
        .inputs
        .iter()
        .filter(|input| !stored.contains(input.name.as_str()));
    known.extend(inputs.map(|input| (input.name.as_str(), given)));
    let mut has_trunk = false;
    for (position, node) in graph.nodes.iter().enumerate() {
        let mut path = Path::default();
        for value in read_values(node) {
            let read = known.get(value).copied().unwrap_or_default();
            path.from_input |= read.from_input;
            path.around_trunk |= read.around_trunk;
            path.selected_at = path.selected_at.or(read.selected_at);
        }
        // A value's dimensions say nothing about what is in it.
        if matches!(node.operator.as_str(), "Shape" | "Size") {
            path = Path {
                from_input: path.from_input,
                ..Path::default()
            };
        }
        if is_trunk(node) {
            has_trunk = true;
            path = Path {
                from_input: path.from_input,
                ..Path::default()
            };
        }
        if path.around_trunk && is_selection(node) {
            path.selected_at = path.selected_at.or(Some(position));
        }
        known.extend(node.outputs.iter().map(|output| (output.as_str(), path)));
    }
    let mut findings = Vec::new();
    for output in graph.outputs.iter().take(MAX_LISTED) {
        let path = known.get(output.name.as_str()).copied().unwrap_or_default();
        let output = output.name.clone();
        if !path.from_input {
            findings.push(Finding::ConstantOutput { output });
        } else if let Some(first) = path.selected_at {
            let nodes = graph
                .nodes
                .iter()
                .skip(first)
                .filter(|node| is_selection(node));
            findings.push(Finding::SelectionAroundTrunk {
                output,
                nodes: nodes.take(MAX_LISTED).map(shown).collect(),
            });
        } else if path.around_trunk && has_trunk {
            findings.push(Finding::PathAroundTrunk { output });
        }
    }
    findings
}

/// What a node reads, its subgraphs' view of outer values included.
fn read_values(node: &Node) -> Vec<&str> {
    let mut values: Vec<&str> = node.inputs.iter().map(String::as_str).collect();
    for graph in node.subgraphs() {
        values.extend(graph.nodes.iter().flat_map(read_values));
        values.extend(graph.outputs.iter().map(|output| output.name.as_str()));
    }
    values
}

fn shown(node: &Node) -> String {
    let name = if node.name.is_empty() {
        node.outputs.first().cloned().unwrap_or_default()
    } else {
        node.name.clone()
    };
    format!("{}: {name}", node.operator)
}

fn scalar_comparisons(graph: &Graph) -> Option<Finding> {
    let mut scalars: HashSet<&str> = HashSet::new();
    let mut nodes = Vec::new();
    collect_comparisons(graph, &mut scalars, &mut nodes);
    listed(&nodes).map(|(nodes, count)| Finding::ScalarComparison { nodes, count })
}

fn collect_comparisons<'a>(
    graph: &'a Graph,
    scalars: &mut HashSet<&'a str>,
    nodes: &mut Vec<String>,
) {
    let single = |tensor: &&Tensor| tensor.elements == 1;
    scalars.extend(
        graph
            .initializers
            .iter()
            .filter(single)
            .map(|tensor| tensor.name.as_str()),
    );
    for node in &graph.nodes {
        if node.operator == "Constant" {
            scalars.extend(node.outputs.iter().map(String::as_str));
        }
        if is_comparison(node)
            && node
                .inputs
                .iter()
                .any(|input| scalars.contains(input.as_str()))
        {
            nodes.push(shown(node));
        }
        for graph in node.subgraphs() {
            collect_comparisons(graph, scalars, nodes);
        }
    }
}

fn unused_initializers(graph: &Graph) -> Option<Finding> {
    let mut read: HashSet<&str> = graph.nodes.iter().flat_map(read_values).collect();
    read.extend(graph.outputs.iter().map(|output| output.name.as_str()));
    let unused: Vec<&Tensor> = graph
        .initializers
        .iter()
        .chain(
            graph
                .sparse_initializers
                .iter()
                .map(|sparse| &sparse.values),
        )
        .filter(|tensor| !read.contains(tensor.name.as_str()))
        .collect();
    let names: Vec<String> = unused.iter().map(|tensor| tensor.name.clone()).collect();
    let bytes = unused
        .iter()
        .fold(0_u64, |total, tensor| total.saturating_add(tensor.bytes));
    listed(&names).map(|(names, count)| Finding::UnusedInitializers {
        names,
        count,
        bytes,
    })
}

/// The first names and how many there are; `None` when there are none.
fn listed(names: &[String]) -> Option<(Vec<String>, u64)> {
    (!names.is_empty()).then(|| {
        (
            names.iter().take(MAX_LISTED).cloned().collect(),
            names.len() as u64,
        )
    })
}
