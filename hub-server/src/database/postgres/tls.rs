//! TLS to PostgreSQL: always with a certificate that is checked for the host's name.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as RustlsStream;

/// Makes the TLS side of connections; without a configuration there is none to make.
#[derive(Clone)]
pub(super) struct Connector(Option<TlsConnector>);

/// What TLS needs, as files.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files<'a> {
    /// Who vouches for the server; without it those whom the system trusts.
    pub(super) roots: Option<&'a Path>,
    /// The client's own certificate and its key, where the server asks for one.
    pub(super) own: Option<(&'a Path, &'a Path)>,
}

impl Connector {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Reads the files.
    ///
    /// # Errors
    /// Which of them is of no use.
    pub(super) fn load(files: Files<'_>) -> Result<Self, FilesError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(FilesError::of("TLS"))?
            .with_root_certificates(roots(files.roots)?);
        let config = match files.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let name = key.display().to_string();
                let key = PrivateKeyDer::from_pem_file(key).map_err(FilesError::of(&name))?;
                let builder = builder.with_client_auth_cert(chain, key);
                builder.map_err(FilesError::of(&name))?
            }
        };
        Ok(Self(Some(TlsConnector::from(Arc::new(config)))))
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, FilesError> {
    let (found, name) = match file {
        Some(path) => (certificates(path)?, path.display().to_string()),
        None => (
            rustls_native_certs::load_native_certs().certs,
            "the system's store of certificates".to_owned(),
        ),
    };
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found);
    if taken == 0 {
        let none = io::Error::new(io::ErrorKind::NotFound, "it holds no certificate");
        return Err(FilesError::of(&name)(none));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FilesError> {
    let name = path.display().to_string();
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(FilesError::of(&name))
}

/// What TLS cannot begin with.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` cannot be used for TLS to the database")]
pub(crate) struct FilesError {
    name: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl FilesError {
    fn of<E: std::error::Error + Send + Sync + 'static>(name: &str) -> impl Fn(E) -> Self {
        move |source| Self {
            name: name.to_owned(),
            source: Box::new(source),
        }
    }
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = OneConnect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<OneConnect> {
        // Without TLS nobody calls the result.
        Ok(OneConnect {
            connector: self.0.clone(),
            host: host.to_owned(),
        })
    }
}

/// The TLS side of one connection to be.
pub(super) struct OneConnect {
    connector: Option<TlsConnector>,
    host: String,
}

impl<S> TlsConnect<S> for OneConnect
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let invalid = |reason| io::Error::new(io::ErrorKind::InvalidInput, reason);
            let connector = self.connector.ok_or_else(|| invalid("TLS is not set up"))?;
            let host = ServerName::try_from(self.host)
                .map_err(|_| invalid("the host's name is none that a certificate can have"))?;
            connector.connect(host, stream).await.map(Stream)
        })
    }
}

/// The bytes of a connection, under TLS.
pub(super) struct Stream<S>(RustlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        // The certificate is checked, so nobody can stand between.
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
