//! An installed release as a folder, for other programs and for people without a hub.

mod names;
mod pack;
mod unpack;
mod verify;

pub use pack::write_pack;
pub use unpack::{PackError, unpack};
pub use verify::{BundleFault, VerifiedBundle, verify};

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use registry_schema::model_signing;
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
    for (place, content) in &contents(installed, trust_root, form)? {
        let mut to = staged.file(place)?;
        content
            .write(installed, &mut to)?
            .map_err(|source| FileError::new("cannot write", folder.join(place), source))?;
        to.commit()?;
    }
    Ok(staged.commit()?)
}

/// What one file of a bundle holds.
enum Content {
    /// The signed file of this path in the release.
    Signed { path: String, size_bytes: u64 },
    /// What the receipt and the trust root hold.
    Text(String),
}

impl Content {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Signed { size_bytes, .. } => *size_bytes,
            Self::Text(text) => text.len() as u64,
        }
    }

    /// Writes it; the inner error is that of `to`, when a text was not taken.
    fn write(
        &self,
        installed: &InstalledRelease,
        to: &mut impl Write,
    ) -> Result<std::io::Result<()>, StoreError> {
        match self {
            Self::Signed { path, .. } => installed.copy_file(path, to).map(Ok),
            Self::Text(text) => Ok(to.write_all(text.as_bytes())),
        }
    }
}

/// Every file of a bundle by its place in it.
fn contents(
    installed: &InstalledRelease,
    trust_root: &Bundle,
    form: BundleForm,
) -> Result<BTreeMap<String, Content>, BundleError> {
    let mut contents = BTreeMap::new();
    // 1. the signed files
    for file in installed.release().files() {
        let place = match form {
            BundleForm::FilesAlone => file.path.clone(),
            BundleForm::WithEvidence => format!("{RELEASE_FOLDER}/{}", file.path),
        };
        let (path, size_bytes) = (file.path.clone(), file.size_bytes);
        contents.insert(place, Content::Signed { path, size_bytes });
    }
    let mut add = |place: String, text: &str| {
        contents.insert(place, Content::Text(text.to_owned()));
    };
    // 2. what others verify them with
    if let Some(signature) = installed.model_signature() {
        add(model_signing::FILE.to_owned(), signature);
    }
    if form == BundleForm::FilesAlone {
        return Ok(contents);
    }
    // 3. what we verify them with: the statements with their proofs, and the trust root
    let receipt = installed.receipt();
    let yanks = (1..).map(yank_name).zip(&receipt.yanks);
    for (name, logged) in std::iter::once((STATEMENT.to_owned(), &receipt.statement)).chain(yanks) {
        add(format!("{name}{ENVELOPE}"), &logged.envelope);
        add(format!("{name}{PROOF}"), &logged.proof);
    }
    for (path, text) in trust_root.served_files()? {
        add(format!("{TRUST_FOLDER}/{path}"), &text);
    }
    Ok(contents)
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
