//! The hub's online key, in the data folder.

use std::fs;

use registry_schema::keys::{PublicKey, SecretKey};

use super::TrustError;
use crate::blobs::{BlobError, create_private_folder, sync_folder, write_file};
use crate::config::DataFolder;

/// Reads the online key.
pub(crate) fn load_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    let path = data.online_key();
    if !path.exists() {
        return Err(TrustError::NoKey { path });
    }
    let text = fs::read_to_string(&path).map_err(|source| TrustError::Read {
        path: path.clone(),
        source,
    })?;
    SecretKey::from_pem(&text).map_err(|source| TrustError::Key { path, source })
}

/// Reads the online key, or makes it when there is none; its public half lies beside it.
pub(crate) fn load_or_make_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    match load_key(data) {
        Err(TrustError::NoKey { .. }) => make(data),
        other => other,
    }
}

fn make(data: &DataFolder) -> Result<SecretKey, TrustError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| TrustError::Random)?;
    let key = SecretKey::from_seed(&seed);
    let path = data.online_key();
    let unreadable = |source| TrustError::Key {
        path: path.clone(),
        source,
    };
    create_private_folder(data.root())?;
    create_private_folder(&data.keys())?;
    // Beside its place first: half a key would be none for ever.
    let unfinished = path.with_extension("pem.new");
    write_file(&unfinished, key.to_pem().map_err(unreadable)?.as_bytes())?;
    let public = key.public().to_pem().map_err(unreadable)?;
    write_file(&path.with_extension("pub.pem"), public.as_bytes())?;
    fs::rename(&unfinished, &path).map_err(|source| BlobError::new("keep", &path, source))?;
    sync_folder(&data.keys())?;
    sync_folder(data.root())?;
    Ok(key)
}

/// The key as `hub consortium init --online-key` takes it: 64 hex digits.
pub(crate) fn public_text(key: &PublicKey) -> String {
    key.to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
