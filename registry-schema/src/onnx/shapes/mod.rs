//! Follows shapes and small integer constants through a graph, as far as that is sound and cheap, to refuse values
//! beyond a limit before anything is allocated for them.
//!
//! Everything here is a lower bound: dimensions that are not known count as one, operators that are not known yield
//! nothing. So a refusal is never a mistake of the arithmetic, and passing is no proof of smallness.

mod constant;
mod layout;
mod rules;
mod window;

use std::collections::{HashMap, HashSet};

use super::OnnxError;
use super::error::quoted;
use super::graph::{Function, Graph, Model, Node};
use super::inspection::{Dimension, Finding, shape_text};
use super::operators::{call_key, function_key};
use super::tensor::{Tensor, Values};
use super::value::ValueInfo;

/// Sizes of a value's dimensions, `None` where unknown.
pub(super) type Shape = Vec<Option<u64>>;

/// What is known of a value.
#[derive(Debug, Clone, Default)]
struct Known {
    /// `None` when not even the rank is known.
    shape: Option<Shape>,
    /// Bits of an element at least; 0 when nothing is known.
    bits: u64,
    /// The value itself, when it is small and constant.
    values: Option<Values>,
    /// Elements at least, where the shape alone does not tell.
    least_elements: u128,
}

impl Known {
    fn shaped(shape: Shape, bits: u64) -> Self {
        Self {
            shape: Some(shape),
            bits,
            ..Self::default()
        }
    }

    /// Of unknown shape, but of at least the elements of `sizes`.
    fn at_least(sizes: &[Option<u64>], bits: u64) -> Self {
        Self {
            bits,
            least_elements: elements(sizes),
            ..Self::default()
        }
    }

    /// A small list of 64-bit integers.
    fn integers(values: Vec<i64>) -> Self {
        Self::shaped(vec![Some(values.len() as u64)], 64).with(Some(Values::Integers(values)))
    }

    fn with(self, values: Option<Values>) -> Self {
        Self { values, ..self }
    }

    fn constant_integers(&self) -> Option<&[i64]> {
        match &self.values {
            Some(Values::Integers(values)) => Some(values),
            _ => None,
        }
    }

    /// At least this many bytes; saturates.
    fn bytes(&self) -> u64 {
        let bits = u128::from(self.bits.max(2));
        let elements = elements(self.shape.as_deref().unwrap_or_default()).max(self.least_elements);
        u64::try_from(bits.saturating_mul(elements).div_ceil(8)).unwrap_or(u64::MAX)
    }
}

/// Product of the known dimensions; saturates.
fn elements(shape: &[Option<u64>]) -> u128 {
    if shape.contains(&Some(0)) {
        return 0;
    }
    shape
        .iter()
        .flatten()
        .fold(1_u128, |product, &size| product.saturating_mul(size.into()))
}

/// Shapes of the main graph's outputs, as computed, and what differs from the file's own declarations.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) outputs: Vec<Option<Shape>>,
    pub(super) findings: Vec<Finding>,
}

/// Follows shapes through every graph and function of the file.
pub(super) fn check_sizes(
    model: &Model,
    graph: &Graph,
    limit_bytes: u64,
) -> Result<Sizes, OnnxError> {
    let mut walk = Walk::new(model, limit_bytes);
    let known = walk.graph(graph, None)?;
    let outputs = graph
        .outputs
        .iter()
        .map(|output| known.get(output.name.as_str())?.shape.clone())
        .collect();
    for function in &model.functions {
        walk.opset = standard_opset(&function.opsets);
        walk.function(function)?;
    }
    Ok(Sizes {
        outputs,
        findings: walk.findings,
    })
}

/// What is known of the main graph's values: the sizes of their dimensions, and how many bits an element takes
/// (at least, or 0). Nothing is refused for its size.
pub(super) fn known_values(
    model: &Model,
    graph: &Graph,
) -> Result<HashMap<String, (Shape, u64)>, OnnxError> {
    let known = Walk::new(model, u64::MAX).graph(graph, None)?;
    let shaped = known
        .into_iter()
        .filter_map(|(name, known)| Some((name.to_owned(), (known.shape?, known.bits))));
    Ok(shaped.collect())
}

pub(super) fn standard_opset(opsets: &[super::graph::OperatorSet]) -> i64 {
    opsets
        .iter()
        .find(|set| set.domain.is_empty())
        .map_or(0, |set| set.version)
}

/// What is known of the values of a graph and of the graphs around it.
struct Facts<'a, 'outer> {
    known: HashMap<&'a str, Known>,
    outer: Option<&'outer Facts<'a, 'outer>>,
}

impl<'a> Facts<'a, '_> {
    fn find(&self, value: &str) -> Option<&Known> {
        self.known
            .get(value)
            .or_else(|| self.outer.and_then(|outer| outer.find(value)))
    }
}

struct Walk<'a> {
    limit_bytes: u64,
    opset: i64,
    local: HashSet<super::operators::FunctionKey<'a>>,
    findings: Vec<Finding>,
}

/// Differences from declared shapes that are listed; one is enough to make a reviewer look.
const MAX_DIFFERENCES: usize = 8;

