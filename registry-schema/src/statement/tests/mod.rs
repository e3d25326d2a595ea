#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod members;

use super::*;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::manifest::tests::EXAMPLE;
use proptest::prelude::*;
use semver::Version;

pub(crate) use members::{advisory, evaluation, key_compromise};

pub(crate) fn files() -> Vec<ReleaseFile> {
    let paths = [
        "model.onnx",
        "README.md",
        "probes/a.png",
        "probes/b.png",
        "probes/c.png",
        "probes/vectors.json",
    ];
    paths
        .map(|path| ReleaseFile {
            path: path.into(),
            digest: Digest::of(path.as_bytes()),
            size_bytes: 10,
        })
        .into()
}

pub(crate) fn manifest() -> Manifest {
    Manifest::from_toml(EXAMPLE).unwrap()
}

fn release() -> ReleaseStatement {
    ReleaseStatement::new(manifest(), files()).unwrap()
}

#[test]
fn a_release_round_trips() {
    let release = release();
    match Statement::parse(&release.to_payload()).unwrap() {
        Statement::Release(parsed) => assert_eq!(*parsed, release),
        other => panic!("a release was written, not {}", other.kind()),
    }
    insta::assert_snapshot!(String::from_utf8(release.to_payload()).unwrap());
}

#[test]
fn a_yank_round_trips() {
    let yank = YankStatement {
        name: "acme/passport-extractor".parse().unwrap(),
        version: Version::new(2, 1, 0),
        content: release().content_digest(),
        action: YankAction::Yank,
        reason: "wrong colours".into(),
        replacement: Some(Version::new(2, 1, 1)),
        sequence: 1,
    };
    insta::assert_snapshot!(String::from_utf8(yank.to_payload()).unwrap());
    assert_eq!(
        Statement::parse(&yank.to_payload()).unwrap(),
        Statement::Yank(yank)
    );
}

#[test]
fn contradictions_are_refused() {
    let text = String::from_utf8(release().to_payload()).unwrap();
    let other = Digest::of(b"other").to_hex();
    let graph = Digest::of(b"model.onnx").to_hex();
    for (from, to, why) in [
        (
            "\"ignore_paths\":[]",
            "\"ignore_paths\":[\"x\"]",
            "serialization",
        ),
        (
            "\"hash_type\":\"sha256\"",
            "\"hash_type\":\"blake3\"",
            "serialization",
        ),
        (
            "passport-extractor@2.1.0",
            "passport-extractor@2.1.1",
            "subject",
        ),
        (graph.as_str(), other.as_str(), "subject"),
        (
            "\"name\":\"probes/a.png\"",
            "\"name\":\"probes/d.png\"",
            "differ",
        ),
        ("Statement/v1", "Statement/v2", "in-toto"),
        ("signature/v1.0", "signature/v9", "kind"),
        ("\"predicate\":{", "\"extra\":1,\"predicate\":{", "read"),
        (
            "\"algorithm\":\"sha256\"",
            "\"algorithm\":\"md5\"",
            "SHA-256",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} must occur");
        let error = Statement::parse(changed.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error} should mention {why}");
    }
}

#[test]
fn sets_of_files_are_checked() {
    let with = |change: fn(&mut Vec<ReleaseFile>)| {
        let mut changed = files();
        change(&mut changed);
        ReleaseStatement::new(manifest(), changed)
            .unwrap_err()
            .to_string()
    };
    assert!(with(|f| f.retain(|f| f.path != "README.md")).contains("README.md"));
    assert!(with(|f| f.retain(|f| f.path != "probes/a.png")).contains("probe"));
    assert!(with(|f| f[1].size_bytes = 2 << 20).contains("limit"));
    assert!(
        with(|f| f.push(ReleaseFile {
            path: "Model.onnx".into(),
            ..f[0].clone()
        }))
        .contains("case")
    );
    assert!(
        with(|f| f.push(ReleaseFile {
            path: "../x.png".into(),
            ..f[0].clone()
        }))
        .contains("path")
    );
    assert!(with(|f| f.push(f[0].clone())).contains("case"));
    assert!(with(|f| f[0].size_bytes = u64::MAX).contains("limit"));
}

proptest! {
    #[test]
    fn arbitrary_payloads_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Statement::parse(&bytes);
    }

    #[test]
    fn one_changed_byte_is_refused_or_another_statement(at in 0usize..2000, bit in 0u8..7) {
        let release = release();
        let mut payload = release.to_payload();
        let at = at % payload.len();
        payload[at] ^= 1 << bit;
        if let Ok(Statement::Release(other)) = Statement::parse(&payload) {
            // Only prose can change and still be consistent; the signature catches that.
            prop_assert!(other.content_digest() == release.content_digest());
        }
    }
}
