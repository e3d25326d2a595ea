//! Ctrl-C: the first asks to stop, the second stops.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::report::Report;

/// Whether the user has asked to stop. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    flag: Arc<AtomicBool>,
    asked: Arc<Notify>,
}

impl Interrupt {
    /// Listens for Ctrl-C, and on Unix for SIGTERM.
    pub(crate) fn listen(runtime: &Runtime, report: Report) -> Self {
        let interrupt = Self {
            flag: Arc::default(),
            asked: Arc::new(Notify::new()),
        };
        let listener = interrupt.clone();
        // Before anything is begun: a signal that comes earlier would end the program at once.
        let signals = {
            let _inside = runtime.enter();
            Signals::listen()
        };
        // Where nobody can listen, Ctrl-C ends the program as it ends any other.
        let Ok(mut signals) = signals else {
            return interrupt;
        };
        runtime.spawn(async move {
            signals.next().await;
            listener.flag.store(true, Ordering::Relaxed);
            listener.asked.notify_waiters();
            report.note("stopping; press Ctrl-C again to stop at once");
            signals.next().await;
            kill();
        });
        interrupt
    }

    /// The flag that long work looks at.
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.flag
    }

    /// Whether the user has asked to stop.
    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Ends some time after the user has asked to stop, and never otherwise.
    pub(crate) async fn past(&self, grace: Duration) {
        let asked = self.asked.notified();
        if !self.is_set() {
            asked.await;
        }
        tokio::time::sleep(grace).await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[expect(clippy::exit, reason = "the user has asked twice")]
fn kill() {
    std::process::exit(130);
}
