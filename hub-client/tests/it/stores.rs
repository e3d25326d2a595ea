//! A hub that sends its clients to an object store for large blobs.

use std::io::Write;

use registry_schema::digest::Digest;

use crate::s3::{Fault, Server as Store, Way, write_keys};
use crate::world::{Server, World};

#[test]
fn blobs_come_from_the_store_without_the_token_and_with_every_check() {
    let Some(mut world) = World::start() else {
        return;
    };
    let folder = world.draft("dots", "1.0.0", "means", 4);
    let notes = "what somebody should know\n".repeat(200_000);
    std::fs::write(folder.join("notes.txt"), &notes).unwrap();
    world
        .hub("alpha", &["check", folder.to_str().unwrap()])
        .ok();
    let store = Store::start();
    let way = Way::to(&store);
    let bucket = store.make_bucket("blobs");
    let keys = world.folder.path().join("keys");
    write_keys(&keys);
    let url = format!(
        "s3://blobs?region=test&endpoint=http://{}&credentials={}",
        way.address(),
        keys.display()
    );
    let data = world.folder.path().join("hub");
    world.server.kill();
    // Without TLS, as the store of the test has none.
    let args = ["--blobs", &url, "--redirect-blobs", "60"];
    world.server = Server::start(&data, "127.0.0.1:0", &args);
    let mut tokens = Vec::new();
    for member in ["alpha", "beta", "gamma"] {
        let token = world.token(member, &["--scope", "publish"]);
        world.login(member, &token).ok();
        tokens.push(token);
    }
    world.publish(&folder);
    // The connection breaks off, and the rest is asked for.
    way.set(Fault::CutAfter(1_500_000), Some(2));
    world.hub("beta", &["pull", "dots@1"]).ok();
    way.set(Fault::None, None);
    let digest = Digest::of(notes.as_bytes()).to_hex();
    let heads = way.heads();
    let signed = format!("GET /blobs/sha256/{}/{digest}?X-Amz-", &digest[..2]);
    assert!(heads.contains(&signed), "{heads}");
    assert!(heads.contains("range: bytes=0-4194303"), "{heads}");
    assert!(!heads.to_lowercase().contains("bearer"), "{heads}");
    assert!(tokens.iter().all(|token| !heads.contains(token.as_str())));
    // What the store has is believed as little as the hub.
    let object = bucket.join("sha256").join(&digest[..2]).join(&digest);
    let mut bytes = notes.into_bytes();
    bytes[4_500_000] ^= 1;
    std::fs::File::create(object)
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    world
        .hub("gamma", &["pull", "dots@1"])
        .fails(4, "other bytes");
}
