use registry_schema::api::evaluations_path;
use registry_schema::envelope::Envelope;
use registry_schema::reference::Requirement;
use reqwest::header::{IF_NONE_MATCH, RANGE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{INDEX, MANIFEST, delete, push, sha256, sha512, value};
use crate::draft::{Draft, Signed};
use crate::members_say::{evaluation, signed};
use crate::missing;
use crate::model_signature::{attach, bundle};
use crate::world::{ALPHA, BETA, World, header, oci_error};

/// Three releases of `everyday-objects`, the newest of which is yanked.
async fn published(world: &World) -> Vec<Signed> {
    let bare = |version: &str| Draft::new("everyday-objects", version);
    let first = bare("2.0.0").sign(&[ALPHA]);
    let second = bare("2.1.0").after(&first).sign(&[ALPHA]);
    let third = bare("2.1.1").after(&second).sign(&[ALPHA]);
    for release in [&first, &second, &third] {
        world.published(release).await;
    }
    world.yanked(&third).await;
    vec![first, second, third]
}

async fn manifest(world: &World, reference: &str) -> (String, Value) {
    let answer = world
        .get(&format!("/v2/everyday-objects/manifests/{reference}"))
        .await;
    let digest = header(&answer, "docker-content-digest").to_owned();
    (digest, value(answer).await)
}

#[tokio::test]
async fn a_release_is_an_artifact_whose_layers_are_its_files() {
    let world = World::start();
    let releases = published(&world).await;
    let answer = world.get("/v2/everyday-objects/manifests/2.1.0").await;
    assert_eq!(header(&answer, "content-type"), MANIFEST);
    assert!(header(&answer, "cache-control").contains("immutable"));
    let digest = header(&answer, "docker-content-digest").to_owned();
    assert_eq!(header(&answer, "etag"), format!("\"{digest}\""));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(sha256(&bytes), digest);
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        manifest["artifactType"],
        "application/vnd.cncf.model.manifest.v1+json"
    );
    let key = |word: &str| format!("org.opencontainers.image.{word}");
    let annotations = &manifest["annotations"];
    assert_eq!(annotations[key("version")], "2.1.0");
    assert_eq!(
        annotations[key("revision")],
        releases[1].statement.to_string()
    );

    // Byte for byte, whole and in part.
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), releases[1].files.len());
    for layer in layers {
        let path = layer["annotations"]["org.cncf.model.filepath"]
            .as_str()
            .unwrap();
        let digest = layer["digest"].as_str().unwrap();
        let blob = format!("/v2/everyday-objects/blobs/{digest}");
        let expected = &releases[1].files[path];
        assert_eq!(layer["size"], expected.len());
        assert_eq!(world.get(&blob).await.bytes().await.unwrap(), expected);
        let part = world.request(Method::GET, &blob).header(RANGE, "bytes=1-");
        assert_eq!(
            part.send().await.unwrap().bytes().await.unwrap(),
            expected[1..]
        );
        let none = world.request(Method::GET, &blob).header(RANGE, "bytes=9-3");
        oci_error(none.send().await.unwrap(), 416, "SIZE_INVALID").await;
    }

    // The configuration is no file, and is read like one.
    let config = &manifest["config"];
    let blob = format!(
        "/v2/everyday-objects/blobs/{}",
        config["digest"].as_str().unwrap()
    );
    let head = world.request(Method::HEAD, &blob).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), config["size"].to_string());
    let made = world.get(&blob).await;
    assert_eq!(
        header(&made, "content-type"),
        "application/vnd.cncf.model.config.v1+json"
    );
    let made = value(made).await;
    let (about, layers) = (&made["descriptor"], &made["modelfs"]["diffIds"]);
    assert_eq!(about["name"], "everyday-objects");
    assert_eq!(about["licenses"], json!(["Apache-2.0"]));
    assert_eq!(layers.as_array().unwrap().len(), releases[1].files.len());
}

