//! Where things are, and which hub is meant: flags over environment over the user's file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, FileLock};

/// The folders everything lives in.
///
/// With `HUB_HOME` set, all are below it. Otherwise they follow the XDG base directory
/// specification: `$XDG_CONFIG_HOME/hub`, `$XDG_DATA_HOME/hub`, `$XDG_CACHE_HOME/hub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Settings, token and keys.
    pub config: PathBuf,
    /// Extractors, heads and the runtime library.
    pub data: PathBuf,
    /// Computed features; may be deleted at any time.
    pub cache: PathBuf,
}

impl Folders {
    /// All folders below one.
    pub fn under(home: &Path) -> Self {
        Self {
            config: home.to_owned(),
            data: home.to_owned(),
            cache: home.join("cache"),
        }
    }

    /// The folders the environment asks for; `variable` reads one of its variables, as
    /// `std::env::var_os` does.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`] when neither `HUB_HOME`, the XDG variables nor `HOME` is set;
    /// [`ConfigError::NotText`] when the one that counts is not UTF-8: paths are shown, and told as JSON.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let path = |name: &'static str| {
            let value = variable(name).filter(|value| !value.is_empty());
            let text = value.map(OsString::into_string).transpose();
            text.map(|text| text.map(PathBuf::from))
                .map_err(|_| ConfigError::NotText { variable: name })
        };
        if let Some(home) = path("HUB_HOME")? {
            return Ok(Self::under(&home));
        }
        let xdg = |name: &'static str, fallback: &str| -> Result<PathBuf, ConfigError> {
            let base = match path(name)?.filter(|path| path.is_absolute()) {
                Some(base) => base,
                None => path("HOME")?.ok_or(ConfigError::NoHome)?.join(fallback),
            };
            Ok(base.join("hub"))
        };
        Ok(Self {
            config: xdg("XDG_CONFIG_HOME", ".config")?,
            data: xdg("XDG_DATA_HOME", ".local/share")?,
            cache: xdg("XDG_CACHE_HOME", ".cache")?,
        })
    }

    /// The user's settings file.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The folder of secret keys.
    pub fn keys(&self) -> PathBuf {
        self.config.join("keys")
    }

    /// The consortium's trust root, as far as it was followed.
    pub fn trust(&self) -> PathBuf {
        self.config.join("trust")
    }

    /// The last checkpoints seen of logs, and evidence against them.
    pub fn log(&self) -> PathBuf {
        self.config.join("log")
    }

    /// Tiles of logs; may be deleted at any time.
    pub fn log_tiles(&self) -> PathBuf {
        self.cache.join("log")
    }

    /// The content-addressed store of pulled releases.
    pub fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    /// Trained heads.
    pub fn heads(&self) -> PathBuf {
        self.data.join("heads")
    }

    /// Where packs are unpacked before they are installed: with the store, so that files can be moved there.
    pub fn imports(&self) -> PathBuf {
        self.data.join("imports")
    }

    /// The folder of this machine's witness.
    pub fn witness(&self) -> PathBuf {
        self.data.join("witness")
    }

    /// Where the onnxruntime library may be put.
    pub fn runtime(&self) -> PathBuf {
        self.data.join("runtime")
    }

    /// Cached features.
    pub fn features(&self) -> PathBuf {
        self.cache.join("features")
    }
}

/// The user's file, `config.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// The hub, written by `hub login`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<HubConfig>,
    /// SHA-256 of the root from which this user follows the consortium, written by `hub trust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_root: Option<Digest>,
    /// How many other members must have found a release fit before a floating reference such as
    /// `@2` moves to it; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluations_required: Option<u32>,
    /// Where files of releases come from as far as they are there: `oci://registry/path/` or a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Threads of the runtime and the decoders; all cores when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
}

/// One hub and how to reach it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// Its address: `https://…`, or `http://` on loopback.
    pub url: String,
    /// The access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// SHA-256 of the only certificate to accept, for hubs with a self-made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Digest>,
    /// The certificate that this client shows, for hubs that know their members by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

