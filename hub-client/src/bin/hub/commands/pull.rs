//! `hub pull`

use std::fmt;

use hub_client::lockfile::{LockFile, LockedRelease};
use hub_client::log_view::LogView;
use hub_client::members_say;
use hub_client::pull::{self, Fetched, ProbeCheck, PullRequest};
use hub_client::registry::{BlobMirror, Credentials, CredentialsError, MirrorPlace, Registry};
use hub_client::store::InstalledRelease;
use hub_client::trust::Kept;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use registry_schema::trust_root::ConsortiumRoot;
use semver::Version;
use serde::Serialize;

use super::members_view::AdvisoryView;
use super::release_view::{SignerView, YankView, signer_names, signers, size_bytes};
use crate::app::Outcome;
use crate::args::PullArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};
use crate::progress::Bar;
use hub_client::causes::with_causes;

#[derive(Serialize)]
struct PullView {
    releases: Vec<PulledView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_file: Option<String>,
}

#[derive(Serialize)]
struct OneView {
    #[serde(flatten)]
    release: PulledView,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_file: Option<String>,
}

#[derive(Serialize)]
struct PulledView {
    reference: Reference,
    release: Reference,
    version: Version,
    statement: Digest,
    signers: Vec<SignerView>,
    #[serde(skip)]
    signer_names: String,
    /// Whether it was here already, so that nothing was asked.
    was_installed: bool,
    /// Bytes of its files that came from the hub.
    fetched_bytes: u64,
    /// Bytes of its files that were taken from another release that is installed.
    reused_bytes: u64,
    size_bytes: u64,
    /// What came from the mirror instead of the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<MirrorView>,
    /// The smallest cosine of the probes; null when they were not run.
    probe_cosine: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yanked: Option<YankView>,
    #[serde(skip)]
    void_yanks: usize,
    /// Members' warnings that stand, worst first; none when nothing was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<AdvisoryView>,
    /// What members said of the name and nobody can judge, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    /// Why the `model.sig` that is attached to it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_model_signature: Option<String>,
}

#[derive(Serialize)]
struct MirrorView {
    place: String,
    files: u64,
    bytes: u64,
    /// Files that were not there, or wrong, and came from the hub.
    failed: Vec<FailedView>,
}

#[derive(Serialize)]
struct FailedView {
    digest: Digest,
    reason: String,
}

/// What is kept is enough for what is locked and installed; before anything is fetched, it is
/// refreshed.
struct Trust {
    kept: Kept,
    /// The hub's log, once it was asked.
    log: Option<LogView>,
}

pub(super) async fn pull(args: &PullArgs, context: &Context) -> Result<Outcome, CommandError> {
    // Who has neither hub nor trust root begins with the hub.
    if context.config().first_root.is_none() && !context.is_offline() {
        context.hub()?.ok_or(CommandError::NoHub)?;
    }
    let mut lock = if args.no_lock {
        None
    } else {
        Some(context.lock_file()?)
    };
    let mut trust = Trust {
        kept: context.kept_trust()?,
        log: None,
    };
    let mut releases = Vec::new();
    for (reference, locked) in targets(args, lock.as_ref())? {
        let pulled = pull_one(&reference, locked.as_ref(), &mut trust, args, context).await?;
        if let Some(lock) = &mut lock {
            context.check_interrupt()?;
            let (version, statement) = (pulled.version.clone(), pulled.statement);
            lock.set(LockedRelease {
                reference,
                version,
                statement,
            })?;
        }
        releases.push(pulled);
    }
    for yanked in releases.iter().filter(|release| release.yanked.is_some()) {
        context
            .report()
            .warn(&format!("`{}` is yanked by its owners", yanked.release));
    }
    for release in &releases {
        if release.void_yanks > 0 {
            context.report().warn(&format!(
                "{} yank statements about `{}` do not count: their keys were taken back",
                release.void_yanks, release.release
            ));
        }
        for advisory in &release.advisories {
            let line = format!("`{}`: {}", release.release, advisory.line());
            context.report().warn(&line);
        }
        for left_out in &release.left_out {
            let line = format!("`{}`: {left_out}", release.release);
            context.report().warn(&line);
        }
        if let Some(reason) = &release.refused_model_signature {
            let line = format!(
                "the model.sig of `{}` is left out: {reason}",
                release.release
            );
            context.report().warn(&line);
        }
    }
    let lock_file = lock.map(|lock| lock.path().display().to_string());
    // Who names one release gets one.
    match (releases.pop(), &args.reference) {
        (Some(release), Some(_)) => context.show(&OneView { release, lock_file })?,
        (last, _) => {
            releases.extend(last);
            context.show(&PullView {
                releases,
                lock_file,
            })?;
        }
    }
    Ok(Outcome::Done)
}

