//! Reading a blob from a folder or a registry.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use reqwest::header::{AUTHORIZATION, RANGE, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::credentials::Credentials;
use super::place::{Kind, MirrorPlace, RegistryPlace};
use crate::files::FileError;
use crate::registry::RegistryError;
use crate::registry::tls;
use crate::registry::transport::is_loopback;

/// Bytes read from a file at a time.
const READ_BYTES: usize = 256 << 10;

/// A connection that cannot be made in this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which nothing arrives for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Registries send their clients to an object store, which may send them on.
const REDIRECTS: usize = 5;

/// Longest answer with a token.
const TOKEN_BYTES: usize = 1 << 20;

/// Where the bytes come from.
#[derive(Debug)]
pub(super) enum Source {
    Folder(PathBuf),
    Registry(Box<RegistrySource>),
}

/// The bytes of a blob, from one of them on.
pub(super) struct OpenedBlob {
    /// Which one that is: the one that was asked for, or the first.
    pub(super) first: u64,
    pub(super) stream: BoxStream<'static, Result<Bytes, RegistryError>>,
}

impl Source {
    pub(super) fn new(
        place: &MirrorPlace,
        credentials: Option<Credentials>,
    ) -> Result<Self, RegistryError> {
        Ok(match &place.kind {
            Kind::Folder(folder) => Self::Folder(folder.clone()),
            Kind::Registry(registry) => Self::Registry(Box::new(RegistrySource {
                client: client(registry)?,
                place: registry.clone(),
                credentials,
                authorizations: Mutex::default(),
                asking: tokio::sync::Mutex::default(),
            })),
        })
    }

    /// Opens a blob at byte `first`, or at its beginning where there is no other way.
    pub(super) async fn open(
        &self,
        name: &Name,
        digest: &Digest,
        first: u64,
    ) -> Result<OpenedBlob, RegistryError> {
        match self {
            Self::Folder(folder) => open_file(folder, digest, first).await,
            Self::Registry(registry) => registry.open(name, digest, first).await,
        }
    }
}

/// `blobs/sha256/<hex>`, as an image layout has it, or `blobs/sha256/ab/<hex>`, as `hub mirror` does.
async fn open_file(
    folder: &std::path::Path,
    digest: &Digest,
    first: u64,
) -> Result<OpenedBlob, RegistryError> {
    let (hex, blobs) = (digest.to_hex(), folder.join("blobs/sha256"));
    let places = [blobs.join(&hex[..2]).join(&hex), blobs.join(&hex)];
    let not_there = RegistryError::Connection {
        url: folder.display().to_string(),
        source: format!("it has no `blobs/sha256/{hex}`").into(),
    };
    for path in places {
        let Ok(mut file) = tokio::fs::File::open(&path).await else {
            continue;
        };
        let broken = |source| RegistryError::Connection {
            url: path.display().to_string(),
            source: Box::new(FileError::new("cannot read", &path, source)),
        };
        file.seek(std::io::SeekFrom::Start(first))
            .await
            .map_err(broken)?;
        let stream = stream::try_unfold((file, path), |(mut file, path)| async move {
            let mut piece = vec![0; READ_BYTES];
            let read = file.read(&mut piece).await;
            let read = read.map_err(|source| RegistryError::Connection {
                url: path.display().to_string(),
                source: source.into(),
            })?;
            piece.truncate(read);
            Ok((read > 0).then(|| (Bytes::from(piece), (file, path))))
        });
        return Ok(OpenedBlob {
            first,
            stream: stream.boxed(),
        });
    }
    Err(not_there)
}

/// A registry of the OCI distribution protocol.
#[derive(Debug)]
pub(super) struct RegistrySource {
    client: Client,
    place: RegistryPlace,
    credentials: Option<Credentials>,
    /// What was accepted last, for each repository.
    authorizations: Mutex<HashMap<String, String>>,
    /// Held by whoever asks for the next one.
    asking: tokio::sync::Mutex<()>,
}

