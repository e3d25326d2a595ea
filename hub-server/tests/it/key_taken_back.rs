//! A member takes a key back in its keyring: what the key said since does not count any more.

use jiff::Timestamp;
use registry_schema::api::{
    EvaluationList, ProblemCode, ReleaseDetail, evaluations_path, yanks_path,
};
use registry_schema::reference::Requirement;
use registry_schema::statement::YankAction;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::draft::Draft;
use registry_schema::tuf::files::KeyEntry;
use registry_schema::verify::{Asked, VerifyError, verify_evaluation, verify_release};
use reqwest::StatusCode;

use crate::draft::Draft as ReleaseDraft;
use crate::index::{dump, lively};
use crate::log::release;
use crate::members_say::{evaluation, signed};
use crate::trust;
use crate::world::{ALPHA, BETA, World, key, problem};

#[tokio::test]
async fn what_a_key_said_that_was_taken_back_stays_recorded_and_does_not_count() {
    let mut world = lively().await;
    let first = release("alpha/squares");
    let beta = world.make_token("beta", "publish");
    // Beta finds out that its second evaluation, entry 7, was not its own.
    let mut rekeyed = Draft::change_keyring(
        &trust::served(&world).await,
        &"beta".parse().unwrap(),
        Timestamp::now(),
        |keyring| {
            keyring.keys[0].until = Some(7);
            let new = KeyEntry::statement(&key(12).public(), 0)?;
            keyring.keys.push(new);
            Ok(())
        },
    )
    .unwrap();
    rekeyed.sign(&key(BETA), &[]).unwrap();
    assert_eq!(
        trust::publish(&world, &rekeyed).await.status(),
        StatusCode::OK
    );
    let path = evaluations_path(&first.name, &Requirement::Exact(first.version.clone()));
    let third = evaluation(&first, "beta", 3).to_payload();
    let answer = world
        .post_as(&beta, &path, signed(third.clone(), BETA))
        .await;
    problem(answer, ProblemCode::Signature).await;
    let answer = world.post_as(&beta, &path, signed(third, 12)).await;
    assert_eq!(answer.status(), StatusCode::CREATED);

    let bundle = trust::served(&world).await;
    let root = ConsortiumRoot::verify(&bundle, &bundle.anchor(), Timestamp::now()).unwrap();
    let of = verify_release(&root, &Asked::Anything, &first.envelope, 0).unwrap();
    let list: EvaluationList = world.json(&path).await;
    let counts: Vec<_> = list
        .evaluations
        .iter()
        .map(|one| verify_evaluation(&root, &of, one.envelope.as_bytes(), one.log_index))
        .collect();
    assert!(matches!(
        counts[..],
        [Ok(_), Err(VerifyError::NotByMember { .. }), Ok(_)]
    ));
    // The log is what it is, and so is what follows from it.
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
    world.kill();
    let before = dump(&world);
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(dump(&world), before);
}

/// Alpha's first key ends at a log index, and another one counts.
async fn take_back(world: &World, until: u64) {
    let mut rekeyed = Draft::change_keyring(
        &trust::served(world).await,
        &"alpha".parse().unwrap(),
        Timestamp::now(),
        |keyring| {
            keyring.keys[0].until = Some(until);
            let new = KeyEntry::statement(&key(11).public(), 0)?;
            keyring.keys.push(new);
            Ok(())
        },
    )
    .unwrap();
    rekeyed.sign(&key(ALPHA), &[]).unwrap();
    let answer = trust::publish(world, &rekeyed).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_a_stolen_key_yanked_is_not_yanked_when_it_is_taken_back() {
    let mut world = lively().await;
    let newest = async |world: &World| -> String {
        let path = "/api/v1/extractors/alpha/squares/releases/latest";
        let detail: ReleaseDetail = world.json(path).await;
        detail.summary.version.to_string()
    };
    assert_eq!(newest(&world).await, "1.0.0", "1.1.0 is yanked, by entry 3");
    take_back(&world, 3).await;
    assert_eq!(newest(&world).await, "1.1.0");
    let (is_whole, said) = world.verify_log();
    assert!(is_whole, "{said}");
    // Alpha's own word comes after the thief's, which keeps its number.
    let first = release("alpha/squares");
    let second = ReleaseDraft::new("alpha/squares", "1.1.0")
        .after(&first)
        .sign(&[ALPHA]);
    let token = world.make_token("alpha", "publish");
    let path = yanks_path(&second.name, &second.version);
    for (action, sequence, expected) in [
        (YankAction::Yank, 2, "1.0.0"),
        (YankAction::Unyank, 3, "1.1.0"),
    ] {
        let said = second.yank(action, sequence, &[11]);
        let answer = world.post_as(&token, &path, said).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(newest(&world).await, expected);
    }
    world.kill();
    let before = dump(&world);
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(dump(&world), before);
}
