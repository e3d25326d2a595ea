//! Uploads: in one piece, in several, interrupted in every way.

use bytes::Bytes;
use futures_util::stream;
use registry_schema::api::{UPLOAD_BYTES_HEADER, blob_path, upload_path};
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE};
use reqwest::{Body, Method, Response, StatusCode};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::missing;
use crate::watching::wait_until;
use crate::world::{World, eventually, header, oci_error};

pub(crate) fn name() -> Name {
    "alpha/squares".parse().unwrap()
}

fn bytes() -> Vec<u8> {
    (0..1_000_000_u32)
        .flat_map(|i| (i * 7).to_le_bytes())
        .collect()
}

pub(crate) async fn patch(world: &World, at: &str, first: usize, piece: &[u8]) -> Response {
    let last = first + piece.len() - 1;
    world
        .request(Method::PATCH, at)
        .header(CONTENT_RANGE, format!("{first}-{last}"))
        .body(piece.to_vec())
        .send()
        .await
        .unwrap()
}

pub(crate) async fn finish(world: &World, at: &str, digest: &Digest) -> Response {
    let path = format!("{at}?digest={digest}");
    world
        .request(Method::PUT, &path)
        .header(CONTENT_LENGTH, 0)
        .send()
        .await
        .unwrap()
}

/// How many bytes of an upload are there.
pub(crate) async fn arrived(world: &World, at: &str) -> usize {
    let status = world.get(at).await;
    assert_eq!(status.status(), StatusCode::NO_CONTENT);
    header(&status, UPLOAD_BYTES_HEADER).parse().unwrap()
}

/// Sends half of what it announces, then nothing for a long time.
pub(crate) fn half(piece: &[u8]) -> Body {
    let (sent, never) = (
        Bytes::copy_from_slice(&piece[..piece.len() / 2]),
        Duration::from_secs(60),
    );
    Body::wrap_stream(stream::unfold(Some(sent), move |sent| async move {
        if sent.is_none() {
            tokio::time::sleep(never).await;
        }
        sent.map(|sent| (Ok::<_, std::io::Error>(sent), None))
    }))
}

#[tokio::test]
async fn pieces_become_a_blob() {
    let world = World::start();
    let (bytes, at) = (bytes(), world.begin(&name()).await);
    let digest = Digest::of(&bytes);
    for (index, piece) in bytes.chunks(1_500_000).enumerate() {
        let answer = patch(&world, &at, index * 1_500_000, piece).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(header(&answer, "location"), at);
    }
    assert_eq!(arrived(&world, &at).await, bytes.len());
    let done = finish(&world, &at, &digest).await;
    assert_eq!(done.status(), StatusCode::CREATED);
    assert_eq!(header(&done, "location"), blob_path(&name(), &digest));
    assert_eq!(
        world
            .get(&blob_path(&name(), &digest))
            .await
            .bytes()
            .await
            .unwrap(),
        bytes
    );
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
}

