//! Blobs in a bucket: nothing is kept beside it, and what a store does at its worst harms nothing.

use registry_schema::api::{ProblemCode, ReleaseDetail, blob_path, release_path};
use registry_schema::digest::Digest;
use registry_schema::reference::Requirement;
use reqwest::header::{CONTENT_LENGTH, LOCATION, RANGE};
use reqwest::{Method, StatusCode};
use std::time::Duration;

use crate::blobs::{arrived, finish, half, name, patch};
use crate::draft::Draft;
use crate::kept::so_many_entries;
use crate::s3::{Fault, Server, Way};
use crate::world::{ALPHA, Bucket, PATIENCE, World, header, oci_error, problem};

/// 20 million bytes, which make three pieces.
fn large() -> Vec<u8> {
    (0..5_000_000_u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

/// A store of a test's own, the way to it, and a hub with its blobs there.
pub(crate) struct Store {
    server: Server,
    pub(crate) way: Way,
    pub(crate) world: World,
}

impl Store {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, |bucket| bucket)
    }

    fn start_with(args: &[&str], change: impl FnOnce(Bucket) -> Bucket) -> Self {
        let server = Server::start();
        let way = Way::to(&server);
        let bucket = change(Bucket::new(&server, way.address()));
        let world = World::start_in(bucket, args);
        Self { server, way, world }
    }

    /// The store's power fails, and comes back.
    fn kill_store(&mut self) {
        self.server.kill();
    }

    fn bring_store_back(&mut self) {
        self.server.serve_again();
        self.way.lead_to(&self.server);
    }
}

#[tokio::test]
async fn any_replica_goes_on_with_what_another_began() {
    let Store {
        mut world,
        server: _server,
        ..
    } = Store::start(&[]);
    let (bytes, at) = (large(), world.begin(&name()).await);
    let digest = Digest::of(&bytes);
    let mut first = 0;
    // Less than a piece, more than one, and the rest; each by a server that knows nothing of the others.
    for end in [3_000_000, 14_000_000, bytes.len()] {
        let answer = patch(&world, &at, first, &bytes[first..end]).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(arrived(&world, &at).await, end);
        first = end;
        world.kill();
        world.serve(&[]);
    }
    assert_eq!(
        finish(&world, &at, &digest).await.status(),
        StatusCode::CREATED
    );
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    let path = blob_path(&name(), &digest);
    assert_eq!(world.get(&path).await.bytes().await.unwrap(), bytes);
    let part = world
        .request(Method::GET, &path)
        .header(RANGE, "bytes=9000000-17999999");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), &bytes[9_000_000..18_000_000]);
    // Whole blobs only, and no file of them or of uploads on this machine.
    assert_eq!(std::fs::read(world.blob(&digest)).unwrap(), bytes);
    assert_eq!(world.upload_files(), 0);
    assert!(!world.data().join("blobs/sha256").exists());
    assert_eq!(
        std::fs::read_dir(world.data().join("uploads"))
            .unwrap()
            .count(),
        0
    );
    let doctor = world.run(&["doctor", "--deep"]);
    assert!(doctor.status.success(), "{doctor:?}");
}

#[tokio::test]
async fn other_bytes_in_several_pieces_are_no_blob() {
    let Store {
        world,
        server: _server,
        ..
    } = Store::start(&[]);
    let (bytes, at) = (large(), world.begin(&name()).await);
    let announced = Digest::of(b"something else");
    patch(&world, &at, 0, &bytes).await;
    oci_error(finish(&world, &at, &announced).await, 400, "DIGEST_INVALID").await;
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    assert!(!world.blob(&announced).exists() && !world.blob(&Digest::of(&bytes)).exists());
    assert_eq!(world.upload_files(), 0);
}

#[tokio::test]
async fn faults_that_pass_are_not_noticed() {
    let Store {
        world,
        way,
        server: _server,
    } = Store::start(&[]);
    let bytes = large();
    let path = blob_path(&name(), &Digest::of(&bytes));
    for fault in [Fault::Status(503), Fault::Status(500), Fault::CutAfter(0)] {
        way.set(fault, Some(2));
        let stored = world.upload(&name(), &bytes).await;
        assert_eq!(stored.status(), StatusCode::CREATED, "{fault:?}");
        way.set(fault, Some(2));
        let read = world.get(&path).await;
        assert_eq!(read.bytes().await.unwrap(), bytes, "{fault:?}");
    }
    // Bodies that are cut go on where they were cut.
    way.set(Fault::CutAfter(3_000_000), Some(6));
    assert_eq!(world.get(&path).await.bytes().await.unwrap(), bytes);
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    way.set(Fault::CutAfter(600), Some(3));
    world.published(&release).await;
}

