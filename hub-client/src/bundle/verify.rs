//! A bundle with evidence, verified with no network and nothing that this machine keeps.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::policy::WitnessedCheckpoint;
use registry_schema::log::proof::{LogProof, ProofFileError};
use registry_schema::model_signing::{self, ModelSignature, ModelSigningError};
use registry_schema::receipt::{LoggedEnvelope, PlaceError};
use registry_schema::trust_root::TrustRoot;
use registry_schema::verify::{
    Asked, VerifiedRelease, VerifiedYank, VerifyError, verify_recorded_yank, verify_release,
};

use super::{ENVELOPE, PROOF, RELEASE_FOLDER, STATEMENT, TRUST_FOLDER, yank_name};
use crate::files::{self, FileError};
use crate::trust::{self, Kept, TrustStoreError};

/// Most yanks and unyanks of one release that a bundle may hold.
const YANKS: usize = 1_000;

/// A bundle that was verified.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    /// The release.
    pub release: VerifiedRelease,
    /// Yanks and unyanks about it, oldest first.
    pub yanks: Vec<VerifiedYank>,
    /// The checkpoint that the release's proof leads to.
    pub checkpoint: WitnessedCheckpoint,
    /// The trust root in it.
    pub trust: Kept,
    /// The release's envelope, and where it is in the log.
    pub statement: LoggedEnvelope,
    /// Those of the yanks, in their order.
    pub logged_yanks: Vec<LoggedEnvelope>,
    /// The text of its `model.sig`.
    pub model_signature: Option<String>,
}

/// Verifies a folder that [`super::export`] wrote with evidence: the trust root from a first root with this
/// fingerprint, as of a time; every statement's signatures and its place in the log, cosigned by a quorum of the
/// witnesses; that `release/` holds exactly the signed files. Nothing is written and nothing is asked.
///
/// # Errors
/// [`BundleFault`] names the check that failed.
pub async fn verify(
    folder: &Path,
    first_root: &Digest,
    as_of: Timestamp,
) -> Result<VerifiedBundle, BundleFault> {
    // 1. whose word counts
    let trust = trust::of_folder(&folder.join(TRUST_FOLDER), first_root, as_of).await?;
    let policy = trust.root.log_policy();
    // 2. the statement, at its place in the log
    let statement = read_logged(folder, STATEMENT)?;
    let checkpoint = statement.check_place(policy)?;
    let envelope = statement.envelope.as_bytes();
    let release = verify_release(&trust.root, &Asked::Anything, envelope, statement.index)?;
    // 3. yanks about it
    let (mut yanks, mut logged_yanks) = (Vec::new(), Vec::new());
    while folder
        .join(format!("{}{ENVELOPE}", yank_name(yanks.len() + 1)))
        .exists()
    {
        if yanks.len() == YANKS {
            return Err(BundleFault::TooManyYanks);
        }
        let yank = read_logged(folder, &yank_name(yanks.len() + 1))?;
        yank.check_place(policy)?;
        let envelope = yank.envelope.as_bytes();
        yanks.push(verify_recorded_yank(
            &trust.root,
            &release,
            envelope,
            yank.index,
        )?);
        logged_yanks.push(yank);
    }
    registry_schema::verify::current_yank(&yanks)?;
    // 4. the files, all of them and no others
    check_files(&folder.join(RELEASE_FOLDER), &release)?;
    let model_signature = read_model_signature(folder, &release)?;
    Ok(VerifiedBundle {
        release,
        yanks,
        checkpoint,
        trust,
        statement,
        logged_yanks,
        model_signature,
    })
}

fn read_logged(folder: &Path, name: &str) -> Result<LoggedEnvelope, BundleFault> {
    let text = |ending: &str, limit: usize| {
        let path = folder.join(format!("{name}{ending}"));
        let bytes = files::read_limited(&path, limit as u64)?;
        String::from_utf8(bytes).map_err(|_| BundleFault::NotText { path })
    };
    let envelope = text(ENVELOPE, limits::ENVELOPE_BYTES)?;
    let proof = text(PROOF, limits::PROOF_FILE_BYTES)?;
    // The index is nowhere but in the proof.
    let index = LogProof::parse(proof.as_bytes())?.index;
    Ok(LoggedEnvelope {
        index,
        envelope,
        proof,
    })
}

fn check_files(folder: &Path, release: &VerifiedRelease) -> Result<(), BundleFault> {
    let mut signed: BTreeSet<&str> = BTreeSet::new();
    for file in release.files() {
        let path = folder.join(&file.path);
        let found = files::digest(&path, file.size_bytes)?;
        if found != Some(file.digest) {
            return Err(BundleFault::OtherFile { path });
        }
        signed.insert(&file.path);
    }
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|source| BundleFault::Walk {
            folder: folder.to_owned(),
            source,
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(folder).ok();
        let name = relative.and_then(Path::to_str).unwrap_or_default();
        if !entry.file_type().is_file() || !signed.contains(name) {
            return Err(BundleFault::NotSigned {
                path: entry.into_path(),
            });
        }
    }
    Ok(())
}

fn read_model_signature(
    folder: &Path,
    release: &VerifiedRelease,
) -> Result<Option<String>, BundleFault> {
    let path = folder.join(model_signing::FILE);
    let limit = limits::MODEL_SIGNATURE_BYTES as u64;
    let bytes = match files::read_limited(&path, limit) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    ModelSignature::parse(&bytes)?.check_statement(&release.statement_digest())?;
    let text = String::from_utf8(bytes).map_err(|_| BundleFault::NotText { path })?;
    Ok(Some(text))
}

/// A bundle does not verify.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    /// The trust root in it.
    #[error("the trust root in the bundle is not one to follow")]
    Trust(#[from] TrustStoreError),
    /// A proof that is none.
    #[error("a proof in the bundle cannot be read")]
    Proof(#[from] ProofFileError),
    /// A statement's place in the log.
    #[error("the bundle does not show that its statements are in the log")]
    Place(#[from] PlaceError),
    /// A statement.
    #[error("a statement in the bundle does not verify")]
    Verify(#[from] VerifyError),
    /// Not a statement or proof.
    #[error("`{}` is not UTF-8", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
    /// More than any release has.
    #[error("the bundle holds more than {YANKS} yanks")]
    TooManyYanks,
    /// A file that was changed.
    #[error("`{}` is not the file that was signed", path.display())]
    OtherFile {
        /// Which.
        path: PathBuf,
    },
    /// A file too many.
    #[error("`{}` is not among the signed files", path.display())]
    NotSigned {
        /// Which.
        path: PathBuf,
    },
    /// The folder cannot be listed.
    #[error("cannot list `{}`", folder.display())]
    Walk {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: walkdir::Error,
    },
    /// The `model.sig` in it.
    #[error("the `model.sig` in the bundle is not of its release")]
    ModelSignature(#[from] ModelSigningError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
