//! Waiting for what comes by itself. A slow machine gets all the time it needs; a test that fails waits in vain.

use std::time::{Duration, Instant};

use super::World;

/// Longer than anything here takes, on whatever machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until there is something, and gives it; `told` says what there is instead in the end.
pub(crate) fn eventually<T>(found: impl Fn() -> Option<T>, told: impl Fn() -> String) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", told());
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl World {
    /// Waits until the server has logged these words, and gives what it has logged by then. A line that is written
    /// before an answer may be read after it.
    pub(crate) fn until_logged(&self, words: &str) -> String {
        let found = || Some(self.log()).filter(|log| log.contains(words));
        eventually(found, || format!("no `{words}` in {}", self.log()))
    }
}
