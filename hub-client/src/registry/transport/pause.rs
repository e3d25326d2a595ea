//! A hub that wants to be left alone for a while is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::Answer;

/// A hub that wants to be left alone for longer than this is not waited for.
const LONGEST: Duration = Duration::from_secs(90);

/// Before which moment a hub wants no request, as it said with status 429; all requests to it wait.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    pub(super) async fn wait(&self) {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Obeys `Retry-After` of status 429 (RFC 6585 §4); whether it said how long.
    pub(super) fn obey(&self, answer: &Answer) -> bool {
        let wait = match answer.status() {
            429 => answer.retry_after(),
            _ => None,
        };
        let Some(wait) = wait.filter(|wait| *wait <= LONGEST) else {
            return false;
        };
        let until = Instant::now() + wait;
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = (*pause).max(Some(until));
        true
    }
}
