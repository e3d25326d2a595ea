#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::statement::tests::{files, manifest};
use crate::trust_root::tests::{a_year_later, founded, key, owners, rekeyed, verified};
use crate::trust_root::{ConsortiumRoot, NOT_LOGGED};

pub(super) fn policy() -> ConsortiumRoot {
    let names = [("passport-extractor", owners(0, &["acme", "beta"], 2))];
    verified(&founded(&["acme", "beta"], &names))
}

pub(super) fn envelope(name: &str, seeds: &[u8]) -> Vec<u8> {
    let mut manifest = manifest();
    manifest.name = name.parse().unwrap();
    let payload = ReleaseStatement::new(manifest, files())
        .unwrap()
        .to_payload();
    signed(payload, seeds)
}

/// A payload signed with the keys of these seeds.
pub(super) fn signed(payload: Vec<u8>, seeds: &[u8]) -> Vec<u8> {
    let keys: Vec<_> = seeds.iter().map(|&seed| key(seed)).collect();
    Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).to_bytes()
}

/// `acme/passport-extractor@2.1.0`, signed by acme.
pub(super) fn released() -> VerifiedRelease {
    verify("acme/passport-extractor", &[1]).unwrap()
}

fn verify(name: &str, seeds: &[u8]) -> Result<VerifiedRelease, VerifyError> {
    verify_release(&policy(), &Asked::Anything, &envelope(name, seeds), 5)
}

#[test]
fn owners_are_believed_and_nobody_else() {
    assert_eq!(
        verify("acme/passport-extractor", &[1]).unwrap().signers()[0]
            .member
            .as_str(),
        "acme"
    );
    assert_eq!(
        verify("passport-extractor", &[1, 2])
            .unwrap()
            .signers()
            .len(),
        2
    );
    assert!(matches!(
        verify("passport-extractor", &[1]),
        Err(VerifyError::Threshold(_))
    ));
    assert!(matches!(
        verify("acme/passport-extractor", &[2]),
        Err(VerifyError::Threshold(_))
    ));
    assert!(matches!(
        verify("gamma/passport-extractor", &[1]),
        Err(VerifyError::Trust(_))
    ));
}

#[test]
fn what_a_stolen_key_signed_before_stays_valid_and_nothing_after() {
    let root = verified(&rekeyed(&founded(&["acme"], &[]), "acme", 101, |keyring| {
        keyring.keys[0].until = Some(40);
    }));
    let bytes = envelope("acme/passport-extractor", &[1]);
    let at = |index| verify_release(&root, &Asked::Anything, &bytes, index);
    assert_eq!(at(39).unwrap().index(), 39);
    for index in [40, NOT_LOGGED] {
        assert!(matches!(
            at(index),
            Err(VerifyError::Threshold(ThresholdError::KeyOutOfRange { .. }))
        ));
    }
    let words = at(40).unwrap_err().to_string();
    assert!(
        words.contains("until before 40") && words.contains("entry 40"),
        "{words}"
    );
}

#[test]
fn the_answer_must_fit_the_question() {
    let bytes = envelope("acme/passport-extractor", &[1]);
    let ask = |text: &str| {
        let reference = text.parse().unwrap();
        verify_release(&policy(), &Asked::Reference(&reference), &bytes, NOT_LOGGED)
    };
    assert!(ask("acme/passport-extractor@2").is_ok());
    assert!(ask("acme/passport-extractor@2.1.0").is_ok());
    assert!(matches!(
        ask("acme/passport-extractor@2.2"),
        Err(VerifyError::NotAsked { .. })
    ));
    assert!(matches!(
        ask("acme/other@2"),
        Err(VerifyError::NotAsked { .. })
    ));
}

#[test]
fn any_flipped_bit_of_the_payload_is_caught() {
    let good = Envelope::parse(&envelope("acme/passport-extractor", &[1])).unwrap();
    let wire = String::from_utf8(good.to_bytes()).unwrap();
    let root = policy();
    let payload_at = wire.find("\"payload\":\"").unwrap() + 11;
    for at in (payload_at..payload_at + 1200).step_by(7) {
        let mut bytes = wire.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if bytes != wire.as_bytes() {
            assert!(
                verify_release(&root, &Asked::Anything, &bytes, 5).is_err(),
                "byte {at}"
            );
        }
    }
}

#[test]
fn yanks_count_in_order() {
    let release = verify("acme/passport-extractor", &[1]).unwrap();
    let yank = |action, sequence, seed| {
        let statement = YankStatement {
            name: release.manifest().name.clone(),
            version: release.manifest().version.clone(),
            content: release.content_digest(),
            action,
            reason: "colours".into(),
            replacement: None,
            sequence,
        };
        let bytes = Envelope::sign(statement.to_payload(), &[&key(seed)]).to_bytes();
        verify_yank(&policy(), &release, &bytes, 6)
    };
    let first = yank(YankAction::Yank, 1, 1).unwrap();
    let second = yank(YankAction::Unyank, 2, 1).unwrap();
    assert!(
        yank(YankAction::Yank, 1, 2).is_err(),
        "beta does not own acme's name"
    );
    assert!(
        current_yank(std::slice::from_ref(&first))
            .unwrap()
            .is_some()
    );
    assert!(
        current_yank(&[first.clone(), second.clone()])
            .unwrap()
            .is_none()
    );
    assert!(
        current_yank(&[second, first]).is_err(),
        "played again out of order"
    );
    assert!(current_yank(&[]).unwrap().is_none());
}

