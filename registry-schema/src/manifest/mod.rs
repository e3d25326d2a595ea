//! The manifest: what an author writes in `extractor.toml`, and what a release signs in
//! `predicate.hub`.
//!
//! One type serves both. The author leaves out what publishing adds ([`Manifest::files`] and
//! [`Manifest::predecessor`]).

mod card;
mod license;
mod output;
mod probe;
mod statistics;

pub use card::{Contribution, Contributor, Dataset, Derivation, Predecessor, Provenance};
pub use license::{LicenseError, combined_license};
pub use output::{Distance, HeadTransform, Output};
pub use probe::{ProbeError, ProbeTolerance, ProbeVectors, VECTORS_FILE};
pub use statistics::{Distances, STATISTICS_FILE, Statistics, StatisticsError};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::name::Name;
use crate::preprocess::{Input, PreprocessError};
use crate::reference::FeatureSpace;

/// The graph's file in every release.
pub const GRAPH_FILE: &str = "model.onnx";

/// The card's file in every release.
pub const CARD_FILE: &str = "README.md";

/// Everything a release says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Extractor manifest")]
pub struct Manifest {
    /// Format version of the manifest, 1.
    #[serde(default = "one")]
    pub v: u32,
    /// The extractor's name.
    pub name: Name,
    /// Semantic version; the MAJOR number names the feature space.
    #[schemars(with = "String")]
    pub version: Version,
    /// One line for listings.
    pub summary: String,
    /// Licence of the weights: an SPDX expression.
    pub license: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What it looks at: `documents`, `photographs`, `satellite`, `faces`, …
    pub domain: String,
    /// What changed since the predecessor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// The normative preprocessing.
    pub input: Input,
    /// The feature vector.
    pub output: Output,
    /// What the graph may contain.
    #[serde(default)]
    pub graph: Graph,
    /// How closely other machines must reproduce the probes.
    #[serde(default)]
    pub probes: ProbeTolerance,
    /// From what it was made.
    #[serde(default)]
    pub provenance: Provenance,
    /// Extractors it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_from: Vec<Derivation>,
    /// Written when a release is signed: the highest earlier release of the same MAJOR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Predecessor>,
    /// Written when a release is signed: the size in bytes of every file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, u64>,
}

/// What a graph may contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Whether `If`, `Loop`, `Scan` and their like occur. A hub's policy may still refuse them.
    #[serde(default)]
    pub control_flow: bool,
}

