//! What single members say: evaluations, advisories, key compromises.

use registry_schema::api::{
    AdvisoryList, EvaluationList, KEY_COMPROMISES_PATH, KeyCompromiseList, ProblemCode,
    StatementRecorded, advisories_path, evaluations_path,
};
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::proof::LogProof;
use registry_schema::reference::Requirement;
use registry_schema::statement::{
    AdvisoryAction, AdvisoryStatement, AffectedVersions, ClassFigures, EvaluationStatement,
    Figures, KeyCompromiseStatement, Severity, Verdict,
};
use registry_schema::verify::{
    Asked, current_evaluations, open_advisories, verify_advisory, verify_evaluation,
    verify_key_compromise, verify_release,
};
use reqwest::{Response, StatusCode};

use crate::draft::{Draft, Signed};
use crate::world::{ALPHA, BETA, World, key, problem};

fn figures() -> Figures {
    let class = |class: &str, correct| ClassFigures {
        class: class.into(),
        images: 10,
        correct,
    };
    Figures::new(vec![class("red", 9), class("blue", 8)], 0.3).unwrap()
}

pub(crate) fn evaluation(release: &Signed, by: &str, sequence: u64) -> EvaluationStatement {
    EvaluationStatement {
        by: by.parse().unwrap(),
        name: release.name.clone(),
        version: release.version.clone(),
        content: release.content,
        statement: release.statement,
        verdict: Verdict::Passed,
        task: "red and blue squares".into(),
        figures: figures(),
        comparison: None,
        sequence,
    }
}

pub(crate) fn advisory(
    release: &Signed,
    by: &str,
    number: u64,
    sequence: u64,
) -> AdvisoryStatement {
    AdvisoryStatement {
        by: by.parse().unwrap(),
        name: release.name.clone(),
        version: release.version.clone(),
        content: release.content,
        number,
        sequence,
        action: AdvisoryAction::Open,
        severity: Severity::High,
        title: "Red and orange are one".into(),
        text: "Their features are the same.".into(),
        affected: AffectedVersions::only(release.version.clone()),
    }
}

pub(crate) fn signed(payload: Vec<u8>, seed: u8) -> Vec<u8> {
    Envelope::sign(payload, &[&key(seed)]).to_bytes()
}

