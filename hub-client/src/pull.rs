//! Pulling: from a reference to a verified, installed release.

use std::collections::BTreeMap;
use std::path::PathBuf;

use registry_schema::api::ReleaseDetail;
use registry_schema::compatibility::{CompatibilityError, compare_probes};
use registry_schema::content::{self, ContentError};
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::manifest::{GRAPH_FILE, ProbeError, ProbeVectors, VECTORS_FILE};
use registry_schema::model_signing::{ModelPublicKey, ModelSignature, ModelSigningError};
use registry_schema::receipt::{LoggedEnvelope, Receipt};
use registry_schema::reference::{Reference, Requirement};
use registry_schema::statement::{ReleaseFile, ReleaseStatement, YankStatement};
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::bundle::KeyringState;
use registry_schema::tuf::files::KeyPurpose;
use registry_schema::verify::{
    Asked, VerifiedAdvisory, VerifiedRelease, VerifyError, current_yank, verify_recorded_yank,
    verify_release,
};

use crate::files::{self, FileError};
use crate::log_view::LogView;
use crate::logged::{self, LoggedError};
use crate::members_say::{SayError, release_advisories};
use crate::publish::{FolderError, PredecessorError, PredecessorRelease, inspect_graph};
use crate::registry::{Progress, Registry, RegistryError};
use crate::runtime::{ExtractorFiles, ExtractorSpec};
use crate::store::{InstalledRelease, Store, StoreError};
use crate::worker::{Worker, WorkerError};

/// What to pull, from where, into what.
#[derive(Clone, Copy, Debug)]
pub struct PullRequest<'a> {
    /// Which release.
    pub reference: &'a Reference,
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
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The release, ready to use.
    pub installed: InstalledRelease,
    /// Bytes that came from the hub; the rest was here.
    pub fetched_bytes: u64,
    /// Members' warnings that stand and affect it, worst first.
    pub advisories: Vec<VerifiedAdvisory>,
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
    refuse_another_history(request, &release)?;
    // 3. yanks about it
    check_yanks(request, &release, &yanks)?;
    // what members warn of is for the user to judge; that it verifies is not
    let (registry, trust_root, log) = (request.registry, request.trust_root, request.log);
    let advisories = release_advisories(&release, registry, trust_root, log).await?;
    // 4. to 6. the files, what they compute, and the promise of the version number
    let checked = fetch_and_check(request, release.statement()).await?;
    let model_signature = fetch_model_signature(request, &release, &answer).await?;
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
        fetched_bytes: checked.fetched_bytes,
        advisories,
    })
}

/// The `model.sig` that travels with a release: nothing here depends on it, but one that signs
/// something else is not passed on to those who would believe it.
async fn fetch_model_signature(
    request: &PullRequest<'_>,
    release: &VerifiedRelease,
    answer: &ReleaseDetail,
) -> Result<Option<String>, PullError> {
    let Some(attached) = &answer.model_signature else {
        return Ok(None);
    };
    let error = |source| PullError::ModelSignature {
        reference: release.reference(),
        source,
    };
    let size_bytes = attached
        .size_bytes
        .min(limits::MODEL_SIGNATURE_BYTES as u64);
    let name = &release.manifest().name;
    let blob = request
        .registry
        .small_blob(name, &attached.digest, size_bytes);
    let bytes = blob.await?;
    check_model_signature(&bytes, release, request.trust_root).map_err(error)?;
    // JSON is UTF-8, or it would not have been read.
    Ok(String::from_utf8(bytes).ok())
}

