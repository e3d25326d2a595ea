//! The read side of the Hugging Face Hub's protocol: its own client, and what that does not ask.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_schema::digest::Digest;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, LINK, RANGE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bucket::Store;
use crate::draft::{Draft, RED, Signed, graph};
use crate::python::{python, run, script};
use crate::world::{ALPHA, World, header};

fn commit(signed: &Signed) -> String {
    signed.statement.to_hex()[..40].to_owned()
}

/// `everyday-objects` with a yanked newest release and one before it, and `alpha/heavy`.
async fn published(world: &World) -> BTreeMap<&'static str, Vec<Signed>> {
    let bare = |version: &str| Draft::new("everyday-objects", version);
    let first = bare("2.0.0").sign(&[ALPHA]);
    let second = bare("2.1.0").after(&first).sign(&[ALPHA]);
    let third = bare("2.1.1").after(&second).sign(&[ALPHA]);
    // Some megabytes, which come in several pieces.
    let notes: String = (0..400_000).map(|line| format!("{line}\n")).collect();
    let heavy = Draft::new("alpha/heavy", "1.0.0")
        .file("notes.txt", notes)
        .sign(&[ALPHA]);
    for signed in [&first, &second, &third, &heavy] {
        world.published(signed).await;
    }
    world.yanked(&third).await;
    BTreeMap::from([
        ("everyday-objects", vec![first, second, third]),
        ("alpha/heavy", vec![heavy]),
    ])
}

fn expectation(name: &str, releases: &[Signed]) -> Value {
    let versions = releases.iter().map(|release| {
        let files = release.files.iter();
        let files = files.map(|(path, bytes)| (path.clone(), BASE64.encode(bytes).into()));
        let files: serde_json::Map<String, Value> = files.collect();
        let about = json!({ "commit": commit(release), "files": files });
        (release.version.to_string(), about)
    });
    let versions: serde_json::Map<String, Value> = versions.collect();
    let (main, yanked) = match name {
        "everyday-objects" => ("2.1.0", json!("2.1.1")),
        _ => ("1.0.0", Value::Null),
    };
    json!({ "main": main, "yanked": yanked, "versions": versions })
}

/// Reads everything with the Hugging Face Hub's own client; whether there is one.
async fn is_read_by_its_client(
    world: &World,
    releases: &BTreeMap<&'static str, Vec<Signed>>,
) -> bool {
    let Some(python) = python() else { return false };
    let names: serde_json::Map<String, Value> = releases
        .iter()
        .map(|(name, releases)| ((*name).to_owned(), expectation(name, releases)))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected.json");
    std::fs::write(&expected, json!({ "names": names }).to_string()).unwrap();
    let mut command = script(&python, "check_hugging_face.py");
    command
        .arg(expected)
        .arg(folder.path())
        .env("HF_ENDPOINT", &world.base)
        .env("HF_TOKEN", world.make_token("alpha", "read"))
        .env("HF_HOME", folder.path().join("home"))
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        .env("SSL_CERT_FILE", world.certificate_file());
    let output = run(command).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", world.log());
    true
}

#[tokio::test]
async fn the_hugging_face_client_reads_a_hub() {
    let world = World::start();
    let releases = published(&world).await;
    is_read_by_its_client(&world, &releases).await;
}

#[tokio::test]
async fn the_hugging_face_client_fetches_large_files_from_the_store_and_leaves_its_token_at_home() {
    let store = Store::start(&["--redirect-blobs", "60"]);
    let world = &store.world;
    // 1.5 MiB of weights, which is enough to be worth another connection.
    let dimension = 2048;
    let heavy = Draft::new("alpha/heavy", "1.0.0")
        .with(|manifest| manifest.output.dimension = dimension)
        .file("model.onnx", graph(dimension.into()))
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0)])
        .sign(&[ALPHA]);
    world.published(&heavy).await;
    let digest = Digest::of(&heavy.files["model.onnx"]).to_hex();
    let releases = BTreeMap::from([("alpha/heavy", vec![heavy])]);
    if !is_read_by_its_client(world, &releases).await {
        return;
    }
    let heads = store.way.heads();
    let signed = format!("/its/sha256/{}/{digest}?X-Amz-", &digest[..2]);
    let asked = heads.lines().filter(|line| line.contains(&signed)).count();
    // By two ways of its library, and by its command.
    assert!(asked >= 3, "{asked}: {heads}");
    assert!(!heads.to_lowercase().contains("bearer"), "{heads}");
}

