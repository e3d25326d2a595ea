//! A log in a folder, of a consortium of two, and what a monitor makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::entry::BundleWriter;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{KeyKind, SignerKey};
use registry_schema::log::tile::BundleId;
use registry_schema::log::tree::Tree;
use registry_schema::manifest::Manifest;
use registry_schema::statement::{ReleaseFile, ReleaseStatement, YankAction, YankStatement};
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::{Draft, Plan};
use tempfile::TempDir;

mod again;

use super::*;
use crate::files;
use crate::journal::{Journal, Pen};
use crate::log_view::{FolderLog, contact};

pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const ORIGIN: &str = "hub.example.org/log";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn log_key() -> SignerKey {
    SignerKey::new(ORIGIN.parse().unwrap(), KeyKind::Ed25519, key(7))
}

/// alpha with the statement key 1 and beta with 2.
fn consortium() -> Bundle {
    let members = [("alpha", 101), ("beta", 102)]
        .map(|(name, seed)| (name.parse().unwrap(), key(seed).public()));
    let plan = Plan::new(
        "test",
        members.into(),
        std::collections::BTreeMap::new(),
        format!("log {}\nquorum none\n", log_key().verifier()),
        key(9).public(),
    );
    let mut draft = Draft::found(&plan.unwrap(), NOW).unwrap();
    for seed in [1, 2] {
        draft.sign(&key(100 + seed), &[key(seed).public()]).unwrap();
    }
    Bundle::found(&draft, &key(9), NOW).unwrap()
}

fn root_of(bundle: &Bundle) -> Arc<ConsortiumRoot> {
    Arc::new(ConsortiumRoot::verify(bundle, &bundle.anchor(), NOW).unwrap())
}

/// A machine that monitors a log, and the log as files.
pub(crate) struct World {
    home: TempDir,
    pub(crate) log: TempDir,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) root: Arc<ConsortiumRoot>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            log: tempfile::tempdir().unwrap(),
            entries: Vec::new(),
            root: root_of(&consortium()),
        }
    }

    pub(crate) fn folders(&self) -> Folders {
        Folders::under(self.home.path())
    }

    /// Signs on another machine, whose journal is not the monitor's.
    pub(crate) fn sign(&self, payload: Vec<u8>, seed: u8) -> Vec<u8> {
        let elsewhere = Journal::of(&Folders::under(self.log.path()));
        let keys = [key(seed)];
        Pen::new(&keys, &elsewhere)
            .sign(payload)
            .unwrap()
            .to_bytes()
    }

    /// Writes the log's files anew, with all entries.
    pub(crate) fn serve(&self) {
        let mut tree = Tree::new();
        let leaves: Vec<Digest> = self.entries.iter().map(|one| leaf_hash(one)).collect();
        let put = |path: String, bytes: &[u8]| {
            let path = self.log.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        for tile in tree.append(&leaves).unwrap() {
            put(tile.id().to_string(), &tile.to_bytes());
        }
        for (number, share) in (0..).zip(self.entries.chunks(256)) {
            let mut bundle = BundleWriter::new();
            for entry in share {
                bundle.push(entry).unwrap();
            }
            let id = BundleId::new(number, share.len() as u16).unwrap();
            put(id.to_string(), &bundle.finish());
        }
        let checkpoint = Checkpoint {
            origin: ORIGIN.parse().unwrap(),
            size: tree.size(),
            root: tree.root(),
        };
        let note = checkpoint.sign(&log_key()).unwrap();
        put("checkpoint".to_owned(), note.to_string().as_bytes());
    }

    fn watch(&self, change: impl FnOnce(&mut WatchRequest<'_>)) -> Result<Watched, AuditError> {
        self.watch_with(None, change)
    }

    fn watch_hub(&self, hub: &Registry) -> Result<Watched, AuditError> {
        self.watch_with(Some(hub), |_| {})
    }

    /// What is remembered of the log.
    fn recalled(&self) -> Memory {
        let folder = self.home.path().join("monitor");
        let mut files = std::fs::read_dir(folder).unwrap();
        let path = files.find_map(|one| {
            let path = one.unwrap().path();
            path.extension()
                .is_some_and(|it| it == "json")
                .then_some(path)
        });
        Memory::read(&path.unwrap()).unwrap().unwrap()
    }

    fn watch_with(
        &self,
        registry: Option<&Registry>,
        change: impl FnOnce(&mut WatchRequest<'_>),
    ) -> Result<Watched, AuditError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let folders = self.folders();
            let source = FolderLog(self.log.path().to_owned());
            let log = contact(&folders, self.root.log_policy(), source, NOW).await?;
            let mut request = WatchRequest {
                folders: &folders,
                trust_root: Arc::clone(&self.root),
                log: &log,
                registry,
                own: Own {
                    members: BTreeSet::from(["alpha".parse().unwrap()]),
                    ..Own::default()
                },
                expected: BTreeSet::new(),
                acknowledged: Vec::new(),
                progress: Progress::silent(),
            };
            change(&mut request);
            watch(&request).await
        })
    }

    /// What a run tells, to somebody who hears it.
    fn findings(&self) -> Vec<Finding> {
        let watched = self.watch(|_| {}).unwrap();
        let findings = watched.findings.clone();
        watched.told().unwrap();
        findings
    }
}

