//! What a monitor has read of a log, on the disk.

mod again;

pub(super) use again::Standing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::ops::RangeInclusive;
use std::path::Path;

use registry_schema::digest::Digest;
use registry_schema::keys::KeyId;
use registry_schema::log::proof::TreeHead;
use registry_schema::log::tile::Tile;
use registry_schema::log::tree::Tree;
use registry_schema::name::{MemberName, Name};
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::files::{ConsortiumFile, IndexRange};
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use again::Again;

use super::super::AuditError;
use super::finding::Finding;
use crate::files::{AtomicFile, FileError};

/// Most alarms that are kept until somebody acknowledges them; later ones are counted only.
const ALARMS: usize = 10_000;

/// The format that this program writes and reads.
const FORMAT: u32 = 1;

/// What a monitor has read of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    v: u32,
    size: u64,
    root_hash: Digest,
    /// Hashes at the right edge of the tree, by level: what is needed to append to it.
    edge: Vec<Vec<Digest>>,
    root: RootMemory,
    names: BTreeMap<Name, NameMemory>,
    key_compromises: Vec<u64>,
    /// The name to go on with when not all names can be held against the hub in one run.
    next_name: Option<Name>,
    alarms: Vec<Finding>,
    dropped: u64,
    /// Alarms that somebody has acknowledged: they are no news when their entries are read again.
    #[serde(default)]
    acknowledged: Vec<Finding>,
    /// What is told once, until it has been told.
    #[serde(default)]
    untold: Vec<Finding>,
    /// Entries that do not count.
    #[serde(default)]
    apart: BTreeMap<u64, Standing>,
    /// The log is being read again from its start.
    #[serde(default)]
    again: Option<Again>,
}

/// The trust root as it was when the monitor last looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootMemory {
    pub(super) history: ConsortiumFile,
    pub(super) keys: BTreeMap<MemberName, BTreeMap<KeyId, IndexRange>>,
    pub(super) log_policy: String,
}

/// What the log says about a name; entries by their log indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameMemory {
    /// Its releases.
    pub releases: BTreeMap<Version, ReleaseMemory>,
    /// Statements of advisories about it.
    pub advisories: Vec<u64>,
    /// The yanked release to go on with when not all can be asked for in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_release: Option<Version>,
}

/// What the log says about a release; entries by their log indexes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseMemory {
    /// Its entry.
    pub index: u64,
    /// SHA-256 of its statement.
    pub statement: Digest,
    /// Its content digest.
    pub content: Digest,
    /// Whether its signatures count; those of a key that was taken back later do not.
    pub counts: bool,
    /// Whether the last yank or unyank that counts withdraws it.
    pub is_yanked: bool,
    /// Yanks and unyanks.
    pub yanks: Vec<u64>,
    /// Evaluations.
    pub evaluations: Vec<u64>,
}

impl RootMemory {
    pub(super) fn of(trust_root: &ConsortiumRoot) -> Self {
        let history = trust_root.history().clone();
        let keys_of = |member: &MemberName| {
            let keys = trust_root.statement_keys(member).iter();
            keys.map(|(key, range)| (key.id(), *range)).collect()
        };
        Self {
            keys: history
                .members
                .keys()
                .map(|member| (member.clone(), keys_of(member)))
                .collect(),
            history,
            log_policy: trust_root.log_policy().text().to_owned(),
        }
    }
}

impl Memory {
    /// Nothing read yet; the trust root is taken as it is.
    pub(super) fn new(trust_root: &ConsortiumRoot) -> Self {
        let tree = Tree::new();
        Self {
            v: FORMAT,
            size: 0,
            root_hash: tree.root(),
            edge: Vec::new(),
            root: RootMemory::of(trust_root),
            names: BTreeMap::new(),
            key_compromises: Vec::new(),
            next_name: None,
            alarms: Vec::new(),
            dropped: 0,
            acknowledged: Vec::new(),
            untold: Vec::new(),
            apart: BTreeMap::new(),
            again: None,
        }
    }

