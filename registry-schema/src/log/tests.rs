//! One log of three entries, end to end; its bytes were checked by Go's `x/mod`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;

use proptest::prelude::*;

use super::checkpoint::Checkpoint;
use super::entry::{BundleWriter, parse_bundle};
use super::hash::leaf_hash;
use super::note::{KeyKind, Note, SignerKey};
use super::policy::{Policy, QuorumError};
use super::proof::{LogProof, ProofFileError, TreeHead, TrustedTiles, verify_consistency};
use super::text::encode_hash;
use super::tile::{BundleId, Tile, TileId};
use super::tree::Tree;
use crate::keys::SecretKey;
use crate::limits;

const LOG: &str = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const WITNESS: &str =
    "witness.example.net/w1+63fbd762+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
const CHECKPOINT: &str = "hub.example.org/log1\n3\n1PlqgnQngUCe1KetZ9rgu/BO0Q6SBh2SwhLzGvF6n/o=\n\n\
— hub.example.org/log1 swQT2fpeJ9Arl2U70J/R8Dr+EQ3uMiiDE0NcspnygggIWsnRCF9GtuW0Sf1O6W7cIe0ORmurRP4Ul5YdbqLviFUPGwc=\n\
— witness.example.net/w1 Y/vXYgAAAABlU/EAVmMfQhxSTPCb6Vzz5OYurU2g/qCTv9mjMyNWRNaevyzom3EpwzpOMCwbBKmTO72plUez1Pao78wQtskeTaWRDA==\n";
const TILE: &str = "c90d3f0d4c1b7b1f6d4f997858aab78ac7b10309ef74233ff4d483c798411b66\
ff0b366aed9f93b09fa2e544b81d6395fe5c07dbb207136b63ac13a779a3e46f\
a3150d7289eb63306154d117b4319753420665f62a4380d8041bbece97002b55";

fn entry(n: u32) -> Vec<u8> {
    format!("{{\"type\":\"publish\",\"n\":{n}}}").into_bytes()
}

fn signer(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
    SignerKey::new(
        name.parse().unwrap(),
        kind,
        SecretKey::from_seed(&[seed; 32]),
    )
}

/// The log's only tile, and the signed and cosigned checkpoint.
fn three_entries() -> (Tile, Note) {
    let log = signer("hub.example.org/log1", KeyKind::Ed25519, 7);
    let witness = signer("witness.example.net/w1", KeyKind::Cosignature, 9);
    let mut tree = Tree::new();
    let leaves: Vec<_> = (0..3).map(|n| leaf_hash(&entry(n))).collect();
    let tiles = tree.append(&leaves).unwrap();
    let checkpoint = Checkpoint {
        origin: "hub.example.org/log1".parse().unwrap(),
        size: 3,
        root: tree.root(),
    };
    let mut note = checkpoint.sign(&log).unwrap();
    note.add(witness.sign(&checkpoint.to_string(), 1_700_000_000))
        .unwrap();
    (tiles[0].clone(), note)
}

fn proof() -> LogProof {
    let (tile, note) = three_entries();
    let checkpoint = Checkpoint::of_note(&note).unwrap();
    let head = TreeHead {
        size: 3,
        root: checkpoint.root,
    };
    let mut tiles = TrustedTiles::new(head, |_: TileId| Ok::<_, Infallible>(tile.clone())).unwrap();
    LogProof {
        extra: None,
        index: 2,
        hashes: tiles.inclusion(2).unwrap(),
        checkpoint: note,
    }
}

fn policy() -> Policy {
    Policy::parse(&format!("log {LOG}\nwitness w1 {WITNESS}\nquorum w1\n")).unwrap()
}

