//! Backups: made while the hub serves, restored into an empty folder, verified.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use registry_schema::digest::Digest;
use reqwest::StatusCode;

use crate::disk::SmallDisk;
use crate::documents::commands_of;
use crate::draft::{Draft, Signed};
use crate::log::checkpoint;
use crate::restoring::copy_log;
use crate::world::{ALPHA, World, hub_server};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn back_up(world: &World, to: &Path, args: &[&str]) -> Output {
    world.run(&[&["backup", "--to", to.to_str().unwrap()], args].concat())
}

fn restore(data: &Path, from: &Path, args: &[&str]) -> Output {
    hub_server(
        &[&["restore", "--from", from.to_str().unwrap()], args].concat(),
        data,
    )
}

async fn publish(world: &World, name: &str) -> Signed {
    let signed = Draft::new(name, "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    signed
}

fn blob_in(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.to_hex();
    folder.join("blobs/sha256").join(&hex[..2]).join(hex)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_made_while_it_serves_is_the_same_hub_elsewhere() {
    let mut world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    let signed = publish(&world, "alpha/squares").await;
    let beside = world.data().with_file_name("backups");
    std::fs::create_dir(&beside).unwrap();
    // 1. by second names of blobs, and as one file
    for (name, args) in [
        ("folder", &["--with-keys"][..]),
        ("file.tar", &["--with-keys"]),
    ] {
        let made = back_up(&world, &beside.join(name), args);
        assert!(made.status.success(), "{}", said(&made));
        assert!(said(&made).contains("with 1 entries"), "{}", said(&made));
    }
    let (folder, file) = (beside.join("folder"), beside.join("file.tar"));
    for path in ["hub.sqlite", "backup.json", "keys/log.key"] {
        assert_eq!(mode(&folder.join(path)), 0o600, "{path}");
    }
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let again = back_up(&world, &folder, &[]);
    assert!(said(&again).contains("there already"), "{}", said(&again));
    // 2. what is published later is not in it; what was, is whole
    publish(&world, "alpha/later").await;
    let log = beside.join("log");
    copy_log(&world, &log).await;
    let newest = checkpoint(&world).await;
    world.kill();
    for from in [&folder, &file] {
        std::fs::remove_dir_all(world.data()).unwrap();
        let restored = restore(&world.data(), from, &[]);
        let text = said(&restored);
        assert!(restored.status.success(), "{text}");
        assert!(
            text.contains("good: hashes") && text.contains("log restore"),
            "{text}"
        );
        let (is_whole, text) = world.verify_log();
        assert!(is_whole, "{text}");
        let again = restore(&world.data(), from, &[]);
        assert!(
            said(&again).contains("no empty data folder"),
            "{}",
            said(&again)
        );
    }
    // 3. with the newest copy of the log it goes on where clients saw it
    std::fs::remove_dir_all(world.data()).unwrap();
    // A copy that cannot be read is told while the folder is empty yet.
    let nowhere = log.with_extension("nowhere");
    let refused = restore(
        &world.data(),
        &folder,
        &["--log", nowhere.to_str().unwrap()],
    );
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(!world.data().join("hub.sqlite").exists());
    let restored = restore(&world.data(), &folder, &["--log", log.to_str().unwrap()]);
    let text = said(&restored);
    assert!(text.contains("brought back 1 entries"), "{text}");
    assert!(
        text.contains("MISSING"),
        "files of the later release: {text}"
    );
    world.serve(&[]);
    assert_eq!(checkpoint(&world).await, newest);
    let readme = world
        .get("/api/v1/extractors/alpha/squares/releases/1/readme")
        .await;
    assert_eq!(readme.status(), StatusCode::OK);
    assert_eq!(readme.bytes().await.unwrap(), signed.files["README.md"]);
}

#[tokio::test]
async fn keys_are_in_it_only_when_they_were_asked_for() {
    let mut world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    publish(&world, "alpha/squares").await;
    let backup = world.data().with_file_name("backup");
    assert!(back_up(&world, &backup, &["--copy"]).status.success());
    assert!(!backup.join("keys").exists() && !backup.join("tls").exists());
    world.kill();
    let keys = world.data().with_file_name("keys");
    std::fs::rename(world.data().join("keys"), &keys).unwrap();
    std::fs::remove_dir_all(world.data()).unwrap();
    let restored = restore(&world.data(), &backup, &[]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(said(&restored).contains("keys/"), "{}", said(&restored));
    // Keys may come first; those of another hub are refused.
    std::fs::remove_dir_all(world.data()).unwrap();
    let other = World::start();
    std::fs::create_dir(world.data()).unwrap();
    let (from, to) = (other.data().join("keys"), world.data());
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
    let refused = restore(&world.data(), &backup, &[]);
    assert!(said(&refused).contains("log's key"), "{}", said(&refused));
    assert!(!world.data().join("hub.sqlite").exists());
    std::fs::remove_dir_all(world.data().join("keys")).unwrap();
    std::fs::rename(&keys, world.data().join("keys")).unwrap();
    let restored = restore(&world.data(), &backup, &[]);
    assert!(restored.status.success(), "{}", said(&restored));
    world.serve(&[]);
    assert_eq!(world.get("/readyz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_whole_is_not_restored() {
    let mut world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    let signed = publish(&world, "alpha/squares").await;
    let backup = world.data().with_file_name("backup");
    let made = back_up(&world, &backup, &["--with-keys", "--copy"]);
    assert!(made.status.success(), "{}", said(&made));
    world.kill();
    let empty = world.data().with_file_name("empty");
    let refused = |word: &str| {
        let output = restore(&empty, &backup, &[]);
        assert!(!output.status.success());
        assert!(said(&output).contains(word), "{}", said(&output));
        assert!(!empty.join("hub.sqlite").exists() && !empty.join("blobs").exists());
    };
    // 1. a blob with other bytes
    let blob = blob_in(&backup, &Digest::of(&signed.files["README.md"]));
    let good = std::fs::read(&blob).unwrap();
    std::fs::write(&blob, "rotten").unwrap();
    refused("README.md");
    let forced = restore(&empty, &backup, &["--allow-missing"]);
    assert!(
        said(&forced).contains("MISSING: `README.md`"),
        "{}",
        said(&forced)
    );
    std::fs::remove_dir_all(&empty).unwrap();
    std::fs::write(&blob, good).unwrap();
    // 2. a database with other bytes, also when whoever changed it has changed what is said of it
    let (database, contents) = (backup.join("hub.sqlite"), backup.join("backup.json"));
    let before = std::fs::read(&database).unwrap();
    {
        use diesel::connection::SimpleConnection;
        use diesel::{Connection, SqliteConnection};
        let mut database = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
        let change = "UPDATE releases SET summary = 'other'; UPDATE log_entries SET envelope = 'x'";
        database.batch_execute(change).unwrap();
    }
    refused("other bytes");
    let after = std::fs::read(&database).unwrap();
    let text = std::fs::read_to_string(&contents).unwrap();
    let (old, new) = (Digest::of(&before), Digest::of(&after));
    std::fs::write(&contents, text.replace(&old.to_string(), &new.to_string())).unwrap();
    refused("cannot be trusted");
    // 3. nothing that `backup` wrote
    std::fs::write(&contents, "{}").unwrap();
    refused("no backup");
    std::fs::remove_file(&contents).unwrap();
    refused("backup.json");
}

#[tokio::test]
async fn a_backup_of_a_hub_that_lost_a_file_says_which() {
    let world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    let signed = publish(&world, "alpha/squares").await;
    let digest = Digest::of(&signed.files["README.md"]);
    std::fs::remove_file(blob_in(&world.data(), &digest)).unwrap();
    let backup = world.data().with_file_name("backup.tar");
    let made = back_up(&world, &backup, &[]);
    assert!(!made.status.success() && backup.exists());
    assert!(
        said(&made).contains("MISSING: `README.md`"),
        "{}",
        said(&made)
    );
}

#[tokio::test]
async fn backups_made_while_others_publish_are_each_a_hub() {
    let world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    publish(&world, "alpha/first").await;
    let folder = world.data().with_file_name("nightly");
    std::fs::create_dir(&folder).unwrap();
    let (data, into) = (world.data(), folder.clone());
    let backing_up = std::thread::spawn(move || {
        (0..6)
            .map(|night| {
                let to = into.join(night.to_string());
                let args = ["backup", "--with-keys", "--to", to.to_str().unwrap()];
                let made = hub_server(&args, &data);
                assert!(made.status.success(), "{}", said(&made));
                to
            })
            .collect::<Vec<_>>()
    });
    let mut published = 1;
    while !backing_up.is_finished() || published < 6 {
        publish(&world, &format!("alpha/more-{published}")).await;
        published += 1;
    }
    let mut before = 1;
    for backup in backing_up.join().unwrap() {
        let restored = restore(&backup.with_extension("data"), &backup, &[]);
        let text = said(&restored);
        assert!(restored.status.success(), "{text}");
        let (_, entries) = text.split_once(" with ").unwrap();
        let entries: usize = entries.split(' ').next().unwrap().parse().unwrap();
        assert!((before..=published).contains(&entries), "{text}");
        before = entries;
    }
}

#[tokio::test]
async fn a_backup_that_finds_no_room_leaves_nothing() {
    let Some(disk) = SmallDisk::mount("2m") else {
        return;
    };
    let world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    publish(&world, "alpha/squares").await;
    let bytes: Vec<u8> = (0..=250).cycle().take(4 << 20).collect();
    let name = "alpha/squares".parse().unwrap();
    assert!(world.upload(&name, &bytes).await.status().is_success());
    for name in ["backup", "backup.tar"] {
        let made = back_up(&world, &disk.path().join(name), &[]);
        assert!(!made.status.success());
        assert!(said(&made).contains("No space"), "{}", said(&made));
        let left: Vec<_> = std::fs::read_dir(disk.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn the_drill_of_the_document_brings_a_lost_hub_back() {
    let mut world = World::start();
    if !world.is_whole_folder() {
        return;
    }
    publish(&world, "alpha/squares").await;
    let folder = world.data().with_file_name("drill");
    std::fs::create_dir(&folder).unwrap();
    let data = world.data();
    let program = Path::new(env!("CARGO_BIN_EXE_hub-server"))
        .parent()
        .unwrap();
    let run = |mark: &str| {
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args([
                "-euo",
                "pipefail",
                "-c",
                &commands_of("OPERATIONS.md", mark),
            ])
            .env("PATH", path)
            .env("DATA", &data)
            .env("BACKUPS", &folder)
            .env("LOG_COPY", folder.join("log"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{mark}: {}", said(&output));
        said(&output)
    };
    run("backup");
    copy_log(&world, &folder.join("log")).await;
    let before = checkpoint(&world).await;
    world.kill();
    std::fs::remove_dir_all(world.data()).unwrap();
    let text = run("restore");
    assert!(text.contains("brought back 0 entries"), "{text}");
    assert!(text.contains("good     blobs"), "{text}");
    world.serve(&[]);
    assert_eq!(checkpoint(&world).await, before);
}
