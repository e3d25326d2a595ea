//! The body of `add-checkpoint`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_schema::digest::Digest;
use registry_schema::limits;
use registry_schema::log::note::Note;

use super::Refusal;

/// Largest body: a line of size, the longest proof, a note.
pub const REQUEST_BYTES: usize = limits::NOTE_BYTES + (4 << 10);

/// What a log asks.
#[derive(Debug)]
pub(super) struct AddCheckpoint {
    /// Size of the checkpoint that the log believes was cosigned last.
    pub(super) old_size: u64,
    /// That the new checkpoint continues it.
    pub(super) proof: Vec<Digest>,
    /// The new checkpoint, its signatures not verified.
    pub(super) note: Note,
}

impl AddCheckpoint {
    /// Reads `old <size>`, hashes, an empty line, and a checkpoint.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let malformed = |what| Refusal::Malformed { what };
        if body.len() > REQUEST_BYTES {
            return Err(malformed("it is too large"));
        }
        let text = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(malformed("it has no empty line"))?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal)
            .ok_or(malformed("it does not begin with `old <size>`"))?;
        let proof = lines
            .map(hash)
            .collect::<Option<Vec<_>>>()
            .ok_or(malformed("a line of its proof is no hash"))?;
        if proof.len() > limits::PROOF_HASHES {
            return Err(malformed("its proof is longer than any tree is high"));
        }
        Ok(Self {
            old_size,
            proof,
            note: Note::parse(note.as_bytes())?,
        })
    }
}

/// Digits only, no leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hash(line: &str) -> Option<Digest> {
    let bytes = BASE64.decode(line).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}
