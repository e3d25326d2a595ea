//! What this machine has signed: a line for each statement, written before the statement leaves.
//!
//! ```text
//! signed.jsonl     {"statement":"sha256:…","keys":["…"],"signed_at":"2027-01-15T08:00:00Z"}
//! ```
//!
//! `hub audit --monitor` reads it to tell what a member signed from what somebody else signed with
//! its keys. A statement is named by the SHA-256 of its payload, which is the same whoever signs
//! first.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::keys::{KeyId, SecretKey};
use serde::{Deserialize, Serialize};

use crate::config::Folders;
use crate::files::{self, FileError, FileLock};

/// Longest line that is read: a statement, and the keys of sixteen owners.
const LINE_BYTES: u64 = 4096;

/// The record of what was signed on this machine.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Line {
    statement: Digest,
    #[serde(default)]
    keys: Vec<KeyId>,
    #[serde(default)]
    signed_at: String,
}

impl Journal {
    /// The journal in a user's folders; it need not exist yet.
    pub fn of(folders: &Folders) -> Self {
        Self {
            path: folders.data.join("signed.jsonl"),
        }
    }

    /// Notes that a statement is signed. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`FileError`]; the statement is then not to be sent.
    pub fn record(&self, statement: Digest, keys: Vec<KeyId>) -> Result<(), FileError> {
        let line = Line {
            statement,
            keys,
            signed_at: jiff::Timestamp::now().to_string(),
        };
        let error = |source| FileError::new("cannot write", &self.path, source);
        let text = serde_json::to_string(&line).map_err(|source| error(source.into()))?;
        let _lock = FileLock::acquire(&self.path.with_extension("lock"))?;
        let mut file = files::open_read_write(&self.path)?;
        let end = file.seek(SeekFrom::End(0)).map_err(error)?;
        // A line that a crash cut off is left alone, and ended.
        let break_before = if end == 0 || ends_a_line(&mut file).map_err(error)? {
            ""
        } else {
            "\n"
        };
        file.write_all(format!("{break_before}{text}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(error)
    }

    /// The statements that were signed here, by their digests.
    ///
    /// # Errors
    /// [`FileError`] when the journal is there and cannot be read.
    pub fn statements(&self) -> Result<BTreeSet<Digest>, FileError> {
        match read_statements(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            other => other,
        }
    }
}

/// The statements that a file names: the journal of another machine, what `hub publish --json`
/// answered, or digests, each on a line of its own. Other lines are passed over.
///
/// # Errors
/// [`FileError`] when the file cannot be read.
pub fn read_statements(path: &Path) -> Result<BTreeSet<Digest>, FileError> {
    let error = |source| FileError::new("cannot read", path, source);
    let mut reader = BufReader::new(File::open(path).map_err(error)?);
    let mut found = BTreeSet::new();
    loop {
        let mut line = Vec::new();
        let read = reader
            .by_ref()
            .take(LINE_BYTES)
            .read_until(b'\n', &mut line);
        if read.map_err(error)? == 0 {
            return Ok(found);
        }
        let line = String::from_utf8_lossy(&line);
        found.extend(statement_of(line.trim()));
    }
}

/// The digest on a line: alone, or the value of `"statement"`, whatever is around it.
fn statement_of(line: &str) -> Option<Digest> {
    if let Ok(digest) = line.parse() {
        return Some(digest);
    }
    let (_, after) = line.split_once("\"statement\"")?;
    let value = after.trim_start().strip_prefix(':')?.trim_start();
    value.strip_prefix('"')?.split('"').next()?.parse().ok()
}

fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

/// Keys that sign statements, and the journal that remembers what they signed. Nothing else in the
/// client signs a statement.
#[derive(Clone, Copy, Debug)]
pub struct Pen<'a> {
    keys: &'a [SecretKey],
    journal: &'a Journal,
}

impl<'a> Pen<'a> {
    /// Keys of distinct members.
    pub fn new(keys: &'a [SecretKey], journal: &'a Journal) -> Self {
        Self { keys, journal }
    }

    /// The first key: of a member that speaks for itself, its only one.
    pub fn key(&self) -> Option<&'a SecretKey> {
        self.keys.first()
    }

    /// Signs a payload with every key. It is in the journal when this returns.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be noted.
    pub fn sign(&self, payload: Vec<u8>) -> Result<Envelope, FileError> {
        let keys: Vec<&SecretKey> = self.keys.iter().collect();
        let envelope = Envelope::sign(payload, &keys);
        let ids = keys.iter().map(|key| key.public().id()).collect();
        self.journal.record(envelope.payload_digest(), ids)?;
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_was_signed_is_remembered_also_after_a_crash() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::of(&Folders::under(home.path()));
        assert!(journal.statements().unwrap().is_empty());
        let keys = [SecretKey::from_seed(&[1; 32])];
        let pen = Pen::new(&keys, &journal);
        let first = pen.sign(b"one".to_vec()).unwrap().payload_digest();
        let half = br#"{"statement":"sha256:0011"#;
        let mut file = files::open_read_write(&journal.path).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(half).unwrap();
        let second = pen.sign(b"two".to_vec()).unwrap().payload_digest();
        let found = journal.statements().unwrap();
        assert_eq!(found, BTreeSet::from([first, second]));
    }

    #[test]
    fn other_machines_say_what_they_signed_in_several_ways() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("expected");
        let digests: Vec<Digest> = (0..3u8).map(|n| Digest::of(&[n])).collect();
        let text = format!(
            "# published by the build machine\n{}\n{{\"statement\": \"{}\", \"x\": 1}}\n  \"statement\": \"{}\",\n",
            digests[0], digests[1], digests[2]
        );
        files::write_atomic(&path, text.as_bytes()).unwrap();
        let found = read_statements(&path).unwrap();
        assert_eq!(found, digests.into_iter().collect());
        assert!(read_statements(&home.path().join("none")).is_err());
    }
}
