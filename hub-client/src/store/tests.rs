#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry_schema::envelope::Envelope;
use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{KeyKind, SignerKey};
use registry_schema::log::proof::LogProof;
use registry_schema::manifest::{Manifest, ProbeVectors};
use registry_schema::receipt::LoggedEnvelope;
use registry_schema::statement::{ReleaseFile, ReleaseStatement};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::{Draft, Plan};

use super::*;

const MANIFEST: &str = r#"
name = "acme/dots"
version = "1.0.0"
summary = "Three numbers"
license = "MIT"
domain = "tests"
input = { tensor = "input", width = 8, height = 8, normalize = { mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] } }
output = { tensor = "features", dimension = 2 }
"#;

struct World {
    _folder: tempfile::TempDir,
    store: Store,
    trust_root: ConsortiumRoot,
}

impl World {
    fn with_versions(versions: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("store"));
        let key = SecretKey::from_seed(&[1; 32]);
        for version in versions {
            let mut manifest = Manifest::from_toml(MANIFEST).unwrap();
            manifest.version = version.parse().unwrap();
            let files = release_files(version).map(|(path, bytes)| put(&store, path, &bytes));
            let statement = ReleaseStatement::new(manifest, files.into()).unwrap();
            let envelope = Envelope::sign(statement.to_payload(), &[&key]).to_bytes();
            let receipt = Receipt {
                v: 3,
                release: format!("acme/dots@{version}").parse().unwrap(),
                hub: "https://hub.example.org".into(),
                pulled_at: "2026-01-01T00:00:00Z".into(),
                statement: LoggedEnvelope {
                    index: 0,
                    proof: proof_of(&envelope),
                    envelope: String::from_utf8(envelope).unwrap(),
                },
                yanks: Vec::new(),
                root_version: 1,
                probe_cosine: Some(1.0),
                model_signature: None,
            };
            store.install(&receipt, statement.files()).unwrap();
        }
        Self {
            _folder: folder,
            store,
            trust_root: root_of("acme"),
        }
    }

    fn open(&self, reference: &str) -> Result<InstalledRelease, StoreError> {
        self.store
            .open_release(&reference.parse().unwrap(), &self.trust_root)
    }
}

/// That an entry is the only one of the log.
fn proof_of(entry: &[u8]) -> String {
    let log = "hub.example.org/log1";
    let checkpoint = Checkpoint {
        origin: log.parse().unwrap(),
        size: 1,
        root: leaf_hash(entry),
    };
    let secret = SecretKey::from_seed(&[7; 32]);
    let signer = SignerKey::new(log.parse().unwrap(), KeyKind::Ed25519, secret);
    let proof = LogProof {
        extra: None,
        index: 0,
        hashes: Vec::new(),
        checkpoint: checkpoint.sign(&signer).unwrap(),
    };
    proof.to_string()
}

/// The trust root of a consortium of one, whose key has the seed 1.
fn root_of(member: &str) -> ConsortiumRoot {
    let (key, online) = (
        SecretKey::from_seed(&[1; 32]),
        SecretKey::from_seed(&[2; 32]),
    );
    let log = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
    let plan = Plan::new(
        "test",
        [(member.parse().unwrap(), key.public())].into(),
        BTreeMap::new(),
        format!("log {log}\nquorum none\n"),
        online.public(),
    )
    .unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut draft = Draft::found(&plan, now).unwrap();
    draft.sign(&key, &[]).unwrap();
    let bundle = Bundle::found(&draft, &online, now).unwrap();
    ConsortiumRoot::verify(&bundle, &bundle.anchor(), now).unwrap()
}