/// A `model.sig` is of this very statement, and by a model-signing key of one of its signers when
/// their keyrings list any that counts at the release's place in the log.
fn check_model_signature(
    bytes: &[u8],
    release: &VerifiedRelease,
    trust_root: &ConsortiumRoot,
) -> Result<(), ModelSigningError> {
    let (signature, statement) = (ModelSignature::parse(bytes)?, release.statement_digest());
    signature.check_statement(&statement)?;
    let keyrings =
        release
            .signers()
            .iter()
            .filter_map(|signer| match trust_root.keyring(&signer.member) {
                KeyringState::Valid(keyring) => Some(keyring),
                _ => None,
            });
    let listed = keyrings.flat_map(|keyring| &keyring.keys).filter(|entry| {
        entry.purpose == KeyPurpose::ModelSigning && entry.range().contains(release.index())
    });
    let mut refused = None;
    for entry in listed {
        let verified =
            ModelPublicKey::from_pem(&entry.key).and_then(|key| signature.verify(&statement, &key));
        match verified {
            Ok(()) => return Ok(()),
            // The key that is named says more than those that are not.
            Err(error @ ModelSigningError::Signature) => refused = Some(error),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Files that came from a hub and were found to be what a statement says.
#[derive(Clone, Copy, Debug)]
pub struct CheckedFiles {
    /// Bytes that came from the hub; the rest was here.
    pub fetched_bytes: u64,
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
    let fetched_bytes = fetch_files(request, release).await?;
    // 5. what they are, and what the graph computes
    let conformance = check_function(request, release).await?;
    // 6. the promise to users of the release before
    check_promise(request, release, &conformance.signed).await?;
    Ok(CheckedFiles {
        fetched_bytes,
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

/// A release never changes: one that is installed here under the same version was another.
fn refuse_another_history(
    request: &PullRequest<'_>,
    release: &VerifiedRelease,
) -> Result<(), PullError> {
    let reference = release.reference();
    let Ok(installed) = request.store.open_release(&reference, request.trust_root) else {
        return Ok(());
    };
    let (known, found) = (
        installed.release().statement_digest(),
        release.statement_digest(),
    );
    if known == found {
        Ok(())
    } else {
        Err(PullError::Changed {
            reference,
            known,
            found,
        })
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
    // Only who names the exact version, or locked it, gets a yanked release.
    match (current, &request.reference.requirement) {
        (None, _) | (Some(_), Requirement::Exact(_)) => Ok(()),
        (Some(yank), _) => Err(PullError::Yanked {
            reference: release.reference(),
            yank: Box::new(yank.clone()),
        }),
    }
}

async fn fetch_files(
    request: &PullRequest<'_>,
    release: &ReleaseStatement,
) -> Result<u64, PullError> {
    let mut fetched_bytes = 0;
    request
        .progress
        .expects(release.files().iter().map(|file| file.size_bytes).sum());
    for file in release.files() {
        fetched_bytes += fetch_file(request, release, file).await?;
        let path = request.store.blob_path(&file.digest);
        let limit = file.size_bytes.min(content::START_BYTES as u64);
        let start = files::read_start(&path, limit)?;
        content::check_start(&file.path, &start)?;
    }
    Ok(fetched_bytes)
}

/// Bytes fetched: none when the blob is here and whole.
async fn fetch_file(
    request: &PullRequest<'_>,
    release: &ReleaseStatement,
    file: &ReleaseFile,
) -> Result<u64, PullError> {
    let (store, digest, size_bytes) = (request.store.clone(), file.digest, file.size_bytes);
    let lock = tokio::task::spawn_blocking(move || {
        let lock = store.lock_blob(&digest)?;
        Ok::<_, StoreError>(if store.check_blob(&digest, size_bytes)? {
            None
        } else {
            Some(lock)
        })
    })
    .await
    .map_err(|_| PullError::Stopped)??;
    let Some(lock) = lock else {
        request.progress.moved(file.size_bytes)?;
        return Ok(0);
    };
    let name = &release.manifest().name;
    request
        .registry
        .download(
            name,
            &file.digest,
            file.size_bytes,
            lock.partial(),
            request.progress,
        )
        .await?;
    lock.finish()?;
    Ok(file.size_bytes)
}

/// What running the probes showed.
struct Conformance {
    /// The vectors the publisher signed.
    signed: ProbeVectors,
    /// The smallest cosine with those computed here, when they were.
    cosine: Option<f64>,
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

/// Inspects the graph, then runs the probes.
fn run_checks(
    store: &Store,
    release: &ReleaseStatement,
    probes: &ProbeCheck,
) -> Result<Conformance, PullError> {
    let manifest = release.manifest();
    let blob = |path: &str| {
        let file = release.file(path).map(|file| store.blob_path(&file.digest));
        file.ok_or_else(|| PullError::NoSuchFile {
            reference: release.reference(),
            path: path.to_owned(),
        })
    };
    let graph = blob(GRAPH_FILE)?;
    inspect_graph(&graph, manifest)?;
    let bytes = files::read_limited(&blob(VECTORS_FILE)?, limits::PROBE_VECTORS_BYTES)?;
    let signed = ProbeVectors::parse(&bytes, manifest.output.dimension)?;
    let images: BTreeMap<String, PathBuf> = release
        .probe_images()
        .map(|file| (file.path.clone(), store.blob_path(&file.digest)))
        .collect();
    if !images.keys().eq(signed.vectors.keys()) {
        return Err(PullError::ProbesWithoutVectors {
            reference: release.reference(),
        });
    }
    let ProbeCheck::Run(worker) = probes else {
        return Ok(Conformance {
            signed,
            cosine: None,
        });
    };
    let spec = ExtractorSpec {
        input: manifest.input.clone(),
        output: manifest.output.clone(),
    };
    let computed = worker.probe(&ExtractorFiles { graph, spec }, &images)?;
    let agreements = compare_probes(&signed, &computed, manifest.probes).map_err(|source| {
        PullError::Probes {
            reference: release.reference(),
            source,
        }
    })?;
    let cosine = agreements
        .iter()
        .map(|one| one.cosine)
        .min_by(f64::total_cmp);
    Ok(Conformance { signed, cosine })
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

/// A release was not installed.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Its place in the log is not proven.
    #[error("`{reference}` is not shown to be in the log")]
    Logged {
        /// Which.
        reference: Reference,
        /// Why not.
        #[source]
        source: Box<LoggedError>,
    },
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The statement, or a yank about it, does not verify.
    #[error("`{reference}` is refused: its statement does not verify")]
    Verify {
        /// What was asked for.
        reference: Reference,
        /// The check that failed.
        #[source]
        source: Box<VerifyError>,
    },
    /// The lock file names another statement.
    #[error(
        "`{reference}` is refused: the lock file names statement {locked}, the hub sent {found}"
    )]
    Locked {
        /// Which release.
        reference: Reference,
        /// What was locked.
        locked: Digest,
        /// What came.
        found: Digest,
    },
    /// Another statement was installed under the same version.
    #[error(
        "`{reference}` is refused: statement {known} is installed here, the hub sent {found}, and releases never change; tell the other members, then `hub rm {reference}` to take the new one"
    )]
    Changed {
        /// Which release.
        reference: Reference,
        /// What is installed.
        known: Digest,
        /// What came.
        found: Digest,
    },
    /// Withdrawn by its owners.
    #[error("`{reference}` is yanked: {}", yank.reason)]
    Yanked {
        /// Which release.
        reference: Reference,
        /// What its owners say.
        yank: Box<YankStatement>,
    },
    /// A signed set without a file it must have.
    #[error("`{reference}` has no `{path}`")]
    NoSuchFile {
        /// Which release.
        reference: Reference,
        /// Which file.
        path: String,
    },
    /// The vectors are of other pictures than the probes.
    #[error("the probe images of `{reference}` are not those its vectors are of")]
    ProbesWithoutVectors {
        /// Which release.
        reference: Reference,
    },
    /// The vectors cannot be read.
    #[error(transparent)]
    Vectors(#[from] ProbeError),
    /// A file that is something else.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The graph is refused.
    #[error(transparent)]
    Graph(#[from] FolderError),
    /// The probes were not computed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// This machine computes something else, or the release breaks the promise of its version.
    #[error("`{reference}` is refused: it does not compute what was promised")]
    Probes {
        /// Which release.
        reference: Reference,
        /// The promise that is broken.
        #[source]
        source: CompatibilityError,
    },
    /// A `model.sig` of something else.
    #[error("`{reference}` is refused: its `model.sig` is not of this release")]
    ModelSignature {
        /// Which release.
        reference: Reference,
        /// What is wrong with it.
        #[source]
        source: ModelSigningError,
    },
    /// What members say.
    #[error(transparent)]
    Say(#[from] SayError),
    /// The predecessor.
    #[error(transparent)]
    Predecessor(#[from] PredecessorError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was cancelled.
    #[error("the pull stopped before it was done: run it again, what has arrived is kept")]
    Stopped,
}
