//! Certificates of clients, each naming a member.

use std::path::Path;

use jiff::Timestamp;
use registry_schema::name::MemberName;
use x509_parser::extensions::GeneralName;

use super::certificate::validity;

/// In a certificate's alternative names: the member that it stands for.
const MEMBER_URN: &str = "urn:extractor-hub:member:";

/// What clients have to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients<'a> {
    /// The authorities (PEM) that sign members' certificates.
    pub(crate) authorities: &'a Path,
    /// Lists (PEM) of certificates that these have revoked.
    pub(crate) revoked: Option<&'a Path>,
    /// Whether a connection without one is refused.
    pub(crate) is_required: bool,
}

/// What a client's certificate says, which TLS has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The member: of the one name `urn:extractor-hub:member:NAME` among its alternative names or, when there is
    /// none, its common name if that is a member's; `None` when neither is there.
    pub(crate) member: Option<MemberName>,
    /// Its last moment.
    pub(crate) until: Timestamp,
}

impl ClientCertificate {
    /// Reads a certificate (DER); `None` when it cannot be read.
    pub(crate) fn parse(certificate: &[u8]) -> Option<Self> {
        let (_, until) = validity(certificate)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let names = parsed.subject_alternative_name().ok()?;
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let members: Vec<&str> = names
            .filter_map(|name| match name {
                GeneralName::URI(uri) => uri.strip_prefix(MEMBER_URN),
                _ => None,
            })
            .collect();
        let common: Vec<&str> = match members.is_empty() {
            true => parsed
                .subject()
                .iter_common_name()
                .filter_map(|name| name.as_str().ok())
                .collect(),
            false => members,
        };
        let member = match common[..] {
            [one] => one.parse().ok(),
            // Of two it is not said which.
            _ => None,
        };
        Some(Self { member, until })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn member(common: &str, uris: &[&str]) -> Option<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common);
        for uri in uris {
            let uri = (*uri).try_into().unwrap();
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let parsed = ClientCertificate::parse(made.der()).unwrap();
        parsed.member.map(|member| member.to_string())
    }

    #[test]
    fn one_member_or_none() {
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(member("alpha", &[]), named("alpha"));
        assert_eq!(member("Alpha Inc.", &[]), None);
        let uri = "urn:extractor-hub:member:beta";
        assert_eq!(member("alpha", &[uri]), named("beta"));
        assert_eq!(member("alpha", &["https://alpha.example"]), named("alpha"));
        assert_eq!(
            member("alpha", &[uri, "urn:extractor-hub:member:gamma"]),
            None
        );
        assert_eq!(member("alpha", &["urn:extractor-hub:member:No Name"]), None);
        assert_eq!(ClientCertificate::parse(b"nonsense"), None);
    }
}
