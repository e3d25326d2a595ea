//! The log's signing key, in the data folder.

use std::fs;
use std::path::Path;

use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::Origin;
use registry_schema::log::note::{KeyKind, SignerKey};
use registry_schema::log::policy::Policy;

use super::LogError;
use crate::blobs::{BlobError, create_private_folder, sync_folder, write_file};
use crate::config::DataFolder;

/// Reads the log's signing key.
pub(crate) fn load_key(data: &DataFolder) -> Result<SignerKey, LogError> {
    let path = data.log_key();
    if !path.exists() {
        return Err(LogError::NoKey { path });
    }
    read(&path)?
        .trim_end()
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
    // Beside its place first: half a key would be none for ever.
    let (path, unfinished) = (data.log_key(), data.keys().join("log.key.new"));
    write_file(&unfinished, format!("{}\n", key.to_text()).as_bytes())?;
    fs::rename(&unfinished, &path).map_err(|source| BlobError::new("keep", &path, source))?;
    sync_folder(&data.keys())?;
    sync_folder(data.root())?;
    Ok(key)
}

/// Refuses a policy that does not name this log's key.
pub(crate) fn check_policy(policy: Policy, key: &SignerKey) -> Result<Policy, LogError> {
    let key = key.verifier();
    if policy.logs().iter().any(|log| log.key == key) {
        return Ok(policy);
    }
    Err(LogError::NotInPolicy {
        key: key.to_string(),
    })
}

fn read(path: &Path) -> Result<String, LogError> {
    fs::read_to_string(path).map_err(|source| LogError::Read {
        path: path.to_owned(),
        source,
    })
}

fn random() -> Result<[u8; 32], LogError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| LogError::Random)?;
    Ok(seed)
}
