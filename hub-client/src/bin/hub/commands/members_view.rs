//! What members say of a release, as it is shown.

use std::collections::BTreeSet;
use std::fmt;

use hub_client::members_say;
use registry_schema::digest::Digest;
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::statement::{
    AffectedVersions, ClassFigures, Comparison, Interval, Severity, Verdict,
};
use registry_schema::verify::{VerifiedAdvisory, VerifiedEvaluation};
use serde::Serialize;

use super::chosen::Chosen;
use crate::context::Context;
use crate::output::{Page, percent};

/// One member's figures.
#[derive(Serialize)]
pub(super) struct EvaluationView {
    pub(super) by: MemberName,
    pub(super) verdict: Verdict,
    pub(super) task: String,
    pub(super) images: u64,
    pub(super) accuracy: f64,
    pub(super) accuracy_interval: Interval,
    pub(super) balanced_accuracy: f64,
    pub(super) log_loss: f64,
    classes: Vec<ClassFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comparison: Option<Comparison>,
    pub(super) statement: Digest,
    sequence: u64,
}

impl From<&VerifiedEvaluation> for EvaluationView {
    fn from(verified: &VerifiedEvaluation) -> Self {
        let said = verified.statement();
        let figures = &said.figures;
        Self {
            by: said.by.clone(),
            verdict: said.verdict,
            task: said.task.clone(),
            images: figures.images(),
            accuracy: figures.accuracy(),
            accuracy_interval: figures.accuracy_interval(),
            balanced_accuracy: figures.balanced_accuracy(),
            log_loss: figures.log_loss(),
            classes: figures.classes().to_vec(),
            comparison: said.comparison.clone(),
            statement: verified.statement_digest(),
            sequence: said.sequence,
        }
    }
}

impl EvaluationView {
    /// `91.7 % (81.3 % to 96.5 %)`: where the accuracy on many such images lies, 19 times in 20.
    pub(super) fn accuracy_text(&self) -> String {
        let interval = self.accuracy_interval;
        format!(
            "{} ({} to {})",
            percent(self.accuracy),
            percent(interval.low),
            percent(interval.high)
        )
    }
}

/// What members had found out about an installed release when its hub was asked last.
#[derive(Serialize)]
pub(super) struct MembersView {
    heard_at: String,
    /// Members other than its signers who evaluated it and whose last word is known.
    others: usize,
    /// Of these, by their last word, those who found it fit.
    found_fit: usize,
    evaluations: Vec<EvaluationView>,
    /// Members some of whose evaluations nobody can judge: their last word is not known.
    incomplete: BTreeSet<MemberName>,
}

impl MembersView {
    /// Verified again; none when the hub was never asked.
    pub(super) fn of(chosen: &Chosen, context: &Context) -> Option<Self> {
        let (release, trust_root) = (chosen.installed.release(), &chosen.trust.root);
        let store = context.store();
        let kept = members_say::remembered_evaluations(&store, release, trust_root)?;
        let last = members_say::last_words(release, kept.evaluations.iter(), &kept.incomplete);
        Some(Self {
            others: last.len(),
            found_fit: last.values().filter(|one| **one == Verdict::Passed).count(),
            evaluations: kept.evaluations.iter().map(EvaluationView::from).collect(),
            heard_at: kept.heard_at,
            incomplete: kept.incomplete,
        })
    }

    /// `2 of 3 find it fit (2026-01-02)`, with the day the hub was asked.
    pub(super) fn words(&self) -> String {
        let day = self.heard_at.get(..10).unwrap_or(&self.heard_at);
        match self.others {
            0 => format!("none ({day})"),
            others => format!("{} of {others} find it fit ({day})", self.found_fit),
        }
    }
}

/// The word for a verdict.
pub(super) fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "fit",
        Verdict::Warned => "with reservations",
        Verdict::Failed => "not fit",
    }
}

/// One member's warning.
#[derive(Serialize)]
pub(super) struct AdvisoryView {
    pub(super) by: MemberName,
    pub(super) number: u64,
    pub(super) severity: Severity,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) affected: AffectedVersions,
    /// The release the member looked at.
    pub(super) seen_on: Reference,
    pub(super) statement: Digest,
}

impl From<&VerifiedAdvisory> for AdvisoryView {
    fn from(verified: &VerifiedAdvisory) -> Self {
        let said = verified.statement();
        Self {
            by: said.by.clone(),
            number: said.number,
            severity: said.severity,
            title: said.title.clone(),
            text: said.text.clone(),
            affected: said.affected.clone(),
            seen_on: Reference::exact(said.name.clone(), said.version.clone()),
            statement: verified.statement_digest(),
        }
    }
}

impl AdvisoryView {
    /// One line: how bad, what, who says so, what to do.
    pub(super) fn line(&self) -> String {
        let fixed = self
            .affected
            .fixed_in
            .as_ref()
            .map_or_else(String::new, |version| format!(", fixed in {version}"));
        format!(
            "{}: {} (advisory {} of {}{fixed})",
            self.severity.as_str(),
            self.title,
            self.number,
            self.by
        )
    }
}

/// Open advisories, worst first, each with its text.
pub(super) fn write_advisories(page: &mut Page, advisories: &[AdvisoryView]) -> fmt::Result {
    for advisory in advisories {
        page.field("ADVISORY", advisory.line())?;
        for line in advisory.text.lines() {
            page.field("", line)?;
        }
    }
    Ok(())
}

/// Evaluations as a table; nothing when there are none.
pub(super) fn write_evaluations(page: &mut Page, evaluations: &[EvaluationView]) -> fmt::Result {
    if evaluations.is_empty() {
        return Ok(());
    }
    page.line("")?;
    let row = |one: &EvaluationView| {
        vec![
            one.by.to_string(),
            verdict_text(one.verdict).to_owned(),
            one.accuracy_text(),
            one.images.to_string(),
            one.task.clone(),
        ]
    };
    let rows: Vec<_> = evaluations.iter().map(row).collect();
    page.table(
        &["EVALUATED BY", "FOUND", "ACCURACY", "IMAGES", "TASK"],
        &rows,
    )
}
