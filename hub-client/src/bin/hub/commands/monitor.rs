//! `hub audit --monitor`: the whole log, held against what was signed here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hub_client::audit::monitor::{self, Finding, Own, WatchRequest, Watched};
use hub_client::log_view::{self, FolderLog, LogView};
use hub_client::registry::Registry;
use hub_client::trust::Kept;
use hub_client::{journal, keys};
use registry_schema::digest::Digest;
use registry_schema::trust_root::TrustRoot;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::AuditArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::Bar;

/// The last line of `--json`.
#[derive(Serialize)]
struct Summary {
    kind: &'static str,
    entries: u64,
    new_entries: u64,
    read_bytes: u64,
    findings: usize,
    /// Alarms past what is kept.
    dropped: u64,
    seconds: f64,
}

pub(super) async fn watch(args: AuditArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the log, from the hub or from a folder
    let started = Instant::now();
    let (registry, trust, log) = match &args.tiles {
        None => {
            let registry = context.registry("audit")?;
            let (trust, log) = context.contact(&registry).await?;
            (Some(registry), trust, log)
        }
        Some(folder) => {
            let trust = context.kept_trust()?;
            let source = FolderLog(folder.clone());
            let policy = trust.root.log_policy();
            let contact = log_view::contact(context.folders(), policy, source, context.as_of());
            let log = Box::pin(contact).await?;
            (None, trust, log)
        }
    };
    // 2. what is one's own, and what one has signed
    let own = own(&args, registry.as_ref(), &trust, context).await?;
    let expected = expected(&args, context)?;
    // 3. every entry since the last run
    let bar = Bar::entries(context, "reading the log");
    let request = WatchRequest {
        folders: context.folders(),
        trust_root: Arc::new(trust.root),
        log: &log,
        registry: registry.as_ref(),
        own,
        expected,
        acknowledged: args.acknowledged,
        progress: bar.transfer(context),
    };
    let mut watched = Box::pin(monitor::watch(&request)).await?;
    drop(bar);
    show(&watched, &log, started, context)?;
    let has_findings = !watched.findings.is_empty() || watched.dropped > 0;
    let hub_fault = watched.hub_fault.take();
    watched.told()?;
    match hub_fault {
        Some(error) => Err(error.into()),
        None if has_findings => Ok(Outcome::SomethingToLookAt),
        None => Ok(Outcome::Done),
    }
}

async fn own(
    args: &AuditArgs,
    registry: Option<&Registry>,
    trust: &Kept,
    context: &Context,
) -> Result<Own, CommandError> {
    let mut own = Own {
        members: args.members.iter().cloned().collect(),
        names: args.names.iter().cloned().collect(),
        ..Own::default()
    };
    for key in &args.keys {
        let id = if Path::new(key).is_file() {
            keys::load_public(Path::new(key))?.id()
        } else {
            keys::id_of(context.folders(), key)?
        };
        own.keys.insert(id);
        own.members.extend(trust.root.member_of(&id).cloned());
    }
    if own == Own::default() {
        match registry {
            Some(registry) => {
                own.members.insert(registry.whoami().await?.member);
            }
            None => context
                .report()
                .note("neither --member, --name nor --key says what is yours: only what is wrong with the log itself is told"),
        }
    }
    Ok(own)
}

fn expected(args: &AuditArgs, context: &Context) -> Result<BTreeSet<Digest>, CommandError> {
    let mut expected = context.journal().statements()?;
    for file in &args.expected {
        expected.extend(journal::read_statements(file)?);
    }
    Ok(expected)
}

fn show(
    watched: &Watched,
    log: &LogView,
    started: Instant,
    context: &Context,
) -> Result<(), CommandError> {
    let output = context.output();
    let mut text = String::new();
    for finding in &watched.findings {
        if output.is_json() {
            text.push_str(&serde_json::to_string(finding)?);
            text.push('\n');
        } else {
            text.push_str(&line(finding));
        }
    }
    let new_entries = watched.entries - watched.before.unwrap_or(0);
    if output.is_json() {
        let summary = Summary {
            kind: "summary",
            entries: watched.entries,
            new_entries,
            read_bytes: watched.read_bytes,
            findings: watched.findings.len(),
            dropped: watched.dropped,
            seconds: started.elapsed().as_secs_f64(),
        };
        text.push_str(&serde_json::to_string(&summary)?);
        text.push('\n');
    }
    output.raw(text.as_bytes())?;
    if watched.dropped > 0 {
        let dropped = watched.dropped;
        context.report().warn(&format!(
            "{dropped} further alarms were not kept: acknowledge those that are shown"
        ));
    }
    if watched.is_again {
        context.report().note(
            "the log was read again from its start: other keys count now for entries that were read",
        );
    }
    let origin = &log.checkpoint().checkpoint().origin;
    context.report().note(&format!(
        "{new_entries} new entries of {} in the log {origin}, all read",
        watched.entries
    ));
    Ok(())
}

fn line(finding: &Finding) -> String {
    let word = if finding.is_alarm() {
        "ALARM"
    } else {
        "notice"
    };
    match finding.index() {
        Some(index) => format!("{word:<7} entry {index}: {finding}\n"),
        None => format!("{word:<7} {finding}\n"),
    }
}
