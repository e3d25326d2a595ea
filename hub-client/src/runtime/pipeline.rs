//! From many pictures to features, on all cores, in a memory that does not grow.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};

use registry_schema::digest::Digest;

use super::decode::{DecodeLimits, read_file};
use super::error::check_features;
use super::feed::{Feed, Next};
use super::lane::{Desk, Lane, name_of};
use super::{Extractor, ImageError, RuntimeError};

/// The features of one picture file.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// Of the file's bytes.
    pub sha256: Digest,
    /// `dimension` numbers.
    pub features: Vec<f32>,
    /// Whether they were known before.
    pub is_cached: bool,
}

/// Looks up the features of a picture by its digest; called from all threads.
pub type Lookup<'a> = &'a (dyn Fn(&Digest) -> Option<Vec<f32>> + Sync);

/// What features are computed of.
#[derive(Clone, Copy, Debug)]
pub enum Pictures<'a> {
    /// The files at these paths.
    Files(&'a [PathBuf]),
    /// Encoded pictures: what such files would hold.
    Encoded(&'a [&'a [u8]]),
}

impl Pictures<'_> {
    fn len(self) -> usize {
        match self {
            Self::Files(paths) => paths.len(),
            Self::Encoded(pictures) => pictures.len(),
        }
    }

    /// How one is called in errors.
    fn name(self, index: usize) -> String {
        match self {
            Self::Files(paths) => name_of(&paths[index]),
            Self::Encoded(_) => "the picture".to_owned(),
        }
    }
}

/// Computes the features of `pictures` and hands each to `sink`, in their order, on the calling
/// thread. `lookup` is asked before a picture is decoded.
///
/// A picture without features is an error for the sink, which decides whether that is the end; the
/// others are not concerned. The sink's own error stops the run and comes back. At most
/// `4 · threads · batch` rows wait for a slow sink.
///
/// # Errors
/// What the sink returned; [`RuntimeError::Cancelled`] when `cancel` was set, after the sink has
/// got what was ready; [`RuntimeError::Session`] when the graph fails.
pub fn run<E: From<RuntimeError>>(
    extractor: &mut Extractor,
    pictures: Pictures<'_>,
    lookup: Option<Lookup<'_>>,
    cancel: &AtomicBool,
    mut sink: impl FnMut(usize, Result<FeatureRow, ImageError>) -> Result<(), E>,
) -> Result<(), E> {
    let batch = extractor.plan.batch();
    let lanes = extractor.lanes.len();
    let feed = Feed::new(pictures.len(), 4 * batch * lanes, lanes, cancel);
    let shift = Shift {
        pictures,
        lookup,
        feed: &feed,
        batch,
        limits: extractor.limits,
    };
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        let _stop = StopWhenPanicking(&feed);
        for lane in &mut extractor.lanes {
            let (sender, shift) = (sender.clone(), &shift);
            scope.spawn(move || shift.work(lane, &sender));
        }
        // Only the lanes hold senders now: when the last one ends, so does the delivery.
        drop(sender);
        let delivered = deliver(&receiver, &feed, &mut sink);
        // Whatever the reason, the lanes shall not go on for nobody.
        feed.stop();
        match delivered? {
            count if count == pictures.len() => Ok(()),
            _ if feed.is_cancelled() => Err(RuntimeError::Cancelled.into()),
            // A lane that panicked takes its pictures with it.
            _ => Err(RuntimeError::ThreadStopped.into()),
        }
    })
}

/// Ends the feed when this thread panics: what it had taken is never delivered, so that the others
/// would wait for the window to move on forever.
struct StopWhenPanicking<'a>(&'a Feed<'a>);

impl Drop for StopWhenPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

type Delivery = Result<(usize, Result<FeatureRow, ImageError>), RuntimeError>;

/// Puts results into order and hands them to the sink. Returns how many it got.
fn deliver<E: From<RuntimeError>>(
    receiver: &Receiver<Delivery>,
    feed: &Feed<'_>,
    sink: &mut impl FnMut(usize, Result<FeatureRow, ImageError>) -> Result<(), E>,
) -> Result<usize, E> {
    let mut early = BTreeMap::new();
    let mut place = 0;
    for delivery in receiver {
        let (index, result) = delivery?;
        early.insert(index, result);
        let before = place;
        while let Some(result) = early.remove(&place) {
            sink(place, result)?;
            place += 1;
        }
        if place > before {
            feed.delivered(place);
        }
    }
    Ok(place)
}

