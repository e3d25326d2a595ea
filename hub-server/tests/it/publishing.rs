//! Releases that are recorded, and what becomes of them.

use registry_schema::api::{
    ExtractorDetail, ProblemCode, Published, ReleaseDetail, YankRecorded, release_path, yanks_path,
};
use registry_schema::reference::Requirement;
use registry_schema::statement::YankAction;
use registry_schema::verify::{Asked, current_yank, verify_release, verify_yank};
use reqwest::{Response, StatusCode};

use crate::draft::{Draft, Signed};
use crate::world::{ALPHA, BETA, World, problem};

async fn resolve(world: &World, name: &str, requirement: &str) -> Response {
    let requirement: Requirement = requirement.parse().unwrap();
    world
        .get(&release_path(&name.parse().unwrap(), &requirement))
        .await
}

async fn yank(world: &World, release: &Signed, envelope: Vec<u8>) -> Response {
    let path = yanks_path(&release.name, &release.version);
    world.post_as(&world.token, &path, envelope).await
}

async fn body<T: serde::de::DeserializeOwned>(answer: Response) -> T {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_release_comes_back_as_it_was_signed() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    let answer = world.publish(&first).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let published: Published = body(answer).await;
    assert_eq!(published.statement, first.statement);
    assert_eq!(published.signers, ["alpha".parse().unwrap()]);

    let detail: ReleaseDetail = body(resolve(&world, "alpha/squares", "1").await).await;
    assert_eq!(detail.envelope.as_bytes(), first.envelope);
    assert_eq!(detail.summary.statement, first.statement);
    let reference = "alpha/squares@1".parse().unwrap();
    let asked = Asked::Reference(&reference);
    verify_release(
        &world.trust_root(),
        &asked,
        detail.envelope.as_bytes(),
        detail.log_index,
    )
    .unwrap();
}

#[tokio::test]
async fn the_same_again_succeeds_and_other_bytes_do_not() {
    let world = World::start();
    let draft = Draft::new("alpha/squares", "1.0.0");
    let first = draft.sign(&[ALPHA]);
    world.published(&first).await;
    let again = world.put(&first).await;
    assert_eq!(again.status(), StatusCode::OK);

    let other = draft.file("README.md", "# other\n").sign(&[ALPHA]);
    let text = problem(world.publish(&other).await, ProblemCode::VersionExists).await;
    assert!(text.contains("alpha/squares@1.0.0"), "{text}");
    let detail: ReleaseDetail = body(resolve(&world, "alpha/squares", "1.0.0").await).await;
    assert_eq!(detail.envelope.as_bytes(), first.envelope);
}

#[tokio::test]
async fn a_name_of_the_consortium_needs_its_owners() {
    let world = World::start();
    let draft = Draft::new("passport-extractor", "2.0.0");
    let alone = draft.sign(&[ALPHA]);
    let text = problem(world.publish(&alone).await, ProblemCode::Signature).await;
    assert!(text.contains("alpha, beta"), "{text}");
    let both = draft.sign(&[ALPHA, BETA]);
    let published: Published = body(world.publish(&both).await).await;
    assert_eq!(published.signers.len(), 2);
    let shown: ExtractorDetail = world.json("/api/v1/extractors/_/passport-extractor").await;
    assert_eq!((shown.owners.len(), shown.threshold), (2, 2));
}

#[tokio::test]
async fn successors_append_dimensions_and_keep_the_promise() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "2.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let second = Draft::new("alpha/squares", "2.1.0")
        .with(|manifest| manifest.output.dimension = 6)
        .file("model.onnx", crate::draft::graph(6))
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0)])
        .after(&first)
        .sign(&[ALPHA]);
    world.published(&second).await;
    // An older MAJOR may go on.
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;

    let shown: ExtractorDetail = world.json("/api/v1/extractors/alpha/squares").await;
    let versions: Vec<_> = shown
        .releases
        .iter()
        .map(|one| one.version.to_string())
        .collect();
    assert_eq!(versions, ["2.1.0", "2.0.0", "1.0.0"]);
    let detail: ReleaseDetail = body(resolve(&world, "alpha/squares", "latest").await).await;
    assert_eq!(
        (
            detail.summary.version.to_string().as_str(),
            detail.summary.dimension
        ),
        ("2.1.0", 6)
    );
}

#[tokio::test]
async fn of_two_publishes_at_once_exactly_one_wins() {
    let world = World::start();
    let draft = Draft::new("alpha/squares", "1.0.0");
    let contenders: Vec<_> = ["a", "b", "c", "d"]
        .map(|text| draft.clone().file("README.md", text).sign(&[ALPHA]))
        .into();
    for contender in &contenders {
        world.upload_all(contender).await;
    }
    let answers = futures_util::future::join_all(contenders.iter().map(|one| world.put(one))).await;
    let mut won = 0;
    for answer in answers {
        if answer.status() == StatusCode::CREATED {
            won += 1;
        } else {
            problem(answer, ProblemCode::VersionExists).await;
        }
    }
    assert_eq!(won, 1);

    let same = Draft::new("alpha/circles", "1.0.0").sign(&[ALPHA]);
    world.upload_all(&same).await;
    let answers = futures_util::future::join_all((0..4).map(|_| world.put(&same))).await;
    let mut statuses: Vec<_> = answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 201]);
}

