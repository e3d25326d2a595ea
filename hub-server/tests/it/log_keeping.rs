//! How the log is kept: its key, restarts, tampering, a full disk.

use std::os::unix::fs::PermissionsExt;

use registry_schema::log::hash::leaf_hash;
use registry_schema::log::tree::Tree;
use registry_schema::statement::YankAction;
use reqwest::StatusCode;

use crate::consortium::{HubKeys, founding};
use crate::disk::SmallDisk;
use crate::log::{check, checkpoint, published, release};
use crate::world::{World, hub_server, log_key};

#[tokio::test]
async fn a_restart_goes_on_where_the_log_was() {
    let mut world = World::start();
    published(&world, &release("alpha/first")).await;
    let before = checkpoint(&world).await;
    world.kill();
    world.serve(&[]);
    assert_eq!(checkpoint(&world).await, before);
    let second = release("alpha/second");
    let answer = published(&world, &second).await;
    check(&world, &answer.proof, &second.envelope, 1);
    let mut tree = Tree::new();
    tree.append(&[
        leaf_hash(&release("alpha/first").envelope),
        leaf_hash(&second.envelope),
    ])
    .unwrap();
    assert_eq!(checkpoint(&world).await.checkpoint().root, tree.root());
}

/// Runs SQL on the database of a hub that does not run.
pub(crate) fn tamper(world: &World, sql: &str) {
    world.sql(sql);
}

#[tokio::test]
async fn tampering_is_found_and_the_server_does_not_sign_over_it() {
    let mut world = World::start();
    for name in ["alpha/first", "alpha/second", "alpha/third"] {
        published(&world, &release(name)).await;
    }
    world.kill();
    assert!(world.verify_log().0);
    let whole = world.save_database("whole");
    let bytes = |count| world.zeroes(count);
    for (sql, word, starts) in [
        (
            "UPDATE log_entries SET envelope = envelope || envelope WHERE idx = 1".to_owned(),
            "entry 1 is not",
            true,
        ),
        (
            "UPDATE log_entries SET idx = 7 WHERE idx = 1".to_owned(),
            "entry 1 is missing",
            true,
        ),
        (
            "DELETE FROM log_entries WHERE idx = 2".to_owned(),
            "3 entries",
            false,
        ),
        (
            format!("UPDATE log_tiles SET hashes = {}", bytes(96)),
            "other hashes",
            false,
        ),
        ("DELETE FROM log_tiles".to_owned(), "missing", false),
        (
            "UPDATE log_tiles SET number = 1".to_owned(),
            "missing",
            false,
        ),
        (
            format!("INSERT INTO log_tiles VALUES (3, 0, {})", bytes(32)),
            "2 tiles, 1 expected",
            true,
        ),
        (
            "UPDATE log_checkpoints SET note = replace(note, 'log', 'lag')".to_owned(),
            "checkpoint",
            false,
        ),
        (
            "UPDATE log_checkpoints SET size = 2".to_owned(),
            "checkpoint",
            false,
        ),
        (
            "DELETE FROM log_checkpoints".to_owned(),
            "no checkpoint",
            false,
        ),
    ] {
        tamper(&world, &sql);
        let (is_good, said) = world.verify_log();
        assert!(!is_good && said.contains(word), "{sql}: {said}");
        if !starts {
            let refused = world.run(&["serve", "--listen", "127.0.0.1:0"]);
            assert!(!refused.status.success(), "{sql}");
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(said.contains("error: "), "{said}");
        }
        world.put_database_back(&whole);
    }
    assert!(world.verify_log().0);
}