fn release(name: &str, words: &str) -> ReleaseStatement {
    versioned(name, "1.0.0", words)
}

fn versioned(name: &str, version: &str, words: &str) -> ReleaseStatement {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"{version}\"\nsummary = \"{words}\"\nlicense = \"CC0-1.0\"\ndomain = \"tests\"\n\
         input = {{ tensor = \"input\", width = 8, height = 8, \
         normalize = {{ mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }} }}\n\
         output = {{ tensor = \"features\", dimension = 4 }}\n"
    );
    let file = |path: &str| ReleaseFile {
        path: path.to_owned(),
        digest: Digest::of(path.as_bytes()),
        size_bytes: 100,
    };
    let files = [
        "README.md",
        "model.onnx",
        "probes/a.png",
        "probes/b.png",
        "probes/c.png",
        "probes/vectors.json",
    ];
    let manifest = Manifest::from_toml(&manifest).unwrap();
    ReleaseStatement::new(manifest, files.map(file).to_vec()).unwrap()
}

fn yank(of: &ReleaseStatement, sequence: u64) -> YankStatement {
    YankStatement {
        name: of.manifest().name.clone(),
        version: of.manifest().version.clone(),
        content: of.content_digest(),
        action: if sequence % 2 == 1 {
            YankAction::Yank
        } else {
            YankAction::Unyank
        },
        reason: "wrong crop".to_owned(),
        replacement: None,
        sequence,
    }
}

#[test]
fn entries_no_honest_hub_would_log_are_named() {
    let mut world = World::new();
    let (of_beta, other) = (release("beta/dots", "one"), release("beta/dots", "two"));
    let unknown = release("beta/unknown", "never logged");
    world.entries = vec![
        world.sign(of_beta.to_payload(), 2),
        b"not an envelope".to_vec(),
        world.sign(release("beta/mine", "a thief").to_payload(), 1),
        world.sign(other.to_payload(), 2),
        world.sign(yank(&unknown, 1).to_payload(), 2),
        world.sign(yank(&of_beta, 1).to_payload(), 2),
    ];
    world.serve();
    let findings = world.findings();
    let wrong: Vec<_> = findings.iter().filter_map(Finding::index).collect();
    assert_eq!(wrong, [1, 2, 3, 4], "{findings:?}");
    assert!(
        findings
            .iter()
            .all(|one| matches!(one, Finding::Invalid { .. }))
    );
    // They are told again until somebody knows.
    assert_eq!(world.findings(), findings);
    let rest = world
        .watch(|request| request.acknowledged = vec![1..=3])
        .unwrap();
    assert_eq!(rest.findings, findings[3..]);
    assert_eq!((rest.before, rest.entries), (Some(6), 6));
}

