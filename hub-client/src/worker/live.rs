//! An extractor that stays loaded and takes pictures over its pipe: no file is written for them.

use std::io::Write;
use std::process::ChildStdin;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bytes::Bytes;

use super::conversation::Conversation;
use super::wire::{Answer, ExtractorPart, SENT_BYTES, SENT_PICTURES, Sizes, Task};
use super::{Collected, Failure, Shape, Worker, WorkerError, limits, unexpected};
use crate::runtime::ExtractorFiles;

/// A worker with a loaded extractor. Dropped, it is ended; after an error it is of no more use.
pub struct Live {
    worker: Worker,
    conversation: Conversation,
    /// To the thread that writes: a worker that does not read holds up that one alone.
    pipe: Sender<Vec<Bytes>>,
    dimension: usize,
    shape: Shape,
}

impl Worker {
    /// Starts a worker that loads an extractor and waits for pictures. It has all of the machine's
    /// memory, as for [`Worker::embed`].
    ///
    /// # Errors
    /// [`WorkerError`] when it does not load.
    pub fn stay(&self, files: &ExtractorFiles) -> Result<Live, WorkerError> {
        let extractor = ExtractorPart::new(files);
        let dimension = extractor.dimension();
        let task = Task::Stay { extractor };
        let request = self.request(task, limits::of_embedding(&files.graph));
        let time = limits::to_load(&files.graph);
        let (mut conversation, pipe) = Conversation::begin(self, &request, Some(time))?;
        let shape = loop {
            match conversation.next(self).map_err(no_answer)? {
                Answer::Confined { .. } => {}
                Answer::Ready { threads, batch } => break Shape::now(threads, batch),
                other => return Err(unexpected(&other)),
            }
        };
        conversation.running.give_time(None);
        let (sender, receiver) = channel::<Vec<Bytes>>();
        if let Some(pipe) = pipe {
            std::thread::spawn(move || write_all(pipe, receiver.iter()));
        }
        Ok(Live {
            worker: self.clone(),
            conversation,
            pipe: sender,
            dimension,
            shape,
        })
    }
}

impl Live {
    /// Most pictures that can be sent at once.
    pub const PICTURES: usize = SENT_PICTURES;

    /// Most bytes of the pictures that can be sent at once.
    pub const BYTES: u64 = SENT_BYTES;

    /// How it spreads the work.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether it lives and waits for pictures.
    pub fn is_waiting(&self) -> bool {
        self.conversation.running.is_silent()
    }

    /// Computes the features of encoded pictures and hands each to `sink`, in their order. One without
    /// features is an error for the sink; the others are not concerned.
    ///
    /// # Errors
    /// [`WorkerError`] when it ended, or has said nothing for `time`: those that were not handed over by
    /// then have no features. [`WorkerError::Send`] for more than [`Self::PICTURES`] or
    /// [`Self::BYTES`].
    pub fn embed(
        &mut self,
        pictures: &[Bytes],
        time: Duration,
        mut sink: impl FnMut(usize, Result<Vec<f32>, Failure>),
    ) -> Result<(), WorkerError> {
        let sizes = pictures.iter().map(|one| one.len() as u64).collect();
        let sizes = Sizes { sizes };
        if !sizes.is_bearable() {
            return Err(WorkerError::Send(std::io::ErrorKind::FileTooLarge.into()));
        }
        let mut line =
            serde_json::to_vec(&sizes).map_err(|error| WorkerError::Send(error.into()))?;
        line.push(b'\n');
        let mut pieces = vec![Bytes::from(line)];
        pieces.extend_from_slice(pictures);
        self.conversation.running.give_time(Some(time));
        // When nobody writes any more the process has ended; how, is said below.
        let _ = self.pipe.send(pieces);
        let mut collected = Collected {
            dimension: self.dimension,
            expected: pictures.len(),
            next: 0,
        };
        while collected.next < collected.expected {
            match self.conversation.next(&self.worker).map_err(no_answer)? {
                Answer::Row(row) => {
                    let (index, row) = collected.accept(row)?;
                    sink(index, Ok(row.features));
                }
                Answer::Skipped { index, failure } => {
                    collected.count(index)?;
                    sink(index, Err(failure));
                }
                other => return Err(unexpected(&other)),
            }
            // One that is slow is not one that hangs.
            self.conversation.running.give_time(Some(time));
        }
        self.conversation.running.give_time(None);
        Ok(())
    }
}

fn write_all(mut pipe: ChildStdin, requests: impl Iterator<Item = Vec<Bytes>>) {
    for pieces in requests {
        // When it fails the process has ended, which is seen where its answers are read.
        if pieces.iter().any(|piece| pipe.write_all(piece).is_err()) {
            return;
        }
    }
}

/// The other time limit speaks of probes.
fn no_answer(error: WorkerError) -> WorkerError {
    match error {
        WorkerError::TimeLimit { seconds } => WorkerError::NoAnswer { seconds },
        other => other,
    }
}