impl Manifest {
    /// Reads and checks an author's `extractor.toml`.
    ///
    /// # Errors
    /// [`ManifestError`], among them fields that only publishing writes.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|source| ManifestError::Toml {
            source: Box::new(source),
        })?;
        if manifest.predecessor.is_some() || !manifest.files.is_empty() {
            return Err(ManifestError::WrittenByPublish);
        }
        manifest.validate()?;
        Ok(manifest)
    }

    /// The manifest as an `extractor.toml`.
    ///
    /// # Errors
    /// [`ManifestError::Write`] when a value has no place in TOML.
    pub fn to_toml(&self) -> Result<String, ManifestError> {
        toml::to_string_pretty(self).map_err(|source| ManifestError::Write { source })
    }

    /// The feature space the vectors belong to.
    pub fn feature_space(&self) -> FeatureSpace {
        FeatureSpace::of(&self.name, &self.version)
    }

    /// Checks what the types cannot hold.
    ///
    /// # Errors
    /// [`ManifestError`] names the field and what it may be.
    pub fn validate(&self) -> Result<(), ManifestError> {
        if self.v != 1 {
            return Err(ManifestError::Version { found: self.v });
        }
        if !self.version.build.is_empty() {
            return Err(ManifestError::BuildMetadata {
                version: self.version.clone(),
            });
        }
        self.validate_words()?;
        self.input.validate()?;
        self.validate_output()?;
        if let Some(predecessor) = &self.predecessor
            && (predecessor.version.major != self.version.major
                || predecessor.version >= self.version)
        {
            return Err(ManifestError::Predecessor {
                version: predecessor.version.clone(),
            });
        }
        if !self.probes.is_allowed() {
            return Err(ManifestError::Tolerance);
        }
        Ok(())
    }

    fn validate_words(&self) -> Result<(), ManifestError> {
        let characters = self.summary.chars().count();
        if characters == 0
            || characters > limits::SUMMARY_CHARACTERS
            || self.summary.contains(char::is_control)
        {
            return Err(ManifestError::Summary { characters });
        }
        self.validate_prose()?;
        check_license("license", &self.license)?;
        for dataset in &self.provenance.datasets {
            check_license("provenance.datasets.license", &dataset.license)?;
        }
        if self.tags.len() > limits::TAGS {
            return Err(ManifestError::TooManyTags {
                count: self.tags.len(),
            });
        }
        for word in self.tags.iter().chain([&self.domain]) {
            let plain = word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if word.is_empty() || word.len() > 40 || !plain {
                return Err(ManifestError::Word {
                    word: word.chars().take(60).collect(),
                });
            }
        }
        Ok(())
    }

    /// What is shown on terminals holds no control characters but line feeds.
    fn validate_prose(&self) -> Result<(), ManifestError> {
        let provenance = &self.provenance;
        let notes = [
            ("changes", &self.changes),
            ("provenance.base", &provenance.base),
        ];
        let more = [
            ("provenance.code", &provenance.code),
            ("provenance.notes", &provenance.notes),
        ];
        let optional = notes
            .into_iter()
            .chain(more)
            .filter_map(|(field, text)| Some((field, text.as_ref()?)));
        let datasets = provenance
            .datasets
            .iter()
            .flat_map(|set| [Some(&set.name), set.source.as_ref()]);
        let datasets = datasets.flatten().map(|text| ("provenance.datasets", text));
        let people = provenance
            .contributors
            .iter()
            .map(|person| ("provenance.contributors", &person.name));
        let derivations = self
            .derived_from
            .iter()
            .map(|one| ("derived_from", &one.how));
        let names = self
            .output
            .names
            .iter()
            .flatten()
            .map(|name| ("output.names", name));
        let mut texts = optional
            .chain(datasets)
            .chain(people)
            .chain(derivations)
            .chain(names);
        let is_control = |character: char| character.is_control() && character != '\n';
        match texts.find(|(_, text)| text.contains(is_control)) {
            Some((field, _)) => Err(ManifestError::ControlCharacter { field }),
            None => Ok(()),
        }
    }

    fn validate_output(&self) -> Result<(), ManifestError> {
        let dimension = self.output.dimension;
        if dimension == 0 || dimension > limits::DIMENSIONS {
            return Err(ManifestError::Dimension { dimension });
        }
        if self.output.tensor.is_empty() {
            return Err(ManifestError::EmptyTensor);
        }
        match &self.output.names {
            Some(names) if u32::try_from(names.len()) != Ok(dimension) => {
                Err(ManifestError::DimensionNames {
                    found: names.len(),
                    dimension,
                })
            }
            _ => Ok(()),
        }
    }
}

fn one() -> u32 {
    1
}

fn check_license(field: &'static str, license: &str) -> Result<(), ManifestError> {
    spdx::Expression::parse(license)
        .map(drop)
        .map_err(|error| ManifestError::License {
            field,
            license: license.to_owned(),
            reason: error.reason.to_string(),
        })
}

/// Checks the path of a file inside a release: relative, `/` between parts, ASCII letters, digits,
/// `.`, `_`, `-`; no part starts with a dot; an extension of the allow-list.
///
/// # Errors
/// [`ManifestError::FilePath`] or [`ManifestError::FileKind`].
pub fn check_file_path(path: &str) -> Result<(), ManifestError> {
    let shown = || {
        path.chars()
            .take(limits::FILE_NAME_BYTES)
            .collect::<String>()
    };
    let part_is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if path.len() > limits::FILE_NAME_BYTES || !path.split('/').all(part_is_plain) {
        return Err(ManifestError::FilePath { path: shown() });
    }
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    if !["onnx", "json", "md", "txt", "csv", "png"].contains(&extension) {
        return Err(ManifestError::FileKind { path: shown() });
    }
    Ok(())
}

