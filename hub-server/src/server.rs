//! Listening: TLS, limits, and an end that lets requests finish.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use jiff::Timestamp;

use crate::app::{Hub, HubError, check_made};
use crate::cause::chain;
use crate::config::{DataFolder, ServeArgs};
use crate::freshness::{Freshness, fresh};
use crate::journal::journal;
use crate::log::witnesses;
use crate::metrics::Metrics;
use crate::mirror::Follower;
use crate::routes;
use crate::tls::{self, Tls, TlsError};

/// The head of a request must arrive in this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which no request comes for this long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How often abandoned uploads are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// How often the ages of the hub's own signatures on the trust root are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(3600);

/// Serves a hub until it is told to stop.
pub(crate) fn serve(args: &ServeArgs) -> Result<(), ServeError> {
    // 1. One server for a data folder.
    let data = DataFolder::of_server(args);
    // Before anything is opened: opening brings the tables up to date.
    check_made(&data)?;
    let _lock = lock(&data)?;
    let mut hub = Hub::open(&data, args.reserve_bytes, args.public, Timestamp::now())?;
    hub.namespaces.clone_from(&args.oci_repositories);
    let mut follower = Follower::default();
    follower.look(&hub, Timestamp::now());
    // 2. TLS, or plain HTTP where nobody can listen.
    let tls = load_tls(args, &data)?;
    if tls.is_none() && !args.listen.ip().is_loopback() {
        return Err(ServeError::Plain {
            listen: args.listen,
        });
    }
    // 3. Listen, say where, and answer until SIGTERM or Ctrl-C.
    let lifetime = Duration::from_secs(u64::from(args.upload_hours) * 3600);
    actix_web::rt::System::new().block_on(async {
        let hub = web::Data::new(hub);
        let sweeper = actix_web::rt::spawn(sweep(hub.clone(), lifetime));
        // A mirror asks nobody and signs nothing; it looks for what was copied since.
        let keepers = match hub.mirror {
            Some(_) => {
                let every = Duration::from_secs(args.mirror_seconds);
                vec![actix_web::rt::spawn(follow(hub.clone(), follower, every))]
            }
            None => {
                let refresh = Duration::from_secs(args.witness_refresh_seconds);
                let witnesses = witnesses::run(hub.log.clone(), refresh);
                vec![
                    actix_web::rt::spawn(renew(hub.clone())),
                    actix_web::rt::spawn(witnesses),
                ]
            }
        };
        let served = listen(args, hub, tls).await;
        sweeper.abort();
        for keeper in keepers {
            keeper.abort();
        }
        served
    })
}

async fn listen(args: &ServeArgs, hub: web::Data<Hub>, tls: Option<Tls>) -> Result<(), ServeError> {
    let listen_error = |source| ServeError::Listen {
        listen: args.listen,
        source,
    };
    let log = hub.log.clone();
    let metrics = web::Data::new(Metrics::new());
    let freshness = web::Data::new(Freshness::default());
    let following = hub.is_followed().then(|| {
        let (hub, freshness) = (hub.clone(), freshness.clone());
        actix_web::rt::spawn(async move { freshness.go_on(&hub).await })
    });
    let counted = match args.metrics_listen {
        Some(listen) => Some(listen_for_metrics(listen, &hub, &metrics)?),
        None => None,
    };
    let server = HttpServer::new(move || {
        App::new()
            .app_data(hub.clone())
            .app_data(metrics.clone())
            .app_data(freshness.clone())
            .wrap(from_fn(fresh))
            .wrap(from_fn(journal))
            .configure(routes::table)
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .tls_handshake_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(args.shutdown_seconds)
    .disable_signals();
    let (scheme, server) = match tls {
        Some(tls) => {
            say(&format!("certificate {}", tls.fingerprint)).map_err(listen_error)?;
            let bound = server.bind_rustls_0_23(args.listen, tls.config);
            ("https", bound.map_err(listen_error)?)
        }
        None => ("http", server.bind(args.listen).map_err(listen_error)?),
    };
    let addresses = server.addrs();
    let server = server.run();
    for address in addresses {
        tracing::info!(%address, scheme, "listening");
        say(&format!("listening on {scheme}://{address}")).map_err(listen_error)?;
    }
    let stopper = actix_web::rt::spawn(stop_on_signal(server.handle()));
    let ended = until_fault(server, log.ended()).await;
    stopper.abort();
    if let Some(following) = following {
        following.abort();
    }
    if let Some(counted) = counted {
        counted.stop(false).await;
    }
    tracing::info!("stopped");
    ended?.map_err(listen_error)
}

/// Listens for whoever watches the server, beside the API and until that ends.
fn listen_for_metrics(
    listen: SocketAddr,
    hub: &web::Data<Hub>,
    metrics: &web::Data<Metrics>,
) -> Result<ServerHandle, ServeError> {
    let listen_error = |source| ServeError::Listen { listen, source };
    let (hub, metrics) = (hub.clone(), metrics.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(hub.clone())
            .app_data(metrics.clone())
            .wrap(from_fn(journal))
            .configure(routes::watched)
    })
    .workers(1)
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .disable_signals()
    .bind(listen)
    .map_err(listen_error)?;
    for address in server.addrs() {
        tracing::info!(%address, "listening for metrics");
        say(&format!("metrics at http://{address}/metrics")).map_err(listen_error)?;
    }
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(handle)
}

/// Serves until the server is told to stop, or nothing can be recorded any more: a hub that only
/// looks alive would be worse than one that is started again.
async fn until_fault(
    server: Server,
    writer_ended: impl Future<Output = ()>,
) -> Result<io::Result<()>, ServeError> {
    let handle = server.handle();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => Ok(ended),
        () = writer_ended => {
            tracing::error!("the log's writer has ended by a fault: stopping");
            // It stops while it is awaited.
            actix_web::rt::spawn(handle.stop(false));
            if let Err(error) = server.await {
                tracing::error!(%error, "the server has stopped with an error, too");
            }
            Err(ServeError::WriterEnded)
        }
    }
}

