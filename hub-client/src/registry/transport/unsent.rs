//! Requests that never left, because their connection ended as soon as it was made.
//!
//! In TLS 1.3 a client is done with the handshake before the server has looked at its certificate (RFC 8446
//! §4.4.2.4). A refusal that arrives before the request was handed over ends the connection, and the HTTP client
//! then tells only that the request was cancelled. Sent again, the refusal is met while an answer is awaited,
//! and says what it is about.

use std::error::Error;

/// Whether nothing of the request was sent, so that it can be sent again, whatever it asks for.
pub(super) fn is_unsent(error: &reqwest::Error) -> bool {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |error| {
        (*error).source()
    })
    .any(|error| error.downcast_ref().is_some_and(hyper::Error::is_canceled))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::Arc;

    use registry_schema::digest::Digest;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

    use super::super::Transport;
    use crate::config::HubConfig;

    /// A hub that wants certificates of its clients; its address and the digest of its own.
    fn strict() -> (String, Digest) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = own.cert.into();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .unwrap();
        let digest = Digest::of(&certificate);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let _ = StreamOwned::new(connection, stream.unwrap()).read(&mut [0]);
            }
        });
        (url, digest)
    }

    /// Of so many attempts by so many threads, several are refused before their request was handed over.
    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn a_refused_client_is_told_so_however_early_the_refusal_comes() {
        let (url, certificate) = strict();
        let hub = HubConfig {
            url,
            token: None,
            certificate: Some(certificate),
            client_certificate: None,
        };
        let attempts = (0..16).map(|_| {
            let hub = hub.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let refused = Transport::new(&hub).unwrap().get("/x", &[]).await;
                    let refused = refused.err().unwrap();
                    assert!(refused.wants_certificate(), "{refused:?}");
                }
            })
        });
        for attempt in attempts.collect::<Vec<_>>() {
            attempt.await.unwrap();
        }
    }
}
