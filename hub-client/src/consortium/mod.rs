//! Founding and changing a consortium: drafts of its trust root, which pass from member to member as
//! files until enough have signed.

mod error;
mod policy_file;
mod wishes;

pub use error::ConsortiumError;
pub use policy_file::PolicyFileError;
pub use wishes::{LogWitness, MemberKey, NameOwners};

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use registry_schema::keys::PublicKey;
use registry_schema::limits;
use registry_schema::log::policy::Policy;
use registry_schema::name::{MemberName, Name};
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::{Draft, DraftError, Plan};
use registry_schema::tuf::files::{self as tuf_files, KeyEntry, KeyPurpose, KeyringFile};

use crate::config::Folders;
use crate::files::{self, SharedFile};
use crate::keys;

/// What a new consortium is to be.
#[derive(Clone, Copy, Debug)]
pub struct Founding<'a> {
    /// What it calls itself.
    pub name: &'a str,
    /// Its members with their trust keys.
    pub members: &'a [MemberKey],
    /// How many members sign a change; more than half when absent, never all.
    pub threshold: Option<usize>,
    /// Bare names with their owners.
    pub names: &'a [NameOwners],
    /// The log policy (C2SP tlog-policy).
    pub log_policy: &'a str,
    /// The hub's key for snapshot and timestamp.
    pub online_key: &'a PublicKey,
}

/// The draft of a new consortium.
///
/// # Errors
/// [`ConsortiumError`] names the member, name or key that is wrong.
pub fn found(wish: &Founding<'_>, now: Timestamp) -> Result<Draft, ConsortiumError> {
    let mut trust_keys = BTreeMap::new();
    for entry in wish.members {
        let key = keys::load_public(Path::new(&entry.key_path))?;
        if trust_keys.insert(entry.member.clone(), key).is_some() {
            return Err(ConsortiumError::Twice {
                what: entry.member.to_string(),
            });
        }
    }
    let mut names = BTreeMap::new();
    for entry in wish.names {
        let owners = entry.owners(0);
        if names.insert(entry.name.clone(), owners).is_some() {
            return Err(ConsortiumError::Twice {
                what: entry.name.to_string(),
            });
        }
    }
    let plan = planned(wish, trust_keys, names)?;
    Ok(Draft::found(&plan, now)?)
}

/// The draft of a consortium that had a policy file, the form of the first version: the same
/// members, owners and keys. The first key of each member becomes its trust key.
///
/// # Errors
/// [`ConsortiumError`].
pub fn found_from_policy(
    policy: &Path,
    wish: &Founding<'_>,
    now: Timestamp,
) -> Result<Draft, ConsortiumError> {
    let old = policy_file::read(policy)?;
    let mut trust_keys = BTreeMap::new();
    let mut keyrings = Vec::new();
    for (member, member_keys) in &old.members {
        if let Some(first) = member_keys.first() {
            trust_keys.insert(member.clone(), first.clone());
        }
        let entries = member_keys.iter().map(|key| KeyEntry::statement(key, 0));
        let entries = entries
            .collect::<Result<_, _>>()
            .map_err(DraftError::from)?;
        keyrings.push(KeyringFile::new(member, entries).map_err(DraftError::from)?);
    }
    let wish = Founding {
        name: &old.consortium,
        ..*wish
    };
    let plan = planned(&wish, trust_keys, old.names)?;
    Ok(Draft::found_with_keyrings(&plan, &keyrings, now)?)
}

fn planned(
    wish: &Founding<'_>,
    trust_keys: BTreeMap<MemberName, PublicKey>,
    names: BTreeMap<Name, tuf_files::NameOwners>,
) -> Result<Plan, ConsortiumError> {
    let mut plan = Plan::new(
        wish.name,
        trust_keys,
        names,
        wish.log_policy.to_owned(),
        wish.online_key.clone(),
    )?;
    if let Some(threshold) = wish.threshold {
        plan.threshold = threshold;
    }
    Ok(plan)
}

/// Writes a new draft; one that is there is not replaced.
///
/// # Errors
/// [`ConsortiumError::File`].
pub fn write_new(draft: &Draft, path: &Path) -> Result<(), ConsortiumError> {
    Ok(files::write_new(path, draft.to_text()?.as_bytes())?)
}

/// Reads a draft and checks that it is one whole.
///
/// # Errors
/// [`ConsortiumError`].
pub fn read(path: &Path) -> Result<Draft, ConsortiumError> {
    parse(&files::read_limited(path, limits::DRAFT_BYTES)?)
}

fn read_held(file: &SharedFile) -> Result<Draft, ConsortiumError> {
    parse(&file.read(limits::DRAFT_BYTES)?)
}

fn parse(bytes: &[u8]) -> Result<Draft, ConsortiumError> {
    Ok(Draft::parse(&String::from_utf8_lossy(bytes))?)
}

/// Changes what a draft proposes. Signatures over what changes are gone afterwards.
///
/// # Errors
/// [`ConsortiumError`] names what is wrong; then the file is as it was.
pub fn edit(
    path: &Path,
    change: impl FnOnce(&mut Plan) -> Result<(), ConsortiumError>,
) -> Result<Draft, ConsortiumError> {
    let held = SharedFile::hold(path)?;
    let draft = read_held(&held)?;
    let mut plan = draft.plan()?;
    change(&mut plan)?;
    let draft = draft.planned(&plan)?;
    held.replace(draft.to_text()?.as_bytes())?;
    Ok(draft)
}

