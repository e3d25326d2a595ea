//! What a graph may call: standard domains in versions the runtime has, no undeclared control flow, functions that
//! end.

use std::collections::{BTreeMap, HashMap};

use super::OnnxError;
use super::attribute::AttributeValue;
use super::error::quoted;
use super::graph::{Function, Graph, Model, Node, OperatorSet};
use super::inspection::{ControlFlow, InspectionPolicy};

/// Lowest and highest `ir_version`: 3 is the first with operator sets, 14 the last onnxruntime 1.32 reads.
pub(super) const IR_VERSIONS: (i64, i64) = (3, 14);
/// Domains and the versions of them that onnxruntime 1.32 implements; below 7 most kernels are gone.
const DOMAINS: [(&str, i64, i64); 2] = [("", 7, 28), ("ai.onnx.ml", 1, 5)];
/// Operators that run a graph, or choose at run time whether a value exists.
const CONTROL_FLOW: [&str; 7] = [
    "Loop",
    "Scan",
    "If",
    "SequenceMap",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
];
/// Nodes after all functions are replaced by their bodies.
const MAX_EXPANDED_NODES: u64 = 1_000_000;
/// Calls within calls; deeper chains would exhaust the stack, here and in runtimes.
const MAX_CALL_DEPTH: usize = 64;

/// Nodes by operator, and what a reviewer wants listed.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) nodes: u64,
    pub(super) control_flow: Vec<String>,
    pub(super) parameters: u64,
    pub(super) parameter_bytes: u64,
}

/// Checks the versions a file states.
pub(super) fn check_header(model: &Model) -> Result<(), OnnxError> {
    let (lowest, highest) = IR_VERSIONS;
    if !(lowest..=highest).contains(&model.ir_version) {
        return Err(OnnxError::IrVersion {
            found: model.ir_version,
            lowest,
            highest,
        });
    }
    check_opsets(&model.opsets)
}

fn check_opsets(opsets: &[OperatorSet]) -> Result<(), OnnxError> {
    let mut seen = HashMap::new();
    for set in opsets {
        let domain = quoted(&set.domain);
        if seen.insert(set.domain.as_str(), set.version).is_some() {
            return Err(OnnxError::RepeatedOpsetImport { domain });
        }
        if let Some((_, lowest, highest)) =
            DOMAINS.into_iter().find(|(known, ..)| *known == set.domain)
            && !(lowest..=highest).contains(&set.version)
        {
            return Err(OnnxError::Opset {
                domain,
                found: set.version,
                lowest,
                highest,
            });
        }
    }
    Ok(())
}

/// Checks every node of the file and counts them.
pub(super) fn check_calls(
    model: &Model,
    graph: &Graph,
    policy: &InspectionPolicy,
) -> Result<Calls, OnnxError> {
    let mut walk = Walk {
        policy,
        opsets: &model.opsets,
        calls: Calls::default(),
    };
    walk.graph(graph)?;
    for function in &model.functions {
        if !is_known_domain(&function.domain) {
            return Err(OnnxError::FunctionDomain {
                function: quoted(&function.name),
                domain: quoted(&function.domain),
            });
        }
        check_opsets(&function.opsets)?;
        walk.opsets = &function.opsets;
        walk.nodes(&function.nodes)?;
        for attribute in &function.attributes {
            walk.tensors(&attribute.value);
        }
    }
    check_expansion(model, graph)?;
    Ok(walk.calls)
}

pub(super) fn is_known_domain(domain: &str) -> bool {
    DOMAINS.iter().any(|(known, ..)| *known == domain)
}

pub(super) fn is_control_flow(node: &Node) -> bool {
    CONTROL_FLOW.contains(&node.operator.as_str())
}

struct Walk<'a> {
    policy: &'a InspectionPolicy,
    opsets: &'a [OperatorSet],
    calls: Calls,
}

