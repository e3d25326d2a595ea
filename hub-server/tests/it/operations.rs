//! What an operator does, and what may go wrong.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use registry_schema::digest::Digest;
use reqwest::StatusCode;

use crate::consortium::{HubKeys, founding};
use crate::disk::SmallDisk;
use crate::draft::Draft;
use crate::world::{ALPHA, PATIENCE, World, hub_server};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn mistakes_at_the_start_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (
        folder.path().join("data"),
        folder.path().join("founding.draft"),
    );
    let refused = |args: &[&str], word: &str| {
        let output = hub_server(args, &data);
        assert!(!output.status.success(), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(word), "{said} should hold {word}");
    };
    refused(&["serve"], "init");
    refused(&["token", "list"], "init");
    let init = ["init", "--root", file.to_str().unwrap()];
    refused(&init, "founding.draft");
    std::fs::write(&file, "v = 2").unwrap();
    refused(&init, "draft");
    assert!(!data.exists(), "nothing is made of a bad draft");
    let keys = HubKeys::of(&data);
    let draft = founding(&keys.log_policy(), &keys.online);
    std::fs::write(&file, draft.to_text().unwrap()).unwrap();
    assert!(hub_server(&init, &data).status.success());
    refused(&init, "already");
    refused(&["serve", "--listen", "0.0.0.0:0"], "plain HTTP");
    refused(&["serve", "--tls-cert", "x.pem"], "--tls-key");
    refused(
        &["serve", "--tls-cert", "x.pem", "--tls-key", "y.pem"],
        "x.pem",
    );
    refused(&["frobnicate"], "frobnicate");

    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn one_server_for_a_folder() {
    let world = World::start();
    // Tables that would be brought up to date, which would fail here, are left alone.
    world.sql("DELETE FROM __diesel_schema_migrations");
    let second = world.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success());
    assert!(
        text(&second.stderr).contains("another server"),
        "{second:?}"
    );
}

#[tokio::test]
async fn plain_http_on_this_machine_only() {
    let mut world = World::start();
    world.kill();
    let mut plain = world
        .command()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(world.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = [0; 64];
    let read = plain.stdout.take().unwrap().read(&mut line).unwrap();
    plain.kill().unwrap();
    plain.wait().unwrap();
    assert!(text(&line[..read]).starts_with("listening on http://127.0.0.1:"));
}

#[tokio::test]
async fn the_certificate_stays_the_same() {
    let mut world = World::start();
    let file = world.certificate_file();
    let before = std::fs::read(&file).unwrap();
    world.kill();
    world.serve(&[]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let key = world.data().join("tls/dev-key.pem");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(key).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn requests_under_way_finish_before_the_end() {
    let mut world = World::start();
    let name = "alpha/squares".parse().unwrap();
    let bytes = vec![7; 40 << 20];
    world.upload(&name, &bytes).await;
    let path = registry_schema::api::blob_path(&name, &Digest::of(&bytes));
    let mut download = world.get(&path).await;
    assert_eq!(download.status(), StatusCode::OK);
    let mut received = download.chunk().await.unwrap().unwrap().len();
    let id = world.server_mut().id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        world.server_mut().try_wait().unwrap().is_none(),
        "it waits for the download"
    );
    while let Some(chunk) = download.chunk().await.unwrap() {
        received += chunk.len();
    }
    assert_eq!(received, bytes.len());
    let started = Instant::now();
    loop {
        if let Some(status) = world.server_mut().try_wait().unwrap() {
            assert!(status.success(), "{status}");
            break;
        }
        assert!(started.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.until_logged("stopped");
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let mut world = World::start();
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    world.kill();
    let healthy = world.run(&["doctor", "--deep"]);
    let said = text(&healthy.stdout);
    assert!(healthy.status.success(), "{said}");
    for what in [
        "disk",
        "certificate",
        "database",
        "tables",
        "trust root",
        "log",
        "clock",
        "blobs",
    ] {
        assert!(said.contains(what), "{said}");
    }
    let blob = world.blob(&Digest::of(&signed.files["README.md"]));
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&blob, &bytes).unwrap();
    assert!(world.run(&["doctor"]).status.success(), "sizes are right");
    let deep = world.run(&["doctor", "--deep"]);
    assert!(!deep.status.success());
    assert!(text(&deep.stdout).contains("README.md"), "{deep:?}");
    std::fs::remove_file(&blob).unwrap();
    let missing = world.run(&["doctor"]);
    assert!(text(&missing.stdout).contains("not there"), "{missing:?}");
    if !world.has_file() {
        return;
    }
    std::fs::write(world.data().join("hub.sqlite"), "nonsense").unwrap();
    assert!(!world.run(&["doctor"]).status.success());
}

#[tokio::test]
async fn a_disk_that_is_really_full_loses_nothing() {
    let Some(disk) = SmallDisk::mount("4m") else {
        return;
    };
    fill(disk.path().to_owned()).await;
}

/// Uploads to a hub on a disk of 4 MiB until it is full.
async fn fill(disk: std::path::PathBuf) {
    let mut world = World::start_with(&["--reserve-bytes", "0"]);
    if world.is_in_bucket() {
        // A bucket has room.
        return;
    }
    world.kill();
    world.move_uploads_to(&disk);
    world.serve(&["--reserve-bytes", "0"]);
    let name = "alpha/squares".parse().unwrap();
    let at = world.begin(&name).await;
    let bytes = vec![7; 3 << 20];
    let piece = |bytes: Vec<u8>| {
        world
            .request(reqwest::Method::PATCH, &at)
            .body(bytes)
            .send()
    };
    assert_eq!(
        piece(bytes.clone()).await.unwrap().status(),
        StatusCode::ACCEPTED
    );
    let full = piece(bytes.clone()).await.unwrap();
    assert_eq!(full.status(), StatusCode::INSUFFICIENT_STORAGE);
    let there = world.get(&at).await;
    let range = there.headers()["range"].to_str().unwrap().to_owned();
    let arrived: u64 = range.strip_prefix("0-").unwrap().parse::<u64>().unwrap() + 1;
    assert!(arrived >= 3 << 20, "{range}");
}
