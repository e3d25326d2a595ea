//! Making extractors: out of any network, out of one or several installed releases.
//!
//! | | makes |
//! |---|---|
//! | [`candidates`], [`cut`] | an extractor out of a classifier, a detector or an embedding network, at a value inside it |
//! | [`reduce`] | an extractor of fewer dimensions, by the principal axes of one's own images |
//! | [`combine`] | one extractor of several, features side by side |
//! | [`make_variant`] | the same extractor in a smaller file |
//!
//! Each writes an author's folder that `hub check` has seen already: graph, manifest, card, probes and their vectors; or
//! nothing. Graphs are put together from places in other files ([`registry_schema::onnx::splice`]), so weights are
//! never held in memory, and they are run in a worker only.

mod assembly;
mod author;
mod candidates;
mod combine;
mod cut;
mod error;
mod image_input;
mod measured;
mod pool;
mod probes;
mod reduce;
mod rename;
mod source;
mod survey;
mod variant;

pub use author::{About, MadeExtractor};
pub use candidates::{Candidate, Role, candidates};
pub use combine::{CombineRequest, Combined, PartAgreement, combine};
pub use cut::{Cut, CutRequest, cut, image_input};
pub use error::ForgeError;
pub use image_input::ImageInput;
pub use measured::Bench;
pub use pool::Pool;
pub use probes::Probes;
pub use reduce::{ReduceRequest, Reduced, reduce};
pub use source::GraphFile;
pub use variant::{Variant, VariantKind, VariantRequest, make_variant};
