//! What can go wrong between this machine and a hub.

use registry_schema::api::{Problem, ProblemCode};
use registry_schema::digest::Digest;

use super::tls;
use crate::files::FileError;

/// A request to a hub failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Not an address of a hub.
    #[error(
        "`{url}` is not the address of a hub: write `https://host[:port]` (plain http only on this machine)"
    )]
    Url {
        /// What was given.
        url: String,
    },
    /// No TLS to be had.
    #[error("TLS cannot be set up")]
    Tls {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The hub cannot be reached, or the connection broke.
    #[error("the hub at {url} cannot be reached")]
    Connection {
        /// Which hub.
        url: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The hub said no.
    #[error("the hub says: {}", if problem.detail.is_empty() { &problem.title } else { &problem.detail })]
    Problem {
        /// What it said.
        problem: Box<Problem>,
    },
    /// An error that is no problem body, from a proxy for instance.
    #[error("the hub answered {status} to {what}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// Which request.
        what: String,
    },
    /// An answer that is not what the API says.
    #[error("the hub's answer to {what} cannot be understood: {reason}")]
    Answer {
        /// Which request.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are not those that were signed.
    #[error("the hub sent other bytes for {expected}: they have digest {found}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// A file of ours.
    #[error(transparent)]
    File(#[from] FileError),
    /// Stopped by the user.
    #[error("interrupted")]
    Interrupted,
}

impl RegistryError {
    /// The hub's code, when it said no.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Problem { problem } => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the connection failed because the hub's certificate is not trusted, or not the
    /// pinned one.
    pub fn is_about_certificate(&self) -> bool {
        match self {
            Self::Connection { source, .. } | Self::Tls { source } => {
                tls::is_about_certificate(&**source)
            }
            _ => false,
        }
    }

    /// Whether the hub refused the connection because it wants this client's own certificate, or another one.
    pub fn wants_certificate(&self) -> bool {
        match self {
            Self::Connection { source, .. } => tls::wants_certificate(&**source),
            _ => false,
        }
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection { .. } => !self.is_about_certificate() && !self.wants_certificate(),
            Self::Problem { problem } => matches!(problem.status, 429 | 503),
            Self::Status { status, .. } => matches!(status, 429 | 502..=504),
            _ => false,
        }
    }
}
