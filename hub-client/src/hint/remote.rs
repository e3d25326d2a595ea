//! Errors of a conversation with a hub: its answers, statements, certificates.

use registry_schema::api::ProblemCode;
use registry_schema::compatibility::CompatibilityError;
use registry_schema::graph::RefusedFile;
use registry_schema::model_signing::ModelSigningError;
use registry_schema::receipt::{PlaceError, ReceiptError};
use registry_schema::reference::Requirement;
use registry_schema::verify::VerifyError;

use super::{Advice, ErrorCode, Hint};
use crate::audit::AuditError;
use crate::bundle::BundleFault;
use crate::cosign::CosignError;
use crate::import::ImportError;
use crate::log_view::{LogSourceError, LogViewError};
use crate::logged::LoggedError;
use crate::members_say::SayError;
use crate::mirror::MirrorError;
use crate::publish::{CheckError, FolderError, PredecessorError, PublishError, ScaffoldError};
use crate::pull::PullError;
use crate::registry::RegistryError;

impl Hint for RegistryError {
    fn advice(&self) -> Advice {
        match self {
            Self::Url { .. } => Advice::of(ErrorCode::Usage),
            Self::Connection { .. } if self.is_about_certificate() => Advice::with_hint(
                ErrorCode::Certificate,
                "a hub with a certificate of its own prints its fingerprint when it starts (`hub-server serve`): \
                 ask its operator for it and run `hub login URL --certificate sha256:…`",
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
            Self::Digest { .. } | Self::Size { .. } => Advice::with_hint(
                ErrorCode::Digest,
                "nothing was installed; tell the hub's operator, then try again",
            ),
            Self::File(error) => error.advice(),
            Self::Interrupted => Advice::of(ErrorCode::Interrupted),
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
        ProblemCode::NoSuchRelease => "`hub show NAME` lists the releases there are",
        ProblemCode::VersionExists => "releases never change: raise the version in extractor.toml",
        ProblemCode::TooManyRequests | ProblemCode::Unavailable => "try again in a moment",
        ProblemCode::Unwitnessed => "run it again in a moment; nothing is recorded twice",
        ProblemCode::Internal | ProblemCode::StorageFull => {
            "tell the hub's operator; its log says more"
        }
        _ => return None,
    })
}

impl Hint for VerifyError {
    fn advice(&self) -> Advice {
        match self {
            Self::Trust(_) => Advice::with_hint(
                ErrorCode::NotTrusted,
                "`hub consortium show` lists members and names; the consortium changes them with `hub consortium propose`",
            ),
            Self::NotAsked { .. } | Self::YankSequence { .. } => Advice::with_hint(
                ErrorCode::Signature,
                "the hub answers with something else than was asked: tell its operator",
            ),
            _ => Advice::of(ErrorCode::Signature),
        }
    }
}

impl Hint for LoggedError {
    fn advice(&self) -> Advice {
        match self {
            Self::Proof(error) if !matches!(**error, LogViewError::Quorum(_)) => error.advice(),
            _ => Advice::with_hint(
                ErrorCode::Log,
                "the hub answers with something that its log does not show to everybody: tell its operator and the other members",
            ),
        }
    }
}

impl Hint for LogViewError {
    fn advice(&self) -> Advice {
        let hint = match self {
            Self::Source(LogSourceError::Registry(error)) => return error.advice(),
            Self::Source(LogSourceError::File(error)) | Self::File(error) => return error.advice(),
            Self::Stopped => return Advice::of(ErrorCode::Interrupted),
            Self::Seen { .. } => return Advice::of(ErrorCode::Settings),
            Self::Beyond { .. } => return Advice::of(ErrorCode::Usage),
            Self::Forked { .. } | Self::Distrusted { .. } => {
                "show the folder to the other members: it proves to anybody that the hub told them and you different \
                 things. Once it is known what happened, `hub trust --forget-log` begins anew"
            }
            Self::RolledBack { .. } => {
                "try again in a moment, a copy of a hub may be behind; if it stays so, ask the other members how long \
                 the log is for them, and the operator whether it was restored from an old copy"
            }
            Self::Stale { .. } => {
                "try again later; if it stays so, ask the operator which witnesses are away, and the other members what \
                 they see"
            }
            Self::Quorum(_) => {
                "the trust root says which witnesses must have cosigned: ask the hub's operator which are away"
            }
            _ => {
                "tell the hub's operator and the other members: an honest log always shows how it grew"
            }
        };
        Advice::with_hint(ErrorCode::Log, hint)
    }
}

impl Hint for AuditError {
    fn advice(&self) -> Advice {
        match self {
            Self::Withheld { .. } | Self::Other { .. } => Advice::with_hint(
                ErrorCode::Log,
                "show the entry to the other members: the hub shows its readers other things than its log has",
            ),
            Self::Forgotten { .. } => Advice::of(ErrorCode::Log),
            Self::Memory { .. } | Self::MemoryFormat { .. } => Advice::of(ErrorCode::Settings),
            Self::Busy { .. } => Advice::of(ErrorCode::Failed),
            Self::Verify(error) => error.advice(),
            Self::Trust(_) => Advice::of(ErrorCode::TrustRoot),
            Self::Log(error) => error.advice(),
            Self::Tree(_) => Advice::of(ErrorCode::Log),
            Self::Logged(error) => error.advice(),
            Self::Say(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for ModelSigningError {
    fn advice(&self) -> Advice {
        match self {
            Self::Secret | Self::Public => Advice::with_hint(
                ErrorCode::Invalid,
                "`hub keygen --model-signing` makes such a key",
            ),
            Self::Random => Advice::of(ErrorCode::Failed),
            _ => Advice::with_hint(
                ErrorCode::Signature,
                "the hub sends a `model.sig` that is not of this release: tell its operator and the publisher",
            ),
        }
    }
}

impl Hint for PlaceError {
    fn advice(&self) -> Advice {
        Advice::with_hint(
            ErrorCode::Log,
            "the log or its witnesses may have been replaced since: pull the release again to get a proof of today",
        )
    }
}

impl Hint for ReceiptError {
    fn advice(&self) -> Advice {
        match self {
            Self::Verify(error) => error.advice(),
            Self::OlderRoot { .. } => Advice::of(ErrorCode::TrustRoot),
            Self::Place(error) => error.advice(),
            Self::ModelSignature(error) => error.advice(),
            Self::Version { .. } => Advice::of(ErrorCode::Settings),
        }
    }
}

impl Hint for CompatibilityError {
    fn advice(&self) -> Advice {
        match self {
            Self::Order { .. } => Advice::of(ErrorCode::VersionPromise),
            Self::Promise { .. } => Advice::of(ErrorCode::Probes),
            _ => Advice::with_hint(
                ErrorCode::Probes,
                "what this machine computes is not what was signed: an author raises the MAJOR version; \
                 a user tries `hub doctor`, then tells the publisher",
            ),
        }
    }
}

impl Hint for RefusedFile {
    fn advice(&self) -> Advice {
        Advice::of(ErrorCode::RefusedFile)
    }
}

impl Hint for PullError {
    fn advice(&self) -> Advice {
        match self {
            Self::Logged { source, .. } => source.advice(),
            Self::Registry(error) => error.advice(),
            Self::Verify { source, .. } => source.advice(),
            Self::Locked { reference, .. } => Advice::with_hint(
                ErrorCode::LockMismatch,
                format!(
                    "releases never change, so one of the two is wrong: ask the publisher, then `hub pull --update {}`",
                    reference.name
                ),
            ),
            Self::Changed { .. } => Advice::of(ErrorCode::LockMismatch),
            Self::Yanked { reference, yank } => Advice::with_hint(
                ErrorCode::Yanked,
                yank_hint(reference, yank.replacement.as_ref()),
            ),
            Self::NoSuchFile { .. } | Self::ProbesWithoutVectors { .. } => {
                Advice::of(ErrorCode::RefusedFile)
            }
            Self::Vectors(error) => error.advice(),
            Self::Refused(error) => error.advice(),
            Self::Worker(error) => {
                let advice = error.advice();
                let without =
                    "a machine that only keeps extractors can `hub pull --without-probes`";
                if advice.code == ErrorCode::RuntimeLibrary {
                    Advice::with_hint(advice.code, without)
                } else {
                    advice
                }
            }
            Self::Probes { source, .. } => source.advice(),
            Self::Say(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for ImportError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotPinned => Advice::with_hint(
                ErrorCode::NotTrusted,
                "ask the consortium for its fingerprint and give it with --root sha256:…, which pins it, or pin it first with \
                 `hub trust sha256:… --metadata DIR`",
            ),
            Self::OtherRoot { .. } => Advice::with_hint(
                ErrorCode::NotTrusted,
                "leave out --root, or pin the other one with `hub trust sha256:… --metadata DIR`",
            ),
            Self::Pack(error) => error.advice(),
            // Nothing is missing on this machine: the pack lacks it.
            Self::Bundle(BundleFault::File(_)) => Advice::with_hint(
                ErrorCode::Digest,
                "it is not what `hub export REF -o FILE` wrote: ask for it again",
            ),
            Self::Bundle(error) => error.advice(),
            Self::Trust(error) => error.advice(),
            Self::Receipt(error) => error.advice(),
            Self::Verify(error) => error.advice(),
            Self::Place(_) => Advice::with_hint(
                ErrorCode::Log,
                "the consortium may have changed them since: have the pack written again after a `hub pull`",
            ),
            Self::Log(error) => error.advice(),
            Self::Pull(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::Config(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for MirrorError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotAMirror { .. } => Advice::with_hint(
                ErrorCode::Usage,
                "name a folder that is empty, is not there yet, or was made by `hub mirror`",
            ),
            Self::Busy { .. } => Advice::of(ErrorCode::Failed),
            Self::OtherConsortium { .. } => Advice::with_hint(
                ErrorCode::NotTrusted,
                "name another folder, or the hub and trust root of that consortium",
            ),
            Self::OlderTrustRoot { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "a copy of a hub may be behind: try again in a moment, or name the hub itself with --hub",
            ),
            Self::Backwards { .. } => Advice::with_hint(
                ErrorCode::Log,
                "a copy of a hub may be behind: try again in a moment; if it stays so, ask the other members how long \
                 the log is for them",
            ),
            Self::NothingWanted => Advice::with_hint(
                ErrorCode::Usage,
                "name extractors such as passport-extractor or passport-extractor@2, or --all",
            ),
            Self::NoRelease { .. } => Advice::with_hint(
                ErrorCode::NoSuchRelease,
                "`hub search` lists what the hub has",
            ),
            Self::Entry { .. } => Advice::with_hint(
                ErrorCode::Log,
                "no honest hub logs that: tell its operator and the other members",
            ),
            Self::Release { source, .. } => source.advice(),
            Self::List { .. } => Advice::of(ErrorCode::Settings),
            Self::Checkpoint(_) => Advice::with_hint(
                ErrorCode::Log,
                "the folder is of another log, or was changed: begin a mirror in another folder",
            ),
            Self::Log(error) => error.advice(),
            Self::Tree(_) | Self::Bundle(_) => Advice::of(ErrorCode::Log),
            Self::Trust(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
        }
    }
}

fn yank_hint(
    reference: &registry_schema::reference::Reference,
    replacement: Option<&semver::Version>,
) -> String {
    match (replacement, &reference.requirement) {
        (Some(version), _) => format!("use `{}@{version}` instead", reference.name),
        (None, Requirement::Exact(version)) => format!(
            "name it exactly to get it all the same: `hub pull {}@{version}`",
            reference.name
        ),
        (None, _) => "name the exact version to get it all the same".to_owned(),
    }
}

impl Hint for PredecessorError {
    fn advice(&self) -> Advice {
        match self {
            Self::Logged(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Verify { source, .. } => source.advice(),
            Self::NoVectors { .. } => Advice::of(ErrorCode::RefusedFile),
            Self::Probes(error) => error.advice(),
            Self::Promise(error) => error.advice(),
        }
    }
}

impl Hint for FolderError {
    fn advice(&self) -> Advice {
        match self {
            Self::NoManifest { .. } | Self::NoGraph { .. } => Advice::of(ErrorCode::NotFound),
            Self::Manifest { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "docs/EXTRACTORS.md explains every field",
            ),
            Self::Refused(error) => error.advice(),
            Self::Probes(error) => error.advice(),
            Self::File(error) => error.advice(),
            Self::NotUtf8 { .. }
            | Self::NotChecked { .. }
            | Self::Path(_)
            | Self::NotRegular { .. }
            | Self::TooMany { .. } => Advice::of(ErrorCode::Invalid),
        }
    }
}

impl Hint for CheckError {
    fn advice(&self) -> Advice {
        match self {
            Self::Folder(error) => error.advice(),
            Self::Statement(_) => Advice::with_hint(
                ErrorCode::Invalid,
                "docs/EXTRACTORS.md says what a release holds",
            ),
            Self::Worker(error) => error.advice(),
            Self::Promise(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Statistics(error) => error.advice(),
            Self::Stale => Advice::of(ErrorCode::Probes),
        }
    }
}

impl Hint for PublishError {
    fn advice(&self) -> Advice {
        match self {
            Self::Check(error) => error.advice(),
            Self::Folder(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Statement(_) => Advice::of(ErrorCode::Invalid),
            Self::Verify(VerifyError::Threshold(_)) => Advice::with_hint(
                ErrorCode::Signature,
                "`hub trust` shows who owns the name and how many must sign; give each owner's key with --key, or let the owners sign in turn: `hub publish DIR --draft FILE`, then `hub cosign FILE`",
            ),
            Self::Verify(error) => error.advice(),
            Self::Logged(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Gone { .. } => Advice::of(ErrorCode::File),
            Self::File(error) => error.advice(),
            Self::ModelSignature(error) => error.advice(),
            Self::OtherFiles { .. } => Advice::with_hint(
                ErrorCode::Digest,
                "take the folder as it was when the draft was made, or make a new draft",
            ),
            Self::Recorded { .. } => Advice::of(ErrorCode::Hub),
            Self::Stopped => Advice::of(ErrorCode::Interrupted),
        }
    }
}

impl Hint for CosignError {
    fn advice(&self) -> Advice {
        match self {
            Self::Verify(VerifyError::Threshold(_)) => Advice::with_hint(
                ErrorCode::Signature,
                "only owners of the name sign, each once: `hub trust` shows who they are",
            ),
            Self::Verify(VerifyError::YankSequence { .. }) => Advice::with_hint(
                ErrorCode::Signature,
                "another yank came between: draft it again",
            ),
            Self::Verify(error) => error.advice(),
            Self::Publish(error) => error.advice(),
            Self::Check(error) => error.advice(),
            Self::Predecessor(error) => error.advice(),
            Self::Pull(error) => error.advice(),
            Self::Store(error) => error.advice(),
        }
    }
}

impl Hint for SayError {
    fn advice(&self) -> Advice {
        match self {
            Self::NotItsKey { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "`hub consortium show` lists the members' keys",
            ),
            Self::NoKey => Advice::of(ErrorCode::NoKey),
            Self::NotAMember { .. } => Advice::with_hint(
                ErrorCode::TrustRoot,
                "give the key the consortium knows with --key; `hub consortium show` lists the members' keys",
            ),
            Self::TrainingImages { .. } => Advice::with_hint(
                ErrorCode::Labels,
                "sign only what the head has not seen: run `hub eval --unseen --json` again",
            ),
            Self::TooFewEvaluations { reference, .. } => Advice::with_hint(
                ErrorCode::TooFewEvaluations,
                format!(
                    "`hub show {}` lists what members say; name the exact version to take it all the same, or lower evaluations_required in config.toml",
                    reference.name
                ),
            ),
            Self::EvalFile { .. } | Self::Figures { .. } | Self::OtherImages => Advice::with_hint(
                ErrorCode::Invalid,
                "write it with `hub eval --json > eval.json`",
            ),
            Self::OtherRelease { .. } => Advice::with_hint(
                ErrorCode::Invalid,
                "name the release the figures are of, or evaluate this one",
            ),
            Self::NoAdvisory { .. } | Self::Closed { .. } => Advice::with_hint(
                ErrorCode::NotFound,
                "`hub show NAME` lists the open advisories",
            ),
            Self::Verify(error) => error.advice(),
            Self::Logged(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Store(error) => error.advice(),
            Self::File(error) => error.advice(),
        }
    }
}

impl Hint for ScaffoldError {
    fn advice(&self) -> Advice {
        match self {
            Self::File(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Advice::with_hint(
                    ErrorCode::File,
                    "there is an extractor in this folder already: choose another, or edit that one",
                )
            }
            Self::File(error) => error.advice(),
            _ => Advice::of(ErrorCode::Invalid),
        }
    }
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
