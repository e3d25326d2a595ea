//! Signed notes (C2SP `signed-note`): a text and who signed it, each by name and key id.

mod key;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use key::{KeyKind, KeyName, NoteKeyError, NoteKeyId, SignerKey, VerifierKey};

use crate::limits;
use crate::log::text::shown;

/// What every signature line begins with: U+2014 and a space.
const DASH: &str = "— ";

/// A text with its signatures, none of which has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One line of signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: KeyName,
    /// The key's id, a hint as the name is.
    pub key_id: NoteKeyId,
    /// The signature as the key's algorithm writes it.
    pub bytes: Vec<u8>,
}

/// A signature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodSignature {
    /// Position of its key among the known ones.
    pub key: usize,
    /// When it was made, in seconds since 1970, if its kind says so.
    pub time: Option<u64>,
}

impl Note {
    /// A note without signatures yet.
    ///
    /// # Errors
    /// [`NoteError::Text`] when the text does not end in a line feed or holds other control
    /// characters.
    pub fn new(text: String) -> Result<Self, NoteError> {
        check_text(&text)?;
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a note. Nothing is verified by this.
    ///
    /// # Errors
    /// [`NoteError`] names what is wrong with its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > limits::NOTE_BYTES {
            return Err(NoteError::TooLarge {
                size_bytes: bytes.len(),
            });
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        check_text(whole)?;
        let boundary = whole.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (&whole[..=boundary], &whole[boundary + 2..]);
        Ok(Self {
            text: text.to_owned(),
            signatures: parse_signatures(lines)?,
        })
    }

    /// The text, which ends in a line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, unverified.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line; the same line again is left out.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`] past [`limits::NOTE_SIGNATURES`].
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() == limits::NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// The signature lines alone, as a witness answers them.
    pub fn signature_lines(&self) -> String {
        self.signatures.iter().map(ToString::to_string).collect()
    }

    /// Checks every signature by a known key; others are ignored, as the specification asks.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] when one by a known key does not verify,
    /// [`NoteError::NoKnownSignature`] when there is none by a known key.
    pub fn verify(&self, known: &[&VerifierKey]) -> Result<Vec<GoodSignature>, NoteError> {
        let mut good = Vec::new();
        for signature in &self.signatures {
            let key = known
                .iter()
                .position(|key| *key.name() == signature.name && key.id() == signature.key_id);
            let Some(key) = key else { continue };
            let time = known[key]
                .check(&self.text, &signature.bytes)
                .ok_or_else(|| NoteError::BadSignature {
                    name: signature.name.clone(),
                })?;
            good.push(GoodSignature { key, time });
        }
        if good.is_empty() {
            return Err(NoteError::NoKnownSignature);
        }
        Ok(good)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.text, self.signature_lines())
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.0[..], &self.bytes].concat();
        writeln!(f, "{DASH}{} {}", self.name, BASE64.encode(bytes))
    }
}

/// Reads lines of signatures, at least one, each with its line feed.
///
/// # Errors
/// [`NoteError`] when one is malformed or they are too many.
pub fn parse_signatures(lines: &str) -> Result<Vec<NoteSignature>, NoteError> {
    if lines.len() > limits::NOTE_BYTES {
        return Err(NoteError::TooLarge {
            size_bytes: lines.len(),
        });
    }
    let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
    if lines.split('\n').count() > limits::NOTE_SIGNATURES {
        return Err(NoteError::TooManySignatures);
    }
    lines
        .split('\n')
        .map(|line| {
            parse_signature(line).ok_or_else(|| NoteError::SignatureLine { line: shown(line) })
        })
        .collect()
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = BASE64.decode(signature).ok()?;
    let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
    let signature = NoteSignature {
        name: name.parse().ok()?,
        key_id: NoteKeyId(*key_id),
        bytes: bytes.to_vec(),
    };
    (!signature.bytes.is_empty()).then_some(signature)
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let is_good = |c: char| c >= ' ' || c == '\n';
    if text.ends_with('\n') && text.chars().all(is_good) {
        Ok(())
    } else {
        Err(NoteError::Text)
    }
}

/// What is wrong with a note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Past [`limits::NOTE_BYTES`].
    #[error(
        "the signed note has {size_bytes} bytes, past the limit of {}",
        limits::NOTE_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not the text of a note.
    #[error(
        "a signed note is UTF-8 text that ends in a line feed and has no other control characters"
    )]
    Text,
    /// Nothing after the text.
    #[error("the signed note has no signatures after an empty line")]
    NoSignatures,
    /// Past [`limits::NOTE_SIGNATURES`].
    #[error("the signed note has more than {} signatures", limits::NOTE_SIGNATURES)]
    TooManySignatures,
    /// Not `— name base64`.
    #[error("the line `{line}` is no signature of a note")]
    SignatureLine {
        /// Which line.
        line: String,
    },
    /// By a known key, and wrong.
    #[error("the signature of `{name}` does not verify: the note was changed, or it is forged")]
    BadSignature {
        /// Whose.
        name: KeyName,
    },
    /// By nobody known.
    #[error("the note has no signature by a known key")]
    NoKnownSignature,
}

#[cfg(test)]
mod tests;
