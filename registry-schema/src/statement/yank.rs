//! A release is withdrawn from resolution, or restored.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::StatementError;
use super::wire::{self, Subject, Wire};
use crate::digest::Digest;
use crate::limits;
use crate::name::Name;
use crate::reference::{Reference, parse_version};

pub(super) const PREDICATE: &str = "urn:extractor-hub:yank:v1";

/// Withdraws a release from resolution, or restores it. Nothing is ever deleted by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YankStatement {
    /// Which extractor.
    pub name: Name,
    /// Which release.
    pub version: Version,
    /// The release's content digest.
    pub content: Digest,
    /// What happens to it.
    pub action: YankAction,
    /// Why, for everybody who locked it.
    pub reason: String,
    /// What to use instead.
    pub replacement: Option<Version>,
    /// 1 for the first statement of this kind about the release, then one more each time, so that
    /// an old statement cannot be played again.
    pub sequence: u64,
}

/// What a [`YankStatement`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum YankAction {
    /// No longer chosen by requirements; still there for those who locked it.
    Yank,
    /// Chosen again.
    Unyank,
}

impl YankStatement {
    /// The release it is about, as an exact reference.
    pub fn reference(&self) -> Reference {
        Reference::exact(self.name.clone(), self.version.clone())
    }

    /// The payload to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        let subject = Subject::of(&self.name, &self.version, &self.content);
        let predicate = YankPredicate {
            action: self.action,
            name: self.name.clone(),
            reason: self.reason.clone(),
            replacement: self.replacement.clone(),
            sequence: self.sequence,
            version: self.version.clone(),
        };
        Wire::new(PREDICATE, subject, predicate).to_json()
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<YankPredicate> = wire::read(payload)?;
        let content = wire::subject_digest(&wire.subject)?;
        let predicate = wire.predicate;
        wire::check_line("reason", &predicate.reason, limits::REASON_CHARACTERS)?;
        parse_version(&predicate.version.to_string())?;
        wire::check_subject(
            &wire.subject,
            &Subject::of(&predicate.name, &predicate.version, &content),
        )?;
        Ok(Self {
            name: predicate.name,
            version: predicate.version,
            content,
            action: predicate.action,
            reason: predicate.reason,
            replacement: predicate.replacement,
            sequence: predicate.sequence,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct YankPredicate {
    action: YankAction,
    name: Name,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replacement: Option<Version>,
    sequence: u64,
    version: Version,
}
