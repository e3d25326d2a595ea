#![allow(clippy::unwrap_used, reason = "tests")]
use proptest::prelude::*;

use super::*;
use crate::keys::SecretKey;

/// C2SP `signed-note`.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE_NOTE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// Go's `sumdb/note`.
const PETER_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn signer(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
    SignerKey::new(
        name.parse().unwrap(),
        kind,
        SecretKey::from_seed(&[seed; 32]),
    )
}

fn signed(text: &str, signers: &[SignerKey]) -> Note {
    let mut note = Note::new(text.to_owned()).unwrap();
    for signer in signers {
        note.add(signer.sign(text, 1_700_000_000)).unwrap();
    }
    note
}

#[test]
fn the_example_of_the_specification() {
    let key = key(EXAMPLE_KEY);
    assert_eq!(key.to_string(), EXAMPLE_KEY);
    let note = Note::parse(EXAMPLE_NOTE.as_bytes()).unwrap();
    assert_eq!(note.to_string(), EXAMPLE_NOTE);
    let good = note.verify(&[&key]).unwrap();
    assert_eq!(good, [GoodSignature { key: 0, time: None }]);
}

#[test]
fn the_example_of_go() {
    let signer: SignerKey = PETER_SIGNER.parse().unwrap();
    assert_eq!(signer.to_text(), PETER_SIGNER);
    assert_eq!(signer.verifier().to_string(), PETER);
    let note = signed(PETER_TEXT, &[signer]);
    assert_eq!(note.signature_lines(), PETER_LINE);
    assert!(
        Note::parse(note.to_string().as_bytes())
            .unwrap()
            .verify(&[&key(PETER)])
            .is_ok()
    );
}

#[test]
fn secrets_do_not_leak_into_debug() {
    let signer: SignerKey = PETER_SIGNER.parse().unwrap();
    assert_eq!(format!("{signer:?}"), format!("SignerKey({PETER})"));
    let error = PETER_SIGNER
        .replace("c74f", "c75f")
        .parse::<SignerKey>()
        .unwrap_err();
    assert!(!error.to_string().contains("AYEKFALV"), "{error}");
}

#[test]
fn unknown_keys_are_ignored_and_known_bad_ones_are_not() {
    let (a, b) = (
        signer("a", KeyKind::Ed25519, 1),
        signer("b", KeyKind::Cosignature, 2),
    );
    let note = signed("text\n", &[a.clone(), b.clone()]);
    let (ka, kb) = (a.verifier(), b.verifier());
    let good = note.verify(&[&kb, &ka]).unwrap();
    assert_eq!(
        good,
        [
            GoodSignature { key: 1, time: None },
            GoodSignature {
                key: 0,
                time: Some(1_700_000_000)
            },
        ]
    );
    assert_eq!(note.verify(&[&ka]).unwrap().len(), 1);
    // The same name with another key, and the same key under another name or kind, are unknown.
    for other in [
        signer("a", KeyKind::Ed25519, 9),
        signer("c", KeyKind::Ed25519, 1),
        signer("a", KeyKind::Cosignature, 1),
    ] {
        assert_eq!(
            note.verify(&[&other.verifier()]),
            Err(NoteError::NoKnownSignature)
        );
    }
    let changed = Note::parse(note.to_string().replace("text", "tent").as_bytes()).unwrap();
    assert!(matches!(
        changed.verify(&[&ka]),
        Err(NoteError::BadSignature { .. })
    ));
    let mut forged = note.clone();
    forged.signatures[1].bytes[0] ^= 1;
    assert!(matches!(
        forged.verify(&[&ka, &kb]),
        Err(NoteError::BadSignature { .. })
    ));
    assert!(forged.verify(&[&ka]).is_ok());
    // A good line does not excuse a bad one by the same key.
    let mut twice = note.clone();
    let mut bad = note.signatures[0].clone();
    bad.bytes[5] ^= 1;
    twice.add(bad).unwrap();
    assert!(matches!(
        twice.verify(&[&ka]),
        Err(NoteError::BadSignature { .. })
    ));
}

#[test]
fn the_last_empty_line_ends_the_text() {
    let note = signed("first\n\nsecond\n", &[signer("a", KeyKind::Ed25519, 1)]);
    assert_eq!(
        Note::parse(note.to_string().as_bytes()).unwrap().text(),
        "first\n\nsecond\n"
    );
}

