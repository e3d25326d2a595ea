//! What comes out of an extractor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The feature vector of an extractor: `[batch, dimension]` f32.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name of the graph's output tensor.
    pub tensor: String,
    /// Length of one feature vector.
    #[schemars(range(min = 1, max = 65536))]
    pub dimension: u32,
    /// Names of the dimensions, one each, for extractors whose numbers a person can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Whether every vector has Euclidean length 1.
    #[serde(default)]
    pub normalized: bool,
    /// How two vectors are compared.
    #[serde(default)]
    pub distance: Distance,
    /// What a linear head does to features before it learns from them.
    #[serde(default)]
    pub head_transform: HeadTransform,
}

/// How two feature vectors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// One minus the cosine of their angle.
    #[default]
    Cosine,
    /// Euclidean length of their difference.
    Euclidean,
    /// Negative dot product.
    Dot,
}

/// What a linear head does to features before it learns from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeadTransform {
    /// Subtract the mean of the user's images, then scale to length 1.
    #[default]
    L2,
    /// Subtract the mean and divide by the standard deviation, dimension by dimension.
    Standardize,
    /// Nothing.
    None,
}
