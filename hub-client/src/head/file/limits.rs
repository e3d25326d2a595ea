//! When a head does not answer, as its file says it.

use serde::{Deserialize, Serialize};

use super::{Format, malformed};
use crate::head::HeadError;
use crate::head::abstain::Limits;

/// [`Limits`] of both formats that have them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct StoredLimits {
    coverage: f64,
    plausible_from: Option<Floors>,
    unlike_above: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Floors {
    /// Of the second format.
    OfAll(f64),
    /// Of the third; empty when there are none.
    OfEach(Vec<f64>),
}

impl From<&Limits> for StoredLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            coverage: limits.coverage,
            plausible_from: Some(Floors::OfEach(
                limits.plausible_from.clone().unwrap_or_default(),
            )),
            unlike_above: limits.unlike_above,
        }
    }
}

/// The limits of a file; none of one in the first format, which knew none.
pub(super) fn read(
    stored: Option<StoredLimits>,
    format: Format,
    classes: usize,
) -> Result<Option<Limits>, HeadError> {
    let stored = match (stored, format) {
        (None, Format::First) => return Ok(None),
        (None, _) => return Err(malformed("it does not say when the head abstains")),
        (Some(_), Format::First) => {
            return Err(malformed("its format has no limits of answering"));
        }
        (Some(stored), _) => stored,
    };
    let plausible_from = match (stored.plausible_from, format) {
        (None, Format::Second) => None,
        (Some(Floors::OfEach(each)), Format::Third) if each.is_empty() => None,
        (Some(Floors::OfAll(one)), Format::Second) => Some(vec![one; classes]),
        (Some(Floors::OfEach(each)), Format::Third) if each.len() == classes => Some(each),
        _ => return Err(malformed("`plausible-from` is not of its format")),
    };
    let is_share = |value: &f64| (0.0..=1.0).contains(value);
    if !is_share(&stored.coverage) || !plausible_from.iter().flatten().all(is_share) {
        return Err(malformed("its limits of answering are not from 0 to 1"));
    }
    // A mean of cosine distances, which rounding may make a little less than 0 or more than 2.
    if stored
        .unlike_above
        .is_some_and(|limit| !(-1e-3..=2.001).contains(&limit))
    {
        return Err(malformed("`unlike-above` is no cosine distance"));
    }
    Ok(Some(Limits {
        coverage: stored.coverage,
        plausible_from,
        unlike_above: stored.unlike_above,
    }))
}