#[test]
fn every_byte_is_as_others_write_it() {
    assert_eq!(
        signer("hub.example.org/log1", KeyKind::Ed25519, 7)
            .verifier()
            .to_string(),
        LOG
    );
    let witness = signer("witness.example.net/w1", KeyKind::Cosignature, 9);
    assert_eq!(witness.verifier().to_string(), WITNESS);
    assert_eq!(
        witness
            .to_text()
            .parse::<SignerKey>()
            .unwrap()
            .verifier()
            .to_string(),
        WITNESS
    );
    let (tile, note) = three_entries();
    assert_eq!(note.to_string(), CHECKPOINT);
    assert_eq!(tile.id().to_string(), "tile/0/000.p/3");
    assert_eq!(crate::hex::encode(&tile.to_bytes()), TILE);
    let mut bundle = BundleWriter::new();
    let mut expected = Vec::new();
    for n in 0..3 {
        bundle.push(&entry(n)).unwrap();
        expected.extend_from_slice(&[0, 0x18]);
        expected.extend_from_slice(&entry(n));
    }
    let (id, bytes) = (BundleId::new(0, 3).unwrap(), bundle.finish());
    assert_eq!(
        (id.to_string().as_str(), &bytes),
        ("tile/entries/000.p/3", &expected)
    );
    assert_eq!(parse_bundle(id, &bytes).unwrap()[2], entry(2));

    let head = TreeHead {
        size: 3,
        root: Checkpoint::of_note(&note).unwrap().root,
    };
    let mut tiles = TrustedTiles::new(head, |_: TileId| Ok::<_, Infallible>(tile.clone())).unwrap();
    let inclusion = tiles.inclusion(2).unwrap();
    assert_eq!(
        inclusion.iter().map(encode_hash).collect::<Vec<_>>(),
        ["5/5f//4Wh5g9CwI3mjpjuzidO+cOaRc2CzRuRNEIJKQ="]
    );
    let consistency = tiles.consistency(2).unwrap();
    assert_eq!(
        consistency.iter().map(encode_hash).collect::<Vec<_>>(),
        ["oxUNconrYzBhVNEXtDGXU0IGZfYqQ4DYBBu+zpcAK1U="]
    );
    let older = TreeHead {
        size: 2,
        root: tiles.root_at(2).unwrap(),
    };
    verify_consistency(older, head, &consistency).unwrap();
}

#[test]
fn a_proof_file_reads_back_and_verifies() {
    let text = proof().to_string();
    let expected = format!(
        "c2sp.org/tlog-proof@v1\nindex 2\n5/5f//4Wh5g9CwI3mjpjuzidO+cOaRc2CzRuRNEIJKQ=\n\n{CHECKPOINT}"
    );
    assert_eq!(text, expected);
    let read = LogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(read, proof());
    let witnessed = policy().check_proof(&read, &leaf_hash(&entry(2))).unwrap();
    assert_eq!(witnessed.checkpoint().size, 3);
    assert_eq!(witnessed.cosigned(), [("w1".to_owned(), 1_700_000_000)]);
    let other = policy().check_proof(&read, &leaf_hash(&entry(1)));
    assert!(matches!(other, Err(QuorumError::Proof(_))));
    let extra = LogProof {
        extra: Some(b"more".to_vec()),
        ..read
    };
    assert!(extra.to_string().contains("@v1\nextra bW9yZQ==\nindex 2\n"));
    assert_eq!(LogProof::parse(extra.to_string().as_bytes()), Ok(extra));
}

#[test]
fn malformed_proof_files_are_refused() {
    let good = proof().to_string();
    for (from, to) in [
        ("@v1", "@v2"),
        ("c2sp", " c2sp"),
        ("index 2", "index 02"),
        ("index 2", "index"),
        ("index 2\n", ""),
        ("index 2", "extra x\nindex 2"),
        ("index 2", "extra bW9yZQ==\nextra bW9yZQ==\nindex 2"),
        ("5/5f", "5/5"),
        ("JKQ=\n\n", "JKQ=\n"),
        ("\nhub.example.org/log1\n", "\n\u{1}\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(
            bad != good && LogProof::parse(bad.as_bytes()).is_err(),
            "{bad}"
        );
    }
    let hash = "5/5f//4Wh5g9CwI3mjpjuzidO+cOaRc2CzRuRNEIJKQ=\n";
    let with = |count: usize| good.replacen(hash, &hash.repeat(count), 1);
    assert!(LogProof::parse(with(63).as_bytes()).is_ok());
    assert_eq!(
        LogProof::parse(with(64).as_bytes()),
        Err(ProofFileError::TooLong)
    );
    let large = good.clone() + &" ".repeat(limits::PROOF_FILE_BYTES);
    assert!(matches!(
        LogProof::parse(large.as_bytes()),
        Err(ProofFileError::TooLarge { .. })
    ));
    let extra = LogProof {
        extra: Some(vec![0; limits::PROOF_EXTRA_BYTES + 1]),
        ..proof()
    };
    assert_eq!(
        LogProof::parse(extra.to_string().as_bytes()),
        Err(ProofFileError::Extra)
    );
}

proptest! {
    #[test]
    fn arbitrary_proof_files_never_panic(lines in "[a-z0-9=+/ \n—]{0,200}") {
        let _ = LogProof::parse(format!("c2sp.org/tlog-proof@v1\n{lines}").as_bytes());
    }

    #[test]
    fn a_byte_changed_anywhere_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..7) {
        let mut bytes = proof().to_string().into_bytes();
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let outcome = LogProof::parse(&bytes)
            .map_err(|_| ())
            .and_then(|proof| policy().check_proof(&proof, &leaf_hash(&entry(2))).map_err(|_| ()));
        prop_assert!(outcome.is_err(), "{}", String::from_utf8_lossy(&bytes));
    }
}