    /// What is kept; `None` when nothing is.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, AuditError> {
        // Another format may have other fields, so that its version is looked at first.
        let Some(Format { v }) = read_json(path)? else {
            return Ok(None);
        };
        if v != FORMAT {
            return Err(AuditError::MemoryFormat {
                path: path.to_owned(),
                found: v,
                known: FORMAT,
            });
        }
        read_json(path)
    }

    /// Keeps it, as a whole.
    pub(super) fn write(&self, path: &Path) -> Result<(), AuditError> {
        let mut file = AtomicFile::create(path)?;
        serde_json::to_writer(&mut file, self)
            .map_err(std::io::Error::from)
            .and_then(|()| file.flush())
            .map_err(|source| FileError::new("cannot write", path, source))?;
        Ok(file.commit()?)
    }

    /// How many entries were read.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree over the entries that were read.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root_hash,
        }
    }

    /// What the log says about a name.
    pub fn name(&self, name: &Name) -> Option<&NameMemory> {
        self.names.get(name)
    }

    /// The entries by which members took keys back.
    pub fn key_compromises(&self) -> &[u64] {
        &self.key_compromises
    }

    /// What is told once and has not been told yet.
    pub fn untold(&self) -> &[Finding] {
        &self.untold
    }

    /// Alarms that nobody has acknowledged.
    pub fn alarms(&self) -> &[Finding] {
        &self.alarms
    }

    /// Alarms that were not kept, because there were too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn root(&self) -> &RootMemory {
        &self.root
    }

    pub(super) fn remember_root(&mut self, trust_root: &ConsortiumRoot) {
        self.root = RootMemory::of(trust_root);
    }

    pub(super) fn name_mut(&mut self, name: &Name) -> &mut NameMemory {
        self.names.entry(name.clone()).or_default()
    }

    pub(super) fn release_mut(
        &mut self,
        name: &Name,
        version: &Version,
    ) -> Option<&mut ReleaseMemory> {
        self.names.get_mut(name)?.releases.get_mut(version)
    }

    pub(super) fn take_key_back(&mut self, index: u64) {
        self.key_compromises.push(index);
    }

    /// Keeps an alarm until it is acknowledged.
    pub(super) fn keep(&mut self, alarm: Finding) {
        if self.acknowledged.contains(&alarm) {
            return;
        }
        if self.alarms.len() < ALARMS {
            self.alarms.push(alarm);
        } else {
            self.dropped += 1;
        }
    }

    /// Keeps what is told once until it has been told.
    pub(super) fn tell(&mut self, finding: Finding) {
        self.untold.push(finding);
    }

    /// All that was to be told has been told.
    pub(super) fn has_told(&mut self) {
        self.untold.clear();
    }

    /// Forgets what is about entries that somebody knows of now.
    pub(super) fn acknowledge(
        &mut self,
        entries: &[RangeInclusive<u64>],
        expected: &BTreeSet<Digest>,
    ) {
        let is_known = |finding: &Finding| {
            let is_named = |index| entries.iter().any(|range| range.contains(&index));
            let is_expected = match finding {
                Finding::NotSignedHere { statement, .. } => expected.contains(statement),
                _ => false,
            };
            is_expected || finding.index().is_some_and(is_named)
        };
        self.untold.retain(|finding| !is_known(finding));
        let alarms = std::mem::take(&mut self.alarms);
        let (known, unknown): (Vec<_>, Vec<_>) = alarms.into_iter().partition(is_known);
        self.acknowledged.extend(known);
        self.alarms = unknown;
        if !entries.is_empty() {
            self.dropped = 0;
        }
    }

    /// The tree over the entries that were read.
    pub(super) fn tree(&self) -> Result<Tree, AuditError> {
        let ids = Tree::edge_tiles(self.size).zip(&self.edge);
        let tiles = ids.map(|(id, hashes)| Tile::new(id, hashes.clone()));
        let tiles = tiles
            .collect::<Result<Vec<_>, _>>()
            .map_err(registry_schema::log::tree::TreeError::from)?;
        Ok(Tree::from_tiles(self.size, &tiles)?)
    }

    /// The entries of this tree have been read.
    pub(super) fn advance(&mut self, tree: &Tree) {
        self.size = tree.size();
        self.root_hash = tree.root();
        let edge = tree.edge();
        self.edge = edge.iter().map(|tile| tile.hashes().to_vec()).collect();
        self.again.take_if(|again| again.until <= self.size);
    }

    /// At most `count` names to be held against the hub, in turn, run after run.
    pub(super) fn next_names(&mut self, count: usize) -> Vec<Name> {
        in_turn(self.names.keys(), &mut self.next_name, count)
    }

    /// At most `count` releases of a name that have yank statements, in the same way.
    pub(super) fn next_yanked(&mut self, name: &Name, count: usize) -> Vec<Version> {
        let Some(name) = self.names.get_mut(name) else {
            return Vec::new();
        };
        let yanked = name
            .releases
            .iter()
            .filter(|(_, one)| !one.yanks.is_empty());
        in_turn(
            yanked.map(|(version, _)| version),
            &mut name.next_release,
            count,
        )
    }
}

/// At most `count` of sorted keys, from `next` on and then from the first; `next` becomes where to go
/// on, when that is not all of them.
fn in_turn<'a, K: Clone + Ord + 'a>(
    keys: impl Iterator<Item = &'a K>,
    next: &mut Option<K>,
    count: usize,
) -> Vec<K> {
    let after = next.take();
    let is_earlier = |key: &&K| after.as_ref().is_some_and(|after| *key < after);
    let (earlier, later): (Vec<&K>, Vec<&K>) = keys.partition(is_earlier);
    let all = later.into_iter().chain(earlier);
    let mut turn: Vec<K> = all.take(count.saturating_add(1)).cloned().collect();
    *next = if turn.len() > count { turn.pop() } else { None };
    turn
}

/// The format version of a memory of any format.
#[derive(Deserialize)]
struct Format {
    v: u32,
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, AuditError> {
    let file = match std::fs::File::open(path) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| FileError::new("cannot read", path, source))?,
    };
    let read = serde_json::from_reader(BufReader::new(file));
    read.map(Some).map_err(|source| AuditError::Memory {
        path: path.to_owned(),
        source,
    })
}
