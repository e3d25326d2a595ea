//! Who may connect with a certificate: authorities that the operator chose, and lists of what they have revoked, which
//! are read again when they change. A new list counts for connections that are open, too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use super::reloaded::{Changes, Reloaded};
use super::{Clients, TlsError};
use crate::cause::chain;

/// Holds clients' certificates against authorities and lists.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    authorities: PathBuf,
    lists: Option<PathBuf>,
    is_required: bool,
    roots: Arc<RootCertStore>,
    hints: Vec<DistinguishedName>,
    current: Reloaded<Rules>,
    /// How many lists have counted before the present one.
    era: AtomicU64,
}

/// What counts.
#[derive(Debug)]
struct Rules {
    verifier: Arc<dyn ClientCertVerifier>,
    /// When the first of the lists should have been replaced by another one.
    next_update: Option<Timestamp>,
}

impl ClientVerifier {
    pub(super) fn open(clients: Clients<'_>) -> Result<Self, TlsError> {
        let roots = Arc::new(read_authorities(clients.authorities)?);
        let files: Vec<&Path> = clients.revoked.into_iter().collect();
        let current = Reloaded::open(&files, || read_rules(clients, &roots))?;
        let verifier = Self {
            authorities: clients.authorities.to_owned(),
            lists: clients.revoked.map(Path::to_owned),
            is_required: clients.is_required,
            hints: roots.subjects(),
            roots,
            current,
            era: AtomicU64::new(0),
        };
        verifier.warn_when_late();
        Ok(verifier)
    }

    /// Whether there are lists of revoked certificates.
    pub(crate) fn has_lists(&self) -> bool {
        self.lists.is_some()
    }

    /// When the first of the lists should be, or have been, replaced by another one; `None` without one that says so.
    pub(crate) fn next_update(&self) -> Option<Timestamp> {
        self.current.current().next_update
    }

    /// How often the lists were changed.
    pub(crate) fn changes(&self) -> Changes {
        self.current.changes()
    }

    /// Reads the lists again when they have changed.
    pub(crate) fn look(&self) {
        if self.current.has_settled() {
            self.reload();
        }
    }

    /// Reads the lists again, now. What is broken in them is said in the log, and the old ones stay.
    pub(crate) fn reload(&self) {
        if !self.has_lists() {
            return;
        }
        let clients = Clients {
            authorities: &self.authorities,
            revoked: self.lists.as_deref(),
            is_required: self.is_required,
        };
        let read = || read_rules(clients, &self.roots);
        match self.current.read_again(read) {
            Ok(_) => {
                self.era.fetch_add(1, Ordering::SeqCst);
                tracing::info!("took the lists of revoked certificates");
                self.warn_when_late();
            }
            Err(error) => tracing::error!(
                error = chain(&error),
                "the new lists of revoked certificates cannot be used, and the old ones stay"
            ),
        }
    }

    fn warn_when_late(&self) {
        if let Some(until) = self.next_update().filter(|until| *until < Timestamp::now()) {
            tracing::warn!(%until, "a list of revoked certificates is old: another one should have come");
        }
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.current.current().verifier)
    }
}

/// The certificates that a client has shown when it connected.
#[derive(Debug)]
pub(crate) struct Standing {
    verifier: Arc<ClientVerifier>,
    chain: Vec<CertificateDer<'static>>,
    /// Under which lists they were found to be good.
    era: AtomicU64,
}

impl Standing {
    /// Of what was found to be good, perhaps by the lists of before.
    pub(crate) fn new(verifier: Arc<ClientVerifier>, chain: &[CertificateDer<'_>]) -> Self {
        Self {
            verifier,
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            era: AtomicU64::new(0),
        }
    }

    /// Whether they are good still.
    pub(crate) fn is_good(&self) -> bool {
        let era = self.verifier.era.load(Ordering::SeqCst);
        if self.era.load(Ordering::SeqCst) == era {
            return true;
        }
        let Some((own, others)) = self.chain.split_first() else {
            return false;
        };
        let verifier = self.verifier.verifier();
        let verified = verifier.verify_client_cert(own, others, UnixTime::now());
        if verified.is_ok() {
            self.era.store(era, Ordering::SeqCst);
        }
        verified.is_ok()
    }
}

fn read_authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let pem_error = |source| TlsError::pem(path, source);
    for certificate in CertificateDer::pem_file_iter(path).map_err(pem_error)? {
        roots.add(certificate.map_err(pem_error)?)?;
    }
    Ok(roots)
}

/// The lists are those of the authorities that sign members' certificates; of which there is none, it signs nobody.
fn read_rules(clients: Clients<'_>, roots: &Arc<RootCertStore>) -> Result<Rules, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider);
    let builder = match clients.is_required {
        true => builder,
        false => builder.allow_unauthenticated(),
    };
    let lists = clients.revoked.map(read_lists).transpose()?;
    let lists = lists.unwrap_or_default();
    let next_update = lists.iter().filter_map(|list| next_update(list)).min();
    let builder = builder.with_crls(lists).only_check_end_entity_revocation();
    let verifier = builder.build().map_err(|source| TlsError::Clients {
        path: clients.revoked.unwrap_or(clients.authorities).to_owned(),
        source,
    })?;
    Ok(Rules {
        verifier,
        next_update,
    })
}

fn read_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists = CertificateRevocationListDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| TlsError::pem(path, source))?;
    match lists.is_empty() {
        // Nothing would be revoked.
        true => Err(TlsError::NoList {
            path: path.to_owned(),
        }),
        false => Ok(lists),
    }
}

fn next_update(list: &[u8]) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_crl(list).ok()?;
    Timestamp::from_second(parsed.next_update()?.timestamp()).ok()
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verifier = self.verifier();
        verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verifier = self.verifier();
        verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verifier = self.verifier();
        verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}