/// A client's own certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The file of the chain (PEM), the client's own first.
    pub chain: PathBuf,
    /// The file of its secret key (PEM).
    pub key: PathBuf,
}

impl std::fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("HubConfig")
            .field("url", &self.url)
            .field("token", &token)
            .finish_non_exhaustive()
    }
}

impl UserConfig {
    /// Reads the user's file; one that is not there is empty.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read or understood.
    pub fn load(folders: &Folders) -> Result<Self, ConfigError> {
        let path = folders.config_file();
        let bytes = match files::read_limited(&path, 1 << 20) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            other => other?,
        };
        let text = String::from_utf8_lossy(&bytes);
        toml::from_str(&text).map_err(|source| ConfigError::Malformed {
            path,
            source: Box::new(source),
        })
    }

    /// Changes the user's file, 0600, as it is now: another process may have written it since it was read. What
    /// it says then.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read, understood or written.
    pub fn change(folders: &Folders, change: impl FnOnce(&mut Self)) -> Result<Self, ConfigError> {
        let _lock = FileLock::acquire(&folders.config.join("config.lock"))?;
        let mut config = Self::load(folders)?;
        change(&mut config);
        let text =
            toml::to_string_pretty(&config).map_err(|source| ConfigError::Write { source })?;
        files::write_atomic(folders.config_file(), text.as_bytes())?;
        Ok(config)
    }
}

/// Settings cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No place to live.
    #[error("neither HUB_HOME nor HOME is set: set HUB_HOME to a folder of your own")]
    NoHome,
    /// A path that cannot be shown.
    #[error("{variable} is not UTF-8: set HUB_HOME to a folder whose path is")]
    NotText {
        /// Which variable.
        variable: &'static str,
    },
    /// Not TOML, or an unknown key.
    #[error("`{}` cannot be understood", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Cannot be written as TOML.
    #[error("the settings cannot be written as TOML")]
    Write {
        /// What the writer met.
        #[source]
        source: toml::ser::Error,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn folders(variables: &[(&str, &str)]) -> Result<Folders, ConfigError> {
        Folders::from_environment(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn hub_home_wins_then_xdg_then_home() {
        let all = folders(&[("HUB_HOME", "/h"), ("XDG_DATA_HOME", "/x"), ("HOME", "/u")]).unwrap();
        assert_eq!(all, Folders::under(Path::new("/h")));
        let xdg = folders(&[("XDG_DATA_HOME", "/x"), ("HOME", "/u")]).unwrap();
        assert_eq!(xdg.data, Path::new("/x/hub"));
        assert_eq!(xdg.config, Path::new("/u/.config/hub"));
        assert_eq!(
            folders(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/u")])
                .unwrap()
                .cache,
            Path::new("/u/.cache/hub")
        );
        assert!(matches!(folders(&[]), Err(ConfigError::NoHome)));
    }

    #[test]
    fn settings_round_trip_and_hide_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::under(folder.path());
        assert_eq!(UserConfig::load(&folders).unwrap(), UserConfig::default());
        let hub = HubConfig {
            url: "https://h".into(),
            token: Some("hub_secret".into()),
            certificate: None,
            client_certificate: Some(ClientCertificate {
                chain: "/etc/hub/alpha.pem".into(),
                key: "/etc/hub/alpha.key".into(),
            }),
        };
        let config = UserConfig {
            hub: Some(hub),
            first_root: Some(Digest::of(b"p")),
            evaluations_required: Some(2),
            mirror: Some("oci://registry.example.org/hub/".into()),
            threads: Some(2),
        };
        let written = UserConfig::change(&folders, |all| all.clone_from(&config));
        assert_eq!(written.unwrap(), config);
        assert_eq!(UserConfig::load(&folders).unwrap(), config);
        assert!(!format!("{config:?}").contains("secret"));
        // What another process has written since stays.
        let changed = UserConfig::change(&folders, |all| all.threads = None).unwrap();
        assert_eq!(changed.hub, config.hub);
    }
}
