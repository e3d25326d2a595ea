//! `hub check`: everything a release must hold, tried before anybody signs.

use registry_schema::compatibility::{CompatibilityError, ProbeAgreement, compare_probes};
use registry_schema::limits;
use registry_schema::manifest::ProbeVectors;
use registry_schema::onnx::Inspection;
use registry_schema::statement::{ReleaseStatement, StatementError};
use semver::Version;

use super::folder::{AuthorFolder, FolderError};
use super::predecessor::{PredecessorError, PredecessorRelease};
use crate::explore::ExploreError;
use crate::worker::{Worker, WorkerError};

/// What `hub check` found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// What the graph holds.
    pub inspection: Inspection,
    /// How many probes were run.
    pub probes: usize,
    /// Bytes of all files of the release.
    pub size_bytes: u64,
    /// The predecessor and how the probes agree with it, when there is one and it could be asked.
    pub predecessor: Option<(Version, Vec<ProbeAgreement>)>,
}

impl CheckReport {
    /// The smallest cosine with the predecessor's vectors.
    pub fn worst_cosine(&self) -> Option<f64> {
        let (_, agreements) = self.predecessor.as_ref()?;
        agreements
            .iter()
            .map(|one| one.cosine)
            .min_by(f64::total_cmp)
    }
}

/// Inspects the folder, runs its probes, writes their vectors, and compares them with the
/// predecessor's.
///
/// # Errors
/// [`CheckError`] with the first thing that keeps the folder from becoming a release. Vectors are
/// written only when everything before them was right.
pub fn check(
    folder: &mut AuthorFolder,
    predecessor: Option<&PredecessorRelease>,
    worker: &Worker,
) -> Result<CheckReport, CheckError> {
    // 1. the graph, without running it
    let inspection = folder.inspect()?;
    // 2. the probes, on this machine, in a process of their own
    let vectors = run_probes(folder, worker)?;
    // 3. what was promised to the users of the predecessor
    folder.write_vectors(&vectors)?;
    let statement = ReleaseStatement::new(folder.manifest().clone(), folder.release_files()?)?;
    let agreements = predecessor
        .map(|release| {
            let agreements = release.check(folder.manifest(), statement.files(), &vectors)?;
            Ok::<_, CompatibilityError>((release.version().clone(), agreements))
        })
        .transpose()?;
    Ok(CheckReport {
        inspection,
        probes: vectors.vectors.len(),
        size_bytes: statement.files().iter().map(|file| file.size_bytes).sum(),
        predecessor: agreements,
    })
}

/// Runs the probes again and compares them with the vectors of the last check, without writing.
///
/// # Errors
/// [`CheckError`], for instance when the graph was changed after the check.
pub fn recheck(folder: &AuthorFolder, worker: &Worker) -> Result<ProbeVectors, CheckError> {
    folder.inspect()?;
    let expected = folder.read_vectors()?;
    let computed = run_probes(folder, worker)?;
    if !expected.vectors.keys().eq(computed.vectors.keys()) {
        return Err(CheckError::Stale);
    }
    compare_probes(&expected, &computed, folder.manifest().probes)?;
    Ok(expected)
}

fn run_probes(folder: &AuthorFolder, worker: &Worker) -> Result<ProbeVectors, CheckError> {
    let images = folder.probe_images();
    if !(limits::PROBES_MINIMUM..=limits::PROBES).contains(&images.len()) {
        return Err(CheckError::Statement(StatementError::Probes {
            count: images.len(),
        }));
    }
    Ok(worker.probe(&folder.extractor_files()?, &images)?)
}

/// A folder cannot become a release.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The set of files.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The probes were not computed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The promise of versions, or a probe that does not reproduce.
    #[error(transparent)]
    Promise(#[from] CompatibilityError),
    /// The predecessor.
    #[error(transparent)]
    Predecessor(#[from] PredecessorError),
    /// Statistics of images.
    #[error("the statistics cannot be made")]
    Statistics(#[from] ExploreError),
    /// Files were changed after the check.
    #[error("the files are not those of the last check: run `hub check` again")]
    Stale,
}
