//! From samples of 8 bits to numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PreprocessError;

/// `x = (sample · scale − mean) / std`, sample in 0..=255.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Factor of the 8-bit sample; `1/255` when absent.
    #[serde(default = "one_255th")]
    pub scale: f64,
    /// Mean of each channel after scaling, in the order of `color`.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel after scaling, in the order of `color`.
    pub std: Vec<f64>,
}

impl Normalize {
    /// `(sample · scale − mean) / std`, computed in f32, of each 8-bit sample for each channel.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the specification computes in f32"
    )]
    pub fn tables(&self) -> Vec<[f32; 256]> {
        let scale = self.scale as f32;
        let channels = self.mean.iter().zip(&self.std);
        channels
            .map(|(&mean, &std)| {
                std::array::from_fn(|sample| (sample as f32 * scale - mean as f32) / std as f32)
            })
            .collect()
    }

    pub(super) fn validate(&self, channels: u32) -> Result<(), PreprocessError> {
        for (field, values) in [("mean", &self.mean), ("std", &self.std)] {
            if u32::try_from(values.len()) != Ok(channels) {
                let found = values.len();
                return Err(PreprocessError::Channels {
                    field,
                    found,
                    channels,
                });
            }
            if values.iter().any(|v| !v.is_finite()) {
                return Err(PreprocessError::NotFinite { field });
            }
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            return Err(PreprocessError::NotFinite { field: "scale" });
        }
        if self.std.iter().any(|&v| v <= 0.0) {
            return Err(PreprocessError::NotPositive);
        }
        Ok(())
    }
}

fn one_255th() -> f64 {
    1.0 / 255.0
}