impl<'a> Walk<'a> {
    fn new(model: &'a Model, limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            opset: standard_opset(&model.opsets),
            local: model.functions.iter().map(function_key).collect(),
            findings: Vec::new(),
        }
    }

    fn graph(
        &mut self,
        graph: &'a Graph,
        outer: Option<&Facts<'a, '_>>,
    ) -> Result<HashMap<&'a str, Known>, OnnxError> {
        let mut facts = Facts {
            known: HashMap::new(),
            outer,
        };
        // Defaults first: an input of the same name may be fed with something else.
        for tensor in &graph.initializers {
            facts.known.insert(&tensor.name, known_tensor(tensor));
        }
        for sparse in &graph.sparse_initializers {
            let shape = sparse.dimensions.iter().map(|&size| Some(size)).collect();
            let known = Known::shaped(shape, sparse.values.element.bits());
            self.limit(&sparse.values.name, sparse.dense_bytes)?;
            facts.known.insert(&sparse.values.name, known);
        }
        for input in &graph.inputs {
            let known = known_value(input);
            self.limit(&input.name, known.bytes())?;
            facts.known.insert(&input.name, known);
        }
        let declared: HashMap<&str, &ValueInfo> = graph
            .value_infos
            .iter()
            .chain(&graph.outputs)
            .map(|info| (info.name.as_str(), info))
            .collect();
        self.nodes(&graph.nodes, &mut facts, &declared)?;
        Ok(facts.known)
    }

    fn function(&mut self, function: &'a Function) -> Result<(), OnnxError> {
        let mut facts = Facts {
            known: HashMap::new(),
            outer: None,
        };
        self.nodes(&function.nodes, &mut facts, &HashMap::new())
    }

    fn nodes(
        &mut self,
        nodes: &'a [Node],
        facts: &mut Facts<'a, '_>,
        declared: &HashMap<&str, &ValueInfo>,
    ) -> Result<(), OnnxError> {
        for node in nodes {
            for graph in node.subgraphs() {
                self.graph(graph, Some(facts))?;
            }
            let inputs: Vec<Option<&Known>> =
                node.inputs.iter().map(|input| facts.find(input)).collect();
            let mut outputs = if self.local.contains(&call_key(node)) {
                Vec::new()
            } else {
                rules::outputs(node, &inputs, self.opset)
            };
            outputs.resize_with(node.outputs.len(), Known::default);
            for (name, mut known) in node.outputs.iter().zip(outputs) {
                if known.bytes() > self.limit_bytes && constant::grows_by_constant(&node.operator) {
                    return Err(OnnxError::ConstantTooLarge {
                        node: node.shown(),
                        operator: quoted(&node.operator),
                        bytes: known.bytes(),
                        limit_bytes: self.limit_bytes,
                    });
                }
                if let Some(info) = declared.get(name.as_str()) {
                    self.merge(info, &mut known);
                }
                self.limit(name, known.bytes())?;
                facts.known.insert(name, known);
            }
        }
        Ok(())
    }

    fn limit(&self, value: &str, bytes: u64) -> Result<(), OnnxError> {
        let limit_bytes = self.limit_bytes;
        if bytes <= limit_bytes {
            return Ok(());
        }
        Err(OnnxError::IntermediateTooLarge {
            value: quoted(value),
            bytes,
            limit_bytes,
        })
    }

    /// Fills in from the file's declaration what the graph leaves open, and remarks what contradicts it.
    fn merge(&mut self, info: &ValueInfo, known: &mut Known) {
        known.bits = known
            .bits
            .max(info.element.map_or(0, super::ElementType::bits));
        let Some(declared) = &info.shape else { return };
        let declared_sizes: Shape = declared.iter().map(Dimension::fixed).collect();
        let Some(computed) = &mut known.shape else {
            known.shape = Some(declared_sizes);
            return;
        };
        if contradicts(&declared_sizes, computed) {
            if self.findings.len() < MAX_DIFFERENCES {
                self.findings.push(Finding::DeclaredShapeDiffers {
                    value: info.name.clone(),
                    declared: shape_text(Some(declared)),
                    computed: sizes_text(computed),
                });
            }
            return;
        }
        for (size, stated) in computed.iter_mut().zip(declared_sizes) {
            *size = size.or(stated);
        }
    }
}

/// Whether two shapes cannot be the same.
pub(super) fn contradicts(left: &[Option<u64>], right: &[Option<u64>]) -> bool {
    left.len() != right.len()
        || left.iter().zip(right).any(
            |(left, right)| matches!((left, right), (Some(left), Some(right)) if left != right),
        )
}

/// `[?, 3, 224]`
pub(super) fn sizes_text(shape: &[Option<u64>]) -> String {
    let sizes: Vec<String> = shape
        .iter()
        .map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()))
        .collect();
    format!("[{}]", sizes.join(", "))
}

fn known_tensor(tensor: &Tensor) -> Known {
    let shape = tensor.dimensions.iter().map(|&size| Some(size)).collect();
    Known::shaped(shape, tensor.element.bits()).with(tensor.values.clone())
}

fn known_value(info: &ValueInfo) -> Known {
    Known {
        shape: info
            .shape
            .as_ref()
            .map(|shape| shape.iter().map(Dimension::fixed).collect()),
        bits: info.element.map_or(0, super::ElementType::bits),
        ..Known::default()
    }
}