/// A line on standard output, for whoever started the server.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The first signal lets requests finish, the second one does not.
async fn stop_on_signal(server: ServerHandle) {
    wait_for_signal().await;
    tracing::info!("stopping: requests under way may finish");
    let finishing = server.stop(true);
    tokio::pin!(finishing);
    tokio::select! {
        () = &mut finishing => {}
        () = wait_for_signal() => {
            tracing::warn!("stopping at once");
            server.stop(false).await;
        }
    }
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn sweep(hub: web::Data<Hub>, lifetime: Duration) {
    let mut clock = tokio::time::interval(SWEEP_EVERY);
    loop {
        clock.tick().await;
        let hub = hub.clone();
        match web::block(move || hub.uploads.sweep(lifetime)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => tracing::info!(removed, "removed abandoned uploads"),
            Ok(Err(error)) => tracing::error!(%error, "cannot remove abandoned uploads"),
            Err(error) => tracing::error!(%error, "cannot look for abandoned uploads"),
        }
    }
}

/// Keeps the hub's signatures on the trust root fresh.
async fn renew(hub: web::Data<Hub>) {
    let mut clock = tokio::time::interval(RENEW_EVERY);
    loop {
        clock.tick().await;
        let hub = hub.clone();
        match web::block(move || hub.trust.renew(Timestamp::now())).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!("signed the trust root's timestamp again"),
            Ok(Err(error)) => tracing::error!(error = chain(&error), "cannot renew the trust root"),
            Err(error) => tracing::error!(%error, "cannot renew the trust root"),
        }
    }
}

/// Shows what is copied into the folder of a mirror, soon after it is there.
async fn follow(hub: web::Data<Hub>, mut follower: Follower, every: Duration) {
    let mut clock = tokio::time::interval(every);
    loop {
        clock.tick().await;
        let hub = hub.clone();
        let looked = web::block(move || {
            follower.look(&hub, Timestamp::now());
            follower
        });
        follower = match looked.await {
            Ok(follower) => follower,
            Err(error) => {
                tracing::error!(%error, "cannot look at the folder of the mirror");
                Follower::default()
            }
        };
    }
}

fn load_tls(args: &ServeArgs, data: &DataFolder) -> Result<Option<Tls>, TlsError> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => tls::load(certificate, key).map(Some),
        _ if args.dev_tls => tls::load_or_make(data, args.listen.ip()).map(Some),
        _ => Ok(None),
    }
}

/// Held as long as the server runs.
pub(crate) fn lock(data: &DataFolder) -> Result<File, ServeError> {
    let path = data.lock();
    let open = || File::options().create(true).append(true).open(&path);
    let file = open().map_err(|source| ServeError::Lock {
        path: path.clone(),
        source,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ServeError::Running {
            folder: data.root().to_owned(),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(ServeError::Lock { path, source }),
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The data folder.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Tokens would travel in the clear.
    #[error(
        "plain HTTP is for this machine alone, not for {listen}: give `--tls-cert` and `--tls-key`, or `--dev-tls`"
    )]
    Plain {
        /// The address.
        listen: SocketAddr,
    },
    /// The address is not to be had.
    #[error("cannot listen at {listen}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A fault of this program.
    #[error(
        "the log's writer has ended by a fault, so nothing can be recorded: start the server again, and report what it logged"
    )]
    WriterEnded,
    /// Another server.
    #[error("another server runs on `{folder}`")]
    Running {
        /// Which folder.
        folder: PathBuf,
    },
    /// The lock.
    #[error("cannot lock `{path}`")]
    Lock {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[actix_web::test]
    async fn a_server_whose_writer_ended_stops_with_an_error() {
        let server = HttpServer::new(App::new).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        let ended = until_fault(server.run(), async {}).await;
        assert!(matches!(ended, Err(ServeError::WriterEnded)));
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
