//! What single members say: evaluations, advisories, key compromises.

use registry_schema::api::{
    self, AdvisoryList, EvaluationList, KEY_COMPROMISES_PATH, KeyCompromiseList, StatementRecorded,
};
use registry_schema::envelope;
use registry_schema::name::Name;
use registry_schema::reference::Reference;
use reqwest::Method;

use super::{Registry, RegistryError};

impl Registry {
    /// Members' evaluations of a release, unverified.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn evaluations(&self, release: &Reference) -> Result<EvaluationList, RegistryError> {
        let path = api::evaluations_path(&release.name, &release.requirement);
        self.list(&path, "the evaluations").await
    }

    /// All statements of advisories about a name, unverified.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn advisories(&self, name: &Name) -> Result<AdvisoryList, RegistryError> {
        self.list(&api::advisories_path(name), "the advisories")
            .await
    }

    /// All keys that members took back, unverified.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn key_compromises(&self) -> Result<KeyCompromiseList, RegistryError> {
        self.list(KEY_COMPROMISES_PATH, "the key compromises").await
    }

    /// Records an evaluation of a release.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn evaluate(
        &self,
        release: &Reference,
        envelope: &[u8],
    ) -> Result<StatementRecorded, RegistryError> {
        let path = api::evaluations_path(&release.name, &release.requirement);
        self.say(&path, envelope).await
    }

    /// Records a statement of an advisory about a name.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn warn(
        &self,
        name: &Name,
        envelope: &[u8],
    ) -> Result<StatementRecorded, RegistryError> {
        self.say(&api::advisories_path(name), envelope).await
    }

    /// Records that a key is taken back.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn take_key_back(&self, envelope: &[u8]) -> Result<StatementRecorded, RegistryError> {
        self.say(KEY_COMPROMISES_PATH, envelope).await
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        what: &'static str,
    ) -> Result<T, RegistryError> {
        self.transport.get(path, &[]).await?.json(what).await
    }

    async fn say(&self, path: &str, envelope: &[u8]) -> Result<StatementRecorded, RegistryError> {
        self.transport
            .send_bytes(Method::POST, path, envelope::MEDIA_TYPE, envelope.to_vec())
            .await?
            .json("the recorded statement")
            .await
    }
}
