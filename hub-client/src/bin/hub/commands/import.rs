//! `hub import`

use std::fmt;

use hub_client::import::{self, ImportRequest, Imported};
use hub_client::lockfile::LockedRelease;
use hub_client::pull::ProbeCheck;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::release_view::{SignerView, YankView, signer_names, signers, size_bytes};
use crate::app::Outcome;
use crate::args::ImportArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};
use crate::progress::Bar;
use hub_client::causes::with_causes;

#[derive(Serialize)]
struct ImportView {
    release: Reference,
    statement: Digest,
    signers: Vec<SignerView>,
    #[serde(skip)]
    signer_names: String,
    /// The pack, without its folder.
    source: String,
    size_bytes: u64,
    /// The smallest cosine of the probes; null when they were not run.
    probe_cosine: Option<f64>,
    /// The predecessor whose promise was not checked, since it is not installed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    unchecked_predecessor: Option<Reference>,
    /// Why the `model.sig` in the pack was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_model_signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yanked: Option<YankView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_file: Option<String>,
}

pub(super) async fn import(args: &ImportArgs, context: &Context) -> Result<Outcome, CommandError> {
    let mut lock = match args.no_lock {
        true => None,
        false => Some(context.lock_file()?),
    };
    let probes = if args.without_probes {
        ProbeCheck::SkipUnproven
    } else {
        ProbeCheck::Run(context.worker()?)
    };
    let store = context.store();
    let bar = Bar::bytes(context, "unpacking");
    let progress = bar.transfer(context);
    let request = ImportRequest {
        pack: &args.pack,
        first_root: args.root.as_ref(),
        folders: context.folders(),
        as_of: context.as_of(),
        lock: lock.as_ref(),
        store: &store,
        probes: &probes,
        progress: &progress,
    };
    let imported = Box::pin(import::import(&request)).await?;
    let mut view = view(&imported);
    if let Some(lock) = &mut lock {
        context.check_interrupt()?;
        lock.set(LockedRelease {
            reference: view.release.clone(),
            version: imported.installed.manifest().version.clone(),
            statement: view.statement,
        })?;
        view.lock_file = Some(lock.path().display().to_string());
    }
    remark(&view, imported.installed.void_yanks(), context);
    context.show(&view)?;
    Ok(Outcome::Done)
}

fn remark(view: &ImportView, void_yanks: usize, context: &Context) {
    let (report, release) = (context.report(), &view.release);
    if view.yanked.is_some() {
        report.warn(&format!("`{release}` is yanked by its owners"));
    }
    if void_yanks > 0 {
        report.warn(&format!(
            "{void_yanks} yank statements about `{release}` do not count: their keys were taken back"
        ));
    }
    if let Some(reason) = &view.refused_model_signature {
        report.warn(&format!(
            "the model.sig of `{release}` is left out: {reason}"
        ));
    }
    if let Some(predecessor) = &view.unchecked_predecessor {
        report.note(&format!(
            "`{predecessor}` is not installed, so that `{release}` was not compared with it"
        ));
    }
}

fn view(imported: &Imported) -> ImportView {
    let installed = &imported.installed;
    let release = installed.release();
    ImportView {
        release: release.reference(),
        statement: release.statement_digest(),
        signers: signers(release),
        signer_names: signer_names(release),
        source: installed.receipt().hub.clone(),
        size_bytes: size_bytes(release),
        probe_cosine: installed.receipt().probe_cosine,
        unchecked_predecessor: imported.unchecked_predecessor.clone(),
        refused_model_signature: imported
            .refused_model_signature
            .as_ref()
            .map(|error| with_causes(error)),
        yanked: installed.yanked().map(YankView::from),
        lock_file: None,
    }
}

impl Answer for ImportView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} is installed", self.release)))?;
        page.field("from", &self.source)?;
        page.field("signed by", &self.signer_names)?;
        page.field("statement", self.statement)?;
        page.field("files", size(self.size_bytes))?;
        let probes = self
            .probe_cosine
            .map(|cosine| format!("agree with those signed, cosine at least {cosine:.6}"));
        page.field("probes", probes.unwrap_or_else(|| "not run".to_owned()))?;
        page.optional("YANKED", self.yanked.as_ref())?;
        page.optional("locked in", self.lock_file.as_ref())
    }
}
