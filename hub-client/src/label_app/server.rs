//! The page's server: on this machine's own address, for one browser.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::sync::watch;

use super::LabelError;
use super::guard::{Guard, check};
use super::routes;
use super::secret::Secrets;
use super::stage::Stage;
use crate::listening::run_until;

/// Largest body: a picture, or labels for a hundred thousand images.
pub(super) const BODY_BYTES: usize = 64 << 20;

/// A request must have arrived in this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds that requests under way get when the server stops.
const SHUTDOWN_SECONDS: u64 = 1;

/// Threads that take requests; what takes long is done elsewhere.
const WORKERS: usize = 2;

/// The port of who asks for none.
const USUAL_PORT: u16 = 8519;

/// Ports after it that are tried when it is taken.
const MORE_PORTS: u16 = 20;

/// What requests have at hand.
pub(super) struct Desk {
    pub(super) stage: Arc<Stage>,
    pub(super) guard: Arc<Guard>,
    /// Ends what would go on for ever when the server stops.
    pub(super) closing: watch::Receiver<bool>,
}

/// How the page is served.
pub struct Serving<'a> {
    /// The port, 0 for a free one; when absent always the same unless it is taken, so that what the browser
    /// keeps for the page (keys, colours) is found again.
    pub port: Option<u16>,
    /// Told the address to open, once.
    pub ready: Box<dyn FnOnce(&str) + 'a>,
    /// Told a new address when a used one was asked for by somebody without its cookie.
    pub again: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Serves until `stop` ends.
pub(super) async fn serve(
    stage: Arc<Stage>,
    serving: Serving<'_>,
    stop: impl Future<Output = ()>,
) -> Result<(), LabelError> {
    // Bound first: what is compared with `Host` has the port in it.
    let (listener, listen) = bind(serving.port)?;
    let error = |source| LabelError::Listen { listen, source };
    let run = stage.session().run.clone();
    let guard = Guard::new(Secrets::new()?, listen.port(), run, serving.again);
    let guard = Arc::new(guard);
    let (close, closing) = watch::channel(false);
    let desk = web::Data::new(Desk {
        stage,
        guard: guard.clone(),
        closing,
    });
    let at_the_door = guard.clone();
    let server = HttpServer::new(move || {
        let guard = at_the_door.clone();
        App::new()
            .app_data(desk.clone())
            .app_data(web::PayloadConfig::new(BODY_BYTES))
            .wrap(from_fn(move |request, next| {
                check(guard.clone(), request, next)
            }))
            .configure(routes::configure)
    })
    .workers(WORKERS)
    .client_request_timeout(REQUEST_TIMEOUT)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)
    .map_err(error)?
    .run();
    let secret = guard.secrets.next()?;
    (serving.ready)(&guard.address(&secret));
    let finish = async |handle: ServerHandle| {
        // Pages that wait for news get an answer, so that they hold nothing up.
        let _ = close.send(true);
        handle.stop(true).await;
    };
    let ended = run_until(server, stop, finish).await;
    ended.map_err(error)
}

/// A listener at a port that was asked for, else at the first of the usual ones that is free.
fn bind(port: Option<u16>) -> Result<(TcpListener, SocketAddr), LabelError> {
    let at = |port: u16| {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = TcpListener::bind(listen).and_then(|bound| {
            let listen = bound.local_addr()?;
            Ok((bound, listen))
        });
        bound.map_err(|source| LabelError::Listen { listen, source })
    };
    match port {
        Some(port) => at(port),
        None => (USUAL_PORT..=USUAL_PORT + MORE_PORTS)
            .find_map(|port| at(port).ok())
            .map_or_else(|| at(0), Ok),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_usual_port_is_left_to_who_has_it() {
        let (first, at) = bind(None).unwrap();
        let (_second, next) = bind(None).unwrap();
        assert_ne!(at, next);
        assert!(matches!(
            bind(Some(at.port())),
            Err(LabelError::Listen { .. })
        ));
        drop(first);
    }
}
