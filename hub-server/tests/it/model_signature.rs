//! `model.sig`: a blob that travels with a release.

use jiff::Timestamp;
use registry_schema::api::{
    AttachBlob, AttachedBlob, ProblemCode, ReleaseDetail, blob_path, model_signature_path,
    release_path,
};
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::model_signing::{ModelSecretKey, ModelSignature};
use registry_schema::reference::Requirement;
use registry_schema::tuf::draft::Draft as TrustDraft;
use registry_schema::tuf::files::{KeyEntry, KeyPurpose};
use reqwest::{Method, Response, StatusCode};
use ring::rand::SystemRandom;

use crate::draft::{Draft, Signed};
use crate::trust;
use crate::world::{ALPHA, World, key, problem};

pub(crate) fn bundle(payload: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let key = ModelSecretKey::generate(&random).unwrap();
    let signature = ModelSignature::sign(payload.to_vec(), &key, &random);
    signature.unwrap().to_bytes()
}

pub(crate) async fn attach(world: &World, token: &str, release: &Signed, bytes: &[u8]) -> Response {
    let digest = Digest::of(bytes);
    world
        .request_as(
            token,
            Method::PUT,
            &model_signature_path(&release.name, &release.version),
        )
        .body(serde_json::to_string(&AttachBlob { digest }).unwrap())
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_signature_of_this_very_release_travels_with_it() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let exact = Requirement::Exact(release.version.clone());
    let path = release_path(&release.name, &exact);
    let detail: ReleaseDetail = world.json(&path).await;
    assert_eq!(detail.model_signature, None);

    let envelope = Envelope::parse(&release.envelope).unwrap();
    let first = bundle(envelope.payload());
    problem(
        attach(&world, &world.token, &release, &first).await,
        ProblemCode::BlobMissing,
    )
    .await;
    world.upload(&release.name, &first).await;
    let answer = attach(&world, &world.token, &release, &first).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let again = attach(&world, &world.token, &release, &first).await;
    assert_eq!(again.status(), StatusCode::OK);
    let detail: ReleaseDetail = world.json(&path).await;
    let expected = AttachedBlob {
        digest: Digest::of(&first),
        size_bytes: first.len() as u64,
    };
    assert_eq!(detail.model_signature, Some(expected));
    let bytes = world
        .get(&blob_path(&release.name, &Digest::of(&first)))
        .await
        .bytes()
        .await
        .unwrap();
    assert_eq!(bytes, first);

    // An owner that lost its key signs again with another.
    let second = bundle(envelope.payload());
    world.upload(&release.name, &second).await;
    let answer = attach(&world, &world.token, &release, &second).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let detail: ReleaseDetail = world.json(&path).await;
    assert_eq!(detail.model_signature.unwrap().digest, Digest::of(&second));
}

#[tokio::test]
async fn anything_else_does_not() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let other = bundle(b"{}");
    world.upload(&release.name, &other).await;
    let text = problem(
        attach(&world, &world.token, &release, &other).await,
        ProblemCode::InvalidStatement,
    )
    .await;
    assert!(text.contains("signs the statement"), "{text}");
    let card = &release.files["README.md"];
    problem(
        attach(&world, &world.token, &release, card).await,
        ProblemCode::InvalidStatement,
    )
    .await;
    let large = vec![b' '; 70_001];
    world.upload(&release.name, &large).await;
    problem(
        attach(&world, &world.token, &release, &large).await,
        ProblemCode::TooLarge,
    )
    .await;
    let beta = world.make_token("beta", "publish");
    let envelope = Envelope::parse(&release.envelope).unwrap();
    let good = bundle(envelope.payload());
    world.upload(&release.name, &good).await;
    problem(
        attach(&world, &beta, &release, &good).await,
        ProblemCode::Forbidden,
    )
    .await;
}

#[tokio::test]
async fn one_that_clients_would_refuse_is_refused() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let payload = Envelope::parse(&release.envelope)
        .unwrap()
        .payload()
        .to_vec();
    let random = SystemRandom::new();
    let listed = ModelSecretKey::generate(&random).unwrap();
    let mut keys = TrustDraft::change_keyring(
        &trust::served(&world).await,
        &"alpha".parse().unwrap(),
        Timestamp::now(),
        |keyring| {
            keyring.keys.push(KeyEntry {
                key: listed.public().unwrap().to_pem().unwrap(),
                purpose: KeyPurpose::ModelSigning,
                from: 0,
                until: None,
                note: None,
            });
            Ok(())
        },
    )
    .unwrap();
    keys.sign(&key(ALPHA), &[]).unwrap();
    let changed = trust::publish(&world, &keys).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let stranger = bundle(&payload);
    let own = ModelSignature::sign(payload, &listed, &random)
        .unwrap()
        .to_bytes();
    for bytes in [&stranger, &own] {
        world.upload(&release.name, bytes).await;
    }
    let text = problem(
        attach(&world, &world.token, &release, &stranger).await,
        ProblemCode::InvalidStatement,
    )
    .await;
    assert!(text.contains("names the key"), "{text}");
    let answer = attach(&world, &world.token, &release, &own).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
}
