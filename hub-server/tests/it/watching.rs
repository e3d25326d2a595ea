//! What whoever watches the server sees.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};

use crate::draft::Draft;
use crate::world::{ALPHA, PATIENCE, World, header};

/// The value of a line of the metrics.
pub(crate) fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    number.trim().parse().unwrap()
}

/// What is counted at a hub that is watched.
pub(crate) async fn metrics(world: &World) -> String {
    let address = world.watched.as_ref().unwrap();
    let answer = Client::new().get(format!("{address}/metrics")).send().await;
    answer.unwrap().text().await.unwrap()
}

/// Waits until a line of the metrics has a value that is wished for.
pub(crate) async fn wait_until(world: &World, name: &str, is_wished: impl Fn(f64) -> bool) {
    let begun = Instant::now();
    loop {
        let text = metrics(world).await;
        let found = value(&text, name);
        if is_wished(found) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{name} stays {found}: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn metrics_count_what_was_asked_and_sent() {
    let world = World::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    let address = world.watched.clone().unwrap();
    let watcher = Client::new();
    let look = async |path: &str| {
        let answer = watcher.get(format!("{address}{path}")).send().await;
        answer.unwrap()
    };
    assert_eq!(look("/healthz").await.text().await.unwrap(), "live\n");
    assert_eq!(look("/readyz").await.text().await.unwrap(), "ready\n");

    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    let name = "alpha/squares".parse().unwrap();
    let bytes = vec![7; 3 << 20];
    world.upload(&name, &bytes).await;
    world.begin(&name).await;
    let path = registry_schema::api::blob_path(&name, &registry_schema::digest::Digest::of(&bytes));
    for _ in 0..2 {
        let answer = world.get(&path).await;
        assert_eq!(answer.bytes().await.unwrap(), bytes);
    }
    // Its body is announced and not sent.
    world.request(Method::HEAD, &path).send().await.unwrap();
    for made_up in ["/made/up/1", "/made/up/2"] {
        assert_eq!(world.get(made_up).await.status(), StatusCode::NOT_FOUND);
    }
    let made_up = Method::from_bytes(b"BREW").unwrap();
    world.request(made_up, "/api/v1").send().await.unwrap();

    let answer = look("/metrics").await;
    assert!(header(&answer, "content-type").starts_with("application/openmetrics-text"));
    let text = answer.text().await.unwrap();
    let requests = |labels: &str| value(&text, &format!("hub_server_requests_total{{{labels}}}"));
    let blob = r#"route="/v2/{name}/blobs/{digest}""#;
    assert_eq!(requests(&format!(r#"{blob},method="GET",code="200""#)), 2.0);
    assert_eq!(requests(r#"route="none",method="GET",code="404""#), 2.0);
    assert_eq!(
        requests(r#"route="/api/v1",method="other",code="405""#),
        1.0
    );
    let release = "/api/v1/extractors/{namespace}/{name}/releases/{requirement}";
    let published = format!(r#"route="{release}",method="PUT",code="201""#);
    assert_eq!(requests(&published), 1.0);
    assert_eq!(value(&text, "hub_server_publishes_total"), 1.0);
    let (received, sent) = (
        value(&text, "hub_server_received_bytes_total"),
        value(&text, "hub_server_sent_bytes_total"),
    );
    let size = bytes.len() as f64;
    assert!(received >= size && received < 2.0 * size, "{received}");
    assert!(sent >= 2.0 * size && sent < 3.0 * size, "{sent}");
    assert_eq!(value(&text, "hub_server_log_entries"), 1.0);
    assert_eq!(value(&text, "hub_server_published_entries"), 1.0);
    assert_eq!(value(&text, "hub_server_open_uploads"), 1.0);
    assert_eq!(value(&text, "hub_server_database_up"), 1.0);
    let duration = format!("hub_server_request_duration_seconds_count{{{blob},method=\"GET\"}}");
    assert_eq!(value(&text, &duration), 2.0);
    assert!(!text.contains("made"), "{text}");
    assert!(text.ends_with("# EOF\n"));

    // Not at the address of the API; and nothing of the API here.
    let elsewhere = world.get("/metrics").await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
    let api = look("/api/v1").await;
    assert_eq!(api.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_metric_that_the_documents_name_is_there() {
    let world = World::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    world.get("/api/v1").await;
    let text = metrics(&world).await;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATIONS.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut named = 0;
    for (at, start) in document.match_indices("hub_server_") {
        let rest = &document[at..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        // These are of hubs with witnesses, and of those with lists of revoked certificates, whose test asks for them.
        let elsewhere = ["witness_late", "checkpoint_age", "client_crl"];
        if elsewhere.iter().any(|of| name.contains(of)) {
            continue;
        }
        assert!(text.contains(name), "{name} is not in {text}");
        named += usize::from(name.len() > start.len());
    }
    assert!(named >= 8, "{named}");
}

#[tokio::test]
async fn a_database_that_is_broken_is_no_longer_ready() {
    let world = World::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    assert_eq!(world.get("/readyz").await.status(), StatusCode::OK);
    if !world.has_file() {
        return;
    }
    world.sql(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE' \
         WHERE name = 'uploads'; PRAGMA schema_version = 4242",
    );
    for path in ["/readyz", "/health/ready"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
    assert_eq!(world.get("/healthz").await.status(), StatusCode::OK);
    let text = metrics(&world).await;
    assert_eq!(value(&text, "hub_server_database_up"), 0.0);
}
