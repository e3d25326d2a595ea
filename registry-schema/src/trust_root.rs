//! Who the members are, which keys are theirs, and who owns which name.
//!
//! [`TrustRoot`] is what the rest of the code asks. [`ConsortiumPolicy`] answers it from a file
//! that `hub consortium init` makes, a hub serves, and clients pin by its SHA-256.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::keys::{KeyError, KeyId, PublicKey};
use crate::limits;
use crate::name::{MemberName, Name};

/// What says which signatures count.
pub trait TrustRoot {
    /// Names the state of the root that answers, for receipts and messages.
    fn digest(&self) -> Digest;

    /// The owners of a name, their keys, and how many of them must sign.
    ///
    /// # Errors
    /// [`TrustError`] when the name belongs to nobody.
    fn ownership(&self, name: &Name) -> Result<Ownership, TrustError>;

    /// Whether there is such a member.
    fn has_member(&self, member: &MemberName) -> bool;
}

/// The owners of one name with their keys.
#[derive(Clone, Debug)]
pub struct Ownership {
    owners: Vec<(MemberName, Vec<PublicKey>)>,
    threshold: usize,
}

impl Ownership {
    /// Owners with their keys, and how many must sign; a threshold of 0 counts as 1.
    pub fn new(owners: Vec<(MemberName, Vec<PublicKey>)>, threshold: usize) -> Self {
        Self {
            owners,
            threshold: threshold.max(1),
        }
    }

    /// How many owners must sign.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Whether this member is an owner.
    pub fn includes(&self, member: &MemberName) -> bool {
        self.owners.iter().any(|(owner, _)| owner == member)
    }

    /// The owners.
    pub fn members(&self) -> impl Iterator<Item = &MemberName> {
        self.owners.iter().map(|(member, _)| member)
    }

    /// The owner of a key, and the key.
    pub fn key(&self, id: &KeyId) -> Option<(&MemberName, &PublicKey)> {
        self.owners.iter().find_map(|(member, keys)| {
            keys.iter()
                .find(|key| key.id() == *id)
                .map(|key| (member, key))
        })
    }

    /// The owners' names, for messages.
    pub fn member_names(&self) -> String {
        let names: Vec<&str> = self
            .owners
            .iter()
            .map(|(member, _)| member.as_str())
            .collect();
        names.join(", ")
    }
}

/// The consortium's policy file (TOML): members, keys, owners and threshold of each bare name.
#[derive(Clone, Debug)]
pub struct ConsortiumPolicy {
    text: String,
    digest: Digest,
    name: String,
    members: BTreeMap<MemberName, Vec<PublicKey>>,
    names: BTreeMap<Name, NamePolicy>,
}

impl ConsortiumPolicy {
    /// Reads and checks a policy. Its digest is over exactly these bytes.
    ///
    /// # Errors
    /// [`PolicyError`] names the member or name that is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > limits::POLICY_BYTES {
            return Err(PolicyError::TooLarge {
                size_bytes: text.len(),
            });
        }
        let file: PolicyFile = toml::from_str(text).map_err(|source| PolicyError::Malformed {
            source: Box::new(source),
        })?;
        if file.v != 1 {
            return Err(PolicyError::Version { found: file.v });
        }
        if file.consortium.is_empty() || file.consortium.contains(char::is_control) {
            return Err(PolicyError::Consortium);
        }
        if file.members.is_empty() {
            return Err(PolicyError::NoMembers);
        }
        let mut seen = BTreeSet::new();
        let mut members = BTreeMap::new();
        for (member, entry) in file.members {
            let keys = read_keys(&member, &entry.keys, &mut seen)?;
            members.insert(member, keys);
        }
        for (name, policy) in &file.names {
            check_name_policy(name, policy, &members)?;
        }
        Ok(Self {
            text: text.to_owned(),
            digest: Digest::of(text.as_bytes()),
            name: file.consortium,
            members,
            names: file.names,
        })
    }

    /// A new policy from members with their keys and the owners of bare names.
    ///
    /// # Errors
    /// [`PolicyError`] as [`ConsortiumPolicy::parse`].
    pub fn create(
        consortium: &str,
        members: &BTreeMap<MemberName, Vec<PublicKey>>,
        names: &BTreeMap<Name, NamePolicy>,
    ) -> Result<Self, PolicyError> {
        let entry = |(member, keys): (&MemberName, &Vec<PublicKey>)| {
            let pem = |key: &PublicKey| {
                key.to_pem().map_err(|source| PolicyError::Key {
                    member: member.clone(),
                    source,
                })
            };
            Ok((
                member.clone(),
                MemberEntry {
                    keys: keys.iter().map(pem).collect::<Result<_, _>>()?,
                },
            ))
        };
        let file = PolicyFile {
            v: 1,
            consortium: consortium.to_owned(),
            members: members
                .iter()
                .map(entry)
                .collect::<Result<_, PolicyError>>()?,
            names: names.clone(),
        };
        let text = toml::to_string_pretty(&file).map_err(|source| PolicyError::Write { source })?;
        Self::parse(&text)
    }

    /// The file's exact text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the consortium calls itself.
    pub fn consortium(&self) -> &str {
        &self.name
    }

    /// Members with their keys.
    pub fn members(&self) -> &BTreeMap<MemberName, Vec<PublicKey>> {
        &self.members
    }

    /// Bare names with owners and thresholds.
    pub fn names(&self) -> &BTreeMap<Name, NamePolicy> {
        &self.names
    }

    /// The member a key belongs to.
    pub fn member_of(&self, id: &KeyId) -> Option<&MemberName> {
        self.members
            .iter()
            .find(|(_, keys)| keys.iter().any(|key| key.id() == *id))
            .map(|(member, _)| member)
    }
}

