//! `hub export`, `hub verify --bundle`

use std::fmt;
use std::path::Path;

use hub_client::bundle::{self, BundleForm, RELEASE_FOLDER};
use hub_client::files::Destination;
use registry_schema::digest::Digest;
use registry_schema::manifest::Manifest;
use registry_schema::model_signing;
use registry_schema::reference::Reference;
use registry_schema::verify::current_yank;
use serde::Serialize;

use super::chosen::Chosen;
use super::consortium_view::TrustView;
use super::release_view::{LogProofView, SignerView, YankView, signers, size_bytes, write_sources};
use crate::app::Outcome;
use crate::args::BundleArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size};

#[derive(Serialize)]
struct BundleView {
    release: Reference,
    path: String,
    /// Where the signed files are.
    files_path: String,
    files: usize,
    size_bytes: u64,
    /// Absent when the publisher made none.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_signature: Option<String>,
}

pub(super) fn export(args: &BundleArgs, context: &Context) -> Result<Outcome, CommandError> {
    let chosen = Chosen::find(&args.reference, context)?;
    if let Some(path) = &args.output {
        return export_pack(&chosen, &args.write.destination(path)?, context);
    }
    let (folder, form) = match (&args.folder, &args.bundle) {
        (Some(folder), _) => (folder.as_path(), BundleForm::FilesAlone),
        // Without the one there is the other: the arguments say so.
        (None, bundle) => {
            let bundle = bundle.as_deref().unwrap_or(Path::new("bundle"));
            (bundle, BundleForm::WithEvidence)
        }
    };
    bundle::export(&chosen.installed, &chosen.trust.bundle, folder, form)?;
    let files_path = match form {
        BundleForm::FilesAlone => folder.to_owned(),
        BundleForm::WithEvidence => folder.join(RELEASE_FOLDER),
    };
    let signature = chosen.installed.model_signature();
    let release = chosen.installed.release();
    context.show(&BundleView {
        release: chosen.reference(),
        path: folder.display().to_string(),
        files_path: files_path.display().to_string(),
        files: release.files().len(),
        size_bytes: size_bytes(release),
        model_signature: signature.map(|_| folder.join(model_signing::FILE).display().to_string()),
    })?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct PackView {
    release: Reference,
    path: String,
    /// Signed files in it.
    files: usize,
    /// Of the pack.
    size_bytes: u64,
}

fn export_pack(
    chosen: &Chosen,
    destination: &Destination,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let size_bytes = bundle::write_pack(&chosen.installed, &chosen.trust.bundle, destination)?;
    context.show(&PackView {
        release: chosen.reference(),
        path: destination.path().display().to_string(),
        files: chosen.installed.release().files().len(),
        size_bytes,
    })?;
    Ok(Outcome::Done)
}

impl Answer for PackView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} is written", self.release)))?;
        page.field("to", format!("{}, {}", self.path, size(self.size_bytes)))?;
        page.field("files", self.files)
    }
}

#[derive(Serialize)]
struct VerifiedView {
    release: Reference,
    statement: Digest,
    log_index: u64,
    log: LogProofView,
    trust_root: TrustView,
    signers: Vec<SignerView>,
    files: usize,
    size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    yanked: Option<YankView>,
    manifest: Manifest,
}

/// Verifies a bundle by what is in it and the fingerprint of a first root.
pub(super) async fn verify(
    folder: &Path,
    root: Option<Digest>,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let root = root.or(context.config().first_root);
    let root = root.ok_or(CommandError::NoRoot)?;
    let verified = bundle::verify(folder, &root, context.as_of()).await?;
    let release = &verified.release;
    let yank = current_yank(&verified.yanks)?;
    context.show(&VerifiedView {
        release: release.reference(),
        statement: release.statement_digest(),
        log_index: release.index(),
        log: LogProofView::from(&verified.checkpoint),
        trust_root: TrustView::new(&verified.trust, context),
        signers: signers(release),
        files: release.files().len(),
        size_bytes: size_bytes(release),
        yanked: yank.map(YankView::from),
        manifest: release.manifest().clone(),
    })?;
    Ok(Outcome::Done)
}

impl Answer for VerifiedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} verifies", self.release)))?;
        let signers = list(self.signers.iter().map(|signer| &signer.member));
        page.field("signed by", signers)?;
        write_sources(&self.manifest, page)?;
        page.field("statement", self.statement)?;
        page.field("log index", self.log_index)?;
        page.field("proven in", &self.log)?;
        self.trust_root.write_text(page)?;
        let files = format!("{} as signed, {}", self.files, size(self.size_bytes));
        page.field("files", files)?;
        page.field("probes", "not run: a bundle is not installed")?;
        page.optional("YANKED", self.yanked.as_ref())
    }
}

impl Answer for BundleView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} is written", self.release)))?;
        page.field("to", &self.path)?;
        let files = format!("{}, {}", self.files, size(self.size_bytes));
        page.field("files", files)?;
        match &self.model_signature {
            Some(path) => page.field("model.sig", path),
            None => page.field("model.sig", "none: the publisher made none"),
        }
    }
}
