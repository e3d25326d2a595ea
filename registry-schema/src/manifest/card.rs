//! Facts for people: where an extractor comes from.

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::reference::Reference;

/// From what an extractor was made, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Data sets it was trained on.
    #[serde(default)]
    pub datasets: Vec<Dataset>,
    /// Who contributed what.
    #[serde(default)]
    pub contributors: Vec<Contributor>,
    /// What it started from: a published network, a package and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Where the training or conversion code is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Anything else an auditor should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A data set that went into an extractor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// What it is called.
    pub name: String,
    /// Its licence: an SPDX expression, or `LicenseRef-…` for terms without an id.
    pub license: String,
    /// Number of images, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// Where it is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Somebody who contributed to an extractor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contributor {
    /// A member, a person or an organisation.
    pub name: String,
    /// What they gave.
    pub gave: Vec<Contribution>,
}

/// What somebody gave to an extractor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Contribution {
    /// Images.
    Data,
    /// Labels of images.
    Labels,
    /// Machines.
    Compute,
    /// Program code.
    Code,
    /// Trained weights.
    Weights,
    /// Money.
    Funding,
}

/// An extractor this one was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Derivation {
    /// Which release.
    pub release: Reference,
    /// SHA-256 of its statement, when it is on this hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// How: fine-tuned, pruned, quantised, combined.
    pub how: String,
}

/// The release whose probes this one must still agree with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its version: the highest one below this release in the same MAJOR.
    #[schemars(with = "String")]
    pub version: Version,
    /// SHA-256 of its statement.
    pub statement: Digest,
}
