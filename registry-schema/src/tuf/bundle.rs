//! The whole state of a trust root in one value: what a hub serves, what a client keeps, what goes
//! along to a machine without a network; and the one place where it is verified.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sigstore_tuf::TrustedMetadataSet;

use super::draft::Draft;
use super::files::{ConsortiumFile, KeyringFile, rule};
use super::metadata::{
    MetaFile, Role, Root, Snapshot, TargetFile, Targets, TimestampRole, TufKeyId, expiry,
};
use super::{
    CONSORTIUM_PATH, LOG_POLICY_PATH, Signed, TufError, install_provider, keyring_path, lifetimes,
    rules,
};
use crate::digest::Digest;
use crate::keys::{PublicKey, SecretKey};
use crate::limits;
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
    /// The member signed something that is no keyring.
    Unusable(String),
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
        let mut keyrings = BTreeMap::new();
        for role in &delegations.roles {
            keyrings.insert(
                role.name.clone(),
                self.keyring(&mut trusted, &role.name, as_of)?,
            );
        }
        rules::check_members(root.content(), targets.content(), &consortium)?;
        let roles = &root.content().roles;
        let counts = |keys: &super::metadata::RoleKeys| (keys.threshold, keys.keyids.len());
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

    fn keyring(
        &self,
        trusted: &mut TrustedMetadataSet,
        member: &MemberName,
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

    fn read_keyring(&self, member: &MemberName, text: &str) -> Result<KeyringFile, TufError> {
        let role = Signed::<Targets>::parse(&format!("{member}.json"), text)?;
        let path = keyring_path(member);
        rules::check_keyring(role.content(), &path)?;
        KeyringFile::parse(member, self.file(&path, role.content())?)
    }

    /// The first state of a hub: a founding draft that enough members have signed, with the hub's
    /// own signatures on snapshot and timestamp.
    ///
    /// # Errors
    /// [`TufError`] says who is missing or what is wrong.
    pub fn found(draft: &Draft, online: &SecretKey, now: Timestamp) -> Result<Self, TufError> {
        let (Some(root), Some(targets)) = (draft.root(), draft.targets()) else {
            return Err(TufError::Rule {
                rule: "the draft is a change of a consortium that exists, not a new one".to_owned(),
            });
        };
        rule(
            draft.base().is_none() && root.content().version == 1,
            || "the draft is a change of a consortium that exists, not a new one".to_owned(),
        )?;
        let mut bundle = Self {
            v: 1,
            roots: vec![root.to_text()?],
            timestamp: String::new(),
            snapshot: String::new(),
            targets: targets.to_text()?,
            keyrings: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        bundle.take_files(draft);
        for (member, role) in draft.signed_keyrings() {
            bundle.keyrings.insert(member.clone(), role.to_text()?);
        }
        bundle.snapshot(0, online, now)?;
        bundle.timestamp(0, online, now)?;
        bundle.check_new(None, draft, now)?;
        Ok(bundle)
    }

    /// The state after a change that enough members have signed: every check of a client that knows
    /// this state, and a new snapshot and timestamp by the hub.
    ///
    /// # Errors
    /// [`TufError`] says who is missing, what is wrong, or that the draft is outdated.
    pub fn accept(
        &self,
        draft: &Draft,
        online: &SecretKey,
        now: Timestamp,
    ) -> Result<Self, TufError> {
        let mut next = self.clone();
        if let Some(root) = draft.root() {
            let current = self.roots_version();
            let version = root.content().version;
            if version != current + 1 {
                return Err(TufError::Outdated {
                    role: "root".to_owned(),
                    based_on: version.saturating_sub(1),
                    current,
                });
            }
            next.roots.push(root.to_text()?);
        }
        if let Some(targets) = draft.targets() {
            let current = version_of::<Targets>("targets.json", &self.targets)?;
            next_version("targets", current, targets.content().version)?;
            next.targets = targets.to_text()?;
        }
        for (member, role) in draft.signed_keyrings() {
            let current = match self.keyrings.get(member) {
                Some(text) => version_of::<Targets>(member.as_str(), text)?,
                None => 0,
            };
            next_version(member.as_str(), current, role.content().version)?;
            next.keyrings.insert(member.clone(), role.to_text()?);
        }
        next.take_files(draft);
        next.snapshot(
            version_of::<Snapshot>("snapshot.json", &self.snapshot)?,
            online,
            now,
        )?;
        let current = version_of::<TimestampRole>("timestamp.json", &self.timestamp)?;
        next.timestamp(current, online, now)?;
        next.check_new(Some(self), draft, now)?;
        Ok(next)
    }

    /// The same state with fresh signatures of the hub, when half of a lifetime is over; `None` when
    /// there is time.
    ///
    /// # Errors
    /// [`TufError::OnlineKey`] when the hub has another key than the root names.
    pub fn renewed(&self, online: &SecretKey, now: Timestamp) -> Result<Option<Self>, TufError> {
        let snapshot = Signed::<Snapshot>::parse("snapshot.json", &self.snapshot)?;
        let timestamp = Signed::<TimestampRole>::parse("timestamp.json", &self.timestamp)?;
        let is_due = |expires: Timestamp, days: i64| {
            expires.as_second() - now.as_second() < days * 24 * 3600 / 2
        };
        let is_snapshot_due = is_due(snapshot.content().expires, lifetimes::SNAPSHOT_DAYS);
        let is_timestamp_due = is_due(timestamp.content().expires, lifetimes::TIMESTAMP_DAYS);
        if !is_snapshot_due && !is_timestamp_due {
            return Ok(None);
        }
        let mut next = self.clone();
        if is_snapshot_due {
            next.snapshot(snapshot.content().version, online, now)?;
        }
        next.timestamp(timestamp.content().version, online, now)?;
        Ok(Some(next))
    }

    /// The key that must sign snapshot and timestamp.
    ///
    /// # Errors
    /// [`TufError`] when the last root cannot be read.
    pub fn online_key(&self) -> Result<TufKeyId, TufError> {
        let last = self.roots.last().map_or("", String::as_str);
        let root = Signed::<Root>::parse("root.json", last)?;
        let id = root.content().roles.timestamp.keyids.first().copied();
        id.ok_or(TufError::OnlineKey)
    }

    /// The files of this state by the paths under which a TUF client asks for them.
    ///
    /// # Errors
    /// [`TufError`] when a version cannot be read.
    pub fn served_files(&self) -> Result<BTreeMap<String, String>, TufError> {
        let mut served = BTreeMap::new();
        for text in &self.roots {
            let version = version_of::<Root>("root.json", text)?;
            served.insert(format!("metadata/{version}.root.json"), text.clone());
        }
        let version = version_of::<Snapshot>("snapshot.json", &self.snapshot)?;
        served.insert(
            format!("metadata/{version}.snapshot.json"),
            self.snapshot.clone(),
        );
        let version = version_of::<Targets>("targets.json", &self.targets)?;
        served.insert(
            format!("metadata/{version}.targets.json"),
            self.targets.clone(),
        );
        for (member, text) in &self.keyrings {
            let version = version_of::<Targets>(member.as_str(), text)?;
            served.insert(format!("metadata/{version}.{member}.json"), text.clone());
        }
        served.insert("metadata/timestamp.json".to_owned(), self.timestamp.clone());
        for (path, text) in &self.files {
            let digest = Digest::of(text.as_bytes()).to_hex();
            served.insert(served_path(path, &digest), text.clone());
        }
        Ok(served)
    }

    /// The draft's files, without those of keyrings that nobody has signed.
    fn take_files(&mut self, draft: &Draft) {
        let unsigned: Vec<String> = draft
            .keyrings()
            .iter()
            .filter(|(member, _)| !draft.signed_keyrings().any(|(signed, _)| signed == *member))
            .map(|(member, _)| keyring_path(member))
            .collect();
        let files = draft.files().iter();
        let signed = files.filter(|(path, _)| !unsigned.contains(path));
        self.files
            .extend(signed.map(|(path, text)| (path.clone(), text.clone())));
    }

    fn roots_version(&self) -> u64 {
        let last = self.roots.last().map_or("", String::as_str);
        version_of::<Root>("root.json", last).unwrap_or_default()
    }

    /// A new snapshot after version `before`. Whatever it ever named stays named: TUF clients refuse
    /// a snapshot that drops a role.
    fn snapshot(
        &mut self,
        before: u64,
        online: &SecretKey,
        now: Timestamp,
    ) -> Result<(), TufError> {
        let mut meta = BTreeMap::new();
        let version = version_of::<Targets>("targets.json", &self.targets)?;
        let pin = MetaFile::of(version, self.targets.as_bytes());
        meta.insert("targets.json".to_owned(), pin);
        for (member, text) in &self.keyrings {
            let version = version_of::<Targets>(member.as_str(), text)?;
            meta.insert(
                format!("{member}.json"),
                MetaFile::of(version, text.as_bytes()),
            );
        }
        let expires = expiry(now, lifetimes::SNAPSHOT_DAYS);
        let mut signed = Signed::new(Snapshot::new(before + 1, expires, meta));
        signed.sign(self.checked_online(online)?)?;
        self.snapshot = signed.to_text()?;
        Ok(())
    }

    fn timestamp(
        &mut self,
        before: u64,
        online: &SecretKey,
        now: Timestamp,
    ) -> Result<(), TufError> {
        let version = version_of::<Snapshot>("snapshot.json", &self.snapshot)?;
        let pin = MetaFile::of(version, self.snapshot.as_bytes());
        let expires = expiry(now, lifetimes::TIMESTAMP_DAYS);
        let mut signed = Signed::new(TimestampRole::new(before + 1, expires, pin));
        signed.sign(self.checked_online(online)?)?;
        self.timestamp = signed.to_text()?;
        Ok(())
    }

    fn checked_online<'a>(&self, online: &'a SecretKey) -> Result<&'a SecretKey, TufError> {
        if self.online_key()? == TufKeyId::of(&online.public()) {
            Ok(online)
        } else {
            Err(TufError::OnlineKey)
        }
    }

    /// A new state must verify, and what the draft brings must be whole: here, unlike at a client,
    /// a bad keyring is refused, and so is a key that another member has.
    fn check_new(
        &self,
        before: Option<&Self>,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<(), TufError> {
        let anchor = before.map_or_else(|| self.anchor(), Self::anchor);
        let verified = self.verify(&anchor, now)?;
        for (member, _) in draft.signed_keyrings() {
            match verified.keyrings.get(member) {
                Some(KeyringState::Valid(keyring)) => check_keys(&verified, member, keyring)?,
                Some(KeyringState::Unusable(reason)) => {
                    return Err(TufError::Keyring {
                        member: member.clone(),
                        reason: reason.clone(),
                    });
                }
                Some(KeyringState::Expired(_) | KeyringState::Absent) | None => {
                    return Err(TufError::Keyring {
                        member: member.clone(),
                        reason: "it has expired, or there is no such member".to_owned(),
                    });
                }
            }
        }
        let sizes = [
            (self.targets.len(), limits::TUF_TARGETS_BYTES),
            (self.snapshot.len(), limits::TUF_SNAPSHOT_BYTES),
            (
                self.roots.last().map_or(0, String::len),
                limits::TUF_ROOT_BYTES,
            ),
        ];
        rule(
            sizes.iter().all(|(size, limit)| *size as u64 <= *limit),
            || "the metadata is larger than clients accept".to_owned(),
        )
    }
}

