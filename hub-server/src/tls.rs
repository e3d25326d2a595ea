//! The certificate: the operator's own, or one made here for trying things out.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair};
use registry_schema::digest::Digest;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};

use crate::blobs::{BlobError, Existing, create_private_folder, is_there, write_file};
use crate::config::DataFolder;

/// Years a certificate made here is good for; clients pin it, so a new one is work for all of them.
const DEV_YEARS: i16 = 10;

/// A certificate with its key, ready to serve.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: ServerConfig,
    /// SHA-256 of the certificate (DER), for clients to pin.
    pub(crate) fingerprint: Digest,
}

/// Reads the operator's certificate chain and key.
pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
    let pem_error = |path: &Path| {
        let path = path.to_owned();
        |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem_error(certificate))?;
    let first = chain.first().ok_or_else(|| TlsError::NoCertificate {
        path: certificate.to_owned(),
    })?;
    let fingerprint = Digest::of(first);
    let key = PrivateKeyDer::from_pem_file(key).map_err(pem_error(key))?;
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))?;
    Ok(Tls {
        config,
        fingerprint,
    })
}

/// The certificate of `--dev-tls`: made at the first start, then always the same.
pub(crate) fn load_or_make(data: &DataFolder, listen: IpAddr) -> Result<Tls, TlsError> {
    let (certificate, key) = dev_files(data);
    if !is_there(&certificate)? {
        make(data, &certificate, &key, listen)?;
    }
    load(&certificate, &key)
}

/// Where the certificate and the key of `--dev-tls` are.
pub(crate) fn dev_files(data: &DataFolder) -> (PathBuf, PathBuf) {
    let folder = data.tls();
    (
        folder.join("dev-certificate.pem"),
        folder.join("dev-key.pem"),
    )
}

fn make(data: &DataFolder, certificate: &Path, key: &Path, listen: IpAddr) -> Result<(), TlsError> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    if !listen.is_unspecified() && !listen.is_loopback() {
        names.push(listen.to_string());
    }
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "extractor hub (made by --dev-tls)");
    let today = jiff::Zoned::now().date();
    params.not_before = rcgen::date_time_ymd(i32::from(today.year() - 1), 1, 1);
    params.not_after = rcgen::date_time_ymd(i32::from(today.year() + DEV_YEARS), 1, 1);
    let pair = KeyPair::generate()?;
    let made = params.self_signed(&pair)?;
    create_private_folder(&data.tls())?;
    // The key first: a certificate without its key would never be made again.
    write_file(key, pair.serialize_pem().as_bytes(), Existing::IsReplaced)?;
    Ok(write_file(
        certificate,
        made.pem().as_bytes(),
        Existing::Stays,
    )?)
}

/// When the first certificate of a PEM file ends, in seconds since 1970.
pub(crate) fn expires_at(certificate: &Path) -> Result<i64, TlsError> {
    let unreadable = || TlsError::NoCertificate {
        path: certificate.to_owned(),
    };
    let text = fs::read(certificate).map_err(|source| TlsError::Read {
        path: certificate.to_owned(),
        source,
    })?;
    let der = CertificateDer::from_pem_slice(&text).map_err(|_| unreadable())?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| unreadable())?;
    Ok(parsed.validity().not_after.timestamp())
}

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
    /// Certificate and key that do not fit, or are of a kind TLS does not take.
    #[error("the certificate and its key cannot be used")]
    Unusable {
        /// What rustls said.
        #[from]
        source: rustls::Error,
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
