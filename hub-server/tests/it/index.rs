//! The rows that follow from the log: made anew, and compared.

use registry_schema::api::{
    KEY_COMPROMISES_PATH, ReleaseDetail, advisories_path, evaluations_path,
};
use registry_schema::envelope::Envelope;
use registry_schema::reference::Requirement;
use registry_schema::statement::{
    AdvisoryAction, AdvisoryStatement, KeyCompromiseStatement, YankAction,
};
use reqwest::StatusCode;

use crate::draft::Draft;
use crate::log::{check, published, release};
use crate::log_keeping::tamper;
use crate::members_say::{advisory, evaluation, signed};
use crate::model_signature::{attach, bundle};
use crate::world::{ALPHA, BETA, World, key};

/// All rows of all tables that follow from the log, as text.
pub(crate) fn dump(world: &World) -> String {
    let mut text = String::new();
    for (table, columns, order) in [
        ("extractors", "name, member, revision", "name"),
        (
            "releases",
            "statement, name, version, hex(envelope), member, summary, license, domain, tags, search_text, dimension, distance, size_bytes, changes, signers, published_at, published_by, is_listed, is_yanked, yank_reason, yank_replacement, log_index, input",
            "statement",
        ),
        (
            "release_files",
            "statement, path, digest, size_bytes",
            "statement, path",
        ),
        (
            "yanks",
            "release_statement, sequence, hex(envelope), recorded_at, recorded_by, log_index",
            "release_statement, sequence",
        ),
        (
            "evaluations",
            "release_statement, member, sequence, statement, hex(envelope), recorded_at, recorded_by, log_index",
            "log_index",
        ),
        (
            "advisories",
            "name, member, number, sequence, statement, hex(envelope), recorded_at, recorded_by, log_index",
            "log_index",
        ),
        (
            "key_compromises",
            "statement, member, key_id, hex(envelope), recorded_at, recorded_by, log_index",
            "log_index",
        ),
        (
            "model_signatures",
            "release_statement, digest, size_bytes",
            "release_statement",
        ),
        (
            "repository_blobs",
            "repository, digest, size_bytes",
            "repository, digest",
        ),
        (
            "log_entries",
            "idx, hex(envelope), hex(leaf_hash), logged_at, submitted_by",
            "idx",
        ),
        ("log_tiles", "level, number, hex(hashes)", "level, number"),
        ("log_checkpoints", "kind, size, note", "kind"),
    ] {
        assert_eq!(
            world.columns(table),
            columns.split(", ").count(),
            "every column of {table}"
        );
        let row = columns
            .split(", ")
            .map(|column| format!("coalesce(CAST({column} AS TEXT), 'nothing')"))
            .collect::<Vec<_>>()
            .join(" || '|' || ");
        for row in world.rows(&format!(
            "SELECT {row} AS text FROM {table} ORDER BY {order}"
        )) {
            text += &format!("{table}|{row}\n");
        }
    }
    text
}

/// A log with releases of two names, two yanks and an unyank, and what members said about them.
pub(crate) async fn lively() -> World {
    lively_at(World::start()).await
}

