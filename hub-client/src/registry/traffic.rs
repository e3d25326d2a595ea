//! How much goes over the network, and how long it is waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What went over the network so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Requests that were sent.
    pub requests: u64,
    /// Bytes of the bodies that came back.
    pub received_bytes: u64,
    /// Time during which at least one answer was waited for.
    pub waited: Duration,
}

/// Shared by all handles on one connection.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    received_bytes: AtomicU64,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    /// How many wait now, and since when any does.
    now: u32,
    since: Option<Instant>,
    waited: Duration,
}

/// Held while an answer is waited for.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Counters);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.waits();
        waits.now = waits.now.saturating_sub(1);
        if waits.now == 0
            && let Some(since) = waits.since.take()
        {
            waits.waited += since.elapsed();
        }
    }
}

impl Counters {
    pub(super) fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An answer, or more of it, is waited for.
    pub(super) fn wait(&self) -> Waiting<'_> {
        let mut waits = self.waits();
        waits.now += 1;
        waits.since.get_or_insert_with(Instant::now);
        Waiting(self)
    }

    fn waits(&self) -> std::sync::MutexGuard<'_, Waits> {
        // What is counted stays right enough when a thread ended early.
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn so_far(&self) -> Traffic {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: load(&self.requests),
            received_bytes: load(&self.received_bytes),
            waited: self.waits().waited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_that_overlap_count_once() {
        let counters = Counters::default();
        let started = Instant::now();
        let (first, second) = (counters.wait(), counters.wait());
        std::thread::sleep(Duration::from_millis(5));
        drop(first);
        assert_eq!(counters.so_far().waited, Duration::ZERO);
        drop(second);
        let waited = counters.so_far().waited;
        assert!(waited >= Duration::from_millis(5) && waited <= started.elapsed());
    }
}
