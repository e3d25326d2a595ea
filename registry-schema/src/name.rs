//! Names of members and extractors: the one parser.
//!
//! A part is 2 to 64 characters of `a-z`, `0-9` and single inner hyphens, starting with a letter:
//! what reads the same in URLs, file systems and OCI repositories, and leaves no look-alikes.

use std::fmt;
use std::str::FromStr;

/// Longest part of a name, in characters.
const PART_CHARACTERS: usize = 64;

/// Words that file systems or the API's paths claim for themselves.
const RESERVED: [&str; 8] = [
    "aux", "con", "nul", "prn", "hub", "latest", "releases", "blobs",
];

/// The name of a member, such as `alpha-bank`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName(String);

impl MemberName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MemberName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_part(text, text)?;
        Ok(Self(text.to_owned()))
    }
}

/// The name of an extractor: `member/name`, which belongs to that member, or a bare name, which
/// belongs to the consortium.
///
/// ```
/// use registry_schema::name::Name;
/// let name: Name = "acme/passport-extractor".parse().unwrap();
/// assert_eq!(name.member().unwrap().as_str(), "acme");
/// assert_eq!(name.base(), "passport-extractor");
/// assert!("Passport".parse::<Name>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    member: Option<MemberName>,
    base: String,
}

impl Name {
    /// A name from its two parts; `member` is `None` for a bare name.
    ///
    /// # Errors
    /// [`NameError`] when `base` is not a well-formed part.
    pub fn new(member: Option<MemberName>, base: &str) -> Result<Self, NameError> {
        check_part(base, base)?;
        Ok(Self {
            member,
            base: base.to_owned(),
        })
    }

    /// A name that stands for everything below a member's own, where it alone decides.
    pub fn of_member(member: MemberName) -> Self {
        Self {
            member: Some(member),
            base: "member".to_owned(),
        }
    }

    /// The member the name belongs to, or `None` for a bare name of the consortium.
    pub fn member(&self) -> Option<&MemberName> {
        self.member.as_ref()
    }

    /// The part after the slash, or all of a bare name.
    pub fn base(&self) -> &str {
        &self.base
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(member) = &self.member {
            write!(f, "{member}/")?;
        }
        f.write_str(&self.base)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((member, base)) => {
                check_part(base, text)?;
                check_part(member, text)?;
                Ok(Self {
                    member: Some(MemberName(member.to_owned())),
                    base: base.to_owned(),
                })
            }
            None => Self::new(None, text),
        }
    }
}

fn check_part(part: &str, whole: &str) -> Result<(), NameError> {
    let bytes = part.as_bytes();
    let well_formed = (2..=PART_CHARACTERS).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && !part.contains("--")
        && bytes
            .iter()
            .all(|&b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let shown = || whole.chars().take(2 * PART_CHARACTERS + 1).collect();
    if !well_formed {
        return Err(NameError::Malformed { text: shown() });
    }
    if RESERVED.contains(&part) {
        return Err(NameError::Reserved {
            text: shown(),
            word: part.to_owned(),
        });
    }
    Ok(())
}

crate::text::serde_as_text!(
    MemberName,
    "A member's name",
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
);
crate::text::serde_as_text!(
    Name,
    "An extractor's name: `member/name`, or a bare name of the consortium",
    "^([a-z][a-z0-9]*(-[a-z0-9]+)*/)?[a-z][a-z0-9]*(-[a-z0-9]+)*$"
);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Characters or lengths a name cannot have.
    #[error(
        "`{text}` is not a name: use 2 to 64 lower-case letters, digits and single hyphens, starting with a letter, such as `passport-extractor` or `acme/passport-extractor`"
    )]
    Malformed {
        /// What was read.
        text: String,
    },
    /// A word that is not to be had.
    #[error("`{text}` is not a name: `{word}` is reserved")]
    Reserved {
        /// What was read.
        text: String,
        /// The reserved word in it.
        word: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_and_bad_names() {
        for good in ["ab", "passport-extractor", "acme/x9", "a1/b-2-c"] {
            assert_eq!(good.parse::<Name>().unwrap().to_string(), good);
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "a",
            "A1",
            "1a",
            "-ab",
            "ab-",
            "a--b",
            "a_b",
            "a/b/c",
            "ab/",
            "/ab",
            "ab/cd/",
            "..",
            "ab/..",
            "a b",
            "é1",
            "con",
            "ab/releases",
            "hub/ab",
            "ab\0",
            "аbc",
            &long,
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?} must be refused");
        }
    }

    proptest! {
        #[test]
        fn parse_never_panics_and_prints_what_it_read(text in ".{0,80}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
