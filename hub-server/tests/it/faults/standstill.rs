//! A server that stands still, as its machine does when its power is saved or it is moved: its connections stay open
//! and nothing is said on them. It stops with the writers' turn in its hands.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_schema::log::note::VerifierKey;
use reqwest::StatusCode;

use crate::cluster::Database;
use crate::killing::{Publisher, check_all};
use crate::log::{checkpoint, release};
use crate::replicas::pair;
use crate::witnesses::Witness;
use crate::world::{PATIENCE, World, eventually};

/// In which of PostgreSQL's sessions a server has the turn and does not do anything with it, and since when.
const IDLE_WITH_TURN: &str = "SELECT pid, state_change FROM pg_locks JOIN pg_stat_activity USING (pid) \
    WHERE locktype = 'advisory' AND granted AND classid = 1213546066 AND objid = 1 \
    AND state LIKE 'idle in transaction%' AND datname = current_database()";

pub(super) fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([name, &id.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Stops a server when it has the turn. Another one that writes has it for moments only.
pub(super) async fn stop_with_turn(server: u32, database: &Database) {
    for _ in 0..200 {
        signal(server, "-STOP");
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(database.sql(IDLE_WITH_TURN));
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        if !sessions[0].is_empty() && sessions.iter().all(|session| *session == sessions[0]) {
            return;
        }
        signal(server, "-CONT");
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    panic!("the server never stands still with the turn");
}

pub(super) async fn until_more(acknowledged: &AtomicU64, world: &World, patience: Duration) {
    let (before, begun) = (acknowledged.load(Ordering::SeqCst), Instant::now());
    while acknowledged.load(Ordering::SeqCst) < before + 5 {
        assert!(begun.elapsed() < patience, "{}", world.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Part of [`super::who_stands_still_or_vanishes_is_passed_over`].
pub(super) async fn a_server_that_stands_still_loses_its_turn_and_forks_nothing_when_it_wakes() {
    let Some(database) = Database::make() else {
        return;
    };
    let (mut first, second) = pair(&database);
    let server = first.server_mut().id();
    let mut publishers = Publisher::four(&first).await;
    let policy = first.log_policy();
    let told = [AtomicU64::new(0), AtomicU64::new(0)];
    let is_over = AtomicBool::new(false);
    let all = publishers.iter_mut().enumerate().map(|(number, one)| {
        let world = [&first, &second][number % 2];
        one.go_on(world, &policy, &told[number % 2], &is_over)
    });
    let story = async {
        until_more(&told[0], &first, PATIENCE).await;
        stop_with_turn(server, &database).await;
        // Who reads notices nothing.
        let shown = second.get("/api/v1/extractors/alpha/extractor-0").await;
        assert_eq!(shown.status(), StatusCode::OK);
        // PostgreSQL ends the session after 20 seconds.
        until_more(&told[1], &second, PATIENCE).await;
        signal(server, "-CONT");
        for (world, told) in [(&first, &told[0]), (&second, &told[1])] {
            until_more(told, world, PATIENCE).await;
        }
        is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(futures_util::future::join_all(all), story);
    check_all(&first, &publishers).await;
    check_all(&second, &publishers).await;
}

/// Part of [`super::who_stands_still_or_vanishes_is_passed_over`].
pub(super) async fn witnesses_are_asked_by_another_server_when_one_stands_still() {
    let Some(database) = Database::make() else {
        return;
    };
    let witness = Witness::start();
    let policy = |key: &VerifierKey| Some(witness.policy(&key.to_string()));
    let first = World::start_on(Some(database), &[], policy);
    let second = first.replica(&[]);
    first.published(&release("alpha/first")).await;
    let words = "this server asks the witnesses";
    let asks = |world: &World| world.log().contains(words);
    eventually(
        || (asks(&first) || asks(&second)).then_some(()),
        || first.log() + &second.log(),
    );
    let (mut asking, other) = match asks(&first) {
        true => (first, second),
        false => (second, first),
    };
    signal(asking.server_mut().id(), "-STOP");
    // An answer waits for cosignatures, up to 20 seconds.
    other.published(&release("alpha/second")).await;
    other.until_logged(words);
    signal(asking.server_mut().id(), "-CONT");
    asking.published(&release("alpha/third")).await;
    assert_eq!(checkpoint(&asking).await.checkpoint().size, 3);
}