#[test]
fn what_was_signed_elsewhere_is_told_until_it_is_expected() {
    let mut world = World::new();
    let mine = release("alpha/dots", "one");
    world.entries = vec![
        world.sign(mine.to_payload(), 1),
        world.sign(release("beta/dots", "two").to_payload(), 2),
    ];
    world.serve();
    let findings = world.findings();
    assert!(
        matches!(&findings[..], [Finding::NotSignedHere { index: 0, .. }]),
        "{findings:?}"
    );
    let expected = BTreeSet::from([Digest::of(&mine.to_payload())]);
    let watched = world
        .watch(|request| request.expected = expected.clone())
        .unwrap();
    assert!(watched.findings.is_empty());
    // An own name given by itself is looked after, too.
    let world = World {
        home: tempfile::tempdir().unwrap(),
        ..world
    };
    let own = Own {
        names: BTreeSet::from(["beta/dots".parse().unwrap()]),
        ..Own::default()
    };
    let watched = world.watch(|request| request.own = own).unwrap();
    assert!(matches!(
        &watched.findings[..],
        [Finding::NotSignedHere { index: 1, .. }]
    ));
}

#[test]
fn a_run_that_was_interrupted_goes_on_where_it_was() {
    let mut world = World::new();
    let base = release("beta/dots", "one");
    world.entries = vec![world.sign(base.to_payload(), 2)];
    // More than are judged together.
    let long = |sequence| YankStatement {
        reason: "x".repeat(1000),
        ..yank(&base, sequence)
    };
    let beta = [key(2)];
    let keys: Vec<&SecretKey> = beta.iter().collect();
    for sequence in 1..6000 {
        let envelope = registry_schema::envelope::Envelope::sign;
        world
            .entries
            .push(envelope(long(sequence).to_payload(), &keys).to_bytes());
    }
    world.entries.push(b"not an envelope".to_vec());
    world.serve();
    let stopped = Progress::new(|_| {}, Arc::new(AtomicBool::new(true)));
    let error = world
        .watch(|request| request.progress = stopped)
        .unwrap_err();
    assert!(matches!(error, AuditError::Stopped));
    let watched = world.watch(|_| {}).unwrap();
    let before = watched.before.unwrap();
    assert!(before > 0 && before < 6001, "{before}");
    assert_eq!(watched.entries, 6001);
    assert!(matches!(
        &watched.findings[..],
        [Finding::Invalid { index: 6000, .. }]
    ));
    // It knows what it would know after one run.
    let whole = World {
        home: tempfile::tempdir().unwrap(),
        ..world
    };
    assert_eq!(whole.findings(), watched.findings);
}

#[test]
fn another_log_and_a_damaged_memory_are_refused() {
    let mut world = World::new();
    world.entries = vec![world.sign(release("beta/dots", "one").to_payload(), 2)];
    world.serve();
    world.findings();
    world.entries[0] = world.sign(release("beta/dots", "two").to_payload(), 2);
    world.serve();
    // Somebody has told this machine to believe another history; what was read is still of the old one.
    files::remove_dir(&world.folders().log()).unwrap();
    let error = world.watch(|_| {}).unwrap_err();
    assert!(
        matches!(error, AuditError::Forgotten { size: 1, .. }),
        "{error}"
    );
    let folder = world.home.path().join("monitor");
    let file = std::fs::read_dir(folder)
        .unwrap()
        .map(|one| one.unwrap().path());
    let file = file
        .into_iter()
        .find(|one| one.extension().is_some_and(|it| it == "json"));
    let file = file.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let newer = text.replacen("{\"v\":1,", "{\"v\":2,\"more\":[],", 1);
    for (text, is_newer) in [("{", false), ("{\"v\":1}", false), (&newer, true)] {
        std::fs::write(&file, text).unwrap();
        let error = world.watch(|_| {}).unwrap_err();
        let expected = match is_newer {
            false => matches!(error, AuditError::Memory { .. }),
            true => matches!(error, AuditError::MemoryFormat { found: 2, .. }),
        };
        assert!(expected, "{error}");
    }
}

#[test]
fn changes_of_the_trust_root_are_told_once() {
    let mut world = World::new();
    world.serve();
    assert!(world.findings().is_empty());
    let mut draft = Draft::change_keyring(&consortium(), &"beta".parse().unwrap(), NOW, |file| {
        file.keys[0].until = Some(4);
        Ok(())
    })
    .unwrap();
    draft.sign(&key(102), &[]).unwrap();
    world.root = root_of(&consortium().accept(&draft, &key(9), NOW).unwrap());
    let findings = world.findings();
    assert!(
        matches!(&findings[..], [Finding::KeyChanged { member, .. }] if member.as_str() == "beta"),
        "{findings:?}"
    );
    assert!(world.findings().is_empty());
}
