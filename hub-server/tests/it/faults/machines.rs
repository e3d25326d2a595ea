//! Two servers over one PostgreSQL and one bucket, all of which die and come back.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use super::standstill::signal;
use crate::cluster::{Cluster, Database};
use crate::s3::{Server, Way};
use crate::world::{Bucket, World};

/// Uploads of requests that were cut off, which nobody goes on with: removed sooner than a hub does it.
const FORGET_UPLOADS: &str =
    "DELETE FROM uploads WHERE created_at < extract(epoch FROM now()) - 180";

/// Where the servers are at present.
pub(super) type Addresses = Arc<[RwLock<String>; 2]>;

pub(super) struct Machines {
    pub(super) worlds: [World; 2],
    pub(super) addresses: Addresses,
    store: Server,
    way: Way,
    cluster: Arc<Cluster>,
    pub(super) deaths: u64,
}

/// What dies at once.
#[derive(Clone, Copy, Default)]
struct Victims<'a> {
    servers: &'a [usize],
    store: bool,
    database: bool,
}

impl Machines {
    /// `None` where PostgreSQL is not installed.
    pub(super) fn start() -> Option<Self> {
        let cluster = Arc::new(Cluster::of_its_own()?);
        let store = Server::start();
        let way = Way::to(&store);
        let bucket = Bucket::new(&store, way.address());
        let database = Database::make_in(&cluster);
        let first = World::start_with_both(Some(database), Some(bucket), &[], |_| None);
        let worlds = [first.replica(&[]), first];
        let address = |world: &World| RwLock::new(world.base.clone());
        Some(Self {
            addresses: Arc::new(worlds.each_ref().map(address)),
            worlds,
            store,
            way,
            cluster,
            deaths: 0,
        })
    }

    /// Kills and brings back until a time, or until it is over.
    pub(super) fn die(&mut self, is_over: &AtomicBool, until: Instant, mut has_long: bool) {
        let third = Instant::now() + (until - Instant::now()) / 3;
        while Instant::now() < until && !is_over.load(Ordering::SeqCst) {
            std::thread::sleep(some_time(200, 2_000));
            self.worlds[0].sql(FORGET_UPLOADS);
            if has_long && Instant::now() > third {
                has_long = false;
                self.die_long();
            } else {
                self.die_somehow();
            }
        }
    }

    fn die_long(&mut self) {
        let database = Victims {
            database: true,
            ..Victims::default()
        };
        self.die_at_once(database, Duration::from_secs(60));
        self.stand_still(0, Duration::from_secs(30));
    }

    fn die_somehow(&mut self) {
        let one = usize::from(below(2) == 1);
        let nobody = Victims::default();
        let victims = match below(8) {
            0 | 1 => Victims {
                servers: &[one],
                ..nobody
            },
            2 => Victims {
                servers: &[0, 1],
                ..nobody
            },
            3 | 4 => Victims {
                database: true,
                ..nobody
            },
            5 => Victims {
                store: true,
                ..nobody
            },
            6 => Victims {
                servers: &[one],
                store: true,
                database: true,
            },
            _ => return self.stand_still(one, some_time(500, 4_000)),
        };
        self.die_at_once(victims, some_time(0, 2_000));
    }

    /// SIGKILL; after a while all are back.
    fn die_at_once(&mut self, victims: Victims<'_>, away: Duration) {
        let Victims {
            servers,
            store,
            database,
        } = victims;
        for at in servers {
            self.worlds[*at].kill();
        }
        if store {
            self.store.kill();
        }
        if database {
            self.cluster.kill();
        }
        self.deaths += servers.len() as u64 + u64::from(store) + u64::from(database);
        std::thread::sleep(away);
        if database {
            self.cluster.begin();
        }
        if store {
            self.store.serve_again();
            self.way.lead_to(&self.store);
        }
        for at in servers {
            let world = &mut self.worlds[*at];
            world.serve(&[]);
            *self.addresses[*at].write().unwrap() = world.base.clone();
        }
    }

    fn stand_still(&mut self, at: usize, time: Duration) {
        let server = self.worlds[at].server_mut().id();
        signal(server, "-STOP");
        std::thread::sleep(time);
        signal(server, "-CONT");
        self.deaths += 1;
    }
}

/// A number that nobody foresees.
pub(super) fn below(end: u64) -> u64 {
    RandomState::new().hash_one(()) % end
}

pub(super) fn some_time(least_ms: u64, most_ms: u64) -> Duration {
    Duration::from_millis(least_ms + below(most_ms - least_ms))
}
