//! The four kinds of TUF metadata, as we write them, and their keys.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::canonical::canonical;
use super::{SPEC_VERSION, TufError, keyring_path};
use crate::digest::Digest;
use crate::hex;
use crate::keys::{KeyError, PublicKey};
use crate::name::MemberName;

/// One kind of metadata.
pub trait Role: Serialize + for<'de> Deserialize<'de> {
    /// Its `_type`.
    const TYPE: &'static str;

    /// What it says its `_type` is.
    fn kind(&self) -> &str;

    /// Its version, from 1.
    fn version(&self) -> u64;

    /// Until when it is valid.
    fn expires(&self) -> Timestamp;
}

macro_rules! role {
    ($type:ident, $name:literal) => {
        impl Role for $type {
            const TYPE: &'static str = $name;

            fn kind(&self) -> &str {
                &self.kind
            }

            fn version(&self) -> u64 {
                self.version
            }

            fn expires(&self) -> Timestamp {
                self.expires
            }
        }
    };
}

/// `root.json`: which keys sign which role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    /// Counted from 1, without gaps.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// Always true: files carry their version or digest in their names.
    pub consistent_snapshot: bool,
    /// Every key that a role names.
    pub keys: BTreeMap<TufKeyId, TufKey>,
    /// Who signs what.
    pub roles: RootRoles,
}

/// The four roles of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRoles {
    /// Members.
    pub root: RoleKeys,
    /// Members.
    pub targets: RoleKeys,
    /// The hub's online key.
    pub snapshot: RoleKeys,
    /// The hub's online key.
    pub timestamp: RoleKeys,
}

/// Which keys sign a role, and how many of them must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// Ids of the keys, sorted.
    pub keyids: Vec<TufKeyId>,
    /// How many of them must sign.
    pub threshold: usize,
}

/// `targets.json`, and the keyring of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    /// Counted up.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// Files by path.
    pub targets: BTreeMap<String, TargetFile>,
    /// The members' roles; absent in a member's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations: Option<Delegations>,
}

/// Length and digest of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Bytes.
    pub length: u64,
    /// SHA-256.
    pub hashes: Hashes,
}

/// Digests of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashes {
    /// 64 lower-case hex digits.
    pub sha256: String,
}

/// The roles that `targets.json` hands to members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegations {
    /// Their keys.
    pub keys: BTreeMap<TufKeyId, TufKey>,
    /// One for each member that ever was.
    pub roles: Vec<DelegatedRole>,
}

/// A member's role over its own keyring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegatedRole {
    /// The member.
    pub name: MemberName,
    /// Its key.
    pub keyids: Vec<TufKeyId>,
    /// Always 1.
    pub threshold: usize,
    /// Always true: nobody else is asked about this path.
    pub terminating: bool,
    /// `keyring/<member>.json` alone.
    pub paths: Vec<String>,
}

/// `snapshot.json`: the versions of targets and keyrings that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    /// Counted up.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// By file name without its version.
    pub meta: BTreeMap<String, MetaFile>,
}

/// `timestamp.json`: the newest snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampRole {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    /// Counted up.
    pub version: u64,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// `snapshot.json` alone.
    pub meta: BTreeMap<String, MetaFile>,
}

/// Version, length and digest of a metadata file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaFile {
    /// Its version.
    pub version: u64,
    /// Its bytes.
    pub length: u64,
    /// Their digest.
    pub hashes: Hashes,
}

role!(Root, "root");
role!(Targets, "targets");
role!(Snapshot, "snapshot");
role!(TimestampRole, "timestamp");

impl Root {
    /// A root; keys and roles agree by construction.
    pub fn new(version: u64, expires: Timestamp, roles: RootRoles, keys: &[&PublicKey]) -> Self {
        Self {
            kind: Self::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            consistent_snapshot: true,
            keys: key_table(keys.iter().copied()),
            roles,
        }
    }
}

impl Targets {
    /// Targets without files.
    pub fn new(version: u64, expires: Timestamp) -> Self {
        Self {
            kind: Self::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            targets: BTreeMap::new(),
            delegations: None,
        }
    }
}

impl Snapshot {
    /// A snapshot of these files.
    pub fn new(version: u64, expires: Timestamp, meta: BTreeMap<String, MetaFile>) -> Self {
        Self {
            kind: Self::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            meta,
        }
    }
}

