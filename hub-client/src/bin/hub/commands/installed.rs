//! `hub list`, `hub verify`, `hub rm`: what is installed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use hub_client::pull::PullError;
use hub_client::store::{InstalledRelease, StoreError};
use hub_client::worker::{FailureKind, Worker, WorkerError};
use registry_schema::compatibility::compare_probes;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::Chosen;
use super::consortium_view::TrustView;
use super::release_view::{LogProofView, SignerView, YankView, signer_names, signers, size_bytes};
use crate::app::Outcome;
use crate::args::{RmArgs, VerifyArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size, time};
use crate::progress::Bar;
use hub_client::causes::with_causes;

#[derive(Serialize)]
struct ListView {
    releases: Vec<InstalledView>,
}

#[derive(Serialize)]
struct InstalledView {
    reference: Reference,
    #[serde(flatten)]
    state: InstalledState,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum InstalledState {
    Ready {
        statement: Digest,
        dimension: u32,
        size_bytes: u64,
        pulled_at: String,
        hub: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        yanked: Option<YankView>,
    },
    Broken {
        problem: String,
    },
}

pub(super) fn list(context: &Context) -> Result<Outcome, CommandError> {
    let store = context.store();
    let installed = store.list()?;
    if installed.is_empty() {
        context.show(&ListView {
            releases: Vec::new(),
        })?;
        context
            .report()
            .note("nothing is installed: `hub search` and `hub pull` find and fetch extractors");
        return Ok(Outcome::Done);
    }
    let trust = context.kept_trust()?;
    let view = |(name, version)| {
        let reference = Reference::exact(name, version);
        let state = match store.open_release(&reference, &trust.root) {
            Ok(installed) => ready(&installed),
            Err(error) => InstalledState::Broken {
                problem: with_causes(&error),
            },
        };
        InstalledView { reference, state }
    };
    context.show(&ListView {
        releases: installed.into_iter().map(view).collect(),
    })?;
    Ok(Outcome::Done)
}

fn ready(installed: &InstalledRelease) -> InstalledState {
    let receipt = installed.receipt();
    InstalledState::Ready {
        statement: installed.release().statement_digest(),
        dimension: installed.manifest().output.dimension,
        size_bytes: size_bytes(installed.release()),
        pulled_at: receipt.pulled_at.clone(),
        hub: receipt.hub.clone(),
        yanked: installed.yanked().map(YankView::from),
    }
}

#[derive(Serialize)]
struct VerifyView {
    release: Reference,
    statement: Digest,
    log_index: u64,
    log: LogProofView,
    trust_root: TrustView,
    signers: Vec<SignerView>,
    #[serde(skip)]
    signer_names: String,
    files: usize,
    size_bytes: u64,
    /// The smallest cosine of the probes; null when there is no runtime library to run them.
    probe_cosine: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yanked: Option<YankView>,
}

pub(super) fn verify(args: &VerifyArgs, context: &Context) -> Result<Outcome, CommandError> {
    let spinner = Bar::spinner(context, "verifying");
    // 1. the receipt: signatures of enough owners, and proofs that they are in the log, under the kept
    // trust root
    let reference = args.reference.as_ref().ok_or(CommandError::NoReference)?;
    let chosen = Chosen::find(reference, context)?;
    let installed = &chosen.installed;
    let checkpoint = installed.receipt().check_witnesses(&chosen.trust.root)?;
    // 2. the bytes of every file
    installed.check_files()?;
    context.check_interrupt()?;
    // 3. what it computes
    let probe_cosine = match run_probes(installed, &context.worker()?) {
        Err(CommandError::Worker(WorkerError::Extractor(failure)))
            if failure.kind() == FailureKind::Library =>
        {
            context
                .report()
                .warn(&format!("the probes were not run: {failure}"));
            None
        }
        other => Some(other?),
    };
    drop(spinner);
    let release = installed.release();
    context.show(&VerifyView {
        release: release.reference(),
        statement: release.statement_digest(),
        log_index: release.index(),
        log: LogProofView::from(&checkpoint),
        trust_root: TrustView::new(&chosen.trust, context),
        signers: signers(release),
        signer_names: signer_names(release),
        files: release.files().len(),
        size_bytes: size_bytes(release),
        probe_cosine,
        yanked: installed.yanked().map(YankView::from),
    })?;
    Ok(Outcome::Done)
}

/// Runs the probes, confined, and compares them with the signed vectors; the smallest cosine.
pub(super) fn run_probes(
    installed: &InstalledRelease,
    worker: &Worker,
) -> Result<f64, CommandError> {
    let images: BTreeMap<String, PathBuf> = installed.probe_images()?.into_iter().collect();
    let computed = worker.probe(&installed.extractor_files()?, &images)?;
    let signed = installed.probe_vectors()?;
    let agreements =
        compare_probes(&signed, &computed, installed.manifest().probes).map_err(|source| {
            PullError::Probes {
                reference: installed.release().reference(),
                source,
            }
        })?;
    Ok(agreements.iter().map(|one| one.cosine).fold(1.0, f64::min))
}

#[derive(Serialize)]
struct RemoveView {
    removed: Reference,
    freed_bytes: u64,
}

pub(super) fn remove(args: &RmArgs, context: &Context) -> Result<Outcome, CommandError> {
    let store = context.store();
    // A release that no longer verifies must still be removable, so it is not opened.
    let locked = context
        .lock_file()?
        .get(&args.reference)
        .map(|locked| locked.version.clone());
    let not_there = |error| match error {
        StoreError::NotInstalled { reference } => CommandError::NothingToRemove { reference },
        other => other.into(),
    };
    let version = locked.map_or_else(|| store.newest(&args.reference), Ok);
    let version = version.map_err(not_there)?;
    let alone = store.alone(waiting(context))?;
    let alone = alone.ok_or(CommandError::Interrupted)?;
    let freed_bytes = store.remove(&args.reference.name, &version, &alone);
    let freed_bytes = freed_bytes.map_err(not_there)?;
    let removed = Reference::exact(args.reference.name.clone(), version);
    context.show(&RemoveView {
        removed,
        freed_bytes,
    })?;
    Ok(Outcome::Done)
}

/// Says once for whom it is waited, until the user has asked to stop.
fn waiting(context: &Context) -> impl FnMut() -> bool {
    let mut is_told = false;
    move || {
        if !std::mem::replace(&mut is_told, true) {
            context.report().note(
                "waiting for other commands of this machine that pull releases or run them; Ctrl-C stops",
            );
        }
        !context.interrupt().is_set()
    }
}

impl Answer for ListView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        if self.releases.is_empty() {
            return Ok(());
        }
        let row = |one: &InstalledView| match &one.state {
            InstalledState::Ready {
                dimension,
                size_bytes,
                pulled_at,
                yanked,
                ..
            } => vec![
                one.reference.to_string(),
                dimension.to_string(),
                size(*size_bytes),
                time(pulled_at),
                yanked
                    .as_ref()
                    .map_or_else(String::new, |yank| format!("yanked: {yank}")),
            ],
            InstalledState::Broken { problem } => {
                vec![
                    one.reference.to_string(),
                    String::new(),
                    String::new(),
                    String::new(),
                    format!("broken: {problem}"),
                ]
            }
        };
        let rows: Vec<_> = self.releases.iter().map(row).collect();
        page.table(&["RELEASE", "DIMENSION", "SIZE", "PULLED", ""], &rows)
    }
}

impl Answer for VerifyView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} verifies", self.release)))?;
        page.field("signed by", &self.signer_names)?;
        page.field("statement", self.statement)?;
        page.field("log index", self.log_index)?;
        page.field("proven in", &self.log)?;
        self.trust_root.write_text(page)?;
        page.field(
            "files",
            format!("{} as signed, {}", self.files, size(self.size_bytes)),
        )?;
        let probes = self
            .probe_cosine
            .map(|cosine| format!("agree with those signed, cosine at least {cosine:.6}"));
        page.field(
            "probes",
            probes.unwrap_or_else(|| "not run: no ONNX Runtime library".to_owned()),
        )?;
        page.optional("YANKED", self.yanked.as_ref())
    }
}

impl Answer for RemoveView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(format!(
            "removed {}, {} freed",
            self.removed,
            size(self.freed_bytes)
        ))
    }
}
