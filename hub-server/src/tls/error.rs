use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;

use crate::blobs::BlobError;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// Not the PEM it should be.
    #[error("cannot read `{path}` as PEM")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What the parser met.
        source: pem::Error,
    },
    /// Cannot be read at all.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No certificate in it.
    #[error("`{path}` holds no certificate that can be read")]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A new certificate that no client would take.
    #[error("`{path}` holds a certificate that is good from {from} to {until}, not now")]
    NotNow {
        /// Which file.
        path: PathBuf,
        /// Its first moment.
        from: Timestamp,
        /// Its last moment.
        until: Timestamp,
    },
    /// Certificate and key that do not fit, or are of a kind TLS does not take.
    #[error("the certificate and its key cannot be used")]
    Unusable {
        /// What rustls said.
        #[from]
        source: rustls::Error,
    },
    /// Not what clients' certificates can be held against.
    #[error("clients' certificates cannot be held against what is in `{path}`")]
    Clients {
        /// Which file.
        path: PathBuf,
        /// What rustls said.
        source: VerifierBuilderError,
    },
    /// A file of lists without one.
    #[error(
        "`{path}` holds no list of revoked certificates: one in PEM, `X509 CRL`, is there also when nothing is revoked"
    )]
    NoList {
        /// Which file.
        path: PathBuf,
    },
    /// `--dev-tls` failed.
    #[error("a certificate cannot be made")]
    Make {
        /// What rcgen said.
        #[from]
        source: rcgen::Error,
    },
    /// The file system.
    #[error(transparent)]
    File(#[from] BlobError),
}

impl TlsError {
    pub(super) fn pem(path: &Path, source: pem::Error) -> Self {
        Self::Pem {
            path: path.to_owned(),
            source,
        }
    }
}
