//! Listening, and an end that lets requests finish.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::gate::gate;
use super::{ServeError, Service, routes};
use crate::listening::run_until;

/// The head of a request must have arrived in this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which no request comes for this long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Seconds in which the last answers go out once nothing is under way.
const FLUSH_SECONDS: u64 = 1;

/// How often it is looked whether something is under way.
const TICK: Duration = Duration::from_millis(20);

/// Threads that take requests; what takes long is done elsewhere.
const WORKERS: usize = 2;

/// Serves until `stop` ends, then until nothing is under way or the time for that is over.
pub(super) async fn serve(
    service: &Arc<Service>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let listen = service.settings.listen;
    let error = |source| ServeError::Listen { listen, source };
    let desk = web::Data::from(service.clone());
    let server = HttpServer::new(move || {
        let at_the_gate = desk.clone();
        App::new()
            .app_data(desk.clone())
            .wrap(from_fn(move |request, next| {
                gate(at_the_gate.clone(), request, next)
            }))
            .configure(routes::configure)
    })
    .workers(WORKERS)
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(FLUSH_SECONDS)
    .disable_signals()
    .bind(listen)
    .map_err(error)?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    ready(address);
    // Connections without a request must not hold it up, so those under way are counted.
    let finish = async |handle: ServerHandle| {
        service.is_closing.store(true, Ordering::Relaxed);
        handle.pause().await;
        let until = Instant::now() + service.settings.shutdown;
        while service.under_way.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            tokio::time::sleep(TICK).await;
        }
        handle.stop(true).await;
    };
    let ended = run_until(server.run(), stop, finish).await;
    ended.map_err(error)
}
