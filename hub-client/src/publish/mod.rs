//! Publishing: from an author's folder to a signed release on a hub.

mod check;
mod folder;
mod joint;
mod model_signature;
mod predecessor;
mod scaffold;

pub use check::{CheckError, CheckReport, check, recheck};
pub use folder::{AuthorFolder, FolderError, MANIFEST_FILE};
pub(crate) use joint::check_same_files;
pub use joint::{DraftedRelease, draft, draft_yank};
pub use model_signature::{attach_model_signature, write_model_signature};
pub use predecessor::{PredecessorError, PredecessorRelease};
pub use scaffold::{ScaffoldError, import_preprocessor_config, scaffold};

use registry_schema::api::{ProblemCode, Published, YankRecorded};
use registry_schema::model_signing::ModelSigningError;
use registry_schema::reference::Reference;
use registry_schema::statement::{ReleaseStatement, StatementError, YankAction, YankStatement};
use registry_schema::trust_root::{ConsortiumRoot, NOT_LOGGED};
use registry_schema::verify::{
    Asked, VerifiedRelease, VerifyError, current_yank, verify_release, verify_yank,
};
use semver::Version;

use crate::files::FileError;
use crate::journal::Pen;
use crate::log_view::LogView;
use crate::logged::{self, LoggedError};
use crate::registry::{Progress, Registry, RegistryError, UploadOutcome};
use crate::worker::Worker;

/// What publishing did.
#[derive(Clone, Debug)]
pub struct PublishReport {
    /// The hub's answer.
    pub published: Published,
    /// The release as every puller will verify it.
    pub release: VerifiedRelease,
    /// Bytes that had to be sent; the hub had the rest.
    pub sent_bytes: u64,
}

/// A release that is signed and verified, with the files it names still in the author's folder, or
/// on the hub already.
#[derive(Debug)]
pub struct SignedRelease {
    folder: Option<AuthorFolder>,
    release: VerifiedRelease,
}

impl SignedRelease {
    /// A release that enough owners have signed one after the other. Without a folder its files
    /// are taken to be on the hub, as `hub publish --draft` leaves them.
    ///
    /// # Errors
    /// [`PublishError`] when too few signed, or the folder holds other files than they did.
    pub fn from_envelope(
        envelope: &[u8],
        folder: Option<AuthorFolder>,
        trust_root: &ConsortiumRoot,
    ) -> Result<Self, PublishError> {
        let release = verify_release(trust_root, &Asked::Anything, envelope, NOT_LOGGED)?;
        if let Some(folder) = &folder {
            check_same_files(folder, release.statement())?;
        }
        Ok(Self { folder, release })
    }

    /// What was signed.
    pub fn release(&self) -> &VerifiedRelease {
        &self.release
    }
}

/// Checks a folder once more and signs it as a release. Nothing leaves this machine, except that
/// the predecessor is asked for.
///
/// # Errors
/// [`PublishError`] with the first thing that keeps it from being a release.
pub async fn sign(
    folder: AuthorFolder,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    worker: Worker,
) -> Result<SignedRelease, PublishError> {
    let (folder, statement) = prepare(folder, registry, trust_root, log, worker).await?;
    // 3. sign
    let envelope = pen.sign(statement.to_payload())?;
    // 4. verify as every puller will
    let release = verify_release(
        trust_root,
        &Asked::Anything,
        &envelope.to_bytes(),
        NOT_LOGGED,
    )?;
    let folder = Some(folder);
    Ok(SignedRelease { folder, release })
}

/// What a folder says as a release, after everything that can be checked was.
async fn prepare(
    folder: AuthorFolder,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    worker: Worker,
) -> Result<(AuthorFolder, ReleaseStatement), PublishError> {
    // 1. the probes must reproduce here before anyone signs
    let (folder, files, vectors) = tokio::task::spawn_blocking(move || {
        let files = folder.release_files()?;
        let vectors = recheck(&folder, &worker)?;
        // What is signed is what was run, even when somebody exports the network again meanwhile.
        if folder.release_files()? != files {
            return Err(CheckError::Stale);
        }
        Ok::<_, CheckError>((folder, files, vectors))
    })
    .await
    .map_err(|_| PublishError::Stopped)??;
    // 2. the promise to the users of the release before
    let mut manifest = folder.manifest().clone();
    let predecessor = PredecessorRelease::find(registry, trust_root, log, &manifest).await?;
    manifest.predecessor = predecessor
        .as_ref()
        .map(PredecessorRelease::to_manifest_entry);
    if let Some(predecessor) = &predecessor {
        predecessor
            .check(&manifest, &files, &vectors)
            .map_err(CheckError::Promise)?;
    }
    let statement = ReleaseStatement::new(manifest, files)?;
    Ok((folder, statement))
}

/// Sends a signed release: blobs first, then the statement that makes them a release. Sent again
/// after an interruption, only what is missing moves.
///
/// # Errors
/// [`PublishError`]; the hub then has no such release.
pub async fn publish(
    signed: &SignedRelease,
    registry: &Registry,
    log: &LogView,
    progress: &Progress,
) -> Result<PublishReport, PublishError> {
    let release = &signed.release;
    let manifest = release.manifest();
    let mut sent_bytes = 0;
    if let Some(folder) = &signed.folder {
        sent_bytes += upload(folder, release.statement(), registry, progress).await?;
    }
    let record = || registry.publish(&manifest.name, &manifest.version, release.envelope());
    let published = match (record().await, &signed.folder) {
        // What the hub had a moment ago was removed since, as nothing named it yet.
        (Err(error), Some(folder)) if error.code() == Some(ProblemCode::BlobMissing) => {
            sent_bytes += upload(folder, release.statement(), registry, progress).await?;
            record().await?
        }
        (recorded, _) => recorded?,
    };
    if published.statement != release.statement_digest() {
        return Err(PublishError::Recorded {
            reference: release.reference(),
        });
    }
    let (index, proof) = (published.log_index, &published.proof);
    logged::recorded(log, release.envelope(), index, proof).await?;
    Ok(PublishReport {
        published,
        release: release.clone(),
        sent_bytes,
    })
}

