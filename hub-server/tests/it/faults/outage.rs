//! A database that is away for a while, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_schema::api::ProblemCode;
use reqwest::StatusCode;

use crate::cluster::{Cluster, Database};
use crate::killing::{Publisher, check_all};
use crate::log::release;
use crate::replicas::pair;
use crate::world::{PATIENCE, World, header, problem};

/// How long it is away; `HUB_OUTAGE_SECONDS` asks for more. All within the server is over by then.
const SECONDS: u64 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_go_on_by_themselves_when_their_database_is_back() {
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    let seconds = std::env::var("HUB_OUTAGE_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let cluster = Arc::new(cluster);
    let (first, second) = pair(&Database::make_in(&cluster));
    let mut publishers = Publisher::four(&first).await;
    let late = release("alpha/late");
    first.upload_all(&late).await;
    let policy = first.log_policy();
    let told = [AtomicU64::new(0), AtomicU64::new(0)];
    let is_over = AtomicBool::new(false);
    let all = publishers.iter_mut().enumerate().map(|(number, one)| {
        let world = [&first, &second][number % 2];
        one.go_on(world, &policy, &told[number % 2], &is_over)
    });
    let story = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let stopped = Arc::clone(&cluster);
        let stopping = tokio::task::spawn_blocking(move || stopped.stop());
        stopping.await.unwrap();
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            for world in [&first, &second] {
                let asked = Instant::now();
                assert_eq!(world.get("/healthz").await.status(), StatusCode::OK);
                let unready = world.get("/readyz").await;
                assert_eq!(header(&unready, "retry-after"), "5");
                problem(unready, ProblemCode::Unavailable).await;
                let refused = problem(world.put(&late).await, ProblemCode::Unavailable).await;
                assert!(refused.contains("cannot be reached"), "{refused}");
                // Sooner than two requests would wait for a busy database.
                assert!(asked.elapsed() < Duration::from_secs(18), "it is said soon");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let before = told.each_ref().map(|told| told.load(Ordering::SeqCst));
        let begun = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || begun.begin())
            .await
            .unwrap();
        let back = Instant::now();
        while (0..2).any(|at| told[at].load(Ordering::SeqCst) < before[at] + 5) {
            assert!(back.elapsed() < PATIENCE, "{}", first.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(futures_util::future::join_all(all), story);
    assert_eq!(second.put(&late).await.status(), StatusCode::CREATED);
    check_all(&second, &publishers).await;
}

/// Part of [`super::who_stands_still_or_vanishes_is_passed_over`].
pub(super) async fn a_database_that_stands_still_is_told_of_and_waited_for() {
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    let cluster = Arc::new(cluster);
    let world = World::start_on(Some(Database::make_in(&cluster)), &[], |_| None);
    let one = release("alpha/squares");
    world.published(&one).await;
    cluster.signal_all("-STOP");
    let asked = Instant::now();
    let (ready, shown) = tokio::join!(world.get("/readyz"), world.put(&one));
    for answer in [ready, shown] {
        let said = problem(answer, ProblemCode::Unavailable).await;
        assert!(said.contains("busy"), "{said}");
    }
    assert!(asked.elapsed() < Duration::from_secs(40), "it is said soon");
    assert_eq!(world.get("/healthz").await.status(), StatusCode::OK);
    cluster.signal_all("-CONT");
    let back = Instant::now();
    while world.get("/readyz").await.status() != StatusCode::OK {
        assert!(back.elapsed() < PATIENCE, "{}", world.log());
    }
    assert_eq!(world.put(&one).await.status(), StatusCode::OK);
    world.published(&release("alpha/circles")).await;
}
