//! Statements that several owners sign, each on its own machine: a draft goes round as a file.

use registry_schema::statement::ReleaseStatement;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{Draft, verify_draft};

use super::folder::AuthorFolder;
use super::{PublishError, YankRequest, prepare, prepare_yank, upload};
use crate::journal::Pen;
use crate::log_view::LogView;
use crate::registry::{Progress, Registry};
use crate::worker::Worker;

/// A release that not all owners have signed yet, with its files in the author's folder.
#[derive(Debug)]
pub struct DraftedRelease {
    folder: AuthorFolder,
    statement: ReleaseStatement,
    draft: Draft,
}

impl DraftedRelease {
    /// What goes round.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// What is going to be a release.
    pub fn statement(&self) -> &ReleaseStatement {
        &self.statement
    }

    /// Sends the files the hub does not have, so that the other owners can check the release
    /// without the folder. It is no release by that. Returns the bytes that moved.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn upload(
        &self,
        registry: &Registry,
        progress: &Progress,
    ) -> Result<u64, PublishError> {
        upload(&self.folder, &self.statement, registry, progress).await
    }
}

/// Checks a folder once more and signs it as the draft of a release, with as many keys as there
/// are here.
///
/// # Errors
/// [`PublishError`] with the first thing that keeps it from becoming a release.
pub async fn draft(
    folder: AuthorFolder,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
    worker: Worker,
) -> Result<DraftedRelease, PublishError> {
    let (folder, statement) = prepare(folder, registry, trust_root, log, worker).await?;
    let envelope = pen.sign(statement.to_payload())?;
    let draft = verify_draft(trust_root, &envelope.to_bytes())?;
    Ok(DraftedRelease {
        folder,
        statement,
        draft,
    })
}

/// The draft of a yank or unyank, signed with as many keys as there are here.
///
/// # Errors
/// [`PublishError`].
pub async fn draft_yank(
    request: &YankRequest,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<Draft, PublishError> {
    let (_, statement) = prepare_yank(request, registry, trust_root, log).await?;
    let envelope = pen.sign(statement.to_payload())?;
    Ok(verify_draft(trust_root, &envelope.to_bytes())?)
}

/// Whether a folder holds exactly what a statement says.
///
/// # Errors
/// [`PublishError::OtherFiles`] names the first file that differs.
pub(crate) fn check_same_files(
    folder: &AuthorFolder,
    statement: &ReleaseStatement,
) -> Result<(), PublishError> {
    let files = folder.release_files()?;
    let other = |what: &str| PublishError::OtherFiles {
        what: what.to_owned(),
    };
    let differs = files
        .iter()
        .find(|file| statement.file(&file.path) != Some(file));
    if let Some(file) = differs {
        return Err(other(&format!("`{}`", file.path)));
    }
    let is_here = |path: &str| files.iter().any(|file| file.path == path);
    if let Some(gone) = statement.files().iter().find(|one| !is_here(&one.path)) {
        return Err(other(&format!("`{}`", gone.path)));
    }
    let mut manifest = folder.manifest().clone();
    manifest
        .predecessor
        .clone_from(&statement.manifest().predecessor);
    if ReleaseStatement::new(manifest, files)? == *statement {
        Ok(())
    } else {
        Err(other("`extractor.toml`"))
    }
}
