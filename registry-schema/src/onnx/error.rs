//! Why a graph file is refused: one variant for each reason.

use std::io;

use super::element::ElementType;

/// A refused ONNX file. Every variant says what is wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The reader itself failed.
    #[error("cannot read the graph file at byte {at}; check the disk and try again")]
    Read {
        /// Offset of the read.
        at: u64,
        /// The cause.
        source: io::Error,
    },
    /// The file ends inside a message.
    #[error(
        "the graph file is truncated: {message} at byte {at} continues past the file's {size_bytes} bytes; export or download it again"
    )]
    Truncated {
        /// Message being read.
        message: &'static str,
        /// Offset of the read.
        at: u64,
        /// Size of the file.
        size_bytes: u64,
    },
    /// The stream goes on after the size that was announced for it.
    #[error(
        "the graph file continues past its stated {size_bytes} bytes; remove what was appended to it"
    )]
    TrailingBytes {
        /// Size the caller stated.
        size_bytes: u64,
    },
    /// Not the protobuf wire format, or not the types ONNX states.
    #[error("malformed {message} at byte {at}: {reason}; export the graph again")]
    Malformed {
        /// Message being read.
        message: &'static str,
        /// Offset of the fault.
        at: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A field number ONNX does not define, or one that no extractor needs.
    #[error(
        "{message} holds field {field} at byte {at}, which an extractor's graph cannot have (or bytes were appended to the file); export the graph again with standard tools"
    )]
    UnknownField {
        /// Message being read.
        message: &'static str,
        /// Field number.
        field: u32,
        /// Offset of its tag.
        at: u64,
    },
    /// A singular field twice: readers disagree on which of the two counts.
    #[error("{message} states field {field} twice, again at byte {at}; export the graph again")]
    RepeatedField {
        /// Message being read.
        message: &'static str,
        /// Field number.
        field: u32,
        /// Offset of the second one.
        at: u64,
    },
    /// Messages inside messages beyond the limit.
    #[error(
        "{message} at byte {at} is nested more than {limit} messages deep; flatten the subgraphs"
    )]
    TooDeep {
        /// Message being read.
        message: &'static str,
        /// Offset of the message.
        at: u64,
        /// The limit.
        limit: usize,
    },
    /// More fields than a sane graph has.
    #[error("the graph file has more than {limit} fields; store tensors as raw data")]
    TooManyFields {
        /// The limit.
        limit: u64,
    },
    /// The graph's structure (names, attributes, nodes) would take too much memory.
    #[error(
        "the graph's structure takes more than {limit_bytes} bytes of memory; store large constants as initializers with raw data"
    )]
    StructureTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// A name that is longer than any tool writes.
    #[error(
        "a text of {length} bytes in {message} at byte {at} is over the limit of {limit}; shorten it"
    )]
    TextTooLong {
        /// Message being read.
        message: &'static str,
        /// Offset of the text.
        at: u64,
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },

    /// ModelProto without a graph.
    #[error("the file holds no graph; it is not an ONNX file or an empty one")]
    NoGraph,
    /// A graph that computes nothing.
    #[error("graph {graph} has no nodes; an extractor must compute something")]
    NoNodes {
        /// The graph's name, quoted.
        graph: String,
    },
    /// Training graphs are not part of an extractor.
    #[error("the file carries training information; export for inference")]
    TrainingInfo,
    /// Outside the range the runtime reads.
    #[error("ir_version {found} is not supported ({lowest} to {highest} are); convert the graph")]
    IrVersion {
        /// Stated version.
        found: i64,
        /// Lowest accepted.
        lowest: i64,
        /// Highest accepted.
        highest: i64,
    },
    /// Outside the range the runtime reads.
    #[error(
        "opset {found} of domain {domain} is not supported ({lowest} to {highest} are); convert the graph to a supported opset"
    )]
    Opset {
        /// Operator domain, quoted.
        domain: String,
        /// Stated version.
        found: i64,
        /// Lowest accepted.
        lowest: i64,
        /// Highest accepted.
        highest: i64,
    },
    /// A node whose domain has no version.
    #[error(
        "no opset version is imported for domain {domain}, which node {node} uses; export the graph again"
    )]
    MissingOpsetImport {
        /// Operator domain, quoted.
        domain: String,
        /// The node, quoted.
        node: String,
    },
    /// Two versions for one domain.
    #[error("domain {domain} is imported twice; keep one opset version")]
    RepeatedOpsetImport {
        /// Operator domain, quoted.
        domain: String,
    },

    /// An operator outside the standard.
    #[error(
        "node {node} uses operator {operator} of domain {domain}; only the standard domains \"\", \"ai.onnx\" and \"ai.onnx.ml\" are accepted"
    )]
    UnknownDomain {
        /// The node, quoted.
        node: String,
        /// Operator, quoted.
        operator: String,
        /// Operator domain, quoted.
        domain: String,
    },
    /// A function outside the standard domains.
    #[error("function {function} is defined in domain {domain}; inline functions before export")]
    FunctionDomain {
        /// The function, quoted.
        function: String,
        /// Its domain, quoted.
        domain: String,
    },
    /// A function that calls itself, or calls that multiply without bound.
    #[error(
        "function {function} expands to more than {limit} nodes; inline functions before export"
    )]
    FunctionExpansion {
        /// The function, quoted.
        function: String,
        /// The limit.
        limit: u64,
    },
    /// Loop, Scan, If and their like, not declared.
    #[error(
        "node {node} is control flow ({operator}), which this extractor does not declare; export without it, or declare control flow in the manifest"
    )]
    ControlFlow {
        /// The node, quoted.
        node: String,
        /// Operator, quoted.
        operator: String,
    },
    /// A graph hidden in the attribute of an operator that takes none.
    #[error(
        "node {node} ({operator}) carries a subgraph, which that operator does not have; export the graph again"
    )]
    UnexpectedSubgraph {
        /// The node, quoted.
        node: String,
        /// Operator, quoted.
        operator: String,
    },

    /// Bytes of a tensor outside the file.
    #[error("tensor {tensor} keeps its data in another file; save the graph with all data inside")]
    ExternalData {
        /// The tensor, quoted.
        tensor: String,
    },
    /// A tensor that is a slice of another.
    #[error("tensor {tensor} is stored in segments, which is not supported; save it whole")]
    SegmentedTensor {
        /// The tensor, quoted.
        tensor: String,
    },
    /// An element type the standard does not define.
    #[error("{what} has unknown element type {code}; export the graph again")]
    ElementType {
        /// Tensor or value, quoted.
        what: String,
        /// Stated code.
        code: i32,
    },
    /// A dimension below zero.
    #[error("{what} has negative dimension {dimension}; give unknown dimensions a name instead")]
    NegativeDimension {
        /// Tensor or value, quoted.
        what: String,
        /// The dimension.
        dimension: i64,
    },
    /// A dimension, a rank or a product of dimensions nobody can mean.
    #[error("{what} has absurd dimensions {dimensions}; no tensor of that shape can exist here")]
    AbsurdDimensions {
        /// Tensor or value, quoted.
        what: String,
        /// The dimensions.
        dimensions: String,
    },
    /// Stored data longer or shorter than the dimensions say.
    #[error(
        "tensor {tensor} of {element} {dimensions} must hold {expected} {unit} but holds {found}; export the graph again"
    )]
    TensorData {
        /// The tensor, quoted.
        tensor: String,
        /// Its element type.
        element: ElementType,
        /// Its dimensions.
        dimensions: String,
        /// What dimensions and type ask for.
        expected: u64,
        /// What is stored.
        found: u64,
        /// `bytes` or `stored values`.
        unit: &'static str,
    },
    /// Data in a field that does not belong to the element type, or in two fields.
    #[error(
        "tensor {tensor} of {element} keeps data in a field of another type; export the graph again"
    )]
    TensorField {
        /// The tensor, quoted.
        tensor: String,
        /// Its element type.
        element: ElementType,
    },

    /// Two inputs, two initializers or two graph outputs of one name.
    #[error("{kind} {name} is stated twice; names must be unique")]
    DuplicateName {
        /// What kind of thing.
        kind: &'static str,
        /// Its name, quoted.
        name: String,
    },
    /// A value that two nodes, or a node and an input, define.
    #[error(
        "node {node} defines value {value}, which is defined already; every value has one producer"
    )]
    DuplicateOutput {
        /// The node, quoted.
        node: String,
        /// The value, quoted.
        value: String,
    },
    /// A value nobody produces.
    #[error("{reader} reads value {value}, which nothing produces; export the graph again")]
    UndefinedValue {
        /// Node or graph output, quoted.
        reader: String,
        /// The value, quoted.
        value: String,
    },
    /// A cycle, or nodes out of order.
    #[error(
        "node {node} reads value {value} before it is produced: the graph has a cycle or is not in topological order; sort it"
    )]
    NotSorted {
        /// The node, quoted.
        node: String,
        /// The value, quoted.
        value: String,
    },

    /// A few bytes of constants that ask for a huge tensor.
    #[error(
        "node {node} ({operator}) asks for at least {bytes} bytes by a constant, over the limit of {limit_bytes}; make its output smaller"
    )]
    ConstantTooLarge {
        /// The node, quoted.
        node: String,
        /// Operator, quoted.
        operator: String,
        /// Lower bound of the output's size.
        bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A value between nodes beyond the limit.
    #[error(
        "value {value} takes at least {bytes} bytes for one image, over the limit of {limit_bytes}; make the input or the network smaller"
    )]
    IntermediateTooLarge {
        /// The value, quoted.
        value: String,
        /// Lower bound of its size.
        bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The declared shape of a graph output is not what the nodes compute.
    #[error(
        "output {output} is declared as {declared} but the graph computes {computed}; export the graph again"
    )]
    OutputShape {
        /// The output, quoted.
        output: String,
        /// Declared shape.
        declared: String,
        /// Computed shape.
        computed: String,
    },

    /// The graph's input is not what the manifest states.
    #[error(
        "the manifest states input {expected} but the graph has {found}; correct one of the two"
    )]
    InputMismatch {
        /// From the manifest.
        expected: String,
        /// From the graph.
        found: String,
    },
    /// The graph's output is not what the manifest states.
    #[error(
        "the manifest states output {expected} but the graph has {found}; correct one of the two"
    )]
    OutputMismatch {
        /// From the manifest.
        expected: String,
        /// From the graph.
        found: String,
    },
}

/// A name from the file for an error text: quoted, control characters escaped, cut to 80 characters,
/// because whoever wrote the file chose it.
pub(super) fn quoted(name: &str) -> String {
    let mut characters = name.chars();
    let head: String = characters.by_ref().take(80).collect();
    if characters.next().is_some() {
        format!("{head:?}…")
    } else {
        format!("{head:?}")
    }
}
