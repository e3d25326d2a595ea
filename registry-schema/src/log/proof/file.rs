//! `.tlog-proof` files: an inclusion proof with the checkpoint it leads to.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{ProofError, verify_inclusion};
use crate::digest::Digest;
use crate::limits;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::{Note, NoteError};
use crate::log::text::{decimal, decode_hash, encode_hash, shown};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// That an entry is in a log, checkable offline: with [`crate::log::policy::Policy::check_proof`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// What the writer wanted to add. Nothing authenticates it.
    pub extra: Option<Vec<u8>>,
    /// The entry's index, 0-based.
    pub index: u64,
    /// From the entry's sibling up to the child of the root.
    pub hashes: Vec<Digest>,
    /// The checkpoint with its signatures.
    pub checkpoint: Note,
}

impl LogProof {
    /// Reads a file. Nothing is verified by this.
    ///
    /// # Errors
    /// [`ProofFileError`] names the line that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > limits::PROOF_FILE_BYTES {
            return Err(ProofFileError::TooLarge {
                size_bytes: bytes.len(),
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofFileError::Header)?;
        let rest = text.strip_prefix(HEADER).ok_or(ProofFileError::Header)?;
        let (lines, checkpoint) = rest.split_once("\n\n").ok_or(ProofFileError::Checkpoint)?;
        let mut lines = lines.split('\n').peekable();
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(parse_extra(extra)?)
            }
            None => None,
        };
        let index = lines.next().unwrap_or_default();
        let index = index
            .strip_prefix("index ")
            .and_then(decimal)
            .ok_or_else(|| ProofFileError::Index { line: shown(index) })?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == limits::PROOF_HASHES {
                return Err(ProofFileError::TooLong);
            }
            let hash =
                decode_hash(line).ok_or_else(|| ProofFileError::Hash { line: shown(line) })?;
            hashes.push(hash);
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: Note::parse(checkpoint.as_bytes())?,
        })
    }

    /// Checks that the entry with this hash is in the tree of a checkpoint. Whether the checkpoint
    /// is to be believed is the policy's to say.
    ///
    /// # Errors
    /// [`ProofError`] when it is not shown.
    pub fn verify_inclusion(
        &self,
        leaf: &Digest,
        checkpoint: &Checkpoint,
    ) -> Result<(), ProofError> {
        verify_inclusion(
            leaf,
            self.index,
            checkpoint.size,
            &self.hashes,
            &checkpoint.root,
        )
    }
}

fn parse_extra(text: &str) -> Result<Vec<u8>, ProofFileError> {
    let extra = BASE64.decode(text).map_err(|_| ProofFileError::Extra)?;
    if extra.len() > limits::PROOF_EXTRA_BYTES {
        return Err(ProofFileError::Extra);
    }
    Ok(extra)
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", encode_hash(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What is wrong with a `.tlog-proof` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// Past [`limits::PROOF_FILE_BYTES`].
    #[error(
        "the log proof has {size_bytes} bytes, past the limit of {}",
        limits::PROOF_FILE_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Another file, or another version of it.
    #[error("not a log proof: it does not begin with `{}`", HEADER.trim_end())]
    Header,
    /// Not base64, or past [`limits::PROOF_EXTRA_BYTES`].
    #[error(
        "the log proof's `extra` line is not base64 of at most {} bytes",
        limits::PROOF_EXTRA_BYTES
    )]
    Extra,
    /// Not `index <n>`.
    #[error("the log proof has `{line}` where `index <n>` should be")]
    Index {
        /// What is there.
        line: String,
    },
    /// Not a hash.
    #[error("the log proof's line `{line}` is no hash: 32 bytes in base64")]
    Hash {
        /// What is there.
        line: String,
    },
    /// Past [`limits::PROOF_HASHES`].
    #[error(
        "the log proof has more than {} hashes: no tree is that high",
        limits::PROOF_HASHES
    )]
    TooLong,
    /// Nothing after the hashes.
    #[error("the log proof has no checkpoint after an empty line")]
    Checkpoint,
    /// The checkpoint's form.
    #[error(transparent)]
    Note(#[from] NoteError),
}
