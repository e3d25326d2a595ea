//! A member's warning about releases, and its end.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::StatementError;
use super::wire::{self, Subject, Wire};
use crate::digest::Digest;
use crate::limits;
use crate::name::{MemberName, Name};
use crate::reference::parse_version;

pub(super) const PREDICATE: &str = "urn:extractor-hub:advisory:v1";

/// A warning about one release or a range of versions, opened, changed or closed. The subject is
/// one affected release, which the member has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvisoryStatement {
    /// Who warns.
    pub by: MemberName,
    /// Which extractor.
    pub name: Name,
    /// The affected release that was looked at.
    pub version: Version,
    /// That release's content digest.
    pub content: Digest,
    /// Which of this member's advisories about the extractor: 1, 2, …
    pub number: u64,
    /// 1 for the statement that opens the advisory, then one more each time, so that an old one
    /// cannot be played again.
    pub sequence: u64,
    /// What the statement does.
    pub action: AdvisoryAction,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What is wrong, how to see it, what to do; or why the advisory is closed.
    pub text: String,
    /// Which versions.
    pub affected: AffectedVersions,
}

/// Whether an advisory stands after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdvisoryAction {
    /// It stands as said here: the first statement, or one that changes it.
    Open,
    /// It is over: a mistake, or nothing to warn of any more.
    Close,
}

/// How bad it is, mildest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Low,
    /// Some users get worse answers.
    Moderate,
    /// Most users get worse answers, or some get wrong ones that matter.
    High,
    /// Do not use it.
    Critical,
}

impl Severity {
    /// The word that is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A range of versions, in the terms of the Open Source Vulnerability schema: from `introduced`
/// on, up to and with `last_affected`, or up to but without `fixed_in`; every later one when
/// neither is known. Versions are compared by the order of Semantic Versioning 2.0 §11.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AffectedVersions {
    /// The first affected version.
    #[schema(value_type = String)]
    pub introduced: Version,
    /// The last affected version, when there is no fix or none is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub last_affected: Option<Version>,
    /// The first version that is not affected any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub fixed_in: Option<Version>,
}

impl AffectedVersions {
    /// One version alone.
    pub fn only(version: Version) -> Self {
        Self {
            introduced: version.clone(),
            last_affected: Some(version),
            fixed_in: None,
        }
    }

    /// Whether a version is in the range.
    pub fn contains(&self, version: &Version) -> bool {
        *version >= self.introduced
            && self
                .last_affected
                .as_ref()
                .is_none_or(|last| version <= last)
            && self.fixed_in.as_ref().is_none_or(|fixed| version < fixed)
    }

    fn check(&self, subject: &Version) -> Result<(), StatementError> {
        for version in [Some(&self.introduced), self.last_affected.as_ref()]
            .into_iter()
            .chain([self.fixed_in.as_ref()])
            .flatten()
        {
            parse_version(&version.to_string())?;
        }
        let problem = match (&self.last_affected, &self.fixed_in) {
            (Some(last), _) if *last < self.introduced => "the last comes before the first",
            (_, Some(fixed)) if *fixed <= self.introduced => {
                "the fixed version does not come after the first affected one"
            }
            (Some(last), Some(fixed)) if fixed <= last => {
                "the fixed version does not come after the last affected one"
            }
            _ if !self.contains(subject) => "the release it is about is not among them",
            _ => return Ok(()),
        };
        Err(StatementError::Affected { problem })
    }
}

impl AdvisoryStatement {
    /// The payload to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        let subject = Subject::of(&self.name, &self.version, &self.content);
        let predicate = AdvisoryPredicate {
            action: self.action,
            affected: self.affected.clone(),
            by: self.by.clone(),
            name: self.name.clone(),
            number: self.number,
            sequence: self.sequence,
            severity: self.severity,
            text: self.text.clone(),
            title: self.title.clone(),
            version: self.version.clone(),
        };
        Wire::new(PREDICATE, subject, predicate).to_json()
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<AdvisoryPredicate> = wire::read(payload)?;
        let content = wire::subject_digest(&wire.subject)?;
        let predicate = wire.predicate;
        parse_version(&predicate.version.to_string())?;
        wire::check_subject(
            &wire.subject,
            &Subject::of(&predicate.name, &predicate.version, &content),
        )?;
        wire::check_line("title", &predicate.title, limits::ADVISORY_TITLE_CHARACTERS)?;
        wire::check_text("text", &predicate.text, limits::ADVISORY_TEXT_CHARACTERS)?;
        for (field, number) in [
            ("number", predicate.number),
            ("sequence", predicate.sequence),
        ] {
            if number == 0 {
                return Err(StatementError::Number { field });
            }
        }
        predicate.affected.check(&predicate.version)?;
        Ok(Self {
            by: predicate.by,
            name: predicate.name,
            version: predicate.version,
            content,
            number: predicate.number,
            sequence: predicate.sequence,
            action: predicate.action,
            severity: predicate.severity,
            title: predicate.title,
            text: predicate.text,
            affected: predicate.affected,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvisoryPredicate {
    action: AdvisoryAction,
    affected: AffectedVersions,
    by: MemberName,
    name: Name,
    number: u64,
    sequence: u64,
    severity: Severity,
    text: String,
    title: String,
    version: Version,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn range(first: &str, last: Option<&str>, fixed: Option<&str>) -> AffectedVersions {
        let version = |text: &str| text.parse().unwrap();
        AffectedVersions {
            introduced: version(first),
            last_affected: last.map(version),
            fixed_in: fixed.map(version),
        }
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let holds = |range: &AffectedVersions, text: &str| range.contains(&text.parse().unwrap());
        let open = range("2.0.0", None, None);
        assert!(holds(&open, "2.0.0") && holds(&open, "9.0.0") && !holds(&open, "1.9.9"));
        let fixed = range("2.0.0", None, Some("2.1.0"));
        assert!(holds(&fixed, "2.0.9") && !holds(&fixed, "2.1.0"));
        assert!(
            holds(&fixed, "2.1.0-rc.1"),
            "a pre-release comes before the release that fixes it"
        );
        let last = range("2.0.0", Some("2.1.0"), None);
        assert!(holds(&last, "2.1.0") && !holds(&last, "2.1.1"));
        let only = AffectedVersions::only("2.1.0".parse().unwrap());
        assert!(holds(&only, "2.1.0") && !holds(&only, "2.1.1") && !holds(&only, "2.0.9"));
    }

    #[test]
    fn empty_ranges_and_foreign_subjects_are_refused() {
        let subject = "2.0.0".parse().unwrap();
        for (bad, why) in [
            (range("2.0.0", Some("1.0.0"), None), "last"),
            (range("2.0.0", None, Some("2.0.0")), "fixed"),
            (range("2.0.0", Some("2.2.0"), Some("2.1.0")), "fixed"),
            (range("2.0.1", None, None), "not among"),
            (range("1.0.0", Some("1.9.0"), None), "not among"),
            (range("2.0.0+build", None, None), "build"),
        ] {
            let error = bad.check(&subject).unwrap_err().to_string();
            assert!(error.contains(why), "{error} should say {why}");
        }
        assert!(range("1.0.0", None, Some("3.0.0")).check(&subject).is_ok());
    }
}