pub(crate) async fn lively_at(world: World) -> World {
    let first = release("alpha/squares");
    published(&world, &first).await;
    let second = Draft::new("alpha/squares", "1.1.0")
        .after(&first)
        .sign(&[ALPHA]);
    published(&world, &second).await;
    published(&world, &release("everyday-objects")).await;
    for (one, action, sequence) in [
        (&second, YankAction::Yank, 1),
        (&first, YankAction::Yank, 1),
        (&first, YankAction::Unyank, 2),
    ] {
        let yanked = world.yank(one, action, sequence).await;
        assert_eq!(yanked.status(), StatusCode::CREATED);
    }
    let closing = AdvisoryStatement {
        action: AdvisoryAction::Close,
        ..advisory(&first, "beta", 1, 2)
    };
    let compromise = KeyCompromiseStatement {
        member: "beta".parse().unwrap(),
        key_id: key(BETA).public().id(),
        from_index: 100,
        reason: "a laptop was stolen".into(),
    };
    let exact = Requirement::Exact(first.version.clone());
    let (of_release, of_name) = (
        evaluations_path(&first.name, &exact),
        advisories_path(&first.name),
    );
    let beta = world.make_token("beta", "publish");
    for (path, payload) in [
        (
            of_release.as_str(),
            evaluation(&first, "beta", 1).to_payload(),
        ),
        (&of_release, evaluation(&first, "beta", 2).to_payload()),
        (&of_name, advisory(&first, "beta", 1, 1).to_payload()),
        (&of_name, closing.to_payload()),
        (KEY_COMPROMISES_PATH, compromise.to_payload()),
    ] {
        let said = world.post_as(&beta, path, signed(payload, BETA)).await;
        assert_eq!(said.status(), StatusCode::CREATED, "{path}");
    }
    let payload = Envelope::parse(&first.envelope).unwrap().payload().to_vec();
    let bundle = bundle(&payload);
    world.upload(&first.name, &bundle).await;
    let attached = attach(&world, &world.token, &first, &bundle).await;
    assert_eq!(attached.status(), StatusCode::CREATED);
    world
}

#[tokio::test]
async fn the_index_made_anew_is_the_same() {
    let mut world = lively().await;
    let running = world.run(&["rebuild-index"]);
    assert!(!running.status.success(), "not while the server runs");
    world.kill();
    let before = dump(&world);
    for table in [
        "extractors",
        "releases",
        "release_files",
        "yanks",
        "evaluations",
        "advisories",
        "key_compromises",
        "model_signatures",
        "repository_blobs",
        "log_entries",
        "log_tiles",
        "log_checkpoints",
    ] {
        assert!(before.contains(&format!("\n{table}|")) || before.starts_with(table));
    }
    assert!(world.verify_log().0);
    let wrong = format!(
        "UPDATE releases SET summary = 'other', is_yanked = true; UPDATE extractors SET revision = 9; UPDATE log_tiles SET hashes = {}",
        world.zeroes(64)
    );
    // Everything that follows is lost, then wrong, then there.
    for sql in [
        "DELETE FROM evaluations; DELETE FROM advisories; DELETE FROM key_compromises; DELETE FROM model_signatures; DELETE FROM yanks; DELETE FROM release_files; DELETE FROM releases; DELETE FROM extractors; DELETE FROM repository_blobs; DELETE FROM log_tiles; DELETE FROM log_checkpoints",
        &wrong,
        "",
    ] {
        tamper(&world, sql);
        assert_eq!(world.verify_log().0, sql.is_empty());
        let rebuilt = world.run(&["rebuild-index"]);
        assert!(rebuilt.status.success(), "{rebuilt:?}");
        assert_eq!(dump(&world), before);
    }
    assert!(world.verify_log().0);
    world.serve(&[]);
    let detail: ReleaseDetail = world
        .json("/api/v1/extractors/alpha/squares/releases/1")
        .await;
    assert_eq!(
        (
            detail.summary.version.to_string().as_str(),
            detail.yanks.len()
        ),
        ("1.0.0", 2)
    );
    published(&world, &release("alpha/circles")).await;
}

