//! Installing a release from a pack, on a machine without a network.
//!
//! What a pull asks of a hub, a pack answers, and everything in it is verified as a pull verifies it. What cannot
//! be known without a network is said and not guessed: yanks since the pack was written, members' warnings,
//! whether the log still has the history that this machine has seen (two checkpoints are compared when they are
//! of one size), and the promise to users of a predecessor that is not installed here.

use std::path::Path;

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::model_signing::ModelSigningError;
use registry_schema::receipt::{PlaceError, Receipt, ReceiptError};
use registry_schema::reference::Reference;
use registry_schema::statement::ReleaseStatement;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::verify::{VerifiedRelease, VerifyError, current_yank};

use crate::bundle::{self, BundleFault, PackError, RELEASE_FOLDER, TRUST_FOLDER, VerifiedBundle};
use crate::config::{ConfigError, Folders, UserConfig};
use crate::files::{FileError, WorkFolder};
use crate::lockfile::LockFile;
use crate::log_view::{self, LogViewError};
use crate::publish::PredecessorRelease;
use crate::pull::{
    Conformance, ProbeCheck, PullError, checked_model_signature, refuse_another_history, run_checks,
};
use crate::registry::Progress;
use crate::store::{InstalledRelease, Store, StoreError};
use crate::trust::{self, TrustStoreError};

/// What to install, under what.
#[derive(Clone, Copy, Debug)]
pub struct ImportRequest<'a> {
    /// The file that [`bundle::write_pack`] wrote.
    pub pack: &'a Path,
    /// The fingerprint of the first root; where one is pinned, it is that one.
    pub first_root: Option<&'a Digest>,
    /// Where the trust root and the log's last checkpoint are.
    pub folders: &'a Folders,
    /// The time as of which the trust root in the pack is verified.
    pub as_of: Timestamp,
    /// What must not be contradicted.
    pub lock: Option<&'a LockFile>,
    /// The local store.
    pub store: &'a Store,
    /// Whether the extractor is run on its probes.
    pub probes: &'a ProbeCheck,
    /// Told of bytes that are unpacked.
    pub progress: &'a Progress,
}

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The release, ready to use.
    pub installed: InstalledRelease,
    /// The predecessor whose promise was not checked, since it is not installed.
    pub unchecked_predecessor: Option<Reference>,
    /// Why the `model.sig` in the pack is not kept.
    pub refused_model_signature: Option<ModelSigningError>,
}

/// Installs the release in a pack. Nothing is visible in the store until every check has passed.
///
/// # Errors
/// [`ImportError`] names the check that failed.
pub async fn import(request: &ImportRequest<'_>) -> Result<Imported, ImportError> {
    let anchor = first_root(request)?;
    let store = request.store.clone();
    let in_use = tokio::task::spawn_blocking(move || store.in_use());
    let _in_use = in_use.await.map_err(|_| ImportError::Stopped)??;
    // 1. what is in it, beside the store
    let work = unpack(request).await?;
    // 2. it proves itself from the first root on
    let bundle = bundle::verify(work.path(), &anchor, request.as_of).await?;
    // 3. this machine's trust root goes forward, and never back; whose word counts is what it says
    let trust_folder = work.path().join(TRUST_FOLDER);
    let trust =
        trust::follow_folder(request.folders, &bundle.trust, &trust_folder, request.as_of).await?;
    let held = hold(request, &bundle, &trust.root).await?;
    let (receipt, release) = (held.receipt, held.release);
    // 4. what the files are, what they compute, and the promise of the version number
    let checked = check_files(request, release.statement(), work).await?;
    let unchecked = check_promise(request, &release, &trust.root, &checked)?;
    // 5. install
    let receipt = Receipt {
        probe_cosine: checked.cosine,
        ..receipt
    };
    request.store.install(&receipt, release.files())?;
    let installed = request
        .store
        .open_release(&release.reference(), &trust.root)?;
    Ok(Imported {
        installed,
        unchecked_predecessor: unchecked,
        refused_model_signature: held.refused_model_signature,
    })
}

/// The pinned first root, and that it is the one asked for.
fn first_root(request: &ImportRequest<'_>) -> Result<Digest, ImportError> {
    let pinned = UserConfig::load(request.folders)?.first_root;
    match (pinned, request.first_root) {
        (Some(pinned), Some(asked)) if pinned != *asked => Err(ImportError::OtherRoot {
            pinned,
            asked: *asked,
        }),
        (Some(root), _) => Ok(root),
        (None, Some(root)) => Ok(*root),
        (None, None) => Err(ImportError::NotPinned),
    }
}

async fn unpack(request: &ImportRequest<'_>) -> Result<WorkFolder, ImportError> {
    let (pack, parent) = (request.pack.to_owned(), request.folders.imports());
    let progress = request.progress.clone();
    let unpacked = tokio::task::spawn_blocking(move || {
        let work = WorkFolder::acquire(&parent)?;
        bundle::unpack(&pack, work.path(), &progress)?;
        Ok::<_, ImportError>(work)
    });
    unpacked.await.map_err(|_| ImportError::Stopped)?
}

/// What a pack says and this machine believes.
struct Held {
    /// The receipt to be.
    receipt: Receipt,
    release: VerifiedRelease,
    refused_model_signature: Option<ModelSigningError>,
}