impl Walk<'_> {
    fn graph(&mut self, graph: &Graph) -> Result<(), OnnxError> {
        let stored = graph.initializers.iter().chain(
            graph
                .sparse_initializers
                .iter()
                .map(|sparse| &sparse.values),
        );
        for tensor in stored {
            self.calls.parameters = self.calls.parameters.saturating_add(tensor.elements);
            self.calls.parameter_bytes = self.calls.parameter_bytes.saturating_add(tensor.bytes);
        }
        self.nodes(&graph.nodes)
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<(), OnnxError> {
        for node in nodes {
            self.check(node)?;
            self.calls.nodes += 1;
            let operator = if node.domain.is_empty() {
                node.operator.clone()
            } else {
                format!("{}::{}", node.domain, node.operator)
            };
            *self.calls.counts.entry(operator).or_default() += 1;
            for attribute in &node.attributes {
                self.tensors(&attribute.value);
            }
            for graph in node.subgraphs() {
                self.graph(graph)?;
            }
        }
        Ok(())
    }

    fn check(&mut self, node: &Node) -> Result<(), OnnxError> {
        if !is_known_domain(&node.domain) {
            return Err(OnnxError::UnknownDomain {
                node: node.shown(),
                operator: quoted(&node.operator),
                domain: quoted(&node.domain),
            });
        }
        if !self.opsets.iter().any(|set| set.domain == node.domain) {
            return Err(OnnxError::MissingOpsetImport {
                domain: quoted(&node.domain),
                node: node.shown(),
            });
        }
        let has_subgraph = node.subgraphs().next().is_some();
        if is_control_flow(node) {
            if self.policy.control_flow == ControlFlow::Refused {
                return Err(OnnxError::ControlFlow {
                    node: node.shown(),
                    operator: quoted(&node.operator),
                });
            }
            self.calls.control_flow.push(node.shown());
        } else if has_subgraph {
            return Err(OnnxError::UnexpectedSubgraph {
                node: node.shown(),
                operator: quoted(&node.operator),
            });
        }
        Ok(())
    }

    fn tensors(&mut self, value: &AttributeValue) {
        let (tensors, sparse) = match value {
            AttributeValue::Tensors(tensors) => (tensors.as_slice(), [].as_slice()),
            AttributeValue::SparseTensors(sparse) => ([].as_slice(), sparse.as_slice()),
            _ => return,
        };
        for tensor in tensors
            .iter()
            .chain(sparse.iter().map(|sparse| &sparse.values))
        {
            self.calls.parameters = self.calls.parameters.saturating_add(tensor.elements);
            self.calls.parameter_bytes = self.calls.parameter_bytes.saturating_add(tensor.bytes);
        }
    }
}

/// Domain, name and overload: what a call names a function by.
pub(super) type FunctionKey<'a> = (&'a str, &'a str, &'a str);

pub(super) fn function_key(function: &Function) -> FunctionKey<'_> {
    (&function.domain, &function.name, &function.overload)
}

pub(super) fn call_key(node: &Node) -> FunctionKey<'_> {
    (&node.domain, &node.operator, &node.overload)
}

/// Functions that call functions multiply; one that calls itself never ends. Runtimes replace calls by bodies.
fn check_expansion(model: &Model, graph: &Graph) -> Result<(), OnnxError> {
    let mut functions = HashMap::new();
    for function in &model.functions {
        if functions.insert(function_key(function), function).is_some() {
            return Err(OnnxError::DuplicateName {
                kind: "function",
                name: quoted(&function.name),
            });
        }
    }
    let mut expansion = Expansion {
        functions,
        sizes: HashMap::new(),
    };
    for function in &model.functions {
        expansion.function(function, 0)?;
    }
    let total = expansion.nodes(&graph.nodes, 0)?;
    if total > MAX_EXPANDED_NODES && !model.functions.is_empty() {
        return Err(OnnxError::FunctionExpansion {
            function: quoted(&graph.name),
            limit: MAX_EXPANDED_NODES,
        });
    }
    Ok(())
}

/// Nodes each function stands for; `None` while it is being counted.
struct Expansion<'a> {
    functions: HashMap<FunctionKey<'a>, &'a Function>,
    sizes: HashMap<FunctionKey<'a>, Option<u64>>,
}

impl<'a> Expansion<'a> {
    fn function(&mut self, function: &'a Function, depth: usize) -> Result<u64, OnnxError> {
        let key = function_key(function);
        let refused = || OnnxError::FunctionExpansion {
            function: quoted(&function.name),
            limit: MAX_EXPANDED_NODES,
        };
        match self.sizes.get(&key) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(refused()),
            None if depth >= MAX_CALL_DEPTH => return Err(refused()),
            None => {}
        }
        self.sizes.insert(key, None);
        let size = self.nodes(&function.nodes, depth)?;
        if size > MAX_EXPANDED_NODES {
            return Err(refused());
        }
        self.sizes.insert(key, Some(size));
        Ok(size)
    }

    fn nodes(&mut self, nodes: &'a [Node], depth: usize) -> Result<u64, OnnxError> {
        let mut total = 0_u64;
        for node in nodes {
            let size = match self.functions.get(&call_key(node)).copied() {
                Some(function) => self.function(function, depth + 1)?,
                None => 1,
            };
            total = total.saturating_add(size);
            for graph in node.subgraphs() {
                total = total.saturating_add(self.nodes(&graph.nodes, depth)?);
            }
        }
        Ok(total)
    }
}
