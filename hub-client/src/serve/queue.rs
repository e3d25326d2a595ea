//! Pictures that wait for an extractor, and which of them it takes together.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use registry_schema::digest::Digest;
use tokio::sync::oneshot;

use super::error::Refusal;

/// What becomes of a picture.
pub(super) type Embedded = Result<Arc<[f32]>, Refusal>;

/// A picture that waits.
pub(super) struct Waiting {
    pub(super) picture: Bytes,
    pub(super) digest: Digest,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Embedded>,
}

/// How much is taken together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Most pictures.
    pub(super) pictures: usize,
    /// Most bytes of several pictures.
    pub(super) bytes: usize,
    /// How long the first waits for others.
    pub(super) wait: Duration,
}

/// The pictures that wait for one extractor.
pub(super) struct Queue {
    most: usize,
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    is_closed: bool,
}

/// Why pictures are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Full,
    Closed,
}

/// What is to do.
pub(super) enum Next {
    /// Embed these.
    Batch(Vec<Waiting>),
    /// Nothing came for so long.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        let (state, came) = (Mutex::default(), Condvar::new());
        Self { most, state, came }
    }

    /// Takes all of a request's pictures or none. When nothing waits, more than there is room for may come.
    /// What nobody waits for any more takes no room.
    pub(super) fn put(&self, pictures: Vec<Waiting>) -> Result<(), NotTaken> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(NotTaken::Closed);
        }
        state.waiting.retain(|one| !one.answer.is_closed());
        if !state.waiting.is_empty() && state.waiting.len() + pictures.len() > self.most {
            return Err(NotTaken::Full);
        }
        state.waiting.extend(pictures);
        self.came.notify_all();
        Ok(())
    }

    /// Puts pictures that were taken in front of all others.
    pub(super) fn put_back(&self, pictures: Vec<Waiting>) {
        let mut state = self.lock();
        for one in pictures.into_iter().rev() {
            state.waiting.push_front(one);
        }
    }

    /// Waits until a batch is full, or its first picture has waited long enough; or until `patience` ends
    /// and nothing came.
    pub(super) fn next(&self, bounds: &Bounds, patience: Duration) -> Next {
        let give_up = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let until = match state.waiting.front() {
                Some(first) => {
                    let until = first.since + bounds.wait;
                    if state.is_closed || now >= until || state.waiting.len() >= bounds.pictures {
                        return Next::Batch(state.take(bounds));
                    }
                    until
                }
                None if state.is_closed => return Next::Closed,
                None if now >= give_up => return Next::Nothing,
                None => give_up,
            };
            let waited = self.came.wait_timeout(state, until - now);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes out all that waits.
    pub(super) fn drain(&self) -> Vec<Waiting> {
        self.lock().waiting.drain(..).collect()
    }

    /// Takes nothing more; what waits is still handed out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.came.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, bounds: &Bounds) -> Vec<Waiting> {
        let mut bytes = 0;
        let fitting = self.waiting.iter().take_while(|one| {
            bytes += one.picture.len();
            bytes <= bounds.bytes
        });
        let count = fitting.count().clamp(1, bounds.pictures);
        let count = count.min(self.waiting.len());
        self.waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    const BOUNDS: Bounds = Bounds {
        pictures: 3,
        bytes: 100,
        wait: Duration::ZERO,
    };

    fn waiting(bytes: usize) -> Waiting {
        let (waiting, told) = asked(bytes);
        // Somebody waits for it as long as the test runs.
        std::mem::forget(told);
        waiting
    }

    fn asked(bytes: usize) -> (Waiting, oneshot::Receiver<Embedded>) {
        let picture = Bytes::from(vec![0; bytes]);
        let (answer, told) = oneshot::channel();
        let waiting = Waiting {
            digest: Digest::of(&picture),
            picture,
            since: Instant::now(),
            answer,
        };
        (waiting, told)
    }

    fn sizes(queue: &Queue, bounds: &Bounds) -> Vec<usize> {
        match queue.next(bounds, Duration::ZERO) {
            Next::Batch(batch) => batch.iter().map(|one| one.picture.len()).collect(),
            Next::Nothing => vec![],
            Next::Closed => panic!("closed"),
        }
    }

    #[test]
    fn batches_are_bounded_in_pictures_and_bytes() {
        let queue = Queue::new(8);
        let sent = [1, 2, 3, 4, 60, 50, 500, 5];
        queue.put(sent.map(waiting).into()).unwrap();
        assert_eq!(queue.len(), 8);
        assert_eq!(sizes(&queue, &BOUNDS), [1, 2, 3]);
        assert_eq!(sizes(&queue, &BOUNDS), [4, 60]);
        assert_eq!(sizes(&queue, &BOUNDS), [50]);
        assert_eq!(sizes(&queue, &BOUNDS), [500], "alone, whatever its size");
        assert_eq!(sizes(&queue, &BOUNDS), [5]);
        assert_eq!(sizes(&queue, &BOUNDS), [0; 0]);
    }

    #[test]
    fn a_request_is_taken_whole_or_not_at_all() {
        let queue = Queue::new(2);
        queue.put([1, 2, 3].map(waiting).into()).unwrap();
        assert_eq!(queue.put(vec![waiting(4)]), Err(NotTaken::Full));
        assert_eq!(sizes(&queue, &BOUNDS), [1, 2, 3]);
        queue.put(vec![waiting(4)]).unwrap();
        assert_eq!(
            queue.put([5, 6].map(waiting).into()),
            Err(NotTaken::Full),
            "one of two has room"
        );
        queue.put_back([1, 2].map(waiting).into());
        queue.close();
        assert_eq!(queue.put(vec![waiting(4)]), Err(NotTaken::Closed));
        let patient = Bounds {
            wait: Duration::from_secs(600),
            ..BOUNDS
        };
        assert_eq!(sizes(&queue, &patient), [1, 2, 4], "nothing waits any more");
        assert!(matches!(
            queue.next(&BOUNDS, Duration::from_secs(600)),
            Next::Closed
        ));
    }

    #[test]
    fn what_nobody_waits_for_takes_no_room() {
        let queue = Queue::new(2);
        let (gone, told) = asked(1);
        queue.put(vec![gone, waiting(2)]).unwrap();
        assert_eq!(queue.put(vec![waiting(3)]), Err(NotTaken::Full));
        drop(told);
        queue.put(vec![waiting(3)]).unwrap();
        assert_eq!(sizes(&queue, &BOUNDS), [2, 3]);
    }

    #[test]
    fn pictures_that_come_together_are_taken_together() {
        let queue = Queue::new(8);
        let patient = Bounds {
            wait: Duration::from_secs(600),
            ..BOUNDS
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| queue.put(vec![waiting(1)]).unwrap());
            }
            assert_eq!(sizes_patiently(&queue, &patient), [1, 1, 1]);
        });
    }

    fn sizes_patiently(queue: &Queue, bounds: &Bounds) -> Vec<usize> {
        match queue.next(bounds, Duration::from_secs(600)) {
            Next::Batch(batch) => batch.iter().map(|one| one.picture.len()).collect(),
            _ => panic!("nothing came"),
        }
    }
}
