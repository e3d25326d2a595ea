//! A hub as this client sees it: one typed method per endpoint.
//!
//! Nothing that comes back is believed by this module's callers before `verify` has said so.

mod blob_mirror;
mod delta;
mod download;
mod error;
mod members_say;
mod tls;
mod traffic;
mod transport;
mod upload;

pub use blob_mirror::{
    BlobMirror, Credentials, CredentialsError, HelperError, MirrorPlace, MirrorPlaceError,
    MirrorReport,
};
pub use delta::EarlierBlob;
pub use download::{Moved, Wanted};
pub use error::RegistryError;
pub use traffic::Traffic;
pub use upload::UploadOutcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use registry_schema::api::{
    self, AttachBlob, AttachedBlob, ExtractorDetail, ExtractorPage, HubInfo, Published,
    ReleaseDetail, SearchQuery, TrustRootInfo, WhoAmI, YankRecorded,
};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use registry_schema::reference::Reference;
use registry_schema::{envelope, limits};
use reqwest::Method;
use semver::Version;

use crate::config::HubConfig;
use transport::Transport;

/// A connection to one hub.
#[derive(Clone, Debug)]
pub struct Registry {
    transport: Transport,
    mirror: Option<Arc<BlobMirror>>,
}

/// Tells how far a transfer has come, and asks whether to go on.
#[derive(Clone)]
pub struct Progress {
    report: Arc<dyn Fn(u64) + Send + Sync>,
    total: Arc<dyn Fn(u64) + Send + Sync>,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// `report` gets the number of bytes each time some have moved; the transfer ends soon after
    /// `stop` becomes true.
    pub fn new(report: impl Fn(u64) + Send + Sync + 'static, stop: Arc<AtomicBool>) -> Self {
        Self {
            report: Arc::new(report),
            total: Arc::new(|_| {}),
            stop,
        }
    }

    /// `total` gets the number of bytes there are to move, as soon as that is known.
    #[must_use]
    pub fn with_total(mut self, total: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.total = Arc::new(total);
        self
    }

    pub(crate) fn expects(&self, bytes: u64) {
        (self.total)(bytes);
    }

    /// Tells nobody and never stops.
    pub fn silent() -> Self {
        Self::new(|_| {}, Arc::default())
    }

