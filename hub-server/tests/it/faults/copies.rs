//! Two servers that write one object at once, as some stores bear it: they refuse one of the two for a while, or
//! show the object shorter while it is written in its place.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use registry_schema::api::blob_path;
use registry_schema::digest::Digest;
use reqwest::StatusCode;

use crate::blobs::name;
use crate::bucket::Store;
use crate::draft::Draft;
use crate::s3::{Fault, Way};
use crate::world::{ALPHA, World};

/// Makes the file of a blob whole as soon as somebody has looked at it, and not before.
fn completed_later(way: &Way, file: &Path, bytes: &[u8]) -> JoinHandle<()> {
    let (way, file, bytes) = (way.clone(), file.to_owned(), bytes.to_owned());
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let looks = move |way: &Way| {
        let heads = way.heads();
        let lines = heads.lines().filter(|line| line.contains(&name));
        lines
            .filter(|line| line.starts_with("HEAD ") || line.starts_with("GET "))
            .count()
    };
    let before = looks(&way);
    std::thread::spawn(move || {
        while looks(&way) == before {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It is answered.
        std::thread::sleep(Duration::from_millis(100));
        std::fs::write(file, bytes).unwrap();
    })
}

async fn stores(world: &World, bytes: &[u8]) {
    let stored = world.upload(&name(), bytes).await;
    let status = stored.status();
    let said = stored.text().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{said}");
    let read = world.get(&blob_path(&name(), &Digest::of(bytes))).await;
    assert_eq!(read.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_copy_that_is_refused_is_tried_again_and_is_not_needed_where_the_blob_is() {
    let store = Store::start(&[]);
    let (world, way) = (&store.world, &store.way);
    for (status, bytes) in [(503, b"first"), (409, b"other")] {
        way.set(Fault::Copies(status), Some(3));
        stores(world, bytes).await;
    }
    // For good: whoever is first has written it for all.
    way.set(Fault::Copies(503), None);
    stores(world, b"first").await;
    assert!(!world.log().contains("cannot write"), "{}", world.log());
    // Other bytes of the same length are not what is to be there.
    let harmed = world.blob(&Digest::of(b"other"));
    std::fs::write(&harmed, b"wrong").unwrap();
    let refused = world.upload(&name(), b"other").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    way.set(Fault::None, None);
    stores(world, b"other").await;
}

#[tokio::test]
async fn what_is_written_in_its_place_is_waited_for() {
    let store = Store::start(&[]);
    let (world, way) = (&store.world, &store.way);
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.upload_all(&release).await;
    let graph = &release.files["model.onnx"];
    let file = world.blob(&Digest::of(graph));
    // 1. whoever has copied it, and finds half of it, which another one has written so far
    way.set(Fault::Copies(200), None);
    std::fs::write(&file, &graph[..graph.len() / 2]).unwrap();
    let completed = completed_later(way, &file, graph);
    let stored = world.upload(&release.name, graph).await;
    assert_eq!(stored.status(), StatusCode::CREATED);
    completed.join().unwrap();
    way.set(Fault::None, None);
    // 2. whoever makes it a release meanwhile
    std::fs::write(&file, "").unwrap();
    let completed = completed_later(way, &file, graph);
    let recorded = world.put(&release).await;
    let status = recorded.status();
    assert_eq!(
        status,
        StatusCode::CREATED,
        "{}",
        recorded.text().await.unwrap()
    );
    completed.join().unwrap();
    // 3. whoever reads it
    std::fs::write(&file, &graph[..7]).unwrap();
    let completed = completed_later(way, &file, graph);
    let read = world
        .get(&blob_path(&release.name, &Digest::of(graph)))
        .await;
    assert_eq!(read.bytes().await.unwrap(), graph);
    completed.join().unwrap();
    // What stays as it is was not written.
    way.set(Fault::Copies(200), None);
    std::fs::write(&file, "").unwrap();
    let lost = world.upload(&release.name, graph).await;
    assert_eq!(lost.status(), StatusCode::SERVICE_UNAVAILABLE);
}
