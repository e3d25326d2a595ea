//! Pooling: one vector a picture out of a map, of tokens, or of what is a vector already.

use std::fmt;
use std::str::FromStr;

use registry_schema::onnx::{AttributeValue, attribute};
use serde::Serialize;

use crate::head::export::Parts;

/// How a value inside a graph becomes a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// The mean over all places of a map, or over all tokens.
    Gap,
    /// The generalised mean with p = 3 of what is positive: `(mean max(x, 0)³)^(1/3)` (Radenović, Tolias and Chum, PAMI
    /// 2019). It leans towards the strongest places.
    Gem,
    /// The first token.
    Cls,
    /// It is a vector already.
    None,
}

impl Pool {
    /// What fits a value of these sides, without the batch.
    pub(super) fn usual(sides: &[u64]) -> Self {
        match sides {
            [tokens, _] if has_class_token(*tokens) => Self::Cls,
            [_, _] | [_, _, _] => Self::Gap,
            _ => Self::None,
        }
    }

    /// Length of the vector that a value of these sides becomes, without the batch.
    pub(super) fn dimension(
        self,
        sides: &[u64],
        is_channels_last: bool,
    ) -> Result<u64, &'static str> {
        match (self, sides) {
            (Self::None, &[width]) => Ok(width),
            (Self::None, _) => Err("it is no vector: use gap, gem or, for tokens, cls"),
            (Self::Gap | Self::Gem, &[_, _, channels]) if is_channels_last => Ok(channels),
            (Self::Gap | Self::Gem, &[channels, _, _]) => Ok(channels),
            (Self::Gap | Self::Gem | Self::Cls, &[_, width]) => Ok(width),
            (Self::Cls, _) => Err("which takes the first of [batch, tokens, width]"),
            (Self::Gap | Self::Gem, [_]) => Err("it is a vector already: use none"),
            (Self::Gap | Self::Gem, _) => {
                Err("which takes [batch, channels, height, width] or [batch, tokens, width]")
            }
        }
    }

    /// Appends the nodes that make a vector `[batch, dimension]` of `tensor`; its name.
    pub(super) fn nodes(
        self,
        tensor: &str,
        sides: &[u64],
        is_channels_last: bool,
        parts: &mut Parts,
    ) -> String {
        match (self, sides) {
            (Self::None, _) => tensor.to_owned(),
            (Self::Cls, _) => {
                let first = parts.integers(&[], &[0]);
                parts.gather(tensor, &first, 1)
            }
            (_, [_, _]) => {
                let places_last = parts.transpose(tensor, &[0, 2, 1]);
                self.mean(&places_last, parts)
            }
            (_, _) if is_channels_last => {
                let places_last = parts.transpose(tensor, &[0, 3, 1, 2]);
                self.mean(&places_last, parts)
            }
            (_, _) => self.mean(tensor, parts),
        }
    }

    /// The mean over what comes after batch and channels. Operators mean the same from operator set 7 on.
    fn mean(self, map: &str, parts: &mut Parts) -> String {
        let vectors = if self == Self::Gem {
            let positive = parts.step("Relu", &[map]);
            let square = parts.step("Mul", &[&positive, &positive]);
            let cube = parts.step("Mul", &[&square, &positive]);
            let mean = parts.step("GlobalAveragePool", &[&cube]);
            let name = mean.rsplit('/').next().unwrap_or_default();
            let third = std::iter::once(1.0 / 3.0);
            let root = parts.floats(&format!("{name}_one_third"), &[1], third);
            parts.step("Pow", &[&mean, &root])
        } else {
            parts.step("GlobalAveragePool", &[map])
        };
        let axis = attribute("axis", AttributeValue::Integer(1));
        parts.step_with("Flatten", &[&vectors], &[axis])
    }
}

/// Whether so many tokens are those of a square and one more.
fn has_class_token(tokens: u64) -> bool {
    tokens > 1 && (tokens - 1).isqrt().pow(2) == tokens - 1
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gap => "gap",
            Self::Gem => "gem",
            Self::Cls => "cls",
            Self::None => "none",
        })
    }
}

impl FromStr for Pool {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gap" => Ok(Self::Gap),
            "gem" => Ok(Self::Gem),
            "cls" => Ok(Self::Cls),
            "none" => Ok(Self::None),
            _ => Err("one of gap, gem, cls and none"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_fits_which_shape() {
        assert_eq!(Pool::usual(&[1280]), Pool::None);
        assert_eq!(Pool::usual(&[1280, 7, 7]), Pool::Gap);
        assert_eq!(Pool::usual(&[197, 768]), Pool::Cls);
        assert_eq!(Pool::usual(&[49, 768]), Pool::Gap);
        assert_eq!(Pool::Gem.dimension(&[96, 14, 12], false), Ok(96));
        assert_eq!(Pool::Gem.dimension(&[14, 12, 96], true), Ok(96));
        assert_eq!(Pool::Cls.dimension(&[197, 768], false), Ok(768));
        assert!(Pool::Cls.dimension(&[96, 14, 12], false).is_err());
        assert!(Pool::Gap.dimension(&[96], false).is_err());
        assert!(Pool::None.dimension(&[96, 1, 1], false).is_err());
        for pool in [Pool::Gap, Pool::Gem, Pool::Cls, Pool::None] {
            assert_eq!(pool.to_string().parse(), Ok(pool));
        }
    }
}
