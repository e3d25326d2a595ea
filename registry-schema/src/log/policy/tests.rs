#![allow(clippy::unwrap_used, reason = "tests")]
use proptest::prelude::*;

use super::*;
use crate::keys::SecretKey;
use crate::limits;
use crate::log::hash::empty_root;
use crate::log::note::{KeyKind, SignerKey};

fn signer(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
    SignerKey::new(
        name.parse().unwrap(),
        kind,
        SecretKey::from_seed(&[seed; 32]),
    )
}

fn log() -> SignerKey {
    signer("hub.example.org/log", KeyKind::Ed25519, 1)
}

/// Witness 1 to 9.
fn witness(number: u8) -> SignerKey {
    signer(
        &format!("w{number}.example"),
        KeyKind::Cosignature,
        100 + number,
    )
}

/// Signed by the log and cosigned by witnesses at their times.
fn checkpoint(cosigned: &[(u8, u64)]) -> Note {
    let checkpoint = Checkpoint {
        origin: "hub.example.org/log".parse().unwrap(),
        size: 0,
        root: empty_root(),
    };
    let mut note = checkpoint.sign(&log()).unwrap();
    for (number, time) in cosigned {
        note.add(witness(*number).sign(&checkpoint.to_string(), *time))
            .unwrap();
    }
    note
}

fn lines(numbers: &[u8]) -> String {
    let line = |number: &u8| format!("witness w{number} {}\n", witness(*number).verifier());
    let witnesses: String = numbers.iter().map(line).collect();
    format!(
        "log {} https://hub.example.org/log\n{witnesses}",
        log().verifier()
    )
}

fn policy(numbers: &[u8], rest: &str) -> Policy {
    Policy::parse(&format!("{}{rest}", lines(numbers))).unwrap()
}

