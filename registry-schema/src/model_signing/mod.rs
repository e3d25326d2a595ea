//! `model.sig`: a release's statement once more, signed so that OpenSSF Model Signing's tools verify
//! the folder of its files without knowing anything of hubs.
//!
//! It is a Sigstore bundle v0.3 for a key (`dev.sigstore.bundle.v1.Bundle` in JSON): the very
//! payload of the release's envelope, an ECDSA P-256 signature in DER over its pre-authentication
//! encoding, and the SHA-256 of the public key's PEM text as a hint. It is not part of what owners
//! sign and decides nothing for pullers; it travels with the release for those who want a second
//! opinion.

mod key;

pub use key::{ModelPublicKey, ModelSecretKey};

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::envelope::{PAYLOAD_TYPE, pre_authentication_encoding};
use crate::limits;

/// Media type of the bundle; exactly this one is read.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What the file is called.
pub const FILE: &str = "model.sig";

/// Longest DER signature on P-256: two integers of 33 bytes with their headers.
const SIGNATURE_BYTES: usize = 72;

/// A statement's payload with a signature on P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSignature {
    payload: Vec<u8>,
    hint: Digest,
    signature: Vec<u8>,
}

impl ModelSignature {
    /// Signs a payload.
    ///
    /// # Errors
    /// [`ModelSigningError::Random`].
    pub fn sign(
        payload: Vec<u8>,
        key: &ModelSecretKey,
        random: &dyn SecureRandom,
    ) -> Result<Self, ModelSigningError> {
        let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        Ok(Self {
            signature: key.sign(&message, random)?,
            hint: key.public()?.hint()?,
            payload,
        })
    }

    /// Reads a bundle. Nothing is verified by this.
    ///
    /// # Errors
    /// [`ModelSigningError`] when it is too large, not of this form, or signed in another way.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelSigningError> {
        if bytes.len() > limits::MODEL_SIGNATURE_BYTES {
            return Err(ModelSigningError::TooLarge {
                size_bytes: bytes.len(),
            });
        }
        let bundle: Bundle<'_> = serde_json::from_slice(bytes)
            .map_err(|source| ModelSigningError::Malformed { source })?;
        let form = |field| ModelSigningError::Form { field };
        let material = bundle.verification_material;
        let dsse = bundle.dsse_envelope;
        if bundle.media_type != MEDIA_TYPE {
            return Err(form("mediaType"));
        }
        if !material.tlog_entries.is_empty() {
            return Err(form("tlogEntries"));
        }
        if dsse.payload_type != PAYLOAD_TYPE {
            return Err(form("payloadType"));
        }
        // Sigstore bundles have exactly one, and verifiers look at the first alone.
        let [signature] = dsse.signatures.as_slice() else {
            return Err(form("signatures"));
        };
        let decode = |field, text: &str| BASE64.decode(text).map_err(|_| form(field));
        let payload = decode("payload", &dsse.payload)?;
        let der = decode("sig", &signature.sig)?;
        if der.len() > SIGNATURE_BYTES {
            return Err(form("sig"));
        }
        let hint =
            Digest::from_hex(&material.public_key.hint).map_err(|_| form("publicKey.hint"))?;
        Ok(Self {
            payload,
            hint,
            signature: der,
        })
    }

    /// The bundle's bytes: what is in `model.sig`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bundle = Bundle {
            media_type: MEDIA_TYPE.into(),
            verification_material: Material {
                public_key: KeyIdentifier {
                    hint: self.hint.to_hex().into(),
                },
                tlog_entries: Vec::new(),
            },
            dsse_envelope: DsseEnvelope {
                payload: BASE64.encode(&self.payload).into(),
                payload_type: PAYLOAD_TYPE.into(),
                signatures: vec![DsseSignature {
                    sig: BASE64.encode(&self.signature).into(),
                    keyid: "".into(),
                }],
            },
        };
        #[expect(clippy::expect_used, reason = "strings and lists always serialise")]
        serde_json::to_vec(&bundle).expect("a bundle is strings only")
    }

    /// SHA-256 of what is signed: the statement digest of the release it belongs to.
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// SHA-256 of the PEM text of the key that is said to have signed.
    pub fn hint(&self) -> Digest {
        self.hint
    }

    /// Checks that this key signed exactly this statement.
    ///
    /// # Errors
    /// [`ModelSigningError::OtherStatement`], [`ModelSigningError::OtherKey`] or
    /// [`ModelSigningError::Signature`].
    pub fn verify(
        &self,
        statement: &Digest,
        key: &ModelPublicKey,
    ) -> Result<(), ModelSigningError> {
        self.check_statement(statement)?;
        let expected = key.hint()?;
        if expected != self.hint {
            return Err(ModelSigningError::OtherKey {
                expected,
                found: self.hint,
            });
        }
        let message = pre_authentication_encoding(PAYLOAD_TYPE, &self.payload);
        if key.verifies(&message, &self.signature) {
            Ok(())
        } else {
            Err(ModelSigningError::Signature)
        }
    }

    /// Checks that this statement is what is signed, by whomever.
    ///
    /// # Errors
    /// [`ModelSigningError::OtherStatement`].
    pub fn check_statement(&self, statement: &Digest) -> Result<(), ModelSigningError> {
        let found = self.payload_digest();
        if found == *statement {
            Ok(())
        } else {
            Err(ModelSigningError::OtherStatement {
                expected: *statement,
                found,
            })
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bundle<'a> {
    media_type: Cow<'a, str>,
    verification_material: Material<'a>,
    dsse_envelope: DsseEnvelope<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material<'a> {
    public_key: KeyIdentifier<'a>,
    /// A key has no transparency log of Sigstore's behind it.
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyIdentifier<'a> {
    hint: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DsseEnvelope<'a> {
    payload: Cow<'a, str>,
    payload_type: Cow<'a, str>,
    signatures: Vec<DsseSignature<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseSignature<'a> {
    sig: Cow<'a, str>,
    #[serde(default)]
    keyid: Cow<'a, str>,
}

/// A `model.sig` or its key cannot be made, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum ModelSigningError {
    /// Not a PKCS#8 PEM of P-256.
    #[error("not an unencrypted P-256 secret key in PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`)")]
    Secret,
    /// Not an SPKI PEM of P-256.
    #[error("not a P-256 public key in PEM (`-----BEGIN PUBLIC KEY-----`)")]
    Public,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// Past [`limits::MODEL_SIGNATURE_BYTES`].
    #[error(
        "`{FILE}` has {size_bytes} bytes, past the limit of {}",
        limits::MODEL_SIGNATURE_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not the JSON of a bundle.
    #[error("`{FILE}` is not a Sigstore bundle for a key")]
    Malformed {
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// A field with another value than a bundle for one P-256 key has.
    #[error("the `{field}` of `{FILE}` is not that of a Sigstore bundle v0.3 for one P-256 key")]
    Form {
        /// Which field.
        field: &'static str,
    },
    /// Something else was signed.
    #[error("`{FILE}` signs the statement {found}, not {expected}")]
    OtherStatement {
        /// The release's statement.
        expected: Digest,
        /// What was signed.
        found: Digest,
    },
    /// Another key signed.
    #[error(
        "`{FILE}` names the key {}, not {}",
        found.to_hex(),
        expected.to_hex()
    )]
    OtherKey {
        /// SHA-256 of the PEM text of the key it was checked with.
        expected: Digest,
        /// The one it names.
        found: Digest,
    },
    /// The signature does not verify.
    #[error("the signature in `{FILE}` does not verify")]
    Signature,
}

#[cfg(test)]
mod tests;
