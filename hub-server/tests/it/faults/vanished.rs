//! A server's machine that vanishes from the network: nobody closes its connections, and nothing comes from it any more.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::standstill::{signal, stop_with_turn, until_more};
use crate::cluster::{Cluster, Database};
use crate::killing::{Publisher, check_all};
use crate::missing;
use crate::world::{PATIENCE, World};

/// By which the machine that vanishes speaks to PostgreSQL, and nobody else.
const ADDRESS: &str = "127.0.0.77";

/// Where it is, on the `PATH` of root alone.
const IPTABLES: &str = "/usr/sbin/iptables";

/// A rule by which packets are lost on the way to and from a port of [`ADDRESS`], until it is dropped.
struct Lost {
    port: String,
}

impl Lost {
    /// `None` when nobody here may make one, which has then been said.
    fn make(port: u16) -> Option<Self> {
        let lost = Self {
            port: port.to_string(),
        };
        let (mut list, what) = (Command::new(IPTABLES), "nobody here may lose packets");
        if !missing::may(list.args(["-w", "-L", "INPUT", "-n"]), what) {
            return None;
        }
        if !lost.change("-I") {
            missing::skipped("iptables here cannot lose packets");
            return None;
        }
        Some(lost)
    }

    fn change(&self, action: &str) -> bool {
        [["-d", "--dport"], ["-s", "--sport"]]
            .iter()
            .all(|[address, port]| {
                let changed = Command::new(IPTABLES)
                    .args(["-w", action, "INPUT", address, ADDRESS, "-p", "tcp", port])
                    .args([&self.port, "-j", "DROP"])
                    .output();
                changed.is_ok_and(|changed| changed.status.success())
            })
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        self.change("-D");
    }
}

/// Part of [`super::who_stands_still_or_vanishes_is_passed_over`].
pub(super) async fn a_machine_that_vanishes_with_the_turn_is_passed_over_and_comes_back() {
    let Some(cluster) = Cluster::on_tcp(ADDRESS) else {
        return;
    };
    // Whether that can be done is known before anything is waited for.
    let port = cluster.port();
    if Lost::make(port).is_none() {
        return;
    }
    let database = Database::make_in(&Arc::new(cluster));
    let mut first = World::start_on(Some(Arc::clone(&database)), &[], |_| None);
    let second = first.replica(&[]);
    first.kill();
    let mut command = first.command();
    command.env("HUB_SERVER_DATABASE", database.tcp_url(ADDRESS));
    first.serve_by(command, &[]);
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
        let lost = Lost::make(port).unwrap();
        signal(server, "-CONT");
        let vanished = Instant::now();
        until_more(&told[1], &second, PATIENCE).await;
        assert!(
            vanished.elapsed() > Duration::from_secs(3),
            "it had no turn"
        );
        // Sooner than a session ends that only stands still.
        let said = database.cluster().log();
        assert!(!said.contains("idle-in-transaction timeout"), "{said}");
        drop(lost);
        for (world, told) in [(&first, &told[0]), (&second, &told[1])] {
            until_more(told, world, PATIENCE).await;
        }
        is_over.store(true, Ordering::SeqCst);
    };
    tokio::join!(futures_util::future::join_all(all), story);
    check_all(&second, &publishers).await;
    check_all(&first, &publishers).await;
}
