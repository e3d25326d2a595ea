//! What is written of a [`Head`].

use super::{ExportAbstention, ExportTransform, LinearHead, Unlike};
use crate::head::{Abstention, Head, Transform};

impl<'a> From<&'a Head> for LinearHead<'a> {
    fn from(head: &'a Head) -> Self {
        Self {
            weights: head.weights(),
            bias: head.bias(),
            transform: head.transform().into(),
            temperature: head.temperature(),
            classes: head.classes(),
            abstention: head.abstention().into(),
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

impl<'a> From<&'a Abstention> for ExportAbstention<'a> {
    fn from(abstention: &'a Abstention) -> Self {
        let limits = &abstention.limits;
        let references = abstention.references();
        Self {
            coverage: limits.coverage,
            plausible_from: limits.plausible_from.as_deref(),
            unlike: limits
                .unlike_above
                .filter(|_| references.nrows() > 0)
                .map(|above| Unlike { references, above }),
        }
    }
}
