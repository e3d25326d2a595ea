//! A trust root and a draft of one, as they are shown.

use std::fmt;
use std::path::Path;

use hub_client::trust::Kept;
use jiff::Timestamp;
use registry_schema::api::TrustRootInfo;
use registry_schema::digest::Digest;
use registry_schema::keys::{KeyId, PublicKey};
use registry_schema::log::policy::Policy;
use registry_schema::name::{MemberName, Name};
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::bundle::KeyringState;
use registry_schema::tuf::draft::{Draft, Plan};
use registry_schema::tuf::files::{KeyEntry, KeyringFile};
use serde::Serialize;

use super::ended_keys::{EndedKeyView, ended_keys, write_ended_keys};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};

/// Under which trust root something was verified.
#[derive(Serialize)]
pub(super) struct TrustView {
    root: u64,
    state: Digest,
    as_of: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired: Option<String>,
}

impl TrustView {
    pub(super) fn new(kept: &Kept, context: &Context) -> Self {
        let expired = kept
            .expired_at(Timestamp::now())
            .map(|(role, until)| format!("`{role}` was valid until {until}"));
        if let Some(expired) = &expired {
            context.report().warn(&format!(
                "the trust root that is kept here has expired since it was refreshed ({expired}): `hub trust` refreshes it"
            ));
        }
        Self {
            root: kept.root.version(),
            state: kept.root.digest(),
            as_of: kept.as_of,
            expired,
        }
    }

    pub(super) fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("trust root", format!("{}, as of {}", self.root, self.as_of))
    }
}

/// The kept trust root.
#[derive(Serialize)]
pub(super) struct RootView {
    consortium: String,
    fingerprint: Digest,
    pinned: bool,
    root: u64,
    targets: u64,
    as_of: Timestamp,
    expires: Timestamp,
    must_sign: String,
    members: Vec<MemberView>,
    /// Keys for statements that count no more.
    ended_keys: Vec<EndedKeyView>,
    names: Vec<NameView>,
    log: LogView,
}

#[derive(Serialize)]
struct MemberView {
    member: MemberName,
    /// Keys for statements that count now.
    keys: Vec<KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

#[derive(Serialize)]
struct NameView {
    name: Name,
    owners: Vec<MemberName>,
    threshold: usize,
    from: u64,
}

#[derive(Serialize)]
struct LogView {
    keys: Vec<String>,
    witnesses: Vec<String>,
    policy: String,
}

impl LogView {
    fn of(policy: &Policy) -> Self {
        let keys = policy.logs().iter().map(|log| log.key.to_string());
        let witnesses = policy.witnesses().iter().map(|one| one.name.clone());
        Self {
            keys: keys.collect(),
            witnesses: witnesses.collect(),
            policy: policy.text().to_owned(),
        }
    }
}

impl RootView {
    pub(super) fn new(kept: &Kept, context: &Context) -> Self {
        let root = &kept.root;
        let expires = root.expires();
        let (needed, of) = root.thresholds().root;
        let member = |member: &MemberName| {
            let (keys, trouble) = match root.keyring(member) {
                KeyringState::Valid(keyring) => (key_ids(keyring), None),
                KeyringState::Absent => (Vec::new(), Some("no keyring yet".to_owned())),
                KeyringState::Expired(at) => {
                    (Vec::new(), Some(format!("its keyring expired at {at}")))
                }
                KeyringState::Unusable(reason) => (Vec::new(), Some(reason.clone())),
            };
            MemberView {
                member: member.clone(),
                keys,
                trouble,
            }
        };
        let names = root.names().map(|(name, own)| NameView {
            name: name.clone(),
            owners: own.owners.clone(),
            threshold: own.threshold,
            from: own.from,
        });
        Self {
            consortium: root.consortium().to_owned(),
            fingerprint: kept.anchor,
            pinned: context.config().first_root == Some(kept.anchor),
            root: root.version(),
            targets: root.targets_version(),
            as_of: kept.as_of,
            expires: expires.root.min(expires.targets),
            must_sign: format!("{needed} of {of} members"),
            members: root.members().map(member).collect(),
            ended_keys: ended_keys(root),
            names: names.collect(),
            log: LogView::of(root.log_policy()),
        }
    }

