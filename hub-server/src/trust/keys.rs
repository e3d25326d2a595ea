//! The hub's online keys, in the data folder: the present one, the one that is to take its place, and those that
//! were replaced, with which a backup of their time is brought back.

use std::fs;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
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
        // The hub was stopped before the file had its new name, or could not rename it.
        key.follow(state)?;
        Ok(key)
    }

    /// Takes the next key in the place of the present one, when that is what a state's root names.
    ///
    /// # Errors
    /// [`TrustError`], also when it names neither.
    pub(crate) fn follow(&self, state: &Bundle) -> Result<(), TrustError> {
        let named = state.online_key()?;
        let is_named = |key: &SecretKey| TufKeyId::of(&key.public()) == named;
        if !is_named(&self.present()) {
            let next = load_next_key(&self.data)?.filter(is_named);
            self.take(next.ok_or(TufError::OnlineKey)?);
        }
        Ok(())
    }

    /// The one in use.
    pub(crate) fn present(&self) -> SecretKey {
        let present = self.present.lock();
        present.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is signed by the present key or, when the trust root names another one, by the next key. That one is
    /// returned, too: it is to be [taken](Self::take) when what it has signed is on the disk.
    ///
    /// # Errors
    /// What `sign` says; [`TufError::OnlineKey`] when neither is named; [`TrustError`] when the present key is not
    /// named, and the next one cannot be read.
    pub(crate) fn sign<T>(
        &self,
        sign: impl Fn(&SecretKey) -> Result<T, TufError>,
    ) -> Result<(T, Option<SecretKey>), TrustError> {
        match sign(&self.present()) {
            Err(TufError::OnlineKey) => {}
            other => return Ok((other?, None)),
        }
        let next = load_next_key(&self.data)?.ok_or(TufError::OnlineKey)?;
        Ok((sign(&next)?, Some(next)))
    }

    /// Takes the next key in the place of the present one. The trust root names it by now, so it is used whatever
    /// becomes of the files: at the next start it is looked for under both names.
    pub(crate) fn take(&self, next: SecretKey) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = keep_replaced(&self.data, &present);
        if let Err(error) = kept.and_then(|()| take_next(&self.data, &next)) {
            let error = chain(&error);
            tracing::error!(error, "the new online key cannot be given its name");
        }
        *present = next;
    }
}

/// What is signed by the key that the trust root names, of all that are, were or are to be the hub's.
///
/// # Errors
/// What `sign` says; when it is none of them [`TufError::OnlineKey`], or why one could not be read.
pub(crate) fn by_named_key<T>(
    data: &DataFolder,
    sign: impl Fn(&SecretKey) -> Result<T, TufError>,
) -> Result<T, TrustError> {
    let mut unread = None;
    for path in iter::once(data.online_key()).chain(other_keys(data)?) {
        match load(path) {
            Ok(key) => match sign(&key) {
                Err(TufError::OnlineKey) => {}
                other => return Ok(other?),
            },
            Err(error) => unread = unread.or(Some(error)),
        }
    }
    Err(unread.unwrap_or_else(|| TufError::OnlineKey.into()))
}

