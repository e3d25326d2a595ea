//! What is no release: each case with its code, and nothing recorded.

use registry_schema::api::{ProblemCode, extractor_path, release_path};
use registry_schema::digest::Digest;
use registry_schema::envelope;
use registry_schema::manifest::{
    Distances, ProbeVectors, STATISTICS_FILE, Statistics, VECTORS_FILE,
};
use registry_schema::onnx::node;
use registry_schema::onnx::write::Message;
use registry_schema::reference::Requirement;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use crate::draft::{Draft, GRAY, Signed, graph, graph_with};
use crate::world::{ALPHA, BETA, World, problem};

const NAME: &str = "alpha/squares";

fn draft() -> Draft {
    Draft::new(NAME, "1.0.0")
}

/// Publishing this is refused with this code and a text that holds this word.
async fn refused(world: &World, signed: &Signed, code: ProblemCode, word: &str) {
    let text = problem(world.publish(signed).await, code).await;
    assert!(text.contains(word), "`{text}` should hold `{word}`");
    let shown = world.get(&extractor_path(&signed.name)).await;
    assert_eq!(shown.status(), StatusCode::NOT_FOUND, "nothing is recorded");
}

#[tokio::test]
async fn tampered_and_foreign_statements() {
    let world = World::start();
    let good = draft().sign(&[ALPHA]);
    let mut flipped = good.clone();
    let at = good.envelope.iter().position(|&byte| byte == b'Z').unwrap();
    flipped.envelope[at] = b'Y';
    let answer = world.publish(&flipped).await;
    let status = answer.status();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    use ProblemCode::{InvalidStatement, RefusedFile, Signature, TooLarge};
    refused(&world, &draft().sign(&[BETA]), Signature, "alpha").await;
    refused(
        &world,
        &draft().sign(&[ALPHA, BETA]),
        Signature,
        "no key of an owner",
    )
    .await;
    refused(&world, &draft().sign(&[]), Signature, "0 of the 1").await;
    let changed = |from: &str, to: &str| draft().sign_changed(from, to, &[ALPHA]);
    let unknown_key = changed("\"hub\":{", "\"hub\":{\"colour\":1,");
    refused(&world, &unknown_key, InvalidStatement, "colour").await;
    for path in [
        "../red.png",
        "/probes/red.png",
        "probes/.red.png",
        "probes//red.png",
    ] {
        refused(
            &world,
            &changed("probes/red.png", path),
            InvalidStatement,
            path,
        )
        .await;
    }
    refused(
        &world,
        &changed("probes/red.png", "probes/red.pkl"),
        RefusedFile,
        "red.pkl",
    )
    .await;
    refused(
        &world,
        &changed("probes/red.png", "probes/red.so"),
        RefusedFile,
        "red.so",
    )
    .await;
    let twice = draft().file("NOTES.md", "a").file("NOTEZ.md", "a");
    let twice = twice.sign_changed("NOTEZ.md", "Notes.md", &[ALPHA]);
    refused(&world, &twice, InvalidStatement, "case").await;
    let symlinks = changed("\"allow_symlinks\":false", "\"allow_symlinks\":true");
    refused(&world, &symlinks, InvalidStatement, "symlinks").await;
    let extra = draft()
        .file("extra.md", "a")
        .sign_changed(",\"extra.md\":1", "", &[ALPHA]);
    let extra = Signed {
        files: draft().files,
        ..extra
    };
    let text = problem(world.publish(&extra).await, InvalidStatement).await;
    assert!(text.contains("files"), "{text}");
    let huge = changed("\"model.onnx\":", "\"model.onnx\":99999999999");
    refused(&world, &huge, TooLarge, "model.onnx").await;
    let yank = Signed {
        envelope: good.yank(registry_schema::statement::YankAction::Yank, 1, &[ALPHA]),
        ..good.clone()
    };
    refused(&world, &yank, InvalidStatement, "release").await;
    let nonsense = Signed {
        envelope: b"{}".to_vec(),
        ..good
    };
    refused(&world, &nonsense, InvalidStatement, "DSSE").await;
}

