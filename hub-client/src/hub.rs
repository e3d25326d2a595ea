//! The way in for programs: pulls extractors as `hub pull` does, and computes features as `hub embed` does.

use std::path::PathBuf;

use jiff::Timestamp;
use registry_schema::reference::Reference;
use registry_schema::trust_root::TrustRoot;

use crate::config::{ConfigError, Folders, HubConfig, UserConfig};
use crate::log_view::{HubLog, LogViewError, contact};
use crate::pull::{ProbeCheck, PullError, PullRequest, Pulled, pull};
use crate::registry::{Progress, Registry, RegistryError};
use crate::runtime::RuntimeOptions;
use crate::runtime::pipeline::FeatureRow;
use crate::store::{InstalledRelease, Store, StoreError};
use crate::trust::{HubSource, TrustStoreError, kept, refresh};
use crate::worker::{Failure, Shape, Worker, WorkerError};

/// A hub as a member uses it: the settings, the trust root and the extractors of the `hub` command in the same
/// folders. Cheap to clone.
///
/// Extractors run in processes of their own, which are this program again: its `main` begins with
/// [`serve_if_asked`](crate::worker::serve_if_asked).
#[derive(Clone, Debug)]
pub struct Hub {
    folders: Folders,
    config: Option<HubConfig>,
    store: Store,
    worker: Worker,
}

impl Hub {
    /// The hub of `hub login`, in the folders that the environment names. A token of the environment is not read.
    ///
    /// # Errors
    /// [`HubError::Settings`] when there are no folders, or the settings cannot be read.
    pub fn from_environment() -> Result<Self, HubError> {
        Self::in_folders(Folders::from_environment(|name| std::env::var_os(name))?)
    }

    /// The hub of these folders.
    ///
    /// # Errors
    /// [`HubError::Settings`] when the settings cannot be read.
    pub fn in_folders(folders: Folders) -> Result<Self, HubError> {
        let config = UserConfig::load(&folders)?.hub;
        let worker = Worker::new(RuntimeOptions {
            home: Some(folders.data.clone()),
            ..RuntimeOptions::default()
        });
        Ok(Self {
            config,
            store: Store::new(folders.store()),
            worker,
            folders,
        })
    }

    /// Has extractors run by a worker of one's own: with other threads, or one that warns and can be stopped.
    #[must_use]
    pub fn with_worker(self, worker: Worker) -> Self {
        Self { worker, ..self }
    }

    /// Pulls the newest release that satisfies a reference: verified against the trust root and the log, its probes
    /// run. What is installed already is not fetched again. Show the user the warnings of [`Pulled::advisories`].
    ///
    /// # Errors
    /// [`HubError`] names what failed; then nothing was installed.
    pub async fn pull(&self, reference: &Reference) -> Result<Pulled, HubError> {
        let registry = Registry::new(self.config.as_ref().ok_or(HubError::NoHub)?)?;
        let now = Timestamp::now();
        let trust = refresh(&self.folders, &HubSource(registry.clone()), now).await?;
        let source = HubLog(registry.clone());
        let log = contact(&self.folders, trust.root.log_policy(), source, now).await?;
        let request = PullRequest {
            reference,
            asked: &reference.requirement,
            statement: None,
            registry: &registry,
            trust_root: &trust.root,
            log: &log,
            store: &self.store,
            probes: &ProbeCheck::Run(self.worker.clone()),
            progress: &Progress::silent(),
        };
        Ok(pull(&request).await?)
    }

    /// The newest installed release that satisfies a reference, verified under the trust root that is kept here.
    /// Opens no connection.
    ///
    /// # Errors
    /// [`HubError::Store`] when none is installed or it does not verify, [`HubError::Trust`] without a trust root.
    pub fn installed(&self, reference: &Reference) -> Result<InstalledRelease, HubError> {
        let trust = kept(&self.folders)?;
        Ok(self.store.open_release(reference, &trust.root)?)
    }

    /// Computes the features of the pictures at `paths` and hands each row (f32, as many as the manifest's
    /// dimension) to `sink`, in the order of `paths`. A picture that cannot be used is an error for the sink alone.
    /// Opens no connection, and blocks until all is done.
    ///
    /// # Errors
    /// What the sink returned, [`StoreError`] when a file of the release is gone, or [`WorkerError`].
    pub fn embed<E: From<StoreError> + From<WorkerError>>(
        &self,
        release: &InstalledRelease,
        paths: &[PathBuf],
        sink: impl FnMut(usize, Result<FeatureRow, Failure>) -> Result<(), E>,
    ) -> Result<Shape, E> {
        // A store that cannot be written to has no lock and needs none.
        let _in_use = self.store.in_use().ok();
        let files = release.extractor_files()?;
        self.worker.embed(&files, paths, None, sink)
    }
}

/// What a [`Hub`] cannot do.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The settings, or where they are.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// There is nothing to ask.
    #[error("no hub is known here: run `hub login URL`")]
    NoHub,
    /// The connection to the hub.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The trust root.
    #[error(transparent)]
    Trust(#[from] TrustStoreError),
    /// The hub's log.
    #[error(transparent)]
    Log(#[from] LogViewError),
    /// A check of the release, or its files.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// What is installed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
