//! How much goes over the network, and how long it is waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What went over the network so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Requests that were sent.
    pub requests: u64,
    /// Bytes of the bodies that came back.
    pub received_bytes: u64,
    /// Time spent waiting for answers, added up over requests.
    pub waited: Duration,
}

/// Shared by all handles on one connection.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    received_bytes: AtomicU64,
    waited_nanos: AtomicU64,
}

impl Counters {
    pub(super) fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn waited(&self, since: Instant) {
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn so_far(&self) -> Traffic {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: load(&self.requests),
            received_bytes: load(&self.received_bytes),
            waited: Duration::from_nanos(load(&self.waited_nanos)),
        }
    }
}
