//! Hands out pictures to the lanes, never too far ahead of what has been delivered.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The places of the pictures, in order. Results are delivered in order, too, so those that are
/// ready early wait; `window` bounds how many, and with them the memory.
pub(super) struct Feed<'a> {
    total: usize,
    window: usize,
    lanes: usize,
    cancel: &'a AtomicBool,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    next: usize,
    delivered: usize,
    is_stopped: bool,
}

/// What a lane is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Prepare these.
    Take(Range<usize>),
    /// Nothing more can be handed out before something is delivered.
    Later,
    /// Nothing is left.
    End,
}

impl<'a> Feed<'a> {
    pub(super) fn new(total: usize, window: usize, lanes: usize, cancel: &'a AtomicBool) -> Self {
        let (state, moved) = (Mutex::default(), Condvar::new());
        Self {
            total,
            window,
            lanes,
            cancel,
            state,
            moved,
        }
    }

    /// How many pictures the next batch of a lane should have: `batch`, and less towards the end,
    /// so that all lanes finish at the same time.
    pub(super) fn goal(&self, batch: usize) -> usize {
        let left = self.total - self.lock().next;
        left.div_ceil(2 * self.lanes).clamp(1, batch)
    }

    /// Up to `most` places. A lane with `nothing_in_hand` waits until there are some.
    pub(super) fn take(&self, most: usize, nothing_in_hand: bool) -> Next {
        let mut state = self.lock();
        loop {
            if state.is_stopped || state.next >= self.total || self.is_cancelled() {
                return Next::End;
            }
            let open = (state.delivered + self.window).min(self.total) - state.next;
            let count = open.min(most);
            if count > 0 {
                let start = state.next;
                state.next += count;
                return Next::Take(start..start + count);
            }
            if !nothing_in_hand {
                return Next::Later;
            }
            // The timeout is for the cancel flag, which wakes nobody.
            let waited = self.moved.wait_timeout(state, Duration::from_millis(50));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Everything before `place` has been delivered.
    pub(super) fn delivered(&self, place: usize) {
        self.lock().delivered = place;
        self.moved.notify_all();
    }

    /// Hands out nothing more.
    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
        self.moved.notify_all();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_opens_as_results_are_delivered() {
        let cancel = AtomicBool::new(false);
        let feed = Feed::new(10, 4, 1, &cancel);
        assert_eq!(feed.take(3, true), Next::Take(0..3));
        assert_eq!(feed.take(3, true), Next::Take(3..4));
        assert_eq!(feed.take(3, false), Next::Later);
        feed.delivered(2);
        assert_eq!(feed.take(9, true), Next::Take(4..6));
        feed.delivered(9);
        assert_eq!(feed.take(9, true), Next::Take(6..10));
        assert_eq!(feed.take(9, true), Next::End);
    }

    #[test]
    fn batches_shrink_towards_the_end() {
        let cancel = AtomicBool::new(false);
        let feed = Feed::new(20, 100, 2, &cancel);
        let mut sizes = Vec::new();
        while let Next::Take(range) = feed.take(feed.goal(4), true) {
            sizes.push(range.len());
        }
        assert_eq!(sizes, [4, 4, 3, 3, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn cancelling_and_stopping_end_the_feed() {
        let cancel = AtomicBool::new(false);
        let feed = Feed::new(10, 10, 1, &cancel);
        cancel.store(true, Ordering::Relaxed);
        assert_eq!(feed.take(1, true), Next::End);
        cancel.store(false, Ordering::Relaxed);
        assert_eq!(feed.take(1, true), Next::Take(0..1));
        feed.stop();
        assert_eq!(feed.take(1, true), Next::End);
    }
}
