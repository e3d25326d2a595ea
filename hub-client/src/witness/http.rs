//! The witness over HTTP: `POST /add-checkpoint` and `GET /<hash>/checkpoint`.
//!
//! Plain HTTP: all that is said carries its own signatures. Behind a proxy that speaks TLS it has the
//! proxy's address.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpResponse, HttpServer, web};
use registry_schema::log::checkpoint::MEDIA_TYPE;

use super::{REQUEST_BYTES, Refusal, Witness, WitnessError};
use crate::listening::run_until;

/// Media type of the answer that names the size cosigned last.
const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// A request must have arrived in this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds that requests under way get when the witness stops.
const SHUTDOWN_SECONDS: u64 = 5;

/// Serves a witness until `stop` ends. `ready` is told the address it listens at.
///
/// # Errors
/// [`WitnessError::Listen`] when the address is not to be had or the listening ends by itself.
pub async fn serve(
    witness: Arc<Witness>,
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), WitnessError> {
    let error = |source| WitnessError::Listen { listen, source };
    let witness = web::Data::from(witness);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(witness.clone())
            .app_data(web::PayloadConfig::new(REQUEST_BYTES))
            .route("/add-checkpoint", web::post().to(add_checkpoint))
            .route("/{hash}/checkpoint", web::get().to(latest))
    })
    .workers(1)
    .client_request_timeout(REQUEST_TIMEOUT)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .bind(listen)
    .map_err(error)?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    ready(address);
    let finish = async |handle: ServerHandle| handle.stop(true).await;
    let ended = run_until(server.run(), stop, finish).await;
    ended.map_err(error)
}

async fn add_checkpoint(witness: web::Data<Witness>, body: web::Bytes) -> HttpResponse {
    let asked = web::block(move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        witness.add_checkpoint(&body, now)
    });
    match asked.await {
        Ok(Ok(cosignature)) => HttpResponse::Ok()
            .content_type(MEDIA_TYPE)
            .body(cosignature.to_string()),
        Ok(Err(refusal)) => refuse(&refusal),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// The status of the protocol for a refusal; the body says why, or which size was cosigned last.
fn refuse(refusal: &Refusal) -> HttpResponse {
    let status = match refusal {
        Refusal::Malformed { .. }
        | Refusal::Note(_)
        | Refusal::Checkpoint(_)
        | Refusal::Shrinking { .. } => StatusCode::BAD_REQUEST,
        Refusal::UnknownLog { .. } => StatusCode::NOT_FOUND,
        Refusal::Signature(_) => StatusCode::FORBIDDEN,
        Refusal::OtherSize { .. } => StatusCode::CONFLICT,
        Refusal::Proof(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = HttpResponse::build(status);
    match refusal {
        // Exactly this type: the protocol's text has no parameters.
        Refusal::OtherSize { latest } => response
            .insert_header((CONTENT_TYPE, SIZE_MEDIA_TYPE))
            .body(format!("{latest}\n")),
        _ => response
            .content_type(MEDIA_TYPE)
            .body(format!("{refusal}\n")),
    }
}

async fn latest(witness: web::Data<Witness>, hash: web::Path<String>) -> HttpResponse {
    match witness.latest(&hash) {
        Some(note) => HttpResponse::Ok()
            .content_type(MEDIA_TYPE)
            .body(note.to_string()),
        None => HttpResponse::NotFound().finish(),
    }
}
