//! `hub cosign`: another owner's draft, checked and signed too.

use std::fmt;

use hub_client::cosign::{self, CheckedAgainst, CosignError, CosignRequest};
use hub_client::publish::AuthorFolder;
use hub_client::{files, keys};
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::reference::Reference;
use registry_schema::statement::{ReleaseFile, ReleaseStatement, Statement, YankAction};
use registry_schema::verify::{Draft, verify_draft};
use serde::Serialize;

use super::publish::{DraftView, refuse_existing};
use super::release_view::{SignerView, draft_signers};
use crate::app::Outcome;
use crate::args::CosignArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size};
use crate::progress::Bar;

#[derive(Serialize)]
struct CosignView {
    #[serde(flatten)]
    says: SaysView,
    statement: Digest,
    checked_against: &'static str,
    /// Whether this run signed.
    is_signed: bool,
    is_complete: bool,
    signers: Vec<SignerView>,
    draft: DraftView,
}

/// What is being signed.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum SaysView {
    Release {
        release: Reference,
        summary: String,
        license: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        predecessor: Option<Reference>,
        files: Vec<ReleaseFile>,
        size_bytes: u64,
    },
    Yank {
        release: Reference,
        action: YankAction,
        reason: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        replacement: Option<Reference>,
    },
}

pub(super) async fn cosign(args: &CosignArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. what another owner has drafted, and who signs it
    let envelope = files::read_limited(&args.file, limits::ENVELOPE_BYTES as u64)?;
    let other = args.output.as_deref().filter(|path| *path != args.file);
    refuse_existing(other)?;
    let registry = context.registry("cosign")?;
    let (trust, log) = context.contact(&registry).await?;
    let draft = verify_draft(&trust.root, &envelope).map_err(CosignError::from)?;
    let key = (!args.dry_run)
        .then(|| keys::load(context.folders(), &args.key))
        .transpose()?;
    let folder = args.folder.as_deref().map(AuthorFolder::open).transpose()?;
    // A key that may not sign is told before the files are fetched.
    let mut signed = match &key {
        Some(key) => draft.clone().cosign(key).map_err(CosignError::from)?,
        None => draft.clone(),
    };
    // 2. check it as if it were pulled, or as if this owner had made it
    let bar = Bar::bytes(context, "checking");
    let (store, worker) = (context.store(), context.worker()?);
    let request = CosignRequest {
        registry: &registry,
        trust_root: &trust.root,
        log: &log,
        store: &store,
        folder: folder.as_ref(),
        worker: &worker,
        progress: &bar.transfer(context),
    };
    let checked = Box::pin(cosign::check(&draft, &request)).await?;
    drop(bar);
    context.check_interrupt()?;
    // 3. the signature joins the others, also those that came meanwhile
    if let Some(key) = &key {
        let statement = signed.statement_digest();
        context
            .journal()
            .record(statement, vec![key.public().id()])?;
        match other {
            Some(path) => files::write_new(path, &signed.envelope())?,
            None => signed = cosign::sign_file(&draft, &trust.root, key, &args.file)?,
        }
    }
    let file = other.unwrap_or(&args.file);
    context.show(&view(&signed, checked, key.is_some(), file)?)?;
    if signed.is_complete() && key.is_some() {
        context
            .report()
            .note("enough owners have signed: `hub publish --signed FILE` records it");
    }
    Ok(Outcome::Done)
}

fn view(
    draft: &Draft,
    checked: CheckedAgainst,
    is_signed: bool,
    file: &std::path::Path,
) -> Result<CosignView, CommandError> {
    let says = match draft.statement() {
        Statement::Release(release) => release_view(release),
        Statement::Yank(yank) => SaysView::Yank {
            release: yank.reference(),
            action: yank.action,
            reason: yank.reason.clone(),
            replacement: yank
                .replacement
                .clone()
                .map(|version| Reference::exact(yank.name.clone(), version)),
        },
        other => {
            return Err(
                CosignError::Verify(registry_schema::verify::VerifyError::Kind {
                    expected: "a release or a yank",
                    found: other.kind(),
                })
                .into(),
            );
        }
    };
    Ok(CosignView {
        says,
        statement: draft.statement_digest(),
        checked_against: match checked {
            CheckedAgainst::Folder => "the folder",
            CheckedAgainst::Hub => "the files on the hub",
            CheckedAgainst::Release => "the release on the hub",
        },
        is_signed,
        is_complete: draft.is_complete(),
        signers: draft_signers(draft),
        draft: DraftView::new(draft, file),
    })
}

fn release_view(release: &ReleaseStatement) -> SaysView {
    let manifest = release.manifest();
    SaysView::Release {
        release: release.reference(),
        summary: manifest.summary.clone(),
        license: manifest.license.clone(),
        changes: manifest.changes.clone(),
        predecessor: manifest
            .predecessor
            .as_ref()
            .map(|one| Reference::exact(manifest.name.clone(), one.version.clone())),
        files: release.files().to_vec(),
        size_bytes: release.files().iter().map(|file| file.size_bytes).sum(),
    }
}

impl Answer for CosignView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let done = if self.is_signed {
            "is signed by you too"
        } else {
            "is checked; it was not signed"
        };
        match &self.says {
            SaysView::Release {
                release,
                summary,
                license,
                changes,
                predecessor,
                files,
                size_bytes,
            } => {
                page.line(page.bold(&format!("{release} {done}")))?;
                page.line(summary)?;
                page.line("")?;
                page.field("licence", license)?;
                page.optional("changes", changes.as_ref())?;
                page.optional("continues", predecessor.as_ref())?;
                let count = format!("{}, {}", files.len(), size(*size_bytes));
                page.field("files", count)?;
            }
            SaysView::Yank {
                release,
                action,
                reason,
                replacement,
            } => {
                let what = match action {
                    YankAction::Yank => "yank of",
                    YankAction::Unyank => "restoration of",
                };
                page.line(page.bold(&format!("the {what} {release} {done}")))?;
                page.field("reason", reason)?;
                page.optional("replacement", replacement.as_ref())?;
            }
        }
        page.field("statement", self.statement)?;
        page.field("checked with", self.checked_against)?;
        let signers = list(self.signers.iter().map(|signer| &signer.member));
        page.field("signed by", signers)?;
        self.draft.write_text(page)
    }
}
