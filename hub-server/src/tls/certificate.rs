//! The certificate in use. A new one is read when its files change or when the server is told to, is checked,
//! and takes the place of the old one for connections from then on; a broken one does not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use registry_schema::digest::Digest;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsError;
use crate::cause::chain;

/// The certificate in use, and where another one may come from.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<Current>>,
    watch: Mutex<Watch>,
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

/// What was seen of the files.
#[derive(Debug, Default)]
struct Watch {
    /// As they were when they were read last.
    read: Option<Stamp>,
    /// As they were at the last look, if they had changed.
    changed: Option<Stamp>,
    taken: u64,
    refused: u64,
    is_stale: bool,
}

/// How often a certificate was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    /// New ones that were taken.
    pub(crate) taken: u64,
    /// New ones that were refused.
    pub(crate) refused: u64,
    /// Whether the files hold one that was refused.
    pub(crate) is_stale: bool,
}

/// By what two states of the files differ.
type Stamp = [(i64, i64, u64, u64); 2];

impl Certificate {
    /// Reads a chain and its key.
    pub(super) fn open(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = read(chain, key)?;
        let certificate = Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(current)),
            watch: Mutex::default(),
        };
        let stamp = certificate.stamp();
        certificate.watch().read = stamp;
        Ok(certificate)
    }

    /// The one in use.
    pub(crate) fn current(&self) -> Arc<Current> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// How often it was changed.
    pub(crate) fn changes(&self) -> Changes {
        let watch = self.watch();
        Changes {
            taken: watch.taken,
            refused: watch.refused,
            is_stale: watch.is_stale,
        }
    }

    /// Reads the files again when they have changed and then stayed the same for one look, so that nobody meets a
    /// certificate whose key is still being written.
    pub(crate) fn look(&self, now: Timestamp) {
        let stamp = self.stamp();
        let mut watch = self.watch();
        if stamp == watch.read {
            watch.changed = None;
            return;
        }
        let is_settled = watch.changed == stamp;
        watch.changed = stamp;
        drop(watch);
        if is_settled {
            self.reload(now);
        }
    }

    /// Reads the files again, now. What is broken in them is said in the log, and the old certificate stays.
    pub(crate) fn reload(&self, now: Timestamp) {
        let stamp = self.stamp();
        let next = read(&self.chain, &self.key).and_then(|next| {
            match (next.from..=next.until).contains(&now) {
                true => Ok(next),
                false => Err(TlsError::NotNow {
                    path: self.chain.clone(),
                    from: next.from,
                    until: next.until,
                }),
            }
        });
        let mut watch = self.watch();
        watch.read = stamp;
        watch.is_stale = next.is_err();
        match next {
            Ok(next) => {
                let (fingerprint, until) = (next.fingerprint, next.until);
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(next);
                watch.taken += 1;
                tracing::info!(%fingerprint, %until, "took the certificate of the files");
            }
            Err(error) => {
                watch.refused += 1;
                let until = self.current().until;
                tracing::error!(error = chain(&error), %until, "the new certificate cannot be used, and the old one stays");
            }
        }
    }

    fn watch(&self) -> std::sync::MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamp(&self) -> Option<Stamp> {
        let stamp = |path: &Path| {
            let state = fs::metadata(path).ok()?;
            Some((state.mtime(), state.mtime_nsec(), state.size(), state.ino()))
        };
        Some([stamp(&self.chain)?, stamp(&self.key)?])
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().certified))
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Current, TlsError> {
    let pem_error = |path: &Path| {
        let path = path.to_owned();
        |source| TlsError::Pem { path, source }
    };
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem_error(certificate))?;
    let none = || TlsError::NoCertificate {
        path: certificate.to_owned(),
    };
    let first = certificates.first().ok_or_else(none)?;
    let (fingerprint, (from, until)) = (Digest::of(first), validity(first).ok_or_else(none)?);
    let key = PrivateKeyDer::from_pem_file(key).map_err(pem_error(key))?;
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
