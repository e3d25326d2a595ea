//! `hub serve`: heads over HTTP, by the Open Inference Protocol.
//!
//! 1. [`Service::load`] starts, for each extractor that the heads need, a thread with a worker
//!    ([`crate::worker::Live`]): its probes are run, then it stays loaded. Heads that share an extractor
//!    share the worker.
//! 2. [`Service::serve`] listens. A request (`protocol/`) becomes encoded pictures, which wait in the
//!    extractor's queue; what waits is embedded together, and each head answers from the features as
//!    `hub predict` does.
//! 3. [`Service::load`] again takes the heads as they are then; those before answer until it is done.
//!
//! This process never decodes a picture and never loads a graph, and it opens no connection. There is no
//! authentication: that is a proxy's to do, and so is TLS.

mod answers;
mod catalogue;
mod drift;
mod engine;
mod error;
mod gate;
mod held;
mod jobs;
mod metrics;
mod protocol;
mod queue;
mod remembered;
mod room;
mod routes;
mod server;

pub use self::error::ServeError;

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use self::catalogue::{Catalogue, Served};
use self::engine::Engine;
use self::error::RequestError;
use self::metrics::Metrics;
use self::room::Rooms;
use crate::head::Head;
use crate::store::InstalledRelease;
use crate::worker::Worker;

/// A request as anybody may send it, taken apart as the service does; for the targets in `fuzz/` alone.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_request(asked: &[u8]) {
    protocol::fuzz_request(asked);
}

/// Requests of the largest size that may be in memory at once, with the answers to them.
const BODIES: usize = 8;

/// Told of what happens, a line each.
type Log = Arc<dyn Fn(Told<'_>) + Send + Sync>;

/// A line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A request, and how it was answered.
    Request(&'a str),
    /// What somebody should look after: an extractor ended, or does not start.
    Trouble(&'a str),
}

/// A head to be served.
#[derive(Clone)]
pub struct Offer {
    /// Its version.
    pub version: u32,
    /// The head.
    pub head: Head,
    /// The release that computes its features.
    pub installed: Arc<InstalledRelease>,
}

/// How requests are served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether others than this machine may ask.
    pub allow_remote: bool,
    /// Names that requests may be addressed to, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Most pictures that are embedded together.
    pub max_batch: NonZeroUsize,
    /// How long a picture waits for others to be embedded with; shorter than `timeout`.
    pub max_wait: Duration,
    /// Most pictures that wait for one extractor.
    pub max_queue: NonZeroUsize,
    /// Largest body of a request, and largest answer.
    pub request_bytes: usize,
    /// Time for a request, and for an extractor to embed the next picture of a batch.
    pub timeout: Duration,
    /// Time that requests under way get when the service stops.
    pub shutdown: Duration,
}

/// A service, of which there is one in a process.
pub struct Service {
    settings: Settings,
    worker: Worker,
    log: Log,
    metrics: Arc<Metrics>,
    catalogue: RwLock<Arc<Catalogue>>,
    /// For bodies of requests and for answers.
    memory: Rooms,
    under_way: AtomicUsize,
    is_closing: AtomicBool,
}

impl Service {
    /// A service without heads. `worker` runs the extractors; when it is stopped, loading ends, and what is
    /// loaded stays. `log` is told of requests and restarts, a line each.
    ///
    /// # Errors
    /// [`ServeError::Remote`] for an address others can reach, when that is not allowed;
    /// [`ServeError::Patience`] when pictures would wait for others until there is no time for them.
    pub fn new(
        settings: Settings,
        worker: Worker,
        log: impl Fn(Told<'_>) + Send + Sync + 'static,
    ) -> Result<Arc<Self>, ServeError> {
        let listen = settings.listen;
        if !listen.ip().is_loopback() && !settings.allow_remote {
            return Err(ServeError::Remote { listen });
        }
        let (wait, timeout) = (settings.max_wait, settings.timeout);
        if wait >= timeout {
            return Err(ServeError::Patience { wait, timeout });
        }
        let memory = Rooms::new(settings.request_bytes.saturating_mul(BODIES));
        Ok(Arc::new(Self {
            settings,
            worker,
            log: Arc::new(log),
            metrics: Arc::new(Metrics::new()),
            catalogue: RwLock::default(),
            memory,
            under_way: AtomicUsize::new(0),
            is_closing: AtomicBool::new(false),
        }))
    }

    /// Loads what these heads need and is not loaded yet, then serves them in the place of those before.
    /// Until then those before answer; the first ones are known, but not ready.
    ///
    /// # Errors
    /// [`ServeError`] for a head that does not fit its release, and an extractor that does not load or
    /// computes something else than was signed: then nothing has changed.
    pub async fn load(&self, offers: Vec<Offer>) -> Result<(), ServeError> {
        let before = self.catalogue();
        let mut engines: Vec<Arc<Engine>> = Vec::new();
        let mut served = Vec::with_capacity(offers.len());
        for offer in offers {
            let statement = offer.installed.release().statement_digest();
            let known = before.engines().into_iter().chain(engines.iter().cloned());
            let known = known.into_iter().find(|one| one.statement() == statement);
            let engine = known.unwrap_or_else(|| {
                let engine = Arc::new(Engine::new(offer.installed.clone(), self));
                engines.push(engine.clone());
                engine
            });
            served.push(before.served(offer, engine)?);
        }
        let after = Arc::new(Catalogue::new(served)?);
        let is_first = before.is_empty();
        if is_first {
            self.replace(after.clone());
        }
        let loading: Vec<_> = engines.iter().map(|engine| engine.start()).collect();
        for loaded in loading {
            if let Err(error) = loaded.await.unwrap_or(Err(ServeError::Stopped)) {
                self.replace(before);
                return Err(error);
            }
        }
        // What the heads before alone ran on ends with the last request that asks them.
        self.replace(after.clone());
        self.metrics.keep(&after);
        Ok(())
    }

    /// Serves until `stop` ends and what is under way is finished. `ready` is told the address.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub async fn serve(
        self: &Arc<Self>,
        ready: impl FnOnce(SocketAddr),
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let served = server::serve(self, ready, stop).await;
        self.catalogue().close();
        served
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        let catalogue = self.catalogue.read();
        catalogue.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, catalogue: Arc<Catalogue>) {
        let mut place = self
            .catalogue
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = catalogue;
    }

    /// The head of this name and, where one is asked for, version.
    fn find(&self, name: &str, version: Option<&str>) -> Result<Arc<Served>, RequestError> {
        self.catalogue().find(name, version)
    }

    fn is_ready(&self) -> bool {
        !self.is_closing.load(Ordering::Relaxed) && self.catalogue().is_ready()
    }
}
