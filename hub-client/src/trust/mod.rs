//! The trust root of this user: pinned once by the fingerprint of a first root, followed forward on
//! every contact with a hub, and never back.
//!
//! ```text
//! config.toml            first_root = "sha256:…"
//! trust/kept.json        the last whole state that was verified, and as of when
//! trust/next/            a root that is to be pinned in the place of another, while it is followed
//! trust/seen/            each file of TUF metadata as soon as it was verified: the floor below
//!                        which nothing is taken any more, even when a refresh broke off
//! ```
//!
//! [`refresh`] runs the client workflow of TUF 1.0 (sections 5.3 to 5.6) with the crate
//! `sigstore-tuf`; what it brought together is then verified once more as a whole, by the function
//! that also verifies what is kept.

mod seen;
mod source;

pub use source::{FolderSource, HubSource, TrustSource};

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::{TufError, install_provider};
use serde::{Deserialize, Serialize};
use sigstore_tuf::{Updater, UpdaterConfig};

use crate::config::{ConfigError, Folders, UserConfig};
use crate::files::{self, FileError, FileLock};
use crate::registry::RegistryError;
use seen::Seen;

/// The file of the last whole state.
const KEPT: &str = "kept.json";

/// The state of the trust root that this machine keeps.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Verified.
    pub root: ConsortiumRoot,
    /// Every file of it.
    pub bundle: Bundle,
    /// The time as of which it was verified.
    pub as_of: Timestamp,
    /// The pinned first root.
    pub anchor: Digest,
}