#[tokio::test]
async fn trees_and_lists_come_in_pages() {
    let world = World::start();
    published(&world).await;
    for (start, all) in [
        (
            "/api/models?limit=1",
            vec!["alpha/heavy", "everyday-objects"],
        ),
        (
            "/api/models/alpha/heavy/tree/1?recursive=true&limit=2",
            vec![
                "README.md",
                "model.onnx",
                "notes.txt",
                "probes",
                "probes/blue.png",
                "probes/green.png",
                "probes/red.png",
                "probes/vectors.json",
            ],
        ),
        (
            "/api/models/alpha/heavy/tree/1.0.0/probes?limit=3",
            vec![
                "probes/blue.png",
                "probes/green.png",
                "probes/red.png",
                "probes/vectors.json",
            ],
        ),
    ] {
        let mut found = Vec::new();
        let mut next = Some(start.to_owned());
        while let Some(path) = next {
            let answer = world.get(&path).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            next = answer.headers().get(LINK).map(|link| {
                let link = link.to_str().unwrap();
                let address = link
                    .strip_prefix('<')
                    .and_then(|link| link.strip_suffix(">; rel=\"next\""));
                let path = address.unwrap().strip_prefix(&world.base).unwrap();
                path.to_owned()
            });
            let page: Vec<Value> = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            for entry in page {
                let name = entry.get("path").or(entry.get("id")).unwrap();
                found.push(name.as_str().unwrap().to_owned());
            }
            assert!(found.len() <= all.len(), "{found:?}");
        }
        assert_eq!(found, all, "{start}");
    }
}

#[tokio::test]
async fn files_are_the_hubs_own_under_other_names() {
    let world = World::start();
    let releases = published(&world).await;
    let path = "/everyday-objects/resolve/2/probes/red.png";
    let head = world.request(Method::HEAD, path).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(
        header(&head, "x-repo-commit"),
        commit(&releases["everyday-objects"][1])
    );
    let digest = Digest::of(RED);
    assert_eq!(
        header(&head, "x-linked-etag"),
        format!("\"{}\"", digest.to_hex())
    );
    assert_eq!(header(&head, "x-linked-size"), RED.len().to_string());
    assert_eq!(header(&head, "content-length"), RED.len().to_string());
    assert_eq!(header(&head, "cache-control"), "no-cache");
    let part = world
        .request(Method::GET, path)
        .header(RANGE, "bytes=1-3")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        part.headers()[CONTENT_RANGE],
        format!("bytes 1-3/{}", RED.len())
    );
    assert_eq!(part.bytes().await.unwrap(), "PNG");
    let fixed = commit(&releases["alpha/heavy"][0]);
    let path = format!("/alpha/heavy/resolve/{fixed}/probes/red.png");
    let forever = world.get(&path).await;
    assert!(header(&forever, "cache-control").contains("immutable"));

    // Errors have the client's codes, and say what happened.
    let answer = world.get("/alpha/heavy/resolve/1/probes/pink.png").await;
    assert_eq!(header(&answer, "x-error-code"), "EntryNotFound");
    assert!(header(&answer, "x-error-message").contains("probes/pink.png"));
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], "not_found");
    let refused = world
        .request(Method::GET, &path)
        .header(RANGE, "bytes=1000000-")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let posted = world.request(Method::POST, "/api/models/alpha/heavy");
    let posted = posted.send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);

    // Paths may be asked about in JSON, too.
    let asked = world
        .request(Method::POST, "/api/models/alpha/heavy/paths-info/main")
        .header(CONTENT_TYPE, "application/json")
        .body(r#"{"paths": ["probes", "probes/", "README.md", "", "no"]}"#)
        .send()
        .await
        .unwrap();
    let found: Vec<Value> = serde_json::from_str(&asked.text().await.unwrap()).unwrap();
    let found: Vec<_> = found.iter().map(|entry| &entry["path"]).collect();
    assert_eq!(found, ["README.md", "probes"]);
}
