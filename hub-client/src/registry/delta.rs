//! What of a blob is here already, in an earlier one.

use std::path::PathBuf;

use registry_schema::api::{self, Delta};
use registry_schema::digest::Digest;
use registry_schema::name::Name;

use super::{Registry, RegistryError};

/// A blob on this machine that may have bytes in common with one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierBlob {
    /// By which the hub knows it.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl Registry {
    /// How a blob is put together from an earlier one, checked to be of their lengths.
    ///
    /// # Errors
    /// [`RegistryError`], also of a hub that does not know the earlier blob, or of an older version.
    pub(super) async fn delta(
        &self,
        name: &Name,
        digest: &Digest,
        size_bytes: u64,
        earlier: &EarlierBlob,
    ) -> Result<Delta, RegistryError> {
        let (path, what) = (api::delta_path(name, digest), "the delta");
        let query = [("from", earlier.digest.to_string())];
        let answer = self.transport.get(&path, &query).await?;
        let delta: Delta = answer.json(what).await?;
        let checked = delta.check(size_bytes, earlier.size_bytes);
        checked.map_err(|error| RegistryError::Answer {
            what: what.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(delta)
    }
}