    pub(crate) fn moved(&self, bytes: u64) -> Result<(), RegistryError> {
        (self.report)(bytes);
        if self.stop.load(Ordering::Relaxed) {
            Err(RegistryError::Interrupted)
        } else {
            Ok(())
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// Whether this is the address of a hub to which a token may be sent.
///
/// # Errors
/// [`RegistryError::Url`].
pub fn check_address(url: &str) -> Result<(), RegistryError> {
    transport::check_address(url)
}

impl Registry {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Url`] or [`RegistryError::Tls`].
    pub fn new(hub: &HubConfig) -> Result<Self, RegistryError> {
        Transport::new(hub).map(|transport| Self {
            transport,
            mirror: None,
        })
    }

    /// The same, with files from a mirror as far as it has them.
    #[must_use]
    pub fn with_mirror(mut self, mirror: BlobMirror) -> Self {
        self.mirror = Some(Arc::new(mirror));
        self
    }

    /// Where files come from as far as they are there, when it is not the hub.
    pub fn mirror(&self) -> Option<&BlobMirror> {
        self.mirror.as_deref()
    }

    /// The hub's address.
    pub fn url(&self) -> &str {
        self.transport.base()
    }

    /// What went over the network so far, through this connection and its clones.
    pub fn traffic(&self) -> Traffic {
        self.transport.traffic()
    }

    /// What the hub is.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn info(&self) -> Result<HubInfo, RegistryError> {
        self.transport
            .get("/api/v1", &[])
            .await?
            .json("its description")
            .await
    }

    /// The hub's clock, when it tells.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn clock(&self) -> Result<Option<jiff::Timestamp>, RegistryError> {
        Ok(self.transport.get("/api/v1", &[]).await?.date())
    }

    /// A file of the consortium's trust root (TUF metadata or a target), unverified; `None` when
    /// there is none at that path.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn trust_file(
        &self,
        path: &str,
        limit_bytes: u64,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
        self.file_if_there(&api::trust_path(path), "the trust root", limit)
            .await
    }

    /// A file of the hub's log by its path below `/log/`, unverified; `None` when there is none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn log_file(
        &self,
        path: &str,
        limit_bytes: usize,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        self.file_if_there(&api::log_path(path), "the log", limit_bytes)
            .await
    }

    async fn file_if_there(
        &self,
        path: &str,
        what: &str,
        limit_bytes: usize,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let answer = match self.transport.get(path, &[]).await {
            Err(RegistryError::Status { status: 404, .. }) => return Ok(None),
            Err(RegistryError::Problem { problem }) if problem.status == 404 => return Ok(None),
            other => other?,
        };
        answer.bytes(what, limit_bytes).await.map(Some)
    }

    /// Publishes a change of the trust root that enough members have signed.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn publish_trust_root(&self, draft: &str) -> Result<TrustRootInfo, RegistryError> {
        let body = draft.as_bytes().to_vec();
        self.transport
            .send_bytes(Method::POST, api::TRUST_ROOT_PATH, "application/json", body)
            .await?
            .json("the change of the trust root")
            .await
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn whoami(&self) -> Result<WhoAmI, RegistryError> {
        self.transport
            .get("/api/v1/whoami", &[])
            .await?
            .json("`whoami`")
            .await
    }

    /// One page of a search.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn search(&self, query: &SearchQuery) -> Result<ExtractorPage, RegistryError> {
        let terms = [
            ("q", query.q.clone()),
            ("tag", query.tag.clone()),
            ("domain", query.domain.clone()),
            ("member", query.member.clone()),
            ("license", query.license.clone()),
            ("after", query.after.clone()),
            ("limit", query.limit.map(|limit| limit.to_string())),
        ];
        let given: Vec<_> = terms
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        self.transport
            .get("/api/v1/extractors", &given)
            .await?
            .json("the search")
            .await
    }

    /// An extractor and its releases.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn extractor(&self, name: &Name) -> Result<ExtractorDetail, RegistryError> {
        self.transport
            .get(&api::extractor_path(name), &[])
            .await?
            .json("the extractor")
            .await
    }

    /// The newest release that satisfies a reference, unverified.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn release(&self, reference: &Reference) -> Result<ReleaseDetail, RegistryError> {
        let path = api::release_path(&reference.name, &reference.requirement);
        self.transport
            .get(&path, &[])
            .await?
            .json("the release")
            .await
    }

    /// A release's card, unverified, to be shown only.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn readme(&self, reference: &Reference) -> Result<String, RegistryError> {
        let path = format!(
            "{}/readme",
            api::release_path(&reference.name, &reference.requirement)
        );
        let limit = usize::try_from(limits::CARD_BYTES).unwrap_or(usize::MAX);
        self.transport
            .get(&path, &[])
            .await?
            .text("the card", limit)
            .await
    }

    /// Records a release. Its blobs must be there.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn publish(
        &self,
        name: &Name,
        version: &Version,
        envelope: &[u8],
    ) -> Result<Published, RegistryError> {
        let path = api::release_path(
            name,
            &registry_schema::reference::Requirement::Exact(version.clone()),
        );
        let body = envelope.to_vec();
        self.transport
            .send_bytes(Method::PUT, &path, envelope::MEDIA_TYPE, body)
            .await?
            .json("the release")
            .await
    }

    /// Makes an uploaded blob the `model.sig` of a release.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn attach_model_signature(
        &self,
        name: &Name,
        version: &Version,
        digest: Digest,
    ) -> Result<AttachedBlob, RegistryError> {
        let path = api::model_signature_path(name, version);
        let body = serde_json::json!(AttachBlob { digest });
        let body = body.to_string().into_bytes();
        self.transport
            .send_bytes(Method::PUT, &path, "application/json", body)
            .await?
            .json("the attached blob")
            .await
    }

    /// Records a yank or unyank.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn yank(
        &self,
        name: &Name,
        version: &Version,
        envelope: &[u8],
    ) -> Result<YankRecorded, RegistryError> {
        let path = api::yanks_path(name, version);
        let body = envelope.to_vec();
        self.transport
            .send_bytes(Method::POST, &path, envelope::MEDIA_TYPE, body)
            .await?
            .json("the yank")
            .await
    }

    /// A small blob, whole, its digest checked.
    ///
    /// # Errors
    /// [`RegistryError`], also when it is longer than `size_bytes` or has another digest.
    pub async fn small_blob(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let limit = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        let answer = self
            .transport
            .get_blob(&api::blob_path(name, digest), None)
            .await?;
        let bytes = answer.bytes("a blob", limit).await?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(RegistryError::Digest {
                expected: *digest,
                found,
            })
        }
    }
}
