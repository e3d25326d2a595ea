//! A log in a folder, an honest one and others, and what this machine makes of each.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::path::Path;
use std::sync::Mutex;

use registry_schema::keys::SecretKey;
use registry_schema::log::entry::BundleWriter;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{KeyKind, SignerKey};
use registry_schema::log::proof::{verify_consistency, verify_inclusion};
use registry_schema::log::tile::{BundleId, TileId};
use registry_schema::log::tree::Tree;
use tempfile::TempDir;

use super::*;
use crate::files;

const ORIGIN: &str = "hub.example.org/log";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn log_key() -> SignerKey {
    let secret = SecretKey::from_seed(&[7; 32]);
    SignerKey::new(ORIGIN.parse().unwrap(), KeyKind::Ed25519, secret)
}

fn witness_key() -> SignerKey {
    let secret = SecretKey::from_seed(&[9; 32]);
    SignerKey::new("w.example/1".parse().unwrap(), KeyKind::Cosignature, secret)
}

fn policy() -> Policy {
    let (log, witness) = (log_key().verifier(), witness_key().verifier());
    Policy::parse(&format!("log {log}\nwitness w1 {witness}\nquorum w1\n")).unwrap()
}

/// A log served from a folder.
struct Log {
    folder: TempDir,
    tree: Tree,
    entries: Vec<Vec<u8>>,
}

