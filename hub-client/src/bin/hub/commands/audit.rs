//! `hub audit`: the provenance of one release, or of all that is installed.

use std::fmt;

use hub_client::audit::monitor::{Memory, recall};
use hub_client::audit::{AuditedInstalled, Auditor, Coverage, InstalledState};
use registry_schema::reference::Reference;
use serde::Serialize;

use super::audit_view::ProvenanceView;
use super::monitor;
use crate::app::Outcome;
use crate::args::AuditArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};
use crate::progress::Bar;

pub(super) async fn audit(args: AuditArgs, context: &Context) -> Result<Outcome, CommandError> {
    if args.monitor {
        return Box::pin(monitor::watch(args, context)).await;
    }
    let started = std::time::Instant::now();
    let registry = context.registry("audit")?;
    let spinner = Bar::spinner(context, "auditing");
    let (trust, log) = context.contact(&registry).await?;
    let memory = recall(context.folders(), &log).await?;
    let store = context.store();
    let auditor = Auditor {
        registry: &registry,
        trust_root: &trust.root,
        log: &log,
        store: &store,
        memory: memory.as_ref(),
    };
    let Some(reference) = &args.reference else {
        let audited = Box::pin(auditor.installed()).await?;
        drop(spinner);
        return show_installed(audited, memory.as_ref().map(Memory::coverage), context);
    };
    let provenance = Box::pin(auditor.release(reference)).await?;
    drop(spinner);
    let view = ProvenanceView::new(
        &provenance,
        &trust,
        &log,
        registry.traffic(),
        started.elapsed(),
    );
    let has_concerns = !view.concerns.is_empty();
    context.show(&view)?;
    Ok(outcome(has_concerns))
}

fn outcome(has_findings: bool) -> Outcome {
    if has_findings {
        Outcome::SomethingToLookAt
    } else {
        Outcome::Done
    }
}

#[derive(Serialize)]
struct InstalledAuditView {
    releases: Vec<InstalledRow>,
    /// Entries of the log that this machine's monitor has read.
    #[serde(skip_serializing_if = "Option::is_none")]
    monitored_entries: Option<u64>,
}

#[derive(Serialize)]
struct InstalledRow {
    reference: Reference,
    state: &'static str,
    concerns: Vec<String>,
}

fn show_installed(
    audited: Vec<AuditedInstalled>,
    coverage: Option<Coverage>,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let row = |one: AuditedInstalled| {
        let (state, concerns) = match one.state {
            InstalledState::Good => ("good", Vec::new()),
            InstalledState::Look { concerns } => ("look", concerns),
            InstalledState::Bad { reason } => ("bad", vec![reason]),
        };
        InstalledRow {
            reference: one.reference,
            state,
            concerns,
        }
    };
    let view = InstalledAuditView {
        releases: audited.into_iter().map(row).collect(),
        monitored_entries: coverage.and_then(|coverage| match coverage {
            Coverage::Read { entries } => Some(entries),
            Coverage::Unread => None,
        }),
    };
    let has_concerns = view.releases.iter().any(|one| one.state != "good");
    context.show(&view)?;
    if view.releases.is_empty() {
        context
            .report()
            .note("nothing is installed; `hub audit NAME` looks at a release of the hub");
    }
    Ok(outcome(has_concerns))
}

impl Answer for InstalledAuditView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        if self.releases.is_empty() {
            return Ok(());
        }
        let rows = self.releases.iter().flat_map(|one| {
            let first = one.concerns.first().cloned().unwrap_or_default();
            let more = one.concerns.iter().skip(1);
            let head = vec![one.reference.to_string(), one.state.to_owned(), first];
            let more = more.map(|concern| vec![String::new(), String::new(), concern.clone()]);
            std::iter::once(head).chain(more).collect::<Vec<_>>()
        });
        page.table(&["RELEASE", "STATE", ""], &rows.collect::<Vec<_>>())
    }
}
