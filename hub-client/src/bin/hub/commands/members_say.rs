//! `hub attest`, `hub advisory`, `hub disown`: what this member says for itself.

use std::fmt;

use hub_client::journal::Pen;
use hub_client::keys;
use hub_client::members_say::{self, AdvisoryChange, AdvisoryRequest, AttestRequest, EvalFile};
use registry_schema::digest::Digest;
use registry_schema::keys::KeyId;
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::statement::{AdvisoryAction, AffectedVersions};
use serde::Serialize;

use super::members_view::{AdvisoryView, EvaluationView, verdict_text};
use crate::app::Outcome;
use crate::args::{AdvisoryArgs, AttestArgs, DisownArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, percent};

#[derive(Serialize)]
struct AttestView {
    release: Reference,
    evaluation: EvaluationView,
    /// Absent when nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_index: Option<u64>,
}

pub(super) async fn attest(args: &AttestArgs, context: &Context) -> Result<Outcome, CommandError> {
    let keys = [keys::load(context.folders(), &args.key)?];
    let journal = context.journal();
    let pen = Pen::new(&keys, &journal);
    let evaluation = EvalFile::read(&args.evaluation, args.hide_classes)?;
    let compared_with = args
        .compared_with
        .as_ref()
        .map(|path| EvalFile::read(path, args.hide_classes))
        .transpose()?;
    let registry = context.registry("attest")?;
    let (trust, log) = context.contact(&registry).await?;
    let request = AttestRequest {
        reference: args.reference.clone(),
        task: args.task.clone().unwrap_or_else(|| evaluation.task()),
        evaluation,
        verdict: args.verdict.into(),
        compared_with,
    };
    let said = members_say::attest(&request, &pen, &registry, &trust.root, &log, args.dry_run);
    let (verified, recorded) = Box::pin(said).await?;
    let statement = verified.statement();
    context.show(&AttestView {
        release: Reference::exact(statement.name.clone(), statement.version.clone()),
        evaluation: EvaluationView::from(&verified),
        log_index: recorded.as_ref().map(|one| one.log_index),
        recorded_at: recorded.map(|one| one.recorded_at),
    })?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct WarnedView {
    release: Reference,
    action: AdvisoryAction,
    advisory: AdvisoryView,
    recorded_at: String,
    log_index: u64,
}

pub(super) async fn advisory(
    args: &AdvisoryArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let keys = [keys::load(context.folders(), &args.key)?];
    let journal = context.journal();
    let pen = Pen::new(&keys, &journal);
    let registry = context.registry("advisory")?;
    let (trust, log) = context.contact(&registry).await?;
    let request = AdvisoryRequest {
        reference: args.reference.clone(),
        change: change(args),
    };
    let said = members_say::advise(&request, &pen, &registry, &trust.root, &log);
    let (verified, recorded) = Box::pin(said).await?;
    let statement = verified.statement();
    context.show(&WarnedView {
        release: Reference::exact(statement.name.clone(), statement.version.clone()),
        action: statement.action,
        advisory: AdvisoryView::from(&verified),
        recorded_at: recorded.recorded_at,
        log_index: recorded.log_index,
    })?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct DisownedView {
    member: MemberName,
    key_id: KeyId,
    from_index: u64,
    reason: String,
    statement: Digest,
    recorded_at: String,
    log_index: u64,
}

pub(super) async fn disown(args: &DisownArgs, context: &Context) -> Result<Outcome, CommandError> {
    let key_id = keys::id_of(context.folders(), &args.lost)?;
    let keys = [keys::load(context.folders(), &args.key)?];
    let journal = context.journal();
    let pen = Pen::new(&keys, &journal);
    let registry = context.registry("disown")?;
    let (trust, log) = context.contact(&registry).await?;
    let said = members_say::disown(
        key_id,
        args.from_index,
        &args.reason,
        &pen,
        &registry,
        &trust.root,
        &log,
    );
    let (verified, recorded) = Box::pin(said).await?;
    let statement = verified.statement();
    context.show(&DisownedView {
        member: statement.member.clone(),
        key_id,
        from_index: statement.from_index,
        reason: statement.reason.clone(),
        statement: verified.statement_digest(),
        recorded_at: recorded.recorded_at,
        log_index: recorded.log_index,
    })?;
    context
        .report()
        .note("everybody is warned; the key counts until the trust root ends its range");
    Ok(Outcome::Done)
}

/// What was typed; the arguments say which of it belongs together.
fn change(args: &AdvisoryArgs) -> AdvisoryChange {
    let affected = args.introduced.clone().map(|introduced| AffectedVersions {
        introduced,
        last_affected: args.last_affected.clone(),
        fixed_in: args.fixed_in.clone(),
    });
    let (severity, title, text) = (
        args.severity.map(Into::into),
        args.title.clone(),
        args.text.clone(),
    );
    match (args.close, args.amend, severity) {
        (Some(number), _, _) => AdvisoryChange::Close {
            number,
            text: text.unwrap_or_default(),
        },
        (None, None, Some(severity)) => AdvisoryChange::Open {
            severity,
            title: title.unwrap_or_default(),
            text: text.unwrap_or_default(),
            affected,
        },
        (None, number, severity) => AdvisoryChange::Amend {
            number: number.unwrap_or_default(),
            severity,
            title,
            text,
            affected,
        },
    }
}

impl Answer for AttestView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let (said, done) = (&self.evaluation, self.recorded_at.is_some());
        let done = if done {
            "is signed"
        } else {
            "is signed; nothing was sent"
        };
        page.line(page.bold(&format!("the evaluation of {} {done}", self.release)))?;
        page.field("by", &said.by)?;
        page.field("found", verdict_text(said.verdict))?;
        page.field("task", &said.task)?;
        page.field("images", said.images)?;
        page.field("accuracy", said.accuracy_text())?;
        page.field("balanced", percent(said.balanced_accuracy))?;
        page.field("log loss", format!("{:.4}", said.log_loss))?;
        if let Some(other) = &said.comparison {
            let text = format!("{} of {}", percent(other.accuracy), other.release);
            page.field("compared with", text)?;
        }
        page.field("statement", said.statement)?;
        page.optional("recorded", self.recorded_at.as_ref())?;
        page.optional("log index", self.log_index)
    }
}

