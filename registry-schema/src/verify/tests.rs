#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::keys::SecretKey;
use crate::statement::tests::{files, manifest};
use crate::trust_root::{ConsortiumPolicy, NamePolicy};

pub(super) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(super) fn policy() -> ConsortiumPolicy {
    let members = [("acme", 1), ("beta", 2)]
        .map(|(name, seed)| (name.parse().unwrap(), vec![key(seed).public()]));
    let owners = ["acme", "beta"].map(|name| name.parse().unwrap()).to_vec();
    let names = [(
        "passport-extractor".parse().unwrap(),
        NamePolicy {
            owners,
            threshold: 2,
        },
    )];
    ConsortiumPolicy::create("test", &members.into(), &names.into()).unwrap()
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
    verify_release(&policy(), &Asked::Anything, &envelope(name, seeds))
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
fn the_answer_must_fit_the_question() {
    let bytes = envelope("acme/passport-extractor", &[1]);
    let ask = |text: &str| {
        let reference = text.parse().unwrap();
        verify_release(&policy(), &Asked::Reference(&reference), &bytes)
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
    let payload_at = wire.find("\"payload\":\"").unwrap() + 11;
    for at in (payload_at..payload_at + 1200).step_by(7) {
        let mut bytes = wire.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if bytes != wire.as_bytes() {
            assert!(
                verify_release(&policy(), &Asked::Anything, &bytes).is_err(),
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
        verify_yank(&policy(), &release, &bytes)
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
