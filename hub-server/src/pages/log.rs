//! The log as a page: what is published, who has witnessed it, its latest entries, and any one of them.

use askama::Template;
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::policy::WitnessedCheckpoint;
use registry_schema::name::MemberName;
use registry_schema::statement::Statement;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot as _};
use serde::Deserialize;

use super::shown::Moment;
use super::{PageError, Part, Site, extractor_path};
use crate::app::Hub;
use crate::database::log::{self as rows, EntryRow};
use crate::database::{Connection, DatabaseError, from_column, releases};
use crate::log::Head;

/// Entries on a page.
const ROWS: u64 = 25;

/// What a reader of the log asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// An index, the hash of an entry, or the digest of a release's statement.
    entry: String,
    /// Only entries below this index.
    before: Option<u64>,
}

/// The log as of its published checkpoint.
#[derive(Debug, Template)]
#[template(path = "log.html")]
pub(crate) struct LogPage {
    site: Site,
    head: Option<Shown>,
    witnesses: Vec<Witness>,
    needs_witnesses: bool,
    asked: String,
    found: Option<Box<Detail>>,
    entries: Vec<Entry>,
    older: Option<u64>,
    is_newest: bool,
}

#[derive(Debug)]
struct Shown {
    origin: String,
    size: u64,
    root: String,
    note: String,
    witnessed: Option<Moment>,
}

#[derive(Debug)]
struct Witness {
    name: String,
    key: String,
    cosigned: Option<Moment>,
}

#[derive(Debug)]
struct Entry {
    index: u64,
    logged: Moment,
    kind: &'static str,
    about: String,
    about_path: Option<String>,
    signers: String,
}

/// One entry, whole.
#[derive(Debug)]
struct Detail {
    entry: Entry,
    submitted_by: String,
    leaf_hash: String,
    statement: String,
    payload: String,
    proof: String,
}

impl LogPage {
    pub(crate) fn load(
        connection: &mut Connection,
        hub: &Hub,
        reader: Option<MemberName>,
        asked: &Asked,
    ) -> Result<Self, PageError> {
        let root = &hub.trust_root().root;
        let head = hub.log.published();
        let covered = head.as_ref().map_or(0, |head| head.checkpoint.size);
        let found = match look_up(connection, &asked.entry, covered)? {
            Some(index) => Detail::load(connection, hub, root, index)?.map(Box::new),
            None => None,
        };
        let end = asked.before.map_or(covered, |before| before.min(covered));
        let first = end.saturating_sub(ROWS);
        let mut entries = rows::entries(connection, first, end - first)?
            .iter()
            .map(|row| Entry::of(root, row))
            .collect::<Result<Vec<_>, _>>()?;
        entries.reverse();
        let (shown, witnesses) = match &head {
            Some(head) => witnessed(root, head)?,
            None => (None, Vec::new()),
        };
        Ok(Self {
            site: Site::new(hub, reader, Part::Log),
            head: shown,
            witnesses,
            needs_witnesses: !root.log_policy().is_quorum_none(),
            asked: asked.entry.trim().chars().take(200).collect(),
            found,
            entries,
            older: (first > 0).then_some(first),
            is_newest: end == covered,
        })
    }
}

/// The checkpoint, and each witness of the policy with the time at which it cosigned it.
fn witnessed(
    root: &ConsortiumRoot,
    head: &Head,
) -> Result<(Option<Shown>, Vec<Witness>), DatabaseError> {
    let policy = root.log_policy();
    let checked = policy.check(&head.note).ok();
    let cosigned = checked
        .as_ref()
        .map_or(&[][..], WitnessedCheckpoint::cosigned);
    let moment = |at: u64| Moment::of(i64::try_from(at).unwrap_or(i64::MAX));
    let witnesses = policy
        .witnesses()
        .iter()
        .map(|witness| {
            let at = cosigned.iter().find(|(name, _)| *name == witness.name);
            Ok(Witness {
                name: witness.name.clone(),
                key: witness.key.name().to_string(),
                cosigned: at.map(|(_, at)| moment(*at)).transpose()?,
            })
        })
        .collect::<Result<_, DatabaseError>>()?;
    let at = checked.as_ref().and_then(WitnessedCheckpoint::witnessed_at);
    let shown = Shown {
        origin: head.checkpoint.origin.to_string(),
        size: head.checkpoint.size,
        root: head.checkpoint.root.to_hex(),
        note: head.note.to_string(),
        witnessed: at.map(moment).transpose()?,
    };
    Ok((Some(shown), witnesses))
}