async fn recorded(answer: Response, status: StatusCode) -> StatementRecorded {
    let found = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn of(release: &Signed) -> String {
    let exact = Requirement::Exact(release.version.clone());
    evaluations_path(&release.name, &exact)
}

#[tokio::test]
async fn a_rival_evaluates_and_everybody_can_check_it() {
    let mut world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let beta = world.make_token("beta", "publish");
    let first = signed(evaluation(&release, "beta", 1).to_payload(), BETA);
    let answer = world.post_as(&beta, &of(&release), first.clone()).await;
    let said = recorded(answer, StatusCode::CREATED).await;
    let payload = evaluation(&release, "beta", 1).to_payload();
    assert_eq!(said.statement, Digest::of(&payload));
    let again = world.post_as(&beta, &of(&release), first).await;
    assert_eq!(recorded(again, StatusCode::OK).await, said);
    // The owner says something about its own release, too.
    let own = signed(evaluation(&release, "alpha", 1).to_payload(), ALPHA);
    let answer = world.post_as(&world.token, &of(&release), own).await;
    recorded(answer, StatusCode::CREATED).await;

    world.kill();
    world.serve(&[]);
    let path = "/api/v1/extractors/alpha/squares/releases/1/evaluations";
    let list: EvaluationList = world.json(path).await;
    let root = world.trust_root();
    let verified = verify_release(&root, &Asked::Anything, &release.envelope, 0).unwrap();
    let evaluations: Vec<_> = list
        .evaluations
        .iter()
        .map(|one| {
            let envelope = one.envelope.as_bytes();
            verify_evaluation(&root, &verified, envelope, one.log_index).unwrap()
        })
        .collect();
    let current = current_evaluations(&evaluations).unwrap();
    let members: Vec<_> = current
        .iter()
        .map(|one| one.signer().member.as_str())
        .collect();
    assert_eq!(members, ["alpha", "beta"]);
    // Each is an entry of the log, and the log is whole.
    for one in &list.evaluations {
        let proof = LogProof::parse(one.proof.as_bytes()).unwrap();
        assert_eq!(proof.index, one.log_index);
        let leaf = leaf_hash(one.envelope.as_bytes());
        let head = world.log_policy().check_proof(&proof, &leaf).unwrap();
        assert_eq!(head.checkpoint().size, 3);
    }
    assert_eq!(said.log_index, 1);
    let (is_whole, findings) = world.verify_log();
    assert!(is_whole, "{findings}");
}

#[tokio::test]
async fn evaluations_nobody_could_believe_are_refused() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let beta = world.make_token("beta", "publish");
    let reader = world.make_token("beta", "read");
    let good = evaluation(&release, "beta", 1);
    let refused = async |token: &str, says: &EvaluationStatement, seed, code| {
        let answer = world
            .post_as(token, &of(&release), signed(says.to_payload(), seed))
            .await;
        problem(answer, code).await
    };
    let text = refused(&world.token, &good, BETA, ProblemCode::Forbidden).await;
    assert!(text.contains("by `beta`"), "{text}");
    refused(&reader, &good, BETA, ProblemCode::Forbidden).await;
    refused(&beta, &good, ALPHA, ProblemCode::Signature).await;
    let early = EvaluationStatement {
        sequence: 2,
        ..good.clone()
    };
    let text = refused(&beta, &early, BETA, ProblemCode::StatementSequence).await;
    assert!(text.contains("number 1 comes next"), "{text}");
    let stranger = EvaluationStatement {
        by: "stranger".parse().unwrap(),
        ..good.clone()
    };
    refused(&beta, &stranger, BETA, ProblemCode::Forbidden).await;
    let other = EvaluationStatement {
        statement: Digest::of(b"other preprocessing"),
        ..good.clone()
    };
    refused(&beta, &other, BETA, ProblemCode::InvalidStatement).await;
    let text = String::from_utf8(good.to_payload()).unwrap();
    let better = text.replace("\"accuracy\":0.85", "\"accuracy\":0.95");
    assert_ne!(better, text);
    let answer = world
        .post_as(&beta, &of(&release), signed(better.into_bytes(), BETA))
        .await;
    problem(answer, ProblemCode::InvalidStatement).await;
    let missing = of(&release).replace("1.0.0", "1.0.1");
    let answer = world
        .post_as(&beta, &missing, signed(good.to_payload(), BETA))
        .await;
    problem(answer, ProblemCode::NoSuchRelease).await;
    let list: EvaluationList = world.json(&of(&release)).await;
    assert!(list.evaluations.is_empty());
}

#[tokio::test]
async fn one_member_cannot_drown_the_others() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let beta = world.make_token("beta", "publish");
    let path = advisories_path(&release.name);
    let long = |number, sequence, action| {
        let statement = AdvisoryStatement {
            text: "x".repeat(8_000),
            action,
            ..advisory(&release, "beta", number, sequence)
        };
        signed(statement.to_payload(), BETA)
    };
    let mut number = 0_u64;
    let refused = loop {
        number += 1;
        let answer = world
            .post_as(&beta, &path, long(number, 1, AdvisoryAction::Open))
            .await;
        if answer.status() != StatusCode::CREATED {
            break answer;
        }
        assert!(number < 100, "there is a limit");
    };
    problem(refused, ProblemCode::TooLarge).await;
    // What is refused leaves nothing in the log.
    let (is_whole, findings) = world.verify_log();
    assert!(is_whole, "{findings}");
    let recorded_ones: AdvisoryList = world.json(&path).await;
    assert_eq!(recorded_ones.advisories.len() as u64, number - 1);
    // What is there can still be taken back.
    let closing = world
        .post_as(&beta, &path, long(1, 2, AdvisoryAction::Close))
        .await;
    recorded(closing, StatusCode::CREATED).await;
}