/// What all lanes of one run share.
struct Shift<'a> {
    pictures: Pictures<'a>,
    lookup: Option<Lookup<'a>>,
    feed: &'a Feed<'a>,
    batch: usize,
    limits: DecodeLimits,
}

/// What became of one picture.
enum Outcome {
    Known(FeatureRow),
    /// Its numbers are in the batch.
    Prepared(Digest),
    Failed(ImageError),
}

impl Shift<'_> {
    /// The life of a lane: fill a batch, run it, deliver, again.
    fn work(&self, lane: &mut Lane, sender: &Sender<Delivery>) {
        let _stop = StopWhenPanicking(self.feed);
        loop {
            match self.fill(lane, sender) {
                Some(filled) if filled.is_empty() => {}
                Some(filled) => {
                    if let Err(error) = self.infer(lane, &filled, sender) {
                        // Nobody listens any more when this fails.
                        let _ = sender.send(Err(error));
                        return;
                    }
                }
                None => return,
            }
        }
    }

    /// Prepares pictures until the batch is full or no more can be had. Known and unreadable ones
    /// are delivered on the way. `None`: nothing is left to do.
    fn fill(&self, lane: &mut Lane, sender: &Sender<Delivery>) -> Option<Vec<(usize, Digest)>> {
        let mut filled: Vec<(usize, Digest)> = Vec::with_capacity(self.batch);
        let goal = self.feed.goal(self.batch);
        while filled.len() < goal {
            let range = match self.feed.take(goal - filled.len(), filled.is_empty()) {
                Next::Take(range) => range,
                Next::End if filled.is_empty() => return None,
                Next::End | Next::Later => break,
            };
            let start = filled.len();
            let indices: Vec<usize> = range.collect();
            let outcomes = lane.prepare(start, &indices, |desk, &index, slot| {
                self.prepare(desk, index, slot)
            });
            for (at, (index, outcome)) in indices.into_iter().zip(outcomes).enumerate() {
                let result = match outcome {
                    Outcome::Prepared(digest) => {
                        lane.close_gap(start + at, filled.len());
                        filled.push((index, digest));
                        continue;
                    }
                    Outcome::Known(row) => Ok(row),
                    Outcome::Failed(error) => Err(error),
                };
                sender.send(Ok((index, result))).ok()?;
            }
        }
        Some(filled)
    }

    /// Reads, hashes, looks up, decodes and prepares one picture.
    fn prepare(&self, desk: &mut Desk, index: usize, slot: &mut [f32]) -> Outcome {
        let Desk {
            preprocessor,
            picture,
            bytes,
        } = desk;
        let mut prepare = || -> Result<Outcome, ImageError> {
            let bytes = match self.pictures {
                Pictures::Files(paths) => {
                    read_file(&paths[index], &self.limits, bytes)?;
                    bytes.as_slice()
                }
                Pictures::Encoded(pictures) => pictures[index],
            };
            let sha256 = Digest::of(bytes);
            if let Some(features) = self.lookup.and_then(|lookup| lookup(&sha256)) {
                return Ok(Outcome::Known(FeatureRow {
                    sha256,
                    features,
                    is_cached: true,
                }));
            }
            picture.decode_into(bytes, &self.pictures.name(index), &self.limits)?;
            preprocessor
                .prepare(picture, slot)
                .map_err(|source| ImageError::Prepare {
                    name: self.pictures.name(index),
                    source,
                })?;
            Ok(Outcome::Prepared(sha256))
        };
        let outcome = prepare().unwrap_or_else(Outcome::Failed);
        desk.release();
        outcome
    }

    fn infer(
        &self,
        lane: &mut Lane,
        filled: &[(usize, Digest)],
        sender: &Sender<Delivery>,
    ) -> Result<(), RuntimeError> {
        let is_normalized = lane.is_normalized();
        let features = lane.infer(filled.len())?;
        for (&(index, sha256), row) in filled
            .iter()
            .zip(features.chunks_exact(features.len() / filled.len()))
        {
            let name = self.pictures.name(index);
            let result = check_features(&name, row, is_normalized).map(|()| FeatureRow {
                sha256,
                features: row.to_vec(),
                is_cached: false,
            });
            // Nobody listens any more: the feed ends next.
            let _ = sender.send(Ok((index, result)));
        }
        Ok(())
    }
}
