//! Why a server does not start, or ends.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::app::HubError;
use crate::blobs::BlobError;
use crate::tls::TlsError;

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
    /// Certificates of clients without one of the server.
    #[error("`--client-ca` needs TLS: give `--tls-cert` and `--tls-key`, or `--dev-tls`")]
    ClientsInTheClear,
    /// The address is not to be had.
    #[error("cannot listen at {listen}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No journal.
    #[error(
        "the access journal cannot be kept in `{folder}`: mend that, or serve with `--journal-days 0`"
    )]
    Journal {
        /// Where.
        folder: PathBuf,
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
    #[error(transparent)]
    Lock(#[from] BlobError),
}
