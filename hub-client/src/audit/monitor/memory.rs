//! What a monitor has read of a log, on the disk.

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
use serde::{Deserialize, Serialize};

use super::super::AuditError;
use super::finding::Finding;
use crate::files::{AtomicFile, FileError};

/// Most alarms that are kept until somebody acknowledges them; later ones are counted only.
const ALARMS: usize = 10_000;

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
            v: 1,
            size: 0,
            root_hash: tree.root(),
            edge: Vec::new(),
            root: RootMemory::of(trust_root),
            names: BTreeMap::new(),
            key_compromises: Vec::new(),
            next_name: None,
            alarms: Vec::new(),
            dropped: 0,
        }
    }

    /// What is kept; `None` when nothing is.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, AuditError> {
        let file = match std::fs::File::open(path) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|source| FileError::new("cannot read", path, source))?,
        };
        let memory: Self =
            serde_json::from_reader(BufReader::new(file)).map_err(|source| AuditError::Memory {
                path: path.to_owned(),
                source,
            })?;
        Ok(Some(memory))
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
        if self.alarms.len() < ALARMS {
            self.alarms.push(alarm);
        } else {
            self.dropped += 1;
        }
    }

    /// Forgets alarms about entries that somebody knows of now.
    pub(super) fn acknowledge(
        &mut self,
        entries: &[RangeInclusive<u64>],
        expected: &BTreeSet<Digest>,
    ) {
        let is_known = |alarm: &Finding| {
            let is_named = |index| entries.iter().any(|range| range.contains(&index));
            let is_expected = match alarm {
                Finding::NotSignedHere { statement, .. } => expected.contains(statement),
                _ => false,
            };
            is_expected || alarm.index().is_some_and(is_named)
        };
        self.alarms.retain(|alarm| !is_known(alarm));
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
    }

    /// At most `count` names to be held against the hub, in turn, run after run.
    pub(super) fn next_names(&mut self, count: usize) -> Vec<Name> {
        let after = self.next_name.take();
        let later = self
            .names
            .keys()
            .filter(|name| after.as_ref().is_none_or(|at| *name >= at));
        let earlier = self
            .names
            .keys()
            .filter(|name| after.as_ref().is_some_and(|at| *name < at));
        let mut names: Vec<Name> = later.chain(earlier).take(count + 1).cloned().collect();
        self.next_name = if names.len() > count {
            names.pop()
        } else {
            None
        };
        names
    }
}
