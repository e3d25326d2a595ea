//! Which of the pictures that wait are embedded, and which of them together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use registry_schema::digest::Digest;

use super::error::Refusal;
use super::queue::{Embedded, Waiting};
use super::remembered::Remembered;

/// Pictures whose features are remembered.
const RECENT: usize = 512;

/// Bytes of the features that are remembered.
const RECENT_BYTES: usize = 8 << 20;

/// Pictures that are remembered for having been there when a worker ended.
const SUSPECTS: usize = 4_096;

/// How long what ended a worker twice is not run.
const BANNED: Duration = Duration::from_secs(600);

/// One picture, and those who asked for it.
pub(super) struct Job {
    pub(super) digest: Digest,
    pub(super) picture: Bytes,
    pub(super) asked: Vec<Waiting>,
}

impl Job {
    pub(super) fn tell(self, result: &Embedded) {
        for waiting in self.asked {
            // Whoever went away does not want it.
            let _ = waiting.answer.send(result.clone());
        }
    }
}

/// What is known of the last pictures.
pub(super) struct Memory {
    recent: Remembered<Arc<[f32]>>,
    /// When a picture was there while a worker ended: the last time, and whether it was alone.
    suspects: Remembered<Suspect>,
}

#[derive(Clone, Copy)]
struct Suspect {
    times: usize,
    last: Instant,
}

impl Memory {
    /// For features of so many numbers.
    pub(super) fn new(dimension: usize) -> Self {
        let bytes = size_of::<f32>() * dimension.max(1);
        Self {
            recent: Remembered::new((RECENT_BYTES / bytes).clamp(1, RECENT)),
            suspects: Remembered::new(SUSPECTS),
        }
    }

    /// What became of a picture that was run: it is harmless, and its features are kept.
    pub(super) fn embedded(&mut self, digest: Digest, embedded: &Embedded) {
        self.suspects.remove(&digest);
        if let Ok(features) = embedded {
            self.recent.insert(digest, features.clone());
        }
    }

    /// A picture was there when a worker ended.
    pub(super) fn suspect(&mut self, digest: Digest) {
        let times = self.suspects.get(&digest).map_or(0, |one| one.times) + 1;
        let last = Instant::now();
        self.suspects.insert(digest, Suspect { times, last });
    }

    /// Which pictures to embed, and which of them together; each once. What is known, and what is not to be
    /// run, is told at once; what nobody waits for any more is left out.
    pub(super) fn groups(&mut self, batch: Vec<Waiting>) -> Vec<Vec<Job>> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
        for waiting in batch {
            if waiting.answer.is_closed() {
                continue;
            }
            let digest = waiting.digest;
            if let Some(features) = self.recent.get(&digest) {
                let _ = waiting.answer.send(Ok(features.clone()));
            } else if self.is_banned(&digest) {
                let _ = waiting.answer.send(Err(Refusal::Harmful));
            } else if let Some(&place) = places.get(&digest) {
                jobs[place].asked.push(waiting);
            } else {
                places.insert(digest, jobs.len());
                jobs.push(Job {
                    digest,
                    picture: waiting.picture.clone(),
                    asked: vec![waiting],
                });
            }
        }
        let is_suspect = |job: &Job| self.suspects.get(&job.digest).is_some();
        let (alone, together): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_suspect);
        let groups = std::iter::once(together).chain(alone.into_iter().map(|job| vec![job]));
        groups.filter(|jobs| !jobs.is_empty()).collect()
    }

    fn is_banned(&mut self, digest: &Digest) -> bool {
        match self.suspects.get(digest).copied() {
            Some(suspect) if suspect.times >= 2 && suspect.last.elapsed() < BANNED => true,
            Some(suspect) if suspect.times >= 2 => {
                self.suspects.insert(
                    *digest,
                    Suspect {
                        times: 1,
                        ..suspect
                    },
                );
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use tokio::sync::oneshot;

    use super::*;

    fn waiting(content: &[u8]) -> (Waiting, oneshot::Receiver<Embedded>) {
        let (answer, told) = oneshot::channel();
        let waiting = Waiting {
            picture: Bytes::copy_from_slice(content),
            digest: Digest::of(content),
            since: Instant::now(),
            answer,
        };
        (waiting, told)
    }

    fn contents(groups: &[Vec<Job>]) -> Vec<Vec<&[u8]>> {
        let groups = groups.iter();
        groups
            .map(|jobs| jobs.iter().map(|job| job.picture.as_ref()).collect())
            .collect()
    }

    #[test]
    fn a_picture_is_embedded_once_and_not_for_nobody() {
        let mut memory = Memory::new(1);
        let known: Arc<[f32]> = Arc::from([1.0_f32]);
        memory.recent.insert(Digest::of(b"known"), known.clone());
        let (batch, mut told): (Vec<_>, Vec<_>) = [b"one".as_slice(), b"two", b"one", b"known"]
            .map(waiting)
            .into_iter()
            .unzip();
        let (gone, _) = waiting(b"gone");
        let batch = batch.into_iter().chain([gone]).collect();
        let mut groups = memory.groups(batch);
        assert_eq!(contents(&groups), [[b"one".as_slice(), b"two"]]);
        assert_eq!(told[3].try_recv().unwrap().unwrap(), known);
        groups.remove(0).remove(0).tell(&Ok(known));
        assert!(told[0].try_recv().unwrap().is_ok() && told[2].try_recv().unwrap().is_ok());
        assert!(told[1].try_recv().is_err(), "not yet");
    }

    #[test]
    fn what_ended_a_worker_runs_alone_and_then_not_at_all() {
        let mut memory = Memory::new(1);
        let contents_of = |memory: &mut Memory| {
            let (batch, told): (Vec<_>, Vec<_>) = [b"bad".as_slice(), b"one", b"two"]
                .map(waiting)
                .into_iter()
                .unzip();
            let groups = memory.groups(batch);
            let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
            (sizes, told)
        };
        assert_eq!(contents_of(&mut memory).0, [3]);
        memory.suspect(Digest::of(b"bad"));
        assert_eq!(contents_of(&mut memory).0, [2, 1]);
        memory.suspect(Digest::of(b"bad"));
        let (sizes, mut told) = contents_of(&mut memory);
        assert_eq!(sizes, [2]);
        let told = told[0].try_recv().unwrap();
        assert!(matches!(told, Err(Refusal::Harmful)));
        memory.suspects.remove(&Digest::of(b"bad"));
        assert_eq!(contents_of(&mut memory).0, [3]);
    }
}
