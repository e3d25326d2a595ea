//! Seeing what is in a pile of images: neighbours, groups, outliers, duplicates, a map, and which image
//! to label next. Arrays of features in, plain structs out; docs/EXPLORE.md tells methods and limits.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use hub_client::explore::{Clusters, Neighbours};
//! use ndarray::array;
//! use registry_schema::manifest::Distance;
//!
//! let features = array![[1.0_f32, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]];
//! let threads = NonZeroUsize::MIN;
//! let neighbours = Neighbours::new(features.view(), Distance::Cosine, threads)?;
//! assert_eq!(neighbours.nearest_others(1)?[0][0].row, 1);
//! let two = NonZeroUsize::new(2).expect("not zero");
//! let clusters = Clusters::find(features.view(), two, 0, threads)?;
//! assert_eq!(clusters.assignment[0], clusters.assignment[1]);
//! # Ok::<(), hub_client::explore::ExploreError>(())
//! ```
//!
//! *Is anything approximate?* Neighbours, duplicates and outliers compare every pair. Groups and maps
//! depend on a seed; the same seed gives the same answer, whatever the number of threads.

#![expect(
    clippy::needless_pass_by_value,
    reason = "array views are passed by value, as ndarray itself does"
)]

mod clusters;
pub mod domain;
mod duplicates;
pub(crate) mod eigen;
mod error;
mod kernel;
mod map;
mod moments;
mod neighbours;
pub mod outliers;
mod parallel;
mod products;
mod projection;
mod random;
mod reduction;
#[cfg(test)]
mod sample;
pub mod suggest;

pub use clusters::{Clusters, MEDOIDS, MOST_BY_DEFAULT, default_count};
pub use duplicates::{DuplicateGroup, duplicates};
pub use error::ExploreError;
pub use map::map;
pub use neighbours::{Neighbour, Neighbours};
pub(crate) use parallel::over_blocks;
pub(crate) use products::products;
pub use projection::Projection;
pub(crate) use random::SplitMix64;
pub use reduction::{Reduction, ReductionBuilder, ReductionMethod};
