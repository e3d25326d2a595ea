//! How often somebody may ask: the generic cell rate algorithm (ITU-T I.371), in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Askers that are remembered at most: 2 MiB. Past them those are forgotten that have not asked of late, or else
/// all, which gives each of them a fresh start.
const ASKERS: usize = 65_536;

/// What may come at once after a silence, as a part of a minute's worth.
const BURST: u32 = 6;

/// A limit of requests for each of many askers.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Between two requests at the full rate.
    interval: Duration,
    /// How far ahead of the full rate an asker may be.
    tolerance: Duration,
    began: Instant,
    /// By the hash of an asker: when, after `began`, all that it has asked is paid for.
    paid: Mutex<HashMap<u64, Duration>>,
    hashes: RandomState,
}

impl Rate {
    /// So many requests a minute, a sixth of them at once; `None` for 0, which is no limit.
    pub(crate) fn per_minute(requests: u32, now: Instant) -> Option<Self> {
        let interval = Duration::from_secs(60).checked_div(requests)?;
        let burst = (requests / BURST).max(1);
        Some(Self {
            interval,
            tolerance: interval * burst,
            began: now,
            paid: Mutex::default(),
            // Nobody outside can choose whose hash is whose.
            hashes: RandomState::new(),
        })
    }

    /// Takes a request.
    ///
    /// # Errors
    /// How long the asker has to wait, when it has asked too often.
    pub(crate) fn take(&self, asker: impl Hash, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.began);
        let asker = self.hashes.hash_one(asker);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= ASKERS && !paid.contains_key(&asker) {
            paid.retain(|_, at| *at > now);
            if paid.len() >= ASKERS {
                paid.clear();
            }
        }
        let at = paid.entry(asker).or_insert(now);
        let next = (*at).max(now) + self.interval;
        match (next - now).checked_sub(self.tolerance) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *at = next;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_sixth_at_once_and_then_one_after_another() {
        let start = Instant::now();
        let rate = Rate::per_minute(60, start).unwrap();
        for _ in 0..10 {
            assert_eq!(rate.take("a", start), Ok(()));
        }
        assert_eq!(rate.take("a", start), Err(Duration::from_secs(1)));
        assert_eq!(rate.take("b", start), Ok(()), "each for itself");
        let later = start + Duration::from_millis(400);
        assert_eq!(rate.take("a", later), Err(Duration::from_millis(600)));
        let later = start + Duration::from_secs(1);
        assert_eq!(rate.take("a", later), Ok(()));
        assert!(rate.take("a", later).is_err());
        let much_later = start + Duration::from_secs(600);
        let taken = (0..100).filter(|_| rate.take("a", much_later).is_ok());
        assert_eq!(taken.count(), 10, "silence is not saved up");
        assert!(Rate::per_minute(0, start).is_none());
        assert_eq!(Rate::per_minute(1, start).unwrap().take("a", start), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let start = Instant::now();
        let rate = Rate::per_minute(60, start).unwrap();
        for asker in 0..3 * ASKERS {
            rate.take(asker, start).unwrap();
            assert!(rate.paid.lock().unwrap().len() <= ASKERS);
        }
    }
}
