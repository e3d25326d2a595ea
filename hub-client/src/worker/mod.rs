//! Running extractors in a process of their own, which can read pictures and nothing else.
//!
//! The graph comes from a competitor and is run by a large native library. So the process that has
//! keys, tokens, images' features and a network never loads it: it starts a worker, which is the same
//! program again, confined ([`crate::confine`]) before it opens the graph. The two speak over pipes:
//! one request, then answers, each a line of JSON; a worker that stays ([`Live`]) is sent pictures after
//! its request. What comes back is checked like anything else from outside: numbers of the right count,
//! in order, and finite.
//!
//! A program that uses this library starts its `main` with [`serve_if_asked`], or names a `hub` of the
//! same version with [`Worker::with_program`]:
//!
//! ```no_run
//! use std::process::ExitCode;
//! fn main() -> ExitCode {
//!     if let Some(code) = hub_client::worker::serve_if_asked() {
//!         return code;
//!     }
//!     // … the program's own work, with `Worker::new`
//!     ExitCode::SUCCESS
//! }
//! ```
//!
//! *Why not confine the command itself?* It writes: features, heads, a lock file, beside other files
//! of the user. Whoever takes over a process that may replace one file in a folder may replace them
//! all. A worker needs to write nothing.

mod conversation;
mod error;
mod limits;
mod live;
mod pictures;
mod process;
mod scoring;
mod serve;
mod tensors;
mod wire;

pub use error::{Failure, FailureKind, WorkerError};
pub use limits::ProbeLimits;
pub use live::Live;
pub use scoring::{ExportedForm, ExportedInput, Inputs};
pub use serve::serve_if_asked;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use registry_schema::manifest::ProbeVectors;

use self::conversation::Conversation;
use self::wire::{Answer, ExtractorPart, Request, Row, Task};
use crate::confine::{Confinement, Limits};
use crate::features::FeatureCache;
use crate::runtime::pipeline::FeatureRow;
use crate::runtime::{ExtractorFiles, RuntimeOptions};

/// Bytes as a worker might say them, read as its caller does; for the targets in `fuzz/` alone.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_answers(said: &[u8]) {
    process::fuzz_answers(said);
}

/// Told of a confinement that is not complete.
type Warn = Arc<dyn Fn(&Confinement) + Send + Sync>;

/// How to run extractors. Cheap to clone; each run starts a process of its own.
#[derive(Clone)]
pub struct Worker {
    program: Option<PathBuf>,
    options: RuntimeOptions,
    probe_limits: ProbeLimits,
    stops: Vec<Arc<AtomicBool>>,
    warn: Option<Warn>,
    has_warned: Arc<AtomicBool>,
}

impl Worker {
    /// A worker that is this program again.
    pub fn new(mut options: RuntimeOptions) -> Self {
        // A confined process cannot see how many cores its control group may use.
        options.threads = options
            .threads
            .or_else(|| std::thread::available_parallelism().ok());
        Self {
            program: None,
            options,
            probe_limits: ProbeLimits::default(),
            stops: Vec::new(),
            warn: None,
            has_warned: Arc::default(),
        }
    }

