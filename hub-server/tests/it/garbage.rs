//! `hub-server gc`: what nothing names goes, and nothing else, whatever happens at the same time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use registry_schema::api::{ProblemCode, blob_path};
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::name::Name;
use reqwest::{Method, StatusCode};

use crate::blobs::{arrived, name, patch};
use crate::draft::{Draft, Signed};
use crate::log_keeping::tamper;
use crate::model_signature::{attach, bundle};
use crate::world::{ALPHA, World, oci_error, problem};

/// Runs `gc --json` with more arguments; what it says.
fn gc(world: &World, args: &[&str]) -> serde_json::Value {
    let run = world.run(&[&["gc", "--json"], args].concat());
    assert!(run.status.success(), "{run:?}");
    serde_json::from_slice(&run.stdout).unwrap()
}

fn digests(said: &serde_json::Value) -> Vec<String> {
    let listed = said["digests"].as_array().unwrap().iter();
    listed
        .map(|digest| digest.as_str().unwrap().to_owned())
        .collect()
}

async fn is_there(world: &World, name: &Name, bytes: &[u8]) -> bool {
    let head = world.request(Method::HEAD, &blob_path(name, &Digest::of(bytes)));
    let status = head.send().await.unwrap().status();
    let is_stored = world.blob(&Digest::of(bytes)).exists();
    assert_eq!(status == StatusCode::OK, is_stored, "{status}");
    is_stored
}

#[tokio::test]
async fn what_nothing_names_goes_after_a_while() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    let signature = bundle(Envelope::parse(&release.envelope).unwrap().payload());
    world.upload(&release.name, &signature).await;
    let attached = attach(&world, &world.token, &release, &signature).await;
    assert!(attached.status().is_success());
    for stray in ["one", "two"] {
        world.upload(&name(), stray.as_bytes()).await;
    }
    let at = world.begin(&name()).await;
    patch(&world, &at, 0, b"on its way").await;
    // Nothing is old enough.
    let said = gc(&world, &[]);
    assert_eq!(said["removed"]["blobs"], 0);
    assert_eq!(said["young"]["blobs"], 2);
    assert_eq!(said["named"]["blobs"], release.files.len() + 1);
    // Nothing happens yet.
    let mut strays = ["one", "two"].map(|stray| Digest::of(stray.as_bytes()).to_string());
    strays.sort();
    let said = gc(&world, &["--grace", "0s", "--dry-run"]);
    assert_eq!(digests(&said), strays);
    assert!(is_there(&world, &name(), b"one").await);
    let said = gc(&world, &["--grace", "0s"]);
    assert_eq!(digests(&said), strays);
    assert_eq!(said["removed"]["size_bytes"], 6);
    for stray in ["one", "two"] {
        assert!(!is_there(&world, &name(), stray.as_bytes()).await);
    }
    for bytes in release.files.values().chain([&signature]) {
        assert!(is_there(&world, &release.name, bytes).await);
    }
    assert_eq!(arrived(&world, &at).await, 10);
    assert!(world.run(&["doctor", "--deep"]).status.success());
    // What went can come again.
    assert_eq!(
        world.upload(&name(), b"one").await.status(),
        StatusCode::CREATED
    );
    assert!(is_there(&world, &name(), b"one").await);
    let text = world.run(&["gc", "--grace", "0s"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("removed    1 blobs, 0 MiB"), "{text}");
}

#[tokio::test]
async fn the_log_alone_keeps_its_blobs() {
    let mut world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.published(&release).await;
    world.kill();
    tamper(
        &world,
        "DELETE FROM release_files; DELETE FROM repository_blobs; DELETE FROM releases; DELETE FROM extractors",
    );
    let said = gc(&world, &["--grace", "0s"]);
    assert_eq!(said["removed"]["blobs"], 0);
    let rebuilt = world.run(&["rebuild-index"]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    // An entry that cannot be read may name anything.
    let zero = world.zeroes(1);
    tamper(&world, &format!("UPDATE log_entries SET envelope = {zero}"));
    let refused = world.run(&["gc", "--grace", "0s"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("nothing is removed"),
        "{said}"
    );
    for bytes in release.files.values() {
        assert!(world.blob(&Digest::of(bytes)).exists());
    }
}

#[tokio::test]
async fn a_publisher_who_was_told_that_blobs_are_there_is_told_when_they_went() {
    let world = World::start();
    let release = Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]);
    world.upload_all(&release).await;
    for bytes in release.files.values() {
        assert!(is_there(&world, &release.name, bytes).await);
    }
    gc(&world, &["--grace", "0s"]);
    problem(world.put(&release).await, ProblemCode::BlobMissing).await;
    world.published(&release).await;
    assert_eq!(gc(&world, &["--grace", "0s"])["removed"]["blobs"], 0);
    assert!(world.run(&["doctor", "--deep"]).status.success());
}