/// The files of the next key and of those that were replaced.
fn other_keys(data: &DataFolder) -> Result<Vec<PathBuf>, TrustError> {
    let folder = data.keys();
    let error = |source| TrustError::Read {
        path: folder.clone(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("online-") && name.ends_with(".pem") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Reads the online key.
pub(crate) fn load_key(data: &DataFolder) -> Result<SecretKey, TrustError> {
    load(data.online_key())
}

/// Reads the key that is to take its place; `None` when there is none.
fn load_next_key(data: &DataFolder) -> Result<Option<SecretKey>, TrustError> {
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

/// The same of the key that is to take its place. Of one that was there, since when.
pub(crate) fn load_or_make_next_key(
    data: &DataFolder,
) -> Result<(SecretKey, Option<Timestamp>), TrustError> {
    let path = data.next_online_key();
    match load_next_key(data)? {
        Some(key) => Ok((key, Some(written_at(&path)?))),
        None => Ok((make(data, &path)?, None)),
    }
}

/// Puts a key aside that was to take its place, if there is one: another one is to.
pub(crate) fn put_next_key_aside(data: &DataFolder) -> Result<(), TrustError> {
    let Some(next) = load_next_key(data)? else {
        return Ok(());
    };
    keep_replaced(data, &next)?;
    let path = data.next_online_key();
    fs::remove_file(&path).map_err(|source| BlobError::new("remove", &path, source))?;
    Ok(sync_folder(&data.keys())?)
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

fn written_at(path: &Path) -> Result<Timestamp, TrustError> {
    let error = |source| TrustError::Read {
        path: path.to_owned(),
        source,
    };
    let data = fs::metadata(path).map_err(error)?;
    let modified = data.modified().map_err(error)?;
    Timestamp::try_from(modified).map_err(|source| error(io::Error::other(source)))
}

fn make(data: &DataFolder, path: &Path) -> Result<SecretKey, TrustError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| TrustError::Random)?;
    let key = SecretKey::from_seed(&seed);
    create_private_folder(data.root())?;
    create_private_folder(&data.keys())?;
    write_secret(path, &key, Existing::Stays)?;
    sync_folder(data.root())?;
    Ok(key)
}

fn write_secret(path: &Path, key: &SecretKey, existing: Existing) -> Result<(), TrustError> {
    let secret = key.to_pem().map_err(|source| TrustError::Key {
        path: path.to_owned(),
        source,
    })?;
    Ok(write_file(path, secret.as_bytes(), existing)?)
}

fn write_public(data: &DataFolder, key: &SecretKey) -> Result<(), TrustError> {
    let path = data.online_key().with_extension("pub.pem");
    let public = key.public().to_pem().map_err(|source| TrustError::Key {
        path: path.clone(),
        source,
    })?;
    Ok(write_file(&path, public.as_bytes(), Existing::IsReplaced)?)
}

/// Keeps a key beside the one in its place: what it signed cannot be continued from a backup without it.
fn keep_replaced(data: &DataFolder, key: &SecretKey) -> Result<(), TrustError> {
    let path = data.replaced_online_key(&public_text(&key.public()));
    write_secret(&path, key, Existing::IsReplaced)
}

/// Gives the next key the name of the present one.
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

    /// Signs with one key alone, as a root demands that names it.
    fn only(wanted: &SecretKey) -> impl Fn(&SecretKey) -> Result<(), TufError> {
        let wanted = wanted.public();
        move |key| {
            if key.public() == wanted {
                Ok(())
            } else {
                Err(TufError::OnlineKey)
            }
        }
    }

    #[test]
    fn the_key_that_signed_is_taken_and_the_one_before_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        let first = load_or_make_key(&data).unwrap();
        let online = OnlineKey {
            data: data.clone(),
            present: Mutex::new(first.clone()),
        };
        let (second, _) = load_or_make_next_key(&data).unwrap();
        assert!(online.sign(only(&first)).unwrap().1.is_none());
        let ((), next) = online.sign(only(&second)).unwrap();
        online.take(next.unwrap());
        assert_eq!(load_key(&data).unwrap().public(), second.public());
        assert!(load_next_key(&data).unwrap().is_none());
        by_named_key(&data, only(&first)).unwrap();
        // What the third one has signed is on the disk, and its file is gone meanwhile.
        let (third, _) = load_or_make_next_key(&data).unwrap();
        let ((), next) = online.sign(only(&third)).unwrap();
        fs::remove_file(data.next_online_key()).unwrap();
        online.take(next.unwrap());
        assert_eq!(online.present().public(), third.public());
        // A next key that cannot be read hinders nothing that others sign.
        fs::write(data.next_online_key(), "none").unwrap();
        assert!(online.sign(only(&third)).unwrap().1.is_none());
        by_named_key(&data, only(&first)).unwrap();
        let foreign = SecretKey::from_seed(&[9; 32]);
        for error in [
            online.sign(only(&foreign)).unwrap_err(),
            by_named_key(&data, only(&foreign)).unwrap_err(),
        ] {
            assert!(error.to_string().contains("online-next.pem"), "{error}");
        }
    }

    #[test]
    fn a_next_key_that_is_there_is_told_of_and_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        put_next_key_aside(&data).unwrap();
        let (made, since) = load_or_make_next_key(&data).unwrap();
        assert!(since.is_none());
        let (again, since) = load_or_make_next_key(&data).unwrap();
        assert!(again.public() == made.public() && since.is_some());
        put_next_key_aside(&data).unwrap();
        let (other, since) = load_or_make_next_key(&data).unwrap();
        assert!(other.public() != made.public() && since.is_none());
        by_named_key(&data, only(&made)).unwrap();
    }
}
