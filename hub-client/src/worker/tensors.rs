//! What a graph's outputs turn out to be when it is run.

use std::num::NonZeroUsize;
use std::path::Path;

use super::wire::{Answer, Request, Task};
use super::{Collected, Worker, WorkerError, limits, unexpected};
use crate::runtime::session::FoundTensor;

impl Worker {
    /// Runs the graph at `graph` once, on numbers of that shape at its input, and says what the outputs named are. It
    /// has the limits of a run of probes.
    ///
    /// # Errors
    /// [`WorkerError`]: the graph does not load or run, or met a limit.
    pub fn tensors(
        &self,
        graph: &Path,
        (input, shape): (&str, [usize; 4]),
        outputs: &[String],
    ) -> Result<Vec<FoundTensor>, WorkerError> {
        let threads = self.options.threads.map_or(1, NonZeroUsize::get);
        let threads = threads.min(limits::THREADS);
        let bounds = self.probe_limits.of(graph, 1, threads);
        let task = Task::Tensors {
            graph: graph.into(),
            input: input.to_owned(),
            shape,
            outputs: outputs.to_vec(),
        };
        let request = Request {
            threads: NonZeroUsize::new(threads),
            ..self.request(task, bounds.process)
        };
        let mut collected = Collected {
            dimension: 0,
            expected: outputs.len(),
            next: 0,
        };
        let mut found = Vec::with_capacity(outputs.len());
        self.run(&request, Some(bounds.time), |answer| match answer {
            Answer::Confined { .. } => Ok(()),
            Answer::Tensor {
                index,
                element,
                dimensions,
            } => {
                collected.count(index)?;
                found.push(FoundTensor {
                    element: super::error::printable(&element),
                    dimensions,
                });
                Ok(())
            }
            other => Err(unexpected(&other)),
        })?;
        collected.finish()?;
        Ok(found)
    }
}
