//! Repositories of the OCI protocol: extractors, whose content is signed releases, and what an
//! operator lets members keep beside them.

mod digest;
mod made;

pub(crate) use digest::{AnyDigest, AnyDigestError, Sha512, sha512_of};
pub(crate) use made::{MadeDigests, MadeOf};

use std::fmt;
use std::str::FromStr;

use registry_schema::name::{MemberName, Name, NameError};

/// Longest name of a repository, in characters (OCI distribution 1.1, "Pulling manifests").
const NAME_CHARACTERS: usize = 255;

/// What a repository holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Repository {
    /// Releases of an extractor: read only, but for the blobs of the next one.
    Extractor(Name),
    /// Whatever members push.
    Foreign(ForeignName),
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extractor(name) => name.fmt(f),
            Self::Foreign(name) => name.fmt(f),
        }
    }
}

/// The name of a repository that is no extractor: two parts or more, the first of which is a
/// [`Namespace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignName(String);

impl ForeignName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForeignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Below this first part of their names members may keep what is no extractor.
///
/// Written `NAMESPACE`, for all members, or `NAMESPACE=MEMBER,MEMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    name: String,
    /// Who may push and delete; empty for every member.
    members: Vec<MemberName>,
}

impl Namespace {
    /// The first part of its repositories' names.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this member may push here, and delete.
    pub(crate) fn lets_push(&self, member: &MemberName) -> bool {
        self.members.is_empty() || self.members.contains(member)
    }
}

impl FromStr for Namespace {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, members) = text
            .split_once('=')
            .map_or((text, None), |(name, members)| {
                (name, Some(members.split(',')))
            });
        if !is_component(name) {
            return Err(RepositoryError::Malformed { text: shown(text) });
        }
        let members = members.map(|members| members.map(str::parse).collect());
        Ok(Self {
            name: name.to_owned(),
            members: members.transpose()?.unwrap_or_default(),
        })
    }
}

/// The repository with a name, given the namespaces of this hub that are not members'.
///
/// # Errors
/// [`RepositoryError`] when there can be none.
pub(crate) fn parse<'a>(
    text: &str,
    mut namespaces: impl Iterator<Item = &'a Namespace>,
) -> Result<Repository, RepositoryError> {
    if text.len() > NAME_CHARACTERS || !text.split('/').all(is_component) {
        return Err(RepositoryError::Malformed { text: shown(text) });
    }
    let foreign = text
        .split_once('/')
        .is_some_and(|(first, _)| namespaces.any(|namespace| namespace.name() == first));
    if foreign {
        return Ok(Repository::Foreign(ForeignName(text.to_owned())));
    }
    Ok(Repository::Extractor(text.parse()?))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (OCI distribution 1.1).
fn is_component(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !is_plain(*first) || !is_plain(*last) {
        return false;
    }
    let separators = bytes.split(|byte| is_plain(*byte));
    separators
        .filter(|run| !run.is_empty())
        .all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-'))
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// No name of a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    /// Not of the form that OCI distribution has for names.
    #[error(
        "`{text}` is no name of a repository: parts of `a-z`, `0-9` and single `.`, `_`, `-` between them, divided by `/`"
    )]
    Malformed {
        /// What was given.
        text: String,
    },
    /// No extractor can be called so.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Reads a text as a repository's name and as a digest; for `fuzz/` alone.
#[cfg(fuzzing)]
pub(crate) fn fuzz_repository(text: &str) {
    let namespace: Namespace = "shared=alpha".parse().expect("a namespace");
    match parse(text, std::iter::once(&namespace)) {
        Ok(Repository::Extractor(name)) => assert_eq!(name.to_string(), text),
        Ok(Repository::Foreign(name)) => {
            assert!(name.as_str() == text && text.starts_with("shared/"));
            // It becomes part of a path.
            assert!(!text.contains("..") && !text.contains("//") && text.is_ascii());
        }
        Err(error) => assert!(error.to_string().len() < 1000, "words, and no echo"),
    }
    if let Ok(digest) = text.parse::<AnyDigest>() {
        assert_eq!(digest.to_string(), text);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_extractors_unless_a_namespace_takes_them() {
        let namespaces: [Namespace; 2] =
            ["conformance", "ml.models=alpha,beta"].map(|text| text.parse().unwrap());
        let parse = |text: &str| parse(text, namespaces.iter());
        for foreign in ["conformance/repo1", "ml.models/a/b__c/d--e"] {
            assert!(
                matches!(parse(foreign), Ok(Repository::Foreign(_))),
                "{foreign}"
            );
        }
        for extractor in ["conformance", "alpha/squares", "passport-extractor"] {
            let name = extractor.parse().unwrap();
            assert_eq!(parse(extractor), Ok(Repository::Extractor(name)));
        }
        for bad in [
            "",
            "/",
            "a//b",
            "Conformance/x",
            "conformance/",
            "conformance/a..b",
            "conformance/-a",
            "conformance/a___b",
            "conformance/a_.b",
            "other/a/b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&format!("conformance/{}", "a".repeat(300))).is_err());
        let (alpha, gamma) = ("alpha".parse().unwrap(), "gamma".parse().unwrap());
        assert!(namespaces[0].lets_push(&gamma));
        assert!(namespaces[1].lets_push(&alpha) && !namespaces[1].lets_push(&gamma));
        for bad in ["", "a/b", "A", "x=", "x=alpha,"] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(text in ".{0,300}") {
            let _ = parse(&text, std::iter::empty());
            let _ = text.parse::<Namespace>();
        }
    }
}