    /// The same after it has been pinned.
    pub(super) fn pinned(self) -> Self {
        Self {
            pinned: true,
            ..self
        }
    }
}

/// The keys for statements that have no end.
fn key_ids(keyring: &KeyringFile) -> Vec<KeyId> {
    let open = keyring.keys.iter().filter(|entry| entry.until.is_none());
    open.filter_map(KeyEntry::statement_key)
        .map(|key| key.id())
        .collect()
}

impl Answer for RootView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("consortium", &self.consortium)?;
        page.field("fingerprint", self.fingerprint)?;
        page.field("pinned", if self.pinned { "yes" } else { "no" })?;
        page.field(
            "trust root",
            format!(
                "root {}, targets {}, as of {}",
                self.root, self.targets, self.as_of
            ),
        )?;
        page.field("changes need", &self.must_sign)?;
        page.field("to be renewed", format!("before {}", self.expires))?;
        page.field("log", list(&self.log.keys))?;
        page.field("witnesses", witnesses(&self.log))?;
        page.line("")?;
        let rows: Vec<_> = self
            .members
            .iter()
            .map(|entry| {
                let keys = entry.trouble.clone().unwrap_or_else(|| list(&entry.keys));
                vec![entry.member.to_string(), keys]
            })
            .collect();
        page.table(&["MEMBER", "KEYS"], &rows)?;
        write_ended_keys(&self.ended_keys, page)?;
        names_table(&self.names, page)
    }
}

fn witnesses(log: &LogView) -> String {
    if log.witnesses.is_empty() {
        "none".to_owned()
    } else {
        list(&log.witnesses)
    }
}

fn names_table(names: &[NameView], page: &mut Page) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    page.line("")?;
    let row = |entry: &NameView| {
        vec![
            entry.name.to_string(),
            list(&entry.owners),
            entry.threshold.to_string(),
            entry.from.to_string(),
        ]
    };
    let rows: Vec<_> = names.iter().map(row).collect();
    page.table(&["NAME", "OWNERS", "MUST SIGN", "FROM INDEX"], &rows)
}

/// A draft: what it would establish, and who has signed.
#[derive(Serialize)]
pub(super) struct DraftView {
    draft: String,
    consortium: String,
    proposed_at: Timestamp,
    /// Until when each thing that it would have signed is valid.
    expires: Vec<ExpiryView>,
    /// The state it changes; null for a new consortium.
    based_on_root: Option<u64>,
    threshold: usize,
    members: Vec<DraftMemberView>,
    names: Vec<NameView>,
    log: LogView,
    /// As `hub-server keys` prints it.
    online_key: String,
    /// Paths of keyrings that it changes.
    keyrings: Vec<MemberName>,
    parts: Vec<PartView>,
    complete: bool,
}

#[derive(Serialize)]
struct ExpiryView {
    what: String,
    expires: Timestamp,
}

