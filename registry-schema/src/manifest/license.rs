//! The licence of what is made of several works.

use std::collections::BTreeSet;

use spdx::expression::{ExprNode, Operator};
use spdx::{Expression, LicenseReq};

/// Licences that no work can meet at once: what the one demands the other forbids (each side's own statement: the Free
/// Software Foundation on GPL-2.0 alone, Creative Commons on NonCommercial beside copyleft that forbids further limits).
/// A name stands for all identifiers it begins.
const CONTRADICTIONS: [(&str, &str); 7] = [
    ("GPL-2.0-only", "Apache-2.0"),
    ("GPL-2.0-only", "GPL-3.0"),
    ("GPL-2.0-only", "AGPL-3.0"),
    ("GPL-2.0-only", "LGPL-3.0"),
    ("GPL-", "CC-BY-NC-"),
    ("AGPL-", "CC-BY-NC-"),
    ("CC-BY-SA-", "CC-BY-NC-"),
];

/// The licence of a work that holds works under all of `licenses`, SPDX expressions: all of them at once.
///
/// ```
/// use registry_schema::manifest::combined_license;
/// let both = combined_license(&["Apache-2.0", "MIT OR BSD-3-Clause", "Apache-2.0"])?;
/// assert_eq!(both, "Apache-2.0 AND (MIT OR BSD-3-Clause)");
/// # Ok::<(), registry_schema::manifest::LicenseError>(())
/// ```
///
/// # Errors
/// [`LicenseError`] when no expression says what may be done with the whole: terms without an identifier, a licence that
/// allows no derivatives, or two that contradict each other. Where an expression leaves a choice, one that works is enough.
pub fn combined_license(licenses: &[&str]) -> Result<String, LicenseError> {
    let mut parts: Vec<String> = Vec::new();
    for license in licenses {
        let parsed = parse(license)?;
        if let Some(license) = forbidding(&parsed) {
            return Err(LicenseError::NoDerivatives { license });
        }
        let holds_choice = parsed
            .iter()
            .any(|node| matches!(node, ExprNode::Op(Operator::Or)));
        let text = match holds_choice {
            true => format!("({license})"),
            false => (*license).to_owned(),
        };
        if !parts.contains(&text) {
            parts.push(text);
        }
    }
    let text = match parts.as_slice() {
        // A choice alone needs no parentheses.
        [_] => licenses.first().copied().unwrap_or_default().to_owned(),
        all => all.join(" AND "),
    };
    let whole = parse(&text)?;
    if parts.len() > 1
        && let Some(terms) = without_identifier(&whole)
    {
        return Err(LicenseError::OwnTerms { terms });
    }
    for (one, other) in CONTRADICTIONS {
        let without = |name: &str| whole.evaluate(|requirement| !is_of(requirement, name));
        if !without(one) && !without(other) {
            return Err(LicenseError::Contradiction {
                one: named(&whole, one),
                other: named(&whole, other),
            });
        }
    }
    Ok(text)
}

fn parse(license: &str) -> Result<Expression, LicenseError> {
    Expression::parse(license).map_err(|error| LicenseError::Expression {
        license: license.to_owned(),
        reason: error.reason.to_string(),
    })
}

/// The identifier as it is written, with what makes it `-only` or `-or-later`.
fn id(requirement: &LicenseReq) -> Option<String> {
    requirement
        .license
        .id()
        .map(|_| requirement.license.to_string())
}

fn is_of(requirement: &LicenseReq, name: &str) -> bool {
    id(requirement).is_some_and(|id| id.starts_with(name))
}

/// The identifier in an expression that `name` stands for.
fn named(expression: &Expression, name: &str) -> String {
    let mut ids = expression
        .requirements()
        .filter(|one| is_of(&one.req, name));
    ids.next()
        .map_or_else(|| name.to_owned(), |one| one.req.to_string())
}

