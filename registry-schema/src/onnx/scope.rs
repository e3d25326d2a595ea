//! Names and order: every value has one producer, everything read is produced, and produced earlier.

use std::collections::HashSet;

use super::OnnxError;
use super::error::quoted;
use super::graph::{Function, Graph, Node};

/// Values that are defined so far in a graph and, through `outer`, in the graphs around it.
struct Scope<'a, 'outer> {
    defined: HashSet<&'a str>,
    outer: Option<&'outer Scope<'a, 'outer>>,
}

impl<'a> Scope<'a, '_> {
    fn contains(&self, value: &str) -> bool {
        self.defined.contains(value) || self.outer.is_some_and(|outer| outer.contains(value))
    }

    /// False when the value is defined already, here or outside.
    fn define(&mut self, value: &'a str) -> bool {
        !self.contains(value) && self.defined.insert(value)
    }
}

/// Checks the main graph and every graph inside it.
pub(super) fn check_graph(graph: &Graph) -> Result<(), OnnxError> {
    check_nested(graph, None)
}

/// Checks a function's body, which sees its inputs only.
pub(super) fn check_function(function: &Function) -> Result<(), OnnxError> {
    let mut scope = Scope {
        defined: HashSet::new(),
        outer: None,
    };
    for input in &function.inputs {
        if !scope.define(input) {
            return Err(OnnxError::DuplicateName {
                kind: "function input",
                name: quoted(input),
            });
        }
    }
    check_nodes(&function.nodes, &mut scope)?;
    check_outputs(
        "function output",
        function.outputs.iter().map(String::as_str),
        &scope,
    )
}

fn check_nested(graph: &Graph, outer: Option<&Scope<'_, '_>>) -> Result<(), OnnxError> {
    let mut scope = Scope {
        defined: HashSet::new(),
        outer,
    };
    for input in &graph.inputs {
        if !scope.define(&input.name) {
            return Err(OnnxError::DuplicateName {
                kind: "graph input",
                name: quoted(&input.name),
            });
        }
    }
    // An initializer of an input's name is that input's default; two initializers of one name contradict each other.
    let stored = graph.initializers.iter().chain(
        graph
            .sparse_initializers
            .iter()
            .map(|sparse| &sparse.values),
    );
    let inputs: HashSet<&str> = graph
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    let mut initializers = HashSet::new();
    for tensor in stored {
        let is_input = inputs.contains(tensor.name.as_str());
        if !initializers.insert(tensor.name.as_str()) || !(scope.define(&tensor.name) || is_input) {
            return Err(OnnxError::DuplicateName {
                kind: "initializer",
                name: quoted(&tensor.name),
            });
        }
    }
    check_nodes(&graph.nodes, &mut scope)?;
    check_outputs(
        "graph output",
        graph.outputs.iter().map(|output| output.name.as_str()),
        &scope,
    )
}

fn check_nodes<'a>(nodes: &'a [Node], scope: &mut Scope<'a, '_>) -> Result<(), OnnxError> {
    let produced: HashSet<&str> = nodes
        .iter()
        .flat_map(|node| &node.outputs)
        .map(String::as_str)
        .collect();
    for node in nodes {
        let mut read = node.inputs.iter().filter(|value| !value.is_empty());
        if let Some(value) = read.find(|value| !scope.contains(value)) {
            let (node, shown) = (node.shown(), quoted(value));
            return Err(if produced.contains(value.as_str()) {
                OnnxError::NotSorted { node, value: shown }
            } else {
                let reader = format!("node {node}");
                OnnxError::UndefinedValue {
                    reader,
                    value: shown,
                }
            });
        }
        for graph in node.subgraphs() {
            check_nested(graph, Some(scope))?;
        }
        for value in node.outputs.iter().filter(|value| !value.is_empty()) {
            if !scope.define(value) {
                return Err(OnnxError::DuplicateOutput {
                    node: node.shown(),
                    value: quoted(value),
                });
            }
        }
        let mut names = HashSet::new();
        if let Some(repeated) = node
            .attributes
            .iter()
            .find(|attribute| !names.insert(attribute.name.as_str()))
        {
            return Err(OnnxError::DuplicateName {
                kind: "attribute",
                name: quoted(&repeated.name),
            });
        }
    }
    Ok(())
}

fn check_outputs<'a>(
    kind: &'static str,
    outputs: impl Iterator<Item = &'a str>,
    scope: &Scope<'_, '_>,
) -> Result<(), OnnxError> {
    let mut seen = HashSet::new();
    for output in outputs {
        if !seen.insert(output) {
            return Err(OnnxError::DuplicateName {
                kind,
                name: quoted(output),
            });
        }
        if !scope.contains(output) {
            return Err(OnnxError::UndefinedValue {
                reader: kind.to_owned(),
                value: quoted(output),
            });
        }
    }
    Ok(())
}