/// Holds what the pack says against what this machine trusts and has seen.
async fn hold(
    request: &ImportRequest<'_>,
    bundle: &VerifiedBundle,
    root: &ConsortiumRoot,
) -> Result<Held, ImportError> {
    let reference = bundle.release.reference();
    let mut receipt = Receipt {
        v: 3,
        release: reference.clone(),
        hub: source_of(request.pack),
        pulled_at: Timestamp::now().to_string(),
        statement: bundle.statement.clone(),
        yanks: bundle.logged_yanks.clone(),
        root_version: root.version(),
        probe_cosine: None,
        model_signature: bundle.model_signature.clone(),
    };
    // 1. as of today's root, which may be newer than the pack's: signatures, places, witnesses
    let verified = receipt.verify(root)?;
    current_yank(&verified.yanks)?;
    let release = verified.release;
    receipt.check_witnesses(root)?;
    for logged in std::iter::once(&receipt.statement).chain(&receipt.yanks) {
        let policy = root.log_policy();
        let checkpoint = logged.check_place(policy)?;
        log_view::check_offline(request.folders, policy, &checkpoint).await?;
    }
    let attached = receipt.model_signature.take();
    let attached = attached.map(|text| checked_model_signature(text.as_bytes(), &release, root));
    let refused_model_signature = match attached {
        Some(Err(refused)) => Some(refused),
        kept => {
            receipt.model_signature = kept.and_then(Result::ok);
            None
        }
    };
    // 2. releases never change, neither here nor in the lock file
    refuse_another_history(request.store, &release)?;
    refuse_another_lock(request.lock, &release)?;
    // 3. an old pack takes back no yank that is known
    if let Ok(known) = request.store.open_release(&reference, root) {
        let known = &known.receipt().yanks;
        if known.len() > receipt.yanks.len() {
            receipt.yanks.clone_from(known);
        }
    }
    Ok(Held {
        receipt,
        release,
        refused_model_signature,
    })
}

/// Where a receipt says that a release came from: the file's name, not its folder.
fn source_of(pack: &Path) -> String {
    let name = pack.file_name().unwrap_or_default().to_string_lossy();
    format!("file:{name}")
}

fn refuse_another_lock(
    lock: Option<&LockFile>,
    release: &VerifiedRelease,
) -> Result<(), PullError> {
    let (reference, found) = (release.reference(), release.statement_digest());
    let locked = lock.map(LockFile::releases).unwrap_or_default();
    let other = locked
        .iter()
        .find(|locked| locked.exact() == reference && locked.statement != found);
    match other {
        None => Ok(()),
        Some(locked) => Err(PullError::Locked {
            locked: locked.statement,
            reference,
            found,
        }),
    }
}

/// Moves the files into the store, where a pull has them too when it looks at them.
async fn check_files(
    request: &ImportRequest<'_>,
    release: &ReleaseStatement,
    work: WorkFolder,
) -> Result<Conformance, ImportError> {
    let (store, release, probes) = (
        request.store.clone(),
        release.clone(),
        request.probes.clone(),
    );
    let checked = tokio::task::spawn_blocking(move || {
        for file in release.files() {
            let path = work.path().join(RELEASE_FOLDER).join(&file.path);
            store.take_blob(&path, &file.digest, file.size_bytes)?;
        }
        Ok::<_, ImportError>(run_checks(&store, &release, &probes)?)
    });
    checked.await.map_err(|_| ImportError::Stopped)?
}

/// Compares with the predecessor that the statement names when that is installed; else returns it.
fn check_promise(
    request: &ImportRequest<'_>,
    release: &VerifiedRelease,
    root: &ConsortiumRoot,
    checked: &Conformance,
) -> Result<Option<Reference>, ImportError> {
    let manifest = release.manifest();
    let Some(named) = &manifest.predecessor else {
        return Ok(None);
    };
    let reference = Reference::exact(manifest.name.clone(), named.version.clone());
    let installed = request.store.open_release(&reference, root).ok();
    let Some(installed) =
        installed.filter(|one| one.release().statement_digest() == named.statement)
    else {
        return Ok(Some(reference));
    };
    let agreed = PredecessorRelease::installed(&installed)?.check(
        manifest,
        release.files(),
        &checked.signed,
    );
    agreed.map_err(|source| PullError::Probes {
        reference: release.reference(),
        source,
    })?;
    Ok(None)
}

/// The release in a pack was not installed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Nothing to verify it under.
    #[error("nothing says which first root to trust: none is pinned here, and --root names none")]
    NotPinned,
    /// Another consortium's fingerprint than the pinned one.
    #[error("the first root {pinned} is pinned here, --root says {asked}")]
    OtherRoot {
        /// What is pinned.
        pinned: Digest,
        /// What was asked for.
        asked: Digest,
    },
    /// The file.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// What is in it.
    #[error("the pack does not verify")]
    Bundle(#[from] BundleFault),
    /// The trust root in it, or the one that is kept.
    #[error(transparent)]
    Trust(#[from] TrustStoreError),
    /// Its statements, under the root that is trusted here.
    #[error("the pack does not verify under the trust root of this machine")]
    Receipt(#[from] ReceiptError),
    /// Its yanks, likewise.
    #[error("the yanks in the pack do not verify under the trust root of this machine")]
    Verify(#[from] VerifyError),
    /// Its proofs, under the witnesses of the root that is trusted here.
    #[error("the witnesses that count today have not seen what the pack proves")]
    Place(#[from] PlaceError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogViewError),
    /// What a pull checks too.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was cancelled.
    #[error("the import stopped before it was done: run it again")]
    Stopped,
}
