//! `hub publish`, `hub yank`: statements signed with this machine's keys.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hub_client::files::FileError;
use hub_client::journal::Pen;
use hub_client::log_view::LogView;
use hub_client::publish::{self, AuthorFolder, SignedRelease, YankRequest};
use hub_client::registry::Registry;
use hub_client::{files, keys};
use registry_schema::digest::Digest;
use registry_schema::keys::SecretKey;
use registry_schema::limits;
use registry_schema::model_signing;
use registry_schema::name::MemberName;
use registry_schema::reference::{Reference, Requirement};
use registry_schema::statement::{ReleaseStatement, Statement, YankAction, YankStatement};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{Draft, verify_draft};
use serde::Serialize;

use super::release_view::{SignerView, draft_signers, signers};
use crate::app::Outcome;
use crate::args::{PublishArgs, YankArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size};
use crate::progress::Bar;

#[derive(Serialize)]
struct PublishView {
    release: Reference,
    statement: Digest,
    signers: Vec<SignerView>,
    files: usize,
    size_bytes: u64,
    /// Present when the other owners have to sign first.
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<DraftView>,
    /// The `model.sig` that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_signature: Option<String>,
    /// Absent when nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<SentView>,
}

#[derive(Serialize)]
struct SentView {
    hub: String,
    /// Absent when only files were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    sent_bytes: u64,
}

/// Where a draft is, and who has to sign it.
#[derive(Serialize)]
pub(super) struct DraftView {
    file: String,
    must_sign: usize,
    /// Owners who have not.
    open: Vec<MemberName>,
}

impl DraftView {
    pub(super) fn new(draft: &Draft, file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            must_sign: draft.needed(),
            open: draft.open().cloned().collect(),
        }
    }

    pub(super) fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("must sign", format!("{} owners", self.must_sign))?;
        if !self.open.is_empty() {
            page.field("have not", list(&self.open))?;
        }
        page.field("draft", &self.file)
    }
}

impl PublishView {
    fn new(release: &ReleaseStatement, statement: Digest, signers: Vec<SignerView>) -> Self {
        Self {
            release: release.reference(),
            statement,
            signers,
            files: release.files().len(),
            size_bytes: release.files().iter().map(|file| file.size_bytes).sum(),
            draft: None,
            model_signature: None,
            published: None,
        }
    }
}

pub(super) async fn publish(
    args: &PublishArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let registry = context.registry("publish")?;
    refuse_existing(args.draft.as_deref())?;
    let (trust, log) = context.contact(&registry).await?;
    let Some(file) = &args.signed else {
        // Without a folder there is a signed file: the arguments say so.
        let folder = args.folder.as_deref().unwrap_or(Path::new("."));
        let folder = AuthorFolder::open(folder)?;
        return sign(args, folder, &registry, &trust.root, &log, context).await;
    };
    let folder = args.folder.as_deref().map(AuthorFolder::open).transpose()?;
    let envelope = files::read_limited(file, limits::ENVELOPE_BYTES as u64)?;
    let draft = verify_draft(&trust.root, &envelope)?;
    if let Statement::Yank(yank) = draft.statement() {
        return send_yank(yank, &draft, args.dry_run, &registry, &log, context).await;
    }
    let signed = SignedRelease::from_envelope(&envelope, folder, &trust.root)?;
    send(args, &signed, &registry, &log, context).await
}

async fn sign(
    args: &PublishArgs,
    folder: AuthorFolder,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. who signs
    let keys = load_keys(&args.keys, context)?;
    let journal = context.journal();
    let pen = Pen::new(&keys, &journal);
    // 2. check, sign, verify
    let spinner = Bar::spinner(context, "checking and signing");
    let worker = context.worker()?;
    let Some(file) = &args.draft else {
        let signed = publish::sign(folder, &pen, registry, trust_root, log, worker).await?;
        drop(spinner);
        // 3. send
        return send(args, &signed, registry, log, context).await;
    };
    let drafted = publish::draft(folder, &pen, registry, trust_root, log, worker).await?;
    drop(spinner);
    context.check_interrupt()?;
    // 3. the files for the other owners to check, then the statement for them to sign
    let published = if args.dry_run {
        None
    } else {
        let bar = Bar::bytes(context, "sending files");
        let sent_bytes = drafted.upload(registry, &bar.transfer(context)).await?;
        Some(SentView {
            hub: registry.url().to_owned(),
            at: None,
            sent_bytes,
        })
    };
    let draft = drafted.draft();
    files::write_new(file, &draft.envelope())?;
    let (statement, signers) = (draft.statement_digest(), draft_signers(draft));
    context.show(&PublishView {
        draft: Some(DraftView::new(draft, file)),
        published,
        ..PublishView::new(drafted.statement(), statement, signers)
    })?;
    context.report().note(
        "give the file to the other owners for `hub cosign`; then `hub publish --signed` publishes it",
    );
    Ok(Outcome::Done)
}