/// Where a TUF client asks for a file (consistent snapshots): the digest goes before the last part.
pub fn served_path(path: &str, sha256_hex: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, name)) => format!("targets/{folder}/{sha256_hex}.{name}"),
        None => format!("targets/{sha256_hex}.{path}"),
    }
}

/// Refuses a key that is another member's too: one of them could then sign as two.
fn check_keys(
    verified: &VerifiedBundle,
    member: &MemberName,
    keyring: &KeyringFile,
) -> Result<(), TufError> {
    let ids = |keyring: &KeyringFile| -> Vec<_> {
        let keys = keyring.keys.iter();
        keys.filter_map(super::files::KeyEntry::statement_key)
            .map(|key: PublicKey| key.id())
            .collect()
    };
    let own = ids(keyring);
    for (other, state) in &verified.keyrings {
        let KeyringState::Valid(keyring) = state else {
            continue;
        };
        if other != member && ids(keyring).iter().any(|id| own.contains(id)) {
            return Err(TufError::Keyring {
                member: member.clone(),
                reason: format!("a key in it is a key of `{other}`"),
            });
        }
    }
    Ok(())
}

fn version_of<T: Role>(file: &str, text: &str) -> Result<u64, TufError> {
    Ok(Signed::<T>::parse(file, text)?.content().version())
}

fn next_version(role: &str, current: u64, found: u64) -> Result<(), TufError> {
    if found == current + 1 {
        return Ok(());
    }
    Err(TufError::Outdated {
        role: role.to_owned(),
        based_on: found.saturating_sub(1),
        current,
    })
}
