//! The page's server: on this machine's own address, for one browser.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::sync::watch;

use super::LabelError;
use super::guard::{Guard, check};
use super::routes;
use super::secret::Secrets;
use super::session::Session;

/// Largest body: a picture, or labels for a hundred thousand images.
pub(super) const BODY_BYTES: usize = 64 << 20;

/// A request must have arrived in this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds that requests under way get when the server stops.
const SHUTDOWN_SECONDS: u64 = 1;

/// Threads that take requests; what takes long is done elsewhere.
const WORKERS: usize = 2;

/// What requests have at hand.
pub(super) struct Desk {
    pub(super) session: Arc<Session>,
    pub(super) guard: Arc<Guard>,
    /// Ends what would go on for ever when the server stops.
    pub(super) closing: watch::Receiver<bool>,
}

/// How the page is served.
pub struct Serving<'a> {
    /// The port, 0 for a free one.
    pub port: u16,
    /// Told the address to open, once.
    pub ready: Box<dyn FnOnce(&str) + 'a>,
    /// Told a new address when a used one was asked for by somebody without its cookie.
    pub again: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Serves until `stop` ends.
pub(super) async fn serve(
    session: Arc<Session>,
    serving: Serving<'_>,
    stop: impl Future<Output = ()>,
) -> Result<(), LabelError> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, serving.port));
    let error = |source| LabelError::Listen { listen, source };
    // Bound first: what is compared with `Host` has the port in it.
    let listener = std::net::TcpListener::bind(listen).map_err(error)?;
    let port = listener.local_addr().map_err(error)?.port();
    let guard = Arc::new(Guard::new(Secrets::new()?, port, serving.again));
    let (close, closing) = watch::channel(false);
    let desk = web::Data::new(Desk {
        session,
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
    let handle = server.handle();
    let secret = guard.secrets.next()?;
    (serving.ready)(&guard.address(&secret));
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(error),
        () = stop => {}
    }
    let _ = close.send(true);
    // The server itself must go on to be able to stop.
    let stopping = handle.stop(true);
    let (ended, ()) = tokio::join!(server, stopping);
    ended.map_err(error)
}