fn reached(policy: &Policy, numbers: &[u8]) -> bool {
    let cosigned: Vec<_> = numbers.iter().map(|number| (*number, 5)).collect();
    match policy.check(&checkpoint(&cosigned)) {
        Ok(_) => true,
        Err(QuorumError::TooFewWitnesses { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_example_of_the_specification() {
    let policy = policy(
        &[1, 2, 3, 4, 5, 6],
        "# two organisations\ngroup X-witnesses 2 w1 w2 w3\n\t group Y-witnesses any\tw4 w5  w6\n\
         \ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y",
    );
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    assert_eq!(
        policy.logs()[0].url.as_deref(),
        Some("https://hub.example.org/log")
    );
    for (numbers, is_reached) in [
        (&[1, 2, 4][..], true),
        (&[1, 3, 6], true),
        (&[1, 2, 3, 4, 5, 6], true),
        (&[1, 2, 3], false),
        (&[1, 4, 5, 6], false),
        (&[4, 5, 6], false),
        (&[], false),
        (&[1, 2, 9], false),
    ] {
        assert_eq!(reached(&policy, numbers), is_reached, "{numbers:?}");
    }
}

#[test]
fn single_witnesses_groups_and_none() {
    assert!(reached(&policy(&[1, 2], "quorum w2\n"), &[2]));
    assert!(!reached(&policy(&[1, 2], "quorum w2\n"), &[1]));
    assert!(reached(&policy(&[1, 2], "quorum none\n"), &[]));
    assert!(policy(&[], "quorum none").is_quorum_none());
    assert!(!reached(
        &policy(&[1, 2], "group all-of-us all w1 w2\nquorum all-of-us\n"),
        &[1]
    ));
    let own = Policy::of_log(&log().verifier());
    assert_eq!(Policy::parse(own.text()).unwrap(), own);
}

#[test]
fn the_error_says_who_is_missing() {
    let policy = policy(&[1, 2, 3], "group three 2 w1 w2 w3\nquorum three\n");
    let error = policy
        .check(&checkpoint(&[(2, 7)]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`three`") && error.contains("cosigned: w2; missing: w1, w3"),
        "{error}"
    );
}

#[test]
fn times_are_those_of_the_newest_quorum() {
    let policy = policy(&[1, 2, 3], "group three 2 w1 w2 w3\nquorum three\n");
    let check = |cosigned: &[(u8, u64)]| policy.check(&checkpoint(cosigned)).unwrap();
    assert_eq!(check(&[(1, 10), (2, 30), (3, 20)]).witnessed_at(), Some(20));
    // A witness that cosigned twice counts once, with its newer time.
    let twice = check(&[(1, 10), (2, 5), (2, 40), (2, 6)]);
    assert_eq!(
        twice.cosigned(),
        [("w1".to_owned(), 10), ("w2".to_owned(), 40)]
    );
    assert_eq!(twice.witnessed_at(), Some(10));
    assert!(policy.check(&checkpoint(&[(2, 5), (2, 6)])).is_err());
}

#[test]
fn other_logs_and_forged_signatures_are_refused() {
    let policy = policy(&[1], "quorum w1\n");
    let good = checkpoint(&[(1, 5)]);
    assert!(policy.check(&good).is_ok());
    let text = good.to_string();
    let check = |text: &str| policy.check(&Note::parse(text.as_bytes()).unwrap());
    let elsewhere = text.replacen("hub.example.org", "hub.example.net", 1);
    assert!(matches!(
        check(&elsewhere),
        Err(QuorumError::UnknownLog { .. })
    ));
    let larger = text.replacen("\n0\n", "\n1\n", 1);
    assert!(matches!(
        check(&larger),
        Err(QuorumError::Note(NoteError::BadSignature { .. }))
    ));
    let mut unsigned = Note::new(good.text().to_owned()).unwrap();
    assert!(matches!(
        policy.check(&unsigned),
        Err(QuorumError::NotByLog { .. })
    ));
    unsigned.add(witness(1).sign(good.text(), 5)).unwrap();
    assert!(matches!(
        policy.check(&unsigned),
        Err(QuorumError::NotByLog { .. })
    ));
    // A witness by another key under the same name is nobody.
    let mut impostor = checkpoint(&[]);
    let other = signer("w1.example", KeyKind::Cosignature, 3);
    impostor.add(other.sign(good.text(), 5)).unwrap();
    assert!(matches!(
        policy.check(&impostor),
        Err(QuorumError::TooFewWitnesses { .. })
    ));
    // A plain signature by the witness's key is no cosignature.
    let mut plain = checkpoint(&[]);
    plain
        .add(signer("w1.example", KeyKind::Ed25519, 101).sign(good.text(), 5))
        .unwrap();
    assert!(matches!(
        policy.check(&plain),
        Err(QuorumError::TooFewWitnesses { .. })
    ));
}

#[test]
fn mistakes_are_named_with_their_line() {
    let log_line = format!("log {}", log().verifier());
    let witness_line = |number: u8| format!("witness w{number} {}", witness(number).verifier());
    let w1 = witness_line(1);
    for (text, word) in [
        (format!("{log_line}\n"), "quorum"),
        ("quorum w1\n".to_owned(), "not defined"),
        (format!("{w1}\nquorum w1\nquorum w1\n"), "line 3"),
        (format!("quorum w1\n{w1}\n"), "line 1"),
        (format!("{w1}\n{w1}\nquorum w1\n"), "there already"),
        (
            format!("{w1}\n{}\nquorum w1\n", w1.replace("w1 ", "again ")),
            "there already",
        ),
        (
            format!(
                "{w1}\n{}\nquorum w1\n",
                witness_line(2).replace("witness w2", "witness w1")
            ),
            "there already",
        ),
        (
            format!("{log_line}\n{log_line}\nquorum none\n"),
            "there already",
        ),
        (format!("{w1}\ngroup g 2 w1\nquorum g\n"), "1 to 1"),
        (format!("{w1}\ngroup g 0 w1\nquorum g\n"), "1 to 1"),
        (format!("{w1}\ngroup g 01 w1\nquorum g\n"), "1 to 1"),
        (format!("{w1}\ngroup g some w1\nquorum g\n"), "`some`"),
        (format!("{w1}\ngroup g any\nquorum g\n"), "expected"),
        (format!("{w1}\ngroup g any w1 w1\nquorum g\n"), "member"),
        (
            format!("{w1}\ngroup g any w1\ngroup h any w1\nquorum h\n"),
            "line 3",
        ),
        (format!("{w1}\ngroup g any g\nquorum g\n"), "not defined"),
        (format!("{w1}\ngroup g any none\nquorum g\n"), "not defined"),
        (
            format!("{w1}\ngroup none any w1\nquorum none\n"),
            "there already",
        ),
        (
            format!("{w1}\ngroup w1 any w1\nquorum none\n"),
            "there already",
        ),
        (format!("{log_line} url more\nquorum none\n"), "expected"),
        (
            format!("log {}\nquorum none\n", witness(1).verifier()),
            "wrong kind",
        ),
        (
            format!("witness w {}\nquorum none\n", log().verifier()),
            "wrong kind",
        ),
        ("log x\nquorum none\n".to_owned(), "verifier key"),
        ("logs x\nquorum none\n".to_owned(), "expected"),
        ("quorum none\r\n".to_owned(), "control"),
        ("quorum\u{a0}none\n".to_owned(), "expected"),
        (
            format!(
                "log {}\nquorum none\n",
                signer("https://x", KeyKind::Ed25519, 1).verifier()
            ),
            "origin",
        ),
        (
            format!("quorum none\n#{}", " ".repeat(limits::LOG_POLICY_BYTES)),
            "limit",
        ),
    ] {
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{error} should hold {word}: {text}");
    }
}

#[test]
fn enough_names_and_no_more() {
    let many = |count: u8| {
        let line = |n: u8| {
            let key = signer("w.example", KeyKind::Cosignature, n).verifier();
            format!("witness w{n} {key}\n")
        };
        let witnesses: String = (0..count).map(line).collect();
        Policy::parse(&format!("{witnesses}quorum w0\n"))
    };
    assert_eq!(many(64).unwrap().witnesses().len(), 64);
    assert!(many(65).unwrap_err().to_string().contains("64"));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "((log|witness|group|quorum|none|any|all|1|w|g|#| |\t|\n){1,3}){0,12}") {
        let _ = Policy::parse(&text);
    }
}
