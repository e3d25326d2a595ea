//! Search, show, files, and paths that are none.

use registry_schema::api::{ExtractorPage, ProblemCode, ReleaseDetail, release_path};
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE};
use reqwest::{Method, StatusCode};

use crate::draft::{Draft, RED};
use crate::world::{ALPHA, World, header, oci_error, problem};

async fn names(world: &World, query: &str) -> (Vec<String>, Option<String>) {
    let page: ExtractorPage = world.json(&format!("/api/v1/extractors{query}")).await;
    (
        page.extractors
            .iter()
            .map(|one| one.name.to_string())
            .collect(),
        page.next,
    )
}

#[tokio::test]
async fn search_finds_words_and_pages_by_name() {
    let world = World::start();
    for (name, tag, domain) in [
        ("alpha/cats", "pets", "photographs"),
        ("alpha/dogs", "pets", "photographs"),
        ("alpha/scans", "mrz-50", "documents"),
        ("everyday-objects", "things", "photographs"),
    ] {
        let draft = Draft::new(name, "1.0.0").with(|manifest| {
            manifest.tags = vec![tag.to_owned(), "common".to_owned()];
            manifest.domain = domain.to_owned();
            manifest.summary = format!("Knows 100% of {tag}");
        });
        world.published(&draft.sign(&[ALPHA])).await;
    }
    let all = [
        "alpha/cats",
        "alpha/dogs",
        "alpha/scans",
        "everyday-objects",
    ];
    assert_eq!(names(&world, "").await.0, all);
    assert_eq!(names(&world, "?q=DOGS").await.0, ["alpha/dogs"]);
    assert_eq!(names(&world, "?q=pets+cat").await.0, ["alpha/cats"]);
    assert_eq!(names(&world, "?q=100%25").await.0, all);
    assert!(
        names(&world, "?q=1_0").await.0.is_empty(),
        "`_` stands for itself"
    );
    assert!(
        names(&world, "?tag=pet").await.0.is_empty(),
        "whole tags only"
    );
    assert_eq!(names(&world, "?tag=mrz-50").await.0, ["alpha/scans"]);
    assert_eq!(names(&world, "?domain=documents").await.0, ["alpha/scans"]);
    assert_eq!(names(&world, "?member=alpha&tag=common").await.0, &all[..3]);
    assert_eq!(names(&world, "?license=MIT").await.0, Vec::<String>::new());

    let (first, next) = names(&world, "?limit=3").await;
    assert_eq!(first, &all[..3]);
    assert_eq!(next.as_deref(), Some("alpha/scans"));
    let (rest, end) = names(&world, "?limit=3&after=alpha/scans").await;
    assert_eq!(
        (rest.as_slice(), end),
        (&["everyday-objects".to_owned()][..], None)
    );
    for bad in ["?limit=0", "?limit=201", "?limit=x", "?colour=red"] {
        let answer = world.get(&format!("/api/v1/extractors{bad}")).await;
        problem(answer, ProblemCode::MalformedRequest).await;
    }
}

