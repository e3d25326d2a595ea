//! What the server is told by signals. They are listened for before it says where it listens: without that they end
//! it at once, whatever is under way.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that is listened for. Where nobody can listen, it does what it does to any program.
#[derive(Debug)]
struct Listened(Option<Signal>);

impl Listened {
    fn to(kind: SignalKind) -> Self {
        Self(signal(kind).ok())
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// SIGTERM and Ctrl-C.
#[derive(Debug)]
pub(super) struct Stops {
    terminate: Listened,
    interrupt: Listened,
}

impl Stops {
    /// Listens from now on; to be called where tasks can be spawned.
    pub(super) fn listen() -> Self {
        Self {
            terminate: Listened::to(SignalKind::terminate()),
            interrupt: Listened::to(SignalKind::interrupt()),
        }
    }

    /// Returns when the server is to stop.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            () = self.terminate.next() => {}
            () = self.interrupt.next() => {}
        }
    }
}

/// SIGHUP.
#[derive(Debug)]
pub(super) struct HangUps(Listened);

impl HangUps {
    /// Listens from now on; to be called where tasks can be spawned.
    pub(super) fn listen() -> Self {
        Self(Listened::to(SignalKind::hangup()))
    }

    /// Returns when the server is to read its files anew.
    pub(super) async fn next(&mut self) {
        self.0.next().await;
    }
}