impl Answer for WarnedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let advisory = &self.advisory;
        let done = match self.action {
            AdvisoryAction::Open => "stands",
            AdvisoryAction::Close => "is closed",
        };
        let number = advisory.number;
        let title = format!("advisory {number} about {} {done}", self.release.name);
        page.line(page.bold(&title))?;
        page.field("severity", advisory.severity.as_str())?;
        page.field("title", &advisory.title)?;
        page.field("affected", affected_text(&advisory.affected))?;
        page.field("statement", advisory.statement)?;
        page.field("recorded", &self.recorded_at)?;
        page.field("log index", self.log_index)
    }
}

impl Answer for DisownedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let title = format!("a key of {} is disowned", self.member);
        page.line(page.bold(&title))?;
        page.field("key", self.key_id)?;
        page.field("from index", self.from_index)?;
        page.field("reason", &self.reason)?;
        page.field("statement", self.statement)?;
        page.field("recorded", &self.recorded_at)?;
        page.field("log index", self.log_index)
    }
}

fn affected_text(affected: &AffectedVersions) -> String {
    let first = &affected.introduced;
    match (&affected.last_affected, &affected.fixed_in) {
        (Some(last), _) if last == first => first.to_string(),
        (Some(last), None) => format!("{first} to {last}"),
        (Some(last), Some(fixed)) => format!("{first} to {last}, fixed in {fixed}"),
        (None, Some(fixed)) => format!("{first} to before {fixed}"),
        (None, None) => format!("{first} and later"),
    }
}