#[test]
fn malformed_notes_are_refused() {
    let good = EXAMPLE_NOTE;
    let body = "This is an example message.\n";
    for bad in [
        String::new(),
        body.to_owned(),
        format!("{body}\n"),
        format!("{body}\n\n"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.replace("— ", "- "),
        good.replace("— ", "—"),
        good.replace("foo Uw", "foo  Uw"),
        good.replace("example.com/foo ", " "),
        good.replace("com/foo", "com+foo"),
        good.replace("com/foo", "com\u{a0}foo"),
        good.replace("example message", "example\tmessage"),
        good.replace("example message", "example\r\nmessage"),
        good.replace("aQM=", "aQM"),
        good.replace("aQM=", "aQN="),
        good.replace("\n\n", "\n"),
        format!("{body}\n— example.com/foo Uw2QOg==\n"),
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(Note::parse(&[0xff, b'\n', b'\n']).is_err());
    assert!(Note::new("no line feed".to_owned()).is_err());
}

#[test]
fn sizes_and_counts_are_limited() {
    let line = EXAMPLE_NOTE.split("\n\n").nth(1).unwrap();
    let note = |count: usize| format!("text\n\n{}", line.repeat(count));
    assert_eq!(
        Note::parse(note(64).as_bytes()).unwrap().signatures().len(),
        64
    );
    assert_eq!(
        Note::parse(note(65).as_bytes()),
        Err(NoteError::TooManySignatures)
    );
    // The specification's least.
    const { assert!(limits::NOTE_SIGNATURES >= 16) };
    let long = format!("{}\n\n{line}", "x".repeat(limits::NOTE_BYTES));
    assert!(matches!(
        Note::parse(long.as_bytes()),
        Err(NoteError::TooLarge { .. })
    ));
}

#[test]
fn malformed_keys_are_refused() {
    for bad in [
        "",
        "+",
        "++",
        "example.com/foo",
        &EXAMPLE_KEY.replace("530d", "530e"),
        &EXAMPLE_KEY.replace("530d903a", "530D903A"),
        &EXAMPLE_KEY.replace("com/foo", "com/fox"),
        &EXAMPLE_KEY.replace("com/foo", "com foo"),
        &EXAMPLE_KEY.replace("com/foo", ""),
        &EXAMPLE_KEY[..EXAMPLE_KEY.len() - 4],
        PETER_SIGNER,
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
    let post_quantum = format!("w+00000000+{}", BASE64.encode([6; 33]));
    assert_eq!(
        post_quantum.parse::<VerifierKey>(),
        Err(NoteKeyError::Kind { byte: 6 })
    );
    assert!(EXAMPLE_KEY.parse::<SignerKey>().is_err());
    assert!("a".repeat(256).parse::<KeyName>().is_err());
}

#[test]
fn another_implementation_agrees() {
    let line = signed(PETER_TEXT, &[PETER_SIGNER.parse().unwrap()]).to_string();
    let theirs = signed_note::Note::from_bytes(line.as_bytes()).unwrap();
    let verifier = signed_note::StandardVerifier::new(PETER).unwrap();
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    assert!(theirs.verify(&known).is_ok());
    assert_eq!(theirs.to_bytes(), line.as_bytes());
    let signer = signed_note::StandardSigner::new(PETER_SIGNER).unwrap();
    let mut note = signed_note::Note::new(PETER_TEXT.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    assert_eq!(note.to_bytes(), line.as_bytes());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Note::parse(&bytes);
    }

    #[test]
    fn what_reads_prints_the_same(text in "([a-z]{0,4}\n){1,4}", lines in "(— [a-z./]{1,9} [A-Za-z0-9+/]{8,12}={0,2}\n){1,3}") {
        let whole = format!("{text}\n{lines}");
        if let Ok(note) = Note::parse(whole.as_bytes()) {
            prop_assert_eq!(note.to_string(), whole);
        }
    }

    #[test]
    fn what_is_signed_verifies(text in "[ -~é—\n]{0,80}", seed in any::<u8>(), time in any::<u64>()) {
        let text = format!("{text}\n");
        for kind in [KeyKind::Ed25519, KeyKind::Cosignature] {
            let signer = signer("s/1", kind, seed);
            let mut note = Note::new(text.clone()).unwrap();
            note.add(signer.sign(&text, time)).unwrap();
            let read = Note::parse(note.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&read, &note);
            prop_assert!(read.verify(&[&signer.verifier()]).is_ok());
        }
    }
}