#[tokio::test]
async fn rows_that_the_log_does_not_have_are_found() {
    let mut world = lively().await;
    world.kill();
    let whole = world.save_database("whole");
    for (sql, word) in [
        // In the database, and not in the log.
        (
            "INSERT INTO releases SELECT 'sha256:00', name, '9.0.0', envelope, member, summary, license, domain, tags, search_text, dimension, distance, size_bytes, changes, signers, published_at, published_by, false, false, NULL, NULL, NULL, input FROM releases WHERE version = '1.1.0'",
            "9.0.0 is in no entry",
        ),
        (
            "INSERT INTO extractors VALUES ('beta/other', 'beta', 1)",
            "beta/other",
        ),
        (
            "UPDATE releases SET is_yanked = false, yank_reason = NULL WHERE version = '1.1.0'",
            "1.1.0 is not recorded as",
        ),
        (
            "UPDATE releases SET published_at = published_at - 1",
            "not recorded as",
        ),
        (
            "UPDATE releases SET log_index = log_index + 100",
            "not recorded as",
        ),
        (
            "UPDATE release_files SET digest = 'sha256:0000000000000000000000000000000000000000000000000000000000000000' WHERE path = 'README.md'",
            "does not have the files",
        ),
        (
            "UPDATE extractors SET revision = revision + 1",
            "at revision",
        ),
        // In the log, and not in the database.
        (
            "DELETE FROM yanks WHERE sequence = 2",
            "does not have the yanks",
        ),
        (
            "DELETE FROM release_files WHERE path = 'README.md'",
            "does not have the files",
        ),
        (
            "DELETE FROM evaluations WHERE sequence = 2",
            "does not have the evaluations",
        ),
        (
            "DELETE FROM advisories WHERE sequence = 2",
            "does not have the advisories",
        ),
        ("DELETE FROM key_compromises", "keys taken back"),
        ("DELETE FROM repository_blobs", "cannot show its file"),
        (
            "DELETE FROM release_files WHERE statement IN (SELECT statement FROM releases WHERE name = 'everyday-objects'); DELETE FROM releases WHERE name = 'everyday-objects'",
            "entry 2, is not recorded",
        ),
    ] {
        tamper(&world, sql);
        let (is_good, said) = world.verify_log();
        assert!(!is_good && said.contains(word), "{sql}: {said}");
        world.put_database_back(&whole);
    }
    assert!(world.verify_log().0);
}

#[tokio::test]
async fn a_rebuild_never_signs_another_history() {
    let mut world = lively().await;
    world.kill();
    let before = dump(&world);
    for (sql, word) in [
        (
            "DELETE FROM log_entries WHERE idx = 10",
            "not those that the log has signed",
        ),
        (
            "UPDATE log_entries SET submitted_by = 'no member!'",
            "entry 0",
        ),
    ] {
        let copy = world.save_database("copy");
        tamper(&world, sql);
        let refused = world.run(&["rebuild-index"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(word), "{said}");
        world.put_database_back(&copy);
    }
    assert_eq!(dump(&world), before);
    // Blobs that are gone are named.
    std::fs::remove_dir_all(world.blobs()).unwrap();
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(!rebuilt.status.success());
    assert!(
        String::from_utf8(rebuilt.stdout)
            .unwrap()
            .contains("MISSING: `alpha/squares` 1.0.0: `README.md`")
    );
}

#[tokio::test]
async fn a_hub_that_had_no_log_is_given_one() {
    let mut world = lively().await;
    world.kill();
    let before = dump(&world);
    tamper(
        &world,
        "DELETE FROM evaluations; DELETE FROM advisories; DELETE FROM key_compromises; UPDATE releases SET log_index = NULL; UPDATE yanks SET log_index = NULL; DELETE FROM log_entries; DELETE FROM log_tiles; DELETE FROM log_checkpoints",
    );
    // As if they had come one second after the other, since times are all that is known.
    tamper(
        &world,
        "UPDATE releases SET published_at = published_at - 9 + CAST(version = '1.1.0' AS INTEGER) + 2 * CAST(name = 'everyday-objects' AS INTEGER); UPDATE yanks SET recorded_at = recorded_at + sequence + CAST(release_statement = (SELECT statement FROM releases WHERE version = '1.0.0' AND name = 'alpha/squares') AS INTEGER)",
    );
    world.serve(&[]);
    let (is_good, said) = world.verify_log();
    assert!(is_good && said.contains("entries 6"), "{said}");
    let leaves = |dump: &str| -> Vec<String> {
        let entries = dump.lines().filter(|line| line.starts_with("log_entries|"));
        entries
            .map(|line| line.split('|').nth(3).unwrap().to_owned())
            .collect()
    };
    // What members say there was not before there was a log.
    assert_eq!(leaves(&dump(&world)), leaves(&before)[..6]);
    let detail: ReleaseDetail = world
        .json("/api/v1/extractors/alpha/squares/releases/1")
        .await;
    check(&world, &detail.proof, detail.envelope.as_bytes(), 0);
}