/// The card differs from version to version, everything else is shared.
fn release_files(version: &str) -> [(&'static str, Vec<u8>); 6] {
    let probes = ["probes/a.png", "probes/b.png", "probes/c.png"];
    let vectors = ProbeVectors::new(probes.map(|path| (path.to_owned(), vec![1.0, 2.0])).into());
    [
        ("model.onnx", b"graph".to_vec()),
        ("README.md", format!("card of {version}").into_bytes()),
        (probes[0], b"a".to_vec()),
        (probes[1], b"b".to_vec()),
        (probes[2], b"c".to_vec()),
        ("probes/vectors.json", vectors.to_bytes()),
    ]
}

fn put(store: &Store, path: &str, bytes: &[u8]) -> ReleaseFile {
    let digest = Digest::of(bytes);
    let lock = store.lock_blob(&digest).unwrap();
    files::write_atomic(lock.partial(), bytes).unwrap();
    lock.finish().unwrap();
    ReleaseFile {
        path: path.into(),
        digest,
        size_bytes: bytes.len() as u64,
    }
}

#[test]
fn the_newest_that_satisfies_is_opened_and_verified() {
    let world = World::with_versions(&["1.0.0", "1.2.0", "2.0.0"]);
    assert_eq!(
        world
            .open("acme/dots@1")
            .unwrap()
            .manifest()
            .version
            .to_string(),
        "1.2.0"
    );
    assert_eq!(
        world.open("acme/dots").unwrap().card().unwrap(),
        "card of 2.0.0"
    );
    assert_eq!(
        world
            .open("acme/dots@1")
            .unwrap()
            .probe_vectors()
            .unwrap()
            .vectors
            .len(),
        3
    );
    assert!(matches!(
        world.open("acme/dots@3"),
        Err(StoreError::NotInstalled { .. })
    ));
    world.open("acme/dots@1").unwrap().check_files().unwrap();
}

#[test]
fn changed_bytes_and_other_policies_are_noticed() {
    let world = World::with_versions(&["1.0.0"]);
    let release = world.open("acme/dots@1").unwrap();
    let graph = release.graph().unwrap();
    files::write_atomic(&graph, b"GRAPH").unwrap();
    assert!(matches!(
        release.graph(),
        Err(StoreError::BlobCorrupt { .. })
    ));
    assert!(
        !world.store.check_blob(&Digest::of(b"graph"), 5).unwrap(),
        "removed, to be fetched again"
    );
    assert!(matches!(
        world.open("acme/dots@1"),
        Err(StoreError::BlobMissing { .. })
    ));
    let reference = "acme/dots@1".parse().unwrap();
    let other = world.store.open_release(&reference, &root_of("beta"));
    assert!(matches!(other, Err(StoreError::Receipt { .. })));
}

#[test]
fn what_is_installed_is_known_also_when_it_does_not_verify() {
    let world = World::with_versions(&["1.0.0"]);
    let exact = "acme/dots@1.0.0".parse().unwrap();
    let known = world.store.recorded_statement(&exact).unwrap().unwrap();
    let release = world.open("acme/dots@1").unwrap();
    assert_eq!(known, release.release().statement_digest());
    let other = world.store.open_release(&exact, &root_of("beta"));
    assert!(matches!(other, Err(StoreError::Receipt { .. })));
    files::remove(&world.store.blob_path(&Digest::of(b"graph"))).unwrap();
    assert!(matches!(
        world.open("acme/dots@1"),
        Err(StoreError::BlobMissing { .. })
    ));
    assert_eq!(world.store.recorded_statement(&exact).unwrap(), Some(known));
    let never = "acme/dots@1.0.1".parse().unwrap();
    assert_eq!(world.store.recorded_statement(&never).unwrap(), None);
    let receipt = world
        .store
        .receipt_path(&exact.name, &"1.0.0".parse().unwrap());
    std::fs::write(receipt, b"{").unwrap();
    let damaged = world.store.recorded_statement(&exact);
    assert!(matches!(damaged, Err(StoreError::Malformed { .. })));
}

#[test]
fn a_receipt_in_anothers_place_is_refused() {
    let world = World::with_versions(&["1.0.0", "1.2.0"]);
    let path = |version: &str| {
        world
            .store
            .receipt_path(&"acme/dots".parse().unwrap(), &version.parse().unwrap())
    };
    std::fs::copy(path("1.0.0"), path("1.2.0")).unwrap();
    assert!(matches!(
        world.open("acme/dots@1"),
        Err(StoreError::Swapped { .. })
    ));
}

fn alone(world: &World) -> Alone {
    world.store.alone(|| false).unwrap().unwrap()
}

#[test]
fn who_removes_waits_for_those_who_use_files_as_long_as_it_likes() {
    let world = World::with_versions(&["1.0.0"]);
    let mut in_use = Some(world.store.in_use().unwrap());
    let mut asked = 0;
    let refused = world.store.alone(|| {
        asked += 1;
        asked < 3
    });
    assert!(refused.unwrap().is_none());
    assert_eq!(asked, 3);
    let waited = world.store.alone(|| {
        drop(in_use.take());
        true
    });
    assert!(waited.unwrap().is_some());
}

#[test]
fn removal_keeps_what_others_need() {
    let world = World::with_versions(&["1.0.0", "1.2.0"]);
    let name = "acme/dots".parse().unwrap();
    let freed = world
        .store
        .remove(&name, &"1.0.0".parse().unwrap(), &alone(&world))
        .unwrap();
    assert_eq!(
        freed,
        "card of 1.0.0".len() as u64,
        "only the card was its own"
    );
    world
        .open("acme/dots@1.2.0")
        .unwrap()
        .check_files()
        .unwrap();
    assert!(matches!(
        world
            .store
            .remove(&name, &"1.0.0".parse().unwrap(), &alone(&world)),
        Err(StoreError::NotInstalled { .. })
    ));
    world
        .store
        .remove(&name, &"1.2.0".parse().unwrap(), &alone(&world))
        .unwrap();
    assert_eq!(world.store.list().unwrap(), []);
}

#[test]
fn removal_takes_beginnings_that_nobody_brings_in() {
    let world = World::with_versions(&["1.0.0"]);
    let part = |content: &[u8]| {
        let lock = world.store.lock_blob(&Digest::of(content)).unwrap();
        files::write_atomic(lock.partial(), b"a beginning").unwrap();
        lock
    };
    let abandoned = part(b"abandoned").partial().to_owned();
    let held = part(b"on its way");
    world
        .store
        .remove(
            &"acme/dots".parse().unwrap(),
            &"1.0.0".parse().unwrap(),
            &alone(&world),
        )
        .unwrap();
    assert!(!abandoned.exists());
    assert!(held.partial().exists());
}
