#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;
use ring::rand::SystemRandom;

/// Made by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.
const OPENSSL_SECRET: &str = "-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHh2GU2hHM5m6n49K\n\
NgfV3g7xn1zLgf7wAsEAjTzejYShRANCAATMqHuPQ/aXfhErrtYM0A+z7P5orE80\n\
e1Edc5abYNK3Zrs8hx2Z8EPj4Rum8pU2eqok8kapV8rhcoV4lmYadiWF\n\
-----END PRIVATE KEY-----\n\
";
const OPENSSL_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzKh7j0P2l34RK67WDNAPs+z+aKxP\n\
NHtRHXOWm2DSt2a7PIcdmfBD4+EbpvKVNnqqJPJGqVfK4XKFeJZmGnYlhQ==\n\
-----END PUBLIC KEY-----\n\
";

fn new_key() -> ModelSecretKey {
    ModelSecretKey::generate(&SystemRandom::new()).unwrap()
}

fn signed(key: &ModelSecretKey) -> ModelSignature {
    ModelSignature::sign(b"{\"a\":1}".to_vec(), key, &SystemRandom::new()).unwrap()
}

#[test]
fn keys_go_through_pem_also_those_of_openssl() {
    let key = new_key();
    let again = ModelSecretKey::from_pem(&key.to_pem().unwrap(), &SystemRandom::new()).unwrap();
    assert_eq!(again.public().unwrap(), key.public().unwrap());
    let pem = key.public().unwrap().to_pem().unwrap();
    assert_eq!(pem.len(), 178, "the text others take the hint of");
    assert_eq!(
        ModelPublicKey::from_pem(&pem).unwrap(),
        key.public().unwrap()
    );
    let theirs = ModelSecretKey::from_pem(OPENSSL_SECRET, &SystemRandom::new()).unwrap();
    assert_eq!(theirs.public().unwrap().to_pem().unwrap(), OPENSSL_PUBLIC);
    let signature = signed(&theirs);
    let public = ModelPublicKey::from_pem(OPENSSL_PUBLIC).unwrap();
    signature
        .verify(&Digest::of(b"{\"a\":1}"), &public)
        .unwrap();
}

#[test]
fn other_texts_are_no_keys() {
    let ed25519 = crate::keys::SecretKey::from_seed(&[1; 32]);
    let compressed = {
        let (_, mut der) =
            ed25519_dalek::pkcs8::spki::der::pem::decode_vec(OPENSSL_PUBLIC.as_bytes()).unwrap();
        der[26] = 2;
        ed25519_dalek::pkcs8::spki::der::pem::encode_string(
            "PUBLIC KEY",
            ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF,
            &der,
        )
        .unwrap()
    };
    for bad in [
        "",
        "hello",
        OPENSSL_SECRET,
        &ed25519.public().to_pem().unwrap(),
        &compressed,
        &OPENSSL_PUBLIC[..100],
    ] {
        assert!(ModelPublicKey::from_pem(bad).is_err(), "{bad:?}");
    }
    for bad in ["", OPENSSL_PUBLIC, &ed25519.to_pem().unwrap()] {
        let read = ModelSecretKey::from_pem(bad, &SystemRandom::new());
        assert!(read.is_err(), "{bad:?}");
    }
}

#[test]
fn secrets_do_not_leak_into_debug() {
    let key = new_key();
    let shown = format!("{key:?}");
    assert!(
        shown.contains("ModelPublicKey(") && shown.len() < 120,
        "{shown}"
    );
}

#[test]
fn a_bundle_round_trips_and_verifies_with_its_key_alone() {
    let (key, other) = (new_key(), new_key());
    let signature = signed(&key);
    let statement = Digest::of(b"{\"a\":1}");
    let read = ModelSignature::parse(&signature.to_bytes()).unwrap();
    assert_eq!(read, signature);
    read.verify(&statement, &key.public().unwrap()).unwrap();
    assert!(matches!(
        read.verify(&statement, &other.public().unwrap()),
        Err(ModelSigningError::OtherKey { .. })
    ));
    assert!(matches!(
        read.verify(&Digest::of(b"x"), &key.public().unwrap()),
        Err(ModelSigningError::OtherStatement { .. })
    ));
    let forged = ModelSignature {
        hint: other.public().unwrap().hint().unwrap(),
        ..read
    };
    assert!(matches!(
        forged.verify(&statement, &other.public().unwrap()),
        Err(ModelSigningError::Signature)
    ));
}

#[test]
fn other_bundles_are_refused() {
    let good = String::from_utf8(signed(&new_key()).to_bytes()).unwrap();
    for (from, to) in [
        ("v0.3+json", "v0.2+json"),
        ("\"tlogEntries\":[]", "\"tlogEntries\":[{}]"),
        ("vnd.in-toto+json", "vnd.in-tote+json"),
        ("\"signatures\":[", "\"signatures\":[{\"sig\":\"AA==\"},"),
        ("\"hint\":\"", "\"hint\":\"0"),
        ("eyJhIjoxfQ==", "eyJhIjoxfQ"),
        ("\"publicKey\":", "\"certificate\":"),
        ("{\"mediaType\"", "{\"x\":1,\"mediaType\""),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from} must occur");
        assert!(ModelSignature::parse(changed.as_bytes()).is_err(), "{to}");
    }
    assert!(matches!(
        ModelSignature::parse(&vec![b' '; limits::MODEL_SIGNATURE_BYTES + 1]),
        Err(ModelSigningError::TooLarge { .. })
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = ModelSignature::parse(&bytes);
    }

    #[test]
    fn any_changed_byte_is_noticed(at in 0usize..1000, byte in any::<u8>()) {
        let key = ModelSecretKey::from_pem(OPENSSL_SECRET, &SystemRandom::new()).unwrap();
        let signature = signed(&key);
        let mut bytes = signature.to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let verified = ModelSignature::parse(&bytes).and_then(|read| {
            read.verify(&signature.payload_digest(), &key.public().unwrap())?;
            Ok(read)
        });
        if let Ok(read) = verified {
            prop_assert_eq!(read, signature, "only what means the same may pass");
        }
    }
}
