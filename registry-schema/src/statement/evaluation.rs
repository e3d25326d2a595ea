//! A member's figures of a release on its own images: how well a head trained on the extractor's
//! features did. Never data, and nothing of the head.
//!
//! The predicate is in-toto's test result v0.1
//! (`https://in-toto.io/attestation/test-result/v0.1`), whose schema may be extended: `result` is
//! the member's [`Verdict`], `configuration` names the release's signed statement, since the
//! figures depend on its preprocessing as well as on its files, and our figures are in `hub`. Its
//! optional `url` and lists of test names are not used: an evaluation is one test, and where it
//! ran is nobody's business.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::StatementError;
use super::figures::{ClassFigures, Figures, Interval, LOG_LOSS, check_range};
use super::wire::{self, Subject, Wire};
use crate::digest::Digest;
use crate::limits;
use crate::name::{MemberName, Name};
use crate::reference::{Reference, Requirement, parse_version};

pub(super) const PREDICATE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// What one member found out about a release.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationStatement {
    /// Who says it.
    pub by: MemberName,
    /// Which extractor.
    pub name: Name,
    /// Which release.
    pub version: Version,
    /// The release's content digest.
    pub content: Digest,
    /// The release's statement digest, which fixes its preprocessing too.
    pub statement: Digest,
    /// Whether the member would use the release for this task.
    pub verdict: Verdict,
    /// What was to be told apart, on what kind of images.
    pub task: String,
    /// How it went.
    pub figures: Figures,
    /// How another release did on the same images.
    pub comparison: Option<Comparison>,
    /// 1 for this member's first evaluation of the release, then one more each time; the last one
    /// is what the member says today.
    pub sequence: u64,
}

/// What the member makes of its figures: the `result` of in-toto's test result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Fit for the task.
    Passed,
    /// Usable, with reservations.
    Warned,
    /// Not fit for the task.
    Failed,
}

/// How another release did on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The other release, by its exact version.
    pub release: Reference,
    /// Its statement digest.
    pub statement: Digest,
    /// Share of the images that were recognised, 0 to 1.
    pub accuracy: f64,
    /// Mean of the classes' shares.
    pub balanced_accuracy: f64,
    /// Mean of minus the natural logarithm of the true class's probability.
    pub log_loss: f64,
}

impl Comparison {
    /// How another release did on the same images.
    ///
    /// # Errors
    /// [`StatementError`] when the reference is not exact or a figure is out of its range.
    pub fn new(
        release: Reference,
        statement: Digest,
        figures: &Figures,
    ) -> Result<Self, StatementError> {
        let comparison = Self {
            release,
            statement,
            accuracy: figures.accuracy(),
            balanced_accuracy: figures.balanced_accuracy(),
            log_loss: figures.log_loss(),
        };
        comparison.check()?;
        Ok(comparison)
    }

    fn check(&self) -> Result<(), StatementError> {
        if !matches!(self.release.requirement, Requirement::Exact(_)) {
            return Err(StatementError::TestResult {
                field: "comparison.release",
            });
        }
        check_range("compared accuracy", self.accuracy, 1.0)?;
        check_range("compared balanced accuracy", self.balanced_accuracy, 1.0)?;
        check_range("compared log loss", self.log_loss, LOG_LOSS)
    }
}

impl EvaluationStatement {
    /// The payload to sign.
    pub fn to_payload(&self) -> Vec<u8> {
        let subject = Subject::of(&self.name, &self.version, &self.content);
        let figures = &self.figures;
        let hub = HubEvaluation {
            v: 1,
            by: self.by.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            statement: self.statement,
            task: self.task.clone(),
            images: figures.images(),
            accuracy: figures.accuracy(),
            accuracy_interval: figures.accuracy_interval(),
            balanced_accuracy: figures.balanced_accuracy(),
            log_loss: figures.log_loss(),
            classes: figures.classes().to_vec(),
            comparison: self.comparison.clone(),
            sequence: self.sequence,
        };
        let predicate = TestResult {
            result: self.verdict,
            configuration: vec![Descriptor::of(&self.statement)],
            hub,
        };
        Wire::new(PREDICATE, subject, predicate).to_json()
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<TestResult> = wire::read(payload)?;
        let content = wire::subject_digest(&wire.subject)?;
        let (hub, verdict) = (wire.predicate.hub, wire.predicate.result);
        if hub.v != 1 {
            return Err(StatementError::TestResult { field: "hub.v" });
        }
        if wire.predicate.configuration != [Descriptor::of(&hub.statement)] {
            return Err(StatementError::TestResult {
                field: "configuration",
            });
        }
        parse_version(&hub.version.to_string())?;
        wire::check_subject(
            &wire.subject,
            &Subject::of(&hub.name, &hub.version, &content),
        )?;
        wire::check_line("task", &hub.task, limits::TASK_CHARACTERS)?;
        if hub.sequence == 0 {
            return Err(StatementError::Number { field: "sequence" });
        }
        let figures = hub.check_figures()?;
        if let Some(comparison) = &hub.comparison {
            comparison.check()?;
            if comparison.statement == hub.statement {
                return Err(StatementError::ComparedWithItself);
            }
        }
        Ok(Self {
            by: hub.by,
            name: hub.name,
            version: hub.version,
            content,
            statement: hub.statement,
            verdict,
            task: hub.task,
            figures,
            comparison: hub.comparison,
            sequence: hub.sequence,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestResult {
    result: Verdict,
    configuration: Vec<Descriptor>,
    hub: HubEvaluation,
}

/// in-toto's ResourceDescriptor, of which a name and a digest are used.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Descriptor {
    name: String,
    digest: BTreeMap<String, String>,
}

impl Descriptor {
    fn of(statement: &Digest) -> Self {
        Self {
            name: "release statement".to_owned(),
            digest: [("sha256".to_owned(), statement.to_hex())].into(),
        }
    }
}

/// Counts, and what follows from them for readers that do not count.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HubEvaluation {
    v: u32,
    by: MemberName,
    name: Name,
    version: Version,
    statement: Digest,
    task: String,
    images: u64,
    accuracy: f64,
    accuracy_interval: Interval,
    balanced_accuracy: f64,
    log_loss: f64,
    classes: Vec<ClassFigures>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    sequence: u64,
}

impl HubEvaluation {
    /// The counts, when all that is said beside them follows from them.
    fn check_figures(&self) -> Result<Figures, StatementError> {
        let figures = Figures::new(self.classes.clone(), self.log_loss)?;
        if self.images != figures.images() {
            return Err(StatementError::Figure {
                figure: "number of images",
                found: self.images.to_string(),
                expected: figures.images().to_string(),
            });
        }
        let interval = figures.accuracy_interval();
        for (figure, found, expected) in [
            ("accuracy", self.accuracy, figures.accuracy()),
            (
                "lower end of the interval",
                self.accuracy_interval.low,
                interval.low,
            ),
            (
                "upper end of the interval",
                self.accuracy_interval.high,
                interval.high,
            ),
            (
                "balanced accuracy",
                self.balanced_accuracy,
                figures.balanced_accuracy(),
            ),
            ("log loss", self.log_loss, figures.log_loss()),
        ] {
            // One in the last of six decimals, for writers that round in another way.
            if (found - expected).abs() > 1.5e-6 {
                return Err(StatementError::Figure {
                    figure,
                    found: found.to_string(),
                    expected: expected.to_string(),
                });
            }
        }
        Ok(figures)
    }
}
