//! Pulling: from a reference to a verified, installed release.

mod checks;
mod error;
mod fetch;

pub(crate) use checks::{Conformance, checked_model_signature, refuse_another_history, run_checks};
pub use error::PullError;
pub(crate) use fetch::fetch_blob;
pub use fetch::{Fetched, NotReused};

use registry_schema::api::ReleaseDetail;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::manifest::ProbeVectors;
use registry_schema::model_signing::ModelSigningError;
use registry_schema::receipt::{LoggedEnvelope, Receipt};
use registry_schema::reference::{Reference, Requirement};
use registry_schema::statement::ReleaseStatement;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::{
    Asked, VerifiedAdvisory, VerifiedRelease, current_yank, verify_recorded_yank, verify_release,
};

use crate::log_view::LogView;
use crate::logged;
use crate::members_say::{LeftOut, release_advisories};
use crate::publish::PredecessorRelease;
use crate::registry::{Progress, Registry};
use crate::store::{InstalledRelease, Store};
use crate::worker::Worker;

/// What to pull, from where, into what.
#[derive(Clone, Copy, Debug)]
pub struct PullRequest<'a> {
    /// Which release.
    pub reference: &'a Reference,
    /// What is asked of it when it is yanked: only who names the exact version, or locked it, gets
    /// such a release. Another than `reference` where a rule of the user's chose the version.
    pub asked: &'a Requirement,
    /// Exactly this statement, when a lock file says so.
    pub statement: Option<&'a Digest>,
    /// The hub.
    pub registry: &'a Registry,
    /// The trust root, as fresh as it is to be.
    pub trust_root: &'a ConsortiumRoot,
    /// The hub's log, as of this contact.
    pub log: &'a LogView,
    /// The local store.
    pub store: &'a Store,
    /// Whether the extractor is run on its probes.
    pub probes: &'a ProbeCheck,
    /// Told of bytes that arrive.
    pub progress: &'a Progress,
}

/// Whether the extractor is run on its probes before it is installed.
#[derive(Clone, Debug)]
pub enum ProbeCheck {
    /// It is, in a process of its own, and must compute what its publisher signed.
    Run(Worker),
    /// It is not: for machines that only keep or pass on extractors. The receipt says so.
    SkipUnproven,
}

/// What a pull did.
#[derive(Debug)]
pub struct Pulled {
    /// The release, ready to use.
    pub installed: InstalledRelease,
    /// Where its files came from.
    pub fetched: Fetched,
    /// Members' warnings that stand and affect it, worst first.
    pub advisories: Vec<VerifiedAdvisory>,
    /// Warnings that nobody can judge, whether they stand and affect it or not.
    pub left_out: Vec<LeftOut>,
    /// Why the `model.sig` that is attached to it is not kept.
    pub refused_model_signature: Option<ModelSigningError>,
}

/// Pulls a release. Nothing is visible in the store until every check has passed.
///
/// # Errors
/// [`PullError`] names the check that failed.
pub async fn pull(request: &PullRequest<'_>) -> Result<Pulled, PullError> {
    let store = request.store.clone();
    let in_use = tokio::task::spawn_blocking(move || store.in_use());
    let _in_use = in_use.await.map_err(|_| PullError::Stopped)??;
    // 1. resolve; what comes back is only a claim
    let answer = request.registry.release(request.reference).await?;
    // 2. the statement: signed by enough owners, and an answer to what was asked
    let (statement, yanks) = logged::of_release(request.log, &answer)
        .await
        .map_err(|source| PullError::Logged {
            reference: request.reference.clone(),
            source: Box::new(source),
        })?;
    let release = verify(request, &statement)?;
    refuse_another_history(request.store, &release)?;
    // 3. yanks about it
    check_yanks(request, &release, &yanks)?;
    // what members warn of is for the user to judge; that it verifies is not
    let (registry, trust_root, log) = (request.registry, request.trust_root, request.log);
    let warned = release_advisories(&release, registry, trust_root, log).await?;
    // 4. to 6. the files, what they compute, and the promise of the version number
    let checked = fetch_and_check(request, release.statement()).await?;
    let attached = fetch_model_signature(request, &release, &answer).await?;
    let (model_signature, refused_model_signature) = match attached {
        Some(Err(refused)) => (None, Some(refused)),
        other => (other.and_then(Result::ok), None),
    };
    // 7. install
    let receipt = Receipt {
        v: 3,
        release: release.reference(),
        hub: request.registry.url().to_owned(),
        pulled_at: jiff::Timestamp::now().to_string(),
        statement,
        yanks,
        root_version: request.trust_root.version(),
        probe_cosine: checked.probe_cosine,
        model_signature,
    };
    request.store.install(&receipt, release.files())?;
    let installed = request
        .store
        .open_release(&release.reference(), request.trust_root)?;
    Ok(Pulled {
        installed,
        fetched: checked.fetched,
        advisories: warned.open,
        left_out: warned.left_out,
        refused_model_signature,
    })
}

