//! The member's signing keys on this machine.

use std::path::{Path, PathBuf};

use registry_schema::keys::{KeyError, KeyId, PublicKey, SecretKey};
use registry_schema::model_signing::{ModelPublicKey, ModelSecretKey, ModelSigningError};
use ring::rand::SystemRandom;

use crate::config::Folders;
use crate::files::{self, FileError};

/// Where a new key was written.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The secret half, PKCS#8 PEM, 0600.
    pub secret_path: PathBuf,
    /// The public half, SPKI PEM, to be given to the consortium.
    pub public_path: PathBuf,
    /// The public half.
    pub public: PublicKey,
    /// Whether the secret half was there already, and only the public half was written.
    pub was_cut_off: bool,
}

/// Makes a new Ed25519 key called `name` in the folder of keys. An existing one is never replaced; one of which
/// only the secret half is there, as an interruption leaves it, gets its public half.
///
/// # Errors
/// [`KeyFileError`] when there is one of that name, or no randomness, or no room.
pub fn generate(folders: &Folders, name: &str) -> Result<NewKey, KeyFileError> {
    let secret_path = path_of(folders, name)?;
    let public_path = secret_path.with_extension("pub.pem");
    let was_cut_off = is_secret_half(&secret_path, &public_path)?;
    let secret = match was_cut_off {
        true => load(folders, name)?,
        false => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|source| KeyFileError::Randomness { source })?;
            SecretKey::from_seed(&seed)
        }
    };
    let public = secret.public();
    let key_error = |source| KeyFileError::Key {
        path: secret_path.clone(),
        source,
    };
    let (secret_pem, public_pem) = (
        secret.to_pem().map_err(key_error)?,
        public.to_pem().map_err(key_error)?,
    );
    if !was_cut_off {
        files::write_new(&secret_path, secret_pem.as_bytes())?;
    }
    files::write_new(&public_path, public_pem.as_bytes())?;
    Ok(NewKey {
        secret_path,
        public_path,
        public,
        was_cut_off,
    })
}

/// The secret key called `name`, or at a path when `name` holds a `/` or ends in `.pem`.
///
/// # Errors
/// [`KeyFileError`] when it is missing or no Ed25519 key.
pub fn load(folders: &Folders, name: &str) -> Result<SecretKey, KeyFileError> {
    let path = path_or_name(folders, name)?;
    let text = read_text(&path)?;
    SecretKey::from_pem(&text).map_err(|source| KeyFileError::Key { path, source })
}

/// The public half of the key called `name`; at a path when `name` holds a `/` or a `.`.
///
/// # Errors
/// [`KeyFileError`] when it is missing or no Ed25519 key.
pub fn public(folders: &Folders, name: &str) -> Result<PublicKey, KeyFileError> {
    if name.contains(['/', '.']) {
        load_public(Path::new(name))
    } else {
        load_public(&path_of(folders, name)?.with_extension("pub.pem"))
    }
}

/// The id of a key: as 64 hex digits, or of the public key called `name` or at a path.
///
/// # Errors
/// [`KeyFileError`] when it is missing or no Ed25519 key.
pub fn id_of(folders: &Folders, name: &str) -> Result<KeyId, KeyFileError> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    Ok(public(folders, name)?.id())
}

/// Where a new key for `model.sig` was written.
#[derive(Clone, Debug)]
pub struct NewModelKey {
    /// The secret half, PKCS#8 PEM, 0600.
    pub secret_path: PathBuf,
    /// The public half, SPKI PEM, for whoever verifies.
    pub public_path: PathBuf,
    /// The public half.
    pub public: ModelPublicKey,
    /// Whether the secret half was there already, and only the public half was written.
    pub was_cut_off: bool,
}

/// Makes a new P-256 key called `name` for [`registry_schema::model_signing`]. An existing one is
/// never replaced; one of which only the secret half is there gets its public half.
///
/// # Errors
/// [`KeyFileError`] when there is one of that name, or no randomness, or no room.
pub fn generate_model_signing(folders: &Folders, name: &str) -> Result<NewModelKey, KeyFileError> {
    let secret_path = path_of(folders, name)?;
    let public_path = secret_path.with_extension("pub.pem");
    let key_error = |source| KeyFileError::ModelKey {
        path: secret_path.clone(),
        source,
    };
    let was_cut_off = is_secret_half(&secret_path, &public_path)?;
    let secret = match was_cut_off {
        true => load_model_signing(folders, name)?,
        false => ModelSecretKey::generate(&SystemRandom::new()).map_err(key_error)?,
    };
    let public = secret.public().map_err(key_error)?;
    let (secret_pem, public_pem) = (
        secret.to_pem().map_err(key_error)?,
        public.to_pem().map_err(key_error)?,
    );
    if !was_cut_off {
        files::write_new(&secret_path, secret_pem.as_bytes())?;
    }
    files::write_new(&public_path, public_pem.as_bytes())?;
    Ok(NewModelKey {
        secret_path,
        public_path,
        public,
        was_cut_off,
    })
}

/// The secret P-256 key called `name`, or at a path when `name` holds a `/` or ends in `.pem`.
///
/// # Errors
/// [`KeyFileError`] when it is missing or no P-256 key.
pub fn load_model_signing(folders: &Folders, name: &str) -> Result<ModelSecretKey, KeyFileError> {
    let path = path_or_name(folders, name)?;
    let text = read_text(&path)?;
    ModelSecretKey::from_pem(&text, &SystemRandom::new())
        .map_err(|source| KeyFileError::ModelKey { path, source })
}