#[tokio::test]
async fn a_store_that_stays_away_is_told_of_and_loses_nothing() {
    let Store {
        world,
        way,
        server: _server,
    } = Store::start(&[]);
    let (bytes, at) = (large(), world.begin(&name()).await);
    assert_eq!(
        patch(&world, &at, 0, &bytes[..9_000_000]).await.status(),
        StatusCode::ACCEPTED
    );
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.upload_all(&release).await;
    way.set(Fault::Status(503), None);
    let refused = patch(&world, &at, 9_000_000, &bytes[9_000_000..]).await;
    assert_eq!(header(&refused, "retry-after"), "5");
    let said = oci_error(refused, 503, "UNKNOWN").await;
    assert!(said.contains("nothing was lost"), "{said}");
    let unready = problem(world.get("/health/ready").await, ProblemCode::Unavailable).await;
    assert!(!unready.contains("127.0.0.1"), "{unready}");
    problem(world.put(&release).await, ProblemCode::Unavailable).await;
    assert_eq!(world.get("/health/live").await.status(), StatusCode::OK);
    // The log has the story, without keys.
    let log = world.log();
    assert!(
        log.contains("object store") && !log.contains("secret-of-the-test"),
        "{log}"
    );
    way.set(Fault::None, None);
    assert_eq!(world.get("/health/ready").await.status(), StatusCode::OK);
    let there = arrived(&world, &at).await;
    assert!(there >= 9_000_000, "{there}");
    assert_eq!(
        patch(&world, &at, there, &bytes[there..]).await.status(),
        StatusCode::ACCEPTED
    );
    let digest = Digest::of(&bytes);
    assert_eq!(
        finish(&world, &at, &digest).await.status(),
        StatusCode::CREATED
    );
    world.published(&release).await;
}

