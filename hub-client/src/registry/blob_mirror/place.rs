use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use registry_schema::name::Name;
use reqwest::Url;

use crate::registry::transport::is_loopback;

/// Where a mirror of blobs is, as it is written.
///
/// `oci://registry[:port][/path/]` has them in a repository for each extractor, below the path;
/// `oci://registry/repository`, without a slash at the end, has all of them in one. Plain HTTP is
/// `oci+http://`, on this machine alone. Anything else is a folder: of `hub mirror`, or an OCI image
/// layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorPlace {
    text: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder(PathBuf),
    Registry(RegistryPlace),
}

/// A registry, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegistryPlace {
    /// Its address, as HTTP has it.
    pub(super) base: Url,
    /// What is before a repository's name, or the repository's name.
    path: String,
    is_one_repository: bool,
}

impl RegistryPlace {
    /// The repository in which an extractor's blobs are.
    pub(super) fn repository(&self, name: &Name) -> String {
        match self.is_one_repository {
            true => self.path.clone(),
            false => format!("{}{name}", self.path),
        }
    }

    /// The registry as credentials are kept for: `host` or `host:port`.
    pub(super) fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl MirrorPlace {
    /// The registry as credentials are kept for, when it is one.
    pub fn registry_host(&self) -> Option<String> {
        match &self.kind {
            Kind::Folder(_) => None,
            Kind::Registry(registry) => Some(registry.host()),
        }
    }
}

impl FromStr for MirrorPlace {
    type Err = MirrorPlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || MirrorPlaceError {
            text: text.to_owned(),
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("oci", rest)) => ("https", rest),
            Some(("oci+http", rest)) => ("http", rest),
            Some(_) => return Err(error()),
            None if text.is_empty() => return Err(error()),
            None => {
                return Ok(Self {
                    text: text.to_owned(),
                    kind: Kind::Folder(text.into()),
                });
            }
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let base = Url::parse(&format!("{scheme}://{host}")).map_err(|_| error())?;
        let is_plain =
            |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/');
        let is_path = path.bytes().all(is_plain) && !path.contains("//") && !path.starts_with('/');
        let is_bare = base.username().is_empty() && base.password().is_none();
        if !is_path
            || !is_bare
            || base.host_str().is_none()
            || (scheme == "http" && !is_loopback(&base))
        {
            return Err(error());
        }
        let registry = RegistryPlace {
            base,
            path: path.to_owned(),
            is_one_repository: !path.is_empty() && !path.ends_with('/'),
        };
        Ok(Self {
            text: text.to_owned(),
            kind: Kind::Registry(registry),
        })
    }
}

impl fmt::Display for MirrorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Not a place where a mirror can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no mirror of blobs: write `oci://registry/repository`, `oci://registry/path/`, or a folder (`oci+http://` on this machine only, credentials elsewhere)"
)]
pub struct MirrorPlaceError {
    text: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn places_lead_to_repositories_and_folders() {
        let name: Name = "alpha/squares".parse().unwrap();
        for (text, host, repository) in [
            ("oci://ghcr.io/acme/squares", "ghcr.io", "acme/squares"),
            ("oci://ghcr.io/acme/", "ghcr.io", "acme/alpha/squares"),
            ("oci://r:5000", "r:5000", "alpha/squares"),
            (
                "oci+http://127.0.0.1:5000/m/",
                "127.0.0.1:5000",
                "m/alpha/squares",
            ),
        ] {
            let place: MirrorPlace = text.parse().unwrap();
            assert_eq!(place.registry_host().as_deref(), Some(host));
            assert_eq!(place.to_string(), text);
            let Kind::Registry(registry) = &place.kind else {
                panic!("{text}")
            };
            assert_eq!(registry.repository(&name), repository);
        }
        for folder in ["mirror", "/srv/mirror", "./a b"] {
            let place: MirrorPlace = folder.parse().unwrap();
            assert_eq!(place.kind, Kind::Folder(folder.into()));
        }
        for bad in [
            "",
            "https://ghcr.io/x",
            "oci://",
            "oci://u:p@ghcr.io/x",
            "oci+http://ghcr.io/x",
            "oci://ghcr.io//x",
            "oci://ghcr.io/X",
            "oci://ghcr.io/x?y",
        ] {
            assert!(bad.parse::<MirrorPlace>().is_err(), "{bad}");
        }
    }
}
