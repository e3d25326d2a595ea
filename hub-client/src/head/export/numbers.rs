//! The numbers of a head as they stand in an exported file, and what they say.

use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView2};

use super::agreement::Scores;
use super::safetensors::{Stored, read_back};
use super::{ExportError, ExportTransform, LinearHead};
use crate::head::{Abstention, Limits, Transform, linear_scores};

/// A head that was read back from an exported file.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadNumbers {
    classes: Vec<String>,
    weights: Array2<f32>,
    bias: Array1<f32>,
    temperature: f32,
    transform: Transform,
    abstention: Abstention,
}

impl HeadNumbers {
    pub(super) fn of(stored: Stored<'_>) -> Result<Self, ExportError> {
        let text = |name: &str| {
            let remark = stored.remark(name);
            remark.ok_or_else(|| read_back(&format!("it does not say `{name}`")))
        };
        let classes: Vec<String> = serde_json::from_str(text("classes")?)
            .map_err(|error| read_back(&error.to_string()))?;
        let transform = match text("transform")? {
            "standardise" => Transform::Standardise {
                mean: stored.vector("mean")?,
                scale: stored.vector("scale")?,
            },
            "centred-l2" => Transform::CentredL2 {
                mean: stored.vector("mean")?,
            },
            "l2" => Transform::L2,
            "none" => Transform::None,
            other => return Err(read_back(&format!("there is no transform `{other}`"))),
        };
        let weights = stored.matrix("weight")?;
        let references = match stored.has("references") {
            true => stored.matrix("references")?,
            false => Array2::zeros((0, weights.ncols())),
        };
        let number = |name: &str| stored.remark(name).map(parsed::<f64>).transpose();
        let each = stored
            .remark("plausible_from")
            .map(serde_json::from_str::<Vec<f64>>);
        let each = each
            .transpose()
            .map_err(|error| read_back(&error.to_string()))?;
        if each
            .as_ref()
            .is_some_and(|each| each.len() != classes.len())
        {
            return Err(read_back("its classes and their limits do not line up"));
        }
        let limits = Limits {
            coverage: parsed(text("coverage")?)?,
            plausible_from: each,
            unlike_above: number("unlike_above")?,
        };
        let numbers = Self {
            bias: stored.vector("bias")?,
            temperature: parsed(text("temperature")?)?,
            abstention: Abstention { limits, references },
            classes,
            weights,
            transform,
        };
        numbers.head().check(numbers.weights.ncols())?;
        Ok(numbers)
    }

    /// Length of the vectors it reads.
    pub fn dimension(&self) -> usize {
        self.weights.ncols()
    }

    /// The same as a head to export.
    pub fn head(&self) -> LinearHead<'_> {
        LinearHead {
            weights: self.weights.view(),
            bias: self.bias.view(),
            transform: ExportTransform::from(&self.transform),
            temperature: self.temperature,
            classes: &self.classes,
            abstention: (&self.abstention).into(),
        }
    }

    /// What the numbers say of features, n×D.
    pub fn scores(&self, features: ArrayView2<'_, f32>) -> Vec<Scores> {
        let rows = self.transform.apply(features);
        let scores = linear_scores(rows.view(), &Transform::None, &self.weights, &self.bias);
        let temperature = f64::from(self.temperature);
        let probabilities = crate::head::calibrate::probabilities(scores.view(), temperature);
        let pairs = probabilities.rows().into_iter().zip(rows.rows());
        pairs
            .map(|(probabilities, row)| Scores::of(&self.abstention, probabilities, row))
            .collect()
    }
}

fn parsed<T: FromStr>(text: &str) -> Result<T, ExportError> {
    let problem = || read_back(&format!("`{text}` is no number"));
    text.parse().map_err(|_| problem())
}
