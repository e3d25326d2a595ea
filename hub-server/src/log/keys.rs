//! The log's signing key, in the data folder.

use std::fs;
use std::io::ErrorKind;

use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::Origin;
use registry_schema::log::note::{KeyKind, SignerKey, VerifierKey};
use registry_schema::log::policy::Policy;

use super::LogError;
use crate::blobs::{Existing, create_private_folder, sync_folder, write_file};
use crate::config::DataFolder;

/// Reads the log's signing key.
pub(crate) fn load_key(data: &DataFolder) -> Result<SignerKey, LogError> {
    let path = data.log_key();
    let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
        // Only what is not there may be made: another key in its place would be another log.
        ErrorKind::NotFound => LogError::NoKey { path: path.clone() },
        _ => LogError::Read {
            path: path.clone(),
            source,
        },
    })?;
    text.trim_end()
        .parse()
        .map_err(|source| LogError::Key { path, source })
}

/// Reads the log's signing key, or makes it when there is none. Without an origin a new log gets one
/// that nobody else has.
pub(crate) fn load_or_make_key(
    data: &DataFolder,
    origin: Option<&Origin>,
) -> Result<SignerKey, LogError> {
    match load_key(data) {
        Ok(key) => {
            let found = key.verifier().name().to_string();
            match origin.filter(|origin| origin.as_str() != found) {
                Some(origin) => Err(LogError::OtherOrigin {
                    expected: origin.to_string(),
                    found,
                }),
                None => Ok(key),
            }
        }
        Err(LogError::NoKey { .. }) => make(data, origin),
        Err(other) => Err(other),
    }
}

fn make(data: &DataFolder, origin: Option<&Origin>) -> Result<SignerKey, LogError> {
    let secret = SecretKey::from_seed(&random()?);
    let origin = match origin {
        Some(origin) => origin.clone(),
        None => {
            let number = secret.public().id().to_string();
            format!("extractor-hub-{}/log", &number[..12]).parse()?
        }
    };
    let key = SignerKey::new(origin.key_name().clone(), KeyKind::Ed25519, secret);
    create_private_folder(data.root())?;
    create_private_folder(&data.keys())?;
    let text = format!("{}\n", key.to_text());
    write_file(&data.log_key(), text.as_bytes(), Existing::Stays)?;
    sync_folder(data.root())?;
    Ok(key)
}

/// Refuses a policy that does not name this log's key.
pub(crate) fn check_policy(policy: &Policy, key: &VerifierKey) -> Result<(), LogError> {
    if policy.logs().iter().any(|log| log.key == *key) {
        return Ok(());
    }
    Err(LogError::NotInPolicy {
        key: key.to_string(),
    })
}

fn random() -> Result<[u8; 32], LogError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| LogError::Random)?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_a_key_that_is_not_there_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        let made = load_or_make_key(&data, None).unwrap();
        let again = load_or_make_key(&data, None).unwrap();
        assert_eq!(made.to_text(), again.to_text());
        // Unreadable for everybody, root included: bytes that are no text, a folder, a loop.
        fs::write(data.log_key(), [0xff]).unwrap();
        assert!(matches!(
            load_or_make_key(&data, None),
            Err(LogError::Read { .. })
        ));
        fs::remove_file(data.log_key()).unwrap();
        std::os::unix::fs::symlink("log.key", data.log_key()).unwrap();
        assert!(matches!(
            load_or_make_key(&data, None),
            Err(LogError::Read { .. })
        ));
        // A link to nowhere: there is nothing to read, and what is there is not replaced.
        fs::remove_file(data.log_key()).unwrap();
        std::os::unix::fs::symlink("elsewhere", data.log_key()).unwrap();
        assert!(matches!(
            load_or_make_key(&data, None),
            Err(LogError::File(_))
        ));
        assert!(data.log_key().is_symlink());
    }
}
