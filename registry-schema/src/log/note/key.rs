//! Keys of notes, and their text forms: `name+id+base64` for verifying, Go's `PRIVATE+KEY+…` for
//! signing.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::NoteSignature;
use crate::digest::Digest;
use crate::hex;
use crate::keys::{KeyError, PublicKey, SecretKey};
use crate::limits;
use crate::log::cosignature;
use crate::log::text::shown;

/// The name of a key: not empty, no spaces, no `+`. By convention a URL without its scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = NoteKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_wrong = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.len() > limits::KEY_NAME_BYTES || text.contains(is_wrong) {
            return Err(NoteKeyError::Name { text: shown(text) });
        }
        Ok(Self(text.to_owned()))
    }
}

/// The first four bytes of `SHA-256(name ‖ 0x0A ‖ kind ‖ public key)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKeyId(pub [u8; 4]);

impl fmt::Display for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Ed25519 over the text (type 0x01): a log.
    Ed25519,
    /// Ed25519 over time and text (type 0x04, `cosignature/v1`): a witness.
    Cosignature,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, NoteKeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            other => Err(NoteKeyError::Kind { byte: other }),
        }
    }
}

/// A key that verifies signatures of notes, written `name+id+base64` ("vkey").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    public: PublicKey,
}

impl VerifierKey {
    /// A key by its parts.
    pub fn new(name: KeyName, kind: KeyKind, public: PublicKey) -> Self {
        Self { name, kind, public }
    }

    /// Its name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it verifies.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The raw key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its id.
    pub fn id(&self) -> NoteKeyId {
        key_id(&self.name, &encoded(self.kind, &self.public))
    }

    /// Whether a signature over the text is good: for a cosignature with the time it was made.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        match self.kind {
            KeyKind::Ed25519 => {
                let signature = signature.try_into().ok()?;
                self.public
                    .verifies(text.as_bytes(), signature)
                    .then_some(None)
            }
            KeyKind::Cosignature => {
                let (time, signature) = cosignature::decode(signature)?;
                let message = cosignature::signed_message(text, time);
                self.public
                    .verifies(&message, signature)
                    .then_some(Some(time))
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode(encoded(self.kind, &self.public));
        write!(f, "{}+{}+{key}", self.name, self.id())
    }
}

impl FromStr for VerifierKey {
    type Err = NoteKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, id, kind, key) = parts(text).ok_or(NoteKeyError::Verifier)??;
        let key = Self::new(name, kind, PublicKey::from_bytes(&key)?);
        if key.id().to_string() == id {
            Ok(key)
        } else {
            Err(NoteKeyError::Id {
                name: key.name,
                found: shown(&id),
            })
        }
    }
}

/// A key that signs notes. Its `Debug` shows its public half only.
#[derive(Clone)]
pub struct SignerKey {
    name: KeyName,
    kind: KeyKind,
    secret: SecretKey,
}

impl SignerKey {
    /// A key by its parts.
    pub fn new(name: KeyName, kind: KeyKind, secret: SecretKey) -> Self {
        Self { name, kind, secret }
    }

    /// The key that verifies what this one signs.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::new(self.name.clone(), self.kind, self.secret.public())
    }

    /// The text form of Go's `sumdb/note`, which holds the secret: keep it where only its owner can
    /// read.
    pub fn to_text(&self) -> String {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(&self.secret.to_seed());
        let id = self.verifier().id();
        format!("PRIVATE+KEY+{}+{id}+{}", self.name, BASE64.encode(key))
    }

    /// Signs the text of a note. The time, in seconds since 1970, is part of a cosignature; a plain
    /// signature has none.
    pub fn sign(&self, text: &str, time: u64) -> NoteSignature {
        let bytes = match self.kind {
            KeyKind::Ed25519 => self.secret.sign(text.as_bytes()).to_vec(),
            KeyKind::Cosignature => {
                let message = cosignature::signed_message(text, time);
                cosignature::encode(time, &self.secret.sign(&message))
            }
        };
        NoteSignature {
            name: self.name.clone(),
            key_id: self.verifier().id(),
            bytes,
        }
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({})", self.verifier())
    }
}

impl FromStr for SignerKey {
    type Err = NoteKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text
            .strip_prefix("PRIVATE+KEY+")
            .ok_or(NoteKeyError::Signer)?;
        let (name, id, kind, seed) = parts(text).ok_or(NoteKeyError::Signer)??;
        let key = Self::new(name, kind, SecretKey::from_seed(&seed));
        if key.verifier().id().to_string() == id {
            Ok(key)
        } else {
            Err(NoteKeyError::Id {
                name: key.name,
                found: shown(&id),
            })
        }
    }
}

/// Name, id, kind and 32 bytes of `name+id+base64`.
type Parts = (KeyName, String, KeyKind, [u8; 32]);

fn parts(text: &str) -> Option<Result<Parts, NoteKeyError>> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let key = BASE64.decode(key).ok()?;
    let (kind, key) = key.split_first()?;
    let kind = match KeyKind::from_byte(*kind) {
        Ok(kind) => kind,
        Err(error) => return Some(Err(error)),
    };
    let key = key.try_into().ok()?;
    Some(name.parse().map(|name| (name, id.to_owned(), kind, key)))
}

fn encoded(kind: KeyKind, public: &PublicKey) -> Vec<u8> {
    [&[kind.byte()][..], &public.to_bytes()].concat()
}

fn key_id(name: &KeyName, key: &[u8]) -> NoteKeyId {
    let digest = Digest::of(&[name.as_str().as_bytes(), b"\n", key].concat());
    let mut id = [0; 4];
    id.copy_from_slice(&digest.as_bytes()[..4]);
    NoteKeyId(id)
}

/// What is wrong with the text of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteKeyError {
    /// Not a name.
    #[error(
        "`{text}` is no name of a key: 1 to {} bytes without spaces or `+`, such as `hub.example.org/log`",
        limits::KEY_NAME_BYTES
    )]
    Name {
        /// What it was.
        text: String,
    },
    /// Not `name+id+base64`.
    #[error("not a verifier key: expected `name+id+base64`")]
    Verifier,
    /// Not Go's form; the text is not repeated, it may hold a secret.
    #[error("not a signing key: expected `PRIVATE+KEY+name+id+base64`")]
    Signer,
    /// Another algorithm.
    #[error(
        "a key of kind {byte:#04x}: this program knows Ed25519 (0x01) and cosignature/v1 (0x04)"
    )]
    Kind {
        /// Its type byte.
        byte: u8,
    },
    /// Not on the curve, or weak.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The id is not that of name and key.
    #[error("the key of `{name}` does not have the id {found}: a letter of it was changed")]
    Id {
        /// Whose key.
        name: KeyName,
        /// The id as written.
        found: String,
    },
}
