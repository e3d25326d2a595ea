//! How the cores are shared.
//!
//! A **lane** is a session with its decode threads: it fills a batch, runs it, and starts again, so
//! decoding and inference never compete inside a lane. The plan is one lane of one thread for each
//! core, so that nothing waits for anything. Each lane holds the weights once, so a large graph gets
//! fewer lanes of more threads each.

use std::num::NonZeroUsize;

use super::{ExtractorFiles, RuntimeOptions};

/// Weights in memory, all lanes together: past this, lanes get more threads instead of company.
const WEIGHTS_BYTES: u64 = 1 << 30;

/// Largest tensor of one batch by default.
const TENSOR_BYTES: usize = 64 << 20;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    threads_of_lanes: Vec<usize>,
    batch: usize,
    /// Pictures the graph takes in one run: the batch, or 1 when the graph was made for that.
    run: usize,
}

impl Plan {
    pub(super) fn new(files: &ExtractorFiles, options: &RuntimeOptions) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = options.threads.map_or_else(cores, NonZeroUsize::get);
        // Weights are most of the file. A file that is not there fails later, with its name.
        let weights = std::fs::metadata(&files.graph).map_or(0, |metadata| metadata.len());
        let affordable = WEIGHTS_BYTES / weights.max(1);
        let lanes = usize::try_from(affordable)
            .unwrap_or(usize::MAX)
            .clamp(1, threads);
        let threads_of_lanes: Vec<usize> = (0..lanes)
            .map(|lane| threads / lanes + usize::from(lane < threads % lanes))
            .collect();
        let input = &files.spec.input;
        let picture = 4 * input.channels() as usize * input.width as usize * input.height as usize;
        // A thread alone is quickest with one picture, whose intermediate values stay in the cache:
        // EfficientNet-lite0 takes 9.7 ms for it, and 11 ms each for four. Of several threads each
        // shall have pictures to decode.
        let wanted = match threads.div_ceil(lanes) {
            1 => 1,
            several => 2 * several,
        };
        let batch = wanted.min(TENSOR_BYTES / picture.max(1)).max(1);
        let batch = options.batch.map_or(batch, NonZeroUsize::get);
        Self {
            threads_of_lanes,
            batch,
            run: batch,
        }
    }

    /// For a graph that takes one picture at a time.
    pub(super) fn run_one_by_one(&mut self) {
        self.run = 1;
    }

    pub(super) fn lanes(&self) -> usize {
        self.threads_of_lanes.len()
    }

    pub(super) fn threads_of_lane(&self, lane: usize) -> usize {
        self.threads_of_lanes.get(lane).copied().unwrap_or(1)
    }

    pub(super) fn threads(&self) -> usize {
        self.threads_of_lanes.iter().sum()
    }

    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    pub(super) fn run(&self) -> usize {
        self.run
    }
}
