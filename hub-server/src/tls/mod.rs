//! The certificate: the operator's own, or one made here for trying things out.

mod certificate;
mod clients;
mod error;
mod reloaded;
mod verifier;

pub(crate) use certificate::Certificate;
pub(crate) use clients::{ClientCertificate, Clients};
pub(crate) use error::TlsError;
pub(crate) use verifier::{ClientVerifier, Standing};

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::NoServerSessionStorage;

use crate::blobs::{Existing, create_private_folder, is_there, write_file};
use crate::config::DataFolder;

/// Years a certificate made here is good for; clients pin it, so a new one is work for all of them.
const DEV_YEARS: i16 = 10;

/// A certificate with its key, ready to serve.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: ServerConfig,
    /// The one in use, which may change.
    pub(crate) certificate: Arc<Certificate>,
    /// Who may show a certificate, if anybody may.
    pub(crate) clients: Option<Arc<ClientVerifier>>,
}

/// Reads the operator's certificate chain and key, and what clients' certificates are held against.
pub(crate) fn load(
    certificate: &Path,
    key: &Path,
    clients: Option<Clients<'_>>,
) -> Result<Tls, TlsError> {
    let certificate = Arc::new(Certificate::open(certificate, key)?);
    let builder = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?;
    let clients = clients.map(ClientVerifier::open).transpose()?.map(Arc::new);
    let builder = match &clients {
        Some(clients) => {
            let verifier: Arc<ClientVerifier> = Arc::clone(clients);
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let resolver: Arc<Certificate> = Arc::clone(&certificate);
    let mut config = builder.with_cert_resolver(resolver);
    if clients.as_ref().is_some_and(|clients| clients.has_lists()) {
        // A session that is resumed is held against no list.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(Tls {
        config,
        certificate,
        clients,
    })
}

/// The certificate of `--dev-tls`: made at the first start, then always the same.
pub(crate) fn load_or_make(
    data: &DataFolder,
    listen: IpAddr,
    clients: Option<Clients<'_>>,
) -> Result<Tls, TlsError> {
    let (certificate, key) = dev_files(data);
    if !is_there(&certificate)? {
        make(data, &certificate, &key, listen)?;
    }
    load(&certificate, &key, clients)
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
    let (_, until) = certificate::validity(&der).ok_or_else(unreadable)?;
    Ok(until.as_second())
}