    /// Starts another program, whose `main` begins with [`serve_if_asked`].
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        let program = Some(program);
        Self { program, ..self }
    }

    /// Puts other bounds on the run of probes than those chosen from the extractor's size.
    #[must_use]
    pub fn with_probe_limits(self, probe_limits: ProbeLimits) -> Self {
        Self {
            probe_limits,
            ..self
        }
    }

    /// Chooses the number of pictures in one run of the graph.
    #[must_use]
    pub fn with_batch(mut self, batch: Option<NonZeroUsize>) -> Self {
        self.options.batch = batch;
        self
    }

    /// Ends the process, and the run with [`WorkerError::Cancelled`], when `stop` is set; nothing else that was
    /// named before does.
    #[must_use]
    pub fn stopped_by(self, stop: Arc<AtomicBool>) -> Self {
        self.stopped_by_any(vec![stop])
    }

    /// The same when one of several is set.
    #[must_use]
    pub fn stopped_by_any(self, stops: Vec<Arc<AtomicBool>>) -> Self {
        Self { stops, ..self }
    }

    /// Calls `warn`, once, when a worker could not be confined completely.
    #[must_use]
    pub fn warning_by(self, warn: impl Fn(&Confinement) + Send + Sync + 'static) -> Self {
        let warn: Option<Warn> = Some(Arc::new(warn));
        Self { warn, ..self }
    }

    /// Confines a process and lets it load the runtime library, to see what there is.
    ///
    /// # Errors
    /// [`WorkerError`]. [`Look::library`] has an error of its own: a confinement can be looked at
    /// without a library.
    pub fn look(&self) -> Result<Look, WorkerError> {
        let request = self.request(Task::Library, limits::of_look());
        let mut look = None;
        let mut library = Err(());
        let ended = self.run(&request, Some(limits::LOOK), |answer| {
            match answer {
                Answer::Confined { confinement, .. } => look = Some(confinement),
                Answer::Library { path, build } => library = Ok((path.into_path(), build)),
                other => return Err(unexpected(&other)),
            }
            Ok(())
        });
        let library = match (ended, library) {
            (Ok(()), Ok((path, build))) => Ok(LoadedLibrary { path, build }),
            (Err(WorkerError::Extractor(failure)), _) if look.is_some() => Err(failure),
            (Err(error), _) => return Err(error),
            (Ok(()), Err(())) => return Err(incomplete()),
        };
        let confinement = look.ok_or_else(incomplete)?;
        Ok(Look {
            confinement,
            library,
        })
    }

    /// Runs the probes of an extractor, with bounds of memory and time. `probes` leads from the name
    /// in the release to the file.
    ///
    /// # Errors
    /// [`WorkerError`] says which bound was met, or why there are no vectors.
    pub fn probe(
        &self,
        files: &ExtractorFiles,
        probes: &BTreeMap<String, PathBuf>,
    ) -> Result<ProbeVectors, WorkerError> {
        let threads = self.options.threads.map_or(1, NonZeroUsize::get);
        let threads = threads.min(limits::THREADS);
        let bounds = self.probe_limits.of(&files.graph, probes.len(), threads);
        let task = Task::Probes {
            extractor: ExtractorPart::new(files),
            names: probes.keys().cloned().collect(),
            images: probes.values().map(Into::into).collect(),
        };
        let request = Request {
            threads: NonZeroUsize::new(threads),
            ..self.request(task, bounds.process)
        };
        let mut collected = Collected::new(files, probes.len());
        let (mut names, mut vectors) = (probes.keys(), BTreeMap::new());
        self.run(&request, Some(bounds.time), |answer| match answer {
            Answer::Confined { .. } | Answer::Ready { .. } => Ok(()),
            Answer::Vector { index, features } => {
                collected.count(index)?;
                let features = features.into_values(collected.dimension)?;
                vectors.extend(names.next().map(|name| (name.clone(), features)));
                Ok(())
            }
            other => Err(unexpected(&other)),
        })?;
        collected.finish()?;
        Ok(ProbeVectors::new(vectors))
    }

    /// Computes the features of the files at `paths` and hands each to `sink`, in the order of
    /// `paths`. What `cache` knows is not computed again; nothing is added to it.
    ///
    /// A file without features is an error for the sink, which decides whether that is the end; the
    /// others are not concerned. The sink's own error stops the run and comes back.
    ///
    /// # Errors
    /// What the sink returned, or [`WorkerError`].
    pub fn embed<E: From<WorkerError>>(
        &self,
        files: &ExtractorFiles,
        paths: &[PathBuf],
        cache: Option<&FeatureCache>,
        mut sink: impl FnMut(usize, Result<FeatureRow, Failure>) -> Result<(), E>,
    ) -> Result<Shape, E> {
        let task = Task::Embed {
            extractor: ExtractorPart::new(files),
            images: paths.iter().map(Into::into).collect(),
            cache: cache.map(|cache| cache.path().into()),
        };
        let request = self.request(task, limits::of_embedding(&files.graph));
        let mut collected = Collected::new(files, paths.len());
        let mut shape = None;
        self.run(&request, None, |answer| match answer {
            Answer::Confined { .. } => Ok(()),
            Answer::Ready { threads, batch } => {
                shape = Some(Shape::now(threads, batch));
                Ok(())
            }
            Answer::Row(row) => {
                let (index, row) = collected.accept(row)?;
                sink(index, Ok(row))
            }
            Answer::Skipped { index, failure } => {
                collected.count(index)?;
                sink(index, Err(failure))
            }
            other => Err(unexpected(&other).into()),
        })?;
        collected.finish()?;
        shape.ok_or_else(|| incomplete().into())
    }

    fn request(&self, task: Task, limits: Limits) -> Request {
        Request {
            v: wire::VERSION,
            home: self.options.home.as_ref().map(Into::into),
            threads: self.options.threads,
            batch: self.options.batch,
            pixels: self.options.limits.pixels,
            file_bytes: self.options.limits.file_bytes,
            limits,
            task,
        }
    }

    /// Starts a process, sends it the request, and hands its answers to `sink` until it is done.
    fn run<E: From<WorkerError>>(
        &self,
        request: &Request,
        time: Option<Duration>,
        mut sink: impl FnMut(Answer) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut conversation, pipe) = Conversation::begin(self, request, time)?;
        // Nothing follows.
        drop(pipe);
        loop {
            match conversation.next(self)? {
                Answer::Done => return Ok(()),
                other => sink(other)?,
            }
        }
    }

    fn tell(&self, confinement: &Confinement) {
        if let Some(warn) = &self.warn
            && !confinement.is_complete()
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            warn(confinement);
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("program", &self.program)
            .field("options", &self.options)
            .field("probe_limits", &self.probe_limits)
            .finish_non_exhaustive()
    }
}