#[tokio::test]
async fn a_store_that_says_nothing_is_given_up() {
    let Store {
        world,
        way,
        server: _server,
    } = Store::start_with(&[], |bucket| bucket.waited_for(3));
    world.upload(&name(), b"hello").await;
    way.set(Fault::Silence, None);
    let path = blob_path(&name(), &Digest::of(b"hello"));
    let read = tokio::time::timeout(PATIENCE, world.get(&path)).await;
    oci_error(read.unwrap(), 503, "UNKNOWN").await;
    way.set(Fault::None, None);
    assert_eq!(world.get(&path).await.bytes().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_store_that_is_killed_while_something_comes_and_goes() {
    let mut store = Store::start(&[]);
    let (bytes, at) = (large(), store.world.begin(&name()).await);
    let digest = Digest::of(&bytes);
    // In the middle of a piece.
    let piece = store
        .world
        .request(Method::PATCH, &at)
        .header(CONTENT_LENGTH, bytes.len())
        .body(half(&bytes))
        .send();
    let sending = tokio::spawn(piece);
    while store.world.upload_files() < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.kill_store();
    sending.abort();
    let status = store.world.get(&at).await;
    oci_error(status, 503, "UNKNOWN").await;
    store.bring_store_back();
    // What was in memory when the store went may come later.
    loop {
        let there = arrived(&store.world, &at).await;
        assert!(there >= 8 << 20, "{there}");
        match patch(&store.world, &at, there, &bytes[there..])
            .await
            .status()
            .as_u16()
        {
            202 => break,
            status => assert_eq!(status, 416),
        }
    }
    // At the end.
    store.kill_store();
    oci_error(finish(&store.world, &at, &digest).await, 503, "UNKNOWN").await;
    store.bring_store_back();
    assert_eq!(
        finish(&store.world, &at, &digest).await.status(),
        StatusCode::CREATED
    );
    // While somebody reads: the answer breaks off, and never ends as if it were whole.
    let path = blob_path(&name(), &digest);
    let mut reading = store.world.get(&path).await;
    let mut got = reading.chunk().await.unwrap().unwrap().to_vec();
    store.kill_store();
    let broken = loop {
        match reading.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    // What was on its way when the store went may have been all.
    assert!(broken || got.len() == bytes.len());
    assert_eq!(got, &bytes[..got.len()]);
    store.bring_store_back();
    let rest = store.world.request(Method::GET, &path);
    let rest = rest.header(RANGE, format!("bytes={}-", got.len().min(bytes.len() - 1)));
    let rest = rest.send().await.unwrap().bytes().await.unwrap();
    got.truncate(bytes.len() - rest.len());
    got.extend_from_slice(&rest);
    assert!(got == bytes);
}

#[tokio::test]
async fn a_release_outlives_a_store_that_is_killed_while_it_is_published() {
    let mut store = Store::start(&[]);
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    store.world.upload_all(&release).await;
    store.kill_store();
    let refused = store.world.put(&release).await;
    problem(refused, ProblemCode::Unavailable).await;
    let exact = Requirement::Exact(release.version.clone());
    let path = release_path(&release.name, &exact);
    problem(store.world.get(&path).await, ProblemCode::NotFound).await;
    store.bring_store_back();
    store.world.published(&release).await;
    let detail: ReleaseDetail = store.world.json(&path).await;
    assert_eq!(detail.summary.version, release.version);
    let doctor = store.world.run(&["doctor", "--deep"]);
    assert!(doctor.status.success(), "{doctor:?}");
}

#[tokio::test]
async fn large_blobs_come_from_the_store_itself_when_it_is_wished() {
    let Store {
        world,
        way,
        server: _server,
    } = Store::start(&["--redirect-blobs", "60"]);
    let bytes = large();
    for blob in [&bytes[..], b"small"] {
        let stored = world.upload(&name(), blob).await;
        assert_eq!(stored.status(), StatusCode::CREATED);
    }
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tls_certs_only(world.certificate())
        .build()
        .unwrap();
    let path = blob_path(&name(), &Digest::of(&bytes));
    let asked = |method, path: &str| {
        let request = client.request(method, format!("{}{path}", world.base));
        request.bearer_auth(&world.token)
    };
    let sent = asked(Method::GET, &path).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header(&sent, "cache-control"), "no-store");
    let location = sent.headers()[LOCATION].to_str().unwrap().to_owned();
    assert!(
        location.starts_with(&format!("http://{}/", way.address())),
        "{location}"
    );
    assert!(location.contains("X-Amz-Expires=60"), "{location}");
    // Whoever has the address needs nothing else, and gets the range that he asks for.
    let part = client.get(&location).header(RANGE, "bytes=5-9").send();
    assert_eq!(part.await.unwrap().bytes().await.unwrap(), &bytes[5..10]);
    let other = location.replace(&Digest::of(&bytes).to_hex(), &Digest::of(b"small").to_hex());
    let forged = client.get(&other).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    // What is small comes from here, and so does everything about a blob that is not its bytes.
    let small = blob_path(&name(), &Digest::of(b"small"));
    assert_eq!(
        asked(Method::GET, &small).send().await.unwrap().status(),
        StatusCode::OK
    );
    let head = asked(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(header(&head, "content-length"), bytes.len().to_string());
    let past = asked(Method::GET, &path).header(RANGE, "bytes=99999999-");
    oci_error(past.send().await.unwrap(), 416, "SIZE_INVALID").await;
    // Whoever was sent there has pulled it.
    let kept = so_many_entries(&world, 4);
    let pulled = kept.iter().filter(|entry| entry["action"] == "pull");
    let pulled: Vec<_> = pulled
        .map(|entry| entry["file"].as_str().unwrap())
        .collect();
    let digests = [Digest::of(&bytes), Digest::of(b"small")].map(|digest| digest.to_string());
    assert_eq!(pulled, digests);
}

#[tokio::test]
async fn blobs_move_to_a_bucket_and_back() {
    let server = Server::start();
    let bucket = Bucket::new(&server, server.address());
    let mut world = World::start_in(bucket.clone(), &[]);
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let bytes = large();
    world.upload(&name(), &bytes).await;
    world.kill();
    let data = world.data().display().to_string();
    let copy = |from: &str, to: &str| {
        let copied = world.run(&["copy-blobs", "--from", from, "--to", to]);
        let said = [copied.stdout, copied.stderr].concat();
        (copied.status.success(), String::from_utf8(said).unwrap())
    };
    let count = release.files.len() + 1;
    let (good, said) = copy(&bucket.url, &data);
    assert!(
        good && said.contains(&format!("copied {count} blobs")),
        "{said}"
    );
    let local = world
        .command()
        .env_remove("HUB_SERVER_BLOBS")
        .args(["doctor", "--deep", "--data", &data])
        .output();
    assert!(local.unwrap().status.success());
    // It goes on where it ended.
    let digest = Digest::of(&bytes);
    std::fs::remove_file(world.blob(&digest)).unwrap();
    let (good, said) = copy(&data, &bucket.url);
    assert!(good && said.contains("copied 1 blobs"), "{said}");
    assert!(
        said.contains(&format!("there {} blobs", count - 1)),
        "{said}"
    );
    assert!(std::fs::read(world.blob(&digest)).unwrap() == bytes);
    // Bytes that decayed are not spread.
    let other = Bucket::new(&server, server.address());
    let mut wrong = bytes.clone();
    wrong[7] ^= 1;
    std::fs::write(world.blob(&digest), &wrong).unwrap();
    let (good, said) = copy(&bucket.url, &other.url);
    assert!(!good && said.contains(&format!("BAD: {digest}")), "{said}");
    let hex = digest.to_hex();
    assert!(
        !other
            .folder
            .join("sha256")
            .join(&hex[..2])
            .join(hex)
            .exists()
    );
    let (good, said) = copy(&data, "s3://hub-0?endpoint=http://example.org");
    assert!(!good && said.contains("this machine alone"), "{said}");
}
