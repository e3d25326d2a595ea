//! The hub's online key, in the data folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use registry_schema::keys::{PublicKey, SecretKey};
use registry_schema::tuf::TufError;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::metadata::TufKeyId;

use super::TrustError;
use crate::blobs::{BlobError, Existing, create_private_folder, sync_folder, write_file};
use crate::cause::chain;
use crate::config::DataFolder;

/// The online key of an open hub, and the one that is to take its place, if there is one.
#[derive(Debug)]
pub(crate) struct OnlineKey {
    data: DataFolder,
    present: Mutex<SecretKey>,
}

impl OnlineKey {
    /// Reads the key that a state's root names.
    ///
    /// # Errors
    /// [`TrustError`], also when the hub has another one.
    pub(crate) fn open(data: &DataFolder, state: &Bundle) -> Result<Self, TrustError> {
        let key = Self {
            data: data.clone(),
            present: Mutex::new(load_key(data)?),
        };
        key.follow(state)?;
        Ok(key)
    }

    /// The one in use.
    pub(crate) fn present(&self) -> SecretKey {
        let present = self.present.lock();
        present.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It, and the one that is to take its place.
    ///
    /// # Errors
    /// [`TrustError`] when the other one cannot be read.
    pub(crate) fn all(&self) -> Result<Vec<SecretKey>, TrustError> {
        let next = load_next_key(&self.data)?;
        Ok([self.present()].into_iter().chain(next).collect())
    }

    /// Takes the next key in the place of the present one, if a state's root names it.
    ///
    /// # Errors
    /// [`TrustError`] when it names neither.
    pub(crate) fn follow(&self, state: &Bundle) -> Result<(), TrustError> {
        let named = state.online_key()?;
        let is_named = |key: &SecretKey| TufKeyId::of(&key.public()) == named;
        if is_named(&self.present()) {
            return Ok(());
        }
        let next = load_next_key(&self.data)?.filter(is_named);
        let next = next.ok_or(TufError::OnlineKey)?;
        // Under whichever name: at the next start it is looked for under both.
        if let Err(error) = take_next(&self.data, &next) {
            let error = chain(&error);
            tracing::error!(error, "the new online key cannot be given its name");
        }
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// What is signed by the one of these keys that the trust root names.
///
/// # Errors
/// What `sign` says, [`TufError::OnlineKey`] when it is none of them.
pub(crate) fn by_named_key<T>(
    keys: &[SecretKey],
    sign: impl Fn(&SecretKey) -> Result<T, TufError>,
) -> Result<T, TufError> {
    for key in keys {
        match sign(key) {
            Err(TufError::OnlineKey) => {}
            other => return other,
        }
    }
    Err(TufError::OnlineKey)
}

/// Reads the online key.
pub(crate) fn load_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    load(data.online_key())
}

/// Reads the key that is to take its place; `None` when there is none.
pub(crate) fn load_next_key(data: &DataFolder) -> Result<Option<SecretKey>, TrustError> {
    match load(data.next_online_key()) {
        Err(TrustError::NoKey { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// Reads the online key, or makes it when there is none; its public half lies beside it.
pub(crate) fn load_or_make_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    match load_key(data) {
        Err(TrustError::NoKey { .. }) => {
            let key = make(data, &data.online_key())?;
            write_public(data, &key)?;
            Ok(key)
        }
        other => other,
    }
}

/// The same of the key that is to take its place.
pub(crate) fn load_or_make_next_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    match load_next_key(data)? {
        Some(key) => Ok(key),
        None => make(data, &data.next_online_key()),
    }
}

fn load(path: PathBuf) -> Result<SecretKey, TrustError> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) if source.kind() == ErrorKind::NotFound => {
            return Err(TrustError::NoKey { path });
        }
        Err(source) => return Err(TrustError::Read { path, source }),
    };
    SecretKey::from_pem(&text).map_err(|source| TrustError::Key { path, source })
}

fn make(data: &DataFolder, path: &Path) -> Result<SecretKey, TrustError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| TrustError::Random)?;
    let key = SecretKey::from_seed(&seed);
    create_private_folder(data.root())?;
    create_private_folder(&data.keys())?;
    let secret = key.to_pem().map_err(|source| TrustError::Key {
        path: path.to_owned(),
        source,
    })?;
    write_file(path, secret.as_bytes(), Existing::Stays)?;
    sync_folder(data.root())?;
    Ok(key)
}

fn write_public(data: &DataFolder, key: &SecretKey) -> Result<(), TrustError> {
    let path = data.online_key().with_extension("pub.pem");
    let public = key.public().to_pem().map_err(|source| TrustError::Key {
        path: path.clone(),
        source,
    })?;
    Ok(write_file(&path, public.as_bytes(), Existing::IsReplaced)?)
}

/// Gives the next key the name of the present one, which is gone then.
fn take_next(data: &DataFolder, next: &SecretKey) -> Result<(), TrustError> {
    let (from, to) = (data.next_online_key(), data.online_key());
    fs::rename(&from, to).map_err(|source| BlobError::new("rename", &from, source))?;
    write_public(data, next)
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