async fn send(
    args: &PublishArgs,
    signed: &SignedRelease,
    registry: &Registry,
    log: &LogView,
    context: &Context,
) -> Result<Outcome, CommandError> {
    context.check_interrupt()?;
    let release = signed.release();
    let model_signature = write_model_signature(args, signed, context)?;
    let published = if args.dry_run {
        None
    } else {
        let bar = Bar::bytes(context, "publishing");
        let progress = bar.transfer(context);
        let report = publish::publish(signed, registry, log, &progress).await?;
        if let Some(path) = &model_signature {
            publish::attach_model_signature(release, path, registry, &progress).await?;
        }
        Some(SentView {
            hub: registry.url().to_owned(),
            at: Some(report.published.published_at),
            sent_bytes: report.sent_bytes,
        })
    };
    let (statement, signers) = (release.statement_digest(), signers(release));
    context.show(&PublishView {
        model_signature: model_signature.map(|path| path.display().to_string()),
        published,
        ..PublishView::new(release.statement(), statement, signers)
    })?;
    Ok(Outcome::Done)
}

/// `model.sig` in the author's folder, or beside the signed file.
fn write_model_signature(
    args: &PublishArgs,
    signed: &SignedRelease,
    context: &Context,
) -> Result<Option<PathBuf>, CommandError> {
    let Some(name) = &args.oms_key else {
        return Ok(None);
    };
    let key = keys::load_model_signing(context.folders(), name)?;
    let beside = args.signed.as_deref().and_then(Path::parent);
    let folder = args.folder.as_deref().or(beside).unwrap_or(Path::new("."));
    let path = folder.join(model_signing::FILE);
    publish::write_model_signature(signed.release(), &key, &path)?;
    Ok(Some(path))
}

#[derive(Serialize)]
struct YankedView {
    release: Reference,
    action: YankAction,
    reason: String,
    statement: Digest,
    /// Present when the other owners have to sign first.
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<DraftView>,
}

pub(super) async fn yank(args: &YankArgs, context: &Context) -> Result<Outcome, CommandError> {
    if !matches!(args.reference.requirement, Requirement::Exact(_)) {
        return Err(CommandError::NotExact {
            reference: args.reference.clone(),
        });
    }
    let keys = load_keys(&args.keys, context)?;
    let journal = context.journal();
    let pen = Pen::new(&keys, &journal);
    refuse_existing(args.draft.as_deref())?;
    let registry = context.registry("yank")?;
    let (trust, log) = context.contact(&registry).await?;
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
    let (action, statement, draft) = match &args.draft {
        None => {
            let recorded = publish::yank(&request, &pen, &registry, &trust.root, &log).await?;
            (recorded.action, recorded.statement, None)
        }
        Some(file) => {
            let draft = publish::draft_yank(&request, &pen, &registry, &trust.root, &log).await?;
            files::write_new(file, &draft.envelope())?;
            let view = DraftView::new(&draft, file);
            (request.action, draft.statement_digest(), Some(view))
        }
    };
    context.show(&YankedView {
        release: request.reference,
        action,
        reason: request.reason,
        statement,
        draft,
    })?;
    Ok(Outcome::Done)
}

async fn send_yank(
    yank: &YankStatement,
    draft: &Draft,
    is_dry_run: bool,
    registry: &Registry,
    log: &LogView,
    context: &Context,
) -> Result<Outcome, CommandError> {
    if !is_dry_run {
        publish::send_yank(yank, &draft.envelope(), registry, log).await?;
    }
    context.show(&YankedView {
        release: yank.reference(),
        action: yank.action,
        reason: yank.reason.clone(),
        statement: draft.statement_digest(),
        draft: None,
    })?;
    Ok(Outcome::Done)
}

/// Before anything is signed and sent for it: a draft takes nothing's place.
pub(super) fn refuse_existing(draft: Option<&Path>) -> Result<(), CommandError> {
    match draft {
        Some(path) if path.symlink_metadata().is_ok() => {
            let source = ErrorKind::AlreadyExists.into();
            Err(FileError::new("cannot write", path, source).into())
        }
        _ => Ok(()),
    }
}

pub(super) fn load_keys(
    names: &[String],
    context: &Context,
) -> Result<Vec<SecretKey>, CommandError> {
    names
        .iter()
        .map(|name| Ok(keys::load(context.folders(), name)?))
        .collect()
}

impl Answer for PublishView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let done = match (&self.draft, &self.published) {
            (Some(_), _) => "is drafted; it is not published",
            (None, Some(_)) => "is published",
            (None, None) => "is signed and verifies; nothing was sent",
        };
        page.line(page.bold(&format!("{} {done}", self.release)))?;
        let signers = list(self.signers.iter().map(|signer| &signer.member));
        page.field("signed by", signers)?;
        page.field("statement", self.statement)?;
        let files = format!("{}, {}", self.files, size(self.size_bytes));
        page.field("files", files)?;
        page.optional("model.sig", self.model_signature.as_ref())?;
        if let Some(draft) = &self.draft {
            draft.write_text(page)?;
        }
        let Some(sent) = &self.published else {
            return Ok(());
        };
        page.field("hub", &sent.hub)?;
        page.field("sent", size(sent.sent_bytes))?;
        page.optional("recorded", sent.at.as_ref())
    }
}

impl Answer for YankedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let done = match (&self.draft, self.action) {
            (Some(_), _) => "is to be withdrawn or restored; nothing was sent",
            (None, YankAction::Yank) => "is yanked",
            (None, YankAction::Unyank) => "is restored",
        };
        page.line(page.bold(&format!("{} {done}", self.release)))?;
        page.field("reason", &self.reason)?;
        page.field("statement", self.statement)?;
        self.draft
            .as_ref()
            .map_or(Ok(()), |draft| draft.write_text(page))
    }
}