#[tokio::test]
async fn statements_of_other_names_and_versions_than_the_address() {
    let world = World::start();
    let good = draft().sign(&[ALPHA]);
    world.upload_all(&good).await;
    let elsewhere = Signed {
        version: "1.0.1".parse().unwrap(),
        ..good.clone()
    };
    problem(world.put(&elsewhere).await, ProblemCode::InvalidStatement).await;
    let elsewhere = Signed {
        name: "alpha/circles".parse().unwrap(),
        ..good.clone()
    };
    problem(world.put(&elsewhere).await, ProblemCode::InvalidStatement).await;
    let nobodys = Signed {
        name: "unlisted-name".parse().unwrap(),
        ..good.clone()
    };
    problem(world.put(&nobodys).await, ProblemCode::Forbidden).await;
    let strangers = Signed {
        name: "delta/squares".parse().unwrap(),
        ..good.clone()
    };
    let text = problem(world.put(&strangers).await, ProblemCode::Forbidden).await;
    assert!(text.contains("delta"), "{text}");

    let path = release_path(&good.name, &Requirement::Exact(good.version.clone()));
    let untyped = world
        .request(Method::PUT, &path)
        .body(good.envelope.clone());
    problem(untyped.send().await.unwrap(), ProblemCode::MediaType).await;
    let ranged = world.request(Method::PUT, "/api/v1/extractors/alpha/squares/releases/1");
    problem(ranged.send().await.unwrap(), ProblemCode::MalformedRequest).await;
    let oversize = world
        .request(Method::PUT, &path)
        .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
        .body(vec![b' '; 70_000]);
    problem(oversize.send().await.unwrap(), ProblemCode::TooLarge).await;
}

#[tokio::test]
async fn blobs_that_are_not_there_or_of_another_size() {
    let world = World::start();
    let good = draft().sign(&[ALPHA]);
    let text = problem(world.put(&good).await, ProblemCode::BlobMissing).await;
    assert!(text.contains("6 of the release's blobs"), "{text}");
    // The same blobs under another name do not count.
    let circles = Draft {
        files: good.files.clone(),
        ..Draft::new("alpha/circles", "1.0.0")
    };
    world.published(&circles.sign(&[ALPHA])).await;
    problem(world.put(&good).await, ProblemCode::BlobMissing).await;
    let size = good.files["README.md"].len();
    let other_size = draft().sign_changed(
        &format!("\"README.md\":{size}"),
        &format!("\"README.md\":{}", size + 1),
        &[ALPHA],
    );
    refused(&world, &other_size, ProblemCode::BlobMissing, "README.md").await;
}

