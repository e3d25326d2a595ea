//! An extractor at work: a thread with a worker that stays, and the pictures that wait for it.
//!
//! *What if a picture ends the worker?* The requests of its batch are told, and the worker is started
//! again. What had no features yet is then run alone, so that it harms nobody else; what ends a worker
//! twice is not run again for a while.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use registry_schema::compatibility::compare_probes;
use registry_schema::digest::Digest;
use registry_schema::reference::FeatureSpace;
use tokio::sync::oneshot;

use super::error::Refusal;
use super::jobs::{Job, Memory};
use super::metrics::Metrics;
use super::queue::{Bounds, Embedded, Next, NotTaken, Queue, Waiting};
use super::{Log, ServeError, Service, Told};
use crate::causes::with_causes;
use crate::runtime::ExtractorFiles;
use crate::store::InstalledRelease;
use crate::worker::{Live, Worker, WorkerError};

/// Bytes of the pictures that are embedded together, past which there are no more of them.
const BATCH_BYTES: usize = 64 << 20;

/// How often an idle worker is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longest wait between two attempts to start a worker again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An extractor that heads share. When the last of them is gone it ends, once what waits is done: a request
/// holds the head that it asks until it is answered.
pub(super) struct Engine(Arc<Shared>);

impl Engine {
    /// One that is not started yet.
    pub(super) fn new(installed: Arc<InstalledRelease>, service: &Service) -> Self {
        Self(Arc::new(Shared::new(installed, service)))
    }

    /// Starts its thread, and tells when it is loaded, or why it is not.
    pub(super) fn start(&self) -> oneshot::Receiver<Result<(), ServeError>> {
        let (sender, receiver) = oneshot::channel();
        let shared = self.0.clone();
        std::thread::spawn(move || shared.run(sender));
        receiver
    }
}

impl Deref for Engine {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// What an engine has in common with its thread.
pub(super) struct Shared {
    installed: Arc<InstalledRelease>,
    worker: Worker,
    metrics: Arc<Metrics>,
    log: Log,
    name: String,
    queue: Queue,
    bounds: Bounds,
    timeout: Duration,
    is_ready: AtomicBool,
}

impl Shared {
    fn new(installed: Arc<InstalledRelease>, service: &Service) -> Self {
        let settings = &service.settings;
        Self {
            name: installed.release().reference().to_string(),
            installed,
            worker: service.worker.clone(),
            metrics: service.metrics.clone(),
            log: service.log.clone(),
            queue: Queue::new(settings.max_queue.get()),
            bounds: Bounds {
                pictures: settings.max_batch.get().min(Live::PICTURES),
                bytes: BATCH_BYTES,
                wait: settings.max_wait,
            },
            timeout: settings.timeout,
            is_ready: AtomicBool::new(false),
        }
    }

    /// The exact release.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn statement(&self) -> Digest {
        self.installed.release().statement_digest()
    }

    pub(super) fn space(&self) -> FeatureSpace {
        self.installed.manifest().feature_space()
    }

    pub(super) fn dimension(&self) -> usize {
        self.installed.manifest().output.dimension as usize
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    /// Pictures that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes a request's pictures; what becomes of each is told in its place.
    pub(super) fn embed(
        &self,
        pictures: Vec<(Digest, Bytes)>,
    ) -> Result<Vec<oneshot::Receiver<Embedded>>, NotTaken> {
        let since = Instant::now();
        let (mut waiting, mut answers) = (Vec::new(), Vec::new());
        for (digest, picture) in pictures {
            let (answer, told) = oneshot::channel();
            answers.push(told);
            waiting.push(Waiting {
                picture,
                digest,
                since,
                answer,
            });
        }
        self.queue.put(waiting)?;
        Ok(answers)
    }

    /// Ends the thread, once what waits is done.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    fn run(&self, loaded: oneshot::Sender<Result<(), ServeError>>) {
        // What is stopped from outside is the loading; later on, requests under way shall be finished.
        let worker = self.worker.clone().stopped_by(Arc::default());
        let first = self.check().and_then(|files| Ok(worker.stay(&files)?));
        let mut live = match first {
            Ok(live) => live,
            Err(error) => {
                self.close();
                // Nobody waits any more when the service ends meanwhile.
                let _ = loaded.send(Err(error));
                return;
            }
        };
        let mut memory = Memory::new(self.dimension());
        self.is_ready.store(true, Ordering::Relaxed);
        let _ = loaded.send(Ok(()));
        while let Err(reason) = self.work(&mut live, &mut memory) {
            self.is_ready.store(false, Ordering::Relaxed);
            // One that hangs is ended before the next one needs its memory.
            drop(live);
            self.metrics.restarted(&self.name);
            self.complain(&format!("{reason}; starting it again"));
            live = match self.start_again(&worker) {
                Some(again) => again,
                None => break,
            };
            self.is_ready.store(true, Ordering::Relaxed);
        }
        self.is_ready.store(false, Ordering::Relaxed);
        self.refuse_all();
    }

