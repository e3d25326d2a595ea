//! The start of every conversation with a worker, and what must come first in it.

use std::process::ChildStdin;
use std::time::Duration;

use super::process::{Running, this_program};
use super::wire::{Answer, Request, VERSION};
use super::{Worker, WorkerError, incomplete, unexpected};
use crate::confine::Limits;

/// A worker that has got its request.
pub(super) struct Conversation {
    pub(super) running: Running,
    limits: Limits,
    is_confined: bool,
}

impl Conversation {
    /// Starts a process and sends it the request. What may follow the request goes through the pipe;
    /// without one the process has ended, and [`Self::next`] says how.
    pub(super) fn begin(
        worker: &Worker,
        request: &Request,
        time: Option<Duration>,
    ) -> Result<(Self, Option<ChildStdin>), WorkerError> {
        let program = match &worker.program {
            Some(program) => program.clone(),
            None => this_program()?,
        };
        let mut running = Running::start(&program, time, &worker.stops)?;
        let pipe = running.send(request)?;
        let limits = request.limits;
        let is_confined = false;
        let conversation = Self {
            running,
            limits,
            is_confined,
        };
        Ok((conversation, pipe))
    }

    /// The next answer; waits for it.
    ///
    /// # Errors
    /// [`WorkerError`]: what the worker says went wrong, how it ended, or that it says what it may not.
    pub(super) fn next(&mut self, worker: &Worker) -> Result<Answer, WorkerError> {
        match self.running.next(&self.limits)? {
            // Once, before it reads the graph: later on these may be the graph's words.
            Answer::Confined { v, confinement } if !self.is_confined => {
                if v != VERSION {
                    return Err(WorkerError::Version { found: v });
                }
                self.is_confined = true;
                worker.tell(&confinement);
                Ok(Answer::Confined { v, confinement })
            }
            // Whoever says anything before it is confined is not ours.
            _ if !self.is_confined => Err(incomplete()),
            Answer::Failed(failure) => Err(failure.into_error(&self.limits)),
            again @ Answer::Confined { .. } => Err(unexpected(&again)),
            other => Ok(other),
        }
    }
}