#[tokio::test]
async fn files_that_are_not_what_they_say() {
    let world = World::start();
    let mut tar = vec![b'a'; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let mut followed = GRAY.to_vec();
    followed.extend(b"PK");
    let cases: [(&str, Vec<u8>, &str); 15] = [
        ("notes.txt", b"\x7fELF\x02\x01\x01".to_vec(), "ELF"),
        ("notes.md", b"MZ\x90\x00".to_vec(), "PE"),
        ("notes.csv", b"\xcf\xfa\xed\xfe".to_vec(), "Mach-O"),
        ("notes.json", b"PK\x03\x04".to_vec(), "zip"),
        ("notes.txt", b"\x1f\x8b\x08".to_vec(), "gzip"),
        ("notes.txt", tar, "tar"),
        ("model.onnx", b"\x80\x04\x95\x00\x00".to_vec(), "pickle"),
        ("notes.txt", b"#!/bin/sh\n".to_vec(), "script"),
        ("notes.txt", b"caf\xe9".to_vec(), "UTF-8"),
        ("README.md", b"\xff\xfe".to_vec(), "UTF-8"),
        ("probes/red.png", b"GIF89a".to_vec(), "PNG"),
        ("probes/red.png", GRAY[..40].to_vec(), "truncated"),
        ("probes/red.png", followed, "after its end"),
        ("model.onnx", Vec::new(), "ONNX"),
        ("statistics.json", b"{}".to_vec(), "hub check --statistics"),
    ];
    for (path, bytes, word) in cases {
        let signed = draft().file(path, bytes).sign(&[ALPHA]);
        refused(&world, &signed, ProblemCode::RefusedFile, word).await;
    }
}

#[tokio::test]
async fn statistics_are_of_the_graph_of_their_release() {
    let world = World::start();
    let with_statistics = |of: &[u8]| {
        let manifest = draft().manifest;
        let statistics = Statistics {
            v: 1,
            graph: Digest::of(of),
            input: manifest.input,
            distance: manifest.output.distance,
            images: 400,
            held_out: 100,
            mean: vec![0.5; 4],
            axes: vec![vec![1.0, 0.0, 0.0, 0.0]],
            variances: vec![2.0],
            rest: 0.25,
            distances: Distances {
                half: 1.0,
                most: 2.0,
                nearly_all: 3.0,
            },
        };
        draft()
            .file(STATISTICS_FILE, statistics.to_bytes())
            .sign(&[ALPHA])
    };
    let other = with_statistics(&graph(5));
    let words = "made with another `model.onnx`";
    refused(&world, &other, ProblemCode::RefusedFile, words).await;
    world.published(&with_statistics(&graph(4))).await;
}

#[tokio::test]
async fn graphs_that_are_refused() {
    let world = World::start();
    let whole = graph(4);
    let mut negative = graph(4);
    let custom = node("Relu", &["features"], &["x"], &[]).text(7, "com.example");
    let external = Message::new().message(1, &Message::new());
    let declared = whole
        .windows(7)
        .position(|bytes| bytes == b"weights")
        .unwrap();
    negative[declared] ^= 1;
    let cases = [
        (whole[..whole.len() / 2].to_vec(), "truncated"),
        ([whole.clone(), vec![0x08, 0x08]].concat(), ""),
        (graph_with(4, &[custom]), "com.example"),
        (negative, ""),
        (graph(5), "output"),
        ([b"\x08\x08".to_vec(), external.into_bytes()].concat(), ""),
    ];
    for (bytes, word) in cases {
        let signed = draft().file("model.onnx", bytes).sign(&[ALPHA]);
        refused(&world, &signed, ProblemCode::RefusedFile, word).await;
    }
}

#[tokio::test]
async fn probes_that_are_missing_or_do_not_fit() {
    let world = World::start();
    use ProblemCode::ProbesDisagree;
    let renamed = draft()
        .vectors(&[("red", 1.0), ("green", 2.0), ("gray", 3.0)])
        .sign(&[ALPHA]);
    refused(&world, &renamed, ProbesDisagree, "exactly the probe images").await;
    let few = draft()
        .vectors(&[("red", 1.0), ("green", 2.0)])
        .sign(&[ALPHA]);
    refused(&world, &few, ProbesDisagree, "2 probe images").await;
    let long = draft()
        .with(|manifest| manifest.output.dimension = 5)
        .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0)])
        .with(|manifest| manifest.output.dimension = 4);
    refused(&world, &long.sign(&[ALPHA]), ProbesDisagree, "5 values").await;
    let vectors =
        [("probes/red.png", f32::NAN)].map(|(path, value)| (path.to_owned(), vec![value; 4]));
    let nonsense = ProbeVectors::new(vectors.into()).to_bytes();
    let nan = draft().file(VECTORS_FILE, nonsense).sign(&[ALPHA]);
    refused(&world, &nan, ProbesDisagree, "vectors.json").await;
    // Sets of files that no honest program signs.
    let missing = draft().sign_changed(VECTORS_FILE, "probes/vecturs.json", &[ALPHA]);
    refused(&world, &missing, ProbesDisagree, "probes/vectors.json").await;
    let no_images = draft().sign_changed("probes/red.png", "images/red.png", &[ALPHA]);
    let answer = world.publish(&no_images).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn versions_that_break_their_promise() {
    let world = World::start();
    let first = Draft::new(NAME, "2.0.0").sign(&[ALPHA]);
    world.published(&first).await;
    let next = |version: &str| Draft::new(NAME, version).after(&first);
    let refuse = async |draft: Draft, code, word: &str| {
        let text = problem(world.publish(&draft.sign(&[ALPHA])).await, code).await;
        assert!(text.contains(word), "`{text}` should hold `{word}`");
    };
    use ProblemCode::{ProbesDisagree, VersionPromise};
    refuse(Draft::new(NAME, "2.0.0-rc.1"), VersionPromise, "higher").await;
    refuse(Draft::new(NAME, "2.1.0"), VersionPromise, "predecessor").await;
    let mut stranger = first.clone();
    stranger.statement = Digest::of(b"other");
    refuse(
        Draft::new(NAME, "2.1.0").after(&stranger),
        VersionPromise,
        "predecessor",
    )
    .await;
    let foreign = format!(
        "\"predecessor\":{{\"version\":\"2.0.0\",\"statement\":\"{}\"}},\"probes\":",
        first.statement
    );
    let other_major = Draft::new(NAME, "3.0.0").sign_changed("\"probes\":", &foreign, &[ALPHA]);
    problem(
        world.publish(&other_major).await,
        ProblemCode::InvalidStatement,
    )
    .await;
    let wider = |version: &str, dimension: u32| {
        next(version)
            .with(|manifest| manifest.output.dimension = dimension)
            .file("model.onnx", graph(dimension.into()))
            .vectors(&[("red", 1.0), ("green", 2.0), ("blue", 3.0)])
    };
    refuse(wider("2.0.1", 6), VersionPromise, "PATCH").await;
    refuse(wider("2.1.0", 3), VersionPromise, "MAJOR").await;
    let disagreeing = next("2.1.0").vectors(&[("red", 1.0), ("green", 2.0), ("blue", -3.0)]);
    refuse(disagreeing, ProbesDisagree, "blue").await;
    let exchanged = next("2.1.0").file("probes/red.png", GRAY);
    refuse(exchanged, ProbesDisagree, "red.png").await;
    let dropped = next("2.1.0")
        .without("probes/red.png")
        .file("probes/gray.png", GRAY)
        .vectors(&[("gray", 1.0), ("green", 2.0), ("blue", 3.0)]);
    refuse(dropped, ProbesDisagree, "red.png").await;
    world.published(&next("2.0.1").sign(&[ALPHA])).await;
    refuse(next("2.0.1-rc.1"), VersionPromise, "higher").await;
}