#[derive(Serialize)]
struct DraftMemberView {
    member: MemberName,
    trust_key: KeyId,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

#[derive(Serialize)]
struct PartView {
    what: String,
    needed: usize,
    signed: Vec<String>,
    missing: Vec<String>,
}

impl DraftView {
    pub(super) fn new(draft: &Draft, path: &Path) -> Result<Self, CommandError> {
        let plan = draft.plan()?;
        let status = draft.status()?;
        let policy = Policy::parse(&plan.log_policy).ok();
        let parts = status.parts.iter().map(|part| PartView {
            what: part.what.clone(),
            needed: part.needed,
            signed: sorted(&part.signed),
            missing: sorted(&part.missing),
        });
        let expiries = draft.expiries().into_iter();
        Ok(Self {
            draft: path.display().to_string(),
            proposed_at: draft.proposed_at(),
            expires: expiries
                .map(|(what, expires)| ExpiryView { what, expires })
                .collect(),
            consortium: plan.consortium.consortium.clone(),
            based_on_root: draft
                .base()
                .map(registry_schema::tuf::draft::Base::root_version),
            threshold: plan.threshold,
            members: members(&plan),
            names: names(&plan),
            log: policy.as_ref().map_or_else(
                || LogView {
                    keys: Vec::new(),
                    witnesses: Vec::new(),
                    policy: plan.log_policy.clone(),
                },
                LogView::of,
            ),
            online_key: hex(&plan.online_key),
            keyrings: draft
                .signed_keyrings()
                .map(|(member, _)| member.clone())
                .collect(),
            complete: status.is_complete(),
            parts: parts.collect(),
        })
    }
}

/// 64 digits.
fn hex(key: &PublicKey) -> String {
    let bytes = key.to_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sorted(items: &[impl ToString]) -> Vec<String> {
    let mut words: Vec<_> = items.iter().map(ToString::to_string).collect();
    words.sort();
    words
}

fn members(plan: &Plan) -> Vec<DraftMemberView> {
    let keys = plan.keys.iter();
    keys.map(|(member, key)| DraftMemberView {
        member: member.clone(),
        trust_key: key.id(),
        until: plan
            .consortium
            .members
            .get(member)
            .and_then(|ranges| ranges.last()?.until),
    })
    .collect()
}

fn names(plan: &Plan) -> Vec<NameView> {
    let names = plan.consortium.names.iter();
    names
        .filter_map(|(name, history)| {
            let own = history.last()?;
            Some(NameView {
                name: name.clone(),
                owners: own.owners.clone(),
                threshold: own.threshold,
                from: own.from,
            })
        })
        .collect()
}

impl Answer for DraftView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("draft", &self.draft)?;
        page.field("consortium", &self.consortium)?;
        match self.based_on_root {
            Some(version) => page.field("changes", format!("the state of root {version}"))?,
            None => page.field("changes", "nothing: it founds the consortium")?,
        }
        page.field("proposed at", self.proposed_at)?;
        let expiries: Vec<_> = self
            .expires
            .iter()
            .map(|one| format!("{} until {}", one.what, one.expires))
            .collect();
        page.field("valid", list(&expiries))?;
        let current = self
            .members
            .iter()
            .filter(|one| one.until.is_none())
            .count();
        page.field(
            "changes need",
            format!("{} of {current} members", self.threshold),
        )?;
        page.field("log", list(&self.log.keys))?;
        page.field("witnesses", witnesses(&self.log))?;
        page.field("online key", &self.online_key)?;
        page.line("")?;
        let row = |entry: &DraftMemberView| {
            let until = entry
                .until
                .map_or_else(String::new, |at| format!("until index {at}"));
            vec![entry.member.to_string(), entry.trust_key.to_string(), until]
        };
        let rows: Vec<_> = self.members.iter().map(row).collect();
        page.table(&["MEMBER", "TRUST KEY", ""], &rows)?;
        names_table(&self.names, page)?;
        page.line("")?;
        let row = |part: &PartView| {
            vec![
                part.what.clone(),
                format!("{} of {}", part.signed.len(), part.needed),
                list(&part.signed),
                list(&part.missing),
            ]
        };
        let rows: Vec<_> = self.parts.iter().map(row).collect();
        page.table(&["TO BE SIGNED", "SIGNED", "BY", "MISSING"], &rows)
    }
}

/// A change that the hub took.
#[derive(Serialize)]
pub(super) struct PublishedView {
    root: u64,
    targets: u64,
}

impl PublishedView {
    pub(super) fn new(told: &TrustRootInfo) -> Self {
        Self {
            root: told.root,
            targets: told.targets,
        }
    }
}

impl Answer for PublishedView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(format!(
            "published: root {}, targets {}",
            self.root, self.targets
        ))
    }
}
