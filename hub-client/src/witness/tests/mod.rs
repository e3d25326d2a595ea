#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod over_http;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_schema::digest::Digest;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::proof::TrustedTiles;
use registry_schema::log::tile::TileId;
use registry_schema::log::tree::Tree;

use super::*;

const NOW: u64 = 1_700_000_000;

/// A log of up to 255 entries, whose history begins to differ at `fork`.
struct TestLog {
    key: SignerKey,
    fork: u64,
}

impl TestLog {
    fn new(origin: &str, seed: u8) -> Self {
        let secret = SecretKey::from_seed(&[seed; 32]);
        Self {
            key: SignerKey::new(origin.parse().unwrap(), KeyKind::Ed25519, secret),
            fork: u64::MAX,
        }
    }

    fn forked(fork: u64) -> Self {
        Self {
            fork,
            ..Self::new("hub.example/log", 1)
        }
    }

    fn tree(&self, size: u64) -> Tree {
        let leaf = |n: u64| leaf_hash(format!("{} {n}", n >= self.fork).as_bytes());
        let mut tree = Tree::new();
        tree.append(&(0..size).map(leaf).collect::<Vec<_>>())
            .unwrap();
        tree
    }

    fn note(&self, size: u64) -> Note {
        let checkpoint = Checkpoint {
            origin: self.key.verifier().name().as_str().parse().unwrap(),
            size,
            root: self.tree(size).root(),
        };
        checkpoint.sign(&self.key).unwrap()
    }

    fn proof(&self, old: u64, new: u64) -> Vec<Digest> {
        let tree = self.tree(new);
        let head = TreeHead {
            size: new,
            root: tree.root(),
        };
        let edge = tree.edge();
        let read = |id: TileId| edge.iter().find(|tile| tile.id() == id).cloned().ok_or(());
        TrustedTiles::new(head, read)
            .unwrap()
            .consistency(old)
            .unwrap()
    }

    fn request(&self, old: u64, new: u64) -> Vec<u8> {
        body(old, &self.proof(old, new), &self.note(new))
    }
}

fn body(old: u64, proof: &[Digest], note: &Note) -> Vec<u8> {
    let mut text = format!("old {old}\n");
    for hash in proof {
        writeln!(text, "{}", BASE64.encode(hash.as_bytes())).unwrap();
    }
    format!("{text}\n{note}").into_bytes()
}

struct World {
    folder: tempfile::TempDir,
    witness: Witness,
    log: TestLog,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), "witness.example/w1".parse().unwrap()).unwrap();
        let log = TestLog::new("hub.example/log", 1);
        let witness = Witness::open(folder.path(), vec![log.key.verifier()]).unwrap();
        Self {
            folder,
            witness,
            log,
        }
    }

    fn restart(self) -> Self {
        drop(self.witness);
        let witness = Witness::open(self.folder.path(), vec![self.log.key.verifier()]).unwrap();
        Self { witness, ..self }
    }

    fn add(&self, body: &[u8]) -> Result<NoteSignature, Refusal> {
        self.witness.add_checkpoint(body, NOW)
    }
}

#[test]
fn a_growing_log_is_cosigned_also_across_a_restart() {
    let mut world = World::new();
    for (old, new) in [(0, 0), (0, 1), (1, 5), (5, 5), (5, 200)] {
        let line = world.add(&world.log.request(old, new)).unwrap();
        let mut note = world.log.note(new);
        note.add(line).unwrap();
        let good = note.verify(&[&world.witness.key()]).unwrap();
        assert_eq!(good[0].time, Some(NOW));
        let hash = Digest::of(b"hub.example/log").to_hex();
        assert_eq!(world.witness.latest(&hash), Some(note));
        world = world.restart();
    }
    assert_eq!(world.witness.latest("other"), None);
}

