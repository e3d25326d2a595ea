//! The settings in which Docker, podman and others keep how to log in to registries.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::credentials::{Credentials, CredentialsError, Kind};
use super::helper;
use crate::files;

/// Most bytes of a settings file.
const FILE_BYTES: u64 = 1 << 20;

/// Under which all of the names of Docker Hub are kept.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Docker's `config.json`, of which this is all that is read.
pub(super) struct DockerConfig {
    path: PathBuf,
    settings: Settings,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    /// The helper of all registries that have none of their own.
    #[serde(default, rename = "credsStore")]
    store: String,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

/// What is kept for a registry; empty when a helper has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    /// Base64 of `user:password`.
    auth: String,
    username: String,
    password: String,
    #[serde(rename = "identitytoken")]
    identity_token: String,
    #[serde(rename = "registrytoken")]
    registry_token: String,
}

impl DockerConfig {
    /// None when there is no such file.
    pub(super) fn read(path: PathBuf) -> Result<Option<Self>, CredentialsError> {
        let bytes = match files::read_limited(&path, FILE_BYTES) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        match serde_json::from_slice(&bytes) {
            Ok(settings) => Ok(Some(Self { path, settings })),
            Err(source) => Err(CredentialsError::Malformed { path, source }),
        }
    }

    /// What a helper has for a registry, else what the file has. Helpers are looked for in the folders of
    /// `search_path`.
    pub(super) fn find(
        &self,
        host: &str,
        search_path: Option<&str>,
    ) -> Result<Option<Credentials>, CredentialsError> {
        let server = match host {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
            other => other,
        };
        let helpers = &self.settings.helpers;
        let own = helpers.get(host).or_else(|| helpers.get(server));
        let helper = own.unwrap_or(&self.settings.store);
        if !helper.is_empty() {
            let failed = |source| CredentialsError::Helper {
                helper: helper.clone(),
                host: host.to_owned(),
                source,
            };
            let found = helper::ask(helper, server, search_path).map_err(failed)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let auths = &self.settings.auths;
        let by_host = || {
            let mut entries = auths.iter();
            let found = entries.find(|(key, _)| host_of(key) == host_of(server));
            found.map(|(_, entry)| entry)
        };
        let Some(entry) = auths.get(server).or_else(by_host) else {
            return Ok(None);
        };
        entry
            .credentials()
            .map_err(|NoPair| CredentialsError::Entry {
                path: self.path.clone(),
                host: host.to_owned(),
            })
    }
}

/// Docker has kept registries by their addresses, too: `https://registry.example.org/v1/`.
fn host_of(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.split_once('/').map_or(key, |(host, _)| host)
}

/// What is there is no `user:password`.
struct NoPair;

impl Entry {
    fn credentials(&self) -> Result<Option<Credentials>, NoPair> {
        if !self.identity_token.is_empty() {
            return Ok(Some(Credentials(Kind::IdentityToken(
                self.identity_token.clone(),
            ))));
        }
        if !self.registry_token.is_empty() {
            return Ok(Some(Credentials(Kind::RegistryToken(
                self.registry_token.clone(),
            ))));
        }
        if !self.password.is_empty() {
            return Ok(Some(Credentials::password(&self.username, &self.password)));
        }
        if self.auth.is_empty() {
            return Ok(None);
        }
        let decoded = BASE64.decode(&self.auth).map_err(|_| NoPair)?;
        let decoded = String::from_utf8(decoded).map_err(|_| NoPair)?;
        let (user, password) = decoded.split_once(':').ok_or(NoPair)?;
        Ok(Some(Credentials::password(user, password)))
    }
}
