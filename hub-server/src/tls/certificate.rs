//! The certificate in use. A new one is read when its files change or when the server is told to, is checked,
//! and takes the place of the old one for connections from then on; a broken one does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use registry_schema::digest::Digest;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::reloaded::{Changes, Reloaded};
use crate::cause::chain;

/// The certificate in use, and where another one may come from.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: Reloaded<Current>,
}

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Current {
    certified: Arc<CertifiedKey>,
    /// SHA-256 of the certificate (DER), for clients to pin.
    pub(crate) fingerprint: Digest,
    /// Its first moment.
    pub(crate) from: Timestamp,
    /// Its last moment.
    pub(crate) until: Timestamp,
}

impl Certificate {
    /// Reads a chain and its key.
    pub(super) fn open(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current: Reloaded::open(&[chain, key], || read(chain, key))?,
        })
    }

    /// The one in use.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.current()
    }

    /// How often it was changed.
    pub(crate) fn changes(&self) -> Changes {
        self.current.changes()
    }

    /// Reads the files again when they have changed.
    pub(crate) fn look(&self, now: Timestamp) {
        if self.current.has_settled() {
            self.reload(now);
        }
    }

    /// Reads the files again, now. What is broken in them is said in the log, and the old certificate stays.
    pub(crate) fn reload(&self, now: Timestamp) {
        let next = self.current.read_again(|| {
            let next = read(&self.chain, &self.key)?;
            match (next.from..=next.until).contains(&now) {
                true => Ok(next),
                false => Err(TlsError::NotNow {
                    path: self.chain.clone(),
                    from: next.from,
                    until: next.until,
                }),
            }
        });
        match next {
            Ok(next) => {
                let (fingerprint, until) = (next.fingerprint, next.until);
                tracing::info!(%fingerprint, %until, "took the certificate of the files");
            }
            Err(error) => {
                let until = self.current().until;
                tracing::error!(error = chain(&error), %until, "the new certificate cannot be used, and the old one stays");
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().certified))
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Current, TlsError> {
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| TlsError::pem(certificate, source))?;
    let none = || TlsError::NoCertificate {
        path: certificate.to_owned(),
    };
    let first = certificates.first().ok_or_else(none)?;
    let (fingerprint, (from, until)) = (Digest::of(first), validity(first).ok_or_else(none)?);
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::pem(key, source))?;
    let certified = CertifiedKey::from_der(certificates, key, &ring::default_provider())?;
    Ok(Current {
        certified: Arc::new(certified),
        fingerprint,
        from,
        until,
    })
}

/// The first and the last moment of a certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let at = |seconds| Timestamp::from_second(seconds).ok();
    let validity = parsed.validity();
    Some((
        at(validity.not_before.timestamp())?,
        at(validity.not_after.timestamp())?,
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn make(chain: &Path, key: &Path, years: [i32; 2]) {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(years[0], 1, 1);
        params.not_after = date_time_ymd(years[1], 1, 1);
        fs::write(chain, params.self_signed(&pair).unwrap().pem()).unwrap();
        fs::write(key, pair.serialize_pem()).unwrap();
    }

    #[test]
    fn a_new_one_is_taken_when_it_is_whole_and_good() {
        let folder = tempfile::tempdir().unwrap();
        let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
        let now: Timestamp = "2030-06-01T00:00:00Z".parse().unwrap();
        make(&chain, &key, [2029, 2031]);
        let certificate = Certificate::open(&chain, &key).unwrap();
        let first = certificate.current().fingerprint;
        let shown = |certificate: &Certificate| certificate.current().fingerprint;
        let changes = |taken, refused, is_stale| Changes {
            taken,
            refused,
            is_stale,
        };
        certificate.look(now);
        assert_eq!(certificate.changes(), changes(0, 0, false));
        // 1. a key that does not fit
        let whole = fs::read(&chain).unwrap();
        make(&folder.path().join("other.pem"), &key, [2029, 2031]);
        certificate.look(now);
        assert_eq!(
            certificate.changes(),
            changes(0, 0, false),
            "not at the first look"
        );
        certificate.look(now);
        assert_eq!(certificate.changes(), changes(0, 1, true));
        certificate.look(now);
        assert_eq!(certificate.changes(), changes(0, 1, true), "said once");
        // 2. nonsense, nothing, one that has ended and one that begins later
        fs::write(&chain, "nonsense").unwrap();
        certificate.reload(now);
        fs::remove_file(&chain).unwrap();
        certificate.reload(now);
        for years in [[2027, 2029], [2031, 2033]] {
            make(&chain, &key, years);
            certificate.reload(now);
        }
        assert_eq!(certificate.changes(), changes(0, 5, true));
        assert_eq!(shown(&certificate), first);
        assert_ne!(fs::read(&chain).unwrap(), whole);
        // 3. a good one
        make(&chain, &key, [2030, 2032]);
        certificate.look(now);
        certificate.look(now);
        assert_eq!(certificate.changes(), changes(1, 5, false));
        assert_ne!(shown(&certificate), first);
        assert_eq!(
            certificate.current().until.to_string(),
            "2032-01-01T00:00:00Z"
        );
    }
}