#[test]
fn what_does_not_continue_is_refused() {
    let world = World::new();
    let log = &world.log;
    world.add(&log.request(0, 5)).unwrap();
    let fork = TestLog::forked(3);
    let late_fork = TestLog::forked(6);
    // Another history, also with a proof that is good within it.
    for body in [
        fork.request(5, 9),
        fork.request(5, 5),
        body(5, &log.proof(5, 9), &fork.note(9)),
    ] {
        assert!(matches!(world.add(&body), Err(Refusal::Proof(_))));
    }
    // Sizes that were not cosigned last.
    for (old, new) in [(0, 9), (4, 9), (0, 5), (3, 3)] {
        let refused = world.add(&log.request(old, new));
        assert!(
            matches!(refused, Err(Refusal::OtherSize { latest: 5 })),
            "{old} {new}"
        );
    }
    assert!(matches!(
        world.add(&log.request(6, 9)),
        Err(Refusal::OtherSize { latest: 5 })
    ));
    let shrinking = body(5, &[], &log.note(4));
    assert!(matches!(
        world.add(&shrinking),
        Err(Refusal::Shrinking { old: 5, new: 4 })
    ));
    // Proofs where none belongs, and none where one does.
    let hash = leaf_hash(b"x");
    for body in [
        body(5, &[hash], &log.note(5)),
        body(5, &[], &log.note(9)),
        body(5, &[hash], &log.note(9)),
    ] {
        assert!(matches!(world.add(&body), Err(Refusal::Proof(_))));
    }
    // None of this was remembered.
    world.add(&late_fork.request(5, 9)).unwrap();
    assert!(matches!(
        world.add(&log.request(9, 12)),
        Err(Refusal::Proof(_))
    ));
}

#[test]
fn the_first_checkpoint_needs_no_proof_and_takes_none() {
    let world = World::new();
    let with_proof = body(0, &[leaf_hash(b"x")], &world.log.note(3));
    assert!(matches!(world.add(&with_proof), Err(Refusal::Proof(_))));
    let checkpoint = Checkpoint {
        origin: "hub.example/log".parse().unwrap(),
        size: 0,
        root: leaf_hash(b"x"),
    };
    let no_entries = checkpoint.sign(&world.log.key).unwrap();
    assert!(matches!(
        world.add(&body(0, &[], &no_entries)),
        Err(Refusal::Proof(_))
    ));
    world.add(&world.log.request(0, 3)).unwrap();
}

#[test]
fn strangers_and_forgeries_are_refused() {
    let world = World::new();
    let stranger = TestLog::new("other.example/log", 1);
    assert!(matches!(
        world.add(&stranger.request(0, 3)),
        Err(Refusal::UnknownLog { .. })
    ));
    let impostor = TestLog::new("hub.example/log", 9);
    assert!(matches!(
        world.add(&impostor.request(0, 3)),
        Err(Refusal::Signature(_))
    ));
    let good = String::from_utf8(world.log.request(0, 3)).unwrap();
    let changed = good.replacen("\n3\n", "\n4\n", 1);
    assert!(matches!(
        world.add(changed.as_bytes()),
        Err(Refusal::Signature(_))
    ));
    // Signatures by others beside the log's are neither looked at nor kept.
    let mut note = world.log.note(3);
    note.add(impostor.key.sign(note.text(), 0)).unwrap();
    world.add(&body(0, &[], &note)).unwrap();
    let hash = Digest::of(b"hub.example/log").to_hex();
    assert_eq!(world.witness.latest(&hash).unwrap().signatures().len(), 2);
}

