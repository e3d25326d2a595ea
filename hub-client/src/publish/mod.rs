//! Publishing: from an author's folder to a signed release on a hub.

mod check;
mod folder;
mod predecessor;
mod scaffold;

pub use check::{CheckError, CheckReport, check, recheck};
pub use folder::{AuthorFolder, FolderError, MANIFEST_FILE, inspect_graph};
pub use predecessor::{PredecessorError, PredecessorRelease};
pub use scaffold::{ScaffoldError, import_preprocessor_config, scaffold};

use registry_schema::api::{Published, YankRecorded};
use registry_schema::envelope::Envelope;
use registry_schema::keys::SecretKey;
use registry_schema::reference::Reference;
use registry_schema::statement::{ReleaseStatement, StatementError, YankAction, YankStatement};
use registry_schema::trust_root::{ConsortiumRoot, NOT_LOGGED};
use registry_schema::verify::{
    Asked, VerifiedRelease, VerifyError, current_yank, verify_release, verify_yank,
};
use semver::Version;

use crate::logged::{self, LoggedError};
use crate::registry::{Progress, Registry, RegistryError, UploadOutcome};
use crate::runtime::RuntimeOptions;

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

/// A release that is signed and verified, with the files it names still in the author's folder.
#[derive(Debug)]
pub struct SignedRelease {
    folder: AuthorFolder,
    release: VerifiedRelease,
}

impl SignedRelease {
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
    keys: &[SecretKey],
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    options: RuntimeOptions,
) -> Result<SignedRelease, PublishError> {
    // 1. the probes must reproduce here before anyone signs
    let (folder, files, vectors) = tokio::task::spawn_blocking(move || {
        let files = folder.release_files()?;
        let vectors = recheck(&folder, &options)?;
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
    let predecessor = PredecessorRelease::find(registry, trust_root, &manifest).await?;
    manifest.predecessor = predecessor
        .as_ref()
        .map(PredecessorRelease::to_manifest_entry);
    if let Some(predecessor) = &predecessor {
        predecessor
            .check(&manifest, &files, &vectors)
            .map_err(CheckError::Promise)?;
    }
    // 3. sign
    let statement = ReleaseStatement::new(manifest, files)?;
    let envelope = Envelope::sign(statement.to_payload(), &keys.iter().collect::<Vec<_>>());
    // 4. verify as every puller will
    let release = verify_release(
        trust_root,
        &Asked::Anything,
        &envelope.to_bytes(),
        NOT_LOGGED,
    )?;
    Ok(SignedRelease { folder, release })
}

/// Sends a signed release: blobs first, then the statement that makes them a release. Sent again
/// after an interruption, only what is missing moves.
///
/// # Errors
/// [`PublishError`]; the hub then has no such release.
pub async fn publish(
    signed: &SignedRelease,
    registry: &Registry,
    progress: &Progress,
) -> Result<PublishReport, PublishError> {
    let manifest = signed.release.manifest();
    let mut sent_bytes = 0;
    progress.expects(
        signed
            .release
            .files()
            .iter()
            .map(|file| file.size_bytes)
            .sum(),
    );
    for file in signed.release.files() {
        let path = signed
            .folder
            .path_of(&file.path)
            .ok_or_else(|| PublishError::Gone {
                path: file.path.clone(),
            })?;
        let outcome = registry
            .upload(
                &manifest.name,
                &file.digest,
                file.size_bytes,
                path,
                progress,
            )
            .await?;
        if outcome == UploadOutcome::Sent {
            sent_bytes += file.size_bytes;
        }
    }
    let published = registry
        .publish(&manifest.name, &manifest.version, signed.release.envelope())
        .await?;
    if published.statement != signed.release.statement_digest() {
        return Err(PublishError::Recorded {
            reference: signed.release.reference(),
        });
    }
    Ok(PublishReport {
        published,
        release: signed.release.clone(),
        sent_bytes,
    })
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
    keys: &[SecretKey],
    registry: &Registry,
    trust_root: &ConsortiumRoot,
) -> Result<YankRecorded, PublishError> {
    let answer = registry.release(&request.reference).await?;
    let (statement, yanks) = logged::of_release(trust_root, &answer)?;
    // A release of a stolen key must be possible to yank.
    let release = verify_release(
        &trust_root.including_retired_keys(),
        &Asked::Reference(&request.reference),
        statement.envelope.as_bytes(),
        statement.index,
    )?;
    // What was said before must be complete: the number we sign depends on it.
    let earlier = yanks
        .iter()
        .map(|yank| {
            let recorded = trust_root.including_retired_keys();
            verify_yank(&recorded, &release, yank.envelope.as_bytes(), yank.index)
        })
        .collect::<Result<Vec<_>, _>>()?;
    current_yank(&earlier)?;
    let manifest = release.manifest();
    let statement = YankStatement {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        content: release.content_digest(),
        action: request.action,
        reason: request.reason.clone(),
        replacement: request.replacement.clone(),
        sequence: earlier.len() as u64 + 1,
    };
    let envelope =
        Envelope::sign(statement.to_payload(), &keys.iter().collect::<Vec<_>>()).to_bytes();
    verify_yank(trust_root, &release, &envelope, NOT_LOGGED)?;
    Ok(registry
        .yank(&manifest.name, &manifest.version, &envelope)
        .await?)
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
