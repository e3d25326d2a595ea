//! Work that is done again whenever it is asked for.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a thread that waits looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Lets all other threads and programs go first from now on, as far as this thread and those that it starts
/// are concerned. On systems other than Linux that would be the whole process, and nothing is done.
pub(super) fn let_others_go_first() {
    // What cannot be had makes labelling slower, not wrong.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

/// One thread does it, anybody asks for it. What is asked for several times before it is begun is done
/// once.
#[derive(Debug, Default)]
pub(super) struct Errand {
    tickets: Mutex<Tickets>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    asked: u64,
    done: u64,
}

impl Errand {
    /// Asks for it.
    pub(super) fn ask(&self) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.asked += 1;
        self.changed.notify_all();
    }

    /// Waits until `is_done`, which is asked whenever some of the work has been done; false when that takes
    /// longer than `patience`.
    pub(super) fn wait_until(&self, patience: Duration, is_done: impl Fn() -> bool) -> bool {
        let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(tickets, patience, |_| !is_done());
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Does it each time it is asked for, until `is_stopping` says so.
    pub(super) fn run(&self, is_stopping: impl Fn() -> bool, mut work: impl FnMut()) {
        while let Some(ticket) = self.next(&is_stopping) {
            work();
            let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.done = ticket;
            self.changed.notify_all();
        }
    }

    /// Waits until it is asked for.
    fn next(&self, is_stopping: impl Fn() -> bool) -> Option<u64> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if is_stopping() {
                return None;
            }
            if tickets.asked > tickets.done {
                return Some(tickets.asked);
            }
            let waited = self.changed.wait_timeout(tickets, LOOK_EVERY);
            tickets = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    #[test]
    fn who_asks_is_answered_by_work_that_began_later() {
        let errand = Errand::default();
        let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        let asked = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let is_stopping = || stop.load(Ordering::Relaxed);
                errand.run(is_stopping, || {
                    // Everything asked before the round began is seen by it.
                    rounds.store(asked.load(Ordering::SeqCst), Ordering::SeqCst);
                });
            });
            for round in 1..=50 {
                asked.store(round, Ordering::SeqCst);
                errand.ask();
                let is_done = || rounds.load(Ordering::SeqCst) == round;
                assert!(errand.wait_until(Duration::from_secs(60), is_done));
            }
            stop.store(true, Ordering::Relaxed);
        });
        errand.ask();
        let is_done = || rounds.load(Ordering::SeqCst) == 51;
        assert!(
            !errand.wait_until(Duration::ZERO, is_done),
            "nobody is there to do it"
        );
    }
}
