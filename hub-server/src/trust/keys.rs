//! The hub's online key, in the data folder.

use std::fs;
use std::io::ErrorKind;

use registry_schema::keys::{PublicKey, SecretKey};

use super::TrustError;
use crate::blobs::{Existing, create_private_folder, sync_folder, write_file};
use crate::config::DataFolder;

/// Reads the online key.
pub(crate) fn load_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    let path = data.online_key();
    let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => TrustError::NoKey { path: path.clone() },
        _ => TrustError::Read {
            path: path.clone(),
            source,
        },
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
    let secret = key.to_pem().map_err(unreadable)?;
    let public = key.public().to_pem().map_err(unreadable)?;
    write_file(&path, secret.as_bytes(), Existing::Stays)?;
    let public_path = path.with_extension("pub.pem");
    write_file(&public_path, public.as_bytes(), Existing::IsReplaced)?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_a_key_that_is_not_there_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        let made = load_or_make_key(&data).unwrap().public();
        assert_eq!(load_or_make_key(&data).unwrap().public(), made);
        fs::remove_file(data.online_key()).unwrap();
        std::os::unix::fs::symlink("online.pem", data.online_key()).unwrap();
        let refused = load_or_make_key(&data);
        assert!(refused.is_err(), "what cannot be read is not replaced");
        assert!(data.online_key().is_symlink());
    }
}