#[tokio::test]
async fn the_key_is_made_once_and_kept_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let keys = hub_server(&["keys", "--origin", "hub.example.org/log"], &data);
    assert!(keys.status.success(), "{keys:?}");
    let key = log_key(&data);
    assert_eq!(key.name().as_str(), "hub.example.org/log");
    let file = data.join("keys/log.key");
    for (path, mode) in [(&file, 0o600), (&data.join("keys"), 0o700), (&data, 0o700)] {
        let found = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
    let refused = |args: &[&str], word: &str| {
        let output = hub_server(args, &data);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word), "{said}");
        assert!(!said.contains("PRIVATE"), "{said}");
    };
    refused(
        &["keys", "--origin", "hub.example.net/log"],
        "hub.example.org/log",
    );
    refused(
        &["keys", "--origin", "https://hub.example.net/log"],
        "without scheme",
    );
    let keys = HubKeys::of(&data);
    let draft = founding(&keys.log_policy(), &keys.online);
    let file = folder.path().join("founding.draft");
    std::fs::write(&file, draft.to_text().unwrap()).unwrap();
    let made = hub_server(&["init", "--root", file.to_str().unwrap()], &data);
    assert!(made.status.success(), "{made:?}");
    assert!(
        String::from_utf8(made.stdout)
            .unwrap()
            .contains(&format!("log {key}\n"))
    );
    // Without its key a log cannot be continued, and no other key takes its place.
    assert_eq!(log_key(&data), key);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let mut world = World::start();
    world.kill();
    std::fs::remove_file(world.data().join("keys/log.key")).unwrap();
    let refused = world.run(&serve);
    assert!(!refused.status.success());
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("log.key")
    );
    assert!(!world.data().join("keys/log.key").exists());
}

#[tokio::test]
async fn a_full_disk_spoils_no_log() {
    let Some(disk) = SmallDisk::mount("8m") else {
        return;
    };
    fill(disk.path().to_owned()).await;
}

/// Publishes from several clients at once on a disk of 8 MiB until it is full, makes room, and goes
/// on.
async fn fill(disk: std::path::PathBuf) {
    let mut world = World::start_with(&["--reserve-bytes", "0"]);
    if !world.has_file() {
        return;
    }
    let mut releases = Vec::new();
    for number in 0..6 {
        let one = release(&format!("alpha/extractor-{number}"));
        published(&world, &one).await;
        releases.push(one);
    }
    world.kill();
    world.move_data_to(&disk);
    world.serve(&["--reserve-bytes", "0"]);
    let ballast = disk.join("ballast");
    for room in [400, 150, 60, 20] {
        // Bytes until nothing fits any more, then that many KiB less.
        let mut bytes = vec![0; 8 << 20];
        while std::fs::write(&ballast, &bytes).is_err() {
            bytes.truncate(bytes.len() - 4096);
        }
        bytes.truncate(bytes.len().saturating_sub(room << 10));
        std::fs::write(&ballast, &bytes).unwrap();
        let all = futures_util::future::join_all(
            releases.iter().map(|one| yank_until_refused(&world, one)),
        );
        let refused = all.await;
        assert!(
            refused.contains(&StatusCode::INSUFFICIENT_STORAGE),
            "{refused:?}"
        );
        std::fs::remove_file(&ballast).unwrap();
        let (is_good, said) = world.verify_log();
        assert!(is_good, "{said}");
        let before = checkpoint(&world).await.checkpoint().size;
        let next = release(&format!("alpha/after-{room}"));
        let answer = published(&world, &next).await;
        assert!(answer.log_index >= before);
    }
    world.kill();
    world.serve(&[]);
    assert!(world.verify_log().0);
}

/// Yanks and unyanks a release until the hub says no; with which status.
async fn yank_until_refused(world: &World, release: &crate::draft::Signed) -> StatusCode {
    let detail: registry_schema::api::ReleaseDetail = world
        .json(&format!(
            "/api/v1/extractors/{}/releases/1.0.0",
            release.name
        ))
        .await;
    for sequence in detail.yanks.len() as u64 + 1.. {
        let action = match sequence % 2 {
            1 => YankAction::Yank,
            _ => YankAction::Unyank,
        };
        let answer = world.yank(release, action, sequence).await;
        if answer.status() != StatusCode::CREATED {
            return answer.status();
        }
    }
    unreachable!("the disk has an end")
}
