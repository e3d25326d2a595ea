//! Guessing is slowed: an address that has brought too many wrong tokens waits.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens that an address may bring in a [`WINDOW`].
pub(crate) const WRONG: u32 = 10;

/// How long wrong tokens are remembered.
const WINDOW: Duration = Duration::from_secs(60);

/// Addresses that are remembered at most; past them all are forgotten, as a token has too many bits
/// to be guessed in any case.
const ADDRESSES: usize = 10_000;

/// Wrong tokens of late, by address.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    wrong: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Attempts {
    /// How long the address has to wait before it may try again; `None` when it may now.
    pub(crate) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = wrong.get(&neighbourhood(address))?;
        let left = WINDOW.checked_sub(now.saturating_duration_since(*since))?;
        (*count >= WRONG && !left.is_zero()).then_some(left)
    }

    /// Remembers that the address has brought a wrong token.
    pub(crate) fn was_wrong(&self, address: IpAddr, now: Instant) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |since: &Instant| now.saturating_duration_since(*since) < WINDOW;
        if wrong.len() >= ADDRESSES {
            wrong.retain(|_, (_, since)| is_recent(since));
        }
        if wrong.len() >= ADDRESSES {
            wrong.clear();
        }
        let (count, since) = wrong.entry(neighbourhood(address)).or_insert((0, now));
        if !is_recent(since) {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
    }
}

/// One household has many IPv6 addresses, with the first 64 bits in common.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_eleventh_guess_of_a_minute_waits() {
        let attempts = Attempts::default();
        let (start, guesser) = (Instant::now(), "2001:db8::1".parse().unwrap());
        for _ in 0..WRONG {
            assert_eq!(attempts.wait(guesser, start), None);
            attempts.was_wrong(guesser, start);
        }
        assert_eq!(attempts.wait(guesser, start), Some(WINDOW));
        let neighbour = "2001:db8::2".parse().unwrap();
        assert!(attempts.wait(neighbour, start).is_some());
        let other = "192.0.2.1".parse().unwrap();
        assert_eq!(attempts.wait(other, start), None);
        let later = start + WINDOW;
        assert_eq!(attempts.wait(guesser, later), None);
        attempts.was_wrong(guesser, later);
        assert_eq!(attempts.wait(guesser, later), None);
    }
}
