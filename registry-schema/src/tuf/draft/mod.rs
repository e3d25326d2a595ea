//! A proposed change of the trust root: one file that passes from member to member. Each signs with
//! its own key on its own machine; the draft says who has and who is missing.

mod error;
mod plan;
mod sign;
mod status;
mod times;

pub use error::DraftError;
pub use plan::{Plan, usual_threshold};
pub use status::{DraftStatus, Part, Signatory};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundle::Bundle;
use super::files::{ConsortiumFile, KeyringFile, rule};
use super::metadata::{
    DelegatedRole, RoleKeys, Root, TargetFile, Targets, TufKeyId, expiry, key_table, listed_key,
};
use super::{CONSORTIUM_PATH, LOG_POLICY_PATH, Signed, TufError, keyring_path, lifetimes, rules};
use crate::name::MemberName;

/// A proposed change, with the signatures it has so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    v: u32,
    proposed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<Base>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Signed<Root>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    targets: Option<Signed<Targets>>,
    keyrings: BTreeMap<MemberName, Signed<Targets>>,
    files: BTreeMap<String, String>,
}

/// The state that a draft changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    root: Signed<Root>,
    targets: Signed<Targets>,
    keyrings: BTreeMap<MemberName, BaseKeyring>,
    consortium: String,
    log_policy: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseKeyring {
    version: u64,
    file: String,
}

impl Base {
    fn of(bundle: &Bundle) -> Result<Self, TufError> {
        let missing = |file: &str| TufError::Missing {
            file: file.to_owned(),
        };
        let root = bundle.roots.last().ok_or_else(|| missing("root.json"))?;
        let mut keyrings = BTreeMap::new();
        for (member, role) in &bundle.keyrings {
            let role = Signed::<Targets>::parse(&format!("{member}.json"), role)?;
            let path = keyring_path(member);
            let file = bundle.files.get(&path).ok_or_else(|| missing(&path))?;
            let keyring = BaseKeyring {
                version: role.content().version,
                file: file.clone(),
            };
            keyrings.insert(member.clone(), keyring);
        }
        let file = |path: &str| bundle.files.get(path).cloned().ok_or_else(|| missing(path));
        Ok(Self {
            root: Signed::parse("root.json", root)?,
            targets: Signed::parse("targets.json", &bundle.targets)?,
            keyrings,
            consortium: file(CONSORTIUM_PATH)?,
            log_policy: file(LOG_POLICY_PATH)?,
        })
    }

    /// Whether it is this very state.
    ///
    /// # Errors
    /// [`TufError`] when the state cannot be read.
    pub fn is_of(&self, bundle: &Bundle) -> Result<bool, TufError> {
        Ok(Self::of(bundle)? == *self)
    }

    /// Version of its root.
    pub fn root_version(&self) -> u64 {
        self.root.content().version
    }

    /// Version of its targets.
    pub fn targets_version(&self) -> u64 {
        self.targets.content().version
    }
}

impl Draft {
    /// The draft of a new consortium.
    ///
    /// # Errors
    /// [`DraftError`] names the rule that the plan breaks.
    pub fn found(plan: &Plan, now: Timestamp) -> Result<Self, DraftError> {
        Self::empty(now, None).planned(plan)
    }

    /// The draft of a new consortium whose members bring keys along, for each to sign as its keyring.
    ///
    /// # Errors
    /// [`DraftError`] names the rule that the plan or a keyring breaks.
    pub fn found_with_keyrings(
        plan: &Plan,
        keyrings: &[KeyringFile],
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        let mut draft = Self::found(plan, now)?;
        for keyring in keyrings {
            draft.delegated(&keyring.member)?;
            keyring.check(&keyring.member)?;
            draft.put_keyring(&keyring.member, keyring)?;
        }
        draft.check()?;
        Ok(draft)
    }

    /// A change of the top roles; it begins as the present state with later expiries.
    ///
    /// # Errors
    /// [`DraftError`] when the present state cannot be read.
    pub fn propose(current: &Bundle, now: Timestamp) -> Result<Self, DraftError> {
        let draft = Self::empty(now, Some(Base::of(current)?));
        let plan = draft.plan()?;
        draft.planned(&plan)
    }

    /// A member's change of its own keyring, which nobody else has to sign. Without a keyring so
    /// far, the change begins with none of its keys.
    ///
    /// # Errors
    /// [`DraftError::UnknownMember`], or what the change itself says.
    pub fn change_keyring(
        current: &Bundle,
        member: &MemberName,
        now: Timestamp,
        change: impl FnOnce(&mut KeyringFile) -> Result<(), DraftError>,
    ) -> Result<Self, DraftError> {
        let mut draft = Self::empty(now, Some(Base::of(current)?));
        draft.delegated(member)?;
        let mut file = match draft.base_keyring(member) {
            Some(keyring) => KeyringFile::parse(member, &keyring.file)?,
            None => KeyringFile::new(member, Vec::new())?,
        };
        change(&mut file)?;
        file.check(member)?;
        draft.put_keyring(member, &file)?;
        Ok(draft)
    }

