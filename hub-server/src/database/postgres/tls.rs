//! TLS to PostgreSQL: always with a certificate that is checked for the host's name. And the bytes under it, in which
//! the codes of errors are heard.

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

use super::codes::{LastCode, Listener};

/// Makes the TLS side of connections; without a configuration the bytes stay as they are.
#[derive(Clone)]
pub(super) struct Connector {
    tls: Option<TlsConnector>,
    last: LastCode,
}

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
        Self {
            tls: None,
            last: LastCode::default(),
        }
    }

    /// Whether the bytes are encrypted, and whose they are is checked.
    #[cfg(test)]
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The same, for a connection whose codes are heard.
    pub(super) fn heard_by(&self, last: &LastCode) -> Self {
        Self {
            tls: self.tls.clone(),
            last: last.clone(),
        }
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
        Ok(Self {
            tls: Some(TlsConnector::from(Arc::new(config))),
            ..Self::none()
        })
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
        Ok(OneConnect {
            connector: self.clone(),
            host: host.to_owned(),
        })
    }
}

/// The TLS side of one connection to be.
pub(super) struct OneConnect {
    connector: Connector,
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
            let Connector { tls, last } = self.connector;
            let Some(tls) = tls else {
                return Ok(Stream::plain(stream, &last));
            };
            let reason = "the host's name is none that a certificate can have";
            let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, reason);
            let host = ServerName::try_from(self.host).map_err(invalid)?;
            let under = tls.connect(host, stream).await?;
            Ok(Stream {
                bytes: Bytes::Tls(Box::new(under)),
                listener: Listener::new(last),
            })
        })
    }
}

/// The bytes of a connection, and who hears what the server says.
pub(super) struct Stream<S> {
    bytes: Bytes<S>,
    listener: Listener,
}

enum Bytes<S> {
    Plain(S),
    Tls(Box<RustlsStream<S>>),
}

impl<S> Stream<S> {
    /// Bytes as they are.
    pub(super) fn plain(stream: S, last: &LastCode) -> Self {
        Self {
            bytes: Bytes::Plain(stream),
            listener: Listener::new(last.clone()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        // The certificate is checked, so nobody can stand between.
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut this.bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Bytes::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        this.listener.hear(&buffer.filled()[before..]);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Bytes::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_flush(context),
            Bytes::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Bytes::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
