//! The access journal: what is kept, what is not, and for how long.

use registry_schema::api::{ProblemCode, blob_path};
use registry_schema::digest::Digest;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::disk::SmallDisk;
use crate::draft::Draft;
use crate::watching::wait_until;
use crate::world::{ALPHA, World, eventually, problem};

pub(crate) fn export(world: &World, args: &[&str]) -> String {
    let exported = world.run(&[&["journal", "export"], args].concat());
    assert!(exported.status.success(), "{exported:?}");
    String::from_utf8(exported.stdout).unwrap()
}

pub(crate) fn entries(world: &World, args: &[&str]) -> Vec<Value> {
    let text = export(world, args);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All entries, when there are so many: they are on the disk soon, by themselves, in the order in which they came.
pub(crate) fn so_many_entries(world: &World, count: usize) -> Vec<Value> {
    let found = || Some(entries(world, &[])).filter(|kept| kept.len() >= count);
    eventually(found, || export(world, &[]))
}

#[tokio::test]
async fn who_published_and_pulled_what_is_kept_and_nothing_else() {
    let mut world = World::start();
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    let beta = world.make_token("beta", "read");
    let ask = async |token: &str, path: &str| {
        let request = world.request_as(token, Method::GET, path);
        request.header("range", "bytes=0-9").send().await.unwrap()
    };
    let digest = Digest::of(&signed.files["README.md"]);
    for _ in 0..3 {
        let piece = ask(&beta, &blob_path(&signed.name, &digest)).await;
        assert_eq!(piece.status(), StatusCode::PARTIAL_CONTENT);
    }
    ask(
        &beta,
        "/api/v1/extractors/alpha/squares/releases/1?secret=hub_x",
    )
    .await;
    ask(&beta, "/alpha/squares/resolve/main/model.onnx").await;
    ask(&beta, "/api/v1/extractors?q=private-words").await;
    let refused = world.put_as(&beta, &signed).await;
    problem(refused, ProblemCode::Forbidden).await;
    let kept = so_many_entries(&world, signed.files.len() + 5);
    world.kill();
    let what = |entry: &Value| {
        let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        [
            field("member"),
            field("action"),
            field("outcome"),
            field("name"),
            field("version"),
        ]
        .join(" ")
    };
    let all: Vec<String> = kept.iter().map(what).collect();
    let sent = all
        .iter()
        .filter(|what| *what == "alpha send done alpha/squares ");
    assert_eq!(sent.count(), signed.files.len());
    let others: Vec<&str> = all
        .iter()
        .map(|what| &**what)
        .filter(|what| !what.contains("send"))
        .collect();
    assert_eq!(
        others,
        [
            "alpha publish done alpha/squares 1.0.0",
            "beta pull done alpha/squares ",
            "beta resolve done alpha/squares 1",
            "beta pull done alpha/squares main",
            "beta publish forbidden alpha/squares 1.0.0",
        ]
    );
    let pulled: Vec<&str> = kept
        .iter()
        .filter(|entry| entry["action"] == "pull")
        .map(|entry| entry["file"].as_str().unwrap())
        .collect();
    assert_eq!(pulled, [digest.to_string().as_str(), "model.onnx"]);
    assert!(
        kept.iter()
            .all(|entry| entry["address"].is_null() && entry["token"].is_string())
    );
    let text = export(&world, &[]);
    for private in ["hub_", "secret", "private-words", "127.0.0.1"] {
        assert!(!text.contains(private), "{text}");
    }
    // In part, and as a table.
    let of_beta = entries(&world, &["--member", "beta", "--from", "2020-01-01"]);
    assert_eq!(of_beta.len(), 4);
    assert!(entries(&world, &["--to", "2020-01-01"]).is_empty());
    let table = export(&world, &["--format", "csv", "--member", "alpha"]);
    assert!(
        table.starts_with("at,member,token,action,outcome,name"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 1 + all.len() - 4);
    use std::os::unix::fs::PermissionsExt;
    let file = std::fs::read_dir(world.data().join("journal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_journal_that_finds_no_room_keeps_nobody_waiting() {
    let Some(disk) = SmallDisk::mount("64k") else {
        return;
    };
    let mut world = World::start();
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    world.kill();
    std::fs::remove_dir_all(world.data().join("journal")).unwrap();
    std::os::unix::fs::symlink(disk.path(), world.data().join("journal")).unwrap();
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 52 << 10]).unwrap();
    world.serve(&["--metrics-listen", "127.0.0.1:0"]);
    let path = "/api/v1/extractors/alpha/squares/releases/1";
    for _ in 0..800 {
        assert_eq!(world.get(path).await.status(), StatusCode::OK);
    }
    let lost = "hub_server_journal_lost_entries_total";
    wait_until(&world, lost, |lost| lost > 0.0).await;
    world.until_logged("the access journal cannot be written");
    // With room again it goes on, and no line is cut.
    std::fs::remove_file(filler).unwrap();
    let before = entries(&world, &[]).len();
    let readme = format!("{path}/readme");
    assert_eq!(world.get(&readme).await.status(), StatusCode::OK);
    // Those that waited for room come first.
    let is_last = || {
        entries(&world, &[])
            .pop()
            .filter(|last| last["action"] == "pull")
    };
    eventually(is_last, || export(&world, &[]));
    assert!(entries(&world, &[]).len() > before);
}

#[tokio::test]
async fn a_journal_can_be_off_and_addresses_on() {
    let mut world = World::start_with(&["--journal-days", "0"]);
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    world.kill();
    assert!(!world.data().join("journal").exists());
    world.serve(&["--journal-addresses"]);
    world
        .get("/api/v1/extractors/alpha/squares/releases/1/readme")
        .await;
    let kept = so_many_entries(&world, 1);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0]["address"], "127.0.0.1");
}

#[tokio::test]
async fn what_is_pushed_to_and_deleted_from_other_repositories_is_kept_too() {
    let world = World::start_with(&["--oci-repositories", "shared"]);
    let config = Digest::of(b"{}");
    let upload = format!("/v2/shared/a/b/blobs/uploads/?digest={config}");
    let uploaded = world.request(Method::POST, &upload).body("{}").send();
    assert_eq!(uploaded.await.unwrap().status(), StatusCode::CREATED);
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{config}","size":2}},"layers":[]}}"#
    );
    let path = "/v2/shared/a/b/manifests/";
    let pushed = world.request(Method::PUT, &format!("{path}first"));
    let pushed = pushed
        .header("content-type", media_type)
        .body(manifest.clone());
    assert_eq!(pushed.send().await.unwrap().status(), StatusCode::CREATED);
    let digest = Digest::of(manifest.as_bytes());
    for gone in [
        format!("{path}{digest}"),
        format!("/v2/shared/a/b/blobs/{config}"),
    ] {
        let deleted = world.request(Method::DELETE, &gone).send().await.unwrap();
        assert_eq!(deleted.status(), StatusCode::ACCEPTED, "{gone}");
    }
    let kept = so_many_entries(&world, 4);
    let what = |entry: &Value| {
        let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        ["action", "name", "version", "file"].map(field)
    };
    let repository = "shared/a/b".to_owned();
    let (digest, config) = (digest.to_string(), config.to_string());
    let entry = |action: &str, version: &str, file: &str| {
        [
            action.to_owned(),
            repository.clone(),
            version.to_owned(),
            file.to_owned(),
        ]
    };
    assert_eq!(
        kept.iter().map(what).collect::<Vec<_>>(),
        [
            entry("send", "", &config),
            entry("push", "first", ""),
            entry("delete", "", &digest),
            entry("delete", "", &config),
        ]
    );
}
