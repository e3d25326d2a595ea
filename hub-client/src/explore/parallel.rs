//! Work on numbered blocks, shared by threads.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `work` on each of `0..count`, on up to `threads` threads, each with a state of its own; gives
/// back the states. Which block meets which state is left to chance, so states must be such that
/// their union does not depend on it.
pub(crate) fn over_blocks<T: Send>(
    count: usize,
    threads: NonZeroUsize,
    state: impl Fn() -> T + Sync,
    work: impl Fn(&mut T, usize) + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut own = state();
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= count {
                return own;
            }
            work(&mut own, block);
        }
    };
    let helpers = threads.get().min(count).saturating_sub(1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..helpers).map(|_| scope.spawn(run)).collect();
        let mut states = vec![run()];
        for handle in handles {
            match handle.join() {
                Ok(state) => states.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn each_block_is_done_once() {
        for threads in [1, 2, 5] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let states = over_blocks(100, threads, Vec::new, Vec::push);
            let mut done = states.concat();
            done.sort_unstable();
            assert_eq!(done, (0..100).collect::<Vec<_>>());
        }
        let none = over_blocks(0, NonZeroUsize::MIN, Vec::new, |done, block| {
            done.push(block);
        });
        assert_eq!(none, [Vec::<usize>::new()]);
    }
}
