//! The same sent again: twice at once, after a lost reply, and after the key was taken back.

use futures_util::future::join_all;
use jiff::Timestamp;
use registry_schema::api::{
    KEY_COMPROMISES_PATH, ProblemCode, advisories_path, evaluations_path, release_path, yanks_path,
};
use registry_schema::envelope::MEDIA_TYPE;
use registry_schema::reference::Requirement;
use registry_schema::statement::{
    AdvisoryAction, AdvisoryStatement, KeyCompromiseStatement, YankAction,
};
use registry_schema::tuf::draft::Draft;
use registry_schema::tuf::files::KeyEntry;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use crate::draft::Signed;
use crate::log::{published, release};
use crate::members_say::{advisory, evaluation, signed};
use crate::trust;
use crate::world::{ALPHA, World, key, problem};

/// What was answered and at which index it is, for each of a few requests sent at once.
async fn at_once(
    world: &World,
    method: &Method,
    path: &str,
    envelope: &[u8],
) -> Vec<(StatusCode, u64)> {
    let requests = (0..6).map(async |_| {
        let request = world.request(method.clone(), path);
        let request = request.header(CONTENT_TYPE, MEDIA_TYPE);
        let answer = request.body(envelope.to_vec()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let index = json["log_index"].as_u64();
        (status, index.unwrap_or_else(|| panic!("{text}")))
    });
    join_all(requests).await
}

/// What alpha may send about its release, in this order.
fn statements(release: &Signed) -> Vec<(Method, String, Vec<u8>)> {
    let exact = Requirement::Exact(release.version.clone());
    let compromise = KeyCompromiseStatement {
        member: "alpha".parse().unwrap(),
        key_id: key(ALPHA).public().id(),
        from_index: 100,
        reason: "a laptop was stolen".into(),
    };
    let say = |path: String, payload| (Method::POST, path, signed(payload, ALPHA));
    vec![
        (
            Method::PUT,
            release_path(&release.name, &exact),
            release.envelope.clone(),
        ),
        (
            Method::POST,
            yanks_path(&release.name, &release.version),
            release.yank(YankAction::Yank, 1, &[ALPHA]),
        ),
        say(
            evaluations_path(&release.name, &exact),
            evaluation(release, "alpha", 1).to_payload(),
        ),
        say(
            advisories_path(&release.name),
            advisory(release, "alpha", 1, 1).to_payload(),
        ),
        say(KEY_COMPROMISES_PATH.to_owned(), compromise.to_payload()),
    ]
}

/// Alpha's key counts before an index alone, and a new one from the beginning on.
async fn retire(world: &World, until: u64) {
    let mut draft = Draft::change_keyring(
        &trust::served(world).await,
        &"alpha".parse().unwrap(),
        Timestamp::now(),
        |keyring| {
            keyring.keys[0].until = Some(until);
            keyring
                .keys
                .push(KeyEntry::statement(&key(11).public(), 0)?);
            Ok(())
        },
    )
    .unwrap();
    draft.sign(&key(ALPHA), &[]).unwrap();
    let answer = trust::publish(world, &draft).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn whatever_is_sent_again_has_the_place_it_had() {
    let world = World::start();
    let release = release("alpha/squares");
    world.upload_all(&release).await;
    let statements = statements(&release);
    for (index, (method, path, envelope)) in (0..).zip(&statements) {
        let answers = at_once(&world, method, path, envelope).await;
        let created = answers
            .iter()
            .filter(|(status, _)| *status == StatusCode::CREATED);
        assert_eq!(created.count(), 1, "{path}: {answers:?}");
        assert!(
            answers.iter().all(|(_, at)| *at == index),
            "{path}: {answers:?}"
        );
    }
    // Later statements, and a key that does not count any more, change nothing about it.
    retire(&world, 5).await;
    for (index, (method, path, envelope)) in (0..).zip(&statements) {
        for answer in at_once(&world, method, path, envelope).await {
            assert_eq!(answer, (StatusCode::OK, index), "{path}");
        }
    }
    let (is_whole, said) = world.verify_log();
    assert!(is_whole && said.contains("entries 5"), "{said}");
}

#[tokio::test]
async fn a_key_counts_at_the_place_that_the_entry_gets() {
    let world = World::start();
    let releases: Vec<_> = (0..6)
        .map(|n| release(&format!("alpha/squares{n}")))
        .collect();
    for release in &releases {
        world.upload_all(release).await;
    }
    // All are checked when the log is empty or nearly so, and only the first place is alpha's.
    retire(&world, 1).await;
    let answers = join_all(releases.iter().map(|release| world.put(release))).await;
    let statuses: Vec<_> = answers.iter().map(reqwest::Response::status).collect();
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!(count(StatusCode::CREATED), 1, "{statuses:?}");
    for answer in answers {
        if answer.status() != StatusCode::CREATED {
            problem(answer, ProblemCode::Signature).await;
        }
    }
    let (is_whole, said) = world.verify_log();
    assert!(is_whole && said.contains("entries 1\n"), "{said}");
}

#[tokio::test]
async fn only_what_stands_can_be_closed() {
    let mut world = World::start();
    let release = release("alpha/squares");
    published(&world, &release).await;
    let path = advisories_path(&release.name);
    let send = async |action, sequence, seed| {
        let statement = AdvisoryStatement {
            action,
            ..advisory(&release, "alpha", 1, sequence)
        };
        world
            .post_as(&world.token, &path, signed(statement.to_payload(), seed))
            .await
    };
    let refused = async |answer| {
        let told = problem(answer, ProblemCode::StatementSequence).await;
        assert!(told.contains("does not stand"), "{told}");
    };
    refused(send(AdvisoryAction::Close, 1, ALPHA).await).await;
    let opened = send(AdvisoryAction::Open, 1, ALPHA).await;
    assert_eq!(opened.status(), StatusCode::CREATED);
    let closed = send(AdvisoryAction::Close, 2, ALPHA).await;
    assert_eq!(closed.status(), StatusCode::CREATED);
    refused(send(AdvisoryAction::Close, 3, ALPHA).await).await;
    // The closing, entry 2, was a thief's: the advisory still stands, and alpha can close it.
    retire(&world, 2).await;
    let closed = send(AdvisoryAction::Close, 3, 11).await;
    assert_eq!(closed.status(), StatusCode::CREATED);
    refused(send(AdvisoryAction::Close, 4, 11).await).await;
    let (is_whole, said) = world.verify_log();
    assert!(is_whole && said.contains("entries 4\n"), "{said}");
    world.kill();
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
}
