//! The whole state of a trust root in one value: what a hub serves, what a client keeps, what goes
//! along to a machine without a network; and the one place where it is verified.

mod hub;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sigstore_tuf::TrustedMetadataSet;

use super::files::{ConsortiumFile, KeyringFile};
use super::metadata::{Role, RoleKeys, Root, TargetFile, Targets, TimestampRole};
use super::{
    CONSORTIUM_PATH, LOG_POLICY_PATH, Signed, TufError, install_provider, keyring_path, rules,
};
use crate::digest::Digest;
use crate::log::policy::Policy;
use crate::name::MemberName;

/// Every file that is needed to verify a trust root, exactly as signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    v: u32,
    /// Roots without gaps, the first one first.
    pub roots: Vec<String>,
    /// `timestamp.json`.
    pub timestamp: String,
    /// The snapshot it names.
    pub snapshot: String,
    /// The top `targets.json`.
    pub targets: String,
    /// Each member's role.
    pub keyrings: BTreeMap<MemberName, String>,
    /// The files that are vouched for, by path.
    pub files: BTreeMap<String, String>,
}

/// What [`Bundle::verify`] vouches for.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    /// Version of the root.
    pub root_version: u64,
    /// Version of the top targets.
    pub targets_version: u64,
    /// SHA-256 of the top `targets.json`, which names this state.
    pub targets_digest: Digest,
    /// The end of the validity of each top role.
    pub expires: RoleExpiries,
    /// Members and owners.
    pub consortium: ConsortiumFile,
    /// `log.policy`.
    pub log_policy: Policy,
    /// Each member's keys, or why they do not count.
    pub keyrings: BTreeMap<MemberName, KeyringState>,
    /// The keyrings among them that have expired, or that their members have not signed with their
    /// present trust keys yet. Of the latter only the hub says that they are theirs.
    pub lapsed: BTreeMap<MemberName, KeyringFile>,
    /// How many members sign a change of `root` and of `targets`, of how many.
    pub thresholds: MemberThresholds,
}

/// Until when the top roles are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleExpiries {
    /// `root.json`.
    pub root: Timestamp,
    /// `targets.json`.
    pub targets: Timestamp,
    /// `snapshot.json`.
    pub snapshot: Timestamp,
    /// `timestamp.json`.
    pub timestamp: Timestamp,
}

/// How many members must sign, and how many may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberThresholds {
    /// Of the root.
    pub root: (usize, usize),
    /// Of the targets.
    pub targets: (usize, usize),
}

/// The keys of a member, or why there are none that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyringState {
    /// Signed by the member and valid.
    Valid(KeyringFile),
    /// The member has not signed one yet.
    Absent,
    /// The member has not renewed it in time.
    Expired(Timestamp),
    /// The member signed something that is no keyring, or has not signed it with its present key.
    Unusable(String),
}

impl KeyringState {
    /// Why the keys do not count, if they do not.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Valid(_) => None,
            Self::Absent => Some("it has not signed one yet".to_owned()),
            Self::Expired(at) => Some(format!(
                "it expired at {at}; the member renews it with `hub consortium rotate-keys`"
            )),
            Self::Unusable(reason) => Some(reason.clone()),
        }
    }
}

