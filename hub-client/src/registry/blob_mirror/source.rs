//! Reading a blob from a folder or a registry.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RANGE, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::challenge::{Bearer, Challenge};
use super::credentials::{Credentials, Kind as Login};
use super::error::SourceError;
use super::place::{Kind, MirrorPlace, RegistryPlace};
use crate::files::FileError;
use crate::registry::RegistryError;
use crate::registry::transport::{READ_TIMEOUT, build, builder, is_loopback, read_body};

/// Bytes read from a file at a time.
const READ_BYTES: usize = 256 << 10;

/// Registries send their clients to an object store, which may send them on.
const REDIRECTS: usize = 5;

/// Longest answer with a token.
const TOKEN_BYTES: usize = 1 << 20;

/// As whom this program asks for tokens.
const CLIENT_ID: &str = "extractor-hub";

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
    pub(super) stream: BoxStream<'static, Result<Bytes, SourceError>>,
}

impl Source {
    pub(super) fn new(
        place: &MirrorPlace,
        credentials: Option<Credentials>,
    ) -> Result<Self, RegistryError> {
        Ok(match &place.kind {
            Kind::Folder(folder) => Self::Folder(folder.clone()),
            Kind::Registry(registry) => Self::Registry(Box::new(RegistrySource {
                client: client(registry, Policy::limited(REDIRECTS))?,
                unredirected: client(registry, Policy::none())?,
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
    ) -> Result<OpenedBlob, SourceError> {
        match self {
            Self::Folder(folder) => open_file(folder, digest, first).await,
            Self::Registry(registry) => registry.open(name, digest, first).await,
        }
    }
}

/// `blobs/sha256/<hex>`, as an image layout has it, or `blobs/sha256/ab/<hex>`, as `hub mirror` does.
async fn open_file(folder: &Path, digest: &Digest, first: u64) -> Result<OpenedBlob, SourceError> {
    let (hex, blobs) = (digest.to_hex(), folder.join("blobs/sha256"));
    for path in [blobs.join(&hex[..2]).join(&hex), blobs.join(&hex)] {
        let broken =
            |source| SourceError::Read(FileError::new("cannot read", path.as_path(), source));
        let mut file = match tokio::fs::File::open(&path).await {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => continue,
            opened => opened.map_err(broken)?,
        };
        let at = std::io::SeekFrom::Start(first);
        file.seek(at).await.map_err(broken)?;
        let stream = stream::try_unfold((file, path), |(mut file, path)| async move {
            let mut piece = vec![0; READ_BYTES];
            let read = file.read(&mut piece).await;
            let read = read.map_err(|source| {
                SourceError::Read(FileError::new("cannot read", path.as_path(), source))
            })?;
            piece.truncate(read);
            Ok((read > 0).then(|| (Bytes::from(piece), (file, path))))
        });
        return Ok(OpenedBlob {
            first,
            stream: stream.boxed(),
        });
    }
    Err(SourceError::NotThere {
        path: format!("blobs/sha256/{hex}"),
    })
}

/// A registry of the OCI distribution protocol.
#[derive(Debug)]
pub(super) struct RegistrySource {
    /// A password in a header is not sent on to another host.
    client: Client,
    /// For tokens in a body, which would be.
    unredirected: Client,
    place: RegistryPlace,
    credentials: Option<Credentials>,
    /// What was accepted last, for each repository.
    authorizations: Mutex<HashMap<String, String>>,
    /// Held by whoever asks for the next one.
    asking: tokio::sync::Mutex<()>,
}
fn client(place: &RegistryPlace, redirects: Policy) -> Result<Client, RegistryError> {
    let new = builder(&place.base, None, None)?;
    build(new().redirect(redirects).read_timeout(READ_TIMEOUT))
}

impl RegistrySource {
    async fn open(
        &self,
        name: &Name,
        digest: &Digest,
        first: u64,
    ) -> Result<OpenedBlob, SourceError> {
        let repository = self.place.repository(name);
        let path = format!("/v2/{repository}/blobs/{digest}");
        let url = self.place.base.join(&path);
        let url = url.map_err(|error| unreachable(self.place.host(), error))?;
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
            status => return Err(SourceError::Status { status, path }),
        };
        let host = self.place.host();
        let stream = response.bytes_stream().map(move |chunk| {
            chunk.map_err(|error| unreachable(host.clone(), error.without_url()))
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
    ) -> Result<Response, SourceError> {
        let request = match authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        };
        request.send().await.map_err(|error| self.broken(error))
    }

    fn broken(&self, error: reqwest::Error) -> SourceError {
        unreachable(self.place.host(), error.without_url())
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
    async fn authorize(&self, refused: &Response, repository: &str) -> Result<String, SourceError> {
        let challenge = refused.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok());
        let unfit = |reason: &str| SourceError::Login {
            reason: reason.to_owned(),
        };
        let challenge = challenge
            .and_then(Challenge::parse)
            .ok_or_else(|| unfit("it says 401, and not how to log in"))?;
        let authorization = match challenge {
            Challenge::Basic => self.basic().ok_or_else(|| {
                unfit("it wants a password: set HUB_MIRROR_TOKEN, or run `docker login`")
            })?,
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

    /// A token for a repository: by a password, for an identity token, or for everybody.
    async fn token(&self, bearer: &Bearer, repository: &str) -> Result<String, SourceError> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let unfit = |reason: String| SourceError::Login {
            reason: format!("no token is to be had: {reason}"),
        };
        let login = self.credentials.as_ref().map(|credentials| &credentials.0);
        if let Some(Login::RegistryToken(token)) = login {
            return Ok(token.clone());
        }
        let mut url = Url::parse(&bearer.realm)
            .ok()
            .filter(|url| url.scheme() == "https" || is_loopback(url))
            .ok_or_else(|| unfit("its `realm` is no `https://` address".to_owned()))?;
        let scope = bearer.scope.clone();
        let scope = scope.unwrap_or_else(|| format!("repository:{repository}:pull"));
        let service = bearer.service.as_deref();
        let service = service.map(|service| ("service", service));
        let asked = [("scope", scope.as_str())].into_iter().chain(service);
        let request = match login {
            Some(Login::IdentityToken(token)) => {
                let granted = [
                    ("grant_type", "refresh_token"),
                    ("client_id", CLIENT_ID),
                    ("refresh_token", token),
                ];
                let request = self.unredirected.post(url);
                request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form(asked.chain(granted)))
            }
            _ => {
                url.query_pairs_mut().extend_pairs(asked);
                self.client.get(url)
            }
        };
        let response = self.send(request, self.basic().as_deref()).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(unfit(format!("it says {status}")));
        }
        let body = read_body(response.bytes_stream(), TOKEN_BYTES).await;
        let body = body.map_err(|error| self.broken(error))?;
        let body = body.ok_or_else(|| unfit("it is too long".to_owned()))?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| unfit(error.to_string()))?;
        let token = answer.token.or(answer.access_token);
        token.ok_or_else(|| unfit("it has no `token`".to_owned()))
    }

    /// The header that a password makes.
    fn basic(&self) -> Option<String> {
        use base64::Engine as _;
        let Some(Login::Password { user, password }) = self.credentials.as_ref().map(|one| &one.0)
        else {
            return None;
        };
        let pair = format!("{user}:{password}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        Some(format!("Basic {encoded}"))
    }
}

/// Pairs as forms send them, which is as addresses have them after the `?`.
fn form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.map(|(name, value)| {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn unreachable(
    host: String,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SourceError {
    SourceError::Connection {
        host,
        source: error.into(),
    }
}
