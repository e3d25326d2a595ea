//! Features of many images: computed once, kept in a local cache, written as Parquet or NumPy.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use hub_client::dataset::ImageSet;
//! use hub_client::features::{FeatureCache, Origin, embed_table};
//! # fn show(mut extractor: hub_client::runtime::Extractor, origin: Origin, cache: FeatureCache)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let images = ImageSet::walk("holiday".as_ref())?;
//! let embedded = embed_table(&mut extractor, &origin, &images.images, Some(&cache), &AtomicBool::new(false), &mut |_| {})?;
//! assert_eq!(embedded.table.features.ncols(), origin.dimension);
//! # Ok(())
//! # }
//! ```

mod cache;
mod embed;
mod error;
mod seen_files;
mod write;

pub use cache::FeatureCache;
pub use embed::{EmbedSummary, Embedded, SkippedImage, embed, embed_table};
pub use error::FeatureError;
pub(crate) use seen_files::name_of_set;
pub use seen_files::{FileState, SeenFiles};
pub use write::FeatureWriter;

use ndarray::Array2;
use registry_schema::digest::Digest;
use registry_schema::reference::{FeatureSpace, Reference};
use registry_schema::verify::VerifiedRelease;

/// What computed a feature vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The exact release.
    pub release: Reference,
    /// SHA-256 of its statement, which covers graph and preprocessing.
    pub statement: Digest,
    /// The feature space its vectors belong to.
    pub space: FeatureSpace,
    /// Length of a vector.
    pub dimension: usize,
}

impl Origin {
    /// The origin of what a verified release computes.
    pub fn of(release: &VerifiedRelease) -> Self {
        Self {
            release: release.reference(),
            statement: release.statement_digest(),
            space: release.manifest().feature_space(),
            dimension: release.manifest().output.dimension as usize,
        }
    }
}

/// Features of images, bound to what computed them.
#[derive(Clone, Debug)]
pub struct FeatureTable {
    /// What computed them.
    pub origin: Origin,
    /// The images' names, one a row.
    pub names: Vec<String>,
    /// SHA-256 of the images' bytes, one a row.
    pub digests: Vec<Digest>,
    /// `[images, dimension]`.
    pub features: Array2<f32>,
}

impl FeatureTable {
    /// Appends another table's rows.
    ///
    /// # Errors
    /// [`FeatureError::OtherOrigin`] when another release computed them: vectors of two releases are
    /// compared through heads, which know what they may use.
    pub fn append(&mut self, other: Self) -> Result<(), FeatureError> {
        if self.origin != other.origin {
            let (found, expected) = (other.origin.release, self.origin.release.clone());
            return Err(FeatureError::OtherOrigin { expected, found });
        }
        let width = FeatureError::Width {
            expected: self.origin.dimension,
            found: other.features.ncols(),
        };
        self.features
            .append(ndarray::Axis(0), other.features.view())
            .map_err(|_| width)?;
        self.names.extend(other.names);
        self.digests.extend(other.digests);
        Ok(())
    }
}
