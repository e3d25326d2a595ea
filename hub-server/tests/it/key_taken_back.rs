//! A member takes a key back in its keyring: what the key said since does not count any more.

use jiff::Timestamp;
use registry_schema::api::{EvaluationList, ProblemCode, evaluations_path};
use registry_schema::reference::Requirement;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::draft::Draft;
use registry_schema::tuf::files::KeyEntry;
use registry_schema::verify::{Asked, VerifyError, verify_evaluation, verify_release};
use reqwest::StatusCode;

use crate::index::{dump, lively};
use crate::log::release;
use crate::members_say::{evaluation, post, signed};
use crate::trust;
use crate::world::{BETA, key, problem};

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
    let answer = post(&world, &beta, &path, signed(third.clone(), BETA)).await;
    problem(answer, ProblemCode::Signature).await;
    let answer = post(&world, &beta, &path, signed(third, 12)).await;
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
