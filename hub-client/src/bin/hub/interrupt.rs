//! Ctrl-C: the first asks to stop, the second stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
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
        runtime.spawn(async move {
            if signal().await.is_err() {
                return;
            }
            listener.flag.store(true, Ordering::Relaxed);
            listener.asked.notify_waiters();
            report.note("stopping; press Ctrl-C again to stop at once");
            if signal().await.is_ok() {
                kill();
            }
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
async fn signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[expect(clippy::exit, reason = "the user has asked twice")]
fn kill() {
    std::process::exit(130);
}