impl Log {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            tree: Tree::new(),
            entries: Vec::new(),
        }
    }

    /// With entries that hold their number and these words.
    fn of(size: u64, words: &str) -> Self {
        let mut log = Self::new();
        log.grow(size, words);
        log
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        files::write_atomic(self.folder.path().join(path), bytes).unwrap();
    }

    fn grow(&mut self, to: u64, words: &str) {
        let first = self.tree.size();
        let new = (first..to).map(|n| format!("{words} {n}").into_bytes());
        self.entries.extend(new);
        let leaves: Vec<Digest> = self.entries[first as usize..]
            .iter()
            .map(|entry| leaf_hash(entry))
            .collect();
        for tile in self.tree.append(&leaves).unwrap() {
            self.put(&tile.id().to_string(), &tile.to_bytes());
        }
        for number in first / 256..=to / 256 {
            let Some(id) = BundleId::of_tree(number, to) else {
                continue;
            };
            let mut bundle = BundleWriter::new();
            let start = number as usize * 256;
            for entry in &self.entries[start..start + usize::from(id.width())] {
                bundle.push(entry).unwrap();
            }
            self.put(&id.to_string(), &bundle.finish());
        }
        self.sign(NOW as u64);
    }

    fn sign(&self, witnessed_at: u64) {
        let checkpoint = Checkpoint {
            origin: ORIGIN.parse().unwrap(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let mut note = checkpoint.sign(&log_key()).unwrap();
        note.add(witness_key().sign(&checkpoint.to_string(), witnessed_at))
            .unwrap();
        self.put("checkpoint", note.to_string().as_bytes());
    }

    fn note(&self) -> WitnessedCheckpoint {
        let bytes = std::fs::read(self.folder.path().join("checkpoint")).unwrap();
        policy().check(&Note::parse(&bytes).unwrap()).unwrap()
    }

    fn source(&self) -> FolderLog {
        FolderLog(self.folder.path().to_owned())
    }
}

/// A machine.
struct Client(TempDir);

impl Client {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folders(&self) -> Folders {
        Folders::under(self.0.path())
    }

    fn contact(&self, log: &Log) -> Result<LogView, LogViewError> {
        self.contact_from(log.source())
    }

    fn contact_from(&self, source: impl LogSource + 'static) -> Result<LogView, LogViewError> {
        wait(contact(&self.folders(), &policy(), source, now()))
    }

    fn seen_size(&self) -> Option<u64> {
        let seen = SeenFolder::new(self.folders().log());
        let seen = seen.read(&ORIGIN.parse().unwrap()).unwrap();
        seen.map(|seen| seen.checkpoint.size)
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn a_log_that_grows_is_followed() {
    let (client, mut log) = (Client::new(), Log::new());
    for size in [0, 1, 2, 3, 255, 256, 257, 511, 512, 700] {
        log.grow(size, "entry");
        let view = client.contact(&log).unwrap();
        assert_eq!(view.checkpoint().checkpoint().size, size);
        assert_eq!(client.seen_size(), Some(size));
    }
    // Nothing new is no lie either.
    client.contact(&log).unwrap();
}

#[test]
fn a_smaller_checkpoint_is_refused_and_is_no_evidence() {
    let client = Client::new();
    client.contact(&Log::of(300, "entry")).unwrap();
    for log in [Log::of(299, "entry"), Log::of(299, "other")] {
        let error = client.contact(&log).unwrap_err();
        assert!(error.is_lie());
        assert!(matches!(
            error,
            LogViewError::RolledBack {
                seen: 300,
                shown: 299,
                ..
            }
        ));
    }
    assert_eq!(client.seen_size(), Some(300));
    // The hub has caught up.
    client.contact(&Log::of(301, "entry")).unwrap();
}

/// Reads what was left as evidence with nothing but the formats that `README.txt` names.
fn convicts(folder: &Path) -> bool {
    let read = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let note = Note::parse(&bytes).unwrap();
        note.verify(&[&log_key().verifier()]).unwrap();
        head_of(&Checkpoint::of_note(&note).unwrap())
    };
    let (older, newer) = (read("older.checkpoint"), read("newer.checkpoint"));
    if older.size == newer.size {
        return older.root != newer.root;
    }
    use base64::Engine as _;
    let text = std::fs::read_to_string(folder.join("consistency.txt")).unwrap();
    let hashes: Vec<Digest> = text
        .lines()
        .map(|line| line.trim_start_matches("root "))
        .map(|line| {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(line)
                .unwrap();
            Digest::from_bytes(bytes.try_into().unwrap())
        })
        .collect();
    let other = TreeHead {
        size: older.size,
        root: hashes[0],
    };
    verify_consistency(other, newer, &hashes[1..]).unwrap();
    other.root != older.root
}

#[test]
fn another_history_leaves_evidence_and_ends_the_conversation() {
    for (seen, shown) in [(300, 300), (300, 400), (256, 300), (1, 2)] {
        let (client, honest) = (Client::new(), Log::of(seen, "entry"));
        client.contact(&honest).unwrap();
        let error = client.contact(&Log::of(shown, "other")).unwrap_err();
        let words = error.to_string();
        let LogViewError::Forked { evidence, .. } = error else {
            panic!("{seen} {shown}: {error}");
        };
        assert!(words.contains(&evidence.display().to_string()));
        assert!(convicts(&evidence), "{seen} {shown}");
        assert!(evidence.join("README.txt").exists());
        // From then on also the honest history is refused, with the same evidence named.
        for log in [&honest, &Log::of(shown, "other")] {
            let error = client.contact(log).unwrap_err();
            assert!(
                matches!(error, LogViewError::Distrusted { evidence: named, .. } if named == evidence)
            );
        }
        assert!(check_trusted(&client.folders(), &policy()).is_err());
        // Until a person says otherwise; the evidence is not thrown away.
        let forgotten = wait(forget(&client.folders(), &policy(), now())).unwrap();
        assert_eq!(forgotten[0].size, Some(seen));
        assert!(convicts(forgotten[0].evidence.as_ref().unwrap()));
        check_trusted(&client.folders(), &policy()).unwrap();
        client.contact(&Log::of(shown, "other")).unwrap();
    }
}

#[test]
fn without_the_log_at_hand_a_tree_of_the_same_size_must_be_the_same() {
    let (client, honest) = (Client::new(), Log::of(300, "entry"));
    let offline = |log: &Log| wait(check_offline(&client.folders(), &policy(), &log.note()));
    // The first that is seen is the one to continue; of other sizes nothing can be told.
    offline(&honest).unwrap();
    assert_eq!(client.seen_size(), Some(300));
    offline(&honest).unwrap();
    offline(&Log::of(200, "other")).unwrap();
    offline(&Log::of(400, "other")).unwrap();
    assert_eq!(client.seen_size(), Some(300));
    let error = offline(&Log::of(300, "other")).unwrap_err();
    let LogViewError::Forked { evidence, .. } = error else {
        panic!("{error}");
    };
    assert!(convicts(&evidence));
    let error = offline(&honest).unwrap_err();
    assert!(matches!(error, LogViewError::Distrusted { .. }), "{error}");
}

#[test]
fn tiles_that_do_not_fit_are_refused() {
    let client = Client::new();
    client.contact(&Log::of(300, "entry")).unwrap();
    let log = Log::of(600, "entry");
    let path = TileId::new(1, 0, 2).unwrap().to_string();
    let right = std::fs::read(log.folder.path().join(&path)).unwrap();
    log.put(&path, &[1; 64]);
    let error = client.contact(&log).unwrap_err();
    assert!(matches!(error, LogViewError::Tiles(_)) && error.is_lie());
    std::fs::remove_file(log.folder.path().join(&path)).unwrap();
    let error = client.contact(&log).unwrap_err();
    assert!(matches!(error, LogViewError::NoFile { .. }));
    // A refusal changes nothing: what was seen last is still what counts.
    assert_eq!(client.seen_size(), Some(300));
    log.put(&path, &right);
    client.contact(&log).unwrap();
}

#[test]
fn a_checkpoint_that_does_not_count_is_refused() {
    let (client, log) = (Client::new(), Log::of(3, "entry"));
    let note = log.note().note().to_string();
    let unwitnessed = note.lines().take(5).collect::<Vec<_>>().join("\n") + "\n";
    for bad in [unwitnessed.as_str(), "", "hub.example.org/log\n3\n"] {
        log.put("checkpoint", bad.as_bytes());
        assert!(client.contact(&log).is_err(), "{bad}");
    }
    assert_eq!(client.seen_size(), None);
}

#[test]
fn a_checkpoint_that_no_witness_has_seen_lately_is_refused() {
    let (client, log) = (Client::new(), Log::of(3, "entry"));
    let limit = limits::CHECKPOINT_AGE_SECONDS;
    log.sign(NOW as u64 - limit);
    client.contact(&log).unwrap();
    log.sign(NOW as u64 - limit - 1);
    let error = client.contact(&log).unwrap_err();
    assert!(matches!(error, LogViewError::Stale { .. }) && !error.is_lie());
    // As of a time that a person knows, it is not old.
    let then = Timestamp::from_second(NOW - 10).unwrap();
    wait(contact(&client.folders(), &policy(), log.source(), then)).unwrap();
}

#[test]
fn proofs_of_other_states_must_be_of_the_same_history() {
    let (client, log) = (Client::new(), Log::of(300, "entry"));
    let before = client.contact(&log).unwrap();
    let mut log = log;
    let earlier = Log::of(257, "entry").note();
    before.check_history(&earlier).await_ok();
    log.grow(600, "entry");
    // A later state that the hub answered with is the last one seen from then on.
    before.check_history(&log.note()).await_ok();
    assert_eq!(client.seen_size(), Some(600));
    let (leaf, proof) = wait(client.contact(&log).unwrap().inclusion(400)).unwrap();
    assert_eq!(leaf, leaf_hash(b"entry 400"));
    wait(before.check_proof(&proof, &leaf)).unwrap();
    assert!(wait(before.check_proof(&proof, &leaf_hash(b"entry 401"))).is_err());
    for size in [257, 300, 600] {
        let client = Client::new();
        let view = client.contact(&log).unwrap();
        let error = wait(view.check_history(&Log::of(size, "other").note())).unwrap_err();
        assert!(
            matches!(error, LogViewError::Forked { evidence, .. } if convicts(&evidence)),
            "{size}"
        );
        assert!(client.contact(&log).is_err());
    }
}

trait AwaitOk {
    fn await_ok(self);
}

impl<F: Future<Output = Result<(), LogViewError>>> AwaitOk for F {
    fn await_ok(self) {
        wait(self).unwrap();
    }
}

#[test]
fn proofs_and_entries_come_from_tiles() {
    let (client, log) = (Client::new(), Log::of(70_000, "entry"));
    let view = client.contact(&log).unwrap();
    let head = view.head();
    for index in [0, 255, 256, 65_535, 65_536, 69_999] {
        let (leaf, proof) = wait(view.inclusion(index)).unwrap();
        assert_eq!(leaf, leaf_hash(format!("entry {index}").as_bytes()));
        verify_inclusion(&leaf, index, head.size, &proof.hashes, &head.root).unwrap();
    }
    assert!(wait(view.inclusion(70_000)).is_err());
    let older = head_of(Log::of(65_537, "entry").note().checkpoint());
    let proof = wait(view.consistency(older.size)).unwrap();
    verify_consistency(older, head, &proof).unwrap();
    for range in [0..1, 255..258, 200..40_000, 65_530..70_000] {
        let mut entries = view.entries(range.clone());
        let mut next = range.start;
        while let Some(bundle) = wait(entries.next_entries()).unwrap() {
            for entry in bundle {
                assert_eq!(entry.index, next);
                assert_eq!(entry.bytes, format!("entry {next}").into_bytes());
                next += 1;
            }
        }
        assert_eq!(next, range.end);
    }
    assert!(wait(view.entries(0..70_001).next_entries()).is_err());
}

#[test]
fn entries_that_were_changed_are_found() {
    let (client, log) = (Client::new(), Log::of(300, "entry"));
    let view = client.contact(&log).unwrap();
    let path = log.folder.path().join("tile/entries/001.p/44");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut entries = view.entries(0..300);
    assert_eq!(wait(entries.next_entries()).unwrap().unwrap().len(), 256);
    let error = wait(entries.next_entries()).unwrap_err();
    assert!(matches!(error, LogViewError::Entry { index: 299 }));
}

/// Counts what is fetched.
#[derive(Clone, Debug)]
struct Counted {
    source: Arc<dyn LogSource>,
    /// Requests and bytes.
    fetched: Arc<Mutex<(usize, usize)>>,
}

impl Counted {
    fn new(log: &Log) -> Self {
        Self {
            source: Arc::new(log.source()),
            fetched: Arc::default(),
        }
    }

    fn take(&self) -> (usize, usize) {
        std::mem::take(&mut *self.fetched.lock().unwrap())
    }
}

impl LogSource for Counted {
    fn fetch<'a>(&'a self, path: &'a str, limit_bytes: usize) -> Fetched<'a> {
        Box::pin(async move {
            let bytes = self.source.fetch(path, limit_bytes).await?;
            let mut fetched = self.fetched.lock().unwrap();
            fetched.0 += 1;
            fetched.1 += bytes.as_ref().map_or(0, Vec::len);
            drop(fetched);
            Ok(bytes)
        })
    }
}

#[test]
fn full_tiles_are_fetched_once_and_checked_always() {
    let (client, log) = (Client::new(), Log::of(66_000, "entry"));
    let source = Counted::new(&log);
    let view = client.contact_from(source.clone()).unwrap();
    source.take();
    wait(view.inclusion(1_000)).unwrap();
    let (first, _) = source.take();
    wait(view.inclusion(1_001)).unwrap();
    let (second, _) = source.take();
    // Tile 3 of level 0, tile 0 of level 1, and the edge of three levels.
    assert_eq!((first, second), (5, 0));
    let kept = client.folders().log_tiles();
    let kept: Vec<_> = walkdir::WalkDir::new(kept)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .collect();
    assert_eq!(kept.len(), 2);
    for file in &kept {
        std::fs::write(file.path(), vec![3; 8192]).unwrap();
    }
    let (leaf, _) = wait(view.inclusion(1_001)).unwrap();
    assert_eq!(leaf, leaf_hash(b"entry 1001"));
    assert!(std::fs::read(kept[0].path()).unwrap() != vec![3; 8192]);
}

/// What an audit needs beyond the statement itself, from a machine that has seen an older state.
#[test]
fn an_audit_of_a_million_entries_is_a_few_requests() {
    let client = Client::new();
    let mut log = Log::new();
    let leaf = |n: u64| leaf_hash(&n.to_be_bytes());
    let serve = |log: &mut Log, to: u64| {
        let leaves: Vec<_> = (log.tree.size()..to).map(leaf).collect();
        for tile in log.tree.append(&leaves).unwrap() {
            // Few of the tiles are asked for; syncing all 3,900 to the disk would take longest.
            let path = log.folder.path().join(tile.id().to_string());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, tile.to_bytes()).unwrap();
        }
        log.sign(NOW as u64);
    };
    serve(&mut log, 777_777);
    let earlier = log.note();
    client.contact(&log).unwrap();
    serve(&mut log, 1_000_000);
    let source = Counted::new(&log);
    let view = client.contact_from(source.clone()).unwrap();
    view.check_history(&earlier).await_ok();
    wait(view.inclusion(123_456)).unwrap();
    let (requests, bytes) = source.take();
    assert!(
        requests <= 12 && bytes <= 64 << 10,
        "{requests} requests, {bytes} bytes"
    );
}
