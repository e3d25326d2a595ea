//! Which certificates are believed: the system's roots, or exactly one, pinned by its SHA-256.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry_schema::digest::Digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::config::ClientCertificate;

/// The TLS settings of a connection to a hub: the one certificate that it may have, and this client's own.
///
/// # Errors
/// [`TlsError`] when the settings contradict each other, this client's own certificate cannot be used, or the
/// system has no root certificate.
pub(super) fn client_config(
    pinned: Option<Digest>,
    own: Option<&ClientCertificate>,
) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match pinned {
        Some(digest) => {
            let verifier = PinnedCertificate { digest, provider };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            builder.with_root_certificates(roots)
        }
    };
    let Some(own) = own else {
        return Ok(builder.with_no_client_auth());
    };
    let pem_error = |path: &Path| {
        let path = path.to_owned();
        |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&own.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem_error(&own.chain))?;
    let key = PrivateKeyDer::from_pem_file(&own.key).map_err(pem_error(&own.key))?;
    Ok(builder.with_client_auth_cert(chain, key)?)
}

/// Why a connection cannot be encrypted as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// This client's own certificate, or its key.
    #[error("cannot read `{path}`, which `hub login --client-cert --client-key` named, as PEM")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What the parser met.
        source: pem::Error,
    },
    /// What does not fit together.
    #[error(transparent)]
    Tls(#[from] Error),
}

/// Whether an error, or one it comes from, is about the hub's certificate.
pub(super) fn is_about_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    any_cause(error, |error| {
        matches!(
            error,
            Error::InvalidCertificate(_) | Error::NoCertificatesPresented
        )
    })
}

/// Whether the hub wants this client's own certificate, or another one.
pub(super) fn wants_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    use rustls::AlertDescription::{
        BadCertificate, CertificateExpired, CertificateRequired, CertificateUnknown, UnknownCA,
    };
    any_cause(error, |error| {
        matches!(
            error,
            Error::AlertReceived(
                BadCertificate
                    | CertificateExpired
                    | CertificateRequired
                    | CertificateUnknown
                    | UnknownCA
            )
        )
    })
}

/// Whether an error, or one it comes from, is one of TLS that `is_meant`.
fn any_cause(error: &(dyn std::error::Error + 'static), is_meant: impl Fn(&Error) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref().is_some_and(&is_meant) {
            return true;
        }
        // An `io::Error` names as its source that of the error it wraps, not the wrapped error.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}

/// Accepts one certificate and no other; its name and dates do not matter, since the fingerprint
/// was given by somebody who knows the hub.
#[derive(Debug)]
struct PinnedCertificate {
    digest: Digest,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Digest::of(certificate) == self.digest {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
