//! `model.sig`: the release's statement signed once more, for OpenSSF Model Signing's verifiers.

use std::io;
use std::path::Path;

use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::limits;
use registry_schema::model_signing::{ModelSecretKey, ModelSignature};
use registry_schema::verify::{VerifiedRelease, VerifyError};
use ring::rand::SystemRandom;

use super::PublishError;
use crate::files;
use crate::registry::{Progress, Registry};

/// Signs a release's statement into a file. One that is there already, by this key and of this
/// statement, is left as it is, so that publishing again sends the same.
///
/// # Errors
/// [`PublishError`].
pub fn write_model_signature(
    release: &VerifiedRelease,
    key: &ModelSecretKey,
    path: &Path,
) -> Result<(), PublishError> {
    let statement = release.statement_digest();
    let public = key.public()?;
    let earlier = match files::read_limited(path, limits::MODEL_SIGNATURE_BYTES as u64) {
        Ok(bytes) => ModelSignature::parse(&bytes).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    if earlier.is_some_and(|earlier| earlier.verify(&statement, &public).is_ok()) {
        return Ok(());
    }
    let envelope = Envelope::parse(release.envelope()).map_err(VerifyError::from)?;
    let signature = ModelSignature::sign(envelope.payload().to_vec(), key, &SystemRandom::new())?;
    // What is not verified here would be for others to find out.
    signature.verify(&statement, &public)?;
    Ok(files::write_atomic(path, &signature.to_bytes())?)
}

/// Sends a `model.sig` that was written, to travel with its published release. Returns its digest.
///
/// # Errors
/// [`PublishError`].
pub async fn attach_model_signature(
    release: &VerifiedRelease,
    path: &Path,
    registry: &Registry,
    progress: &Progress,
) -> Result<Digest, PublishError> {
    let bytes = files::read_limited(path, limits::MODEL_SIGNATURE_BYTES as u64)?;
    let (digest, size_bytes) = (Digest::of(&bytes), bytes.len() as u64);
    let manifest = release.manifest();
    registry
        .upload(&manifest.name, &digest, size_bytes, path, progress)
        .await?;
    registry
        .attach_model_signature(&manifest.name, &manifest.version, digest)
        .await?;
    Ok(digest)
}
