//! What a mirror holds: the list beside a copy of a hub's trust root, log and blobs.
//!
//! ```text
//! tuf/metadata/…  tuf/targets/…     the trust root, as the hub serves it under `/tuf/`
//! log/checkpoint  log/tile/…        the log, as the hub serves it under `/log/`, witnesses' signatures included
//! blobs/sha256/ab/ab12…             the files of the releases that were chosen
//! mirror.json                       this list
//! ```
//!
//! The list grants nothing: what a release is, and that it is one, say the log's entries. It says which of their
//! files a server shows, since those of a release are here before it was found good.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::api::AttachedBlob;
use crate::digest::Digest;
use crate::name::Name;
use crate::reference::{Reference, ReferenceError, Requirement};

/// The list's file.
pub const LIST_FILE: &str = "mirror.json";

/// The folder of the trust root.
pub const TRUST_FOLDER: &str = "tuf";

/// The folder of the log.
pub const LOG_FOLDER: &str = "log";

/// The folder of blobs.
pub const BLOB_FOLDER: &str = "blobs";

/// What a mirror holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorList {
    /// Format version, 1.
    pub v: u32,
    /// The hub it was copied from, as its address was then.
    pub source: String,
    /// When it was last brought up to date (RFC 3339, UTC).
    pub mirrored_at: String,
    /// What was asked for.
    pub wanted: Wanted,
    /// The releases whose files are here, all found good, in order of their names and versions.
    pub releases: Vec<MirroredRelease>,
    /// Statements of further releases of which the probe vectors alone are here: predecessors, with which a pull
    /// compares a release.
    pub predecessors: BTreeSet<Digest>,
}

/// A release whose files are in a mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirroredRelease {
    /// Which.
    pub release: Reference,
    /// SHA-256 of its statement.
    pub statement: Digest,
    /// Its `model.sig`, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_signature: Option<AttachedBlob>,
}

/// Which releases a mirror is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// All there are; then `extractors` is empty.
    pub all: bool,
    /// Those of these names and references.
    pub extractors: Vec<Choice>,
    /// Without those that are yanked when they are first met.
    pub without_yanked: bool,
}

impl Wanted {
    /// Which of the releases of a name are wanted; `releases` are all of them, and whether each is yanked.
    pub fn of_name<'a>(
        &self,
        name: &Name,
        releases: impl Iterator<Item = (&'a Version, bool)> + Clone,
    ) -> BTreeSet<&'a Version> {
        let standing = releases
            .clone()
            .filter_map(|(version, is_yanked)| (!is_yanked).then_some(version));
        let newest = Requirement::Latest.newest(standing);
        let choices: Vec<_> = self
            .extractors
            .iter()
            .filter(|one| one.name == *name)
            .collect();
        let is_chosen = |version: &'a Version| {
            let by = |choice: &&Choice| match &choice.requirement {
                None => true,
                Some(Requirement::Latest) => newest == Some(version),
                Some(requirement) => requirement.matches(version),
            };
            self.all || choices.iter().any(by)
        };
        releases
            .filter(|(version, is_yanked)| {
                is_chosen(version) && !(self.without_yanked && *is_yanked)
            })
            .map(|(version, _)| version)
            .collect()
    }
}

/// A name with all its releases, or a reference with every release that it may mean: `name@2` are all of MAJOR 2,
/// `name@latest` is the newest alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which extractor.
    pub name: Name,
    /// Which of its releases; all when absent.
    pub requirement: Option<Requirement>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.requirement {
            None => self.name.fmt(f),
            Some(requirement) => write!(f, "{}@{requirement}", self.name),
        }
    }
}

impl FromStr for Choice {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((name, requirement)) = text.split_once('@') else {
            return Ok(Self {
                name: text.parse()?,
                requirement: None,
            });
        };
        Ok(Self {
            name: name.parse()?,
            requirement: Some(requirement.parse()?),
        })
    }
}

crate::text::serde_as_text!(
    Choice,
    "An extractor, or a reference to some of its releases",
    "^[^@]+(@.+)?$"
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn wanted(extractors: &[&str], without_yanked: bool) -> Wanted {
        Wanted {
            all: false,
            extractors: extractors.iter().map(|one| one.parse().unwrap()).collect(),
            without_yanked,
        }
    }

    fn of_dots(wanted: &Wanted) -> String {
        let releases: Vec<(Version, bool)> = [
            ("1.0.0", false),
            ("2.0.0", true),
            ("2.1.0", false),
            ("2.2.0-rc.1", false),
            ("3.0.0", true),
        ]
        .map(|(version, is_yanked)| (version.parse().unwrap(), is_yanked))
        .to_vec();
        let releases = releases
            .iter()
            .map(|(version, is_yanked)| (version, *is_yanked));
        let found = wanted.of_name(&"dots".parse().unwrap(), releases);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        texts.join(" ")
    }

    #[test]
    fn a_name_is_all_and_a_reference_is_its_line() {
        assert_eq!(
            of_dots(&wanted(&["dots"], false)),
            "1.0.0 2.0.0 2.1.0 2.2.0-rc.1 3.0.0"
        );
        assert_eq!(of_dots(&wanted(&["dots"], true)), "1.0.0 2.1.0 2.2.0-rc.1");
        assert_eq!(of_dots(&wanted(&["dots@2"], false)), "2.0.0 2.1.0");
        assert_eq!(of_dots(&wanted(&["dots@2"], true)), "2.1.0");
        assert_eq!(of_dots(&wanted(&["dots@latest"], false)), "2.1.0");
        assert_eq!(
            of_dots(&wanted(&["dots@3.0.0", "dots@1"], false)),
            "1.0.0 3.0.0"
        );
        assert_eq!(of_dots(&wanted(&["other"], false)), "");
        let all = Wanted {
            all: true,
            ..Wanted::default()
        };
        assert_eq!(of_dots(&all), "1.0.0 2.0.0 2.1.0 2.2.0-rc.1 3.0.0");
    }

    #[test]
    fn a_list_reads_back() {
        let list = MirrorList {
            v: 1,
            source: "https://hub.example.org".to_owned(),
            mirrored_at: "2026-01-01T00:00:00Z".to_owned(),
            wanted: wanted(&["dots", "alpha/squares@2.1"], true),
            releases: vec![MirroredRelease {
                release: "dots@2.1.0".parse().unwrap(),
                statement: Digest::of(b"statement"),
                model_signature: None,
            }],
            predecessors: BTreeSet::from([Digest::of(b"before")]),
        };
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<MirrorList>(&text).unwrap(), list);
        for bad in ["dots@", "@2", "dots@x", ""] {
            assert!(bad.parse::<Choice>().is_err(), "{bad}");
        }
    }
}