    fn empty(now: Timestamp, base: Option<Base>) -> Self {
        Self {
            v: 1,
            proposed_at: expiry(now, 0),
            base,
            root: None,
            targets: None,
            keyrings: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// Reads a draft and checks that it is one whole: its files are those it would have signed, and
    /// the rules of a consortium hold. Signatures may be missing.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn parse(text: &str) -> Result<Self, DraftError> {
        let mut draft: Self = serde_json::from_str(text).map_err(|source| TufError::Malformed {
            file: "the draft".to_owned(),
            reason: source.to_string(),
        })?;
        if draft.v != 1 {
            return Err(TufError::Malformed {
                file: "the draft".to_owned(),
                reason: format!(
                    "it has format version {}, this program knows 1: update it",
                    draft.v
                ),
            }
            .into());
        }
        draft.root = draft
            .root
            .map(|root| root.checked("root.json"))
            .transpose()?;
        draft.targets = draft
            .targets
            .map(|targets| targets.checked("targets.json"))
            .transpose()?;
        draft.keyrings = draft
            .keyrings
            .into_iter()
            .map(|(member, role)| Ok((member, role.checked("keyring")?)))
            .collect::<Result<_, TufError>>()?;
        draft.check()?;
        Ok(draft)
    }

    /// The draft as a file.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn to_text(&self) -> Result<String, DraftError> {
        let text = serde_json::to_string_pretty(self).map_err(|source| TufError::NotCanonical {
            reason: source.to_string(),
        })?;
        Ok(text + "\n")
    }

    /// The state it changes; `None` for a new consortium.
    pub fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// The new root, when it changes.
    pub fn root(&self) -> Option<&Signed<Root>> {
        self.root.as_ref()
    }

    /// The new targets, when they change.
    pub fn targets(&self) -> Option<&Signed<Targets>> {
        self.targets.as_ref()
    }

    /// New keyrings.
    pub fn keyrings(&self) -> &BTreeMap<MemberName, Signed<Targets>> {
        &self.keyrings
    }

    /// New keyrings that somebody has signed. A member that has not signed a change of the top roles
    /// can do without, and sign its keyring later.
    pub fn signed_keyrings(&self) -> impl Iterator<Item = (&MemberName, &Signed<Targets>)> {
        let is_own = self.targets.is_none();
        let keyrings = self.keyrings.iter();
        keyrings.filter(move |(_, role)| is_own || !role.is_unsigned())
    }

    /// New files, by path.
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// What it would establish.
    ///
    /// # Errors
    /// [`DraftError`] when a file or key cannot be read.
    pub fn plan(&self) -> Result<Plan, DraftError> {
        let (root, targets) = self.effective()?;
        let text = |path: &str, base: fn(&Base) -> &String| {
            let own = self.files.get(path);
            let found = own.or_else(|| self.base.as_ref().map(base));
            found.cloned().ok_or_else(|| TufError::Missing {
                file: path.to_owned(),
            })
        };
        let delegations = rules::check_targets(targets)?;
        let mut keys = BTreeMap::new();
        for role in &delegations.roles {
            for id in &role.keyids {
                keys.insert(role.name.clone(), listed_key(&delegations.keys, id)?);
            }
        }
        let online = root.roles.timestamp.keyids.first();
        let online = online.ok_or(TufError::OnlineKey)?;
        Ok(Plan {
            consortium: ConsortiumFile::parse(&text(CONSORTIUM_PATH, |base| &base.consortium)?)?,
            log_policy: text(LOG_POLICY_PATH, |base| &base.log_policy)?,
            keys,
            threshold: root.roles.root.threshold,
            online_key: listed_key(&root.keys, online)?,
        })
    }

    /// The same draft with another plan; signatures over what changes are gone.
    ///
    /// # Errors
    /// [`DraftError`] names the rule that the plan breaks.
    pub fn planned(mut self, plan: &Plan) -> Result<Self, DraftError> {
        plan.check()?;
        let (root_before, targets_before) = match &self.base {
            Some(base) => (base.root_version(), base.targets_version()),
            None => (0, 0),
        };
        let until = |days| expiry(self.proposed_at, days);
        let root = plan.root(root_before + 1, until(lifetimes::ROOT_DAYS));
        let targets = plan.targets(targets_before + 1, until(lifetimes::TARGETS_DAYS))?;
        rules::check_root(&root)?;
        let is_root_due = match &self.base {
            None => true,
            Some(base) => {
                let left = base.root.content().expires.as_second() - self.proposed_at.as_second();
                let differs = base.root.content().roles != root.roles;
                differs || left < lifetimes::ROOT_DAYS * 24 * 3600 / 2
            }
        };
        self.root = is_root_due.then(|| keep(self.root.take(), root));
        self.targets = Some(keep(self.targets.take(), targets));
        self.files.retain(|path, _| path.starts_with("keyring/"));
        self.files.extend(plan.files()?);
        // A keyring that was signed with a key that is replaced now must be signed again.
        let is_kept = |member: &MemberName, role: &Signed<Targets>| {
            let key = plan.keys.get(member)?;
            let (role_keys, table) = (RoleKeys::new([key], 1), key_table([key]));
            let signers = role.signers(&role_keys, &table).ok()?;
            Some(role.is_unsigned() || !signers.is_empty())
        };
        self.keyrings
            .retain(|member, role| is_kept(member, role).unwrap_or(false));
        let kept: Vec<_> = self.keyrings.keys().map(keyring_path).collect();
        self.files
            .retain(|path, _| !path.starts_with("keyring/") || kept.contains(path));
        self.check()?;
        Ok(self)
    }

