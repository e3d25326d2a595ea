//! What a hub does with a trust root: found it, take changes, keep its own signatures fresh, serve it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Bundle, KeyringState, VerifiedBundle, served_path, version_of};
use crate::digest::Digest;
use crate::keys::{PublicKey, SecretKey};
use crate::limits;
use crate::name::MemberName;
use crate::tuf::draft::Draft;
use crate::tuf::files::{KeyEntry, KeyringFile, rule};
use crate::tuf::metadata::{MetaFile, Root, Snapshot, Targets, TimestampRole, TufKeyId, expiry};
use crate::tuf::{CONSORTIUM_PATH, LOG_POLICY_PATH, Signed, TufError, keyring_path, lifetimes};

/// More states than a hub shows between a backup and the loss of its disk: it renews one every 36
/// hours, and each change is one.
const LOST_VERSIONS: u64 = 1_000_000;

impl Bundle {
    /// The first state of a hub: a founding draft that enough members have signed, with the hub's
    /// own signatures on snapshot and timestamp.
    ///
    /// # Errors
    /// [`TufError`] says who is missing or what is wrong.
    pub fn found(draft: &Draft, online: &SecretKey, now: Timestamp) -> Result<Self, TufError> {
        draft.check_time(now)?;
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
    /// this state, and a new snapshot and timestamp by the hub. What the log has is not asked: see
    /// [`super::ConsortiumFile::check_continued_by`].
    ///
    /// # Errors
    /// [`TufError`] says who is missing, what is wrong, or that the draft is outdated.
    pub fn accept(
        &self,
        draft: &Draft,
        online: &SecretKey,
        now: Timestamp,
    ) -> Result<Self, TufError> {
        draft.check_time(now)?;
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

    /// The same state as a hub signs it whose data was lost and brought back from a backup: under
    /// versions that are higher than any it has shown since. Clients refuse what is lower than what
    /// they have seen.
    ///
    /// # Errors
    /// [`TufError::OnlineKey`] when the hub has another key than the root names.
    pub fn brought_back(&self, online: &SecretKey, now: Timestamp) -> Result<Self, TufError> {
        let mut next = self.clone();
        let snapshot = version_of::<Snapshot>("snapshot.json", &self.snapshot)?;
        next.snapshot(snapshot + LOST_VERSIONS, online, now)?;
        let timestamp = version_of::<TimestampRole>("timestamp.json", &self.timestamp)?;
        next.timestamp(timestamp + LOST_VERSIONS, online, now)?;
        Ok(next)
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

    /// The state that files laid out as [`Bundle::served_files`] says make, from `timestamp.json` on, as a TUF
    /// client reads them. Nothing in it is verified yet; `read` gives a file by its path, `None` when it is not
    /// there.
    ///
    /// # Errors
    /// What `read` says, or [`TufError`] when a file is missing or malformed.
    pub fn of_served_files<E: From<TufError>>(
        mut read: impl FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let mut roots = Vec::new();
        while let Some(root) = read(&format!("metadata/{}.root.json", roots.len() + 1))? {
            roots.push(root);
        }
        let mut file = |path: String| {
            let missing = || TufError::Missing { file: path.clone() };
            read(&path)?.ok_or_else(|| E::from(missing()))
        };
        let timestamp = file("metadata/timestamp.json".to_owned())?;
        let named = Signed::<TimestampRole>::parse("timestamp.json", &timestamp)?;
        let version = pinned(&named.content().meta, "snapshot.json")?;
        let snapshot = file(format!("metadata/{version}.snapshot.json"))?;
        let pins = Signed::<Snapshot>::parse("snapshot.json", &snapshot)?;
        let pins = &pins.content().meta;
        let version = pinned(pins, "targets.json")?;
        let targets = file(format!("metadata/{version}.targets.json"))?;
        let top = Signed::<Targets>::parse("targets.json", &targets)?;
        let (mut keyrings, mut files) = (BTreeMap::new(), BTreeMap::new());
        let mut take =
            |path: &str, role: &Targets, file: &mut dyn FnMut(String) -> Result<String, E>| {
                if let Some(pin) = role.targets.get(path) {
                    let text = file(served_path(path, &pin.hashes.sha256))?;
                    files.insert(path.to_owned(), text);
                }
                Ok::<_, E>(())
            };
        for path in [CONSORTIUM_PATH, LOG_POLICY_PATH] {
            take(path, top.content(), &mut file)?;
        }
        let members = top.content().delegations.iter().flat_map(|all| &all.roles);
        for member in members.map(|role| &role.name) {
            // A member who has not signed a keyring yet has none.
            let Ok(version) = pinned(pins, &format!("{member}.json")) else {
                continue;
            };
            let role = file(format!("metadata/{version}.{member}.json"))?;
            let signed = Signed::<Targets>::parse(&format!("{member}.json"), &role)?;
            take(&keyring_path(member), signed.content(), &mut file)?;
            keyrings.insert(member.clone(), role);
        }
        let top = (timestamp, snapshot, targets);
        Ok(Self::assemble(roots, top, keyrings, files))
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
                Some(KeyringState::Valid(keyring)) => {
                    check_keys(&verified, member, keyring)?;
                    if let Some(kept) = before.and_then(|before| before.readable_keyring(member)) {
                        kept.check_continued_by(keyring)?;
                    }
                }
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

/// Refuses a key that is another member's too: one of them could then sign as two. Also one of a keyring that has
/// lapsed, for what was signed with it is recorded, and it may count again tomorrow.
fn check_keys(
    verified: &VerifiedBundle,
    member: &MemberName,
    keyring: &KeyringFile,
) -> Result<(), TufError> {
    let ids = |keyring: &KeyringFile| -> Vec<_> {
        let keys = keyring.keys.iter();
        keys.filter_map(KeyEntry::statement_key)
            .map(|key: PublicKey| key.id())
            .collect()
    };
    let own = ids(keyring);
    let valid = verified
        .keyrings
        .iter()
        .filter_map(|(other, state)| match state {
            KeyringState::Valid(keyring) => Some((other, keyring)),
            _ => None,
        });
    for (other, keyring) in valid.chain(&verified.lapsed) {
        if other != member && ids(keyring).iter().any(|id| own.contains(id)) {
            return Err(TufError::Keyring {
                member: member.clone(),
                reason: format!("a key in it is a key of `{other}`"),
            });
        }
    }
    Ok(())
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

/// The version of a file that a role names.
fn pinned(meta: &BTreeMap<String, MetaFile>, file: &str) -> Result<u64, TufError> {
    let missing = || TufError::Missing {
        file: file.to_owned(),
    };
    Ok(meta.get(file).ok_or_else(missing)?.version)
}
