//! Who the members are, with which keys, and what they own.

use std::collections::BTreeSet;

use askama::Template;
use registry_schema::name::{MemberName, Name};
use registry_schema::statement::Statement;
use registry_schema::tuf::files::IndexRange;
use registry_schema::{envelope::Envelope, trust_root::ConsortiumRoot};

use super::catalogue::owners;
use super::shown::Moment;
use super::{PageError, Part, Site, extractor_path};
use crate::app::Hub;
use crate::database::key_compromises::{self, KeyCompromiseRow};
use crate::database::{Connection, DatabaseError, catalogue, from_column};

/// The members of now, the names that the consortium owns together, keys that were taken back.
#[derive(Debug, Template)]
#[template(path = "members.html")]
pub(crate) struct MembersPage {
    site: Site,
    first_root: String,
    root_version: u64,
    targets_version: u64,
    members: Vec<Member>,
    names: Vec<OwnedName>,
    compromises: Vec<Compromise>,
}

#[derive(Debug)]
struct Member {
    name: String,
    keys: Vec<Key>,
    /// Why its keys do not count.
    trouble: Option<String>,
    path: String,
}

#[derive(Debug)]
struct Key {
    id: String,
    valid: String,
}

#[derive(Debug)]
struct OwnedName {
    name: String,
    path: String,
    is_published: bool,
    owners: String,
}

#[derive(Debug)]
struct Compromise {
    member: String,
    key: String,
    from_index: u64,
    reason: String,
    entry: u64,
    said: Moment,
}

impl MembersPage {
    pub(crate) fn load(
        connection: &mut Connection,
        hub: &Hub,
        reader: Option<MemberName>,
    ) -> Result<Self, PageError> {
        let trust = hub.trust_root();
        let (root, info) = (&trust.root, trust.info());
        let covered = hub.log.published_size();
        let mut compromises = Vec::new();
        for row in key_compromises::list(connection)? {
            if from_column(row.log_index)? < covered {
                compromises.extend(Compromise::of(&row)?);
            }
        }
        let published: BTreeSet<String> = catalogue::published(connection, &bare(root), covered)?;
        let owned = |(name, _)| owned(root, name, &published);
        let mut names: Vec<_> = root.names().map(owned).collect();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            site: Site::new(hub, reader, Part::Members),
            first_root: info.first_root.to_string(),
            root_version: info.root,
            targets_version: info.targets,
            members: root
                .members()
                .map(|member| of_member(root, member))
                .collect(),
            names,
            compromises,
        })
    }
}

fn of_member(root: &ConsortiumRoot, member: &MemberName) -> Member {
    let keys = root.statement_keys(member).iter();
    Member {
        name: member.to_string(),
        keys: keys
            .map(|(key, range)| Key {
                id: key.id().to_string(),
                valid: valid(*range),
            })
            .collect(),
        trouble: root.keyring(member).trouble(),
        path: format!("/?q={member}%2F"),
    }
}

fn valid(range: IndexRange) -> String {
    match range.until {
        Some(until) => format!("entries {} to {}", range.from, until.saturating_sub(1)),
        None => format!("from entry {} on", range.from),
    }
}

fn bare(root: &ConsortiumRoot) -> Vec<String> {
    root.names().map(|(name, _)| name.to_string()).collect()
}

fn owned(root: &ConsortiumRoot, name: &Name, published: &BTreeSet<String>) -> OwnedName {
    OwnedName {
        name: name.to_string(),
        path: extractor_path(name),
        is_published: published.contains(&name.to_string()),
        owners: owners(root, name),
    }
}

impl Compromise {
    fn of(row: &KeyCompromiseRow) -> Result<Option<Self>, DatabaseError> {
        let parsed = Envelope::parse(&row.envelope)
            .ok()
            .and_then(|envelope| Statement::parse(envelope.payload()).ok());
        let Some(Statement::KeyCompromise(said)) = parsed else {
            return Ok(None);
        };
        Ok(Some(Self {
            member: said.member.to_string(),
            key: said.key_id.to_string(),
            from_index: said.from_index,
            reason: said.reason,
            entry: from_column(row.log_index)?,
            said: Moment::of(row.recorded_at)?,
        }))
    }
}