/// The `model.sig` that travels with a release: nothing here depends on it, and any one of its owners
/// may attach it. One that signs something else is not passed on to those who would believe it, and
/// keeps nobody from the release.
async fn fetch_model_signature(
    request: &PullRequest<'_>,
    release: &VerifiedRelease,
    answer: &ReleaseDetail,
) -> Result<Option<Result<String, ModelSigningError>>, PullError> {
    let Some(attached) = &answer.model_signature else {
        return Ok(None);
    };
    let size_bytes = attached
        .size_bytes
        .min(limits::MODEL_SIGNATURE_BYTES as u64);
    let name = &release.manifest().name;
    let blob = request
        .registry
        .small_blob(name, &attached.digest, size_bytes);
    Ok(Some(checked_model_signature(
        &blob.await?,
        release,
        request.trust_root,
    )))
}

/// Files that came from a hub and were found to be what a statement says.
#[derive(Clone, Debug)]
pub struct CheckedFiles {
    /// Where they came from.
    pub fetched: Fetched,
    /// The smallest cosine of the probes computed here, when they were.
    pub probe_cosine: Option<f64>,
}

/// Brings the files of a statement into the store and checks everything that does not depend on
/// who signed it. Nothing becomes visible in the store by that.
///
/// # Errors
/// [`PullError`] names the check that failed.
pub async fn fetch_and_check(
    request: &PullRequest<'_>,
    release: &ReleaseStatement,
) -> Result<CheckedFiles, PullError> {
    // 4. the files: sizes and digests while they stream
    let fetched = fetch::fetch_files(request, release).await?;
    // 5. what they are, and what the graph computes
    let conformance = check_function(request, release).await?;
    // 6. the promise to users of the release before
    check_promise(request, release, &conformance.signed).await?;
    Ok(CheckedFiles {
        fetched,
        probe_cosine: conformance.cosine,
    })
}

fn verify(
    request: &PullRequest<'_>,
    statement: &LoggedEnvelope,
) -> Result<VerifiedRelease, PullError> {
    let asked = Asked::Reference(request.reference);
    let release = verify_release(
        request.trust_root,
        &asked,
        statement.envelope.as_bytes(),
        statement.index,
    )
    .map_err(|source| PullError::Verify {
        reference: request.reference.clone(),
        source: Box::new(source),
    })?;
    match request.statement {
        Some(locked) if *locked != release.statement_digest() => Err(PullError::Locked {
            reference: release.reference(),
            locked: *locked,
            found: release.statement_digest(),
        }),
        _ => Ok(release),
    }
}

fn check_yanks(
    request: &PullRequest<'_>,
    release: &VerifiedRelease,
    yanks: &[LoggedEnvelope],
) -> Result<(), PullError> {
    let error = |source| PullError::Verify {
        reference: release.reference(),
        source: Box::new(source),
    };
    let yanks = yanks
        .iter()
        .map(|yank| {
            let envelope = yank.envelope.as_bytes();
            verify_recorded_yank(request.trust_root, release, envelope, yank.index)
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(error)?;
    let current = current_yank(&yanks).map_err(error)?;
    match (current, request.asked) {
        (None, _) | (Some(_), Requirement::Exact(_)) => Ok(()),
        (Some(yank), _) => Err(PullError::Yanked {
            reference: release.reference(),
            yank: Box::new(yank.clone()),
        }),
    }
}

async fn check_function(
    request: &PullRequest<'_>,
    release: &ReleaseStatement,
) -> Result<Conformance, PullError> {
    let (store, release, probes) = (
        request.store.clone(),
        release.clone(),
        request.probes.clone(),
    );
    let checked = tokio::task::spawn_blocking(move || run_checks(&store, &release, &probes)).await;
    checked.map_err(|_| PullError::Stopped)?
}

/// Compares with the predecessor that the statement names, whoever signed both.
async fn check_promise(
    request: &PullRequest<'_>,
    release: &ReleaseStatement,
    signed: &ProbeVectors,
) -> Result<(), PullError> {
    let manifest = release.manifest();
    let Some(named) = &manifest.predecessor else {
        return Ok(());
    };
    let (name, statement) = (&manifest.name, Some(&named.statement));
    let fetched = PredecessorRelease::fetch(
        request.registry,
        request.trust_root,
        request.log,
        name,
        &named.version,
        statement,
    );
    let agreed = fetched.await?.check(manifest, release.files(), signed);
    agreed.map(drop).map_err(|source| PullError::Probes {
        reference: release.reference(),
        source,
    })
}
