//! One entry: what it says, whether it counts, and what it changes.

use std::collections::BTreeSet;

use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::log::hash::leaf_hash;
use registry_schema::name::{MemberName, Name};
use registry_schema::reference::Reference;
use registry_schema::statement::{
    AdvisoryAction, KeyCompromiseStatement, Severity, Statement, YankAction,
};
use registry_schema::threshold::{Signer, ThresholdError};
use registry_schema::trust_root::{ConsortiumRoot, TrustError, TrustRoot};
use registry_schema::tuf::bundle::KeyringState;
use registry_schema::verify::{VerifiedEntry, VerifyError, verify_entry};
use semver::Version;

use super::finding::Finding;
use super::memory::{Memory, ReleaseMemory, Standing};
use super::own::Own;
use crate::log_view::LogEntry;

/// An entry after its signatures were checked.
#[derive(Debug)]
pub(super) struct Judged {
    index: u64,
    pub(super) leaf: Digest,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    /// Its signatures count.
    Counts(Heard),
    /// They would, had no key been taken back.
    Void(Heard, String),
    /// They may: a member that could have signed has no keyring that counts at present.
    Unjudged(Heard, String),
    /// They never did.
    Invalid(String),
}

/// What a statement says, as far as a monitor remembers it.
#[derive(Debug)]
struct Heard {
    statement: Digest,
    signers: Vec<Signer>,
    says: Says,
}

#[derive(Debug)]
enum Says {
    Release(Name, Version, Digest),
    Yank(Name, Version, Digest, YankAction),
    Evaluation(MemberName, Name, Version, Digest),
    Advisory(MemberName, Name, Version, AdvisoryAction, Severity, String),
    KeyCompromise(KeyCompromiseStatement),
}

/// Checks an entry's form and signatures. This is most of a monitor's work, and any number of entries
/// can be judged at once.
pub(super) fn judge(entry: &LogEntry, trust_root: &ConsortiumRoot) -> Judged {
    let (index, bytes) = (entry.index, &entry.bytes);
    let verdict = match verify_entry(trust_root, bytes, index) {
        Ok(verified) => Verdict::Counts(Heard::of(&verified)),
        // The keys of a keyring that has lapsed are among the retired ones, so it is asked for first.
        Err(error) => match unjudged(trust_root, bytes, index, &error) {
            Some((heard, reason)) => Verdict::Unjudged(heard, reason),
            None => match verify_entry(&trust_root.including_retired_keys(), bytes, index) {
                Ok(verified) => Verdict::Void(Heard::of(&verified), with_cause(&error)),
                Err(_) => Verdict::Invalid(with_cause(&error)),
            },
        },
    };
    Judged {
        index,
        leaf: leaf_hash(bytes),
        verdict,
    }
}

/// What an entry says whose signatures do not count with any key there is, and why nobody can tell
/// whether they should: a member that may sign it has no keyring that counts. `None` when no keyring
/// is missing.
fn unjudged(
    trust_root: &ConsortiumRoot,
    envelope: &[u8],
    index: u64,
    error: &VerifyError,
) -> Option<(Heard, String)> {
    let parsed = Envelope::parse(envelope).ok()?;
    let statement = Statement::parse(parsed.payload()).ok()?;
    let heard = Heard::new(&statement, parsed.payload_digest(), Vec::new());
    let reason = match error {
        VerifyError::Trust(TrustError::Keyring { .. }) => error.to_string(),
        VerifyError::Threshold(ThresholdError::NotAnOwner { .. }) => {
            let owners = trust_root.ownership(heard.name()?, index).ok()?;
            let has_none =
                |owner: &&MemberName| !matches!(trust_root.keyring(owner), KeyringState::Valid(_));
            let owner = owners.members().find(has_none)?;
            format!("{error}; the keyring of `{owner}` does not count at present")
        }
        _ => return None,
    };
    Some((heard, reason))
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

impl Heard {
    fn of(entry: &VerifiedEntry) -> Self {
        let signers = entry.signers().to_vec();
        Self::new(entry.statement(), entry.statement_digest(), signers)
    }

    fn new(statement: &Statement, digest: Digest, signers: Vec<Signer>) -> Self {
        let says = match statement {
            Statement::Release(release) => Says::Release(
                release.manifest().name.clone(),
                release.manifest().version.clone(),
                release.content_digest(),
            ),
            Statement::Yank(yank) => Says::Yank(
                yank.name.clone(),
                yank.version.clone(),
                yank.content,
                yank.action,
            ),
            Statement::Evaluation(said) => Says::Evaluation(
                said.by.clone(),
                said.name.clone(),
                said.version.clone(),
                said.statement,
            ),
            Statement::Advisory(said) => Says::Advisory(
                said.by.clone(),
                said.name.clone(),
                said.version.clone(),
                said.action,
                said.severity,
                said.title.clone(),
            ),
            Statement::KeyCompromise(said) => Says::KeyCompromise(said.clone()),
        };
        Self {
            statement: digest,
            signers,
            says,
        }
    }

    /// The name that only its owners may sign for.
    fn name(&self) -> Option<&Name> {
        match &self.says {
            Says::Release(name, ..) | Says::Yank(name, ..) => Some(name),
            _ => None,
        }
    }

    fn what(&self) -> String {
        let exact = |name: &Name, version: &Version| {
            Reference::exact(name.clone(), version.clone()).to_string()
        };
        match &self.says {
            Says::Release(name, version, _) => format!("the release {}", exact(name, version)),
            Says::Yank(name, version, _, YankAction::Yank) => {
                format!("the yank of {}", exact(name, version))
            }
            Says::Yank(name, version, _, YankAction::Unyank) => {
                format!("the restoration of {}", exact(name, version))
            }
            Says::Evaluation(_, name, version, _) => {
                format!("an evaluation of {}", exact(name, version))
            }
            Says::Advisory(_, name, version, ..) => {
                format!("an advisory about {}", exact(name, version))
            }
            Says::KeyCompromise(said) => format!("the key {} is taken back", said.key_id),
        }
    }
}

/// Takes judged entries into memory, one after the other, and tells what to look at.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) trust_root: &'a ConsortiumRoot,
    pub(super) own: &'a Own,
    pub(super) expected: &'a BTreeSet<Digest>,
}