#[test]
fn a_yank_by_a_stolen_key_keeps_its_number_and_changes_nothing() {
    let bundle = rekeyed(&founded(&["acme"], &[]), "acme", 101, |keyring| {
        keyring.keys[0].until = Some(40);
    });
    let root = verified(&bundle);
    let bytes = envelope("acme/passport-extractor", &[1]);
    let release = verify_release(&root, &Asked::Anything, &bytes, 5).unwrap();
    let yank = |action, sequence, seed, index| {
        let statement = YankStatement {
            name: release.manifest().name.clone(),
            version: release.manifest().version.clone(),
            content: release.content_digest(),
            action,
            reason: "colours".into(),
            replacement: None,
            sequence,
        };
        let bytes = Envelope::sign(statement.to_payload(), &[&key(seed)]).to_bytes();
        verify_recorded_yank(&root, &release, &bytes, index)
    };
    let good = yank(YankAction::Yank, 1, 1, 39).unwrap();
    let stolen = yank(YankAction::Yank, 1, 1, 40).unwrap();
    assert!(good.counts() && !stolen.counts());
    assert!(current_yank(&[stolen]).unwrap().is_none());
    let undone = yank(YankAction::Unyank, 2, 1, 40).unwrap();
    assert!(
        current_yank(&[good.clone(), undone.clone()])
            .unwrap()
            .is_some()
    );
    let truly = yank(YankAction::Unyank, 3, 11, 41).unwrap();
    assert!(
        current_yank(&[good.clone(), undone, truly.clone()])
            .unwrap()
            .is_none()
    );
    assert!(
        current_yank(&[good, truly]).is_err(),
        "the numbers have no gap"
    );
    assert!(
        yank(YankAction::Yank, 1, 2, 40).is_err(),
        "nobody's key is no owner's"
    );
}

#[test]
fn signatures_count_at_the_place_they_get() {
    let bundle = rekeyed(&founded(&["acme"], &[]), "acme", 101, |keyring| {
        keyring.keys[0].until = Some(40);
    });
    let root = verified(&bundle);
    let bytes = envelope("acme/passport-extractor", &[1]);
    let release = verify_release(&root, &Asked::Anything, &bytes, 39).unwrap();
    let name = &release.manifest().name;
    check_signers(&root, name, release.signers(), 39).unwrap();
    assert!(matches!(
        check_signers(&root, name, release.signers(), 40),
        Err(VerifyError::Threshold(ThresholdError::KeyOutOfRange { .. }))
    ));
}

#[test]
fn a_lapsed_owner_stops_nobody_with_what_it_has_said_of_a_release() {
    let names = [("passport-extractor", owners(0, &["acme", "beta"], 1))];
    let bundle = founded(&["acme", "beta", "gamma"], &names);
    let root = a_year_later(&bundle, &[("acme", 101)], |_| {});
    let bytes = envelope("passport-extractor", &[1]);
    let release = verify_release(&root, &Asked::Anything, &bytes, 5).unwrap();
    let yank = |root: &dyn TrustRoot, seed| {
        let statement = YankStatement {
            name: release.manifest().name.clone(),
            version: release.manifest().version.clone(),
            content: release.content_digest(),
            action: YankAction::Yank,
            reason: "colours".into(),
            replacement: None,
            sequence: 1,
        };
        let bytes = Envelope::sign(statement.to_payload(), &[&key(seed)]).to_bytes();
        verify_recorded_yank(root, &release, &bytes, 6)
    };
    assert!(yank(&root, 1).unwrap().counts());
    assert!(!yank(&root, 2).unwrap().counts());
    assert!(yank(&root.including_lapsed_keyrings(), 2).unwrap().counts());
    assert!(yank(&root, 3).is_err(), "gamma owns nothing here");
}

#[test]
fn a_model_signature_is_by_a_key_that_a_signer_lists_when_one_does() {
    use crate::model_signing::{ModelSecretKey, ModelSignature, ModelSigningError};
    use crate::tuf::files::{KeyEntry, KeyPurpose};
    let random = ring::rand::SystemRandom::new();
    let [listed, other] = [(); 2].map(|()| ModelSecretKey::generate(&random).unwrap());
    let bundle = rekeyed(&founded(&["acme"], &[]), "acme", 101, |keyring| {
        keyring.keys.push(KeyEntry {
            key: listed.public().unwrap().to_pem().unwrap(),
            purpose: KeyPurpose::ModelSigning,
            from: 5,
            until: None,
            note: None,
        });
    });
    let root = verified(&bundle);
    let bytes = envelope("acme/passport-extractor", &[1]);
    let payload = Envelope::parse(&bytes).unwrap().payload().to_vec();
    let checked = |key, index| {
        let release = verify_release(&root, &Asked::Anything, &bytes, index).unwrap();
        let signature = ModelSignature::sign(payload.clone(), key, &random).unwrap();
        check_model_signature(&signature.to_bytes(), &release, &root)
    };
    checked(&listed, 5).unwrap();
    assert!(matches!(
        checked(&other, 5),
        Err(ModelSigningError::OtherKey { .. })
    ));
    checked(&other, 4).unwrap();
}
