//! A witness (C2SP `tlog-witness`): cosigns checkpoints of logs, each only when it continues what was
//! cosigned before, so that nobody can be shown another history.
//!
//! Its folder holds everything: `witness.key` the signing key, `logs/<hex>.checkpoint` the newest
//! checkpoint of each log, `lock`. Key and memory are in one place on purpose: a key without its
//! memory could be made to sign two histories. When the folder is lost, the witness is; a new one has
//! a new key. [`Witness`] is the logic, [`http`] the protocol around it.

mod error;
pub mod http;
mod request;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::hash::empty_root;
use registry_schema::log::note::{
    KeyKind, KeyName, Note, NoteError, NoteSignature, SignerKey, VerifierKey,
};
use registry_schema::log::proof::{TreeHead, verify_consistency};

pub use error::{Refusal, WitnessError};
use request::AddCheckpoint;
pub use request::REQUEST_BYTES;
use state::{Memory, StateFolder};

use crate::files::{self, FileLock};

/// Longest text of a key.
const KEY_BYTES: u64 = 4096;

/// Makes a witness: a folder with a new key.
///
/// # Errors
/// [`WitnessError`] when there is one already, or no randomness, or no room.
pub fn create(folder: &Path, name: KeyName) -> Result<VerifierKey, WitnessError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|source| WitnessError::Randomness { source })?;
    let key = SignerKey::new(name, KeyKind::Cosignature, SecretKey::from_seed(&seed));
    files::create_private_dir(folder)?;
    files::write_new(&key_path(folder), format!("{}\n", key.to_text()).as_bytes())?;
    Ok(key.verifier())
}

fn key_path(folder: &Path) -> PathBuf {
    folder.join("witness.key")
}

/// A witness at work.
#[derive(Debug)]
pub struct Witness {
    key: SignerKey,
    /// Keys of each log it knows, by origin.
    logs: BTreeMap<String, Vec<VerifierKey>>,
    folder: StateFolder,
    /// What it has cosigned; the lock makes check, write and answer one step.
    memory: Mutex<Memory>,
    _lock: FileLock,
}

impl Witness {
    /// Opens a witness's folder for some logs, each by its key; several keys of one name are keys of
    /// one log.
    ///
    /// # Errors
    /// [`WitnessError`] when the folder holds no witness, another process has it, what it remembers
    /// was changed, or a key is none of a log.
    pub fn open(folder: &Path, keys: Vec<VerifierKey>) -> Result<Self, WitnessError> {
        let key = read_key(folder)?;
        let mut logs: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for log in keys {
            if log.kind() != KeyKind::Ed25519 {
                return Err(WitnessError::NotALog {
                    name: log.name().clone(),
                });
            }
            logs.entry(log.name().to_string()).or_default().push(log);
        }
        let lock = FileLock::try_acquire(&folder.join("lock"))?;
        let lock = lock.ok_or_else(|| WitnessError::Running {
            folder: folder.to_owned(),
        })?;
        let state = StateFolder::new(folder);
        let memory = state.read(&key.verifier())?;
        Ok(Self {
            key,
            logs,
            folder: state,
            memory: Mutex::new(memory),
            _lock: lock,
        })
    }

    /// The key that verifies its cosignatures.
    pub fn key(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// Origins of the logs it cosigns.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.keys().map(String::as_str)
    }

    /// Answers `add-checkpoint`: the cosignature, as a line of a note. It is on the disk before this
    /// returns. `now` is the time in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal`] in the order of the protocol: form, log, signature, sizes, proof.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<NoteSignature, Refusal> {
        // 1. A checkpoint of a log it knows, signed by that log.
        let request = AddCheckpoint::parse(body)?;
        let (log, checkpoint) = self.check_signed(&request.note)?;
        // 2. Sizes that can be.
        if request.old_size > checkpoint.size {
            return Err(Refusal::Shrinking {
                old: request.old_size,
                new: checkpoint.size,
            });
        }
        // 3. From here on alone: between the check and the disk nobody else comes in.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let known = memory.head(&checkpoint.origin);
        let latest = known.unwrap_or(TreeHead {
            size: 0,
            root: empty_root(),
        });
        if request.old_size != latest.size {
            return Err(Refusal::OtherSize {
                latest: latest.size,
            });
        }
        // 4. The new log continues the old one.
        let newer = TreeHead {
            size: checkpoint.size,
            root: checkpoint.root,
        };
        verify_consistency(latest, newer, &request.proof)?;
        // 5. Remembered first, then said.
        let text = request.note.text();
        let cosignature = self.key.sign(text, now);
        let mut kept = Note::new(text.to_owned())?;
        for signature in log.into_iter().chain([cosignature.clone()]) {
            kept.add(signature)?;
        }
        self.folder.write(&checkpoint.origin, &kept)?;
        memory.put(&checkpoint.origin, newer, kept);
        Ok(cosignature)
    }

    /// The newest checkpoint it cosigned of a log, with the log's signatures and its own: by the
    /// lower-case hex SHA-256 of the log's origin.
    pub fn latest(&self, origin_hash: &str) -> Option<Note> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.note(origin_hash).cloned()
    }

    /// The log's own signatures, all of them good, and what they are over.
    fn check_signed(&self, note: &Note) -> Result<(Vec<NoteSignature>, Checkpoint), Refusal> {
        let checkpoint = Checkpoint::of_note(note).map_err(Refusal::Checkpoint)?;
        let keys =
            self.logs
                .get(checkpoint.origin.as_str())
                .ok_or_else(|| Refusal::UnknownLog {
                    origin: checkpoint.origin.clone(),
                })?;
        let known: Vec<&VerifierKey> = keys.iter().collect();
        match note.verify(&known) {
            Ok(_) => {}
            Err(error @ (NoteError::BadSignature { .. } | NoteError::NoKnownSignature)) => {
                return Err(Refusal::Signature(error));
            }
            Err(other) => return Err(other.into()),
        }
        let is_known = |signature: &&NoteSignature| {
            keys.iter()
                .any(|key| *key.name() == signature.name && key.id() == signature.key_id)
        };
        let own = note.signatures().iter().filter(is_known).cloned().collect();
        Ok((own, checkpoint))
    }
}

fn read_key(folder: &Path) -> Result<SignerKey, WitnessError> {
    let path = key_path(folder);
    if !path.exists() {
        return Err(WitnessError::NoWitness {
            folder: folder.to_owned(),
        });
    }
    let text = files::read_limited(&path, KEY_BYTES)?;
    let text = String::from_utf8_lossy(&text);
    let key: SignerKey = text
        .trim_end()
        .parse()
        .map_err(|source| WitnessError::Key {
            path: path.clone(),
            source,
        })?;
    if key.verifier().kind() != KeyKind::Cosignature {
        return Err(WitnessError::KeyKind { path });
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
