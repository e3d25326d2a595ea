//! Probe images and the vectors their publisher got: how any machine checks that it computes the
//! same function.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Where the vectors of a release's probes are.
pub const VECTORS_FILE: &str = "probes/vectors.json";

/// How closely probe vectors must agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeTolerance {
    /// Smallest cosine between an expected and a computed vector, 0.999 to 1.
    #[serde(default = "cosine")]
    #[schemars(range(min = 0.999, max = 1.0))]
    pub cosine: f64,
    /// Largest relative difference of their lengths, 0 to 0.05.
    #[serde(default = "length")]
    #[schemars(range(min = 0.0, max = 0.05))]
    pub length: f64,
}

impl ProbeTolerance {
    /// Whether a manifest may ask for this: it may tighten the default, never loosen it.
    pub(super) fn is_allowed(&self) -> bool {
        (cosine()..=1.0).contains(&self.cosine) && (0.0..=length()).contains(&self.length)
    }
}

impl Default for ProbeTolerance {
    fn default() -> Self {
        Self {
            cosine: cosine(),
            length: length(),
        }
    }
}

/// The loosest agreement that still lets heads decide alike, by the promise of versions.
fn cosine() -> f64 {
    0.999
}

/// The cosine is blind to a scaled vector; quantised networks stay within a few per cent.
fn length() -> f64 {
    0.05
}

/// The content of [`VECTORS_FILE`]: for each probe image its feature vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeVectors {
    /// Format version, 1.
    pub v: u32,
    /// From the path of a probe image (`probes/one.png`) to its vector, `dimension` values each.
    pub vectors: BTreeMap<String, Vec<f32>>,
}

impl ProbeVectors {
    /// Vectors by the path of their probe image.
    pub fn new(vectors: BTreeMap<String, Vec<f32>>) -> Self {
        Self { v: 1, vectors }
    }

    /// Reads and checks the file of a release.
    ///
    /// # Errors
    /// [`ProbeError`] when it is not of this form, a vector has another length than `dimension`, a
    /// value is not finite, or the probes are too few.
    pub fn parse(bytes: &[u8], dimension: u32) -> Result<Self, ProbeError> {
        if bytes.len() as u64 > limits::PROBE_VECTORS_BYTES {
            return Err(ProbeError::TooLarge {
                size_bytes: bytes.len(),
            });
        }
        let parsed: Self =
            serde_json::from_slice(bytes).map_err(|source| ProbeError::Malformed { source })?;
        if parsed.v != 1 {
            return Err(ProbeError::Version { found: parsed.v });
        }
        let count = parsed.vectors.len();
        if !(limits::PROBES_MINIMUM..=limits::PROBES).contains(&count) {
            return Err(ProbeError::Count { count });
        }
        for (path, vector) in &parsed.vectors {
            if u32::try_from(vector.len()) != Ok(dimension) {
                return Err(ProbeError::Length {
                    path: path.clone(),
                    found: vector.len(),
                    dimension,
                });
            }
            if vector.iter().any(|value| !value.is_finite()) {
                return Err(ProbeError::NotFinite { path: path.clone() });
            }
        }
        Ok(parsed)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "a map of strings to numbers always serialises"
        )]
        serde_json::to_vec(self).expect("numbers by name")
    }
}

/// What is wrong with probes.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Past [`limits::PROBE_VECTORS_BYTES`].
    #[error(
        "`{VECTORS_FILE}` has {size_bytes} bytes, past the limit of {}",
        limits::PROBE_VECTORS_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not the JSON of probe vectors.
    #[error("`{VECTORS_FILE}` cannot be read: make it anew with `hub check`")]
    Malformed {
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// A format from the future.
    #[error("`{VECTORS_FILE}` has format version {found}, this program knows 1: update it")]
    Version {
        /// What it says.
        found: u32,
    },
    /// Too few or too many.
    #[error(
        "{count} probe images: put between {} and {} small PNG pictures into `probes/`",
        limits::PROBES_MINIMUM,
        limits::PROBES
    )]
    Count {
        /// How many.
        count: usize,
    },
    /// A vector of another length.
    #[error(
        "the vector of `{path}` has {found} values, the manifest says {dimension}: make it anew with `hub check`"
    )]
    Length {
        /// Which probe.
        path: String,
        /// Its length.
        found: usize,
        /// The manifest's dimension.
        dimension: u32,
    },
    /// NaN or infinity.
    #[error("the vector of `{path}` holds a value that is not a finite number")]
    NotFinite {
        /// Which probe.
        path: String,
    },
}
