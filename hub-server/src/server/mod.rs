//! Listening: TLS, limits, and an end that lets requests finish.

mod error;
mod keepers;
mod signals;

use std::any::Any;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use jiff::Timestamp;
use registry_schema::api::Scope;

use crate::app::{Hub, check_made};
use crate::auth::Shown;
use crate::blobs::try_lock;
use crate::config::{DataFolder, ServeArgs};
use crate::freshness::{Freshness, fresh};
use crate::gate::{Gate, limit};
use crate::journal::journal;
use crate::journal_file::{JournalFile, Keeping};
use crate::log::witnesses;
use crate::metrics::Metrics;
use crate::mirror::Follower;
use crate::routes;
use crate::tls::{self, ClientCertificate, ClientVerifier, Clients, Standing, Tls};
pub(crate) use error::ServeError;
use keepers::{follow, keep_certificates, renew, sweep};
use signals::{HangUps, Stops};

/// The head of a request must arrive in this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which no request comes for this long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Serves a hub until it is told to stop.
pub(crate) fn serve(args: &ServeArgs) -> Result<(), ServeError> {
    raise_file_limit();
    // 1. One server for a data folder.
    let data = DataFolder::of_server(args);
    // Before anything is opened: opening brings the tables up to date.
    check_made(&data)?;
    let _lock = lock(&data)?;
    let bucket = args.blobs.bucket.as_ref();
    let now = Timestamp::now();
    let mut hub = Hub::open(&data, bucket, args.reserve_bytes, args.public, now)?;
    hub.redirect_blobs = args.redirect_blobs.map(Duration::from_secs);
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
    let (stops, hang_ups) = (Stops::listen(), HangUps::listen());
    let log = hub.log.clone();
    let certificate = tls.as_ref().map(|tls| Arc::clone(&tls.certificate));
    let clients = tls.as_ref().and_then(|tls| tls.clients.clone());
    let kept = open_journal(args)?;
    let lost = kept.as_ref().map(JournalFile::lost);
    let metrics = Metrics::new(certificate.clone(), clients.clone(), lost);
    let metrics = web::Data::new(metrics);
    let gate = web::Data::new(Gate::new(args, Instant::now()));
    let journal_data = kept.map(web::Data::new);
    let freshness = web::Data::new(Freshness::default());
    let keeping = keep_certificates(certificate, clients.clone(), hang_ups);
    let mut keepers = vec![actix_web::rt::spawn(keeping)];
    if hub.is_followed() {
        let (hub, freshness) = (hub.clone(), freshness.clone());
        keepers.push(actix_web::rt::spawn(async move {
            freshness.go_on(&hub).await;
        }));
    }
    let counted = match args.metrics_listen {
        Some(listen) => Some(listen_for_metrics(listen, &hub, &metrics)?),
        None => None,
    };
    let server = HttpServer::new(move || {
        let app = App::new();
        let app = match &journal_data {
            Some(kept) => app.app_data(kept.clone()),
            None => app,
        };
        app.app_data(hub.clone())
            .app_data(metrics.clone())
            .app_data(gate.clone())
            .app_data(freshness.clone())
            .wrap(from_fn(fresh))
            .wrap(from_fn(limit))
            .wrap(from_fn(journal))
            .configure(routes::table)
    })
    .on_connect(show_certificate(clients, args.client_cert_scope.into()))
    // An answer in two pieces would wait for the client's delayed acknowledgement of the first.
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_TIMEOUT)
    .tls_handshake_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(args.shutdown_seconds)
    .disable_signals();
    let (scheme, server) = match tls {
        Some(tls) => {
            let fingerprint = tls.certificate.current().fingerprint;
            say(&format!("certificate {fingerprint}")).map_err(listen_error)?;
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
    let stopper = actix_web::rt::spawn(stop_on_signal(server.handle(), stops));
    let ended = until_fault(server, log.ended()).await;
    stopper.abort();
    for keeper in keepers {
        keeper.abort();
    }
    if let Some(counted) = counted {
        counted.stop(false).await;
    }
    tracing::info!("stopped");
    ended?.map_err(listen_error)
}

/// The access journal, unless none is to be kept.
fn open_journal(args: &ServeArgs) -> Result<Option<JournalFile>, ServeError> {
    let data = DataFolder::new(&args.data.folder);
    let keeping = Keeping {
        days: args.journal_days,
        limit_bytes: args.journal_bytes,
        with_addresses: args.journal_addresses,
    };
    JournalFile::open(&data, keeping).map_err(|source| ServeError::Journal {
        folder: data.journal(),
        source,
    })
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
async fn stop_on_signal(server: ServerHandle, mut stops: Stops) {
    stops.next().await;
    tracing::info!("stopping: requests under way may finish");
    let finishing = server.stop(true);
    tokio::pin!(finishing);
    tokio::select! {
        () = &mut finishing => {}
        () = stops.next() => {
            tracing::warn!("stopping at once");
            server.stop(false).await;
        }
    }
}

/// Remembers with each connection whose certificate its client has shown.
fn show_certificate(
    clients: Option<Arc<ClientVerifier>>,
    scope: Scope,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + 'static {
    move |connection, data| {
        let (Some(clients), Some(stream)) =
            (&clients, connection.downcast_ref::<TlsStream<TcpStream>>())
        else {
            return;
        };
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let own = chain.first().and_then(|own| ClientCertificate::parse(own));
        if let Some(certificate) = own {
            let standing = Standing::new(Arc::clone(clients), chain);
            data.insert(Shown {
                certificate,
                standing,
                scope,
            });
        }
    }
}

pub(crate) fn load_tls(args: &ServeArgs, data: &DataFolder) -> Result<Option<Tls>, ServeError> {
    let clients = args.client_ca.as_deref().map(|authorities| Clients {
        authorities,
        revoked: args.client_crl.as_deref(),
        is_required: args.require_client_cert,
    });
    Ok(match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::load(certificate, key, clients)?),
        _ if args.dev_tls => Some(tls::load_or_make(data, args.listen.ip(), clients)?),
        _ if clients.is_some() => return Err(ServeError::ClientsInTheClear),
        _ => None,
    })
}

/// Each connection is an open file, and many systems begin with a thousand.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Held as long as the server runs.
pub(crate) fn lock(data: &DataFolder) -> Result<File, ServeError> {
    try_lock(&data.lock())?.ok_or_else(|| ServeError::Running {
        folder: data.root().to_owned(),
    })
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