#[tokio::test]
async fn what_an_interrupted_run_has_doomed_waits_for_the_next_one() {
    let world = World::start();
    world.upload(&name(), b"one").await;
    // Its names were forgotten, and then the power failed.
    let digest = Digest::of(b"one");
    gc(&world, &["--dry-run"]);
    tamper(
        &world,
        &format!(
            "DELETE FROM repository_blobs; UPDATE settings SET value = '1 {digest}' WHERE key = 'collection'"
        ),
    );
    let early = world.upload(&name(), b"one").await;
    let said = oci_error(early, 503, "UNKNOWN").await;
    assert!(said.contains("removing this blob"), "{said}");
    assert_eq!(gc(&world, &["--grace", "0s"])["removed"]["blobs"], 1);
    assert_eq!(
        world.upload(&name(), b"one").await.status(),
        StatusCode::CREATED
    );
}

/// Uploads what is missing until the release is recorded, as a client does.
async fn publish(world: &World, release: &Signed) {
    for _ in 0..200 {
        for bytes in release.files.values() {
            let path = blob_path(&release.name, &Digest::of(bytes));
            let head = world.request(Method::HEAD, &path).send().await.unwrap();
            if head.status() != StatusCode::OK {
                let status = world.upload(&release.name, bytes).await.status();
                assert!(matches!(status.as_u16(), 201 | 503), "{status}");
            }
        }
        match world.put(release).await.status().as_u16() {
            201 => return,
            422 | 409 | 503 => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("{other}"),
        }
    }
    panic!("{} was never recorded", release.name);
}

/// Says that it is over when it is dropped, also by a failure.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_and_collecting_at_once_loses_nothing() {
    let world = World::start();
    let releases: Vec<Signed> = (0..12)
        .map(|number| Draft::new(&format!("alpha/squares-{number}"), "1.0.0").sign(&[ALPHA]))
        .collect();
    let (is_over, rounds, order) = (AtomicBool::new(false), AtomicU32::new(0), Ordering::SeqCst);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _over = Over(&is_over);
            while !is_over.load(order) {
                gc(&world, &["--grace", "0s"]);
                // Pauses in which a release can come about, also on a slow machine.
                let round = rounds.fetch_add(1, order);
                std::thread::sleep(Duration::from_millis(100 * u64::from(round)));
            }
        });
        let handle = tokio::runtime::Handle::current();
        let (over, rounds) = (&is_over, &rounds);
        let published = releases.chunks(3).enumerate().map(|(number, some)| {
            let (world, handle) = (&world, handle.clone());
            scope.spawn(move || {
                handle.block_on(async {
                    for release in some {
                        publish(world, release).await;
                    }
                    // However quick they are, it has collected twice before they have done.
                    for more in 0.. {
                        if rounds.load(order) > 1 || over.load(order) {
                            break;
                        }
                        let name = format!("alpha/more-{number}-{more}");
                        publish(world, &Draft::new(&name, "1.0.0").sign(&[ALPHA])).await;
                    }
                });
            })
        });
        let publishers: Vec<_> = published.collect();
        let ended: Vec<_> = publishers
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        is_over.store(true, order);
        for end in ended {
            end.unwrap();
        }
    });
    assert!(rounds.load(order) > 1);
    for release in &releases {
        for bytes in release.files.values() {
            assert!(is_there(&world, &release.name, bytes).await);
        }
    }
    assert!(world.run(&["doctor", "--deep"]).status.success());
    let (good, said) = world.verify_log();
    assert!(good, "{said}");
}