/// What to pull, and what the lock file says about each.
fn targets(
    args: &PullArgs,
    lock: Option<&LockFile>,
) -> Result<Vec<(Reference, Option<LockedRelease>)>, CommandError> {
    let keep = |locked: &LockedRelease| (!args.update).then(|| locked.clone());
    let Some(reference) = &args.reference else {
        let lock = lock.map_or_else(
            || {
                Err(CommandError::NothingLocked {
                    path: "hub.lock".into(),
                })
            },
            Ok,
        )?;
        if lock.releases().is_empty() {
            return Err(CommandError::NothingLocked {
                path: lock.path().to_owned(),
            });
        }
        return Ok(lock
            .releases()
            .iter()
            .map(|one| (one.reference.clone(), keep(one)))
            .collect());
    };
    let locked = lock.and_then(|lock| lock.get(reference)).and_then(keep);
    match (locked, lock) {
        (None, Some(lock)) if args.locked => Err(CommandError::NotLocked {
            reference: reference.clone(),
            path: lock.path().to_owned(),
        }),
        (locked, _) => Ok(vec![(reference.clone(), locked)]),
    }
}

async fn pull_one(
    reference: &Reference,
    locked: Option<&LockedRelease>,
    trust: &mut Trust,
    args: &PullArgs,
    context: &Context,
) -> Result<PulledView, CommandError> {
    // 1. what is locked, installed and whole needs no request
    if let Some(installed) = locked.and_then(|locked| find_whole(locked, &trust.kept.root, context))
    {
        return Ok(view(reference, &installed, &Fetched::default(), true));
    }
    // 2. everything else comes from the hub, checked on the way
    let registry: Registry = with_mirror(context.registry("pull")?, args, context).await?;
    let log = match &trust.log {
        Some(log) => log.clone(),
        None => {
            let (kept, log) = context.contact(&registry).await?;
            (trust.kept, trust.log) = (kept, Some(log.clone()));
            log
        }
    };
    let trust_root = &trust.kept.root;
    let locked_to = locked.map(LockedRelease::exact);
    let asked = locked_to.as_ref().unwrap_or(reference);
    let chosen = match locked {
        Some(_) => None,
        None => chosen_by_evaluations(reference, &registry, trust_root, &log, context).await?,
    };
    let probes = if args.without_probes {
        ProbeCheck::SkipUnproven
    } else {
        ProbeCheck::Run(context.worker()?)
    };
    let store = context.store();
    let bar = Bar::bytes(context, &reference.to_string());
    let progress = bar.transfer(context);
    let request = PullRequest {
        reference: chosen.as_ref().unwrap_or(asked),
        asked: &asked.requirement,
        statement: locked.map(|locked| &locked.statement),
        registry: &registry,
        trust_root,
        log: &log,
        store: &store,
        probes: &probes,
        progress: &progress,
    };
    let pulled = Box::pin(pull::pull(&request)).await?;
    // 3. what members found out about it, for commands that open no connection
    let release = pulled.installed.release();
    let said = members_say::evaluations(release, &registry, &trust.kept.root, &log).await;
    let kept = said.and_then(|said| {
        Ok(members_say::keep_evaluations(
            &context.store(),
            release,
            &said,
        )?)
    });
    if let Err(error) = kept {
        let release = release.reference();
        let line = format!(
            "what members say of `{release}` is not kept: {}",
            with_causes(&error)
        );
        context.report().warn(&line);
    }
    for file in &pulled.fetched.not_reused {
        let line = format!("`{}` came whole: {}", file.path, file.reason);
        context.report().detail(&line);
    }
    let view = view(reference, &pulled.installed, &pulled.fetched, false);
    Ok(PulledView {
        mirror: registry.mirror().map(|mirror| tell_mirror(mirror, context)),
        advisories: pulled.advisories.iter().map(AdvisoryView::from).collect(),
        left_out: pulled.left_out.iter().map(ToString::to_string).collect(),
        refused_model_signature: pulled
            .refused_model_signature
            .as_ref()
            .map(|error| with_causes(error)),
        ..view
    })
}

/// The hub, and the mirror that the command line or the settings name.
async fn with_mirror(
    registry: Registry,
    args: &PullArgs,
    context: &Context,
) -> Result<Registry, CommandError> {
    let place = match (&args.mirror, &context.config().mirror) {
        (Some(place), _) => place.clone(),
        (None, Some(text)) => text.parse::<MirrorPlace>()?,
        (None, None) => return Ok(registry),
    };
    // A credential helper may ask its user, who may rather stop.
    let of = place.clone();
    let found = tokio::task::spawn_blocking(move || {
        Credentials::from_environment(&of, |name| std::env::var(name).ok())
    });
    let credentials = match found.await.map_err(|_| CommandError::Interrupted)? {
        // Many mirrors want no password, and the hub has what this one does not give.
        Err(error @ CredentialsError::Helper { .. }) => {
            context.report().warn(&with_causes(&error));
            None
        }
        found => found?,
    };
    context.report().detail(&format!("mirror: {place}"));
    Ok(registry.with_mirror(BlobMirror::new(place, credentials)?))
}

