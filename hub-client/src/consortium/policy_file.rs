//! The policy file of the first version (TOML), read once to move a consortium to a trust root.

use std::collections::BTreeMap;
use std::path::Path;

use registry_schema::keys::{KeyError, PublicKey};
use registry_schema::name::{MemberName, Name};
use registry_schema::tuf::files::NameOwners;
use serde::Deserialize;

use crate::files::{self, FileError};

/// Largest policy, 1 MiB: a thousand members with their keys.
const POLICY_BYTES: u64 = 1 << 20;

/// What a policy said.
#[derive(Clone, Debug)]
pub(super) struct OldPolicy {
    pub(super) consortium: String,
    pub(super) members: BTreeMap<MemberName, Vec<PublicKey>>,
    pub(super) names: BTreeMap<Name, NameOwners>,
}

/// Reads a policy file.
pub(super) fn read(path: &Path) -> Result<OldPolicy, PolicyFileError> {
    let bytes = files::read_limited(path, POLICY_BYTES)?;
    let malformed = |source| PolicyFileError::Malformed {
        source: Box::new(source),
    };
    let file: PolicyFile = toml::from_str(&String::from_utf8_lossy(&bytes)).map_err(malformed)?;
    if file.v != 1 {
        return Err(PolicyFileError::Version { found: file.v });
    }
    let mut members = BTreeMap::new();
    for (member, entry) in file.members {
        let keys = entry.keys.iter().map(|text| PublicKey::from_pem(text));
        let keys = keys
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| PolicyFileError::Key {
                member: member.clone(),
                source,
            })?;
        members.insert(member, keys);
    }
    let owned = |(name, entry): (Name, OwnersEntry)| {
        let owners = NameOwners {
            from: 0,
            owners: entry.owners,
            threshold: entry.threshold,
        };
        (name, owners)
    };
    Ok(OldPolicy {
        consortium: file.consortium,
        members,
        names: file.names.into_iter().map(owned).collect(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    v: u32,
    consortium: String,
    members: BTreeMap<MemberName, MemberEntry>,
    #[serde(default)]
    names: BTreeMap<Name, OwnersEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberEntry {
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnersEntry {
    owners: Vec<MemberName>,
    threshold: usize,
}

/// What is wrong with a policy file.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// Not the TOML of a policy.
    #[error("the consortium policy cannot be read")]
    Malformed {
        /// What the parser met.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Another format.
    #[error("the policy has format version {found}; only version 1 was ever written")]
    Version {
        /// What it says.
        found: u32,
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
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
}
