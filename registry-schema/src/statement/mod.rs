//! In-toto Statements v1: what envelopes carry.
//!
//! | kind | predicate | who signs |
//! |---|---|---|
//! | [`ReleaseStatement`] | OpenSSF Model Signing v1.0, our manifest in `predicate.hub` | owners of the name, by threshold |
//! | [`YankStatement`] | ours | owners of the name, by threshold |
//! | [`EvaluationStatement`] | in-toto test result v0.1, our figures in `predicate.hub` | one member |
//! | [`AdvisoryStatement`] | ours | one member |
//! | [`KeyCompromiseStatement`] | ours | the member whose key it is |
//!
//! Standard predicates are used where there is one, so that other people's verifiers read the same
//! statement. Of a standard predicate only the form written here is accepted: what nobody reads,
//! nobody should sign.

mod advisory;
mod error;
mod evaluation;
mod figures;
mod key_compromise;
mod release;
mod wire;
mod yank;

pub use advisory::{AdvisoryAction, AdvisoryStatement, AffectedVersions, Severity};
pub use error::StatementError;
pub use evaluation::{Comparison, EvaluationStatement, Verdict};
pub use figures::{ClassFigures, Figures, Interval};
pub use key_compromise::KeyCompromiseStatement;
pub use release::{ReleaseFile, ReleaseStatement, is_probe_image};
pub use yank::{YankAction, YankStatement};

use crate::name::{MemberName, Name};

/// A statement that has been read and is consistent in itself. Whether anybody with a right to
/// signed it, `verify` tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// A new release.
    Release(Box<ReleaseStatement>),
    /// A release is withdrawn, or restored.
    Yank(YankStatement),
    /// A member's figures of a release.
    Evaluation(Box<EvaluationStatement>),
    /// A member's warning about releases.
    Advisory(Box<AdvisoryStatement>),
    /// One of a member's keys is not to be believed any more.
    KeyCompromise(KeyCompromiseStatement),
}

impl Statement {
    /// Reads the payload of an envelope.
    ///
    /// # Errors
    /// [`StatementError`] names what is missing, unknown or contradictory.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let head: wire::Head = serde_json::from_slice(payload)
            .map_err(|source| StatementError::Malformed { source })?;
        match head.predicate_type.as_str() {
            release::PREDICATE => ReleaseStatement::parse(payload)
                .map(Box::new)
                .map(Self::Release),
            yank::PREDICATE => YankStatement::parse(payload).map(Self::Yank),
            evaluation::PREDICATE => EvaluationStatement::parse(payload)
                .map(Box::new)
                .map(Self::Evaluation),
            advisory::PREDICATE => AdvisoryStatement::parse(payload)
                .map(Box::new)
                .map(Self::Advisory),
            key_compromise::PREDICATE => {
                KeyCompromiseStatement::parse(payload).map(Self::KeyCompromise)
            }
            other => Err(StatementError::PredicateType {
                found: other.chars().take(120).collect(),
            }),
        }
    }

    /// The extractor the statement is about; a key compromise is about none.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Release(release) => Some(&release.manifest().name),
            Self::Yank(yank) => Some(&yank.name),
            Self::Evaluation(evaluation) => Some(&evaluation.name),
            Self::Advisory(advisory) => Some(&advisory.name),
            Self::KeyCompromise(_) => None,
        }
    }

    /// The member that says it for itself; a release and a yank are said by the owners of a name together.
    pub fn speaker(&self) -> Option<&MemberName> {
        match self {
            Self::Release(_) | Self::Yank(_) => None,
            Self::Evaluation(evaluation) => Some(&evaluation.by),
            Self::Advisory(advisory) => Some(&advisory.by),
            Self::KeyCompromise(compromise) => Some(&compromise.member),
        }
    }

    /// The kind in words, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Release(_) => "a release",
            Self::Yank(_) => "a yank",
            Self::Evaluation(_) => "an evaluation",
            Self::Advisory(_) => "an advisory",
            Self::KeyCompromise(_) => "a key compromise",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
