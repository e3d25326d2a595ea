//! Errors of a conversation with a hub: what it answers, and what its certificate is.

use registry_schema::api::ProblemCode;

use super::{Advice, ErrorCode, Hint};
use crate::registry::{CredentialsError, MirrorPlaceError, RegistryError};

impl Hint for RegistryError {
    fn advice(&self) -> Advice {
        match self {
            Self::Url { .. } => Advice::of(ErrorCode::Usage),
            Self::Connection { .. } if self.is_about_certificate() => Advice::with_hint(
                ErrorCode::Certificate,
                "a hub with a certificate of its own prints its fingerprint when it starts (`hub-server serve`): \
                 ask its operator for it and run `hub login URL --certificate sha256:…`",
            ),
            Self::Connection { .. } if self.wants_certificate() => Advice::with_hint(
                ErrorCode::Certificate,
                "this hub knows its members by certificates: `hub login URL --client-cert FILE --client-key FILE`, \
                 with one that its operator's authority has signed and that has not expired",
            ),
            Self::Tls { .. } => Advice::of(ErrorCode::Certificate),
            Self::Connection { .. } => Advice::with_hint(
                ErrorCode::Unreachable,
                "check the address and the network, then try again; `hub doctor` looks closer",
            ),
            Self::Problem { problem } => {
                let code = code_of(problem.code);
                Advice {
                    code,
                    hint: problem
                        .hint
                        .clone()
                        .or_else(|| hint_of(problem.code).map(str::to_owned)),
                }
            }
            Self::Status {
                status: 502..=504, ..
            } => Advice::with_hint(ErrorCode::Unavailable, "try again in a moment"),
            Self::Status { .. } | Self::Answer { .. } => Advice::with_hint(
                ErrorCode::BadAnswer,
                "check that the address is that of a hub and not of something in between",
            ),
            Self::Digest { .. } => Advice::with_hint(
                ErrorCode::Digest,
                "nothing was installed; tell the hub's operator, then try again",
            ),
            Self::File(error) => error.advice(),
            Self::Interrupted => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for MirrorPlaceError {
    fn advice(&self) -> Advice {
        Advice::of(ErrorCode::Usage)
    }
}

impl Hint for CredentialsError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) => error.advice(),
            Self::Malformed { .. } | Self::Entry { .. } | Self::Helper { .. } => Advice::with_hint(
                ErrorCode::Settings,
                "HUB_MIRROR_TOKEN, when it is set, is taken instead of that file",
            ),
        }
    }
}

/// The client's code for what a hub says.
fn code_of(code: ProblemCode) -> ErrorCode {
    match code {
        ProblemCode::Unauthenticated => ErrorCode::Unauthenticated,
        ProblemCode::Forbidden | ProblemCode::ReadOnly => ErrorCode::Forbidden,
        ProblemCode::NotFound | ProblemCode::NotMirrored => ErrorCode::NotFound,
        ProblemCode::NoSuchRelease => ErrorCode::NoSuchRelease,
        ProblemCode::VersionExists => ErrorCode::VersionExists,
        ProblemCode::VersionPromise => ErrorCode::VersionPromise,
        ProblemCode::Signature => ErrorCode::Signature,
        ProblemCode::RefusedFile => ErrorCode::RefusedFile,
        ProblemCode::ProbesDisagree => ErrorCode::Probes,
        ProblemCode::TooManyRequests | ProblemCode::Unavailable | ProblemCode::Unwitnessed => {
            ErrorCode::Unavailable
        }
        ProblemCode::Internal | ProblemCode::StorageFull => ErrorCode::Hub,
        _ => ErrorCode::Refused,
    }
}

fn hint_of(code: ProblemCode) -> Option<&'static str> {
    Some(match code {
        ProblemCode::Unauthenticated => {
            "get a token from the hub's operator (`hub-server token create`) and run `hub login URL`"
        }
        ProblemCode::Forbidden => "ask the hub's operator for a token with the scope this needs",
        ProblemCode::NotFound => "`hub search` lists what the hub has",
        ProblemCode::NotMirrored => {
            "the hub that this is a mirror of has it: name that with --hub, or ask the mirror's operator for it"
        }
        ProblemCode::ReadOnly => {
            "publish to the hub itself: name it with --hub, or `hub login URL`"
        }
        ProblemCode::NoSuchRelease => {
            "name one that is there; a yanked one is only taken when it is named exactly, such as passport-extractor@2.1.0"
        }
        ProblemCode::VersionExists => "releases never change: raise the version in extractor.toml",
        ProblemCode::TooManyRequests | ProblemCode::Unavailable => "try again in a moment",
        ProblemCode::Unwitnessed => "run it again in a moment; nothing is recorded twice",
        ProblemCode::Internal | ProblemCode::StorageFull => {
            "tell the hub's operator; its log says more"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use registry_schema::api::Problem;

    #[test]
    fn what_a_hub_says_has_a_code_and_its_own_hint_wins() {
        let problem = |code| RegistryError::Problem {
            problem: Box::new(Problem::new(code, "x")),
        };
        for &code in ProblemCode::ALL {
            assert!(problem(code).advice().code.exit_code() > 0);
        }
        assert_eq!(
            problem(ProblemCode::NoSuchRelease)
                .advice()
                .code
                .exit_code(),
            3
        );
        assert_eq!(problem(ProblemCode::Signature).advice().code.exit_code(), 4);
        assert_eq!(
            problem(ProblemCode::Unavailable).advice().code.exit_code(),
            5
        );
        let with_hint = Problem::new(ProblemCode::NotFound, "x").with_hint("do this");
        let error = RegistryError::Problem {
            problem: Box::new(with_hint),
        };
        assert_eq!(error.advice().hint.as_deref(), Some("do this"));
    }

    #[test]
    fn an_unreachable_hub_is_not_a_certificate() {
        let source: Box<dyn std::error::Error + Send + Sync> = "refused".into();
        let error = RegistryError::Connection {
            url: "https://h".into(),
            source,
        };
        assert_eq!(error.advice().code, ErrorCode::Unreachable);
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let source = Box::new(std::io::Error::other(std::io::Error::other(tls)));
        let error = RegistryError::Connection {
            url: "https://h".into(),
            source,
        };
        assert_eq!(error.advice().code, ErrorCode::Certificate);
    }
}