    /// Compares the files with their signed digests, and what they compute with the signed vectors.
    fn check(&self) -> Result<ExtractorFiles, ServeError> {
        let files = self.installed.extractor_files()?;
        let images: BTreeMap<String, PathBuf> =
            self.installed.probe_images()?.into_iter().collect();
        let computed = self.worker.probe(&files, &images)?;
        let signed = self.installed.probe_vectors()?;
        compare_probes(&signed, &computed, self.installed.manifest().probes).map_err(|source| {
            ServeError::Probes {
                reference: self.name.clone(),
                source,
            }
        })?;
        Ok(files)
    }

    /// Embeds what comes until the queue is closed; an error says how the worker ended.
    fn work(&self, live: &mut Live, memory: &mut Memory) -> Result<(), String> {
        loop {
            let batch = match self.queue.next(&self.bounds, LOOK_EVERY) {
                Next::Closed => return Ok(()),
                Next::Nothing => Vec::new(),
                Next::Batch(batch) => batch,
            };
            if !live.is_waiting() {
                self.queue.put_back(batch);
                return Err("the process that runs it has ended while nothing was asked".to_owned());
            }
            let mut groups = memory.groups(batch).into_iter();
            while let Some(jobs) = groups.next() {
                if let Err(error) = self.embed_together(live, jobs, memory) {
                    let later = groups.flatten().flat_map(|job| job.asked).collect();
                    self.queue.put_back(later);
                    return Err(with_causes(&error));
                }
            }
        }
    }

    fn embed_together(
        &self,
        live: &mut Live,
        jobs: Vec<Job>,
        memory: &mut Memory,
    ) -> Result<(), WorkerError> {
        let started = Instant::now();
        for waiting in jobs.iter().flat_map(|job| &job.asked) {
            self.metrics.waited(&self.name, started - waiting.since);
        }
        let pictures: Vec<Bytes> = jobs.iter().map(|job| job.picture.clone()).collect();
        let mut left = jobs.into_iter();
        let ended = live.embed(&pictures, self.timeout, |_, result| {
            let Some(job) = left.next() else { return };
            let embedded: Embedded = result.map(Arc::from).map_err(Refusal::Unusable);
            memory.embedded(job.digest, &embedded);
            if left.len() == 0 {
                // Whoever hears of the last picture finds all of them counted.
                self.count(pictures.len(), started);
            }
            job.tell(&embedded);
        });
        if left.len() > 0 {
            self.count(pictures.len(), started);
        }
        if let Err(error) = &ended {
            let reason = with_causes(error);
            for job in left {
                memory.suspect(job.digest);
                job.tell(&Err(Refusal::Ended {
                    reason: reason.clone(),
                }));
            }
        }
        ended
    }

    /// Counts pictures that were given to the worker together.
    fn count(&self, pictures: usize, started: Instant) {
        let took = started.elapsed();
        self.metrics.embedded(&self.name, pictures, took);
    }

    /// Tries until it starts; none when nothing is to come any more. What waits already is embedded when the
    /// first attempt succeeds, and is refused when it does not.
    fn start_again(&self, worker: &Worker) -> Option<Live> {
        let mut pause = LOOK_EVERY;
        loop {
            match self.load(worker) {
                Ok(live) => return Some(live),
                Err(error) => {
                    let reason = with_causes(&error);
                    self.complain(&format!("cannot be started: {reason}"));
                }
            }
            self.refuse_all();
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if self.queue.is_closed() {
                    return None;
                }
                std::thread::sleep(LOOK_EVERY / 10);
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Starts a worker, when the graph is still the one that was signed.
    fn load(&self, worker: &Worker) -> Result<Live, ServeError> {
        let files = self.installed.extractor_files()?;
        Ok(worker.stay(&files)?)
    }

    fn complain(&self, text: &str) {
        (self.log)(Told::Trouble(&format!("{}: {text}", self.name)));
    }

    fn refuse_all(&self) {
        for waiting in self.queue.drain() {
            let _ = waiting.answer.send(Err(Refusal::Down));
        }
    }
}
