//! The cryptography under `sigstore-tuf`: this crate's own, so that one set of rules decides which
//! signatures are good, and no C library has to be built.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sigstore_crypto::{CryptoProvider, Error, HashContext, SigningScheme};
use sigstore_types::HashAlgorithm;

use crate::keys::PublicKey;

/// Makes this crate's keys and hashes the ones that `sigstore-tuf` uses in this process. Doing so
/// again changes nothing; the verifier of this crate does it by itself.
pub fn install_provider() {
    // The error says that one is installed: ours, since nothing else in the workspace installs any.
    let _ = sigstore_crypto::install_default_provider(&Provider);
}

#[derive(Debug)]
struct Provider;

impl CryptoProvider for Provider {
    fn hash(&self, algorithm: HashAlgorithm) -> sigstore_crypto::Result<Box<dyn HashContext>> {
        match algorithm {
            HashAlgorithm::Sha2256 => Ok(Box::new(Hashing(Sha256::new()))),
            HashAlgorithm::Sha2384 => Ok(Box::new(Hashing(Sha384::new()))),
            HashAlgorithm::Sha2512 => Ok(Box::new(Hashing(Sha512::new()))),
            _ => Err(Error::UnsupportedAlgorithm(algorithm.to_string())),
        }
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> sigstore_crypto::Result<()> {
        if scheme != SigningScheme::Ed25519 {
            return Err(Error::UnsupportedAlgorithm(scheme.name().to_owned()));
        }
        let key: &[u8; 32] = key
            .try_into()
            .map_err(|_| Error::InvalidKey("not 32 bytes".to_owned()))?;
        let key = PublicKey::from_bytes(key).map_err(|why| Error::InvalidKey(why.to_string()))?;
        let refused = || Error::Verification("the signature does not verify".to_owned());
        let signature = signature.try_into().map_err(|_| refused())?;
        if key.verifies(message, signature) {
            Ok(())
        } else {
            Err(refused())
        }
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        _key: &[u8],
        _digest: &[u8],
        _signature: &[u8],
    ) -> sigstore_crypto::Result<()> {
        Err(Error::UnsupportedAlgorithm(scheme.name().to_owned()))
    }
}

struct Hashing<H>(H);

impl<H: sha2::Digest + Send> HashContext for Hashing<H> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
