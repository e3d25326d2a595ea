use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    INDEX, MANIFEST, begin, delete, descriptor, open_world, push, sha256, sha512, upload, value,
};
use crate::draft::Draft;
use crate::world::{ALPHA, World, header, oci_error};

const REPOSITORY: &str = "conformance/a/b";

/// An image with one layer, whose blobs are there.
async fn image(world: &World, more: serde_json::Value) -> Vec<u8> {
    let (config, layer) = (b"{}".as_slice(), b"layer".as_slice());
    for bytes in [config, layer] {
        let uploaded = upload(world, REPOSITORY, &sha256(bytes), bytes).await;
        assert_eq!(uploaded.status(), StatusCode::CREATED);
    }
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.example.config", &sha256(config), config),
        "layers": [descriptor("application/vnd.example.layer", &sha256(layer), layer)],
    });
    for (key, value) in more.as_object().unwrap() {
        manifest[key] = value.clone();
    }
    manifest.to_string().into_bytes()
}

#[tokio::test]
async fn what_members_push_is_no_release() {
    let mut world = open_world();
    let squares = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&squares).await;
    let image = image(&world, json!({})).await;
    let pushed = push(&world, &format!("/v2/{REPOSITORY}/manifests/1.0.0"), &image).await;
    assert_eq!(pushed.status(), StatusCode::CREATED);
    assert_eq!(header(&pushed, "docker-content-digest"), sha256(&image));
    let found: serde_json::Value = world.json("/api/v1/extractors").await;
    assert_eq!(found["extractors"].as_array().unwrap().len(), 1, "{found}");
    let catalog = value(world.get("/v2/_catalog").await).await;
    assert_eq!(
        catalog,
        json!({ "repositories": ["alpha/squares", REPOSITORY] })
    );
    let page = world.get("/v2/_catalog?n=1").await;
    assert_eq!(
        header(&page, "link"),
        "</v2/_catalog?n=1&last=alpha/squares>; rel=\"next\""
    );

    // Others push too, unless the operator names who may; readers do not.
    let path = format!("/v2/{REPOSITORY}/manifests/1.0.0");
    let as_member = |token: String, world: &World| {
        let request = world.request_as(&token, Method::PUT, &path);
        request
            .header(CONTENT_TYPE, MANIFEST)
            .body(image.clone())
            .send()
    };
    let reader = world.make_token("beta", "read");
    oci_error(as_member(reader, &world).await.unwrap(), 403, "DENIED").await;
    let beta = world.make_token("beta", "publish");
    let pushed = as_member(beta.clone(), &world).await.unwrap();
    assert_eq!(pushed.status(), StatusCode::CREATED);
    world.kill();
    world.serve(&["--oci-repositories", "conformance=alpha"]);
    oci_error(as_member(beta, &world).await.unwrap(), 403, "DENIED").await;
    oci_error(
        delete(&world, "/v2/conformance/none/manifests/x").await,
        404,
        "MANIFEST_UNKNOWN",
    )
    .await;

    // A namespace that is a member's name is the member's.
    world.kill();
    world.serve(&["--oci-repositories", "alpha"]);
    let refused = push(&world, "/v2/alpha/squares/manifests/9.0.0", &image).await;
    oci_error(refused, 405, "UNSUPPORTED").await;
    world.kill();
    world.serve(&[]);
    let closed = world.get(&path).await;
    oci_error(closed, 400, "NAME_INVALID").await;
}

#[tokio::test]
async fn manifests_count_against_the_quota_of_who_pushes_them() {
    let world = open_world();
    let small = image(&world, json!({})).await;
    let large = image(&world, json!({ "annotations": { "a": "A".repeat(2_000) } })).await;
    let set = |bytes: &str| {
        let told = world.run(&["quota", "set", "--member", "alpha", "--bytes", bytes]);
        assert!(told.status.success(), "{told:?}");
    };
    let stored = || {
        let said = String::from_utf8(world.run(&["quota", "list"]).stdout).unwrap();
        let line = said.lines().find(|line| line.starts_with("alpha"));
        let stored = line.unwrap().split_whitespace().nth(1);
        stored.unwrap().parse::<usize>().unwrap()
    };
    set("2000");
    let blobs = stored();
    let to = |name: &str| format!("/v2/{REPOSITORY}/manifests/{name}");
    for tag in ["one", "two"] {
        let pushed = push(&world, &to(tag), &small).await;
        assert_eq!(pushed.status(), StatusCode::CREATED);
    }
    assert_eq!(stored(), blobs + small.len());
    let refused = push(&world, &to("three"), &large).await;
    let said = oci_error(refused, 403, "DENIED").await;
    assert!(said.contains("quota"), "{said}");
    oci_error(world.get(&to("three")).await, 404, "MANIFEST_UNKNOWN").await;
    // The same again costs nothing, also where nothing is left; another member has its own.
    set("1");
    let again = push(&world, &to("four"), &small).await;
    assert_eq!(again.status(), StatusCode::CREATED);
    let beta = world.make_token("beta", "publish");
    let request = world.request_as(&beta, Method::PUT, &to("five"));
    let pushed = request.header(CONTENT_TYPE, MANIFEST).body(large).send();
    assert_eq!(pushed.await.unwrap().status(), StatusCode::CREATED);
    // What is deleted makes room.
    let gone = delete(&world, &to(&sha256(&small))).await;
    assert_eq!(gone.status(), StatusCode::ACCEPTED);
    assert_eq!(stored(), blobs);
}