#[tokio::test]
async fn advisories_stand_until_they_are_closed() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let root = world.trust_root();
    let verified = verify_release(&root, &Asked::Anything, &release.envelope, 0).unwrap();
    let beta = world.make_token("beta", "publish");
    let path = advisories_path(&release.name);
    let send = async |statement: &AdvisoryStatement| {
        world
            .post_as(&beta, &path, signed(statement.to_payload(), BETA))
            .await
    };
    let open = async || {
        let list: AdvisoryList = world.json(&path).await;
        let verified_ones: Vec<_> = list
            .advisories
            .iter()
            .map(|one| {
                let envelope = one.envelope.as_bytes();
                verify_advisory(&root, &release.name, envelope, one.log_index).unwrap()
            })
            .collect();
        open_advisories(&verified, &verified_ones).unwrap().len()
    };
    let first = advisory(&release, "beta", 1, 1);
    recorded(send(&first).await, StatusCode::CREATED).await;
    recorded(send(&first).await, StatusCode::OK).await;
    assert_eq!(open().await, 1);
    for (number, sequence) in [(3, 1), (2, 2), (1, 1), (1, 3)] {
        let wrong = AdvisoryStatement {
            title: "Another one".into(),
            ..advisory(&release, "beta", number, sequence)
        };
        problem(send(&wrong).await, ProblemCode::StatementSequence).await;
    }
    let closes = AdvisoryStatement {
        action: AdvisoryAction::Close,
        ..advisory(&release, "beta", 1, 2)
    };
    recorded(send(&closes).await, StatusCode::CREATED).await;
    assert_eq!(open().await, 0);
    recorded(
        send(&advisory(&release, "beta", 2, 1)).await,
        StatusCode::CREATED,
    )
    .await;
    assert_eq!(open().await, 1);

    let elsewhere = AdvisoryStatement {
        content: Digest::of(b"other"),
        ..advisory(&release, "beta", 3, 1)
    };
    problem(send(&elsewhere).await, ProblemCode::InvalidStatement).await;
    let unknown = advisories_path(&"alpha/circles".parse().unwrap());
    problem(world.get(&unknown).await, ProblemCode::NotFound).await;
}

#[tokio::test]
async fn a_key_is_taken_back_by_its_member() {
    let world = World::start();
    let beta = world.make_token("beta", "publish");
    let says = KeyCompromiseStatement {
        member: "beta".parse().unwrap(),
        key_id: key(BETA).public().id(),
        from_index: 17,
        reason: "a laptop was stolen".into(),
    };
    let envelope = signed(says.to_payload(), BETA);
    let answer = world
        .post_as(&world.token, KEY_COMPROMISES_PATH, envelope.clone())
        .await;
    problem(answer, ProblemCode::Forbidden).await;
    let forged = signed(says.to_payload(), ALPHA);
    let answer = world.post_as(&beta, KEY_COMPROMISES_PATH, forged).await;
    problem(answer, ProblemCode::Signature).await;
    let answer = world
        .post_as(&beta, KEY_COMPROMISES_PATH, envelope.clone())
        .await;
    recorded(answer, StatusCode::CREATED).await;
    let answer = world.post_as(&beta, KEY_COMPROMISES_PATH, envelope).await;
    recorded(answer, StatusCode::OK).await;
    let list: KeyCompromiseList = world.json(KEY_COMPROMISES_PATH).await;
    assert_eq!(list.key_compromises.len(), 1);
    let one = &list.key_compromises[0];
    let root = world.trust_root();
    let verified = verify_key_compromise(&root, one.envelope.as_bytes(), one.log_index).unwrap();
    assert_eq!(*verified.statement(), says);
}