#[tokio::test]
async fn versions_at_once_do_not_overtake_each_other() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    // Both name 1.0.0 as their predecessor; whichever comes second is wrong about that.
    let successors = ["1.1.0", "1.2.0"].map(|version| {
        Draft::new("alpha/squares", version)
            .after(&first)
            .sign(&[ALPHA])
    });
    for successor in &successors {
        world.upload_all(successor).await;
    }
    let answers = futures_util::future::join_all(successors.iter().map(|one| world.put(one))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status() == StatusCode::CREATED);
    assert_eq!(won.len(), 1);
    for answer in lost {
        problem(answer, ProblemCode::VersionPromise).await;
    }
}

#[tokio::test]
async fn yanked_releases_are_not_chosen_but_there() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    let second = Draft::new("alpha/squares", "1.1.0")
        .after(&first)
        .sign(&[ALPHA]);
    world.published(&first).await;
    world.published(&second).await;

    let yanking = second.yank(YankAction::Yank, 1, &[ALPHA]);
    let answer = yank(&world, &second, yanking.clone()).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let recorded: YankRecorded = body(answer).await;
    assert_eq!(recorded.action, YankAction::Yank);
    assert_eq!(
        yank(&world, &second, yanking.clone()).await.status(),
        StatusCode::OK
    );

    let newest: ReleaseDetail = body(resolve(&world, "alpha/squares", "1").await).await;
    assert_eq!(newest.summary.version.to_string(), "1.0.0");
    let exact: ReleaseDetail = body(resolve(&world, "alpha/squares", "1.1.0").await).await;
    let yanked = exact.summary.yanked.unwrap();
    assert_eq!(
        (yanked.reason.as_str(), yanked.replacement.unwrap().major),
        ("wrong colours", 9)
    );
    let root = world.trust_root();
    let release = verify_release(
        &root,
        &Asked::Anything,
        exact.envelope.as_bytes(),
        exact.log_index,
    )
    .unwrap();
    let yanks: Vec<_> = exact
        .yanks
        .iter()
        .map(|one| verify_yank(&root, &release, one.as_bytes(), exact.log_index + 1).unwrap())
        .collect();
    assert!(current_yank(&yanks).unwrap().is_some());
    let told = problem(
        resolve(&world, "alpha/squares", "1.1").await,
        ProblemCode::NoSuchRelease,
    )
    .await;
    assert!(
        told.contains("satisfies `1.1`; the hub has 1.1.0 (yanked), 1.0.0"),
        "{told}"
    );

    // A yanked release is nobody's predecessor.
    let third = Draft::new("alpha/squares", "1.2.0")
        .after(&second)
        .sign(&[ALPHA]);
    problem(world.publish(&third).await, ProblemCode::VersionPromise).await;

    let skipping = second.yank(YankAction::Unyank, 3, &[ALPHA]);
    problem(
        yank(&world, &second, skipping).await,
        ProblemCode::YankSequence,
    )
    .await;
    let unyanking = second.yank(YankAction::Unyank, 2, &[ALPHA]);
    assert_eq!(
        yank(&world, &second, unyanking).await.status(),
        StatusCode::CREATED
    );
    let newest: ReleaseDetail = body(resolve(&world, "alpha/squares", "1").await).await;
    assert_eq!(newest.summary.version.to_string(), "1.1.0");
}

#[tokio::test]
async fn yanks_that_are_refused() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let by_beta = first.yank(YankAction::Yank, 1, &[BETA]);
    problem(yank(&world, &first, by_beta).await, ProblemCode::Signature).await;
    let elsewhere = Draft::new("alpha/squares", "1.0.1")
        .after(&first)
        .sign(&[ALPHA]);
    let of_nothing = elsewhere.yank(YankAction::Yank, 1, &[ALPHA]);
    problem(
        yank(&world, &elsewhere, of_nothing.clone()).await,
        ProblemCode::NoSuchRelease,
    )
    .await;
    problem(
        yank(&world, &first, of_nothing).await,
        ProblemCode::InvalidStatement,
    )
    .await;
    let no_yank = first.envelope.clone();
    problem(
        yank(&world, &first, no_yank).await,
        ProblemCode::InvalidStatement,
    )
    .await;
    let beta = world.make_token("beta", "publish");
    let path = yanks_path(&first.name, &first.version);
    let envelope = first.yank(YankAction::Yank, 1, &[ALPHA]);
    let answer = world.post_as(&beta, &path, envelope).await;
    problem(answer, ProblemCode::Forbidden).await;
}
