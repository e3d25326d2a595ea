//! What an inspection is told and what it reports.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::element::ElementType;

/// Default of [`InspectionPolicy::max_intermediate_bytes`]: a ViT-L at 576 pixels needs 21 MB for its largest value,
/// EfficientNet-lite0 5 MB.
pub const DEFAULT_MAX_INTERMEDIATE_BYTES: u64 = 512 << 20;
/// Default of [`InspectionPolicy::max_metadata_value_bytes`].
pub const DEFAULT_MAX_METADATA_VALUE_BYTES: u64 = 4096;

/// Whether operators that run other graphs are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ControlFlow {
    /// `Loop`, `Scan`, `If`, `SequenceMap` and `Optional*` are refused.
    #[default]
    Refused,
    /// The manifest declares control flow and whoever inspects accepts it: a loop may never end.
    Allowed,
}

/// What an inspection accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectionPolicy {
    /// Refused by default.
    pub control_flow: ControlFlow,
    /// Largest value between two nodes for one image, as far as shapes are known; dimensions that are not known
    /// count as one. 512 MiB by default.
    pub max_intermediate_bytes: u64,
    /// Longer metadata values are cut to this many bytes. 4096 by default.
    pub max_metadata_value_bytes: u64,
}

impl Default for InspectionPolicy {
    fn default() -> Self {
        Self {
            control_flow: ControlFlow::default(),
            max_intermediate_bytes: DEFAULT_MAX_INTERMEDIATE_BYTES,
            max_metadata_value_bytes: DEFAULT_MAX_METADATA_VALUE_BYTES,
        }
    }
}

/// What a graph file that was not refused holds. Not a statement that it is safe: see [`Finding`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of each operator domain; the standard one is written `ai.onnx`.
    pub opset_imports: BTreeMap<String, i64>,
    /// Graph inputs that have no initializer, in order.
    pub inputs: Vec<TensorInfo>,
    /// Graph outputs, in order; dimensions that the file leaves open but follow from the graph are filled in.
    pub outputs: Vec<TensorInfo>,
    /// Nodes, those in subgraphs and functions included.
    pub node_count: u64,
    /// Nodes of each operator (`Conv`, or `domain::Operator` outside the standard domain).
    pub operator_counts: BTreeMap<String, u64>,
    /// Elements of all stored tensors.
    pub parameter_count: u64,
    /// Bytes of all stored tensors.
    pub parameter_bytes: u64,
    /// The file's own remarks, values cut to the policy's length. Never interpreted.
    pub metadata: BTreeMap<String, String>,
    /// What a reviewer should look at.
    pub findings: Vec<Finding>,
}

/// Name, element type and shape of a graph's input or output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TensorInfo {
    /// Name to feed or fetch it by.
    pub name: String,
    /// `None` when it is not a tensor.
    pub element_type: Option<ElementType>,
    /// `None` when not even the number of dimensions is known.
    pub shape: Option<Vec<Dimension>>,
}

/// One dimension of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Dimension {
    /// Always this size.
    Fixed(u64),
    /// Any size, equal wherever the name occurs.
    Named(String),
    /// Any size.
    Unknown,
}

impl Dimension {
    /// An empty name says no more than none.
    pub(super) fn from_name(name: String) -> Self {
        if name.is_empty() {
            Self::Unknown
        } else {
            Self::Named(name)
        }
    }

    /// The size, where it is stated.
    pub fn fixed(&self) -> Option<u64> {
        match self {
            Self::Fixed(size) => Some(*size),
            Self::Named(_) | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(formatter, "{size}"),
            Self::Named(name) => write!(formatter, "{}", name.escape_debug()),
            Self::Unknown => formatter.write_str("?"),
        }
    }
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let element = self
            .element_type
            .map_or_else(|| "not a tensor".to_owned(), |element| element.to_string());
        write!(
            formatter,
            "{} {element} {}",
            super::error::quoted(&self.name),
            shape_text(self.shape.as_deref())
        )
    }
}

/// `[batch, 3, 224, 224]`, or `[…]` when nothing is known.
pub(super) fn shape_text(shape: Option<&[Dimension]>) -> String {
    let Some(shape) = shape else {
        return "[…]".to_owned();
    };
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

/// Something unusual in a graph that was not refused. The absence of findings proves nothing: a backdoor can be
/// built from the operators of an ordinary network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finding {
    /// A comparison or selection decides on the output without passing through convolutions or matrix products:
    /// the shape of a trigger planted in a trained graph.
    SelectionAroundTrunk {
        /// The graph output it reaches.
        output: String,
        /// Selecting nodes on the way, the first few.
        nodes: Vec<String>,
    },
    /// The input reaches the output without passing through any convolution or matrix product, though the graph
    /// has some.
    PathAroundTrunk {
        /// The graph output it reaches.
        output: String,
    },
    /// A value is compared with a constant number.
    ScalarComparison {
        /// The comparing nodes, the first few.
        nodes: Vec<String>,
        /// How many there are.
        count: u64,
    },
    /// Stored tensors that no node reads.
    UnusedInitializers {
        /// Their names, the first few.
        names: Vec<String>,
        /// How many there are.
        count: u64,
        /// Their bytes together.
        bytes: u64,
    },
    /// A graph output that does not depend on any input.
    ConstantOutput {
        /// The output.
        output: String,
    },
    /// Nodes that run other graphs, which the policy allowed.
    ControlFlow {
        /// The nodes, the first few.
        nodes: Vec<String>,
        /// How many there are.
        count: u64,
    },
    /// Functions defined in the file itself.
    LocalFunctions {
        /// Their names, the first few.
        names: Vec<String>,
        /// How many there are.
        count: u64,
    },
    /// A domain outside the standard is imported, though no node uses it.
    UnusedDomain {
        /// The domain.
        domain: String,
    },
    /// The input takes a fixed number of images at a time, so that batches are not possible.
    FixedBatch {
        /// The input.
        input: String,
        /// Its first dimension.
        size: u64,
    },
    /// The file declares another shape for a value than its nodes compute.
    DeclaredShapeDiffers {
        /// The value.
        value: String,
        /// As declared.
        declared: String,
        /// As computed.
        computed: String,
    },
}