impl Bundle {
    /// Reads a bundle. Nothing in it is verified yet.
    ///
    /// # Errors
    /// [`TufError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TufError> {
        let malformed = |reason: String| TufError::Malformed {
            file: "the bundle".to_owned(),
            reason,
        };
        let bundle: Self =
            serde_json::from_str(text).map_err(|source| malformed(source.to_string()))?;
        if bundle.v != 1 {
            return Err(malformed(format!(
                "it has format version {}, this program knows 1: update it",
                bundle.v
            )));
        }
        Ok(bundle)
    }

    /// A bundle of files that were fetched one by one. Nothing in it is verified yet; `top` is
    /// `timestamp.json`, `snapshot.json` and `targets.json`.
    pub fn assemble(
        roots: Vec<String>,
        top: (String, String, String),
        keyrings: BTreeMap<MemberName, String>,
        files: BTreeMap<String, String>,
    ) -> Self {
        let (timestamp, snapshot, targets) = top;
        Self {
            v: 1,
            roots,
            timestamp,
            snapshot,
            targets,
            keyrings,
            files,
        }
    }

    /// The bundle as one text.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn to_text(&self) -> Result<String, TufError> {
        serde_json::to_string(self).map_err(|source| TufError::NotCanonical {
            reason: source.to_string(),
        })
    }

    /// Counts up with every state: the version of `timestamp.json`.
    ///
    /// # Errors
    /// [`TufError::Malformed`].
    pub fn version(&self) -> Result<u64, TufError> {
        version_of::<TimestampRole>("timestamp.json", &self.timestamp)
    }

    /// Whether this is older than a state that is known: it has fewer roots, earlier targets, or an earlier
    /// timestamp. With a root that names another online key timestamps are counted anew (TUF 1.0, section 5.3.11):
    /// whoever had stolen the key before it may have counted as far as it liked.
    ///
    /// # Errors
    /// [`TufError::Malformed`].
    pub fn is_older_than(&self, known: &Self) -> Result<bool, TufError> {
        let targets = |state: &Self| version_of::<Targets>("targets.json", &state.targets);
        let (roots, known_roots) = (self.roots.len(), known.roots.len());
        if roots < known_roots || targets(self)? < targets(known)? {
            return Ok(true);
        }
        let is_counted_anew = roots > known_roots && self.online_key()? != known.online_key()?;
        Ok(!is_counted_anew && self.version()? < known.version()?)
    }

    /// SHA-256 of the first root: what members tell each other, and clients pin.
    pub fn anchor(&self) -> Digest {
        Digest::of(self.roots.first().map_or(&[], |root| root.as_bytes()))
    }

    /// Verifies everything, from the pinned first root to each file, as of a time.
    ///
    /// # Errors
    /// [`TufError`] says what is expired, skipped, rolled back, mixed or under-signed.
    pub fn verify(&self, anchor: &Digest, as_of: Timestamp) -> Result<VerifiedBundle, TufError> {
        install_provider();
        let refused = |file: &'static str| move |error| TufError::from_verifier(error, file, as_of);
        // 1. the roots, one after the other, each signed as the one before demands
        if self.anchor() != *anchor {
            return Err(TufError::Anchor {
                pinned: *anchor,
                found: self.anchor(),
            });
        }
        let mut trusted = self.follow_roots(as_of)?;
        trusted
            .check_root_expired(as_of)
            .map_err(refused("root.json"))?;
        let last = self.roots.last().map_or("", String::as_str);
        let root = Signed::<Root>::parse("root.json", last)?;
        rules::check_root(root.content())?;
        // 2. the newest snapshot, and the targets it names
        trusted
            .update_timestamp(self.timestamp.as_bytes(), as_of)
            .map_err(refused("timestamp.json"))?;
        trusted
            .update_snapshot(self.snapshot.as_bytes(), as_of)
            .map_err(refused("snapshot.json"))?;
        trusted
            .update_targets(self.targets.as_bytes(), as_of)
            .map_err(refused("targets.json"))?;
        let targets = Signed::<Targets>::parse("targets.json", &self.targets)?;
        let delegations = rules::check_targets(targets.content())?;
        // 3. the files
        let consortium = ConsortiumFile::parse(self.file(CONSORTIUM_PATH, targets.content())?)?;
        let log_policy = rules::log_policy(self.file(LOG_POLICY_PATH, targets.content())?)?;
        // 4. every member's keyring; a bad one is its member's trouble alone
        let (mut keyrings, mut lapsed) = (BTreeMap::new(), BTreeMap::new());
        for role in &delegations.roles {
            let member = &role.name;
            let is_member = consortium.is_member(member);
            let state = self.keyring(&mut trusted, member, is_member, as_of)?;
            if matches!(state, KeyringState::Expired(_) | KeyringState::Unusable(_))
                && let Some(keyring) = self.readable_keyring(member)
            {
                lapsed.insert(member.clone(), keyring);
            }
            keyrings.insert(member.clone(), state);
        }
        rules::check_members(root.content(), targets.content(), &consortium)?;
        let roles = &root.content().roles;
        let counts = |keys: &RoleKeys| (keys.threshold, keys.keyids.len());
        Ok(VerifiedBundle {
            root_version: root.content().version,
            targets_version: targets.content().version,
            targets_digest: Digest::of(self.targets.as_bytes()),
            expires: RoleExpiries {
                root: root.content().expires,
                targets: targets.content().expires,
                snapshot: trusted.snapshot().map_or(as_of, |role| role.expires),
                timestamp: trusted.timestamp().map_or(as_of, |role| role.expires),
            },
            consortium,
            log_policy,
            keyrings,
            lapsed,
            thresholds: MemberThresholds {
                root: counts(&roles.root),
                targets: counts(&roles.targets),
            },
        })
    }

    fn follow_roots(&self, as_of: Timestamp) -> Result<TrustedMetadataSet, TufError> {
        let mut roots = self.roots.iter();
        let first = roots.next().ok_or_else(|| TufError::Missing {
            file: "root.json".to_owned(),
        })?;
        let refused = |error| TufError::from_verifier(error, "root.json", as_of);
        let mut trusted = TrustedMetadataSet::from_root(first.as_bytes()).map_err(refused)?;
        for root in roots {
            trusted.update_root(root.as_bytes()).map_err(refused)?;
        }
        Ok(trusted)
    }

    /// A file, compared with what vouches for it.
    fn file(&self, path: &str, targets: &Targets) -> Result<&str, TufError> {
        let text = self.files.get(path).ok_or_else(|| TufError::Missing {
            file: path.to_owned(),
        })?;
        match targets.targets.get(path) {
            Some(expected) if *expected == TargetFile::of(text.as_bytes()) => Ok(text),
            _ => Err(TufError::Mixed {
                what: format!("`{path}` is not the file that was signed"),
            }),
        }
    }

    /// A member's keyring as of a time. That of somebody who is a member no longer is as it was left:
    /// nobody renews it, and what it says ends with the membership.
    fn keyring(
        &self,
        trusted: &mut TrustedMetadataSet,
        member: &MemberName,
        is_member: bool,
        as_of: Timestamp,
    ) -> Result<KeyringState, TufError> {
        let is_pinned = trusted
            .snapshot()
            .is_some_and(|snapshot| snapshot.meta.contains_key(&format!("{member}.json")));
        if !is_pinned {
            return Ok(KeyringState::Absent);
        }
        let text = self.keyrings.get(member).ok_or_else(|| TufError::Missing {
            file: format!("{member}.json"),
        })?;
        let as_of = if is_member {
            as_of
        } else {
            let role = Signed::<Targets>::parse(&format!("{member}.json"), text)?;
            as_of.min(role.content().expires)
        };
        match trusted.update_delegated_targets(text.as_bytes(), member.as_str(), "targets", as_of) {
            Ok(_) => {}
            Err(sigstore_tuf::Error::Expired { expires, .. }) => {
                return Ok(KeyringState::Expired(expires));
            }
            // The key of the role was replaced; the member has not signed with the new one yet.
            Err(sigstore_tuf::Error::ThresholdNotMet { .. }) => {
                return Ok(KeyringState::Unusable(
                    "it is not signed by the member's present key".to_owned(),
                ));
            }
            Err(error) => return Err(TufError::from_verifier(error, member.as_str(), as_of)),
        }
        // From here on, the member itself signed what is wrong.
        match self.read_keyring(member, text) {
            Ok(keyring) => Ok(KeyringState::Valid(keyring)),
            Err(error @ (TufError::Mixed { .. } | TufError::Missing { .. })) => Err(error),
            Err(error) => Ok(KeyringState::Unusable(error.to_string())),
        }
    }

    /// A member's keyring as far as it can be read, whoever signed it and when.
    fn readable_keyring(&self, member: &MemberName) -> Option<KeyringFile> {
        self.read_keyring(member, self.keyrings.get(member)?).ok()
    }

    fn read_keyring(&self, member: &MemberName, text: &str) -> Result<KeyringFile, TufError> {
        let role = Signed::<Targets>::parse(&format!("{member}.json"), text)?;
        let path = keyring_path(member);
        rules::check_keyring(role.content(), &path)?;
        KeyringFile::parse(member, self.file(&path, role.content())?)
    }
}

/// Where a TUF client asks for a file (consistent snapshots): the digest goes before the last part.
pub fn served_path(path: &str, sha256_hex: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, name)) => format!("targets/{folder}/{sha256_hex}.{name}"),
        None => format!("targets/{sha256_hex}.{path}"),
    }
}
fn version_of<T: Role>(file: &str, text: &str) -> Result<u64, TufError> {
    Ok(Signed::<T>::parse(file, text)?.content().version())
}
