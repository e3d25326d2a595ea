use std::fmt;
use std::path::PathBuf;

use super::MirrorPlace;
use super::docker::DockerConfig;
use super::helper::HelperError;
use crate::files::FileError;

/// Overrides what the file of Docker's settings has: a password or token, or `user:password`.
const VARIABLE: &str = "HUB_MIRROR_TOKEN";

/// The user in whose name a password alone is sent; registries that take tokens do not look at it.
const USER: &str = "hub";

/// What a registry lets somebody in with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(pub(super) Kind);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A user and a password.
    Password { user: String, password: String },
    /// What a registry's own token is had for (OAuth 2.0, RFC 6749 §6), as `docker login` keeps it.
    IdentityToken(String),
    /// The registry's own token.
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Password { .. } => "Credentials(password)",
            Kind::IdentityToken(_) => "Credentials(identity token)",
            Kind::RegistryToken(_) => "Credentials(registry token)",
        })
    }
}

impl Credentials {
    /// What the environment has for a mirror: `HUB_MIRROR_TOKEN`, else what Docker's settings
    /// (`$DOCKER_CONFIG/config.json` or `~/.docker/config.json`) have for its registry, by a credential
    /// helper or in the file. `variable` reads one variable. None for a folder. A helper is a program
    /// that may ask its user, so this may take long.
    ///
    /// # Errors
    /// [`CredentialsError`] when the file is there and cannot be understood, or the helper fails.
    pub fn from_environment(
        place: &MirrorPlace,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CredentialsError> {
        let Some(host) = place.registry_host() else {
            return Ok(None);
        };
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(token) = set(VARIABLE) {
            let (user, password) = token.split_once(':').unwrap_or((USER, &token));
            return Ok(Some(Self::password(user, password)));
        }
        let folder = set("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")));
        let Some(config) = folder.map(|folder| folder.join("config.json")) else {
            return Ok(None);
        };
        match DockerConfig::read(config)? {
            Some(config) => config.find(&host, set("PATH").as_deref()),
            None => Ok(None),
        }
    }

    pub(super) fn password(user: &str, password: &str) -> Self {
        Self(Kind::Password {
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
    /// An entry that holds no user and password.
    #[error("what `{}` has for {host} is no user and password", path.display())]
    Entry {
        /// Which file.
        path: PathBuf,
        /// The registry.
        host: String,
    },
    /// The program that keeps passwords does not give one.
    #[error("the credential helper `{helper}` gives no password for {host}")]
    Helper {
        /// Its name, as Docker's settings have it.
        helper: String,
        /// The registry.
        host: String,
        /// Why.
        #[source]
        source: HelperError,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::path::Path;

    use super::*;

    /// What is found for a registry with a settings file of Docker's and these variables besides.
    fn find(
        place: &str,
        config: &str,
        variables: &[(&str, &str)],
    ) -> Result<Option<Credentials>, CredentialsError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let path = folder.path().display().to_string();
        let place: MirrorPlace = place.parse().unwrap();
        Credentials::from_environment(&place, |name| {
            let given = variables.iter().find(|(known, _)| *known == name);
            match given {
                Some((_, value)) => Some((*value).to_owned()),
                None => (name == "DOCKER_CONFIG").then(|| path.clone()),
            }
        })
    }

    const PLACE: &str = "oci://r.example.org:5000/x";

    fn own(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::password(user, password))
    }

    #[test]
    fn a_variable_wins_over_dockers_file() {
        let config = r#"{"auths": {"r.example.org:5000": {"auth": "bWU6c2VjcmV0OjE="},
            "https://other/v1/": {"username": "u", "password": "p"},
            "https://index.docker.io/v1/": {"identitytoken": "long"}, "empty": {}}}"#;
        let found = |place: &str| find(place, config, &[]).unwrap();
        assert_eq!(found(PLACE), own("me", "secret:1"));
        assert_eq!(found("oci://other/x"), own("u", "p"));
        let token = Credentials(Kind::IdentityToken("long".into()));
        for hub in ["docker.io", "registry-1.docker.io"] {
            assert_eq!(found(&format!("oci://{hub}/a/b")), Some(token.clone()));
        }
        assert_eq!(found("oci://empty/x"), None);
        assert_eq!(found("oci://elsewhere/x"), None);
        for (given, expected) in [("hub_x", own("hub", "hub_x")), ("a:b", own("a", "b"))] {
            assert_eq!(find(PLACE, config, &[(VARIABLE, given)]).unwrap(), expected);
        }
        assert!(!format!("{:?}", found(PLACE)).contains("secret"));
        assert_eq!(
            find("/srv/mirror", config, &[(VARIABLE, "x")]).unwrap(),
            None
        );
    }

    #[test]
    fn what_docker_does_not_write_is_told() {
        for (config, words) in [
            ("{", "cannot be understood"),
            (
                r#"{"auths": {"r.example.org:5000": {"auth": "?"}}}"#,
                "no user and password",
            ),
        ] {
            let error = find(PLACE, config, &[]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[cfg(unix)]
    fn helper(folder: &Path, name: &str, script: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        format!("{}:/usr/bin:/bin", folder.display())
    }

    #[cfg(unix)]
    #[test]
    fn helpers_are_asked_as_docker_asks_them() {
        let folder = tempfile::tempdir().unwrap();
        // What it is asked, and for whom, comes back.
        let path = helper(
            folder.path(),
            "echo",
            r#"printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' "$1" "$(cat)""#,
        );
        helper(
            folder.path(),
            "token",
            r#"echo '{"Username":"<token>","Secret":"long"}'"#,
        );
        helper(
            folder.path(),
            "none",
            "echo 'credentials not found in native keychain'; exit 1",
        );
        helper(
            folder.path(),
            "locked",
            "echo 'the keychain is locked'; exit 1",
        );
        helper(folder.path(), "odd", "echo '{}'");
        let found = |place: &str, config: &str| find(place, config, &[("PATH", &path)]);
        let stores = r#"{"credsStore": "echo", "credHelpers": {"t.example.org": "token", "n": "none"},
            "auths": {"r.example.org:5000": {"auth": "bWU6b2xk"}, "n": {"auth": "bWU6b2xk"}}}"#;
        assert_eq!(
            found(PLACE, stores).unwrap(),
            own("get", "r.example.org:5000")
        );
        let hub = found("oci://docker.io/a", stores).unwrap();
        assert_eq!(hub, own("get", "https://index.docker.io/v1/"));
        let token = found("oci://t.example.org/x", stores).unwrap();
        assert_eq!(token, Some(Credentials(Kind::IdentityToken("long".into()))));
        // One that has none: what is in the file counts.
        assert_eq!(found("oci://n/x", stores).unwrap(), own("me", "old"));
        assert_eq!(
            found("oci://n/x", r#"{"credsStore": "none"}"#).unwrap(),
            None
        );
        for (name, words) in [
            ("locked", "the keychain is locked"),
            ("missing", "docker-credential-missing"),
            ("odd", "cannot be understood"),
            ("../../evil", "no name"),
        ] {
            let config = format!(r#"{{"credsStore": "{name}"}}"#);
            let error = found(PLACE, &config).unwrap_err();
            assert!(matches!(error, CredentialsError::Helper { .. }));
            let error = crate::causes::with_causes(&error);
            assert!(
                error.contains(words) && error.contains("r.example.org"),
                "{error}"
            );
        }
    }
}
