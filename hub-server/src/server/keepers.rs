//! What a server does at its own time, beside requests, until it ends.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use jiff::Timestamp;

use super::signals::HangUps;
use crate::app::Hub;
use crate::cause::chain;
use crate::mirror::Follower;
use crate::tls::{Certificate, ClientVerifier};

/// How often abandoned uploads are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// How often the certificate's files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(2);

/// How often the ages of the hub's own signatures on the trust root are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(3600);

/// Removes uploads on which nothing happened for a time.
pub(super) async fn sweep(hub: web::Data<Hub>, lifetime: Duration) {
    let mut clock = tokio::time::interval(SWEEP_EVERY);
    loop {
        clock.tick().await;
        let hub = hub.clone();
        match web::block(move || hub.uploads.sweep(lifetime)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => tracing::info!(removed, "removed abandoned uploads"),
            Ok(Err(error)) => {
                tracing::error!(error = chain(&error), "cannot remove abandoned uploads");
            }
            Err(error) => tracing::error!(%error, "cannot look for abandoned uploads"),
        }
    }
}

/// Keeps the hub's signatures on the trust root fresh.
pub(super) async fn renew(hub: web::Data<Hub>) {
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
pub(super) async fn follow(hub: web::Data<Hub>, mut follower: Follower, every: Duration) {
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

/// Keeps the certificate that is in the files in use, and the lists of those that were revoked: after the files have
/// changed, and at SIGHUP.
pub(super) async fn keep_certificates(
    certificate: Option<Arc<Certificate>>,
    clients: Option<Arc<ClientVerifier>>,
    mut hang_ups: HangUps,
) {
    let mut clock = tokio::time::interval(CERTIFICATE_EVERY);
    loop {
        let is_told = tokio::select! {
            () = hang_ups.next() => true,
            _ = clock.tick() => false,
        };
        let Some(certificate) = certificate.clone() else {
            continue;
        };
        let clients = clients.clone();
        let looked = web::block(move || {
            match is_told {
                true => certificate.reload(Timestamp::now()),
                false => certificate.look(Timestamp::now()),
            }
            match (clients, is_told) {
                (Some(clients), true) => clients.reload(),
                (Some(clients), false) => clients.look(),
                (None, _) => {}
            }
        });
        if let Err(error) = looked.await {
            tracing::error!(%error, "cannot look at the certificate");
        }
    }
}
