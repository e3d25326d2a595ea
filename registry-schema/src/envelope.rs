//! DSSE v1 envelopes (Dead Simple Signing Envelope, secure-systems-lab/dsse).
//!
//! `PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`: the signature is over
//! these bytes, never over JSON or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::keys::{KeyId, SecretKey};
use crate::limits;

/// The payload type of every statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Media type of an envelope on the wire.
pub const MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// A payload and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature, and the key its writer says it is by. The id is a hint: nothing may be decided by
/// it before the signature has been checked with that key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// The claimed key.
    pub key_id: KeyId,
    /// 64 bytes of Ed25519.
    pub signature: [u8; 64],
}

impl Envelope {
    /// Signs a payload with every key, in the order of their ids, so that the same payload and keys
    /// give the same bytes.
    pub fn sign(payload: Vec<u8>, keys: &[&SecretKey]) -> Self {
        let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        let mut signatures: Vec<_> = keys
            .iter()
            .map(|key| EnvelopeSignature {
                key_id: key.public().id(),
                signature: key.sign(&message),
            })
            .collect();
        signatures.sort_by_key(|signature| signature.key_id);
        Self {
            payload,
            signatures,
        }
    }

    /// The same envelope signed with one more key: whoever signs in which order, the bytes end up
    /// the same. A signature the key has given before is replaced.
    #[must_use]
    pub fn cosign(self, key: &SecretKey) -> Self {
        let key_id = key.public().id();
        let signature = key.sign(&self.signed_message());
        let mut signatures = self.signatures;
        signatures.retain(|one| one.key_id != key_id);
        signatures.push(EnvelopeSignature { key_id, signature });
        signatures.sort_by_key(|one| one.key_id);
        Self {
            payload: self.payload,
            signatures,
        }
    }

    /// Reads an envelope. Nothing is verified by this.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is too large, not of this form, or of another payload type.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > limits::ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge {
                size_bytes: bytes.len(),
            });
        }
        let wire: WireEnvelope<'_> =
            serde_json::from_slice(bytes).map_err(|source| EnvelopeError::Malformed { source })?;
        if wire.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType {
                found: wire.payload_type.into_owned(),
            });
        }
        if wire.signatures.len() > limits::SIGNATURES {
            return Err(EnvelopeError::TooManySignatures {
                count: wire.signatures.len(),
            });
        }
        let payload = BASE64
            .decode(wire.payload.as_bytes())
            .map_err(|_| EnvelopeError::Base64 { field: "payload" })?;
        let signatures = wire
            .signatures
            .iter()
            .map(WireSignature::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            payload,
            signatures,
        })
    }

    /// The bytes of the envelope: what is stored, sent and logged.
    pub fn to_bytes(&self) -> Vec<u8> {
        let signature = |s: &EnvelopeSignature| WireSignature {
            keyid: s.key_id,
            sig: BASE64.encode(s.signature).into(),
        };
        let wire = WireEnvelope {
            payload: BASE64.encode(&self.payload).into(),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        #[expect(
            clippy::expect_used,
            reason = "strings and lists of strings always serialise"
        )]
        serde_json::to_vec(&wire).expect("an envelope is strings only")
    }

    /// The signed bytes, before anything has been verified.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// SHA-256 of the payload: names the statement, whoever signed it.
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// The signatures, unverified.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// What the signatures are over.
    pub fn signed_message(&self) -> Vec<u8> {
        pre_authentication_encoding(PAYLOAD_TYPE, &self.payload)
    }
}

/// DSSE's `PAE`.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    message.extend_from_slice(payload);
    message
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEnvelope<'a> {
    payload: std::borrow::Cow<'a, str>,
    #[serde(rename = "payloadType")]
    payload_type: std::borrow::Cow<'a, str>,
    signatures: Vec<WireSignature<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature<'a> {
    keyid: KeyId,
    sig: std::borrow::Cow<'a, str>,
}

impl WireSignature<'_> {
    fn parse(&self) -> Result<EnvelopeSignature, EnvelopeError> {
        let bytes = BASE64
            .decode(self.sig.as_bytes())
            .map_err(|_| EnvelopeError::Base64 { field: "sig" })?;
        let signature = bytes
            .try_into()
            .map_err(|_| EnvelopeError::SignatureLength { key_id: self.keyid })?;
        Ok(EnvelopeSignature {
            key_id: self.keyid,
            signature,
        })
    }
}

/// Why bytes are no envelope of ours.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Past [`limits::ENVELOPE_BYTES`].
    #[error(
        "the envelope has {size_bytes} bytes, past the limit of {}: say less",
        limits::ENVELOPE_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not the JSON of an envelope.
    #[error("not a DSSE envelope")]
    Malformed {
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
    /// Something else than a statement is signed.
    #[error("the envelope holds `{found}`, expected `{PAYLOAD_TYPE}`")]
    PayloadType {
        /// The type it names.
        found: String,
    },
    /// More signatures than any name has owners.
    #[error(
        "the envelope has {count} signatures, past the limit of {}",
        limits::SIGNATURES
    )]
    TooManySignatures {
        /// How many.
        count: usize,
    },
    /// Not RFC 4648 §4 with padding.
    #[error("the envelope's `{field}` is not standard base64 with padding")]
    Base64 {
        /// Which field.
        field: &'static str,
    },
    /// Not 64 bytes.
    #[error("the signature by key {key_id} is not 64 bytes long")]
    SignatureLength {
        /// The claimed key.
        key_id: KeyId,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pae_vector_of_the_specification() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            expected
        );
    }

    #[test]
    fn signing_is_deterministic_and_round_trips() {
        let (a, b) = (
            SecretKey::from_seed(&[1; 32]),
            SecretKey::from_seed(&[2; 32]),
        );
        let one = Envelope::sign(b"{}".to_vec(), &[&a, &b]);
        let other = Envelope::sign(b"{}".to_vec(), &[&b, &a]);
        assert_eq!(one.to_bytes(), other.to_bytes());
        assert_eq!(Envelope::parse(&one.to_bytes()).unwrap(), one);
        let message = one.signed_message();
        let first = &one.signatures()[0];
        let key = if first.key_id == a.public().id() {
            &a
        } else {
            &b
        };
        assert!(key.public().verifies(&message, &first.signature));
    }

    #[test]
    fn signing_one_after_the_other_gives_the_same_bytes() {
        let keys = [1, 2, 3].map(|seed| SecretKey::from_seed(&[seed; 32]));
        let together = Envelope::sign(b"{}".to_vec(), &keys.iter().collect::<Vec<_>>());
        let draft = Envelope::sign(b"{}".to_vec(), &[]);
        let in_turn = [2, 0, 1, 0]
            .into_iter()
            .fold(draft, |draft, index: usize| draft.cosign(&keys[index]));
        assert_eq!(in_turn.to_bytes(), together.to_bytes());
    }

    #[test]
    fn unknown_fields_other_types_and_odd_base64_are_refused() {
        let good = String::from_utf8(
            Envelope::sign(b"{}".to_vec(), &[&SecretKey::from_seed(&[1; 32])]).to_bytes(),
        )
        .unwrap();
        for bad in [
            good.replacen('{', "{\"x\":1,", 1),
            good.replace("in-toto", "in-tote"),
            good.replace("e30=", "e30"),
            good.replace("\"signatures\"", "\"signature\""),
            "[]".to_owned(),
        ] {
            assert!(Envelope::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(matches!(
            Envelope::parse(&vec![b' '; 70_000]),
            Err(EnvelopeError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Envelope::parse(&bytes);
        }
    }
}