/// What a worker has found on this machine.
#[derive(Clone, Debug)]
pub struct Look {
    /// How far it could be confined.
    pub confinement: Confinement,
    /// The runtime library, or why there is none.
    pub library: Result<LoadedLibrary, Failure>,
}

/// The ONNX Runtime library a worker has loaded.
#[derive(Clone, Debug)]
pub struct LoadedLibrary {
    /// Its file, or its name when the system's loader found it.
    pub path: PathBuf,
    /// What it says about its own build.
    pub build: String,
}

/// How a worker has spread the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Threads at work.
    pub threads: usize,
    /// Pictures in one run of the graph.
    pub batch: usize,
    /// When everything was loaded and the first picture was begun.
    pub started: Instant,
}

impl Shape {
    fn now(threads: usize, batch: usize) -> Self {
        Self {
            threads,
            batch,
            started: Instant::now(),
        }
    }
}

/// Holds the rows that come back against what was asked for.
struct Collected {
    dimension: usize,
    expected: usize,
    next: usize,
}

impl Collected {
    fn new(files: &ExtractorFiles, expected: usize) -> Self {
        Self {
            dimension: files.spec.output.dimension as usize,
            expected,
            next: 0,
        }
    }

    fn accept(&mut self, row: Row) -> Result<(usize, FeatureRow), WorkerError> {
        let index = row.index;
        self.count(index)?;
        let row = row.into_features(self.dimension)?;
        Ok((index, row))
    }

    fn count(&mut self, index: usize) -> Result<(), WorkerError> {
        if index != self.next || index >= self.expected {
            let reason = format!("picture {index} where {} was due", self.next);
            return Err(WorkerError::Answer { reason });
        }
        self.next += 1;
        Ok(())
    }

    fn finish(&self) -> Result<(), WorkerError> {
        if self.next == self.expected {
            Ok(())
        } else {
            Err(incomplete())
        }
    }
}

fn unexpected(answer: &Answer) -> WorkerError {
    let reason = format!("{} was not asked for", answer.kind());
    WorkerError::Answer { reason }
}

fn incomplete() -> WorkerError {
    let reason = "something is missing".to_owned();
    WorkerError::Answer { reason }
}

/// Bytes of a graph; a file that is not there fails later, with its name.
fn size_bytes(graph: &Path) -> u64 {
    std::fs::metadata(graph).map_or(0, |metadata| metadata.len())
}

#[cfg(all(test, unix))]
mod tests;
