//! Evidence that a log shows different histories: a folder that convinces anybody, with no program of
//! ours.
//!
//! ```text
//! README.txt         what this is, and how to check it
//! older.checkpoint   a signed note (C2SP signed-note) of the log
//! newer.checkpoint   another one, of as many entries or more
//! consistency.txt    when it has more: the root that its tree had with the older size, and the
//!                    proof of that (RFC 6962 section 2.1.2), a hash a line, in base64
//! ```
//!
//! Both notes carry the log's own signature, so nobody else can make such a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_schema::digest::Digest;
use registry_schema::log::checkpoint::Origin;
use registry_schema::log::note::Note;

use super::LogViewError;
use crate::files::StagedFolder;

/// Two signed states of a log that cannot both be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fork<'a> {
    pub(super) origin: &'a Origin,
    pub(super) older: &'a Note,
    pub(super) newer: &'a Note,
    /// The root that the newer one had with the older size, and the proof of that; `None` when both
    /// have one size.
    pub(super) proof: Option<(&'a Digest, &'a [Digest])>,
}

/// The names of the two notes.
const NOTES: [&str; 2] = ["older.checkpoint", "newer.checkpoint"];

/// Writes the folder, whole or not at all. What was written before stays: it is evidence enough.
pub(super) fn write(fork: &Fork<'_>, folder: &Path) -> Result<(), LogViewError> {
    if exists(folder) {
        return Ok(());
    }
    let staged = StagedFolder::create(folder)?;
    for (name, note) in NOTES.iter().zip([fork.older, fork.newer]) {
        staged.write(name, note.to_string().as_bytes())?;
    }
    if let Some((root, hashes)) = fork.proof {
        staged.write("consistency.txt", proof_text(root, hashes).as_bytes())?;
    }
    staged.write("README.txt", readme(fork).as_bytes())?;
    Ok(staged.commit()?)
}

/// Whether there is evidence in this place.
pub(super) fn exists(folder: &Path) -> bool {
    NOTES.iter().all(|name| folder.join(name).exists())
}

/// Puts evidence aside, under the time at which it was settled; where to, when there was any.
pub(super) fn settle(
    folder: &Path,
    settled: &Path,
    name: &str,
) -> Result<Option<PathBuf>, LogViewError> {
    if !exists(folder) {
        return Ok(None);
    }
    let aside = settled.join(name);
    crate::files::rename(folder, &aside)?;
    Ok(Some(aside))
}

fn proof_text(root: &Digest, hashes: &[Digest]) -> String {
    let line = |hash: &Digest| BASE64.encode(hash.as_bytes());
    let mut text = format!("root {}\n", line(root));
    for hash in hashes {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}", line(hash));
    }
    text
}

fn readme(fork: &Fork<'_>) -> String {
    let origin = fork.origin;
    let common = format!(
        "The log {origin} has shown two histories.\n\n\
         older.checkpoint and newer.checkpoint are signed notes (https://c2sp.org/signed-note,\n\
         https://c2sp.org/tlog-checkpoint): origin, number of entries, root of the Merkle tree in base64, an empty\n\
         line, signatures. Verify in both the signature of {origin} with the log's key, which the consortium's\n\
         trust root names (log.policy). "
    );
    let why = if fork.proof.is_none() {
        "Both have the same number of entries and different roots: an honest log never\n\
         signs that.\n"
    } else {
        "Then verify consistency.txt: its first line is the root that the tree of\n\
         newer.checkpoint had when it was as large as that of older.checkpoint, the others are the consistency proof\n\
         of that (RFC 6962, section 2.1.2), in order, in base64. The proof verifies, and the root is not the one that\n\
         older.checkpoint was signed with: the log has replaced entries that it had shown.\n"
    };
    format!(
        "{common}{why}\nShow this folder to the other members. `hub trust --forget-log` puts it aside once you know \
         what\nhappened; until then `hub` does not speak with a hub of this log.\n"
    )
}
