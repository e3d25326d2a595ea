//! How much memory and time a worker gets.
//!
//! They must hold off a graph made to harm and let through every honest one, on slow machines, too;
//! so they are generous, grow with the extractor, and can be raised.

use std::path::Path;
use std::time::Duration;

use super::size_bytes;
use crate::confine::{Limits, memory_of_this_machine};

/// Memory for what lies between the nodes of a graph. The largest single value that inspection lets
/// through has 512 MiB for one picture; EfficientNet-lite0 runs in 0.1 GiB, a ViT-L in 2 GiB.
const MEMORY_BYTES: u64 = 4 << 30;

/// Most threads of a run of probes. Each may hold the weights and a batch, so memory would otherwise
/// have to grow with the machine.
pub(super) const THREADS: usize = 8;

/// Weights of all threads together, past which they share (`runtime/plan.rs`).
const SHARED_WEIGHTS_BYTES: u64 = 1 << 30;

/// Copies of the weights: the file as it is parsed, the tensors, those packed for the processor, and
/// one to spare.
const COPIES_OF_WEIGHTS: u64 = 4;

/// Time to start and load.
const SECONDS: u64 = 60;

/// Time for one probe, which is run three times.
const SECONDS_PER_PROBE: u64 = 10;

/// Slowest disk and parser: one second for each 16 MiB of the graph.
const GRAPH_BYTES_PER_SECOND: u64 = 16 << 20;

/// Time to load the library alone.
pub(super) const LOOK: Duration = Duration::from_secs(SECONDS);

/// Bounds on the run of an extractor's probes, where they are not chosen from its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeLimits {
    /// Time by the clock on the wall, in seconds.
    pub seconds: Option<u64>,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
}

/// What one run of probes gets.
pub(super) struct Bounds {
    /// Time by the clock on the wall.
    pub(super) time: Duration,
    /// What the process itself is told.
    pub(super) process: Limits,
}

impl ProbeLimits {
    pub(super) fn of(self, graph: &Path, probes: usize, threads: usize) -> Bounds {
        let graph_bytes = size_bytes(graph);
        let seconds = self.seconds.unwrap_or_else(|| {
            SECONDS + SECONDS_PER_PROBE * probes as u64 + graph_bytes / GRAPH_BYTES_PER_SECOND
        });
        let process = Limits {
            memory_bytes: Some(
                self.memory_bytes
                    .unwrap_or_else(|| memory_bytes(graph_bytes, threads)),
            ),
            // Whoever watches the clock may die; then this ends the run.
            processor_seconds: Some(seconds.saturating_mul(threads as u64).saturating_add(1)),
        };
        let time = Duration::from_secs(seconds);
        Bounds { time, process }
    }
}

/// Time to start and load an extractor that stays.
pub(super) fn to_load(graph: &Path) -> Duration {
    Duration::from_secs(SECONDS + size_bytes(graph) / GRAPH_BYTES_PER_SECOND)
}

/// A whole batch on every core may need more than probes do, so all of the machine's memory is
/// allowed; time is the user's to judge.
pub(super) fn of_embedding(graph: &Path) -> Limits {
    let least = memory_bytes(size_bytes(graph), 1);
    Limits {
        memory_bytes: memory_of_this_machine().map(|bytes| bytes.max(least)),
        processor_seconds: None,
    }
}

/// As for embedding: pictures are decoded on every core.
pub(super) fn of_pictures() -> Limits {
    Limits {
        memory_bytes: memory_of_this_machine().map(|bytes| bytes.max(MEMORY_BYTES)),
        processor_seconds: None,
    }
}

pub(super) fn of_look() -> Limits {
    Limits {
        memory_bytes: Some(MEMORY_BYTES),
        processor_seconds: Some(SECONDS),
    }
}

fn memory_bytes(graph_bytes: u64, threads: usize) -> u64 {
    graph_bytes
        .saturating_mul(threads as u64)
        .min(SHARED_WEIGHTS_BYTES)
        .max(graph_bytes)
        .saturating_mul(COPIES_OF_WEIGHTS)
        .saturating_add(MEMORY_BYTES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bounds_grow_with_the_extractor_and_can_be_set() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(160 << 20).unwrap();
        let bounds = ProbeLimits::default().of(file.path(), 6, 2);
        assert_eq!(bounds.time, Duration::from_secs(60 + 60 + 10));
        let memory = |weights: u64| Some((4 << 30) + 4 * weights);
        assert_eq!(bounds.process.memory_bytes, memory(2 * (160 << 20)));
        assert_eq!(bounds.process.processor_seconds, Some(261));
        let shared = ProbeLimits::default().of(file.path(), 6, THREADS);
        assert_eq!(shared.process.memory_bytes, memory(1 << 30));
        file.as_file().set_len(3 << 30).unwrap();
        let large = ProbeLimits::default().of(file.path(), 6, THREADS);
        assert_eq!(large.process.memory_bytes, memory(3 << 30));
        let set = ProbeLimits {
            seconds: Some(5),
            memory_bytes: Some(1 << 20),
        };
        let bounds = set.of(file.path(), 6, 2);
        assert_eq!(bounds.time, Duration::from_secs(5));
        assert_eq!(bounds.process.memory_bytes, Some(1 << 20));
    }
}