#[tokio::test]
async fn tags_are_versions_and_what_they_are_the_newest_of() {
    let world = World::start();
    published(&world).await;
    let (newest, _) = manifest(&world, "2.1.0").await;
    for tag in ["2", "2.1", "latest", &newest] {
        assert_eq!(manifest(&world, tag).await.0, newest, "{tag}");
    }
    // Yanked: found by those who know it, offered to nobody.
    let (yanked, _) = manifest(&world, "2.1.1").await;
    assert_ne!(yanked, newest);
    let tags = value(world.get("/v2/everyday-objects/tags/list").await).await;
    let all = json!(["2", "2.0", "2.0.0", "2.1", "2.1.0", "latest"]);
    assert_eq!(tags, json!({ "name": "everyday-objects", "tags": all }));

    let mut next = Some("/v2/everyday-objects/tags/list?n=4".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = world.get(&path).await;
        let link = page
            .headers()
            .get("link")
            .map(|link| link.to_str().unwrap());
        next = link.map(|link| {
            let path = link.strip_prefix('<').unwrap();
            path.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
        found.extend(value(page).await["tags"].as_array().unwrap().clone());
    }
    assert_eq!(json!(found), all);
    let after = world
        .get("/v2/everyday-objects/tags/list?last=2.1&n=0")
        .await;
    assert_eq!(value(after).await["tags"], json!([]));
    let wrong = world.get("/v2/everyday-objects/tags/list?n=x").await;
    oci_error(wrong, 400, "PAGINATION_NUMBER_INVALID").await;
    let all = value(world.get("/v2/_catalog").await).await;
    assert_eq!(all, json!({ "repositories": ["everyday-objects"] }));

    let known = world
        .request(Method::GET, "/v2/everyday-objects/manifests/2")
        .header(IF_NONE_MATCH, format!("\"{newest}\""));
    let known = known.send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let path = "/v2/everyday-objects/manifests/2.1.0";
    let head = world.request(Method::HEAD, path).send().await.unwrap();
    let whole = world.get(path).await.bytes().await.unwrap();
    assert_eq!(header(&head, "content-length"), whole.len().to_string());
    assert_eq!(head.bytes().await.unwrap(), "");
    let other = format!("/v2/everyday-objects/manifests/{}", sha512(&whole));
    assert_eq!(world.get(&other).await.bytes().await.unwrap(), whole);
}

#[tokio::test]
async fn what_proves_a_release_refers_to_it() {
    let mut world = World::start();
    let release = Draft::new("everyday-objects", "2.1.0").sign(&[ALPHA]);
    world.published(&release).await;
    let (subject, _) = manifest(&world, "2.1.0").await;
    let list = format!("/v2/everyday-objects/referrers/{subject}");
    let proof = "application/vnd.c2sp.tlog-proof.v1";
    let filtered = format!("{list}?artifactType={proof}");
    let before = value(world.get(&filtered).await).await;

    let payload = Envelope::parse(&release.envelope).unwrap();
    let signature = bundle(payload.payload());
    world.upload(&release.name, &signature).await;
    let attached = attach(&world, &world.token, &release, &signature).await;
    assert_eq!(attached.status(), StatusCode::CREATED);
    let beta = world.make_token("beta", "publish");
    let exact = Requirement::Exact(release.version.clone());
    let said = signed(evaluation(&release, "beta", 1).to_payload(), BETA);
    let path = evaluations_path(&release.name, &exact);
    let answer = world.post_as(&beta, &path, said.clone()).await;
    assert_eq!(answer.status(), StatusCode::CREATED);

    let answer = world.get(&list).await;
    assert_eq!(header(&answer, "content-type"), INDEX);
    let index = value(answer).await;
    assert_eq!(
        (&index["mediaType"], &index["schemaVersion"]),
        (&json!(INDEX), &json!(2))
    );
    let mut contents = Vec::new();
    for listed in index["manifests"].as_array().unwrap() {
        let digest = listed["digest"].as_str().unwrap();
        let (_, referrer) = manifest(&world, digest).await;
        assert_eq!(referrer["subject"]["digest"], *subject);
        assert_eq!(referrer["artifactType"], listed["artifactType"]);
        assert_eq!(referrer["annotations"], listed["annotations"]);
        let layer = &referrer["layers"][0];
        for part in [layer, &referrer["config"]] {
            let blob = part["digest"].as_str().unwrap();
            let bytes = world
                .get(&format!("/v2/everyday-objects/blobs/{blob}"))
                .await;
            let bytes = bytes.bytes().await.unwrap();
            assert_eq!(
                (sha256(&bytes).as_str(), part["size"].as_u64()),
                (blob, Some(bytes.len() as u64))
            );
            if part == layer {
                let title = &layer["annotations"]["org.opencontainers.image.title"];
                contents.push((title.as_str().unwrap().to_owned(), bytes.to_vec()));
            }
        }
    }
    contents.sort();
    let titles: Vec<&str> = contents.iter().map(|(title, _)| title.as_str()).collect();
    let expected = [
        "evaluation-beta-1.dsse.json",
        "model.sig",
        "release.dsse.json",
        "release.tlog-proof",
    ];
    assert_eq!(titles, expected);
    assert_eq!(contents[0].1, said);
    assert_eq!(contents[1].1, signature);
    assert_eq!(contents[2].1, release.envelope);
    assert!(contents[3].1.starts_with(b"c2sp.org/tlog-proof@v1"));

    // The proof stays what it was, although the log has grown, also across a restart.
    world.kill();
    world.serve(&[]);
    let answer = world.get(&filtered).await;
    assert_eq!(header(&answer, "oci-filters-applied"), "artifactType");
    let after = value(answer).await;
    assert_eq!(after, before);
    assert_eq!(after["manifests"].as_array().unwrap().len(), 1);
    // Where there is no list of referrers, clients look for a tag.
    let tag = subject.replace(':', "-");
    assert_eq!(manifest(&world, &tag).await.1, index);
    let unknown = format!("/v2/everyday-objects/referrers/{}", sha256(b"x"));
    assert_eq!(
        value(world.get(&unknown).await).await["manifests"],
        json!([])
    );
}

#[tokio::test]
async fn releases_are_not_pushed_or_deleted() {
    let world = World::start();
    published(&world).await;
    let (digest, _) = manifest(&world, "2.1.0").await;
    let whole = world.get("/v2/everyday-objects/manifests/2.1.0").await;
    let whole = whole.bytes().await.unwrap();
    for reference in ["2.1.0", "2", "mine", &digest] {
        let path = format!("/v2/everyday-objects/manifests/{reference}");
        let refused = push(&world, &path, &whole).await;
        assert_eq!(header(&refused, "allow"), "GET, HEAD");
        oci_error(refused, 405, "UNSUPPORTED").await;
        oci_error(delete(&world, &path).await, 405, "UNSUPPORTED").await;
    }
    let blob = format!("/v2/everyday-objects/blobs/{}", sha256(b"x"));
    oci_error(delete(&world, &blob).await, 405, "UNSUPPORTED").await;
    // Without the operator's word there is no other place either.
    let elsewhere = push(&world, "/v2/conformance/repo1/manifests/x", &whole).await;
    oci_error(elsewhere, 405, "UNSUPPORTED").await;
    let deep = push(&world, "/v2/conformance/a/b/manifests/x", &whole).await;
    oci_error(deep, 400, "NAME_INVALID").await;
    for (path, status, code) in [
        ("/v2/everyday-objects/manifests/3", 404, "MANIFEST_UNKNOWN"),
        ("/v2/everyday-objects/manifests/x", 404, "MANIFEST_UNKNOWN"),
        ("/v2/nothing-here/manifests/1", 404, "NAME_UNKNOWN"),
        ("/v2/nothing-here/tags/list", 404, "NAME_UNKNOWN"),
        (
            "/v2/everyday-objects/manifests/sha256:x",
            400,
            "DIGEST_INVALID",
        ),
        ("/v2/everyday-objects/referrers/x", 400, "DIGEST_INVALID"),
        ("/v2/UPPER/manifests/1", 400, "NAME_INVALID"),
        ("/v2/everyday-objects/tags", 404, "NAME_UNKNOWN"),
    ] {
        oci_error(world.get(path).await, status, code).await;
    }
    let unknown = format!("/v2/everyday-objects/manifests/{}", sha256(b"x"));
    oci_error(world.get(&unknown).await, 404, "MANIFEST_UNKNOWN").await;
}

#[tokio::test]
async fn heads_over_http_2_have_lengths() {
    let world = World::start();
    published(&world).await;
    let (digest, manifest) = manifest(&world, "2.1.0").await;
    let config = manifest["config"]["digest"].as_str().unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    for path in [
        format!("manifests/{digest}"),
        format!("blobs/{config}"),
        format!("blobs/{layer}"),
    ] {
        let path = format!("/v2/everyday-objects/{path}");
        let length = world.get(&path).await.bytes().await.unwrap().len();
        // Clients that are written in Go speak it.
        let curl = std::process::Command::new("curl")
            .args(["--silent", "--show-error", "--http2", "--head", "--cacert"])
            .arg(world.certificate_file())
            .args(["--user", &format!("me:{}", world.token)])
            .arg(format!("{}{path}", world.base))
            .output();
        let Ok(curl) = curl else {
            missing::tool("there is no curl, which speaks HTTP/2");
            return;
        };
        let head = String::from_utf8(curl.stdout).unwrap().to_lowercase();
        assert!(head.starts_with("http/2 200"), "{head}");
        assert!(
            head.contains(&format!("content-length: {length}\r\n")),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_proof_that_could_not_be_kept_is_found_once_it_can() {
    let world = World::start();
    if !world.has_file() {
        return;
    }
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    let whole = world.get("/v2/alpha/squares/manifests/1.0.0").await;
    let subject = header(&whole, "docker-content-digest").to_owned();
    let list = format!("/v2/alpha/squares/referrers/{subject}");
    // As when others write for longer than a request waits.
    world.sql(
        "CREATE TRIGGER busy BEFORE INSERT ON oci_proofs \
         BEGIN SELECT RAISE(ABORT, 'the database is locked'); END",
    );
    let without = value(world.get(&list).await).await;
    assert_eq!(without["manifests"].as_array().unwrap().len(), 1);
    world.sql("DROP TRIGGER busy");
    let with = value(world.get(&list).await).await;
    let manifests = with["manifests"].as_array().unwrap();
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        let digest = manifest["digest"].as_str().unwrap();
        let found = world
            .get(&format!("/v2/alpha/squares/manifests/{digest}"))
            .await;
        assert_eq!(found.status(), StatusCode::OK, "{manifest}");
    }
}
