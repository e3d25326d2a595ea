//! Signing what another owner has drafted, after checking it as if one had made or pulled it.

use std::path::{Path, PathBuf};

use registry_schema::keys::SecretKey;
use registry_schema::limits;
use registry_schema::statement::{ReleaseStatement, Statement, YankStatement};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{Draft, VerifyError, verify_draft};

use crate::files::{FileError, SharedFile};
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

/// Adds a signature to the file of a draft that was checked, beside those that other owners have put there since.
/// Returns what the file holds then.
///
/// # Errors
/// [`CosignError::Changed`] when the file is another statement's by now; [`CosignError::Verify`] when the key
/// belongs to no owner.
pub fn sign_file(
    checked: &Draft,
    trust_root: &ConsortiumRoot,
    key: &SecretKey,
    file: &Path,
) -> Result<Draft, CosignError> {
    let held = SharedFile::hold(file)?;
    let now = verify_draft(trust_root, &held.read(limits::ENVELOPE_BYTES as u64)?)?;
    if now.statement_digest() != checked.statement_digest() {
        return Err(CosignError::Changed {
            file: file.to_owned(),
        });
    }
    let signed = now.cosign(key)?;
    held.replace(&signed.envelope())?;
    Ok(signed)
}

/// A draft is not signed.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// The draft itself.
    #[error("the draft cannot be signed")]
    Verify(#[from] VerifyError),
    /// Somebody has put another draft in its place.
    #[error("`{}` holds another statement now than the one that was checked: nothing was signed", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
    },
    /// Its file.
    #[error(transparent)]
    File(#[from] FileError),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use jiff::Timestamp;
    use registry_schema::digest::Digest;
    use registry_schema::envelope::Envelope;
    use registry_schema::statement::YankAction;
    use registry_schema::tuf::bundle::Bundle;
    use registry_schema::tuf::draft::{self, Plan};
    use registry_schema::tuf::files::NameOwners;

    use super::*;
    use crate::files::write_new;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const LOG_POLICY: &str = "log hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs\nquorum none\n";

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    /// Of three members, whose keys have the seeds 1 to 3, and who own `dots` together.
    fn root() -> ConsortiumRoot {
        let members = [("alpha", 1), ("beta", 2), ("gamma", 3)];
        let owners = NameOwners {
            from: 0,
            owners: members.map(|(name, _)| name.parse().unwrap()).into(),
            threshold: 3,
        };
        let plan = Plan::new(
            "test",
            members
                .map(|(name, seed)| (name.parse().unwrap(), key(seed).public()))
                .into(),
            [("dots".parse().unwrap(), owners)].into(),
            LOG_POLICY.to_owned(),
            key(9).public(),
        );
        let mut draft = draft::Draft::found(&plan.unwrap(), NOW).unwrap();
        for seed in 1..=3 {
            draft.sign(&key(seed), &[key(seed).public()]).unwrap();
        }
        let bundle = Bundle::found(&draft, &key(9), NOW).unwrap();
        ConsortiumRoot::verify(&bundle, &bundle.anchor(), NOW).unwrap()
    }

    fn yank(sequence: u64) -> Vec<u8> {
        let statement = YankStatement {
            name: "dots".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            content: Digest::of(b"content"),
            action: YankAction::Yank,
            reason: "wrong colours".to_owned(),
            replacement: None,
            sequence,
        };
        Envelope::sign(statement.to_payload(), &[&key(1)]).to_bytes()
    }

    #[test]
    fn signatures_that_came_during_the_check_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (root, path) = (root(), folder.path().join("yank.json"));
        write_new(&path, &yank(1)).unwrap();
        let checked = verify_draft(&root, &yank(1)).unwrap();
        // Two have read and checked it; each signs, one after the other.
        sign_file(&checked, &root, &key(2), &path).unwrap();
        let signed = sign_file(&checked, &root, &key(3), &path).unwrap();
        assert!(signed.is_complete(), "{:?}", signed.signers());
        let read = std::fs::read(&path).unwrap();
        assert_eq!(read, signed.envelope());
        assert_eq!(verify_draft(&root, &read).unwrap().signers().len(), 3);
    }

    #[test]
    fn another_draft_in_its_place_is_not_signed() {
        let folder = tempfile::tempdir().unwrap();
        let (root, path) = (root(), folder.path().join("yank.json"));
        let checked = verify_draft(&root, &yank(1)).unwrap();
        write_new(&path, &yank(2)).unwrap();
        let refused = sign_file(&checked, &root, &key(2), &path);
        assert!(matches!(refused, Err(CosignError::Changed { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), yank(2));
    }
}