/// What came from the mirror; of what did not, why.
fn tell_mirror(mirror: &BlobMirror, context: &Context) -> MirrorView {
    let report = mirror.report();
    if let Some((digest, reason)) = report.failed.first() {
        let line = format!(
            "{} of {} files did not come from the mirror {}, but from the hub; the first, {}: {reason}",
            report.failed.len(),
            report.failed.len() as u64 + report.files,
            mirror.place(),
            digest.short()
        );
        context.report().warn(&line);
    }
    MirrorView {
        place: mirror.place().to_string(),
        files: report.files,
        bytes: report.bytes,
        failed: report
            .failed
            .into_iter()
            .map(|(digest, reason)| FailedView { digest, reason })
            .collect(),
    }
}

/// The release a floating reference leads to when the user's settings ask for others' evaluations.
async fn chosen_by_evaluations(
    reference: &Reference,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    context: &Context,
) -> Result<Option<Reference>, CommandError> {
    let Some(required) = context.config().evaluations_required.filter(|&k| k > 0) else {
        return Ok(None);
    };
    // Without a token there is no telling which evaluations are one's own: all are others'.
    let own = match context.hub()?.and_then(|hub| hub.token) {
        Some(_) => Some(registry.whoami().await?.member),
        None => None,
    };
    let store = context.store();
    let own = own.as_ref();
    let chosen =
        members_say::choose_evaluated(reference, required, own, registry, trust_root, log, &store);
    let chosen = Box::pin(chosen).await?;
    let text = format!("{chosen}: found fit by at least {required} others, or installed before");
    context.report().detail(&text);
    Ok(Some(chosen))
}

/// The locked release when it is installed, is that very one, and its files are as signed.
fn find_whole(
    locked: &LockedRelease,
    trust_root: &ConsortiumRoot,
    context: &Context,
) -> Option<InstalledRelease> {
    let installed = context
        .store()
        .open_release(&locked.exact(), trust_root)
        .ok()?;
    let is_locked = installed.release().statement_digest() == locked.statement;
    (is_locked && installed.check_files().is_ok()).then_some(installed)
}

fn view(
    reference: &Reference,
    installed: &InstalledRelease,
    fetched: &Fetched,
    was_installed: bool,
) -> PulledView {
    let release = installed.release();
    PulledView {
        reference: reference.clone(),
        release: release.reference(),
        version: release.manifest().version.clone(),
        statement: release.statement_digest(),
        signers: signers(release),
        signer_names: signer_names(release),
        was_installed,
        fetched_bytes: fetched.fetched_bytes,
        reused_bytes: fetched.reused_bytes,
        size_bytes: size_bytes(release),
        mirror: None,
        probe_cosine: installed.receipt().probe_cosine,
        yanked: installed.yanked().map(YankView::from),
        void_yanks: installed.void_yanks(),
        advisories: Vec::new(),
        left_out: Vec::new(),
        refused_model_signature: None,
    }
}

impl Answer for PullView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        for release in &self.releases {
            release.write_text(page)?;
        }
        page.optional("locked in", self.lock_file.as_ref())
    }
}

impl Answer for OneView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        self.release.write_text(page)?;
        page.optional("locked in", self.lock_file.as_ref())
    }
}

impl PulledView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&self.release.to_string()))?;
        page.field("signed by", &self.signer_names)?;
        page.field("statement", self.statement)?;
        let came = if self.was_installed {
            "installed already, as locked".to_owned()
        } else {
            let (fetched, all) = (size(self.fetched_bytes), size(self.size_bytes));
            match self.reused_bytes {
                0 => format!("{fetched} fetched of {all}"),
                reused => format!(
                    "{fetched} fetched of {all}, {} taken from another release",
                    size(reused)
                ),
            }
        };
        page.field("files", came)?;
        let mirrored = self.mirror.as_ref().filter(|mirror| mirror.files > 0);
        let mirrored =
            mirrored.map(|mirror| format!("{} from {}", size(mirror.bytes), mirror.place));
        page.optional("mirror", mirrored)?;
        let probes = self
            .probe_cosine
            .map(|cosine| format!("agree with those signed, cosine at least {cosine:.6}"));
        page.field("probes", probes.unwrap_or_else(|| "not run".to_owned()))?;
        page.optional("YANKED", self.yanked.as_ref())
    }
}
