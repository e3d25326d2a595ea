//! The pinned trust root: which consortium policy this user believes.
//!
//! `hub trust` writes the policy's text and pins its SHA-256; everything is verified under exactly
//! that text afterwards, whatever a hub serves.

use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::trust_root::{ConsortiumPolicy, PolicyError};

use crate::config::{ConfigError, Folders, UserConfig};
use crate::files::{self, FileError};

/// The policy the user has pinned.
///
/// # Errors
/// [`TrustStoreError`] when none is pinned, or the stored text is not the pinned one.
pub fn pinned_policy(folders: &Folders) -> Result<ConsortiumPolicy, TrustStoreError> {
    let pinned = UserConfig::load(folders)?
        .policy
        .ok_or(TrustStoreError::NotPinned)?;
    let bytes = match files::read_limited(&folders.policy_file(), limits::POLICY_BYTES as u64) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(TrustStoreError::NotPinned);
        }
        other => other?,
    };
    let found = Digest::of(&bytes);
    if found != pinned {
        return Err(TrustStoreError::Changed { pinned, found });
    }
    Ok(ConsortiumPolicy::parse(&String::from_utf8_lossy(&bytes))?)
}

/// Pins a policy when its fingerprint is the expected one.
///
/// # Errors
/// [`TrustStoreError::Fingerprint`] when the hub serves another policy than the one expected.
pub fn pin(
    folders: &Folders,
    text: &str,
    expected: &Digest,
) -> Result<ConsortiumPolicy, TrustStoreError> {
    let policy = ConsortiumPolicy::parse(text)?;
    let found = Digest::of(text.as_bytes());
    if found != *expected {
        return Err(TrustStoreError::Fingerprint {
            expected: *expected,
            found,
        });
    }
    // The text first: a pin without its text would lock the user out.
    let mut config = UserConfig::load(folders)?;
    files::write_atomic(folders.policy_file(), text.as_bytes())?;
    config.policy = Some(found);
    config.save(folders)?;
    Ok(policy)
}

/// There is no trust root to verify under.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// Nothing pinned yet.
    #[error(
        "no consortium policy is pinned: ask the consortium for its fingerprint and run `hub trust sha256:…`"
    )]
    NotPinned,
    /// The stored text was changed after it was pinned.
    #[error(
        "the stored consortium policy is not the pinned one: pinned {pinned}, found {found}; run `hub trust` with the fingerprint you were given"
    )]
    Changed {
        /// What was pinned.
        pinned: Digest,
        /// What is there.
        found: Digest,
    },
    /// The hub serves another policy than the user expects.
    #[error(
        "the hub serves a policy with fingerprint {found}, you expect {expected}: one of them is wrong, nothing was pinned"
    )]
    Fingerprint {
        /// What the user gave.
        expected: Digest,
        /// What the hub serves.
        found: Digest,
    },
    /// The policy's form.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use registry_schema::keys::SecretKey;

    #[test]
    fn only_the_pinned_text_is_believed() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        let members = [(
            "alpha".parse().unwrap(),
            vec![SecretKey::from_seed(&[1; 32]).public()],
        )]
        .into();
        let policy = ConsortiumPolicy::create("test", &members, &[].into()).unwrap();
        let fingerprint = Digest::of(policy.text().as_bytes());
        assert!(matches!(
            pinned_policy(&folders),
            Err(TrustStoreError::NotPinned)
        ));
        assert!(matches!(
            pin(&folders, policy.text(), &Digest::of(b"other")),
            Err(TrustStoreError::Fingerprint { .. })
        ));
        pin(&folders, policy.text(), &fingerprint).unwrap();
        assert_eq!(pinned_policy(&folders).unwrap().text(), policy.text());
        files::write_atomic(
            folders.policy_file(),
            format!("{}\n", policy.text()).as_bytes(),
        )
        .unwrap();
        assert!(matches!(
            pinned_policy(&folders),
            Err(TrustStoreError::Changed { .. })
        ));
    }
}