    /// The root and the targets that will hold when this is published.
    fn effective(&self) -> Result<(&Root, &Targets), TufError> {
        let missing = |file: &str| TufError::Missing {
            file: file.to_owned(),
        };
        let base = self.base.as_ref();
        let root = self.root.as_ref().or(base.map(|base| &base.root));
        let targets = self.targets.as_ref().or(base.map(|base| &base.targets));
        Ok((
            root.ok_or_else(|| missing("root.json"))?.content(),
            targets.ok_or_else(|| missing("targets.json"))?.content(),
        ))
    }

    fn delegated(&self, member: &MemberName) -> Result<&DelegatedRole, DraftError> {
        let (_, targets) = self.effective()?;
        let mut roles = rules::check_targets(targets)?.roles.iter();
        roles
            .find(|role| role.name == *member)
            .ok_or_else(|| DraftError::UnknownMember {
                member: member.clone(),
            })
    }

    /// The member whose trust key this is.
    fn member_of(&self, id: &TufKeyId) -> Result<Option<MemberName>, TufError> {
        let (_, targets) = self.effective()?;
        let mut roles = rules::check_targets(targets)?.roles.iter();
        let role = roles.find(|role| role.keyids.contains(id));
        Ok(role.map(|role| role.name.clone()))
    }

    fn base_keyring(&self, member: &MemberName) -> Option<&BaseKeyring> {
        self.base.as_ref()?.keyrings.get(member)
    }

    fn put_keyring(&mut self, member: &MemberName, file: &KeyringFile) -> Result<(), DraftError> {
        let before = self
            .base_keyring(member)
            .map_or(0, |keyring| keyring.version);
        let text = file.to_text()?;
        let mut role = Targets::new(
            before + 1,
            expiry(self.proposed_at, lifetimes::KEYRING_DAYS),
        );
        let path = keyring_path(member);
        role.targets
            .insert(path.clone(), TargetFile::of(text.as_bytes()));
        self.files.insert(path, text);
        self.keyrings.insert(member.clone(), Signed::new(role));
        Ok(())
    }

    /// One whole: the files are those that are signed, and the rules hold.
    fn check(&self) -> Result<(), DraftError> {
        let (root, targets) = self.effective()?;
        rules::check_root(root)?;
        rules::check_targets(targets)?;
        let mut expected = Vec::new();
        if let Some(targets) = &self.targets {
            expected.extend(&targets.content().targets);
        }
        for (member, role) in &self.keyrings {
            rules::check_keyring(role.content(), &keyring_path(member))?;
            expected.extend(&role.content().targets);
        }
        let fits = |(path, file): &(&String, &TargetFile)| {
            let text = self.files.get(*path);
            text.is_some_and(|text| TargetFile::of(text.as_bytes()) == **file)
        };
        if expected.len() != self.files.len() || !expected.iter().all(fits) {
            return Err(TufError::Mixed {
                what: "the draft's files are not the ones it would have signed".to_owned(),
            }
            .into());
        }
        for member in self.keyrings.keys() {
            let text = &self.files[&keyring_path(member)];
            KeyringFile::parse(member, text)?;
        }
        let plan = self.plan()?;
        plan.check()?;
        rules::check_members(root, targets, &plan.consortium)?;
        self.check_lifetimes()?;
        // Whoever signs reads the plan: metadata that says anything else is not signed by mistake.
        let is_shown = plan.root(root.version, root.expires) == *root
            && plan.targets(targets.version, targets.expires)? == *targets;
        rule(is_shown, || {
            "the draft's metadata says more than its plan shows".to_owned()
        })?;
        Ok(())
    }
}

/// New content in place of old; the signatures stay when nothing changes.
fn keep<T: super::metadata::Role + PartialEq>(old: Option<Signed<T>>, new: T) -> Signed<T> {
    match old {
        Some(old) if *old.content() == new => old,
        _ => Signed::new(new),
    }
}
