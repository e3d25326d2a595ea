//! Checkpoints (C2SP `tlog-checkpoint`): the state of a log, as the text of a signed note.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::limits;
use crate::log::note::{KeyName, Note, NoteError, SignerKey};
use crate::log::text::{decimal, decode_hash, encode_hash, shown};

/// Media type of a checkpoint on the wire.
pub const MEDIA_TYPE: &str = "text/plain; charset=utf-8";

/// The name of a log: its address without scheme and without a slash at its end, such as
/// `hub.example.org/log`. The log's key has the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

impl Origin {
    /// The origin as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name of the log's key, which is the same text.
    pub fn key_name(&self) -> &KeyName {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CheckpointError::Origin { text: shown(text) };
        if text.contains("://") || text.ends_with('/') {
            return Err(error());
        }
        text.parse().map(Self).map_err(|_| error())
    }
}

/// What a log says about itself: which log, how many entries, which root. Unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many entries it has.
    pub size: u64,
    /// Root of the tree over them (RFC 6962).
    pub root: Digest,
}

impl Checkpoint {
    /// Reads the text of a note. Further lines, which the specification discourages, are allowed and
    /// ignored; the signature is over them too.
    ///
    /// # Errors
    /// [`CheckpointError`] names the line that is wrong.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Lines)?
            .split('\n');
        let mut next = || lines.next().ok_or(CheckpointError::Lines);
        let (origin, size, root) = (next()?, next()?, next()?);
        let checkpoint = Self {
            origin: origin.parse()?,
            size: decimal(size)
                .filter(|size| *size <= limits::LOG_ENTRIES)
                .ok_or_else(|| CheckpointError::Size { text: shown(size) })?,
            root: decode_hash(root).ok_or_else(|| CheckpointError::Root { text: shown(root) })?,
        };
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Lines);
        }
        Ok(checkpoint)
    }

    /// The checkpoint of a signed note, whose signatures have not been verified.
    ///
    /// # Errors
    /// [`CheckpointError`] as [`Checkpoint::parse`].
    pub fn of_note(note: &Note) -> Result<Self, CheckpointError> {
        Self::parse(note.text())
    }

    /// The checkpoint as a note with the log's signature.
    ///
    /// # Errors
    /// [`CheckpointError::Signer`] when the key has another name than the log.
    pub fn sign(&self, key: &SignerKey) -> Result<Note, CheckpointError> {
        if key.verifier().name() != self.origin.key_name() {
            return Err(CheckpointError::Signer {
                origin: self.origin.clone(),
                key: key.verifier().name().clone(),
            });
        }
        let text = self.to_string();
        let mut note = Note::new(text.clone())?;
        // The log's own kind of signature holds no time.
        note.add(key.sign(&text, 0))?;
        Ok(note)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = encode_hash(&self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

/// What is wrong with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines, or an empty one among those after them.
    #[error("a checkpoint has three lines: origin, size, root")]
    Lines,
    /// Not a name of a log.
    #[error(
        "`{text}` is no origin of a log: an address without scheme, spaces, `+`, and a slash at its end"
    )]
    Origin {
        /// What it was.
        text: String,
    },
    /// Not a size.
    #[error("`{text}` is no size of a log: a decimal without leading zeros, at most 2^63 - 1")]
    Size {
        /// What it was.
        text: String,
    },
    /// Not a hash.
    #[error("`{text}` is no root of a tree: 32 bytes in base64")]
    Root {
        /// What it was.
        text: String,
    },
    /// The wrong key.
    #[error("the checkpoint of `{origin}` cannot be signed by the key of `{key}`")]
    Signer {
        /// Which log.
        origin: Origin,
        /// Whose key.
        key: KeyName,
    },
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;
    use crate::log::hash::empty_root;

    #[test]
    fn the_text_reads_back() {
        let checkpoint = Checkpoint {
            origin: "hub.example.org/log1".parse().unwrap(),
            size: 0,
            root: empty_root(),
        };
        let text = checkpoint.to_string();
        assert_eq!(
            text,
            "hub.example.org/log1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
        );
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::parse(&format!("{text}more\n")), Ok(checkpoint));
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
        assert_eq!(
            (theirs.origin(), theirs.size()),
            ("hub.example.org/log1", 0)
        );
        assert_eq!(&theirs.hash().0, empty_root().as_bytes());
    }

    #[test]
    fn malformed_ones_are_refused() {
        let good = "a.b/c\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert!(Checkpoint::parse(good).is_ok());
        for (from, to) in [
            ("a.b/c", ""),
            ("a.b/c", "a b"),
            ("a.b/c", "a+b"),
            ("a.b/c", "https://a.b/c"),
            ("a.b/c", "a.b/c/"),
            ("\n5", "\n05"),
            ("\n5", "\n-5"),
            ("\n5", "\n"),
            ("\n5", "\n9223372036854775808"),
            ("47DE", "47D"),
            ("47DE", "47DEA"),
            ("FU=\n", "FU="),
            ("FU=\n", "FV=\n"),
            ("FU=\n", "FU=\n\n"),
            ("FU=\n", "FU=\n\nx\n"),
            ("\n5\n", "\n5"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z0-9=\n]{0,80}") {
            let _ = Checkpoint::parse(&text);
        }
    }
}