impl TrustRoot for ConsortiumPolicy {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn ownership(&self, name: &Name) -> Result<Ownership, TrustError> {
        let with_keys = |member: &MemberName| {
            self.members
                .get(member)
                .map(|keys| (member.clone(), keys.clone()))
        };
        match name.member() {
            Some(member) => {
                let owner = with_keys(member).ok_or_else(|| TrustError::UnknownMember {
                    member: member.clone(),
                })?;
                Ok(Ownership::new(vec![owner], 1))
            }
            None => {
                let policy = self
                    .names
                    .get(name)
                    .ok_or_else(|| TrustError::UnknownName { name: name.clone() })?;
                Ok(Ownership::new(
                    policy.owners.iter().filter_map(with_keys).collect(),
                    policy.threshold,
                ))
            }
        }
    }

    fn has_member(&self, member: &MemberName) -> bool {
        self.members.contains_key(member)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    v: u32,
    consortium: String,
    members: BTreeMap<MemberName, MemberEntry>,
    #[serde(default)]
    names: BTreeMap<Name, NamePolicy>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberEntry {
    keys: Vec<String>,
}

/// Who owns a bare name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamePolicy {
    /// Members that own it together.
    pub owners: Vec<MemberName>,
    /// How many of them must sign a statement about it.
    pub threshold: usize,
}

fn read_keys(
    member: &MemberName,
    texts: &[String],
    seen: &mut BTreeSet<KeyId>,
) -> Result<Vec<PublicKey>, PolicyError> {
    if texts.is_empty() {
        return Err(PolicyError::NoKeys {
            member: member.clone(),
        });
    }
    let mut keys = Vec::new();
    for text in texts {
        let key = PublicKey::from_pem(text).map_err(|source| PolicyError::Key {
            member: member.clone(),
            source,
        })?;
        // One key under two members would let one of them sign as two owners.
        if !seen.insert(key.id()) {
            return Err(PolicyError::KeyTwice {
                member: member.clone(),
                key_id: key.id(),
            });
        }
        keys.push(key);
    }
    Ok(keys)
}

fn check_name_policy(
    name: &Name,
    policy: &NamePolicy,
    members: &BTreeMap<MemberName, Vec<PublicKey>>,
) -> Result<(), PolicyError> {
    if name.member().is_some() {
        return Err(PolicyError::NotBare { name: name.clone() });
    }
    if let Some(member) = policy
        .owners
        .iter()
        .find(|owner| !members.contains_key(owner))
    {
        return Err(PolicyError::UnknownOwner {
            name: name.clone(),
            member: member.clone(),
        });
    }
    let distinct: BTreeSet<_> = policy.owners.iter().collect();
    let possible = 1..=policy.owners.len().min(limits::SIGNATURES);
    if distinct.len() != policy.owners.len() || !possible.contains(&policy.threshold) {
        return Err(PolicyError::Threshold {
            name: name.clone(),
            threshold: policy.threshold,
            owners: policy.owners.len(),
        });
    }
    Ok(())
}

/// A name that nobody may publish under.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// `member/name` of somebody who is no member.
    #[error("`{member}` is not a member of the consortium")]
    UnknownMember {
        /// Who.
        member: MemberName,
    },
    /// A bare name the policy does not list.
    #[error(
        "the consortium's policy does not list the name `{name}`: publish under `<member>/{name}`, or have the policy name its owners"
    )]
    UnknownName {
        /// Which.
        name: Name,
    },
}

