use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::MirrorPlace;
use crate::files::{self, FileError};

/// Overrides what the file of Docker's settings has: a password or token, or `user:password`.
const VARIABLE: &str = "HUB_MIRROR_TOKEN";

/// The user in whose name a password alone is sent; registries that take tokens do not look at it.
const USER: &str = "hub";

/// Most bytes of a settings file.
const FILE_BYTES: u64 = 1 << 20;

/// A user and a password for a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Docker's `config.json`, of which this is all that is read.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Deserialize)]
struct DockerAuth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Credentials {
    /// What the environment has for a mirror: `HUB_MIRROR_TOKEN`, else the entry of its registry in
    /// `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`. `variable` reads one variable. None for
    /// a folder.
    ///
    /// # Errors
    /// [`CredentialsError`] when a file is there and cannot be read.
    pub fn from_environment(
        place: &MirrorPlace,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CredentialsError> {
        let Some(host) = place.registry_host() else {
            return Ok(None);
        };
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(token) = set(VARIABLE) {
            return Ok(Some(Self::parse(&token)));
        }
        let folder = set("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")));
        let Some(path) = folder.map(|folder| folder.join("config.json")) else {
            return Ok(None);
        };
        let bytes = match files::read_limited(&path, FILE_BYTES) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let config = serde_json::from_slice(&bytes);
        let config: DockerConfig =
            config.map_err(|source| CredentialsError::Malformed { path, source })?;
        Ok(config.find(&host))
    }

    fn parse(text: &str) -> Self {
        let (user, password) = text.split_once(':').unwrap_or((USER, text));
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }
}

impl DockerConfig {
    fn find(mut self, host: &str) -> Option<Credentials> {
        let keys = [
            host.to_owned(),
            format!("https://{host}"),
            format!("https://{host}/v2/"),
        ];
        let found = keys.iter().find_map(|key| self.auths.remove(key))?;
        if let (Some(user), Some(password)) = (found.username, found.password) {
            return Some(Credentials { user, password });
        }
        let decoded = String::from_utf8(BASE64.decode(found.auth?).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// Credentials cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Not what Docker writes.
    #[error("`{}` cannot be understood", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
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
    fn a_variable_wins_over_dockers_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let place: MirrorPlace = "oci://r.example.org:5000/x".parse().unwrap();
        let look = |token: Option<&str>| {
            let token = token.map(str::to_owned);
            let variable = |name: &str| match name {
                VARIABLE => token.clone(),
                "DOCKER_CONFIG" => Some(path.clone()),
                _ => None,
            };
            Credentials::from_environment(&place, variable)
        };
        let pair = |found: Option<Credentials>| found.map(|found| (found.user, found.password));
        assert_eq!(look(None).unwrap(), None);
        let file = folder.path().join("config.json");
        let config = r#"{"auths": {"r.example.org:5000": {"auth": "bWU6c2VjcmV0OjE="},
            "https://other": {"username": "u", "password": "p"}}, "credsStore": "x"}"#;
        std::fs::write(&file, config).unwrap();
        let own = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(pair(look(None).unwrap()), own("me", "secret:1"));
        assert_eq!(pair(look(Some("hub_x")).unwrap()), own("hub", "hub_x"));
        assert_eq!(pair(look(Some("a:b")).unwrap()), own("a", "b"));
        assert!(!format!("{:?}", look(None).unwrap()).contains("secret"));
        std::fs::write(&file, "{").unwrap();
        assert!(matches!(
            look(None),
            Err(CredentialsError::Malformed { .. })
        ));
        let nowhere: MirrorPlace = "/srv/mirror".parse().unwrap();
        let found = Credentials::from_environment(&nowhere, |_| Some("x".to_owned()));
        assert_eq!(found.unwrap(), None);
    }
}
