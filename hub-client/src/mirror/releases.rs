//! The files of releases, each release pulled into the folder as into any store.

use std::collections::BTreeSet;

use jiff::Timestamp;
use registry_schema::api::AttachedBlob;
use registry_schema::digest::Digest;
use registry_schema::mirror::{MirrorList, MirroredRelease, Wanted};
use registry_schema::reference::Reference;

use super::known::{Known, KnownRelease};
use super::{KnownReleases, MirrorError, MirrorRequest};
use crate::files;
use crate::pull::{self, PullError, PullRequest};
use crate::store::{InstalledRelease, Store};

/// A release that was asked for and is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub release: Reference,
    /// Why, in words.
    pub reason: &'static str,
}

/// What came from the hub.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    pub(super) releases: Vec<Reference>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) bytes: u64,
}

/// Pulls the releases that are wanted and not here.
pub(super) async fn fetch(
    request: &MirrorRequest<'_>,
    wanted: &Wanted,
    known: &Known,
    store: &Store,
) -> Result<Fetched, MirrorError> {
    let mut fetched = Fetched::default();
    for (name, version, logged) in known.chosen(wanted) {
        let release = Reference::exact(name.clone(), version.clone());
        if !logged.counts {
            let reason = "a key that signed it was taken back";
            fetched.skipped.push(Skipped { release, reason });
            continue;
        }
        if request.known == KnownReleases::LookedAt && is_here(request, &release, logged, store) {
            continue;
        }
        let request = PullRequest {
            reference: &release,
            asked: &release.requirement,
            statement: Some(&logged.statement),
            registry: request.registry,
            trust_root: &request.trust.root,
            log: request.log,
            store,
            probes: request.probes,
            progress: request.progress,
        };
        let pulled = Box::pin(pull::pull(&request)).await;
        fetched.bytes += pulled.map_err(refused(&release))?.fetched.fetched_bytes;
        fetched.releases.push(release);
    }
    Ok(fetched)
}

/// What the folder holds in the end: every release whose receipt verifies today, and what pulls of them need besides.
pub(super) async fn list(
    request: &MirrorRequest<'_>,
    wanted: &Wanted,
    known: &Known,
    store: &Store,
) -> Result<MirrorList, MirrorError> {
    let mut releases = Vec::new();
    let mut predecessors = BTreeSet::new();
    for (name, version) in store.list()? {
        let exact = Reference::exact(name, version);
        // One whose key was taken back since is not shown any more.
        let Ok(installed) = store.open_release(&exact, &request.trust.root) else {
            continue;
        };
        predecessors.extend(keep_predecessor(request, &exact, &installed, known, store).await?);
        releases.push(MirroredRelease {
            statement: installed.release().statement_digest(),
            model_signature: keep_model_signature(&installed, store)?,
            release: exact,
        });
    }
    for release in &releases {
        predecessors.remove(&release.statement);
    }
    Ok(MirrorList {
        v: 1,
        source: request.registry.url().to_owned(),
        mirrored_at: Timestamp::now().to_string(),
        wanted: wanted.clone(),
        releases,
        predecessors,
    })
}

fn is_here(
    request: &MirrorRequest<'_>,
    release: &Reference,
    logged: &KnownRelease,
    store: &Store,
) -> bool {
    store
        .open_release(release, &request.trust.root)
        .is_ok_and(|here| here.release().statement_digest() == logged.statement)
}

fn refused(release: &Reference) -> impl Fn(PullError) -> MirrorError {
    move |source| MirrorError::Release {
        release: release.clone(),
        source: Box::new(source),
    }
}

/// A pull compares a release with the vectors of its predecessor: they come along.
async fn keep_predecessor(
    request: &MirrorRequest<'_>,
    exact: &Reference,
    installed: &InstalledRelease,
    known: &Known,
    store: &Store,
) -> Result<Option<Digest>, MirrorError> {
    let manifest = installed.manifest();
    let Some(named) = &manifest.predecessor else {
        return Ok(None);
    };
    let logged = known.find(&manifest.name, &named.version);
    let vectors = logged
        .filter(|logged| logged.statement == named.statement)
        .and_then(|logged| logged.vectors.as_ref());
    let Some(file) = vectors else {
        return Ok(None);
    };
    if !store.has_blob(&file.digest, file.size_bytes) {
        let (registry, progress) = (request.registry, request.progress);
        let (name, version) = (&manifest.name, &named.version);
        let fetched = pull::fetch_blob(store, registry, progress, name, version, file).await;
        fetched.map_err(refused(exact))?;
    }
    Ok(Some(named.statement))
}

/// Its `model.sig`, as the blob that the hub has of it.
fn keep_model_signature(
    installed: &InstalledRelease,
    store: &Store,
) -> Result<Option<AttachedBlob>, MirrorError> {
    let Some(text) = installed.model_signature() else {
        return Ok(None);
    };
    let attached = AttachedBlob {
        digest: Digest::of(text.as_bytes()),
        size_bytes: text.len() as u64,
    };
    if !store.has_blob(&attached.digest, attached.size_bytes) {
        files::write_atomic(store.blob_path(&attached.digest), text.as_bytes())?;
    }
    Ok(Some(attached))
}