#[test]
fn malformed_requests_are_refused() {
    let world = World::new();
    let good = String::from_utf8(world.log.request(0, 3)).unwrap();
    for (from, to) in [
        ("old 0", "old 00"),
        ("old 0", "old"),
        ("old 0", "old +0"),
        ("old 0", "new 0"),
        ("old 0\n", ""),
        ("old 0\n", "old 0\nnothing\n"),
        ("old 0\n", "old 0\nAAAA\n"),
        ("\n\n", "\n"),
        ("hub.example/log\n3", "hub example/log\n3"),
        ("\n3\n", "\n03\n"),
        ("— ", "- "),
    ] {
        let bad = good.replacen(from, to, 1);
        let refused = world.add(bad.as_bytes());
        assert!(
            matches!(
                refused,
                Err(Refusal::Malformed { .. } | Refusal::Note(_) | Refusal::Checkpoint(_))
            ),
            "{bad}: {refused:?}"
        );
    }
    let proof = vec![leaf_hash(b"x"); 64];
    let long = body(0, &proof, &world.log.note(3));
    assert!(matches!(world.add(&long), Err(Refusal::Malformed { .. })));
    assert!(matches!(
        world.add(&vec![b'x'; REQUEST_BYTES + 1]),
        Err(Refusal::Malformed { .. })
    ));
    assert!(matches!(world.add(&[0xff]), Err(Refusal::Malformed { .. })));
    world.add(good.as_bytes()).unwrap();
}

#[test]
fn two_at_once_never_give_two_histories() {
    let world = World::new();
    world.add(&world.log.request(0, 5)).unwrap();
    let requests: Vec<_> = (0..8)
        .map(|n| TestLog::forked(5 + n % 2).request(5, 9))
        .collect();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = requests
            .iter()
            .map(|request| scope.spawn(|| world.add(request).is_ok()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        outcomes.iter().filter(|is_cosigned| **is_cosigned).count(),
        1
    );
}

#[test]
fn what_cannot_be_kept_is_not_signed() {
    let world = World::new();
    let logs = world.folder.path().join("logs");
    std::fs::remove_dir_all(&logs).unwrap();
    std::fs::write(&logs, "in the way").unwrap();
    assert!(matches!(
        world.add(&world.log.request(0, 3)),
        Err(Refusal::File(_))
    ));
    std::fs::remove_file(&logs).unwrap();
    world.add(&world.log.request(0, 3)).unwrap();
}

#[test]
fn a_memory_that_was_changed_stops_it() {
    let world = World::new();
    world.add(&world.log.request(0, 5)).unwrap();
    let folder = world.folder.path().to_owned();
    let open = || Witness::open(&folder, Vec::new());
    assert!(matches!(open(), Err(WitnessError::Running { .. })));
    let World {
        witness,
        folder: _folder,
        log,
    } = world;
    drop(witness);
    open().unwrap();
    let file = std::fs::read_dir(folder.join("logs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = std::fs::read_to_string(&file).unwrap();
    for bad in [
        good.replacen("\n5\n", "\n4\n", 1),
        String::new(),
        log.note(4).to_string(),
    ] {
        std::fs::write(&file, bad).unwrap();
        assert!(matches!(open(), Err(WitnessError::Changed { .. })));
    }
    std::fs::write(&file, &good).unwrap();
    let elsewhere = file.with_file_name("00.checkpoint");
    std::fs::write(&elsewhere, &good).unwrap();
    assert!(matches!(open(), Err(WitnessError::Changed { .. })));
    std::fs::remove_file(elsewhere).unwrap();
    open().unwrap();
    assert!(
        create(&folder, "again.example".parse().unwrap()).is_err(),
        "never replaced"
    );
    std::fs::write(folder.join("witness.key"), log.key.to_text()).unwrap();
    assert!(matches!(open(), Err(WitnessError::KeyKind { .. })));
    std::fs::remove_file(folder.join("witness.key")).unwrap();
    assert!(matches!(open(), Err(WitnessError::NoWitness { .. })));
}

#[test]
fn only_keys_of_logs_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let own = create(folder.path(), "witness.example/w1".parse().unwrap()).unwrap();
    assert!(matches!(
        Witness::open(folder.path(), vec![own]),
        Err(WitnessError::NotALog { .. })
    ));
}