fn client(place: &RegistryPlace) -> Result<Client, RegistryError> {
    let tls_error =
        |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Tls { source };
    let tls = tls::client_config(None, None).map_err(|error| tls_error(error.into()))?;
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(place.base.scheme() == "https")
        // A password is not sent on to another host.
        .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("hub/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| tls_error(error.into()))
}

impl RegistrySource {
    async fn open(
        &self,
        name: &Name,
        digest: &Digest,
        first: u64,
    ) -> Result<OpenedBlob, RegistryError> {
        let repository = self.place.repository(name);
        let path = format!("/v2/{repository}/blobs/{digest}");
        let url = self.place.base.join(&path);
        let url = url.map_err(|_| RegistryError::Url { url: path.clone() })?;
        let request = || {
            let request = self.client.get(url.clone());
            match first {
                0 => request,
                first => request.header(RANGE, format!("bytes={first}-")),
            }
        };
        let known = self.authorization(&repository);
        let mut response = self.send(request(), known.as_deref()).await?;
        if response.status().as_u16() == 401 {
            // Files come together: one of them asks, the others get what it was given.
            let _turn = self.asking.lock().await;
            let authorization = match self.authorization(&repository) {
                Some(given) if known.as_ref() != Some(&given) => given,
                _ => self.authorize(&response, &repository).await?,
            };
            response = self.send(request(), Some(&authorization)).await?;
        }
        let opened_at = match response.status().as_u16() {
            200 => 0,
            206 => first,
            status => {
                let what = format!("{path} of the mirror");
                return Err(RegistryError::Status { status, what });
            }
        };
        let host = self.place.host();
        let stream = response.bytes_stream().map(move |chunk| {
            chunk.map_err(|error| RegistryError::Connection {
                url: host.clone(),
                source: error.without_url().into(),
            })
        });
        Ok(OpenedBlob {
            first: opened_at,
            stream: stream.boxed(),
        })
    }

    async fn send(
        &self,
        request: RequestBuilder,
        authorization: Option<&str>,
    ) -> Result<Response, RegistryError> {
        let request = match authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        };
        request.send().await.map_err(|error| self.broken(error))
    }

    fn broken(&self, error: reqwest::Error) -> RegistryError {
        RegistryError::Connection {
            url: self.place.host(),
            source: error.without_url().into(),
        }
    }

    fn authorization(&self, repository: &str) -> Option<String> {
        let known = self
            .authorizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.get(repository).cloned()
    }

    /// What the registry asks for (RFC 7235; for tokens the distribution project's "Token
    /// Authentication Specification").
    async fn authorize(
        &self,
        refused: &Response,
        repository: &str,
    ) -> Result<String, RegistryError> {
        let challenge = refused.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok());
        let unfit = |reason: &str| RegistryError::Answer {
            what: format!("a request to the mirror {}", self.place.host()),
            reason: reason.to_owned(),
        };
        let challenge = challenge
            .and_then(Challenge::parse)
            .ok_or_else(|| unfit("it says 401, and not how to log in"))?;
        let authorization = match challenge {
            Challenge::Basic => {
                let basic = self.credentials.as_ref().map(basic);
                basic.ok_or_else(|| {
                    unfit("it wants a password: set HUB_MIRROR_TOKEN, or run `docker login`")
                })?
            }
            Challenge::Bearer(bearer) => {
                let token = self.token(&bearer, repository).await?;
                format!("Bearer {token}")
            }
        };
        let mut known = self
            .authorizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(repository.to_owned(), authorization.clone());
        Ok(authorization)
    }

    async fn token(&self, bearer: &Bearer, repository: &str) -> Result<String, RegistryError> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let unfit = |reason: String| RegistryError::Answer {
            what: format!("a request for a token of the mirror {}", self.place.host()),
            reason,
        };
        let mut url = Url::parse(&bearer.realm)
            .ok()
            .filter(|url| url.scheme() == "https" || is_loopback(url))
            .ok_or_else(|| unfit("its `realm` is no address".to_owned()))?;
        let scope = bearer.scope.clone();
        let scope = scope.unwrap_or_else(|| format!("repository:{repository}:pull"));
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = &bearer.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let authorization = self.credentials.as_ref().map(basic);
        let request = self.client.get(url);
        let response = self.send(request, authorization.as_deref()).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(unfit(format!("it says {status}")));
        }
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|error| self.broken(error))?);
            if body.len() > TOKEN_BYTES {
                return Err(unfit("it is too long".to_owned()));
            }
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| unfit(error.to_string()))?;
        let token = answer.token.or(answer.access_token);
        token.ok_or_else(|| unfit("it has no `token`".to_owned()))
    }
}

fn basic(credentials: &Credentials) -> String {
    use base64::Engine as _;
    let pair = format!("{}:{}", credentials.user, credentials.password);
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {encoded}")
}

/// How a registry wants its clients to log in.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer(Bearer),
}

#[derive(Debug, PartialEq, Eq)]
struct Bearer {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// Reads the first challenge of a `WWW-Authenticate` header (RFC 7235 §4.1).
    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parameters(rest);
        Some(Self::Bearer(Bearer {
            realm: parameters.remove("realm")?,
            service: parameters.remove("service"),
            scope: parameters.remove("scope"),
        }))
    }
}

/// `a="b", c=d`; a comma inside quotes divides nothing.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(key, value.trim().to_owned());
        rest = next;
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_of_real_registries() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer(Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            }))
        };
        for (header, challenge) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:a/b:pull,push"),
                ),
            ),
            (
                r#"bearer Realm="https://ghcr.io/token", service=ghcr.io"#,
                bearer("https://ghcr.io/token", Some("ghcr.io"), None),
            ),
            (r#"Basic realm="extractor hub""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            (r#"Bearer service="x""#, None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), challenge, "{header}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_challenges_never_panic(header in ".{0,200}") {
            let _ = Challenge::parse(&header);
        }
    }
}
