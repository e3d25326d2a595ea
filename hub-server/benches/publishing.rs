//! Statements a second from 16 clients at once, over HTTPS, each in a checkpoint before its reply,
//! beside what one connection writes in single transactions to the same disk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    dead_code,
    missing_docs,
    unused_imports,
    reason = "a bench"
)]

#[path = "../tests/it/cluster.rs"]
mod cluster;
#[path = "../tests/it/consortium.rs"]
mod consortium;
#[path = "../tests/it/draft.rs"]
mod draft;
#[path = "../../registry-schema/tests/support/missing.rs"]
mod missing;
#[path = "../../registry-schema/tests/support/ports.rs"]
mod ports;
#[path = "../../registry-schema/tests/support/s3.rs"]
mod s3;
#[path = "../tests/it/world/mod.rs"]
mod world;

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use registry_schema::api::yanks_path;
use registry_schema::envelope;
use registry_schema::statement::YankAction;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use crate::draft::{Draft, Signed};
use crate::world::{ALPHA, World};

const CLIENTS: usize = 16;

/// Releases that each client yanks and unyanks in turn: nobody does that to one release a hundred times,
/// and all that was said of a release is looked at when more is said.
const RELEASES: usize = 60;

/// How long each of the two is measured.
const WINDOW: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    let world = World::start();
    let releases =
        futures_util::future::join_all((0..CLIENTS).map(|client| first(&world, client))).await;
    let single = single_commits(&world);
    let end = Instant::now() + WINDOW;
    let clients = releases.iter().map(|own| publish(&world, own, end));
    let published: u64 = futures_util::future::join_all(clients).await.iter().sum();
    let rate = published as f64 / WINDOW.as_secs_f64();
    println!("single commits a second, one connection   {single:.0}");
    println!("statements a second, {CLIENTS} clients           {rate:.0}");
    println!(
        "ratio                                     {:.1}",
        rate / single
    );
    let (is_good, said) = world.verify_log();
    assert!(is_good, "{said}");
}

/// The releases that a client speaks of.
async fn first(world: &World, client: usize) -> Vec<Signed> {
    let mut releases = Vec::with_capacity(RELEASES);
    for number in 0..RELEASES {
        let name = format!("alpha/extractor-{client}-{number}");
        let release = Draft::new(&name, "1.0.0").sign(&[ALPHA]);
        world.published(&release).await;
        releases.push(release);
    }
    releases
}

/// Transactions a second that each write a row of 1 KiB and wait for the disk.
fn single_commits(world: &World) -> f64 {
    let path = world.data().join("single.sqlite");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (bytes BLOB)",
        )
        .unwrap();
    let started = Instant::now();
    let mut commits = 0u64;
    while started.elapsed() < WINDOW {
        let insert = "INSERT INTO rows VALUES (randomblob(1024))";
        connection.batch_execute(insert).unwrap();
        commits += 1;
    }
    commits as f64 / started.elapsed().as_secs_f64()
}

/// Yanks and unyanks releases in turn; how many statements were acknowledged in time.
async fn publish(world: &World, releases: &[Signed], end: Instant) -> u64 {
    let mut count = 0;
    for (release, round) in (0..).flat_map(|round| releases.iter().map(move |one| (one, round))) {
        if Instant::now() >= end {
            break;
        }
        let action = if round % 2 == 0 {
            YankAction::Yank
        } else {
            YankAction::Unyank
        };
        let answer = world
            .request(Method::POST, &yanks_path(&release.name, &release.version))
            .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
            .body(release.yank(action, round + 1, &[ALPHA]))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.bytes().await.unwrap();
        count += 1;
    }
    count
}