/// A licence without derivatives that nothing in the expression is an alternative to.
fn forbidding(expression: &Expression) -> Option<String> {
    let forbids = |requirement: &LicenseReq| {
        id(requirement).is_some_and(|id| id.starts_with("CC-BY-") && id.contains("ND-"))
    };
    if expression.evaluate(|requirement| !forbids(requirement)) {
        return None;
    }
    let mut ids = expression.requirements().filter(|one| forbids(&one.req));
    ids.next().map(|one| one.req.to_string())
}

/// Terms of somebody's own that nothing in the expression is an alternative to.
fn without_identifier(expression: &Expression) -> Option<String> {
    if expression.evaluate(|requirement| id(requirement).is_some()) {
        return None;
    }
    let all = expression.requirements().map(|one| &one.req);
    let own: BTreeSet<String> = all
        .filter(|requirement| id(requirement).is_none())
        .map(ToString::to_string)
        .collect();
    own.into_iter().next()
}

/// Why the licence of a whole cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LicenseError {
    /// Not an SPDX expression.
    #[error("`{license}` is not an SPDX expression ({reason})")]
    Expression {
        /// What it says.
        license: String,
        /// What the parser met.
        reason: String,
    },
    /// Terms that only people can read.
    #[error(
        "`{terms}` has no public identifier, so nothing here knows what it says of works that hold others, too"
    )]
    OwnTerms {
        /// Its name.
        terms: String,
    },
    /// A licence that forbids it.
    #[error("`{license}` allows no derivatives, and this would be one")]
    NoDerivatives {
        /// Which.
        license: String,
    },
    /// Two that cannot both be met.
    #[error("`{one}` and `{other}` contradict each other: no work can be under both")]
    Contradiction {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_can_be_said_is_said() {
        let said = |licenses: &[&str]| combined_license(licenses).unwrap();
        assert_eq!(said(&["MIT", "MIT"]), "MIT");
        assert_eq!(said(&["MIT OR Apache-2.0"]), "MIT OR Apache-2.0");
        assert_eq!(
            said(&["Apache-2.0", "BSD-3-Clause", "Apache-2.0"]),
            "Apache-2.0 AND BSD-3-Clause"
        );
        assert_eq!(
            said(&["GPL-2.0-or-later", "Apache-2.0"]),
            "GPL-2.0-or-later AND Apache-2.0"
        );
        // Alone, terms of one's own stay what they are.
        assert_eq!(
            said(&["LicenseRef-acme", "LicenseRef-acme"]),
            "LicenseRef-acme"
        );
        assert_eq!(
            said(&["LicenseRef-acme OR MIT", "Apache-2.0"]),
            "(LicenseRef-acme OR MIT) AND Apache-2.0"
        );
        assert_eq!(
            said(&["GPL-2.0-only OR MIT", "Apache-2.0"]),
            "(GPL-2.0-only OR MIT) AND Apache-2.0"
        );
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        let refused = |licenses: &[&str]| combined_license(licenses).unwrap_err();
        assert!(matches!(
            refused(&["MIT", "LicenseRef-acme"]),
            LicenseError::OwnTerms { .. }
        ));
        assert!(matches!(
            refused(&["MIT", "CC-BY-NC-ND-4.0"]),
            LicenseError::NoDerivatives { .. }
        ));
        assert!(matches!(
            refused(&["CC-BY-ND-4.0"]),
            LicenseError::NoDerivatives { .. }
        ));
        assert!(matches!(
            refused(&["MIT", "free"]),
            LicenseError::Expression { .. }
        ));
        for pair in [
            ["GPL-2.0-only", "Apache-2.0"],
            ["CC-BY-NC-4.0", "GPL-3.0-or-later"],
            ["CC-BY-NC-4.0", "CC-BY-SA-4.0"],
        ] {
            assert!(
                matches!(refused(&pair), LicenseError::Contradiction { .. }),
                "{pair:?}"
            );
        }
        assert_eq!(
            refused(&["CC-BY-NC-4.0", "GPL-3.0-or-later"]).to_string(),
            "`GPL-3.0-or-later` and `CC-BY-NC-4.0` contradict each other: no work can be under both"
        );
    }
}
