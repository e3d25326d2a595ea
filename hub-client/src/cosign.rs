//! Signing what another owner has drafted, after checking it as if one had made or pulled it.

use registry_schema::statement::{ReleaseStatement, Statement, YankStatement};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{Draft, VerifyError};

use crate::log_view::LogView;
use crate::publish::{
    AuthorFolder, CheckError, PredecessorError, PredecessorRelease, PublishError, recheck,
    release_with_yanks,
};
use crate::pull::{ProbeCheck, PullError, PullRequest, fetch_and_check};
use crate::registry::{Progress, Registry};
use crate::store::{Store, StoreError};
use crate::worker::Worker;

/// Where a draft is checked, and with what.
#[derive(Clone, Copy, Debug)]
pub struct CosignRequest<'a> {
    /// The hub.
    pub registry: &'a Registry,
    /// The pinned trust root.
    pub trust_root: &'a ConsortiumRoot,
    /// The hub's log, as of this contact.
    pub log: &'a LogView,
    /// The local store, for files that come from the hub.
    pub store: &'a Store,
    /// The author's folder, when this owner has it too.
    pub folder: Option<&'a AuthorFolder>,
    /// How to run the probes.
    pub worker: &'a Worker,
    /// Told of bytes that arrive.
    pub progress: &'a Progress,
}

/// Against what a draft was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedAgainst {
    /// The files in this owner's folder; its probes were computed here.
    Folder,
    /// The files on the hub; its probes were computed here.
    Hub,
    /// The release on the hub, for a yank.
    Release,
}

/// Checks what a draft says before anybody signs it too: its files are there, the graph is one
/// that may be run, the probes reproduce here, the promise of the version number holds; of a yank,
/// that its release is there and its number comes next.
///
/// # Errors
/// [`CosignError`] names the check that failed.
pub async fn check(
    draft: &Draft,
    request: &CosignRequest<'_>,
) -> Result<CheckedAgainst, CosignError> {
    match (draft.statement(), request.folder) {
        (Statement::Release(release), Some(folder)) => {
            check_folder(release, folder, request).await?;
            Ok(CheckedAgainst::Folder)
        }
        (Statement::Release(release), None) => {
            check_hub(release, request).await?;
            Ok(CheckedAgainst::Hub)
        }
        (Statement::Yank(yank), _) => {
            check_yank(yank, request).await?;
            Ok(CheckedAgainst::Release)
        }
        (other, _) => Err(CosignError::Verify(VerifyError::Kind {
            expected: "a release or a yank",
            found: other.kind(),
        })),
    }
}

async fn check_folder(
    release: &ReleaseStatement,
    folder: &AuthorFolder,
    request: &CosignRequest<'_>,
) -> Result<(), CosignError> {
    // 1. the folder is what is signed, and computes what it says
    let (of_release, of_folder) = (release.clone(), folder.clone());
    let worker = request.worker.clone();
    let vectors = tokio::task::spawn_blocking(move || {
        crate::publish::check_same_files(&of_folder, &of_release)?;
        let vectors = recheck(&of_folder, &worker)?;
        crate::publish::check_same_files(&of_folder, &of_release)?;
        Ok::<_, PublishError>(vectors)
    })
    .await
    .map_err(|_| PublishError::Stopped)??;
    // 2. the promise to users of the release before
    let manifest = release.manifest();
    let Some(named) = &manifest.predecessor else {
        return Ok(());
    };
    let predecessor = PredecessorRelease::fetch(
        request.registry,
        request.trust_root,
        request.log,
        &manifest.name,
        &named.version,
        Some(&named.statement),
    )
    .await?;
    predecessor
        .check(manifest, release.files(), &vectors)
        .map_err(CheckError::Promise)?;
    Ok(())
}

async fn check_hub(
    release: &ReleaseStatement,
    request: &CosignRequest<'_>,
) -> Result<(), CosignError> {
    let store = request.store.clone();
    let in_use = tokio::task::spawn_blocking(move || store.in_use());
    let _in_use = in_use.await.map_err(|_| PullError::Stopped)??;
    let reference = release.reference();
    let probes = ProbeCheck::Run(request.worker.clone());
    let pull = PullRequest {
        reference: &reference,
        asked: &reference.requirement,
        statement: None,
        registry: request.registry,
        trust_root: request.trust_root,
        log: request.log,
        store: request.store,
        probes: &probes,
        progress: request.progress,
    };
    fetch_and_check(&pull, release).await?;
    Ok(())
}

async fn check_yank(yank: &YankStatement, request: &CosignRequest<'_>) -> Result<(), CosignError> {
    let reference = yank.reference();
    let (release, earlier) = release_with_yanks(
        &reference,
        request.registry,
        request.trust_root,
        request.log,
    )
    .await?;
    if release.content_digest() != yank.content {
        return Err(CosignError::Verify(VerifyError::NotAsked {
            asked: format!("{reference} ({})", release.content_digest()),
            found: reference,
        }));
    }
    if yank.sequence != earlier + 1 {
        return Err(CosignError::Verify(VerifyError::YankSequence {
            expected: earlier + 1,
            found: yank.sequence,
        }));
    }
    Ok(())
}

/// A draft is not signed.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// The draft itself.
    #[error("the draft cannot be signed")]
    Verify(#[from] VerifyError),
    /// The folder.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The promise of versions.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The predecessor.
    #[error(transparent)]
    Predecessor(#[from] PredecessorError),
    /// The files on the hub.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