/// Reads a public key from a PEM file.
///
/// # Errors
/// [`KeyFileError`] when it is missing or no Ed25519 key.
pub fn load_public(path: &Path) -> Result<PublicKey, KeyFileError> {
    let text = read_text(path)?;
    PublicKey::from_pem(&text).map_err(|source| KeyFileError::Key {
        path: path.to_owned(),
        source,
    })
}

/// Whether of a pair the secret half alone is there.
///
/// # Errors
/// [`KeyFileError::File`] when the public half is there: it may be another's, and is never replaced.
fn is_secret_half(secret_path: &Path, public_path: &Path) -> Result<bool, KeyFileError> {
    if public_path.symlink_metadata().is_ok() {
        let source = std::io::ErrorKind::AlreadyExists.into();
        return Err(FileError::new("cannot write", public_path, source).into());
    }
    Ok(secret_path.symlink_metadata().is_ok())
}

fn path_or_name(folders: &Folders, name: &str) -> Result<PathBuf, KeyFileError> {
    if name.contains('/') || name.ends_with(".pem") {
        Ok(PathBuf::from(name))
    } else {
        path_of(folders, name)
    }
}

fn path_of(folders: &Folders, name: &str) -> Result<PathBuf, KeyFileError> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if name.is_empty() || !plain {
        return Err(KeyFileError::Name {
            name: name.to_owned(),
        });
    }
    Ok(folders.keys().join(format!("{name}.pem")))
}

fn read_text(path: &Path) -> Result<String, KeyFileError> {
    let bytes = match files::read_limited(path, 1 << 16) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(KeyFileError::Missing {
                path: path.to_owned(),
            });
        }
        other => other?,
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A key cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A name that is no file name.
    #[error("`{name}` is no name for a key: use letters, digits, `-` and `_`")]
    Name {
        /// What was given.
        name: String,
    },
    /// No such file.
    #[error("there is no key at `{}`: make one with `hub keygen`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Not an Ed25519 key.
    #[error("`{}` cannot be used", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// Not a P-256 key.
    #[error("`{}` cannot be used", path.display())]
    ModelKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ModelSigningError,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Randomness {
        /// What it said.
        #[source]
        source: getrandom::Error,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_by_name_or_path() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        let new = generate(&folders, "default").unwrap();
        assert!(generate(&folders, "default").is_err(), "never replaced");
        assert_eq!(load(&folders, "default").unwrap().public(), new.public);
        assert_eq!(
            load(&folders, new.secret_path.to_str().unwrap())
                .unwrap()
                .public(),
            new.public
        );
        assert_eq!(load_public(&new.public_path).unwrap(), new.public);
        let by_path = new.public_path.to_str().unwrap();
        for name in ["default", by_path] {
            assert_eq!(public(&folders, name).unwrap(), new.public, "{name}");
        }
        for (name, is_no_name) in [("other", false), ("other.pub", false), ("", true)] {
            let error = public(&folders, name).unwrap_err();
            assert_eq!(
                matches!(error, KeyFileError::Name { .. }),
                is_no_name,
                "{name}"
            );
        }
        let id = new.public.id();
        assert_eq!(id_of(&folders, "default").unwrap(), id);
        assert_eq!(id_of(&folders, &id.to_string()).unwrap(), id);
        assert!(
            load_public(&new.secret_path).is_err(),
            "a secret key is not taken for a public one"
        );
        assert!(matches!(
            load(&folders, "other"),
            Err(KeyFileError::Missing { .. })
        ));
        assert!(matches!(load(&folders, ""), Err(KeyFileError::Name { .. })));
    }

    #[test]
    fn a_key_that_was_cut_off_between_its_halves_is_completed() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        let new = generate(&folders, "default").unwrap();
        assert!(!new.was_cut_off);
        std::fs::remove_file(&new.public_path).unwrap();
        let again = generate(&folders, "default").unwrap();
        assert!(again.was_cut_off);
        assert_eq!(again.public, new.public);
        assert_eq!(load_public(&again.public_path).unwrap(), new.public);
        let new = generate_model_signing(&folders, "p256").unwrap();
        std::fs::remove_file(&new.public_path).unwrap();
        let of_the_other_kind = generate(&folders, "p256");
        assert!(matches!(of_the_other_kind, Err(KeyFileError::Key { .. })));
        let again = generate_model_signing(&folders, "p256").unwrap();
        assert!(again.was_cut_off);
        assert_eq!(again.public, new.public);
    }

    #[test]
    fn a_public_key_of_another_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        let bob = folders.keys().join("bob.pub.pem");
        files::write_new(&bob, b"bob's").unwrap();
        let refused = generate(&folders, "bob");
        assert!(matches!(refused, Err(KeyFileError::File(_))));
        assert_eq!(std::fs::read(&bob).unwrap(), b"bob's");
        assert!(!folders.keys().join("bob.pem").exists());
    }

    #[test]
    fn keys_of_the_two_kinds_are_not_taken_for_each_other() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        let new = generate_model_signing(&folders, "model-signing").unwrap();
        assert!(generate_model_signing(&folders, "model-signing").is_err());
        let loaded = load_model_signing(&folders, "model-signing").unwrap();
        assert_eq!(loaded.public().unwrap(), new.public);
        assert!(matches!(
            load(&folders, "model-signing"),
            Err(KeyFileError::Key { .. })
        ));
        generate(&folders, "default").unwrap();
        assert!(matches!(
            load_model_signing(&folders, "default"),
            Err(KeyFileError::ModelKey { .. })
        ));
    }
}