impl Reader<'_> {
    /// The next entry of the log.
    pub(super) fn take(&self, judged: Judged, memory: &mut Memory) {
        let index = judged.index;
        let (heard, apart) = match judged.verdict {
            Verdict::Counts(heard) => (heard, None),
            Verdict::Void(heard, reason) => (heard, Some((Standing::Void, reason))),
            Verdict::Unjudged(heard, reason) => (heard, Some((Standing::Unjudged, reason))),
            Verdict::Invalid(reason) => {
                memory.stands(index, Some(Standing::Invalid));
                return memory.keep(Finding::Invalid { index, reason });
            }
        };
        let standing = apart.as_ref().map(|(standing, _)| *standing);
        let is_told = memory.stands(index, standing);
        // 1. what the log says from here on
        if let Err(reason) = remember(index, &heard, standing.is_none(), memory) {
            memory.keep(Finding::Invalid { index, reason });
        }
        // 2. what was said in one's own name
        let is_mine = self.own.signed(&heard.signers)
            || heard.name().is_some_and(|name| self.is_own(name, index));
        if is_mine && !self.expected.contains(&heard.statement) {
            let signers = heard.signers.iter().map(|one| one.member.clone());
            memory.keep(Finding::NotSignedHere {
                index,
                statement: heard.statement,
                what: heard.what(),
                signers: signers.collect(),
            });
        }
        // 3. what else is good to know
        let finding = match apart {
            _ if is_told => None,
            Some((Standing::Void, reason)) => Some(Finding::Void {
                index,
                what: heard.what(),
                reason,
            }),
            Some((_, reason)) => Some(Finding::Unjudged {
                index,
                what: heard.what(),
                reason,
            }),
            None => self.notice(index, heard),
        };
        if let Some(finding) = finding {
            memory.tell(finding);
        }
    }

    fn is_own(&self, name: &Name, index: u64) -> bool {
        self.own.owns(name, index, self.trust_root)
    }

    /// What others say of one's own names, and keys that were taken back.
    fn notice(&self, index: u64, heard: Heard) -> Option<Finding> {
        let by_others = !self.own.signed(&heard.signers);
        match heard.says {
            Says::Advisory(by, name, version, action, severity, title)
                if by_others && self.is_own(&name, index) =>
            {
                Some(Finding::Advisory {
                    index,
                    by,
                    about: Reference::exact(name, version).to_string(),
                    action,
                    severity,
                    title,
                })
            }
            Says::Evaluation(by, name, version, _) if by_others && self.is_own(&name, index) => {
                Some(Finding::Evaluated {
                    index,
                    by,
                    release: Reference::exact(name, version).to_string(),
                })
            }
            Says::KeyCompromise(said) => Some(Finding::KeyTakenBack {
                index,
                member: said.member,
                key_id: said.key_id,
                from_index: said.from_index,
                reason: said.reason,
            }),
            _ => None,
        }
    }
}

/// Takes a statement into memory; the reason when it does not fit what was said before.
fn remember(index: u64, heard: &Heard, counts: bool, memory: &mut Memory) -> Result<(), String> {
    let nothing = || "it is about a release that was never logged".to_owned();
    match &heard.says {
        Says::Release(name, version, content) => {
            let releases = &mut memory.name_mut(name).releases;
            if let Some(earlier) = releases.get(version) {
                let at = earlier.index;
                return Err(format!("that version was released before, as entry {at}"));
            }
            releases.insert(
                version.clone(),
                ReleaseMemory {
                    index,
                    statement: heard.statement,
                    content: *content,
                    counts,
                    is_yanked: false,
                    yanks: Vec::new(),
                    evaluations: Vec::new(),
                },
            );
        }
        Says::Yank(name, version, content, action) => {
            let release = memory.release_mut(name, version).ok_or_else(nothing)?;
            if release.content != *content {
                return Err("it is about other files than the release's".to_owned());
            }
            release.yanks.push(index);
            if counts {
                release.is_yanked = *action == YankAction::Yank;
            }
        }
        Says::Evaluation(_, name, version, statement) => {
            let release = memory.release_mut(name, version).ok_or_else(nothing)?;
            if release.statement != *statement {
                return Err("it is about another statement than the release's".to_owned());
            }
            release.evaluations.push(index);
        }
        Says::Advisory(_, name, version, ..) => {
            memory.release_mut(name, version).ok_or_else(nothing)?;
            memory.name_mut(name).advisories.push(index);
        }
        Says::KeyCompromise(_) => memory.take_key_back(index),
    }
    Ok(())
}