#[tokio::test]
async fn manifests_that_are_none_are_refused_whole() {
    let world = open_world();
    let good = image(&world, json!({})).await;
    let to = |reference: &str| format!("/v2/{REPOSITORY}/manifests/{reference}");
    let missing = sha256(b"never pushed");
    for (more, reference, status, code) in [
        (json!({ "schemaVersion": 1 }), "x", 400, "MANIFEST_INVALID"),
        (
            json!({ "mediaType": "text/html" }),
            "x",
            400,
            "MANIFEST_INVALID",
        ),
        (json!({ "layers": null }), "x", 400, "MANIFEST_INVALID"),
        (
            json!({ "layers": [descriptor("a/b", &missing, b"1")] }),
            "x",
            404,
            "MANIFEST_BLOB_UNKNOWN",
        ),
        (
            json!({ "layers": [descriptor("a/b", &sha256(b"{}"), b"123")] }),
            "x",
            400,
            "MANIFEST_INVALID",
        ),
        (
            json!({ "layers": [descriptor("a/b", "sha256:1", b"1")] }),
            "x",
            400,
            "DIGEST_INVALID",
        ),
        (
            json!({ "mediaType": INDEX, "manifests": [descriptor(MANIFEST, &missing, b"1")] }),
            "x",
            404,
            "MANIFEST_BLOB_UNKNOWN",
        ),
        (json!({}), "-x", 400, "MANIFEST_INVALID"),
        (json!({}), "sha256:baddigeststring", 400, "DIGEST_INVALID"),
        (json!({}), missing.as_str(), 400, "DIGEST_INVALID"),
        (json!({}), "x?tag=%2e", 400, "MANIFEST_INVALID"),
    ] {
        let bad = image(&world, more.clone()).await;
        let answer = push(&world, &to(reference), &bad).await;
        oci_error(answer, status, code).await;
    }
    let large = json!({ "annotations": { "a": "A".repeat(5 << 20) } });
    let answer = push(&world, &to("x"), &image(&world, large).await).await;
    oci_error(answer, 413, "SIZE_INVALID").await;
    let text = world
        .request(Method::PUT, &to("x"))
        .header(CONTENT_TYPE, MANIFEST);
    oci_error(
        text.body("no JSON").send().await.unwrap(),
        400,
        "MANIFEST_INVALID",
    )
    .await;
    let nothing = value(world.get(&format!("/v2/{REPOSITORY}/tags/list")).await).await;
    assert_eq!(nothing["tags"], json!([]));
    let nowhere = world.get("/v2/conformance/nowhere/tags/list").await;
    oci_error(nowhere, 404, "NAME_UNKNOWN").await;
    oci_error(world.get(&to("x")).await, 404, "MANIFEST_UNKNOWN").await;
    assert_eq!(
        push(&world, &to("x"), &good).await.status(),
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn blobs_go_between_repositories_by_name_or_by_digest_alone() {
    let world = open_world();
    let squares = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&squares).await;
    let graph = &squares.files["model.onnx"];
    let mount = async |to: &str, digest: &str, from: &str| {
        let path = format!("/v2/{to}/blobs/uploads/?mount={digest}{from}");
        world.request(Method::POST, &path).send().await.unwrap()
    };
    let other = sha512(b"other");
    upload(&world, "conformance/x", &other, b"other").await;
    for (to, digest, from, status) in [
        (
            "conformance/y",
            sha256(graph),
            "&from=alpha/squares",
            StatusCode::CREATED,
        ),
        ("conformance/z", sha256(graph), "", StatusCode::CREATED),
        (
            "conformance/z",
            other.clone(),
            "&from=conformance/x",
            StatusCode::CREATED,
        ),
        ("conformance/y", other.clone(), "", StatusCode::CREATED),
        ("alpha/squares", sha256(b"{}"), "", StatusCode::ACCEPTED),
        (
            "alpha/squares",
            other.clone(),
            "&from=conformance/x",
            StatusCode::ACCEPTED,
        ),
        (
            "conformance/y",
            other.clone(),
            "&from=conformance/none",
            StatusCode::ACCEPTED,
        ),
        (
            "conformance/y",
            other.clone(),
            "&from=UPPER",
            StatusCode::ACCEPTED,
        ),
    ] {
        let answer = mount(to, &digest, from).await;
        assert_eq!(answer.status(), status, "{to} {from}");
        if status == StatusCode::CREATED {
            let read = world.get(header(&answer, "location")).await;
            assert_eq!(header(&read, "docker-content-digest"), digest);
        }
    }
    // What is deleted in one repository stays in the others.
    let gone = format!("/v2/conformance/z/blobs/{other}");
    assert_eq!(delete(&world, &gone).await.status(), StatusCode::ACCEPTED);
    oci_error(world.get(&gone).await, 404, "BLOB_UNKNOWN").await;
    oci_error(delete(&world, &gone).await, 404, "BLOB_UNKNOWN").await;
    let stays = world.get(&format!("/v2/conformance/y/blobs/{other}")).await;
    assert_eq!(stays.bytes().await.unwrap(), "other");
}

#[tokio::test]
async fn an_upload_of_nothing_yet_says_so_in_both_languages() {
    let world = open_world();
    let at = begin(&world, "conformance/x").await;
    let status = world.get(&at).await;
    assert_eq!(status.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        (
            header(&status, "range"),
            header(&status, "hub-upload-bytes")
        ),
        ("0-0", "0")
    );
    let one = world
        .request(Method::PATCH, &at)
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (header(&one, "range"), header(&one, "hub-upload-bytes")),
        ("0-0", "1")
    );
    // Other bytes than the SHA-512 says: gone, and in no repository.
    let wrong = format!("{at}?digest={}", sha512(b"y"));
    let refused = world.request(Method::PUT, &wrong).send().await.unwrap();
    oci_error(refused, 400, "DIGEST_INVALID").await;
    oci_error(world.get(&at).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    for digest in [sha256(b"x"), sha512(b"x"), sha512(b"y")] {
        let path = format!("/v2/conformance/x/blobs/{digest}");
        oci_error(world.get(&path).await, 404, "BLOB_UNKNOWN").await;
    }
    for (path, status, code) in [
        (
            "/v2/alpha/squares/blobs/uploads/?digest-algorithm=sha512",
            400,
            "UNSUPPORTED",
        ),
        (
            "/v2/conformance/x/blobs/uploads/?digest-algorithm=md5",
            400,
            "UNSUPPORTED",
        ),
    ] {
        let begun = world.request(Method::POST, path).send().await.unwrap();
        oci_error(begun, status, code).await;
    }
}

#[tokio::test]
async fn referrers_come_in_pages_that_anybody_can_hold() {
    let world = open_world();
    let subject = image(&world, json!({})).await;
    let about = descriptor(MANIFEST, &sha256(&subject), &subject);
    let referring = |number: usize| {
        let kind = [
            "application/vnd.example.odd",
            "application/vnd.example.even",
        ][number % 2];
        json!({ "subject": about, "artifactType": kind, "annotations": { "number": number.to_string() } })
    };
    let mut pushed = std::collections::BTreeSet::new();
    for number in 0..103 {
        let manifest = image(&world, referring(number)).await;
        let digest = sha256(&manifest);
        let path = format!("/v2/{REPOSITORY}/manifests/{digest}");
        assert_eq!(
            push(&world, &path, &manifest).await.status(),
            StatusCode::CREATED
        );
        pushed.insert(digest);
    }
    for (filter, expected) in [("", 103), ("?artifactType=application/vnd.example.odd", 52)] {
        let start = format!("/v2/{REPOSITORY}/referrers/{}{filter}", sha256(&subject));
        let (mut found, mut next) = (Vec::new(), Some(start));
        while let Some(path) = next {
            let answer = world.get(&path).await;
            next = answer.headers().get("link").map(|link| {
                let link = link.to_str().unwrap().strip_prefix('<').unwrap();
                link.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
            });
            let page = value(answer).await;
            let page = page["manifests"].as_array().unwrap().clone();
            assert!(page.len() <= 100);
            found.extend(
                page.iter()
                    .map(|one| one["digest"].as_str().unwrap().to_owned()),
            );
        }
        assert_eq!(found.len(), expected, "{filter}");
        assert!(found.is_sorted() && found.iter().all(|one| pushed.contains(one)));
    }
    // What a list would repeat has a bound; a manifest that is in none has not.
    let large = json!({ "large": "A".repeat(70 << 10) });
    let path = format!("/v2/{REPOSITORY}/manifests/large");
    let listed = json!({ "subject": about, "annotations": large });
    let refused = push(&world, &path, &image(&world, listed).await).await;
    oci_error(refused, 400, "MANIFEST_INVALID").await;
    let alone = push(
        &world,
        &path,
        &image(&world, json!({ "annotations": large })).await,
    )
    .await;
    assert_eq!(alone.status(), StatusCode::CREATED);
}
