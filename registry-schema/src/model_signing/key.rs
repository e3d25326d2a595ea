//! ECDSA keys on P-256 (FIPS 186-5), which is what OpenSSF Model Signing's verifiers take; they take
//! no Ed25519.

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::{self, LineEnding};
use ed25519_dalek::pkcs8::spki::der::zeroize::Zeroizing;
use ring::rand::SecureRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};

use super::ModelSigningError;
use crate::digest::Digest;

const SECRET_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// Bytes of a point that is not compressed: 0x04, x, y (SEC 1 §2.3.3).
const POINT_BYTES: usize = 65;

/// DER of a SubjectPublicKeyInfo up to the point (RFC 5480): SEQUENCE { SEQUENCE { id-ecPublicKey,
/// secp256r1 }, BIT STRING }. Everything before the point is the same for every key.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A secret key. Its `Debug` shows only the public half's hint.
pub struct ModelSecretKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl ModelSecretKey {
    /// A new key; `random` is the system's source.
    ///
    /// # Errors
    /// [`ModelSigningError::Random`].
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, ModelSigningError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, random)
            .map_err(|_| ModelSigningError::Random)?;
        Self::from_pkcs8(Zeroizing::new(document.as_ref().to_vec()), random)
    }

    /// Reads a PKCS#8 PEM text, the form `openssl genpkey -algorithm EC -pkeyopt
    /// ec_paramgen_curve:P-256` writes.
    ///
    /// # Errors
    /// [`ModelSigningError::Secret`] when the text is not an unencrypted P-256 key.
    pub fn from_pem(text: &str, random: &dyn SecureRandom) -> Result<Self, ModelSigningError> {
        match pem::decode_vec(text.as_bytes()) {
            Ok((SECRET_LABEL, der)) => Self::from_pkcs8(Zeroizing::new(der), random),
            _ => Err(ModelSigningError::Secret),
        }
    }

    fn from_pkcs8(
        pkcs8: Zeroizing<Vec<u8>>,
        random: &dyn SecureRandom,
    ) -> Result<Self, ModelSigningError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, random)
            .map_err(|_| ModelSigningError::Secret)?;
        Ok(Self { pair, pkcs8 })
    }

    /// The PKCS#8 PEM text. Keep it where only its owner can read.
    ///
    /// # Errors
    /// [`ModelSigningError::Secret`] when the key cannot be encoded.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, ModelSigningError> {
        pem::encode_string(SECRET_LABEL, LineEnding::LF, &self.pkcs8)
            .map(Zeroizing::new)
            .map_err(|_| ModelSigningError::Secret)
    }

    /// The public half.
    ///
    /// # Errors
    /// [`ModelSigningError::Public`] when the point cannot be encoded.
    pub fn public(&self) -> Result<ModelPublicKey, ModelSigningError> {
        let point = self.pair.public_key().as_ref();
        let point = point.try_into().map_err(|_| ModelSigningError::Public)?;
        Ok(ModelPublicKey { point })
    }

    /// Signs a message: ECDSA over its SHA-256, in DER.
    ///
    /// # Errors
    /// [`ModelSigningError::Random`].
    pub fn sign(
        &self,
        message: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, ModelSigningError> {
        let signature = self.pair.sign(random, message);
        let signature = signature.map_err(|_| ModelSigningError::Random)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for ModelSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModelSecretKey")
            .field(&self.public().ok())
            .finish()
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct ModelPublicKey {
    point: [u8; POINT_BYTES],
}

impl ModelPublicKey {
    /// Reads a SubjectPublicKeyInfo PEM text with a point that is not compressed.
    ///
    /// # Errors
    /// [`ModelSigningError::Public`] when the text is no P-256 key in this form.
    pub fn from_pem(text: &str) -> Result<Self, ModelSigningError> {
        let Ok((PUBLIC_LABEL, der)) = pem::decode_vec(text.as_bytes()) else {
            return Err(ModelSigningError::Public);
        };
        let point = der
            .strip_prefix(&SPKI_PREFIX)
            .and_then(|point| <[u8; POINT_BYTES]>::try_from(point).ok())
            .filter(|point| point[0] == 4)
            .ok_or(ModelSigningError::Public)?;
        Ok(Self { point })
    }

    /// The SubjectPublicKeyInfo PEM text: 64 columns, line feeds.
    ///
    /// # Errors
    /// [`ModelSigningError::Public`] when the key cannot be encoded.
    pub fn to_pem(&self) -> Result<String, ModelSigningError> {
        let mut der = SPKI_PREFIX.to_vec();
        der.extend_from_slice(&self.point);
        pem::encode_string(PUBLIC_LABEL, LineEnding::LF, &der)
            .map_err(|_| ModelSigningError::Public)
    }

    /// What a `model.sig` names its key by: SHA-256 of the PEM **text**.
    ///
    /// # Errors
    /// [`ModelSigningError::Public`] when the key cannot be encoded.
    pub fn hint(&self) -> Result<Digest, ModelSigningError> {
        Ok(Digest::of(self.to_pem()?.as_bytes()))
    }

    /// Checks a DER signature over the SHA-256 of a message. Points off the curve verify nothing.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.point)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Debug for ModelPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hint() {
            Ok(hint) => write!(f, "ModelPublicKey({})", hint.to_hex()),
            Err(_) => f.write_str("ModelPublicKey"),
        }
    }
}