/// Signs a draft with one member's trust key, and takes the signatures of other copies of it.
/// Returns the draft, and what was signed.
///
/// # Errors
/// [`ConsortiumError`] when a copy is of another draft, the key has no part in it, or it says that it
/// was proposed later than now.
pub fn sign(
    folders: &Folders,
    path: &Path,
    copies: &[impl AsRef<Path>],
    key: Option<&str>,
    statement_keys: &[impl AsRef<str>],
    now: Timestamp,
) -> Result<(Draft, Vec<String>), ConsortiumError> {
    // Two who sign one file at once: the second adds to what the first has written.
    let held = SharedFile::hold(path)?;
    let mut draft = read_held(&held)?;
    draft.check_time(now).map_err(DraftError::from)?;
    for copy in copies {
        draft.merge(&read(copy.as_ref())?)?;
    }
    let mut signed = Vec::new();
    if let Some(key) = key {
        let statement_keys = statement_keys
            .iter()
            .map(|key| keys::public(folders, key.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        signed = draft.sign(&keys::load(folders, key)?, &statement_keys)?;
    }
    held.replace(draft.to_text()?.as_bytes())?;
    Ok((draft, signed))
}

/// What a member changes about its own keys.
#[derive(Clone, Debug, Default)]
pub struct KeyRotation {
    /// Keys for statements that count from `from` on.
    pub add: Vec<PublicKey>,
    /// Keys for `model.sig`, as PEM.
    pub add_model_signing: Vec<String>,
    /// Ids of keys that no longer count from `until` on.
    pub retire: Vec<registry_schema::keys::KeyId>,
    /// The first log index of added keys.
    pub from: u64,
    /// The first log index at which retired keys no longer count: of a stolen key, the first bad one.
    pub until: u64,
    /// Why, for people.
    pub note: Option<String>,
}

/// A member's own change of its keyring, signed with its trust key. Without a change it is renewed.
///
/// # Errors
/// [`ConsortiumError`] when a key to retire is not there, or the trust key is not the member's.
pub fn rotate_keys(
    folders: &Folders,
    current: &Bundle,
    member: &MemberName,
    key: &str,
    rotation: &KeyRotation,
    now: Timestamp,
) -> Result<Draft, ConsortiumError> {
    let change = |keyring: &mut KeyringFile| rotate(keyring, rotation);
    let mut draft = Draft::change_keyring(current, member, now, change)?;
    draft.sign(&keys::load(folders, key)?, &[])?;
    Ok(draft)
}

fn rotate(keyring: &mut KeyringFile, rotation: &KeyRotation) -> Result<(), DraftError> {
    for id in &rotation.retire {
        let mut entries = keyring.keys.iter_mut();
        let entry = entries
            .find(|entry| entry.statement_key().is_some_and(|key| key.id() == *id))
            .ok_or_else(|| DraftError::UnknownKey {
                member: keyring.member.clone(),
                key: id.to_string(),
            })?;
        // An end that was set before can only come earlier: what was refused stays refused.
        let until = entry
            .until
            .map_or(rotation.until, |before| before.min(rotation.until));
        entry.until = Some(until.max(entry.from));
        if rotation.note.is_some() {
            entry.note.clone_from(&rotation.note);
        }
    }
    for key in &rotation.add {
        keyring.keys.push(KeyEntry::statement(key, rotation.from)?);
    }
    for pem in &rotation.add_model_signing {
        keyring.keys.push(KeyEntry {
            key: pem.clone(),
            purpose: KeyPurpose::ModelSigning,
            from: rotation.from,
            until: None,
            note: None,
        });
    }
    Ok(())
}

/// The log policy with other witnesses: `quorum` of them must cosign; none when there are none.
///
/// # Errors
/// [`ConsortiumError::Witnesses`] when there are fewer than the quorum.
pub fn with_witnesses(
    policy: &Policy,
    witnesses: &[LogWitness],
    quorum: usize,
) -> Result<String, ConsortiumError> {
    if quorum > witnesses.len() || (quorum == 0 && !witnesses.is_empty()) {
        return Err(ConsortiumError::Witnesses {
            quorum,
            witnesses: witnesses.len(),
        });
    }
    let line = |word: &str, key: &dyn std::fmt::Display, url: Option<&String>| match url {
        Some(url) => format!("{word} {key} {url}\n"),
        None => format!("{word} {key}\n"),
    };
    let mut text = String::new();
    for log in policy.logs() {
        text.push_str(&line("log", &log.key, log.url.as_ref()));
    }
    for witness in witnesses {
        let word = format!("witness {}", witness.name);
        text.push_str(&line(&word, &witness.key, witness.url.as_ref()));
    }
    if witnesses.is_empty() {
        text.push_str("quorum none\n");
        return Ok(text);
    }
    let names: Vec<&str> = witnesses.iter().map(|one| one.name.as_str()).collect();
    text.push_str(&format!("group witnesses {quorum} {}\n", names.join(" ")));
    text.push_str("quorum witnesses\n");
    Ok(text)
}

#[cfg(test)]
mod tests;
