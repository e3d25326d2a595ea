//! Static inspection of an ONNX file: nothing is executed, nothing is allocated from a length the file states.
//!
//! ```
//! use registry_schema::onnx::{InspectionPolicy, OnnxError, inspect};
//!
//! let file: &[u8] = b"not a graph";
//! let refusal = inspect(std::io::Cursor::new(file), file.len() as u64, &InspectionPolicy::default());
//! assert!(refusal.is_err());
//! ```
//!
//! *Does a file that passes run safely?* It cannot reach other files or unknown code, cannot loop (unless allowed),
//! and does not ask for absurd memory as far as shapes are known. Whether it computes something honest is a matter of
//! its probes, its signers and the [`Finding`]s.
//!
//! Down the floors: [`wire`] reads bytes, `tensor` and `graph` read messages, `scope` checks names and order,
//! `operators` what may be called, `shapes` sizes, `review` collects findings, [`inspect()`] tells the story.
//! [`anatomy()`] says where everything is in a file, and [`splice`] puts a new file together from such places.

mod anatomy;
mod attribute;
mod build;
mod element;
mod error;
mod expectation;
mod graph;
mod inspect;
mod inspection;
pub mod messages;
mod operators;
mod outline;
mod review;
mod scope;
mod shapes;
pub mod splice;
mod tensor;
#[cfg(test)]
mod tests;
mod value;
pub mod wire;
pub mod write;

pub use anatomy::{
    Anatomy, InfoPart, KnownValue, ModelPart, ModelPartKind, NodePart, TensorPart, anatomy,
};
pub use build::{
    AttributeValue, ModelHeader, attribute, double_tensor, float_tensor, graph_attribute,
    int64_tensor, metadata_entry, node, tensor_attribute, value_info,
};
pub use element::ElementType;
pub use error::OnnxError;
pub use expectation::{ChannelLayout, TensorExpectation, check_against};
pub use inspect::inspect;
pub use inspection::{
    ControlFlow, DEFAULT_MAX_INTERMEDIATE_BYTES, DEFAULT_MAX_METADATA_VALUE_BYTES, Dimension,
    Finding, Inspection, InspectionPolicy, TensorInfo,
};
pub use outline::names_in;
pub use tensor::{MAX_DIMENSION, MAX_RANK};