/// Sends the files the hub does not have. Returns the bytes that moved.
async fn upload(
    folder: &AuthorFolder,
    release: &ReleaseStatement,
    registry: &Registry,
    progress: &Progress,
) -> Result<u64, PublishError> {
    let files = release.files();
    progress.expects(files.iter().map(|file| file.size_bytes).sum());
    let mut sent_bytes = 0;
    for file in files {
        let (digest, size_bytes) = (&file.digest, file.size_bytes);
        let path = folder
            .path_of(&file.path)
            .ok_or_else(|| PublishError::Gone {
                path: file.path.clone(),
            })?;
        let outcome = registry
            .upload(&release.manifest().name, digest, size_bytes, path, progress)
            .await?;
        if outcome == UploadOutcome::Sent {
            sent_bytes += size_bytes;
        }
    }
    Ok(sent_bytes)
}

/// What a yank or unyank says.
#[derive(Clone, Debug)]
pub struct YankRequest {
    /// The release, by its exact version.
    pub reference: Reference,
    /// Withdraw or restore.
    pub action: YankAction,
    /// Why, for everybody who locked it.
    pub reason: String,
    /// What to use instead.
    pub replacement: Option<Version>,
}

/// Signs and records a yank or unyank.
///
/// # Errors
/// [`PublishError`].
pub async fn yank(
    request: &YankRequest,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<YankRecorded, PublishError> {
    let (release, statement) = prepare_yank(request, registry, trust_root, log).await?;
    let envelope = pen.sign(statement.to_payload())?.to_bytes();
    verify_yank(trust_root, &release, &envelope, NOT_LOGGED)?;
    send_yank(&statement, &envelope, registry, log).await
}

/// Records a yank or unyank that enough owners have signed one after the other.
///
/// # Errors
/// [`PublishError`].
pub async fn send_yank(
    statement: &YankStatement,
    envelope: &[u8],
    registry: &Registry,
    log: &LogView,
) -> Result<YankRecorded, PublishError> {
    let recorded = registry
        .yank(&statement.name, &statement.version, envelope)
        .await?;
    logged::recorded(log, envelope, recorded.log_index, &recorded.proof).await?;
    Ok(recorded)
}

/// What is to be said about a verified release, with the number that comes next.
async fn prepare_yank(
    request: &YankRequest,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<(VerifiedRelease, YankStatement), PublishError> {
    let (release, earlier) =
        release_with_yanks(&request.reference, registry, trust_root, log).await?;
    let manifest = release.manifest();
    let statement = YankStatement {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        content: release.content_digest(),
        action: request.action,
        reason: request.reason.clone(),
        replacement: request.replacement.clone(),
        sequence: earlier + 1,
    };
    Ok((release, statement))
}

/// A release as it is recorded, also when a stolen key signed it, since that must be possible to
/// yank; and how many yanks and unyanks about it there are. They must be complete: the number of
/// the next one depends on them.
///
/// # Errors
/// [`PublishError`].
pub async fn release_with_yanks(
    reference: &Reference,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<(VerifiedRelease, u64), PublishError> {
    let answer = registry.release(reference).await?;
    let (statement, yanks) = logged::of_release(log, &answer).await?;
    let recorded = trust_root.including_retired_keys();
    let asked = Asked::Reference(reference);
    let envelope = statement.envelope.as_bytes();
    let release = verify_release(&recorded, &asked, envelope, statement.index)?;
    let earlier = yanks
        .iter()
        .map(|yank| verify_yank(&recorded, &release, yank.envelope.as_bytes(), yank.index))
        .collect::<Result<Vec<_>, _>>()?;
    current_yank(&earlier)?;
    Ok((release, earlier.len() as u64))
}

/// A release or yank was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder does not hold a release.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The predecessor.
    #[error(transparent)]
    Predecessor(#[from] PredecessorError),
    /// The statement would not be one.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Nobody would believe the statement.
    #[error("nobody would believe this statement")]
    Verify(#[from] VerifyError),
    /// A statement's place in the log.
    #[error(transparent)]
    Logged(#[from] LoggedError),
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file went away meanwhile.
    #[error("`{path}` is no longer in the folder: publish again")]
    Gone {
        /// Which.
        path: String,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// `model.sig`.
    #[error(transparent)]
    ModelSignature(#[from] ModelSigningError),
    /// The folder is not the one that was signed.
    #[error("the folder does not hold the release that was signed: {what} differs")]
    OtherFiles {
        /// A file, or the manifest.
        what: String,
    },
    /// The hub says it recorded something else.
    #[error(
        "the hub recorded another statement for `{reference}` than the one sent: tell its operator"
    )]
    Recorded {
        /// Which release.
        reference: Reference,
    },
    /// The work was cancelled.
    #[error("the check stopped before it was done: try again")]
    Stopped,
}
