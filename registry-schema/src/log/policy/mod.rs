//! Which log and which witnesses count, and how many of them (C2SP `tlog-policy`).

mod parse;

use std::collections::BTreeMap;

pub use parse::LogPolicyError;

use crate::digest::Digest;
use crate::log::checkpoint::{Checkpoint, CheckpointError, Origin};
use crate::log::note::{Note, NoteError, VerifierKey};
use crate::log::proof::{LogProof, ProofError};

/// A log that is known by its key; the key's name is the log's origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key.
    pub key: VerifierKey,
    /// Where it is, if the policy says so.
    pub url: Option<String>,
}

/// A witness by the name it has in the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name, in this policy only.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it takes checkpoints, if the policy says so.
    pub url: Option<String>,
}

/// Members, of which enough must have witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    needed: usize,
    members: Vec<String>,
}

/// A log policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    text: String,
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    /// In the order of the file: members come before their groups.
    groups: Vec<Group>,
    /// `None` for `quorum none`.
    quorum: Option<String>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`LogPolicyError`] names the line that is wrong.
    pub fn parse(text: &str) -> Result<Self, LogPolicyError> {
        parse::parse(text)
    }

    /// A policy of one log without witnesses.
    pub fn of_log(key: &VerifierKey) -> Self {
        Self {
            text: format!("log {key}\nquorum none\n"),
            logs: vec![PolicyLog {
                key: key.clone(),
                url: None,
            }],
            witnesses: Vec::new(),
            groups: Vec::new(),
            quorum: None,
        }
    }

    /// The same logs without witnesses: for what was witnessed once, under a quorum that may since have
    /// been replaced.
    #[must_use]
    pub fn without_witnesses(&self) -> Self {
        let lines = self.logs.iter().map(|log| format!("log {}\n", log.key));
        Self {
            text: lines.chain(["quorum none\n".to_owned()]).collect(),
            logs: self.logs.clone(),
            witnesses: Vec::new(),
            groups: Vec::new(),
            quorum: None,
        }
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The logs, in the order of the file.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether a checkpoint counts without any cosignature.
    pub fn is_quorum_none(&self) -> bool {
        self.quorum.is_none()
    }

    /// Checks a checkpoint: signed by a log of the policy whose origin it names, every signature by
    /// a known key good, and cosigned by enough witnesses.
    ///
    /// # Errors
    /// [`QuorumError`] names the check that failed.
    pub fn check(&self, note: &Note) -> Result<WitnessedCheckpoint, QuorumError> {
        let checkpoint = Checkpoint::of_note(note)?;
        let log = self
            .logs
            .iter()
            .find(|log| log.key.name() == checkpoint.origin.key_name())
            .ok_or_else(|| QuorumError::UnknownLog {
                origin: checkpoint.origin.clone(),
            })?;
        let mut known = vec![&log.key];
        known.extend(self.witnesses.iter().map(|witness| &witness.key));
        let good = match note.verify(&known) {
            Err(NoteError::NoKnownSignature) => Vec::new(),
            other => other?,
        };
        if !good.iter().any(|signature| signature.key == 0) {
            return Err(QuorumError::NotByLog {
                origin: checkpoint.origin,
            });
        }
        // The newest of each witness: it may have cosigned twice.
        let mut times: BTreeMap<usize, u64> = BTreeMap::new();
        for signature in good.iter().filter(|signature| signature.key > 0) {
            let time = times.entry(signature.key - 1).or_default();
            *time = signature.time.unwrap_or(0).max(*time);
        }
        let cosigned: Vec<_> = times
            .into_iter()
            .map(|(witness, time)| (self.witnesses[witness].name.clone(), time))
            .collect();
        if !self.is_reached(&cosigned) {
            return Err(QuorumError::TooFewWitnesses {
                size: checkpoint.size,
                quorum: self.quorum.clone().unwrap_or_default(),
                cosigned: names(cosigned.iter().map(|(name, _)| name)),
                missing: names(self.missing(&cosigned)),
            });
        }
        Ok(WitnessedCheckpoint {
            witnessed_at: self.reached_at(&cosigned),
            checkpoint,
            cosigned,
            note: note.clone(),
        })
    }

    /// Checks a `.tlog-proof`: its checkpoint as [`Policy::check`] does, then that the entry with
    /// this hash is in its tree.
    ///
    /// # Errors
    /// [`QuorumError`] names the check that failed.
    pub fn check_proof(
        &self,
        proof: &LogProof,
        leaf: &Digest,
    ) -> Result<WitnessedCheckpoint, QuorumError> {
        let checkpoint = self.check(&proof.checkpoint)?;
        proof.verify_inclusion(leaf, checkpoint.checkpoint())?;
        Ok(checkpoint)
    }

    /// Whether these witnesses are a quorum.
    fn is_reached(&self, cosigned: &[(String, u64)]) -> bool {
        let Some(quorum) = &self.quorum else {
            return true;
        };
        let mut reached: Vec<&str> = cosigned.iter().map(|(name, _)| name.as_str()).collect();
        for group in &self.groups {
            let is_there = |member: &&String| reached.contains(&member.as_str());
            if group.members.iter().filter(is_there).count() >= group.needed {
                reached.push(&group.name);
            }
        }
        reached.contains(&quorum.as_str())
    }

    /// The latest time at which a quorum saw the checkpoint: the newest cosignatures that make one.
    fn reached_at(&self, cosigned: &[(String, u64)]) -> Option<u64> {
        self.quorum.as_ref()?;
        let mut newest = cosigned.to_vec();
        newest.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        (1..=newest.len())
            .find(|&count| self.is_reached(&newest[..count]))
            .map(|count| newest[count - 1].1)
    }

    fn missing<'a>(&'a self, cosigned: &'a [(String, u64)]) -> impl Iterator<Item = &'a String> {
        let is_missing =
            |witness: &&PolicyWitness| !cosigned.iter().any(|(name, _)| *name == witness.name);
        self.witnesses
            .iter()
            .filter(is_missing)
            .map(|witness| &witness.name)
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// A checkpoint that a log of the policy signed and enough witnesses cosigned. Holding one proves
/// that [`Policy::check`] said yes; there is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessedCheckpoint {
    checkpoint: Checkpoint,
    cosigned: Vec<(String, u64)>,
    witnessed_at: Option<u64>,
    note: Note,
}

impl WitnessedCheckpoint {
    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Who cosigned: the witness's name in the policy, and when, in seconds since 1970. Each once.
    pub fn cosigned(&self) -> &[(String, u64)] {
        &self.cosigned
    }

    /// When a quorum of witnesses last saw it, in seconds since 1970: compare with the clock to
    /// judge its age. `None` when the policy needs no witness, and nothing says how old it is.
    pub fn witnessed_at(&self) -> Option<u64> {
        self.witnessed_at
    }

    /// The signed note, all signatures included.
    pub fn note(&self) -> &Note {
        &self.note
    }
}

/// Why a checkpoint or proof does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// Its form.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A signature.
    #[error("the checkpoint's signatures are not good")]
    Note(#[from] NoteError),
    /// Somebody else's log.
    #[error("the checkpoint is of the log `{origin}`, which the policy does not name")]
    UnknownLog {
        /// Which log.
        origin: Origin,
    },
    /// The log itself has not signed.
    #[error("the checkpoint is not signed by the key that the policy has for the log `{origin}`")]
    NotByLog {
        /// Which log.
        origin: Origin,
    },
    /// Below the quorum.
    #[error(
        "the checkpoint of {size} entries lacks the quorum `{quorum}` of witnesses (cosigned: {cosigned}; missing: {missing})"
    )]
    TooFewWitnesses {
        /// Entries of the log.
        size: u64,
        /// The quorum's name.
        quorum: String,
        /// Who cosigned.
        cosigned: String,
        /// Who did not.
        missing: String,
    },
    /// The entry is not shown to be in the tree.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

#[cfg(test)]
mod tests;