/// The JSON Schema (2020-12) of `extractor.toml`, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("`extractor.toml` cannot be read")]
    Toml {
        /// What the parser met, with line and column.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Cannot be written as TOML.
    #[error("the manifest cannot be written as TOML")]
    Write {
        /// What the writer met.
        #[source]
        source: toml::ser::Error,
    },
    /// `files` or `predecessor` in an author's file.
    #[error(
        "`files` and `predecessor` are written when a release is signed: remove them from `extractor.toml`"
    )]
    WrittenByPublish,
    /// A format from the future.
    #[error("the manifest has format version {found}, this program knows 1: update it")]
    Version {
        /// What it says.
        found: u32,
    },
    /// `1.0.0+build`.
    #[error(
        "version `{version}` carries build metadata, which releases cannot: remove the part after `+`"
    )]
    BuildMetadata {
        /// What it says.
        version: Version,
    },
    /// Empty, too long, or more than a line.
    #[error(
        "`summary` has {characters} characters: write one line of 1 to {}",
        limits::SUMMARY_CHARACTERS
    )]
    Summary {
        /// Its length.
        characters: usize,
    },
    /// Something a terminal would obey.
    #[error("`{field}` holds a control character: remove it")]
    ControlCharacter {
        /// Which field.
        field: &'static str,
    },
    /// Not an SPDX expression.
    #[error(
        "`{field}` is `{license}`, which is not an SPDX expression ({reason}): write such as `Apache-2.0`, or `LicenseRef-…` for other terms"
    )]
    License {
        /// Which field.
        field: &'static str,
        /// What it says.
        license: String,
        /// What the parser met.
        reason: String,
    },
    /// Past [`limits::TAGS`].
    #[error("{count} tags, past the limit of {}", limits::TAGS)]
    TooManyTags {
        /// How many.
        count: usize,
    },
    /// A tag or domain that is no plain word.
    #[error("`{word}` is no tag or domain: use 1 to 40 lower-case letters, digits and hyphens")]
    Word {
        /// What it says.
        word: String,
    },
    /// The preprocessing section.
    #[error(transparent)]
    Input(#[from] PreprocessError),
    /// Zero or past the limit.
    #[error(
        "`output.dimension` is {dimension}: it must be between 1 and {}",
        limits::DIMENSIONS
    )]
    Dimension {
        /// What it says.
        dimension: u32,
    },
    /// The graph's output must be named.
    #[error("`output.tensor` is empty: name the graph's output")]
    EmptyTensor,
    /// A list of names of another length.
    #[error("`output.names` has {found} names for {dimension} dimensions")]
    DimensionNames {
        /// How many names.
        found: usize,
        /// How many dimensions.
        dimension: u32,
    },
    /// A predecessor that does not come before.
    #[error("the predecessor `{version}` is not an earlier release of the same MAJOR")]
    Predecessor {
        /// What it says.
        version: Version,
    },
    /// Looser than the promise of versions.
    #[error(
        "`probes` may only tighten the defaults: `cosine` from 0.999 to 1, `length` from 0 to 0.05"
    )]
    Tolerance,
    /// A path that could leave the folder or reads differently elsewhere.
    #[error(
        "`{path}` is no path for a release: use relative paths of letters, digits, `.`, `_`, `-` and `/`, no part starting with a dot"
    )]
    FilePath {
        /// The path.
        path: String,
    },
    /// Not on the allow-list.
    #[error(
        "`{path}` cannot be part of a release: only .onnx, .json, .md, .txt, .csv and .png files can"
    )]
    FileKind {
        /// The path.
        path: String,
    },
}

#[cfg(test)]
pub(crate) mod tests;