#[tokio::test]
async fn pieces_must_follow_each_other() {
    let world = World::start();
    let at = world.begin(&name()).await;
    let gap = patch(&world, &at, 10, b"abc").await;
    assert!(!gap.headers().contains_key("range"));
    oci_error(gap, 416, "BLOB_UPLOAD_INVALID").await;
    assert_eq!(
        patch(&world, &at, 0, b"hello").await.status(),
        StatusCode::ACCEPTED
    );
    let again = patch(&world, &at, 0, b"hello").await;
    assert_eq!(
        (header(&again, "range"), header(&again, "location")),
        ("0-4", at.as_str())
    );
    oci_error(again, 416, "BLOB_UPLOAD_INVALID").await;
    let lying = world
        .request(Method::PATCH, &at)
        .header(CONTENT_RANGE, "5-100")
        .body("abc")
        .send()
        .await
        .unwrap();
    oci_error(lying, 400, "BLOB_UPLOAD_INVALID").await;
    // The last piece may come with the PUT.
    let digest = Digest::of(b"hello world");
    let path = format!("{at}?digest={digest}");
    let done = world
        .request(Method::PUT, &path)
        .body(" world")
        .send()
        .await
        .unwrap();
    assert_eq!(done.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn other_bytes_than_announced_are_no_blob() {
    let world = World::start();
    let digest = Digest::of(b"something else");
    let at = world.begin(&name()).await;
    patch(&world, &at, 0, b"hello").await;
    oci_error(finish(&world, &at, &digest).await, 400, "DIGEST_INVALID").await;
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    let path = format!("{}?digest={digest}", upload_path(&name()));
    let monolithic = world
        .request(Method::POST, &path)
        .body("hello")
        .send()
        .await
        .unwrap();
    oci_error(monolithic, 400, "DIGEST_INVALID").await;
    oci_error(
        world.get(&blob_path(&name(), &digest)).await,
        404,
        "BLOB_UNKNOWN",
    )
    .await;
    let none = world
        .request(Method::PUT, &at)
        .header(CONTENT_LENGTH, 0)
        .send()
        .await
        .unwrap();
    oci_error(none, 400, "DIGEST_INVALID").await;
    assert_eq!(world.upload_files(), 0);
}

#[tokio::test]
async fn an_upload_can_be_cancelled_and_belongs_to_its_member_and_name() {
    let world = World::start();
    let at = world.begin(&"passport-extractor".parse().unwrap()).await;
    let beta = world.make_token("beta", "publish");
    let foreign = world
        .request_as(&beta, Method::GET, &at)
        .send()
        .await
        .unwrap();
    oci_error(foreign, 404, "BLOB_UPLOAD_UNKNOWN").await;
    let elsewhere = at.replace("passport-extractor", "everyday-objects");
    oci_error(world.get(&elsewhere).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    let cancelled = world.request(Method::DELETE, &at).send().await.unwrap();
    assert_eq!(cancelled.status(), StatusCode::NO_CONTENT);
    oci_error(
        patch(&world, &at, 0, b"x").await,
        404,
        "BLOB_UPLOAD_UNKNOWN",
    )
    .await;
}

#[tokio::test]
async fn blobs_belong_to_names_and_can_be_mounted() {
    let world = World::start();
    let digest = Digest::of(b"hello");
    world.upload(&name(), b"hello").await;
    let other: Name = "everyday-objects".parse().unwrap();
    oci_error(
        world.get(&blob_path(&other, &digest)).await,
        404,
        "BLOB_UNKNOWN",
    )
    .await;
    let mount = |digest: &Digest| format!("{}?mount={digest}&from={}", upload_path(&other), name());
    let unknown = mount(&Digest::of(b"unknown"));
    let begun = world.request(Method::POST, &unknown).send().await.unwrap();
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let mounted = world
        .request(Method::POST, &mount(&digest))
        .send()
        .await
        .unwrap();
    assert_eq!(mounted.status(), StatusCode::CREATED);
    let read = world.get(&blob_path(&other, &digest)).await;
    assert_eq!(read.bytes().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_broken_connection_keeps_what_arrived() {
    let world = World::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    let (bytes, at) = (bytes(), world.begin(&name()).await);
    let piece = world
        .request(Method::PATCH, &at)
        .header(CONTENT_LENGTH, bytes.len())
        .body(half(&bytes));
    let sending = tokio::spawn(piece.send());
    let has_come = |received: f64| received >= (bytes.len() / 2) as f64;
    wait_until(&world, "hub_server_received_bytes_total", has_come).await;
    assert!(!sending.is_finished(), "the piece never ends");
    sending.abort();
    let mut there = 0;
    for _ in 0..50 {
        there = arrived(&world, &at).await;
        if there == bytes.len() / 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(there > 0 && there <= bytes.len() / 2, "{there}");
    let rest = patch(&world, &at, there, &bytes[there..]).await;
    assert_eq!(rest.status(), StatusCode::ACCEPTED);
    assert_eq!(
        finish(&world, &at, &Digest::of(&bytes)).await.status(),
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_killed_server_goes_on_where_it_was() {
    let mut world = World::start();
    let (bytes, at) = (bytes(), world.begin(&name()).await);
    let first = patch(&world, &at, 0, &bytes[..1_000_000]).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    // Killed while a piece is on its way.
    let piece = world
        .request(Method::PATCH, &at)
        .header(CONTENT_LENGTH, bytes.len() - 1_000_000)
        .body(half(&bytes[1_000_000..]))
        .send();
    let sending = tokio::spawn(piece);
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.kill();
    assert!(sending.await.unwrap().is_err());
    world.serve(&[]);
    let there = arrived(&world, &at).await;
    assert!((1_000_000..=bytes.len()).contains(&there), "{there}");
    let rest = patch(&world, &at, there, &bytes[there..]).await;
    assert_eq!(rest.status(), StatusCode::ACCEPTED);
    let digest = Digest::of(&bytes);
    assert_eq!(
        finish(&world, &at, &digest).await.status(),
        StatusCode::CREATED
    );
    world.kill();
    world.serve(&[]);
    assert_eq!(
        world
            .get(&blob_path(&name(), &digest))
            .await
            .bytes()
            .await
            .unwrap(),
        bytes
    );
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_sent() {
    let world = World::start();
    let at = world.begin(&name()).await;
    let huge = world
        .request(Method::PATCH, &at)
        .header(CONTENT_LENGTH, 17_u64 << 30)
        .body(half(b"x"));
    oci_error(huge.send().await.unwrap(), 413, "SIZE_INVALID").await;
    assert_eq!(arrived(&world, &at).await, 0);
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let mut world = World::start();
    if world.is_in_bucket() {
        // A bucket has room.
        return;
    }
    let at = world.begin(&name()).await;
    patch(&world, &at, 0, b"hello ").await;
    world.kill();
    // More than any disk has must stay free: as good as full.
    let reserve = (1_u64 << 60).to_string();
    world.serve(&["--reserve-bytes", &reserve]);
    let full = patch(&world, &at, 6, b"world").await;
    oci_error(full, 507, "UNKNOWN").await;
    let begin = world
        .request(Method::POST, &upload_path(&name()))
        .send()
        .await
        .unwrap();
    assert_eq!(begin.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(
        world.get("/health/ready").await.status(),
        StatusCode::INSUFFICIENT_STORAGE
    );
    assert_eq!(arrived(&world, &at).await, 6);
    world.kill();
    world.serve(&[]);
    assert_eq!(
        patch(&world, &at, 6, b"world").await.status(),
        StatusCode::ACCEPTED
    );
    let digest = Digest::of(b"hello world");
    assert_eq!(
        finish(&world, &at, &digest).await.status(),
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn abandoned_uploads_are_removed() {
    let mut world = World::start();
    let at = world.begin(&name()).await;
    patch(&world, &at, 0, b"hello").await;
    world.kill();
    world.serve(&[]);
    assert_eq!(arrived(&world, &at).await, 5);
    world.kill();
    // What a crash between two steps leaves: bytes that no upload knows.
    let unknown = world.uploads().join("unknown");
    if world.is_in_bucket() {
        std::fs::create_dir_all(&unknown).unwrap();
        std::fs::write(unknown.join("000-0"), "x").unwrap();
    } else {
        std::fs::write(unknown, "x").unwrap();
    }
    make_older(&world.uploads());
    world.serve(&["--upload-hours", "1"]);
    let is_none = || (world.upload_files() == 0).then_some(());
    eventually(is_none, || world.log());
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
}

/// Makes all files below a folder two hours older than they can be.
fn make_older(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            make_older(&path);
            continue;
        }
        let before = SystemTime::now() - Duration::from_secs(2 * 3600);
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(before).unwrap();
    }
}

#[tokio::test]
async fn the_last_piece_over_http_2_needs_no_length() {
    let world = World::start();
    let at = world.begin(&name()).await;
    let url = format!("{}{at}?digest={}", world.base, Digest::of(b"squares"));
    // What comes from standard input has no length that could be told.
    let curl = std::process::Command::new("curl")
        .args(["--silent", "--show-error", "--http2", "--upload-file", "-"])
        .args(["--write-out", "%{http_version} %{http_code}", "--cacert"])
        .arg(world.certificate_file())
        .args([
            "--header",
            &format!("Authorization: Bearer {}", world.token),
        ])
        .arg(&url)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut curl) = curl else {
        missing::tool("there is no curl, which speaks HTTP/2");
        return;
    };
    let mut stdin = curl.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"squares").unwrap();
    drop(stdin);
    let said = curl.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(said).unwrap(), "2 201");
}
