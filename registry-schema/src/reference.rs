//! References to releases: `passport-extractor@2`.
//!
//! | written | means |
//! |---|---|
//! | `name`, `name@latest` | the newest stable release |
//! | `name@2` | the newest `2.x.y` |
//! | `name@2.3` | the newest `2.3.y` |
//! | `name@2.3.1` | that release |
//! | `name@3.0.0-rc.1` | that pre-release; no other form selects one |

use std::fmt;
use std::str::FromStr;

use semver::Version;

use crate::name::{Name, NameError};

/// An extractor's name and which of its releases is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Which extractor.
    pub name: Name,
    /// Which release.
    pub requirement: Requirement,
}

impl Reference {
    /// A reference to exactly one release.
    pub fn exact(name: Name, version: Version) -> Self {
        Self {
            name,
            requirement: Requirement::Exact(version),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.requirement)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, requirement) = text.split_once('@').unwrap_or((text, "latest"));
        Ok(Self {
            name: name.parse()?,
            requirement: requirement.parse()?,
        })
    }
}

/// Which release of an extractor is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requirement {
    /// The newest stable release.
    Latest,
    /// The newest stable release of a feature space.
    Major(u64),
    /// The newest stable release of a MAJOR.MINOR line.
    Minor(u64, u64),
    /// One release.
    Exact(Version),
}

impl Requirement {
    /// Whether a release of this version satisfies the requirement.
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Exact(exact) => exact == version,
            _ if !version.pre.is_empty() => false,
            Self::Latest => true,
            Self::Major(major) => version.major == *major,
            Self::Minor(major, minor) => version.major == *major && version.minor == *minor,
        }
    }

    /// The highest of `versions` that satisfies the requirement.
    pub fn newest<'a>(
        &self,
        versions: impl IntoIterator<Item = &'a Version>,
    ) -> Option<&'a Version> {
        versions
            .into_iter()
            .filter(|version| self.matches(version))
            .max()
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Major(major) => write!(f, "{major}"),
            Self::Minor(major, minor) => write!(f, "{major}.{minor}"),
            Self::Exact(version) => version.fmt(f),
        }
    }
}

impl FromStr for Requirement {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ReferenceError::Requirement {
            text: text.chars().take(80).collect(),
        };
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let number = |part: &str| {
            // `+2`, `02` and the like have one spelling too many.
            let plain =
                part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            part.parse::<u64>().ok().filter(|_| plain).ok_or_else(error)
        };
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        match parts.as_slice() {
            [major] => Ok(Self::Major(number(major)?)),
            [major, minor] => Ok(Self::Minor(number(major)?, number(minor)?)),
            _ => parse_version(text).map(Self::Exact),
        }
    }
}

crate::text::serde_as_text!(
    Reference,
    "An extractor and a release: `name@requirement`",
    "^[^@]+(@.+)?$"
);
crate::text::serde_as_text!(
    Requirement,
    "`latest`, `2`, `2.3` or `2.3.1`",
    "^(latest|[0-9].*)$"
);

/// Reads the version of a release: semver without build metadata, which has no order and so no
/// place in a registry.
///
/// # Errors
/// [`ReferenceError::Requirement`] or [`ReferenceError::BuildMetadata`].
pub fn parse_version(text: &str) -> Result<Version, ReferenceError> {
    let shown = || text.chars().take(80).collect();
    let version =
        Version::parse(text).map_err(|_| ReferenceError::Requirement { text: shown() })?;
    if !version.build.is_empty() {
        return Err(ReferenceError::BuildMetadata { text: shown() });
    }
    Ok(version)
}

/// What a MAJOR version names: vectors of one feature space may be compared and share heads,
/// vectors of two never.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureSpace {
    /// The extractor.
    pub name: Name,
    /// The MAJOR version.
    pub major: u64,
}

impl FeatureSpace {
    /// The space a release computes into. Pre-releases (`3.0.0-rc.1`) belong to the space they
    /// prepare.
    pub fn of(name: &Name, version: &Version) -> Self {
        Self {
            name: name.clone(),
            major: version.major,
        }
    }
}

impl fmt::Display for FeatureSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.major)
    }
}

impl FromStr for FeatureSpace {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reference: Reference = text.parse()?;
        match reference.requirement {
            Requirement::Major(major) => Ok(Self {
                name: reference.name,
                major,
            }),
            _ => Err(ReferenceError::Requirement {
                text: text.chars().take(80).collect(),
            }),
        }
    }
}

crate::text::serde_as_text!(
    FeatureSpace,
    "A feature space: `name@major`",
    "^[^@]+@[0-9]+$"
);

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The part before the `@`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The part after the `@`.
    #[error("`{text}` is not a version: write `2`, `2.3`, `2.3.1` or `latest`")]
    Requirement {
        /// What was read.
        text: String,
    },
    /// `1.0.0+build`.
    #[error("`{text}` carries build metadata, which releases cannot: remove the part after `+`")]
    BuildMetadata {
        /// What was read.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_newest_of_what_is_meant() {
        let versions: Vec<Version> = ["1.9.0", "2.0.0", "2.1.0", "2.1.3", "2.10.0", "3.0.0-rc.1"]
            .map(|v| v.parse().unwrap())
            .into();
        let newest = |text: &str| {
            let reference: Reference = text.parse().unwrap();
            reference
                .requirement
                .newest(&versions)
                .map(ToString::to_string)
        };
        assert_eq!(newest("p1").as_deref(), Some("2.10.0"));
        assert_eq!(newest("p1@latest").as_deref(), Some("2.10.0"));
        assert_eq!(newest("p1@2.1").as_deref(), Some("2.1.3"));
        assert_eq!(newest("p1@2.0.0").as_deref(), Some("2.0.0"));
        assert_eq!(newest("p1@3").as_deref(), None);
        assert_eq!(newest("p1@3.0.0-rc.1").as_deref(), Some("3.0.0-rc.1"));
    }

    #[test]
    fn odd_spellings_are_refused() {
        for bad in [
            "p1@",
            "p1@v2",
            "p1@2.",
            "p1@02",
            "p1@2.x",
            "p1@^2",
            "p1@1.2.3+b",
            "p1@@2",
            "@2",
            "p1@2.3.4.5",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?} must be refused");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_to_an_equal_reference(text in "[a-z@0-9./-]{0,24}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }
    }
}