#[tokio::test]
async fn files_come_by_path_with_ranges() {
    let world = World::start();
    let signed = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&signed).await;
    let release = "/api/v1/extractors/alpha/squares/releases";
    let readme = world.get(&format!("{release}/1/readme")).await;
    assert_eq!(
        header(&readme, "content-type"),
        "text/markdown; charset=utf-8"
    );
    assert_eq!(readme.bytes().await.unwrap(), signed.files["README.md"]);

    let file = world
        .get(&format!("{release}/1.0.0/files/probes/red.png"))
        .await;
    assert_eq!(file.headers()[CONTENT_TYPE], "image/png");
    assert!(header(&file, "cache-control").contains("immutable"));
    assert_eq!(file.bytes().await.unwrap(), RED);
    let moving = world
        .get(&format!("{release}/latest/files/probes/red.png"))
        .await;
    assert_eq!(header(&moving, "cache-control"), "no-cache");
    let part = world
        .request(Method::GET, &format!("{release}/1/files/probes/red.png"))
        .header(RANGE, "bytes=1-3")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), "PNG");
    for path in [
        "probes/pink.png",
        "../README.md",
        "..%2f..%2fpolicy.toml",
        "",
    ] {
        let answer = world.get(&format!("{release}/1/files/{path}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// What a reference means is told anew when it changes, and not told again when the client has it.
#[tokio::test]
async fn a_reference_is_resolved_once_and_again_when_something_changed() {
    let world = World::start();
    let first = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let path = release_path(&first.name, &"1".parse().unwrap());
    let version = async || {
        let detail: ReleaseDetail = world.json(&path).await;
        detail.summary.version.to_string()
    };
    let known = async |etag: &str| {
        let request = world.request(Method::GET, &path);
        let answer = request.header(IF_NONE_MATCH, etag).send().await.unwrap();
        answer.status()
    };
    let answer = world.get(&path).await;
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(header(&answer, "cache-control"), "private, no-cache");
    let etag = header(&answer, "etag").to_owned();
    assert_eq!(known(&etag).await, StatusCode::NOT_MODIFIED);
    assert_eq!(known("\"other\"").await, StatusCode::OK);

    let next = Draft::new("alpha/squares", "1.0.1")
        .after(&first)
        .sign(&[ALPHA]);
    world.published(&next).await;
    assert_eq!(known(&etag).await, StatusCode::OK);
    assert_eq!(version().await, "1.0.1");
    world.yanked(&next).await;
    assert_eq!(version().await, "1.0.0");
}

#[tokio::test]
async fn blobs_come_whole_and_in_ranges() {
    let world = World::start();
    let name = "alpha/squares".parse().unwrap();
    let bytes: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    let uploaded = world.upload(&name, &bytes).await;
    assert_eq!(uploaded.status(), StatusCode::CREATED);
    let path = header(&uploaded, "location").to_owned();
    let digest = registry_schema::digest::Digest::of(&bytes);
    assert_eq!(
        header(&uploaded, "docker-content-digest"),
        digest.to_string()
    );

    let head = world.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), bytes.len().to_string());
    assert_eq!(header(&head, "accept-ranges"), "bytes");
    assert_eq!(header(&head, "docker-content-digest"), digest.to_string());
    assert!(head.bytes().await.unwrap().is_empty());
    let whole = world.get(&path).await;
    let etag = whole.headers()[ETAG].clone();
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let known = world
        .request(Method::GET, &path)
        .header(IF_NONE_MATCH, etag)
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);

    let end = bytes.len();
    for (range, wanted) in [
        ("bytes=0-0", 0..1),
        ("bytes=1000000-2000000", 1_000_000..2_000_001),
        ("bytes=2799990-", 2_799_990..end),
        ("bytes=-10", end - 10..end),
        ("bytes=2799999-9999999", end - 1..end),
    ] {
        let part = world
            .request(Method::GET, &path)
            .header(RANGE, range)
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let shown = format!("bytes {}-{}/{end}", wanted.start, wanted.end - 1);
        assert_eq!(part.headers()[CONTENT_RANGE], shown.as_str());
        assert_eq!(part.bytes().await.unwrap(), bytes[wanted]);
    }
    for range in ["bytes=2800000-", "bytes=-0"] {
        let none = world
            .request(Method::GET, &path)
            .header(RANGE, range)
            .send()
            .await
            .unwrap();
        assert_eq!(header(&none, "content-range"), format!("bytes */{end}"));
        oci_error(none, 416, "SIZE_INVALID").await;
    }
    let empty = world.upload(&name, b"").await;
    let empty = world.get(header(&empty, "location")).await;
    assert_eq!(
        (empty.status(), empty.bytes().await.unwrap().len()),
        (StatusCode::OK, 0)
    );
}

#[tokio::test]
async fn paths_and_methods_that_are_none() {
    let world = World::start();
    for path in [
        "/nothing",
        "/api",
        "/api/v1/",
        "/api/v2",
        "/api/v1/extractors/alpha",
        "/x/../api",
        "/api/v1/extractors/alpha/squares",
    ] {
        problem(world.get(path).await, ProblemCode::NotFound).await;
    }
    for path in [
        "/api/v1/extractors/Alpha/squares",
        "/api/v1/extractors/alpha/squares/releases/v1",
    ] {
        problem(world.get(path).await, ProblemCode::MalformedRequest).await;
    }
    let answer = world
        .request(Method::DELETE, "/api/v1/extractors")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&answer, "allow"), "GET");
    problem(answer, ProblemCode::MethodNotAllowed).await;
    let digest = registry_schema::digest::Digest::of(b"x");
    for (path, status, code) in [
        (
            format!("/v2/alpha/squares/blobs/{digest}"),
            404,
            "BLOB_UNKNOWN",
        ),
        (
            "/v2/alpha/squares/blobs/sha256:12".to_owned(),
            400,
            "DIGEST_INVALID",
        ),
        (
            format!("/v2/alpha/squares/blobs/sha512:{}", "0".repeat(128)),
            400,
            "UNSUPPORTED",
        ),
        (
            format!("/v2/Alpha/squares/blobs/{digest}"),
            400,
            "NAME_INVALID",
        ),
        (
            "/v2/alpha/squares/manifests/9".to_owned(),
            404,
            "NAME_UNKNOWN",
        ),
        ("/v2/no-squares/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        ("/v2/a/b/c/d/e".to_owned(), 404, "NAME_UNKNOWN"),
        (
            "/v2/alpha/squares/blobs/uploads/none".to_owned(),
            404,
            "BLOB_UPLOAD_UNKNOWN",
        ),
    ] {
        oci_error(world.get(&path).await, status, code).await;
    }
    let path = format!("/v2/alpha/squares/blobs/{digest}");
    let deleted = world.request(Method::DELETE, &path).send().await.unwrap();
    oci_error(deleted, 405, "UNSUPPORTED").await;
}
