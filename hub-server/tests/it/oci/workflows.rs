//! The workflows of the distribution project's conformance suite, in its order: push, list, look,
//! pull, refer, delete, with every way to send a blob and both algorithms.

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    INDEX, MANIFEST, begin, delete, descriptor, open_world, push, sha256, sha512, upload, value,
};
use crate::world::{World, header, oci_error};

const REPOSITORY: &str = "conformance/repo1";

type Algorithm = fn(&[u8]) -> String;

fn with_digest(at: &str, digest: &str) -> String {
    format!("{at}?digest={digest}")
}

async fn finish(world: &World, at: &str, digest: &str, rest: &[u8]) -> reqwest::Response {
    let request = world.request(Method::PUT, &with_digest(at, digest));
    request.body(rest.to_vec()).send().await.unwrap()
}

async fn send(world: &World, at: &str, first: usize, piece: &[u8]) -> reqwest::Response {
    let range = format!("{first}-{}", first + piece.len() - 1);
    let request = world
        .request(Method::PATCH, at)
        .header(CONTENT_RANGE, range);
    request.body(piece.to_vec()).send().await.unwrap()
}

/// Every way to send a blob, by name.
async fn send_by(world: &World, way: &str, digest: &str, bytes: &[u8]) -> reqwest::Response {
    let at = begin(world, REPOSITORY).await;
    match way {
        "post" => upload(world, REPOSITORY, digest, bytes).await,
        "put" => finish(world, &at, digest, bytes).await,
        "stream" => {
            let sent = world.request(Method::PATCH, &at).body(bytes.to_vec());
            assert_eq!(sent.send().await.unwrap().status(), StatusCode::ACCEPTED);
            finish(world, &at, digest, b"").await
        }
        "chunks" | "chunks out of order" => {
            let middle = bytes.len() / 2;
            if way == "chunks out of order" {
                let early = send(world, &at, middle, &bytes[middle..]).await;
                assert_eq!(early.status(), StatusCode::RANGE_NOT_SATISFIABLE);
                let status = world.get(&at).await;
                assert_eq!(status.status(), StatusCode::NO_CONTENT);
                assert!(header(&status, "range").starts_with("0-"));
            }
            let first = send(world, &at, 0, &bytes[..middle]).await;
            assert_eq!(header(&first, "range"), format!("0-{}", middle - 1));
            let last = middle..bytes.len();
            let range = format!("{}-{}", last.start, last.end - 1);
            let request = world.request(Method::PUT, &with_digest(&at, digest));
            let request = request.header(CONTENT_RANGE, range);
            request.body(bytes[last].to_vec()).send().await.unwrap()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn blobs_come_in_every_way_by_both_algorithms() {
    let world = open_world();
    for (algorithm, seed) in [(sha256 as Algorithm, 1_u8), (sha512 as Algorithm, 2)] {
        for way in ["post", "put", "stream", "chunks", "chunks out of order"] {
            let bytes = format!("{way} {seed} ").repeat(1000).into_bytes()[..3000].to_vec();
            let digest = algorithm(&bytes);
            let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
            oci_error(world.get(&path).await, 404, "BLOB_UNKNOWN").await;
            let kept = send_by(&world, way, &digest, &bytes).await;
            assert_eq!(kept.status(), StatusCode::CREATED, "{way}");
            assert_eq!(header(&kept, "docker-content-digest"), digest);
            let read = world.get(header(&kept, "location")).await;
            assert_eq!(header(&read, "docker-content-digest"), digest);
            assert_eq!(read.bytes().await.unwrap(), bytes);
            let head = world.request(Method::HEAD, &path).send().await.unwrap();
            assert_eq!(header(&head, "content-length"), bytes.len().to_string());
            for (range, part) in [
                ("500-1499", 500..1500),
                ("500-", 500..3000),
                ("-500", 2500..3000),
                ("2000-5000", 2000..3000),
            ] {
                let request = world
                    .request(Method::GET, &path)
                    .header(RANGE, format!("bytes={range}"));
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
                assert_eq!(answer.bytes().await.unwrap(), bytes[part]);
            }
            for range in ["500-0", "5000-10000"] {
                let request = world
                    .request(Method::GET, &path)
                    .header(RANGE, format!("bytes={range}"));
                oci_error(request.send().await.unwrap(), 416, "SIZE_INVALID").await;
            }
            assert_eq!(delete(&world, &path).await.status(), StatusCode::ACCEPTED);
            oci_error(world.get(&path).await, 404, "BLOB_UNKNOWN").await;
            let wrong = send_by(&world, way, &digest, &[bytes.as_slice(), b"oh no"].concat()).await;
            oci_error(wrong, 400, "DIGEST_INVALID").await;
        }
        // The shortest of all.
        for bytes in [b"".as_slice(), b"{}"] {
            let digest = algorithm(bytes);
            let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
            for way in ["post", "put", "stream"] {
                assert_eq!(
                    send_by(&world, way, &digest, bytes).await.status(),
                    StatusCode::CREATED
                );
                let head = world.request(Method::HEAD, &path).send().await.unwrap();
                assert_eq!(header(&head, "content-length"), bytes.len().to_string());
                assert_eq!(world.get(&path).await.bytes().await.unwrap(), bytes);
                assert_eq!(delete(&world, &path).await.status(), StatusCode::ACCEPTED);
            }
        }
    }
    let at = begin(&world, REPOSITORY).await;
    assert_eq!(delete(&world, &at).await.status(), StatusCode::NO_CONTENT);
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
}

/// One manifest of a workflow, and the tags it gets.
struct Pushed {
    bytes: Vec<u8>,
    digest: String,
    tags: Vec<&'static str>,
    subject: Option<String>,
}

impl Pushed {
    fn descriptor(&self) -> Value {
        let parsed: Value = serde_json::from_slice(&self.bytes).unwrap();
        descriptor(
            parsed["mediaType"].as_str().unwrap(),
            &self.digest,
            &self.bytes,
        )
    }
}

fn pushed(algorithm: Algorithm, manifest: &Value, tags: &[&'static str]) -> Pushed {
    let bytes = serde_json::to_vec(manifest).unwrap();
    Pushed {
        digest: algorithm(&bytes),
        subject: manifest["subject"]["digest"].as_str().map(str::to_owned),
        tags: tags.to_vec(),
        bytes,
    }
}

/// Makes manifests of one configuration and one layer.
struct Kit {
    algorithm: Algorithm,
    config: Value,
    empty: Value,
    layer: Value,
}

impl Kit {
    fn new(algorithm: Algorithm, config: &[u8], layer: &[u8]) -> Self {
        let named = |kind: &str, bytes: &[u8]| {
            let media_type = format!("application/vnd.oci.{kind}");
            descriptor(&media_type, &algorithm(bytes), bytes)
        };
        Self {
            algorithm,
            config: named("image.config.v1+json", config),
            empty: named("empty.v1+json", b"{}"),
            layer: named("image.layer.v1.tar", layer),
        }
    }

    fn image(&self, more: Value, tags: &[&'static str]) -> Pushed {
        let mut image = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.config, "layers": [self.layer],
        });
        extend(&mut image, more);
        pushed(self.algorithm, &image, tags)
    }

    fn artifact(&self, kind: &str, subject: &Value, tags: &[&'static str]) -> Pushed {
        let kind = format!("application/vnd.example.{kind}");
        let annotations = json!({ "org.example.kind": kind });
        let more = json!({
            "artifactType": kind, "config": self.empty, "subject": subject, "annotations": annotations,
        });
        self.image(more, tags)
    }

    fn index(&self, of: &[&Pushed], more: Value, tags: &[&'static str]) -> Pushed {
        let listed = of.iter().map(|one| one.descriptor());
        let listed: Vec<Value> = listed.collect();
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": listed });
        extend(&mut index, more);
        pushed(self.algorithm, &index, tags)
    }
}

fn extend(manifest: &mut Value, more: Value) {
    let Value::Object(more) = more else {
        panic!("{more}")
    };
    manifest.as_object_mut().unwrap().extend(more);
}

/// What the suite pushes: images, indexes of them and of indexes, artifacts with and without layers,
/// with subjects that are there and not, with data and unknown fields, with layers that are elsewhere,
/// and one of nearly four mebibytes.
fn data(algorithm: Algorithm, config: &[u8], layer: &[u8]) -> Vec<Pushed> {
    let kit = Kit::new(algorithm, config, layer);
    let plain = kit.image(json!({}), &["image"]);
    let second = kit.image(json!({ "annotations": { "second": "yes" } }), &[]);
    let both = kit.index(&[&plain, &second], json!({}), &["index"]);
    let nested = kit.index(&[&both], json!({}), &["index-of-index"]);
    let subject = plain.descriptor();
    let absent = descriptor(MANIFEST, &algorithm(b"missing content"), b"missing content");
    let elsewhere = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": algorithm(b"elsewhere"), "size": 123_456, "urls": ["https://store.example.com/blob"],
    });
    let mut with_data = kit.layer.clone();
    with_data["data"] = "bGF5ZXI=".into();
    let large: serde_json::Map<String, Value> = (0..390)
        .map(|number| {
            (
                format!("large-annotation-{number}"),
                "A".repeat(10_000).into(),
            )
        })
        .collect();
    let two = "application/vnd.example.two";
    let refers = json!({ "artifactType": two, "subject": subject });
    let rest = [
        kit.index(
            &[],
            json!({ "unknown": { "field": [1] } }),
            &["empty-index"],
        ),
        kit.artifact("one", &subject, &["tagged-artifact"]),
        kit.artifact("two", &subject, &[]),
        kit.image(json!({ "subject": subject }), &[]),
        kit.artifact("one", &absent, &[]),
        kit.index(&[], refers, &[]),
        kit.image(json!({ "layers": [] }), &["no-layers"]),
        kit.image(json!({ "layers": [elsewhere, kit.layer] }), &["elsewhere"]),
        kit.image(
            json!({ "layers": [with_data], "org.example.unknown": "x" }),
            &["data"],
        ),
        kit.image(json!({ "annotations": large }), &["large", "large-too"]),
    ];
    [plain, second, both, nested]
        .into_iter()
        .chain(rest)
        .collect()
}

#[tokio::test]
async fn manifests_are_pushed_listed_pulled_referred_to_and_deleted() {
    let world = open_world();
    let at = |reference: &str| format!("/v2/{REPOSITORY}/manifests/{reference}");
    for algorithm in [sha256 as Algorithm, sha512 as Algorithm] {
        let (config, layer) = (br#"{"os":"linux"}"#.as_slice(), b"layer".as_slice());
        for bytes in [config, layer, b"{}"] {
            upload(&world, REPOSITORY, &algorithm(bytes), bytes).await;
        }
        let all = data(algorithm, config, layer);
        for one in &all {
            let tags: String = one.tags.iter().map(|tag| format!("&tag={tag}")).collect();
            let path = format!("{}?{}", at(&one.digest), tags.trim_start_matches('&'));
            let answer = push(&world, &path, &one.bytes).await;
            assert_eq!(answer.status(), StatusCode::CREATED);
            assert_eq!(header(&answer, "docker-content-digest"), one.digest);
            let said: Vec<_> = answer.headers().get_all("oci-tag").iter().collect();
            assert_eq!(said, one.tags);
            let subject = answer.headers().get("oci-subject");
            assert_eq!(
                subject.map(|subject| subject.to_str().unwrap()),
                one.subject.as_deref()
            );
        }
        check_tags(&world, &all).await;
        for one in &all {
            for reference in one.tags.iter().copied().chain([one.digest.as_str()]) {
                let read = world.get(&at(reference)).await;
                let media_type = header(&read, "content-type").to_owned();
                assert_eq!(header(&read, "docker-content-digest"), one.digest);
                assert_eq!(header(&read, "content-length"), one.bytes.len().to_string());
                assert_eq!(read.bytes().await.unwrap(), one.bytes);
                let head = world
                    .request(Method::HEAD, &at(reference))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(header(&head, "content-type"), media_type);
                assert_eq!(header(&head, "content-length"), one.bytes.len().to_string());
            }
        }
        check_referrers(&world, &all).await;
        for one in all.iter().rev() {
            for tag in &one.tags {
                assert_eq!(
                    delete(&world, &at(tag)).await.status(),
                    StatusCode::ACCEPTED
                );
                oci_error(world.get(&at(tag)).await, 404, "MANIFEST_UNKNOWN").await;
            }
            assert_eq!(
                delete(&world, &at(&one.digest)).await.status(),
                StatusCode::ACCEPTED
            );
            oci_error(world.get(&at(&one.digest)).await, 404, "MANIFEST_UNKNOWN").await;
        }
    }
}

async fn check_tags(world: &World, all: &[Pushed]) {
    let list = format!("/v2/{REPOSITORY}/tags/list");
    let mut tags: Vec<&str> = all.iter().flat_map(|one| one.tags.clone()).collect();
    tags.sort_unstable();
    assert_eq!(value(world.get(&list).await).await["tags"], json!(tags));
    let half = tags.len() / 2;
    let after = world.get(&format!("{list}?last={}", tags[half - 1])).await;
    assert_eq!(value(after).await["tags"], json!(tags[half..]));
}

/// Every list has all that have the subject, by type too, with what the manifests say of themselves.
async fn check_referrers(world: &World, all: &[Pushed]) {
    let with_subject = all
        .iter()
        .filter_map(|one| Some((one.subject.clone()?, one)));
    for (subject, _) in with_subject.clone() {
        let path = format!("/v2/{REPOSITORY}/referrers/{subject}");
        let mut expected: Vec<Value> = with_subject
            .clone()
            .filter(|(of, _)| *of == subject)
            .map(|(_, one)| {
                let parsed: Value = serde_json::from_slice(&one.bytes).unwrap();
                let mut listed = one.descriptor();
                let stated = &parsed["artifactType"];
                let kind = if stated.is_null() {
                    &parsed["config"]["mediaType"]
                } else {
                    stated
                };
                listed["artifactType"] = kind.clone();
                if !parsed["annotations"].is_null() {
                    listed["annotations"] = parsed["annotations"].clone();
                }
                listed
            })
            .collect();
        expected.sort_by_key(|one| one["digest"].to_string());
        let answer = world.get(&path).await;
        assert_eq!(header(&answer, "content-type"), INDEX);
        let index = value(answer).await;
        assert_eq!(
            index,
            json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": expected })
        );
        let kind = "application/vnd.example.two";
        let answer = world.get(&format!("{path}?artifactType={kind}")).await;
        assert_eq!(header(&answer, "oci-filters-applied"), "artifactType");
        expected.retain(|one| one["artifactType"] == kind);
        assert_eq!(value(answer).await["manifests"], json!(expected));
    }
}
