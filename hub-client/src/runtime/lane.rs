//! A session with the threads that prepare its pictures.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use registry_schema::preprocess::Layout;

use super::decode::Picture;
use super::error::check_features;
use super::library::Library;
use super::plan::Plan;
use super::preprocess::{Preprocessor, release};
use super::session::Session;
use super::{ExtractorFiles, ImageError, RuntimeError};

pub(super) struct Lane {
    files: Arc<ExtractorFiles>,
    library: Library,
    threads: usize,
    /// Most pictures in one run of the graph.
    run: usize,
    session: Option<Session>,
    desks: Vec<Desk>,
    /// One batch, picture after picture.
    tensor: Vec<f32>,
    /// The features of that batch.
    features: Vec<f32>,
}

/// What one decode thread works with, kept from picture to picture.
pub(super) struct Desk {
    pub(super) preprocessor: Preprocessor,
    pub(super) picture: Picture,
    pub(super) bytes: Vec<u8>,
}

impl Desk {
    /// Gives back what one unusually large file needed.
    pub(super) fn release(&mut self) {
        release(&mut self.bytes);
        release(&mut self.picture.samples);
    }
}

impl Lane {
    pub(super) fn new(
        files: &Arc<ExtractorFiles>,
        library: &Library,
        plan: &Plan,
        number: usize,
    ) -> Self {
        let threads = plan.threads_of_lane(number);
        let desk = || Desk {
            preprocessor: Preprocessor::new(files.spec.input.clone()),
            picture: Picture::default(),
            bytes: Vec::new(),
        };
        Self {
            files: Arc::clone(files),
            library: library.clone(),
            threads,
            run: plan.run(),
            session: None,
            desks: std::iter::repeat_with(desk).take(threads).collect(),
            tensor: Vec::new(),
            features: Vec::new(),
        }
    }

    /// Takes over a session that is open already.
    pub(super) fn give(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Features of at most one batch of pictures, into `rows`. `first` is the place of the first
    /// picture, for errors.
    pub(super) fn embed(
        &mut self,
        first: usize,
        pictures: &[Picture],
        rows: &mut [f32],
    ) -> Result<(), RuntimeError> {
        let outcomes = self.prepare(0, pictures, |desk, picture, slot| {
            desk.preprocessor.prepare(picture, slot)
        });
        let failed = |at: usize, source| RuntimeError::Picture {
            index: first + at,
            source,
        };
        let name = |at: usize| format!("picture {}", first + at);
        for (at, outcome) in outcomes.into_iter().enumerate() {
            outcome.map_err(|source| {
                failed(
                    at,
                    ImageError::Prepare {
                        name: name(at),
                        source,
                    },
                )
            })?;
        }
        rows.copy_from_slice(self.infer(pictures.len())?);
        let dimension = self.dimension();
        for (at, row) in rows.chunks_exact(dimension).enumerate() {
            check_features(&name(at), row, self.is_normalized())
                .map_err(|source| failed(at, source))?;
        }
        Ok(())
    }

    /// Does `work` for each of `jobs` on the lane's threads. Job `k` gets place `start + k` of the
    /// batch to write its numbers to.
    pub(super) fn prepare<J: Sync, O: Send>(
        &mut self,
        start: usize,
        jobs: &[J],
        work: impl Fn(&mut Desk, &J, &mut [f32]) -> O + Sync,
    ) -> Vec<O> {
        let length = self.sample_length();
        let end = (start + jobs.len()) * length;
        if self.tensor.len() < end {
            self.tensor.resize(end, 0.0);
        }
        let slots = self.tensor[start * length..end].chunks_exact_mut(length);
        let tasks = jobs.iter().zip(slots);
        if self.desks.len() == 1 || jobs.len() == 1 {
            let desk = &mut self.desks[0];
            return tasks.map(|(job, slot)| work(desk, job, slot)).collect();
        }
        let tasks = Mutex::new(tasks.enumerate());
        let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut done: Vec<(usize, O)> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .desks
                .iter_mut()
                .take(jobs.len())
                .map(|desk| {
                    scope.spawn(|| {
                        let mut done = Vec::new();
                        while let Some((at, (job, slot))) = next() {
                            done.push((at, work(desk, job, slot)));
                        }
                        done
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.flatten().collect()
        });
        done.sort_unstable_by_key(|&(at, _)| at);
        done.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Moves the numbers at place `from` of the batch to place `to`.
    pub(super) fn close_gap(&mut self, from: usize, to: usize) {
        let length = self.sample_length();
        if from != to {
            self.tensor
                .copy_within(from * length..(from + 1) * length, to * length);
        }
    }

    /// Opens the session, when it is not open yet.
    pub(super) fn open(&mut self) -> Result<(), RuntimeError> {
        open_session(&mut self.session, &self.library, &self.files, self.threads).map(drop)
    }

    /// Runs the graph on the first `count` places of the batch; `[count, dimension]`.
    pub(super) fn infer(&mut self, count: usize) -> Result<&[f32], RuntimeError> {
        let (length, dimension) = (self.sample_length(), self.dimension());
        self.features.resize(count * dimension, 0.0);
        let session = open_session(&mut self.session, &self.library, &self.files, self.threads)?;
        let (input, output) = (&self.files.spec.input, &self.files.spec.output);
        let side = |side: u32| side as usize;
        let (channels, height, width) = (input.channels(), input.height, input.width);
        let sides = match input.layout {
            Layout::Nchw => [channels, height, width].map(side),
            Layout::Nhwc => [height, width, channels].map(side),
        };
        let samples = self.tensor[..count * length].chunks(self.run * length);
        for (samples, rows) in samples.zip(self.features.chunks_mut(self.run * dimension)) {
            let shape = [samples.len() / length, sides[0], sides[1], sides[2]];
            session.run((&input.tensor, shape, samples), &output.tensor, rows)?;
        }
        Ok(&self.features)
    }

    /// Whether every feature vector is promised to have length 1.
    pub(super) fn is_normalized(&self) -> bool {
        self.files.spec.output.normalized
    }

    fn dimension(&self) -> usize {
        self.files.spec.output.dimension as usize
    }

    fn sample_length(&self) -> usize {
        self.desks[0].preprocessor.sample_length()
    }
}

/// The session of a lane, opened when it is not open yet.
fn open_session<'a>(
    session: &'a mut Option<Session>,
    library: &Library,
    files: &ExtractorFiles,
    threads: usize,
) -> Result<&'a mut Session, RuntimeError> {
    match session {
        Some(session) => Ok(session),
        empty => Ok(empty.insert(Session::open(library, &files.graph, threads)?)),
    }
}

/// The name of a file in errors.
pub(super) fn name_of(path: &Path) -> String {
    path.display().to_string()
}
