//! The JSON all kinds of statements share: in-toto Statement v1 with exactly one subject.

use std::collections::BTreeMap;

use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StatementError;
use crate::digest::Digest;
use crate::name::Name;

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What tells the kinds apart, read before anything else.
#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(rename = "predicateType")]
    pub(super) predicate_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire<P> {
    #[serde(rename = "_type")]
    statement_type: String,
    pub(super) subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    pub(super) predicate: P,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

impl Subject {
    /// A thing by its name and SHA-256.
    pub(super) fn new(name: String, sha256: &str) -> Self {
        Self {
            name,
            digest: [("sha256".to_owned(), sha256.to_owned())].into(),
        }
    }

    /// A release by its content.
    pub(super) fn of(name: &Name, version: &Version, content: &Digest) -> Self {
        Self::new(format!("{name}@{version}"), &content.to_hex())
    }
}

impl<P: Serialize> Wire<P> {
    pub(super) fn new(predicate_type: &str, subject: Subject, predicate: P) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![subject],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "statements hold strings, finite numbers and lists only"
        )]
        serde_json::to_vec(self).expect("a statement serialises")
    }
}

/// The SHA-256 of the only subject, unchecked.
pub(super) fn subject_digest(subject: &[Subject]) -> Result<Digest, StatementError> {
    let [only] = subject else {
        return Err(StatementError::Subject);
    };
    let hex = only.digest.get("sha256");
    hex.and_then(|hex| Digest::from_hex(hex).ok())
        .ok_or(StatementError::Subject)
}

/// Whether the only subject is this one.
pub(super) fn check_subject(subject: &[Subject], expected: &Subject) -> Result<(), StatementError> {
    match subject {
        [only] if only == expected => Ok(()),
        _ => Err(StatementError::Subject),
    }
}

pub(super) fn read<P: DeserializeOwned>(payload: &[u8]) -> Result<Wire<P>, StatementError> {
    let wire: Wire<P> =
        serde_json::from_slice(payload).map_err(|source| StatementError::Malformed { source })?;
    if wire.statement_type == STATEMENT_TYPE {
        Ok(wire)
    } else {
        Err(StatementError::Type)
    }
}

/// Checks prose on one line: something, not too much, nothing a terminal would obey.
pub(super) fn check_line(
    field: &'static str,
    text: &str,
    limit: usize,
) -> Result<(), StatementError> {
    check_prose(field, text, limit, char::is_control)
}

/// The same where line feeds may separate lines.
pub(super) fn check_text(
    field: &'static str,
    text: &str,
    limit: usize,
) -> Result<(), StatementError> {
    check_prose(field, text, limit, |c| c.is_control() && c != '\n')
}

fn check_prose(
    field: &'static str,
    text: &str,
    limit: usize,
    is_refused: fn(char) -> bool,
) -> Result<(), StatementError> {
    if text.contains(is_refused) {
        return Err(StatementError::ControlCharacter { field });
    }
    let characters = text.chars().count();
    if text.trim().is_empty() || characters > limit {
        return Err(StatementError::Prose {
            field,
            characters,
            limit,
        });
    }
    Ok(())
}