impl TimestampRole {
    /// A timestamp that names a snapshot.
    pub fn new(version: u64, expires: Timestamp, snapshot: MetaFile) -> Self {
        Self {
            kind: Self::TYPE.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            meta: BTreeMap::from([("snapshot.json".to_owned(), snapshot)]),
        }
    }
}

impl MetaFile {
    /// What pins a file's exact bytes.
    pub fn of(version: u64, bytes: &[u8]) -> Self {
        Self {
            version,
            length: bytes.len() as u64,
            hashes: Hashes::of(bytes),
        }
    }
}

impl TargetFile {
    /// What pins a file's exact bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            length: bytes.len() as u64,
            hashes: Hashes::of(bytes),
        }
    }
}

impl Hashes {
    fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Digest::of(bytes).to_hex(),
        }
    }
}

impl RoleKeys {
    /// A role of these keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a PublicKey>, threshold: usize) -> Self {
        let mut keyids: Vec<TufKeyId> = keys.into_iter().map(TufKeyId::of).collect();
        keyids.sort_unstable();
        keyids.dedup();
        Self { keyids, threshold }
    }
}

impl DelegatedRole {
    /// A member's role over its own keyring.
    pub fn of(member: &MemberName, key: &PublicKey) -> Self {
        Self {
            name: member.clone(),
            keyids: vec![TufKeyId::of(key)],
            threshold: 1,
            terminating: true,
            paths: vec![keyring_path(member)],
        }
    }
}

/// Keys by their ids.
pub fn key_table<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> BTreeMap<TufKeyId, TufKey> {
    keys.into_iter()
        .map(|key| (TufKeyId::of(key), TufKey::of(key)))
        .collect()
}

/// The end of a lifetime of some days, in whole seconds.
pub fn expiry(now: Timestamp, days: i64) -> Timestamp {
    let seconds = now.as_second() + SignedDuration::from_hours(24 * days).as_secs();
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// An Ed25519 key in TUF's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TufKey {
    keytype: String,
    scheme: String,
    keyval: KeyValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    public: String,
}

impl TufKey {
    /// The TUF form of a key.
    pub fn of(key: &PublicKey) -> Self {
        Self {
            keytype: "ed25519".to_owned(),
            scheme: "ed25519".to_owned(),
            keyval: KeyValue {
                public: hex::encode(&key.to_bytes()),
            },
        }
    }

    /// The key.
    ///
    /// # Errors
    /// [`KeyError`] when it is no Ed25519 key.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        if self.keytype != "ed25519" || self.scheme != "ed25519" {
            return Err(KeyError::Public);
        }
        let bytes = hex::decode(&self.keyval.public).ok_or(KeyError::Public)?;
        PublicKey::from_bytes(&bytes.try_into().map_err(|_| KeyError::Public)?)
    }
}

/// Names a key in TUF metadata: hex SHA-256 of the key's canonical JSON. It is another number than
/// the [`crate::keys::KeyId`] of statements, which is over the raw key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TufKeyId(Digest);

impl TufKeyId {
    /// The id of a key.
    pub fn of(key: &PublicKey) -> Self {
        // A key is three ASCII texts: it always has a canonical form.
        let bytes = canonical(&TufKey::of(key)).unwrap_or_default();
        Self(Digest::of(&bytes))
    }
}

impl fmt::Display for TufKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl FromStr for TufKeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Digest::from_hex(text).map(Self).map_err(|_| KeyError::Id)
    }
}

crate::text::serde_as_text!(
    TufKeyId,
    "Hex SHA-256 of a key's canonical JSON in TUF metadata",
    "^[0-9a-f]{64}$"
);

/// The key of a table, checked to have the id under which it is listed.
pub(super) fn listed_key(
    table: &BTreeMap<TufKeyId, TufKey>,
    id: &TufKeyId,
) -> Result<PublicKey, TufError> {
    let key = table
        .get(id)
        .ok_or_else(|| TufError::Rule {
            rule: format!("key {id} is named, but not listed"),
        })?
        .public_key()?;
    if TufKeyId::of(&key) != *id {
        return Err(TufError::Rule {
            rule: format!("the key listed as {id} has another id"),
        });
    }
    Ok(key)
}
