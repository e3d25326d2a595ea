//! Ed25519 keys (RFC 8032) and their text forms: PKCS#8 PEM for secret keys (RFC 8410, the form
//! `openssl genpkey -algorithm ed25519` writes) and SubjectPublicKeyInfo PEM for public ones.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::digest::Digest;

/// A secret signing key. Its `Debug` shows only the key id.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A key from 32 bytes of a cryptographic random source.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM text.
    ///
    /// # Errors
    /// [`KeyError::Secret`] when the text is not an unencrypted Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(text)
            .map(Self)
            .map_err(|_| KeyError::Secret)
    }

    /// The PKCS#8 PEM text. Keep it where only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Secret`] when the key cannot be encoded.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        // The seed alone (PKCS#8 v1): the form with the public key beside it is not read by openssl.
        let pair = ed25519_dalek::pkcs8::KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let pem = pair
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Secret)?;
        Ok(pem.as_str().to_owned())
    }

    /// The 32 bytes the key is made of. Keep them where only its owner can read.
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message (PureEdDSA).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo PEM text.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no Ed25519 key, or one of the few weak points of the curve.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(text).map_err(|_| KeyError::Public)?;
        if key.is_weak() {
            Err(KeyError::Weak)
        } else {
            Ok(Self(key))
        }
    }

    /// A key from its raw 32 bytes.
    ///
    /// # Errors
    /// [`KeyError`] when they are no point of the curve, or one of its few weak points.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() {
            Err(KeyError::Weak)
        } else {
            Ok(Self(key))
        }
    }

    /// The raw 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The SubjectPublicKeyInfo PEM text.
    ///
    /// # Errors
    /// [`KeyError::Public`] when the key cannot be encoded.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .map_err(|_| KeyError::Public)
    }

    /// Hex SHA-256 of the raw 32-byte key.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(self.0.as_bytes()))
    }

    /// Checks a signature by RFC 8032 with the stricter rules that leave one valid signature per
    /// message and key form (`verify_strict`).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// Which key: hex SHA-256 of the raw 32-byte public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Digest::from_hex(text).map(Self).map_err(|_| KeyError::Id)
    }
}

crate::text::serde_as_text!(
    KeyId,
    "Hex SHA-256 of a raw Ed25519 public key",
    "^[0-9a-f]{64}$"
);

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a PKCS#8 PEM of Ed25519.
    #[error("not an unencrypted Ed25519 secret key in PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`)")]
    Secret,
    /// Not an SPKI PEM of Ed25519.
    #[error("not an Ed25519 public key in PEM (`-----BEGIN PUBLIC KEY-----`)")]
    Public,
    /// A key under which anything verifies.
    #[error("a weak Ed25519 public key (a point of small order): make a new one with `hub keygen`")]
    Weak,
    /// Not 64 hex digits.
    #[error("not a key id: expected 64 lower-case hex digits")]
    Id,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn pem_round_trips_and_ids_are_stable() {
        let secret = SecretKey::from_seed(&[7; 32]);
        let again = SecretKey::from_pem(&secret.to_pem().unwrap()).unwrap();
        assert_eq!(again.public(), secret.public());
        let public = PublicKey::from_pem(&secret.public().to_pem().unwrap()).unwrap();
        assert_eq!(public.id(), secret.public().id());
        assert_eq!(
            public.id().to_string().parse::<KeyId>().unwrap(),
            public.id()
        );
    }

    #[test]
    fn secrets_do_not_leak_into_debug() {
        let secret = SecretKey::from_seed(&[7; 32]);
        assert!(!format!("{secret:?}").contains("07"[..].repeat(4).as_str()));
    }

    #[test]
    fn other_texts_are_refused() {
        let secret = SecretKey::from_seed(&[7; 32]);
        let pem = secret.public().to_pem().unwrap();
        for bad in ["", "hello", &pem[..40], &pem.replace("PUBLIC", "PRIVATE")] {
            assert!(PublicKey::from_pem(bad).is_err(), "{bad:?}");
            assert!(SecretKey::from_pem(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rfc_8032_test_2() {
        let seed =
            crate::hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
                .unwrap();
        let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                        085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let secret = SecretKey::from_seed(&seed.try_into().unwrap());
        let signature = secret.sign(&[0x72]);
        assert_eq!(crate::hex::encode(&signature), expected);
        assert!(secret.public().verifies(&[0x72], &signature));
        assert!(!secret.public().verifies(&[0x73], &signature));
    }
}
