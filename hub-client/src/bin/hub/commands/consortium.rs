//! `hub consortium`: the policy that says who the members are.

use std::fmt;

use hub_client::{consortium, files};
use registry_schema::digest::Digest;
use registry_schema::keys::KeyId;
use registry_schema::limits;
use registry_schema::name::{MemberName, Name};
use registry_schema::trust_root::{ConsortiumPolicy, TrustRoot};
use serde::Serialize;

use crate::app::Outcome;
use crate::args::{InitArgs, ShowPolicyArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};

/// A policy as it is shown.
#[derive(Serialize)]
pub(super) struct PolicyView {
    consortium: String,
    fingerprint: Digest,
    pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    members: Vec<MemberView>,
    names: Vec<NameView>,
}

#[derive(Serialize)]
struct MemberView {
    member: MemberName,
    keys: Vec<KeyId>,
}

#[derive(Serialize)]
struct NameView {
    name: Name,
    owners: Vec<MemberName>,
    threshold: usize,
}

impl PolicyView {
    /// A policy, and whether it is the pinned one.
    pub(super) fn new(policy: &ConsortiumPolicy, context: &Context) -> Self {
        let fingerprint = policy.digest();
        let member =
            |(member, keys): (&MemberName, &Vec<registry_schema::keys::PublicKey>)| MemberView {
                member: member.clone(),
                keys: keys
                    .iter()
                    .map(registry_schema::keys::PublicKey::id)
                    .collect(),
            };
        let name = |(name, entry): (&Name, &registry_schema::trust_root::NamePolicy)| NameView {
            name: name.clone(),
            owners: entry.owners.clone(),
            threshold: entry.threshold,
        };
        Self {
            consortium: policy.consortium().to_owned(),
            fingerprint,
            pinned: context.config().policy == Some(fingerprint),
            file: None,
            members: policy.members().iter().map(member).collect(),
            names: policy.names().iter().map(name).collect(),
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

pub(super) fn init(args: &InitArgs, context: &Context) -> Result<Outcome, CommandError> {
    let policy = consortium::init(&args.name, &args.members, &args.names, &args.output)?;
    let file = Some(args.output.display().to_string());
    context.show(&PolicyView {
        file,
        ..PolicyView::new(&policy, context)
    })?;
    context.report().note(
        "give the file to `hub-server init --policy`, and the fingerprint to every member, by another way, for `hub trust`",
    );
    Ok(Outcome::Done)
}

pub(super) fn show(args: &ShowPolicyArgs, context: &Context) -> Result<Outcome, CommandError> {
    let policy = match &args.file {
        Some(path) => read_policy(path)?,
        None => context.policy()?,
    };
    context.show(&PolicyView::new(&policy, context))?;
    Ok(Outcome::Done)
}

/// The policy in a file, which nobody has pinned yet.
pub(super) fn read_policy(path: &std::path::Path) -> Result<ConsortiumPolicy, CommandError> {
    let bytes = files::read_limited(path, limits::POLICY_BYTES as u64)?;
    Ok(ConsortiumPolicy::parse(&String::from_utf8_lossy(&bytes))?)
}

impl Answer for PolicyView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("consortium", &self.consortium)?;
        page.field("fingerprint", self.fingerprint)?;
        page.field("pinned", if self.pinned { "yes" } else { "no" })?;
        page.optional("written to", self.file.as_ref())?;
        page.line("")?;
        let members = self.members.iter();
        let rows: Vec<_> = members
            .map(|entry| vec![entry.member.to_string(), list(&entry.keys)])
            .collect();
        page.table(&["MEMBER", "KEYS"], &rows)?;
        if self.names.is_empty() {
            return Ok(());
        }
        page.line("")?;
        let row = |entry: &NameView| {
            vec![
                entry.name.to_string(),
                list(&entry.owners),
                entry.threshold.to_string(),
            ]
        };
        let rows: Vec<_> = self.names.iter().map(row).collect();
        page.table(&["NAME", "OWNERS", "MUST SIGN"], &rows)
    }
}