/// The index of what was asked for, if the first `covered` entries have it.
fn look_up(
    connection: &mut Connection,
    asked: &str,
    covered: u64,
) -> Result<Option<u64>, DatabaseError> {
    let asked = asked.trim().trim_start_matches('#');
    let hex = asked.strip_prefix("sha256:").unwrap_or(asked);
    let index = match (asked.parse::<u64>(), Digest::from_hex(hex)) {
        (_, Ok(digest)) => {
            let of_leaf = rows::find_entry(connection, &digest)?.map(|(index, _)| index);
            let index = match of_leaf {
                Some(index) => Some(index),
                None => releases::find(connection, &digest.to_string())?
                    .and_then(|release| release.log_index),
            };
            index.map(from_column).transpose()?
        }
        (Ok(index), _) => Some(index),
        _ => None,
    };
    Ok(index.filter(|index| *index < covered))
}

impl Entry {
    fn of(root: &ConsortiumRoot, row: &EntryRow) -> Result<Self, DatabaseError> {
        let index = from_column(row.idx)?;
        let envelope = Envelope::parse(&row.envelope).ok();
        let statement = envelope
            .as_ref()
            .and_then(|envelope| Statement::parse(envelope.payload()).ok());
        let (about, about_path) = match &statement {
            Some(statement) => about(statement),
            None => (String::new(), None),
        };
        let signers = envelope.iter().flat_map(Envelope::signatures).map(|one| {
            let member = root.member_of(&one.key_id);
            member.map_or_else(|| format!("key {}", one.key_id), ToString::to_string)
        });
        Ok(Self {
            index,
            logged: Moment::of(row.logged_at)?,
            kind: statement.as_ref().map_or("unreadable", kind),
            about,
            about_path,
            signers: signers.collect::<Vec<_>>().join(", "),
        })
    }
}

fn kind(statement: &Statement) -> &'static str {
    use registry_schema::statement::{AdvisoryAction, YankAction};
    match statement {
        Statement::Release(_) => "release",
        Statement::Yank(yank) => match yank.action {
            YankAction::Yank => "yank",
            YankAction::Unyank => "unyank",
        },
        Statement::Evaluation(_) => "evaluation",
        Statement::Advisory(advisory) => match advisory.action {
            AdvisoryAction::Open => "advisory",
            AdvisoryAction::Close => "end of an advisory",
        },
        Statement::KeyCompromise(_) => "key compromise",
    }
}

fn about(statement: &Statement) -> (String, Option<String>) {
    let (name, version) = match statement {
        Statement::Release(release) => {
            let manifest = release.manifest();
            (&manifest.name, &manifest.version)
        }
        Statement::Yank(yank) => (&yank.name, &yank.version),
        Statement::Evaluation(evaluation) => (&evaluation.name, &evaluation.version),
        Statement::Advisory(advisory) => (&advisory.name, &advisory.version),
        Statement::KeyCompromise(compromise) => {
            let about = format!("a key of {}", compromise.member);
            return (about, Some("/members".to_owned()));
        }
    };
    let path = format!("{}?version={version}", extractor_path(name));
    (format!("{name}@{version}"), Some(path))
}

impl Detail {
    fn load(
        connection: &mut Connection,
        hub: &Hub,
        root: &ConsortiumRoot,
        index: u64,
    ) -> Result<Option<Self>, PageError> {
        let Some(row) = rows::entries(connection, index, 1)?.into_iter().next() else {
            return Ok(None);
        };
        let envelope = Envelope::parse(&row.envelope).ok();
        let payload = envelope.as_ref().map(|envelope| {
            let payload = envelope.payload();
            serde_json::from_slice::<serde_json::Value>(payload)
                .and_then(|value| serde_json::to_string_pretty(&value))
                .unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned())
        });
        let statement = envelope.map(|envelope| envelope.payload_digest().to_string());
        Ok(Some(Self {
            entry: Entry::of(root, &row)?,
            leaf_hash: leaf_hash(&row.envelope).to_hex(),
            submitted_by: row.submitted_by,
            statement: statement.unwrap_or_default(),
            payload: payload.unwrap_or_default(),
            proof: hub.log.proof(connection, index)?.to_string(),
        }))
    }
}
