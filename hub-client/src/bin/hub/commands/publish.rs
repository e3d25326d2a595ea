//! `hub publish`, `hub yank`: statements signed with this machine's keys.

use std::fmt;

use hub_client::keys;
use hub_client::publish::{self, AuthorFolder, YankRequest};
use registry_schema::digest::Digest;
use registry_schema::keys::SecretKey;
use registry_schema::reference::{Reference, Requirement};
use registry_schema::statement::YankAction;
use serde::Serialize;

use super::release_view::{SignerView, signer_names, signers, size_bytes};
use crate::app::Outcome;
use crate::args::{PublishArgs, YankArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};
use crate::progress::Bar;

#[derive(Serialize)]
struct PublishView {
    release: Reference,
    statement: Digest,
    signers: Vec<SignerView>,
    #[serde(skip)]
    signer_names: String,
    files: usize,
    size_bytes: u64,
    /// Absent when nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<SentView>,
}

#[derive(Serialize)]
struct SentView {
    hub: String,
    at: String,
    sent_bytes: u64,
}

pub(super) async fn publish(
    args: &PublishArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. who signs, what, for which hub
    let keys = load_keys(&args.keys, context)?;
    let folder = AuthorFolder::open(&args.folder)?;
    let registry = context.registry("publish")?;
    let trust = context.fresh_trust(&registry).await?;
    // 2. check, sign, verify
    let spinner = Bar::spinner(context, "checking and signing");
    let signed = publish::sign(
        folder,
        &keys,
        &registry,
        &trust.root,
        context.runtime_options(),
    )
    .await?;
    drop(spinner);
    context.check_interrupt()?;
    // 3. send
    let published = if args.dry_run {
        None
    } else {
        let bar = Bar::bytes(context, "publishing");
        let report = publish::publish(&signed, &registry, &bar.transfer(context)).await?;
        let (hub, at) = (registry.url().to_owned(), report.published.published_at);
        Some(SentView {
            hub,
            at,
            sent_bytes: report.sent_bytes,
        })
    };
    let release = signed.release();
    context.show(&PublishView {
        release: release.reference(),
        statement: release.statement_digest(),
        signers: signers(release),
        signer_names: signer_names(release),
        files: release.files().len(),
        size_bytes: size_bytes(release),
        published,
    })?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct YankedView {
    release: Reference,
    action: YankAction,
    reason: String,
    statement: Digest,
}

pub(super) async fn yank(args: &YankArgs, context: &Context) -> Result<Outcome, CommandError> {
    if !matches!(args.reference.requirement, Requirement::Exact(_)) {
        return Err(CommandError::NotExact {
            reference: args.reference.clone(),
        });
    }
    let keys = load_keys(&args.keys, context)?;
    let registry = context.registry("yank")?;
    let trust = context.fresh_trust(&registry).await?;
    let request = YankRequest {
        reference: args.reference.clone(),
        action: if args.undo {
            YankAction::Unyank
        } else {
            YankAction::Yank
        },
        reason: args.reason.clone(),
        replacement: args.replacement.clone(),
    };
    let recorded = publish::yank(&request, &keys, &registry, &trust.root).await?;
    context.show(&YankedView {
        release: request.reference,
        action: recorded.action,
        reason: request.reason,
        statement: recorded.statement,
    })?;
    Ok(Outcome::Done)
}

fn load_keys(names: &[String], context: &Context) -> Result<Vec<SecretKey>, CommandError> {
    names
        .iter()
        .map(|name| Ok(keys::load(context.folders(), name)?))
        .collect()
}

impl Answer for PublishView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let done = if self.published.is_some() {
            "is published"
        } else {
            "is signed and verifies; nothing was sent"
        };
        page.line(page.bold(&format!("{} {done}", self.release)))?;
        page.field("signed by", &self.signer_names)?;
        page.field("statement", self.statement)?;
        page.field(
            "files",
            format!("{}, {}", self.files, size(self.size_bytes)),
        )?;
        let Some(sent) = &self.published else {
            return Ok(());
        };
        page.field("hub", &sent.hub)?;
        page.field("sent", size(sent.sent_bytes))?;
        page.field("recorded", &sent.at)
    }
}

impl Answer for YankedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let done = match self.action {
            YankAction::Yank => "is yanked",
            YankAction::Unyank => "is restored",
        };
        page.line(page.bold(&format!("{} {done}", self.release)))?;
        page.field("reason", &self.reason)?;
        page.field("statement", self.statement)
    }
}