/// What is wrong with a policy file.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Past [`limits::POLICY_BYTES`].
    #[error(
        "the policy has {size_bytes} bytes, past the limit of {}",
        limits::POLICY_BYTES
    )]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not the TOML of a policy.
    #[error("the consortium policy cannot be read")]
    Malformed {
        /// What the parser met.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Cannot be written.
    #[error("the consortium policy cannot be written as TOML")]
    Write {
        /// What the writer met.
        #[source]
        source: toml::ser::Error,
    },
    /// A format from the future.
    #[error("the policy has format version {found}, this program knows 1: update it")]
    Version {
        /// What it says.
        found: u32,
    },
    /// Nothing to call it by, or something a terminal would obey.
    #[error("`consortium` is empty or holds control characters")]
    Consortium,
    /// Nobody.
    #[error("the policy has no members")]
    NoMembers,
    /// A member who could never sign.
    #[error("member `{member}` has no key")]
    NoKeys {
        /// Who.
        member: MemberName,
    },
    /// A key that cannot be read.
    #[error("a key of member `{member}` cannot be read")]
    Key {
        /// Whose.
        member: MemberName,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// One key listed twice.
    #[error(
        "key {key_id} of member `{member}` is listed twice: every key belongs to one member, once"
    )]
    KeyTwice {
        /// Where it was met again.
        member: MemberName,
        /// Which.
        key_id: KeyId,
    },
    /// `member/name` under `[names]`.
    #[error("`{name}` belongs to its member already: `[names]` is for bare names")]
    NotBare {
        /// Which.
        name: Name,
    },
    /// An owner who is no member.
    #[error("`{member}`, an owner of `{name}`, is not a member")]
    UnknownOwner {
        /// Which name.
        name: Name,
        /// Who.
        member: MemberName,
    },
    /// Nobody could, or anybody may, sign.
    #[error(
        "`{name}` needs {threshold} signatures of {owners} owners: the threshold must be between 1 and the number of distinct owners"
    )]
    Threshold {
        /// Which name.
        name: Name,
        /// Signatures needed.
        threshold: usize,
        /// Owners listed.
        owners: usize,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::keys::SecretKey;

    fn policy_text() -> String {
        let key = |seed| SecretKey::from_seed(&[seed; 32]).public();
        let members = [("alpha", 1), ("beta", 2)]
            .map(|(name, seed)| (name.parse().unwrap(), vec![key(seed)]));
        let names = [(
            "passport-extractor".parse().unwrap(),
            NamePolicy {
                owners: vec!["alpha".parse().unwrap(), "beta".parse().unwrap()],
                threshold: 2,
            },
        )];
        let policy = ConsortiumPolicy::create("documents", &members.into(), &names.into()).unwrap();
        policy.text().to_owned()
    }

    #[test]
    fn owners_of_bare_and_of_members_names() {
        let policy = ConsortiumPolicy::parse(&policy_text()).unwrap();
        assert_eq!(
            policy
                .ownership(&"passport-extractor".parse().unwrap())
                .unwrap()
                .threshold(),
            2
        );
        let own = policy
            .ownership(&"alpha/anything".parse().unwrap())
            .unwrap();
        assert_eq!((own.member_names().as_str(), own.threshold()), ("alpha", 1));
        assert!(matches!(
            policy.ownership(&"gamma/x1".parse().unwrap()),
            Err(TrustError::UnknownMember { .. })
        ));
        assert!(matches!(
            policy.ownership(&"other-name".parse().unwrap()),
            Err(TrustError::UnknownName { .. })
        ));
    }

    #[test]
    fn mistakes_are_named() {
        let good = policy_text();
        for (from, to, word) in [
            ("threshold = 2", "threshold = 3", "threshold"),
            ("threshold = 2", "threshold = 0", "threshold"),
            ("\"beta\"", "\"gamma\"", "gamma"),
            ("\"beta\"", "\"alpha\"", "distinct"),
            ("v = 1", "v = 2", "version"),
            ("consortium", "konsortium", "read"),
            ("BEGIN PUBLIC KEY", "BEGIN PRIVATE KEY", "key"),
        ] {
            let error = ConsortiumPolicy::parse(&good.replacen(from, to, 1))
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{error} should name {word}");
        }
    }
}
