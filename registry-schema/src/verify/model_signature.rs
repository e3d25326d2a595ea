//! `model.sig` beside a release: whose key may have signed it.

use super::VerifiedRelease;
use crate::model_signing::{ModelPublicKey, ModelSignature, ModelSigningError};
use crate::trust_root::ConsortiumRoot;
use crate::tuf::bundle::KeyringState;
use crate::tuf::files::KeyPurpose;

/// Checks a `model.sig`: it is of this very statement, and by a model-signing key of one of the
/// release's signers when their keyrings list any that counts at its place in the log.
///
/// # Errors
/// [`ModelSigningError`] says what is wrong.
pub fn check_model_signature(
    bytes: &[u8],
    release: &VerifiedRelease,
    trust_root: &ConsortiumRoot,
) -> Result<(), ModelSigningError> {
    let (signature, statement) = (ModelSignature::parse(bytes)?, release.statement_digest());
    signature.check_statement(&statement)?;
    let keyrings =
        release
            .signers()
            .iter()
            .filter_map(|signer| match trust_root.keyring(&signer.member) {
                KeyringState::Valid(keyring) => Some(keyring),
                _ => None,
            });
    let listed = keyrings.flat_map(|keyring| &keyring.keys).filter(|entry| {
        entry.purpose == KeyPurpose::ModelSigning && entry.range().contains(release.index())
    });
    let mut refused = None;
    for entry in listed {
        let verified =
            ModelPublicKey::from_pem(&entry.key).and_then(|key| signature.verify(&statement, &key));
        match verified {
            Ok(()) => return Ok(()),
            // The key that is named says more than those that are not.
            Err(error @ ModelSigningError::Signature) => refused = Some(error),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(()), Err)
}
