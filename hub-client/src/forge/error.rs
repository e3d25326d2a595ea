//! Why no extractor is made.

use std::path::PathBuf;

use registry_schema::manifest::{LicenseError, ManifestError};
use registry_schema::onnx::OnnxError;

use super::Pool;
use crate::explore::ExploreError;
use crate::files::FileError;
use crate::publish::{CheckError, FolderError};
use crate::store::StoreError;
use crate::worker::WorkerError;

/// No extractor was made, and nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// A file that is no sound graph, or not one that a release may hold.
    #[error("`{}` cannot become part of an extractor", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: OnnxError,
    },
    /// What was put together would be refused.
    #[error("the new graph would be refused")]
    Refused(#[source] OnnxError),
    /// No such value in the graph.
    #[error("the graph computes no value `{tensor}`{like}")]
    NoTensor {
        /// What was asked for.
        tensor: String,
        /// Values of similar names.
        like: String,
    },
    /// A value that no picture changes.
    #[error("`{tensor}` does not depend on the graph's input: every picture would look the same")]
    Constant {
        /// The value.
        tensor: String,
    },
    /// A graph with more than one input, or none.
    #[error("an extractor reads one batch of pictures, and this graph reads {found}")]
    Inputs {
        /// What it reads.
        found: String,
    },
    /// An input that is no batch of pictures.
    #[error(
        "the input {input} is no batch of pictures: it must have four sides, with 1 or 3 channels first or last"
    )]
    NotAnImage {
        /// The input.
        input: String,
    },
    /// Numbers of another type.
    #[error(
        "the input {input} takes {element}: only float32, float16 and uint8 can be given to it"
    )]
    InputType {
        /// The input.
        input: String,
        /// Its type.
        element: String,
    },
    /// A size that nothing says.
    #[error("the graph leaves the size of its pictures open")]
    NoSize,
    /// Two sizes.
    #[error("the graph takes pictures of {stated} pixels, and {asked} are asked for")]
    OtherSize {
        /// What the graph says.
        stated: String,
        /// What was asked for.
        asked: String,
    },
    /// Channels that the preprocessing does not have.
    #[error("the graph takes {graph} channels, and the preprocessing makes {preprocessing}")]
    Channels {
        /// Of the graph.
        graph: u32,
        /// Of the preprocessing.
        preprocessing: u32,
    },
    /// Whole numbers that cannot be normalised.
    #[error("the graph takes samples as they are (uint8), and the preprocessing changes them")]
    Normalized,
    /// A value that cannot be pooled that way.
    #[error("`{tensor}` is {shape}: {pool} cannot make vectors of it, {what}")]
    Pool {
        /// The value.
        tensor: String,
        /// Its shape.
        shape: String,
        /// How it was to be pooled.
        pool: Pool,
        /// What there is instead.
        what: &'static str,
    },
    /// A value of another type.
    #[error("`{tensor}` holds {element}: features are made of float32 or float16")]
    Element {
        /// The value.
        tensor: String,
        /// Its type.
        element: String,
    },
    /// Features that are too long.
    #[error(
        "{dimension} dimensions are past the limit of {}",
        registry_schema::limits::DIMENSIONS
    )]
    TooLong {
        /// How many there would be.
        dimension: u64,
    },
    /// Nothing in the graph to cut at.
    #[error("nothing in this graph looks like features of pictures")]
    NoCandidate,
    /// More axes than the images have.
    #[error(
        "the {images} images differ along {found} axes only: {wanted} dimensions need more, and more different, images"
    )]
    Axes {
        /// Images with features.
        images: usize,
        /// Axes that were found.
        found: usize,
        /// Axes that were asked for.
        wanted: usize,
    },
    /// A reduction that reduces nothing.
    #[error("{wanted} dimensions are no fewer than the {found} that `{release}` has")]
    NotFewer {
        /// The release.
        release: String,
        /// Its dimensions.
        found: usize,
        /// What was asked for.
        wanted: usize,
    },
    /// A single part, or one part twice.
    #[error("combining needs two different releases or more")]
    Parts,
    /// Parts whose pictures are prepared too differently.
    #[error("`{one}` and `{other}` prepare pictures differently (`input.{field}`): {what}")]
    Preprocessing {
        /// The release that decides.
        one: String,
        /// The other.
        other: String,
        /// The field of the manifest.
        field: &'static str,
        /// Why that is in the way.
        what: &'static str,
    },
    /// Parts with operators whose meaning has changed between their versions.
    #[error(
        "`{release}` uses version {from} of the standard operators and the whole needs {to}, between which the meaning of {operator} has changed: export its network again with version {to}"
    )]
    Opset {
        /// The part.
        release: String,
        /// Its version.
        from: i64,
        /// The version of the whole.
        to: i64,
        /// The operator.
        operator: String,
    },
    /// A part with functions of its own.
    #[error(
        "the network of `{release}` holds functions of its own, which cannot be put into one file with others: export it again with its functions inlined"
    )]
    Functions {
        /// The part.
        release: String,
    },
    /// A part that sees something else now.
    #[error(
        "within the whole, `{release}` would give other features than alone: cosine {cosine:.4} on its probe `{probe}`, and {least} is asked for"
    )]
    Disagrees {
        /// The part.
        release: String,
        /// Where it differs most.
        probe: String,
        /// How far.
        cosine: f64,
        /// What was asked for.
        least: f64,
    },
    /// Licences that cannot be said together.
    #[error(transparent)]
    License(#[from] LicenseError),
    /// No weights that could be smaller.
    #[error("`{release}` holds no large float32 weights that could be stored in fewer bits")]
    NothingToShrink {
        /// The release.
        release: String,
    },
    /// Probes of one's own.
    #[error("`{}` holds {count} PNG files: give between 3 and 64 small ones", folder.display())]
    Probes {
        /// The folder.
        folder: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// Features that cannot be summed up.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Running a graph.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The new folder.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The new folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// An installed release.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
