//! Names of heads and of their classes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::HeadError;

/// Most classes of a new head: what was taken for what is a table of so many times so many numbers, which is to
/// fit into memory and into the head's file.
pub const CLASSES: usize = 5_000;

/// Longest name of a class, in bytes.
pub const CLASS_NAME_BYTES: usize = 200;

/// The name of a head: 1 to 64 lower-case letters, digits, `-` and `_`, the first a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeadName(String);

impl HeadName {
    /// The name as text, safe as a folder's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeadName {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let plain = text
            .bytes()
            .all(|byte| alphanumeric(byte) || byte == b'-' || byte == b'_');
        if plain && (1..=64).contains(&text.len()) && text.bytes().next().is_some_and(alphanumeric)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(HeadError::Name {
                name: text.chars().take(80).collect(),
            })
        }
    }
}

impl fmt::Display for HeadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses to train fewer than two classes or more than [`CLASSES`], and names that are empty, long, doubled
/// or not fit for a line.
///
/// # Errors
/// [`HeadError::TooFewClasses`], [`HeadError::TooManyClasses`], [`HeadError::ClassName`].
pub fn check_classes(classes: &[String]) -> Result<(), HeadError> {
    if classes.len() > CLASSES {
        return Err(HeadError::TooManyClasses {
            classes: classes.len(),
        });
    }
    check_names(classes)
}

/// The same of a head that is there, however many classes it has.
pub(super) fn check_names(classes: &[String]) -> Result<(), HeadError> {
    if classes.len() < 2 {
        return Err(HeadError::TooFewClasses {
            classes: classes.len(),
        });
    }
    let mut seen = BTreeSet::new();
    for class in classes {
        let problem = if class.trim().is_empty() {
            "empty"
        } else if class.len() > CLASS_NAME_BYTES {
            "longer than 200 bytes"
        } else if class.chars().any(char::is_control) {
            "not plain text: it has a line break or control character"
        } else if !seen.insert(class) {
            "there twice"
        } else {
            continue;
        };
        return Err(HeadError::ClassName {
            name: class.chars().take(80).collect(),
            problem,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_heads() {
        for good in ["a", "7", "border-2_x", &"n".repeat(64)] {
            assert!(good.parse::<HeadName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "_a",
            "A",
            "a/b",
            "..",
            "a.b",
            "é",
            "a b",
            &"n".repeat(65),
        ] {
            assert!(bad.parse::<HeadName>().is_err(), "{bad}");
        }
    }
}
