//! An installed release as a folder, for other programs and for people without a hub.

mod verify;

pub use verify::{BundleFault, VerifiedBundle, verify};

use std::path::Path;

use registry_schema::model_signing;
use registry_schema::receipt::LoggedEnvelope;
use registry_schema::tuf::TufError;
use registry_schema::tuf::bundle::Bundle;

use crate::files::{FileError, StagedFolder};
use crate::store::{InstalledRelease, StoreError};

/// What the folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleForm {
    /// The release's files and its `model.sig`, nothing else: what `model_signing verify` takes as
    /// it is.
    FilesAlone,
    /// Everything needed to verify it again with no network:
    ///
    /// ```text
    /// release/…            exactly the signed files
    /// model.sig            when its publisher made one; over `release/`
    /// statement.dsse.json  the envelope its owners signed
    /// statement.tlog-proof that the log has it, and at which index (C2SP `tlog-proof`)
    /// yanks/1.dsse.json …  yanks and unyanks, oldest first
    /// yanks/1.tlog-proof …
    /// tuf/metadata/…       the trust root of the day: whose signatures count, and since when
    /// tuf/targets/…        the files it vouches for
    /// ```
    WithEvidence,
}

/// The folder of the signed files in a bundle with evidence.
pub const RELEASE_FOLDER: &str = "release";

/// The folder of the trust root, laid out as a hub serves it.
pub const TRUST_FOLDER: &str = "tuf";

/// Writes an installed release, and with evidence the trust root it is verified under, into a folder that is not there yet, or empty. The folder appears
/// when it is complete. Every byte is compared with the signed digests on its way.
///
/// # Errors
/// [`BundleError`]; there is no folder then.
pub fn export(
    installed: &InstalledRelease,
    trust_root: &Bundle,
    folder: &Path,
    form: BundleForm,
) -> Result<(), BundleError> {
    let staged = StagedFolder::create(folder)?;
    // 1. the signed files
    for file in installed.release().files() {
        let place = match form {
            BundleForm::FilesAlone => file.path.clone(),
            BundleForm::WithEvidence => format!("{RELEASE_FOLDER}/{}", file.path),
        };
        let mut to = staged.file(&place)?;
        installed.copy_file(&file.path, &mut to)?;
        to.commit()?;
    }
    // 2. what others verify them with
    if let Some(signature) = installed.model_signature() {
        staged.write(model_signing::FILE, signature.as_bytes())?;
    }
    // 3. what we verify them with
    if form == BundleForm::WithEvidence {
        write_evidence(installed, trust_root, &staged)?;
    }
    Ok(staged.commit()?)
}

/// The statements with their proofs, and what they are verified under.
fn write_evidence(
    installed: &InstalledRelease,
    trust_root: &Bundle,
    staged: &StagedFolder,
) -> Result<(), BundleError> {
    let receipt = installed.receipt();
    write_logged(&receipt.statement, STATEMENT, staged)?;
    for (number, yank) in (1..).zip(&receipt.yanks) {
        write_logged(yank, &yank_name(number), staged)?;
    }
    for (path, text) in trust_root.served_files()? {
        staged.write(&format!("{TRUST_FOLDER}/{path}"), text.as_bytes())?;
    }
    Ok(())
}

fn write_logged(
    logged: &LoggedEnvelope,
    name: &str,
    staged: &StagedFolder,
) -> Result<(), FileError> {
    staged.write(&format!("{name}{ENVELOPE}"), logged.envelope.as_bytes())?;
    staged.write(&format!("{name}{PROOF}"), logged.proof.as_bytes())
}

/// The release's statement, without the ending of its envelope or its proof.
const STATEMENT: &str = "statement";

/// What files of envelopes end in.
const ENVELOPE: &str = ".dsse.json";

/// What files of proofs end in.
const PROOF: &str = ".tlog-proof";

/// A yank or unyank, likewise; the first is 1.
fn yank_name(number: usize) -> String {
    format!("yanks/{number}")
}

/// A release was not written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The installed files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trust root that is kept here.
    #[error(transparent)]
    Trust(#[from] TufError),
    /// The folder.
    #[error(transparent)]
    File(#[from] FileError),
}