impl Kept {
    /// The first role that is no longer valid at a time, and since when. What is kept still says
    /// whose signatures count, but a newer state may be there.
    pub fn expired_at(&self, now: Timestamp) -> Option<(&'static str, Timestamp)> {
        let expires = self.root.expires();
        [
            ("root", expires.root),
            ("targets", expires.targets),
            ("snapshot", expires.snapshot),
            ("timestamp", expires.timestamp),
        ]
        .into_iter()
        .filter(|(_, until)| *until < now)
        .min_by_key(|(_, until)| *until)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptFile {
    v: u32,
    as_of: Timestamp,
    bundle: Bundle,
}

/// What is kept, verified again as of the time it was refreshed: for releases that are installed
/// and for work without a network. Nothing new is learnt from it, so its age does not matter.
///
/// # Errors
/// [`TrustStoreError`] when nothing is pinned, or what is kept does not verify.
pub fn kept(folders: &Folders) -> Result<Kept, TrustStoreError> {
    let anchor = pinned(folders)?;
    let (bundle, as_of) = read_kept(&folders.trust())?.ok_or(TrustStoreError::NotPinned)?;
    let root = ConsortiumRoot::verify(&bundle, &anchor, as_of)?;
    Ok(Kept {
        root,
        bundle,
        as_of,
        anchor,
    })
}

/// Pins the first root and follows it to the newest state. Another root than the one pinned before
/// starts anew.
///
/// # Errors
/// [`TrustStoreError::Fingerprint`] when it is not the expected one; then, and when the state does
/// not verify, nothing is pinned, and what was pinned before stays with its state.
pub async fn pin(
    folders: &Folders,
    first_root: &str,
    expected: &Digest,
    source: &dyn TrustSource,
    as_of: Timestamp,
) -> Result<Kept, TrustStoreError> {
    let found = Digest::of(first_root.as_bytes());
    if found != *expected {
        return Err(TrustStoreError::Fingerprint {
            expected: *expected,
            found,
        });
    }
    let _lock = lock(folders).await?;
    let pinned = UserConfig::load(folders)?.first_root;
    let trust = folders.trust();
    let is_same = pinned == Some(found)
        && match read_kept(&trust) {
            Ok(kept) => kept.is_none_or(|(bundle, _)| bundle.anchor() == found),
            Err(_) => false,
        };
    let kept = if is_same {
        follow(&trust, first_root, source, as_of).await?
    } else {
        // Beside what is kept: a root that cannot be followed takes nothing away.
        let beside = trust.join("next");
        files::remove_dir(&beside)?;
        let kept = follow(&beside, first_root, source, as_of).await;
        if kept.is_ok() {
            // A whole state is its own floor; what was seen of another root is none.
            files::remove_dir(&trust.join("seen"))?;
            files::rename(&beside.join(KEPT), &trust.join(KEPT))?;
        }
        files::remove_dir(&beside)?;
        kept?
    };
    // The state first: a pin without its state would lock the user out.
    UserConfig::change(folders, |config| config.first_root = Some(found))?;
    Ok(kept)
}

/// Follows the pinned root to the newest state there is at a hub or in a folder.
///
/// # Errors
/// [`TrustStoreError`] says what is expired, skipped, rolled back, mixed or under-signed; then what
/// was kept stays.
pub async fn refresh(
    folders: &Folders,
    source: &dyn TrustSource,
    as_of: Timestamp,
) -> Result<Kept, TrustStoreError> {
    let anchor = pinned(folders)?;
    let _lock = lock(folders).await?;
    let (bundle, _) = read_kept(&folders.trust())?.ok_or(TrustStoreError::NotPinned)?;
    let first = bundle.roots.first().cloned().unwrap_or_default();
    if Digest::of(first.as_bytes()) != anchor {
        return Err(TrustStoreError::NotPinned);
    }
    follow(&folders.trust(), &first, source, as_of).await
}

/// The state of a trust root that lies in a folder, verified from a first root with this fingerprint. Nothing
/// that this machine keeps is read or changed.
///
/// # Errors
/// [`TrustStoreError`], as [`pin`].
pub async fn of_folder(
    folder: &Path,
    expected: &Digest,
    as_of: Timestamp,
) -> Result<Kept, TrustStoreError> {
    let source = FolderSource(folder.to_owned());
    let name = "1.root.json";
    let path = format!("metadata/{name}");
    let first = source.fetch(&path, limits::TUF_ROOT_BYTES).await?;
    let first = first.ok_or_else(|| TufError::Missing {
        file: name.to_owned(),
    })?;
    let nowhere = files::scratch_dir()?;
    let folders = Folders::under(nowhere.path());
    let first = String::from_utf8_lossy(&first);
    pin(&folders, &first, expected, &source, as_of).await
}

/// Follows a trust root that came in a folder and was verified by [`of_folder`]: pins its first root where none is
/// pinned, goes forward to it where it is newer than what is kept, and keeps what is kept where it is not.
///
/// # Errors
/// [`TrustStoreError`], as [`refresh`]; also when another first root is pinned.
pub async fn follow_folder(
    folders: &Folders,
    verified: &Kept,
    folder: &Path,
    as_of: Timestamp,
) -> Result<Kept, TrustStoreError> {
    let source = FolderSource(folder.to_owned());
    let Some(pinned) = UserConfig::load(folders)?.first_root else {
        let first = verified.bundle.roots.first().cloned().unwrap_or_default();
        return pin(folders, &first, &verified.anchor, &source, as_of).await;
    };
    if pinned != verified.anchor {
        return Err(TrustStoreError::Fingerprint {
            expected: pinned,
            found: verified.anchor,
        });
    }
    let kept = kept(folders)?;
    let age = |kept: &Kept| {
        let timestamp = seen::version_of(&kept.bundle.timestamp);
        (kept.root.version(), timestamp)
    };
    let (here, there) = (age(&kept), age(verified));
    if there.0 <= here.0 && there.1 <= here.1 {
        return Ok(kept);
    }
    refresh(folders, &source, as_of).await
}

/// One refresh at a time: two could otherwise take each other's files for a mix.
async fn lock(folders: &Folders) -> Result<FileLock, TrustStoreError> {
    let path = folders.trust().join("lock");
    let lock = tokio::task::spawn_blocking(move || FileLock::acquire(&path));
    Ok(lock.await.map_err(|_| TrustStoreError::Stopped)??)
}

/// Follows a first root to its newest state, from what a folder keeps of it.
async fn follow(
    folder: &Path,
    first_root: &str,
    source: &dyn TrustSource,
    as_of: Timestamp,
) -> Result<Kept, TrustStoreError> {
    install_provider();
    let before = read_kept(folder)?.map(|(bundle, _)| bundle);
    let anchor = Digest::of(first_root.as_bytes());
    // 1. roots, timestamp, snapshot and targets, by the workflow of TUF
    let seen = Seen::new(folder.join("seen"), before.as_ref());
    let (sent, faults) = source::Reported::new(source);
    let refused = |error| TrustStoreError::Tuf(TufError::from_client(error, as_of));
    let mut updater = Updater::new(sent.clone(), first_root.as_bytes())
        .map_err(refused)?
        .with_config(bounds())
        .with_store(seen.clone());
    if let Err(error) = updater.refresh(as_of).await {
        // What the network or the disk said is better than what the workflow made of it.
        faults.take()?;
        seen.fault()?;
        return Err(refused(error));
    }
    seen.fault()?;
    // 2. the members' keyrings and the files, of exactly the versions that belong together
    let gathered = source::gather(&sent, &seen, first_root, before.as_ref()).await;
    faults.take()?;
    let bundle = gathered?;
    // 3. all of it once more, as a whole; kept at once or not at all
    let root = ConsortiumRoot::verify(&bundle, &anchor, as_of)?;
    let kept = KeptFile {
        v: 1,
        as_of,
        bundle,
    };
    let path = folder.join(KEPT);
    let text = serde_json::to_vec(&kept).map_err(|source| TrustStoreError::Kept {
        path: path.clone(),
        source,
    })?;
    files::write_atomic(path, &text)?;
    Ok(Kept {
        root,
        bundle: kept.bundle,
        as_of,
        anchor,
    })
}

fn bounds() -> UpdaterConfig {
    let mut config = UpdaterConfig::default();
    config.root_max_length = limits::TUF_ROOT_BYTES;
    config.timestamp_max_length = limits::TUF_TIMESTAMP_BYTES;
    config.snapshot_max_length = limits::TUF_SNAPSHOT_BYTES;
    config.targets_max_length = limits::TUF_TARGETS_BYTES;
    config.target_max_length = limits::TUF_FILE_BYTES;
    config.max_root_rotations = limits::TUF_ROOT_ROTATIONS;
    config
}

fn pinned(folders: &Folders) -> Result<Digest, TrustStoreError> {
    UserConfig::load(folders)?
        .first_root
        .ok_or(TrustStoreError::NotPinned)
}

fn read_kept(folder: &Path) -> Result<Option<(Bundle, Timestamp)>, TrustStoreError> {
    let path = folder.join(KEPT);
    let bytes = match files::read_limited(&path, limits::TRUST_BUNDLE_BYTES) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    match serde_json::from_slice::<KeptFile>(&bytes) {
        Ok(kept) => Ok(Some((kept.bundle, kept.as_of))),
        Err(source) => Err(TrustStoreError::Kept { path, source }),
    }
}

/// There is no trust root to verify under.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// Nothing pinned yet.
    #[error(
        "no trust root is pinned: ask the consortium for its fingerprint and run `hub trust sha256:…`"
    )]
    NotPinned,
    /// The hub serves another first root than the user expects.
    #[error(
        "the first root here has fingerprint {found}, you expect {expected}: one of them is wrong, nothing was pinned"
    )]
    Fingerprint {
        /// What the user gave.
        expected: Digest,
        /// What is there.
        found: Digest,
    },
    /// The metadata.
    #[error(transparent)]
    Tuf(#[from] TufError),
    /// What is kept is no JSON of ours.
    #[error("`{}` cannot be understood: run `hub trust` with the fingerprint you were given", path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// The hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was cancelled.
    #[error("the refresh of the trust root stopped before it was done: run it again")]
    Stopped,
}

#[cfg(test)]
mod tests;
