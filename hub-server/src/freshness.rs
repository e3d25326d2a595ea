//! Before a request is answered from memory: what other servers of the same database have written.
//! Who was shown a checkpoint by one server is never shown an older one by another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::app::Hub;
use crate::database::DatabaseError;
use crate::error::Failure;

/// How often it is looked for though nobody asks: who waits for witnesses, or asks them, waits for it.
const EVERY: Duration = Duration::from_millis(200);

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the database for requests: for each one after it has come, for many at once.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    /// How many looks were begun.
    begun: AtomicU64,
    /// Held while one is taken; how the last one has ended, if it has.
    last: Mutex<Option<Result<(), Failure>>>,
}

impl Freshness {
    /// Returns when a look that was begun after this call has ended, with what it has ended with.
    async fn look(&self, hub: &web::Data<Hub>) -> Result<(), Failure> {
        self.share(|| {
            let hub = hub.clone();
            async move {
                let looking = web::block(move || hub.follow(Timestamp::now()));
                match tokio::time::timeout(PATIENCE, looking).await {
                    Ok(Ok(looked)) => looked.map_err(Failure::from),
                    Ok(Err(error)) => Err(Failure::internal(&error)),
                    // It takes connections and answers nothing.
                    Err(_) => Err(DatabaseError::Busy.into()),
                }
            }
        })
        .await
    }

    async fn share<L>(&self, look: impl FnOnce() -> L) -> Result<(), Failure>
    where
        L: Future<Output = Result<(), Failure>>,
    {
        let wanted = self.begun.load(Ordering::SeqCst) + 1;
        let mut last = self.last.lock().await;
        // All looks that were begun have ended, and this one was begun for somebody who came later.
        if self.begun.load(Ordering::SeqCst) >= wanted
            && let Some(looked) = &*last
        {
            return looked.clone();
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        // When this request is given up in the middle, the next one looks itself.
        *last = None;
        let looked = look().await;
        *last = Some(looked.clone());
        looked
    }

    /// Looks all the time, for those who wait.
    pub(crate) async fn go_on(&self, hub: &web::Data<Hub>) {
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut said = None;
        loop {
            clock.tick().await;
            let failure = self.look(hub).await.err();
            let failure = failure.map(|failure| failure.cause.unwrap_or(failure.problem.detail));
            if let Some(error) = failure.as_ref().filter(|_| failure != said) {
                tracing::error!(error, "cannot follow the other servers of the database");
            }
            said = failure;
        }
    }
}

/// The middleware.
pub(crate) async fn fresh(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(hub) = request.app_data::<web::Data<Hub>>().cloned()
        && let Some(freshness) = request.app_data::<web::Data<Freshness>>().cloned()
        && hub.is_followed()
        && !asks_for_life(request.path())
        && let Err(failure) = freshness.look(&hub).await
    {
        return Ok(request.error_response(failure));
    }
    next.call(request).await
}

/// Whether it is asked if this server lives, which it does without a database.
fn asks_for_life(path: &str) -> bool {
    matches!(path, "/healthz" | "/health/live")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn many_share_one_look_that_begins_after_they_came() {
        let freshness = Arc::new(Freshness::default());
        let looks = Arc::new(AtomicU64::new(0));
        let (open, opened) = tokio::sync::watch::channel(false);
        let ask = || {
            let (freshness, looks, mut opened) =
                (Arc::clone(&freshness), Arc::clone(&looks), opened.clone());
            tokio::spawn(async move {
                let look = || async move {
                    looks.fetch_add(1, Ordering::SeqCst);
                    opened.wait_for(|opened| *opened).await.unwrap();
                    Ok(())
                };
                freshness.share(look).await
            })
        };
        let first = ask();
        while looks.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // These come while the first look is under way, which may not know what they want to know.
        let others: Vec<_> = (0..20).map(|_| ask()).collect();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        open.send(true).unwrap();
        first.await.unwrap().unwrap();
        for other in others {
            other.await.unwrap().unwrap();
        }
        assert_eq!(looks.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_one_look_met_all_are_told() {
        let freshness = Freshness::default();
        let stopping = DatabaseError::Interrupted;
        let failed = freshness.share(|| async { Err(stopping.into()) }).await;
        assert!(failed.is_err());
        freshness.share(|| async { Ok(()) }).await.unwrap();
        // Given up in the middle: the next one looks itself.
        let never = freshness.share(std::future::pending);
        let given_up = tokio::time::timeout(Duration::from_millis(1), never).await;
        assert!(given_up.is_err());
        freshness.share(|| async { Ok(()) }).await.unwrap();
    }
}
