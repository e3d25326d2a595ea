//! What is written of a [`Head`].

use super::{ExportTransform, LinearHead};
use crate::head::{Head, Transform};

impl<'a> From<&'a Head> for LinearHead<'a> {
    fn from(head: &'a Head) -> Self {
        Self {
            weights: head.weights(),
            bias: head.bias(),
            transform: head.transform().into(),
            temperature: head.temperature(),
            classes: head.classes(),
        }
    }
}

impl<'a> From<&'a Transform> for ExportTransform<'a> {
    fn from(transform: &'a Transform) -> Self {
        match transform {
            Transform::Standardise { mean, scale } => Self::Standardise {
                mean: mean.view(),
                scale: scale.view(),
            },
            Transform::CentredL2 { mean } => Self::CentredL2 { mean: mean.view() },
            Transform::L2 => Self::L2,
            Transform::None => Self::None,
        }
    }
}
