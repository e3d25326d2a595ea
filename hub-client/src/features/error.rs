//! What can go wrong with features.

use std::path::PathBuf;

use registry_schema::reference::Reference;

use crate::files::FileError;
use crate::runtime::{ImageError, RuntimeError};

/// Features cannot be computed, kept or written.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The extractor.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An image without features, where every image must have some.
    #[error("`{name}` has no features")]
    Image {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// No image gave features.
    #[error("none of the {count} images could be read")]
    NoFeatures {
        /// How many were tried.
        count: usize,
    },
    /// Rows of two releases in one table.
    #[error(
        "features of `{found}` cannot join those of `{expected}`: one table holds one release's features"
    )]
    OtherOrigin {
        /// What the table holds.
        expected: Reference,
        /// What was to be added.
        found: Reference,
    },
    /// A vector of another length.
    #[error("a feature vector has {found} values, expected {expected}")]
    Width {
        /// What the release promises.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// Not a kind of file we write.
    #[error("`{}`: features are written as `.parquet` or `.npy`", path.display())]
    Format {
        /// The file asked for.
        path: PathBuf,
    },
    /// A name that would be two lines of the text file beside NumPy's.
    #[error(
        "the name {name:?} breaks a line, so that it cannot stand in a file of one path a line"
    )]
    BrokenLine {
        /// Whose.
        name: String,
    },
    /// The Parquet library.
    #[error("cannot write `{}`", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the library said.
        #[source]
        source: parquet::errors::ParquetError,
    },
}
